//! A reporter at work: a thread for each feed, one for each other reporter, and one for the port.

use crate::{
    attempt::{Schedule, turn_of},
    book::Book,
    clock,
    collect::{Collection, Sources},
    config::Config,
    error::OracleError,
    evidence,
    exchange::{Talk, Talks, client::Peer, server},
    feed::{Facts, Head, Prospect, try_report},
    journal::{Folder, Journal, JournalError},
    observation::{FeedId, Observation},
    outbox::Outbox,
};
use alloy_primitives::{Address, aliases::I192};
use alloy_signer_local::PrivateKeySigner;
use heddle_client::{Node, SendError, Sender};
use heddle_venue::contracts::price_feed::PriceFeed::SignedObservation;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    error::Error,
    net::TcpListener,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// How long a node is waited for that does not answer at the start.
const NODE_PAUSE: Duration = Duration::from_secs(1);

/// What all threads share.
struct Reporter {
    key: PrivateKeySigner,
    node: Node,
    outbox: Outbox,
    schedule: Schedule,
    journal: Mutex<Journal<Folder>>,
    slash: bool,
}

/// A feed of this reporter.
struct Feed {
    facts: Facts,
    id: FeedId,
    sources: Sources,
    talk: Arc<Talk>,
}

/// Reports until the process ends, which may be at any moment: nothing needs to be brought to an end.
///
/// # Errors
///
/// See [`OracleError`]. It does not return otherwise.
pub(crate) fn run(config: &Config, key: PrivateKeySigner) -> Result<(), OracleError> {
    let listen = |source| OracleError::Listen { address: config.listen, source };
    let folder = Folder::open(&config.state)?;
    let listener = TcpListener::bind(config.listen).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let node = Node::new(&config.node);
    let schedule = Schedule::new(config.attempt_seconds);
    let chain_id = patiently(|| node.chain_id())?;
    let sender = Sender::new(node.clone(), key.clone())?;
    let mut journal = Journal::new(folder, key.address());
    let mut feeds = Vec::new();
    for feed in &config.feeds {
        let id = FeedId { feed: feed.address, chain_id };
        journal.open(id, schedule.attempt(clock::since_1970()))?;
        let facts = Facts::read(&node, feed.address, config.attempt_seconds)?;
        let head = facts.head(&node)?;
        let talk = Arc::new(Talk::new(Book::new(id, head.committee, head.next_round), schedule));
        let patience = Duration::from_secs(config.attempt_seconds.into()) / 2;
        let sources = Sources::open(feed, &config.folder, patience);
        feeds.push(Feed { facts, id, sources, talk });
    }
    let talks: BTreeMap<Address, Arc<Talk>> =
        feeds.iter().map(|feed| (feed.id.feed, feed.talk.clone())).collect();
    let talks: Talks = Arc::new(talks);
    let reporter = key.address();
    tracing::info!(%reporter, %address, feeds = feeds.len(), peers = config.peers.len(), "reporting");
    let journal = Mutex::new(journal);
    let outbox = Outbox::new(sender);
    let reporter = Arc::new(Reporter { key, node, outbox, schedule, journal, slash: config.slash });

    let (ended, wait) = mpsc::channel();
    for feed in feeds {
        let reporter = reporter.clone();
        start(&ended, "a feed", move || reporter.follow(&feed));
    }
    for url in &config.peers {
        let (peer, talks) = (Peer::new(url, schedule), talks.clone());
        start(&ended, "an exchange", move || peer.follow(&talks, schedule));
    }
    start(&ended, "the port", move || {
        if let Err(error) = server::serve(listener, talks) {
            tracing::error!(%error, "other reporters are not listened to any more");
        }
    });
    // None of them ends unless something is wrong with the process.
    let what = wait.recv().unwrap_or("everything");
    Err(OracleError::Ended(what))
}

/// Starts a thread. When it ends, by a panic too, its name is sent.
fn start(
    ended: &mpsc::Sender<&'static str>,
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) {
    struct Ending(mpsc::Sender<&'static str>, &'static str);
    impl Drop for Ending {
        fn drop(&mut self) {
            // Who would listen is gone when the process ends anyway.
            let _ = self.0.send(self.1);
        }
    }
    let ending = Ending(ended.clone(), name);
    thread::spawn(move || {
        let _ending = ending;
        work();
    });
}

/// Asks a node until it answers at all.
fn patiently<T>(ask: impl Fn() -> Result<T, heddle_client::RpcError>) -> Result<T, OracleError> {
    loop {
        match ask() {
            Err(error @ heddle_client::RpcError::Transport { .. }) => {
                tracing::warn!(%error, "waiting for the node");
                thread::sleep(NODE_PAUSE);
            }
            result => return Ok(result?),
        }
    }
}

impl Reporter {
    /// Makes one attempt after the other.
    fn follow(&self, feed: &Feed) {
        loop {
            let attempt = self.schedule.attempt(clock::since_1970());
            if let Err(error) = self.attempt(feed, attempt) {
                let feed = &feed.facts.description;
                let error: &dyn Error = &error;
                tracing::warn!(feed, attempt, error, "an attempt has failed");
            }
            let now = clock::since_1970();
            // An attempt that took too long is followed by the present one.
            if self.schedule.attempt(now) == attempt {
                thread::sleep(self.schedule.until_next(now));
            }
        }
    }

    fn attempt(&self, feed: &Feed, attempt: u32) -> Result<(), OracleError> {
        let head = feed.facts.head(&self.node)?;
        feed.talk.book.lock().turn(head.committee.clone(), head.next_round, attempt);
        let seat = head.committee.seat_of(self.key.address());
        if seat.is_some() {
            self.observe(feed, &head, attempt)?;
        } else {
            tracing::warn!(feed = feed.facts.description, "this reporter has no seat");
        }
        if self.slash {
            self.slash(feed)?;
        }
        self.wait(feed, &head, attempt, seat)
    }

    /// Submits the report when it is this reporter's turn, and there is one that the contract takes;
    /// keeps proofs of double signing as they come.
    fn wait(
        &self,
        feed: &Feed,
        head: &Head,
        attempt: u32,
        seat: Option<u8>,
    ) -> Result<(), OracleError> {
        let salt = feed.id.feed.as_slice().last().copied().unwrap_or_default();
        let active = head.committee.active_seats();
        let mut turn = seat
            .filter(|_| head.committee.is_whole)
            .and_then(|seat| turn_of(&active, seat, head.next_round, attempt, salt));
        let mut tried = None;
        loop {
            self.keep_proofs(feed)?;
            let now = clock::since_1970();
            if self.schedule.attempt(now) != attempt {
                return Ok(());
            }
            if turn.is_some_and(|turn| self.schedule.turn(now) >= turn) {
                let seconds = self.schedule.seconds();
                let report = feed.talk.book.lock().report(attempt, seconds, now.as_secs());
                // Another observation may be what makes it news.
                if let Some(report) = report.filter(|report| tried.as_ref() != Some(report)) {
                    if self.submit(feed, (head.next_round, attempt), report.clone())? {
                        turn = None;
                    }
                    tried = Some(report);
                }
            }
            thread::sleep(self.schedule.tick());
        }
    }

    /// Observes and signs, once for an attempt; what was recorded before a crash is signed again.
    fn observe(&self, feed: &Feed, head: &Head, attempt: u32) -> Result<(), OracleError> {
        let recorded = self.journal.lock().last(feed.id.feed);
        let observation = match recorded {
            Some(recorded) if recorded.attempt == attempt => recorded,
            _ => match self.observed(feed, head, attempt)? {
                Some(observation) => observation,
                None => return Ok(()),
            },
        };
        let signed = feed.id.sign(&self.key, observation);
        let signed = signed.map_err(|error| OracleError::Sign(Box::new(error)))?;
        if let Err(refusal) = feed.talk.offer(signed, clock::since_1970()) {
            tracing::debug!(%refusal, "the own observation came too late");
        }
        Ok(())
    }

    /// A new observation, recorded.
    fn observed(
        &self,
        feed: &Feed,
        head: &Head,
        attempt: u32,
    ) -> Result<Option<Observation>, OracleError> {
        if feed.talk.book.lock().has_signed(self.key.address(), attempt) {
            // Another reporter knows of one that this disk does not.
            return Ok(None);
        }
        let observed_at = clock::seconds();
        let collection = feed.sources.collect(observed_at, feed.facts.decimals);
        log(&feed.facts, &collection);
        let Some(value) = collection.value() else { return Ok(None) };
        let is_over = self.schedule.attempt(Duration::from_secs(observed_at)) != attempt;
        // Any i128 is one of 192 bits.
        let (false, Ok(value)) = (is_over, I192::try_from(value)) else { return Ok(None) };
        let observation = Observation { round: head.next_round, attempt, value, observed_at };
        match self.journal.lock().record(feed.id, observation) {
            Ok(()) => Ok(Some(observation)),
            // At the start: the attempt may have been signed for by a process whose state is lost.
            Err(JournalError::Signed { attempt, last }) => {
                tracing::debug!(attempt, last, "this attempt is left out");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Submits a report. `false` says that it was not taken, and a later one may be.
    fn submit(
        &self,
        feed: &Feed,
        (round, attempt): (u32, u32),
        report: Vec<SignedObservation>,
    ) -> Result<bool, OracleError> {
        let name = &feed.facts.description;
        let observations = report.len();
        let account = self.outbox.address();
        let input = match try_report(&self.node, account, feed.id.feed, (round, attempt), report)? {
            Prospect::Good(input) => input,
            Prospect::Over => return Ok(true),
            Prospect::NoNews => return Ok(false),
            Prospect::Refused(reason) => {
                tracing::warn!(feed = name, round, attempt, reason, "the report would be refused");
                return Ok(false);
            }
        };
        match self.outbox.send(feed.id.feed, input) {
            Ok(Some(_)) => {
                tracing::info!(feed = name, round, attempt, observations, "reported");
                Ok(true)
            }
            Ok(None) => {
                tracing::debug!(feed = name, round, "an earlier transaction is on its way");
                Ok(false)
            }
            // Another reporter's transaction came first.
            Err(SendError::Reverted(_)) => {
                tracing::info!(feed = name, round, "another reporter was faster");
                Ok(true)
            }
            Err(error) if error.revert_data().is_some() => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps proofs of double signing.
    fn keep_proofs(&self, feed: &Feed) -> Result<(), OracleError> {
        let found = std::mem::take(&mut *feed.talk.proofs.lock());
        for proof in found.values() {
            let mut journal = self.journal.lock();
            let disk = journal.disk();
            if evidence::kept(disk, feed.id, proof.reporter).map_err(lost)?.is_none() {
                evidence::keep(disk, proof).map_err(lost)?;
                let reporter = proof.reporter;
                tracing::error!(feed = feed.facts.description, %reporter, "a reporter has signed twice");
            }
        }
        Ok(())
    }

    /// Shows proofs to the registry, of reporters whose bond can be taken.
    fn slash(&self, feed: &Feed) -> Result<(), OracleError> {
        let seats = feed.talk.book.lock().committee().seats.clone();
        for reporter in seats {
            let proof =
                evidence::kept(self.journal.lock().disk(), feed.id, reporter).map_err(lost)?;
            let Some(proof) = proof else { continue };
            if !evidence::is_bonded(&self.node, feed.facts.registry, feed.id.feed, reporter)? {
                continue;
            }
            let input = evidence::slash_call(&proof, self.outbox.address());
            match self.outbox.send(feed.facts.registry, input) {
                Ok(Some(_)) => tracing::info!(%reporter, "slashed"),
                // Another one was faster, or an earlier transaction is on its way: the next attempt sees.
                Ok(None) | Err(SendError::Reverted(_)) => {}
                Err(error) if error.revert_data().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The disk does not keep a proof.
fn lost(source: std::io::Error) -> JournalError {
    JournalError::Disk { path: "a proof".into(), source }
}

/// What was collected, for who looks after the sources.
fn log(facts: &Facts, collection: &Collection) {
    let feed = &facts.description;
    for (source, judged) in collection.judged() {
        match judged {
            Ok((reading, true)) => {
                tracing::warn!(feed, source, value = %reading.value, "a source is far from the others");
            }
            Ok((_, false)) => {}
            Err(error) => {
                let error: &dyn Error = error;
                tracing::warn!(feed, source, error, "a source has no value");
            }
        }
    }
    if collection.value().is_none() {
        tracing::error!(feed, needed = collection.sources_min, "too few sources are good");
    }
}
