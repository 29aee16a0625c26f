//! One run: a network from its first block to the last that is asked for, with what happens to it.

mod faults;

use crate::{
    Machine,
    genesis::{
        AUTHORITY, Account, Change, SENDERS, START_TIME, TRADER, deployments, genesis, swap,
        validator_key,
    },
    judge::{Judge, Violation, violation},
    network::{Counts, Link, Network},
    node::{Process, Start, launch, stopped},
    scenario::{Chance, Fault, Mutant, Scenario, Size},
};
use alloy_primitives::{Address, B256, TxKind, U256};
use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, deterministic};
use commonware_utils::ordered::Set;
use heddle_consensus::{
    Memory, Mutants, Pace, Tamper, VerifiedVotes, Votes, namespace, recorded_equivocations,
};
use heddle_pool::{Candidate, Origin, PooledTransaction};
use heddle_producer::sender_state;
use heddle_types::{Fork, Genesis};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

type Context = deterministic::Context;
type Key = PublicKey;

/// How long the network may take to come back once nothing is wrong any more.
const RECOVERY_TIME: Duration = Duration::from_secs(180);
/// Faults end when nothing was final for so long.
const STANDSTILL_TIME: Duration = Duration::from_secs(120);
/// The longest that a run may last, in simulated time.
const RUN_TIME: Duration = Duration::from_secs(1_800);
/// Blocks after which somebody votes for sure who was told how far the others are.
const SILENT_BLOCKS: u64 = 8;
/// A node that starts late takes over a state that is so many blocks ahead.
const STATE_SYNC_BEHIND: u64 = 10;
/// How often it is drawn anew who hears whom while a validator runs twice.
const SHUFFLES: u64 = 60;
/// How often it is looked at what is final.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Transactions that were not seen to be final are sent again after so long.
const RESEND_INTERVAL: Duration = Duration::from_secs(2);

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What does not hold, if anything.
    #[serde(skip)]
    pub violation: Option<Violation>,
    /// Final blocks.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Simulated time.
    pub time: Duration,
    /// How often each kind of fault occurred.
    pub faults: BTreeMap<Fault, u64>,
    /// How often a process was started.
    pub starts: u64,
    /// Validators that were found to have voted twice.
    pub accused: u64,
    /// Access lists that were compared with those of one-by-one execution.
    pub lists: u64,
    /// What became of messages.
    pub messages: Counts,
    /// Of all that happened: the same for the same seed.
    pub fingerprint: String,
}

/// Runs the scenario of a seed.
pub fn run(seed: u64, size: Size, mutant: Option<Mutant>) -> Outcome {
    let scenario = Scenario::new(seed, size);
    let config = deterministic::Config::new()
        .with_seed(seed)
        .with_start_time(UNIX_EPOCH + Duration::from_secs(START_TIME));
    deterministic::Runner::new(config).start(|runtime| async move {
        let mut world = World::new(runtime.child("world"), scenario, mutant);
        let violation = world.live().await.err();
        let mut outcome = world.outcome(violation);
        outcome.fingerprint = format!("{} {}", runtime.auditor().state(), outcome.fingerprint);
        outcome
    })
}

/// A validator, running or not.
struct Node {
    key: PrivateKey,
    machine: Machine,
    /// The second machine of a validator that runs twice.
    twin: Option<Machine>,
    processes: Vec<Process>,
    is_byzantine: bool,
    tamper: Option<Tamper>,
    /// What it has shown as final.
    shown: u64,
    /// A copy of its disk from before.
    backup: Option<Machine>,
    /// Whether it knows what it has signed, as its node would have it in a file.
    memory: Memory,
    /// How far the network was when that was found out.
    told_at: u64,
    /// When it is to be started again.
    down_until: Option<SystemTime>,
}

struct World {
    runtime: Context,
    network: Network,
    scenario: Scenario,
    genesis: Arc<Genesis>,
    mutants: Mutants,
    verified: VerifiedVotes,
    nodes: Vec<Node>,
    chance: Chance,
    judge: Judge,
    clients: Clients,
    faults: BTreeMap<Fault, u64>,
    starts: u64,
    accused: BTreeSet<Key>,
    begin: SystemTime,
    /// Until when links are as they are.
    calm_at: Option<SystemTime>,
    /// How often it is still drawn anew who hears whom.
    shuffles_left: u64,
}

struct Clients {
    senders: Vec<Account>,
    trader: Account,
    authority: Account,
    /// All that was sent and not seen to be final, by the order of sending.
    open: Vec<(Candidate, SystemTime)>,
    sent: Vec<B256>,
    /// Changes of the validators that are to be made.
    changes: Vec<Change>,
}

impl World {
    fn new(runtime: Context, scenario: Scenario, mutant: Option<Mutant>) -> Self {
        let mut chance = Chance::new(scenario.seed ^ 0x5eed);
        let genesis = Arc::new(genesis(&scenario));
        let keys: Vec<PrivateKey> =
            (0..=scenario.validators).map(|at| validator_key(&scenario, at)).collect();
        let public_keys = keys.iter().map(|key| key.public_key()).collect();
        let link = calm_link(&scenario);
        let network = Network::start(&runtime.child("network"), public_keys, link, chance.any());
        let mut mutants = Mutants::default();
        match mutant {
            None => {}
            Some(Mutant::VotesUnsynced) => mutants.votes_unsynced = true,
            Some(Mutant::ParentUnchecked) => mutants.parent_unchecked = true,
            Some(Mutant::ListUnchecked) => mutants.list_unchecked = true,
            Some(Mutant::QuorumShort) => mutants.quorum_short = true,
            Some(Mutant::AccuseWithoutProof) => mutants.accuse_without_proof = true,
        }
        let honest = scenario.validators - scenario.byzantine;
        let nodes = keys.into_iter().enumerate().map(|(at, key)| {
            let is_byzantine = (honest..scenario.validators).contains(&at);
            let tampers =
                [Tamper::StateRoot, Tamper::List, Tamper::Parent, Tamper::Mint, Tamper::Garbage];
            let tamper = tampers[chance.below(tampers.len() as u64) as usize];
            let twin = is_byzantine && scenario.has(Fault::Twins);
            Node {
                key,
                machine: Machine::new(chance.any()),
                twin: twin.then(|| Machine::new(chance.any())),
                processes: Vec::new(),
                is_byzantine,
                tamper: Some(tamper).filter(|_| is_byzantine && scenario.has(Fault::Tamper)),
                shown: 0,
                backup: None,
                memory: Memory::Whole,
                told_at: 0,
                down_until: None,
            }
        });
        let nodes: Vec<Node> = nodes.collect();
        let begin = runtime.current();
        let has_twins = scenario.has(Fault::Twins);
        Self {
            judge: Judge::new(&genesis),
            clients: Clients::new(&scenario),
            runtime,
            network,
            scenario,
            genesis,
            mutants,
            verified: VerifiedVotes::default(),
            nodes,
            chance,
            faults: BTreeMap::new(),
            starts: 0,
            accused: BTreeSet::new(),
            begin,
            calm_at: None,
            shuffles_left: if has_twins { SHUFFLES } else { 0 },
        }
    }

    fn now(&self) -> SystemTime {
        self.runtime.current()
    }

    fn count(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Whether a node is the one that starts late, and loses its disk.
    fn starts_late(&self, at: usize) -> bool {
        at == self.scenario.validators && self.scenario.has(Fault::LostDisk)
    }

    /// How many are silent, or may be for some views more: they count as faulty.
    fn silent(&self) -> usize {
        let is_silent = |node: &&Node| match node.memory {
            Memory::Whole => false,
            Memory::Unknown => true,
            Memory::KnownAfter(..) => self.judge.height() < node.told_at + SILENT_BLOCKS,
        };
        self.nodes.iter().filter(is_silent).count()
    }

    /// Nodes that follow the rules.
    fn honest(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| !self.nodes[*at].is_byzantine).collect()
    }

    async fn live(&mut self) -> Result<(), Violation> {
        for at in 0..self.nodes.len() {
            if !self.starts_late(at) {
                self.start(at).await?;
            }
        }
        for at in 0..self.nodes.len() {
            if self.nodes[at].is_byzantine {
                self.misbehave(at);
            }
        }
        let (blocks, transactions) = (self.scenario.size.blocks, self.scenario.size.transactions);
        let mut next_fault = self.now() + Duration::from_secs(1);
        let mut next_sending = self.now();
        let mut highest = (0, self.now());
        // Most of it happens while things go wrong.
        while self.judge.height() < blocks * 8 / 10 {
            self.look().await?;
            self.restart_who_is_due().await?;
            if self.now() >= next_sending {
                let gap = 9_000 / transactions.max(1);
                next_sending = self.now() + Duration::from_millis(gap.max(10));
                self.send();
                self.resend();
            }
            if self.now() >= next_fault {
                let longest = if self.shuffles_left > 0 { 500 } else { 3_000 };
                let wait = self.chance.between(longest / 10, longest);
                next_fault = self.now() + Duration::from_millis(wait);
                self.fault()?;
            }
            if self.calm_at.is_some_and(|at| self.now() >= at) {
                self.calm_at = None;
                self.calm_links();
            }
            if self.judge.height() > highest.0 {
                highest = (self.judge.height(), self.now());
            }
            let stands = self.now().duration_since(highest.1).unwrap_or_default();
            // Whether it has fallen apart shows when all is well again.
            if self.elapsed() > RUN_TIME || stands > STANDSTILL_TIME {
                break;
            }
            self.runtime.sleep(LOOK_INTERVAL.min(Duration::from_millis(25))).await;
        }
        self.heal().await?;
        // P8: now the network goes on, and all that was sent is final.
        let healed = self.now();
        let from = self.judge.height();
        loop {
            self.look().await?;
            self.restart_who_is_due().await?;
            let sent = self.clients.sent.len() as u64;
            if sent < transactions {
                for _ in 0..16 {
                    self.send();
                }
            }
            self.resend();
            let is_long = self.judge.height() >= blocks.max(from + 5);
            let lowest = self.honest_heights().into_iter().min().unwrap_or_default();
            if is_long && sent >= transactions && self.clients.open.is_empty() && lowest >= blocks {
                break;
            }
            let since = self.now().duration_since(healed).unwrap_or_default();
            if since > RECOVERY_TIME {
                let open = self.clients.open.len();
                let heights = self.honest_heights();
                return Err(violation(
                    "P8",
                    format!(
                        "{} s after all is well again block {} is final, {open} transactions are \
                         not, and the honest nodes are at {heights:?}",
                        since.as_secs(),
                        self.judge.height()
                    ),
                ));
            }
            self.runtime.sleep(LOOK_INTERVAL).await;
        }
        self.look_at_accusations()?;
        // P6: what was ever final is in the chain that the judge has executed.
        for hash in &self.clients.sent {
            if !self.judge.has_transaction(*hash) {
                return Err(violation("P6", format!("transaction {hash} is in no final block")));
            }
        }
        let honest = |at: usize| !self.nodes[at].is_byzantine;
        let blocked = self.network.blocked();
        if let Some((by, whom)) = blocked.iter().find(|(by, whom)| honest(*by) && honest(*whom)) {
            return Err(violation("P10", format!("{by} has cut off {whom}, and both are honest")));
        }
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(self.begin).unwrap_or_default()
    }

    /// How far those are that validate, and the one that starts late.
    fn honest_heights(&self) -> Vec<u64> {
        let is_due = |at: &usize| *at < self.scenario.validators || self.starts_late(*at);
        let honest = self.honest().into_iter().filter(is_due);
        honest.map(|at| self.nodes[at].processes.first().map_or(0, Process::finalized)).collect()
    }

    /// P1, P2, P5, P6: compares what the honest nodes say is final.
    async fn look(&mut self) -> Result<(), Violation> {
        for at in self.honest() {
            let Some(process) = self.nodes[at].processes.first() else { continue };
            if self.nodes[at].machine.has_stopped() {
                continue;
            }
            if let Some(end) = process.ended.lock().clone() {
                return Err(violation(
                    "P8",
                    format!("validator {at} has stopped by itself: {end}"),
                ));
            }
            let reader = process.chain().reader();
            let finalized = reader.finalized().unwrap_or_default();
            let view = process.view.clone();
            if self.nodes[at].memory == Memory::Unknown
                && let Some((epoch, number)) = view.silent_until()
            {
                self.nodes[at].memory = Memory::KnownAfter(epoch, number);
                self.nodes[at].told_at = self.judge.height();
            }
            let shown = self.nodes[at].shown;
            if finalized < shown {
                return Err(violation(
                    "P6",
                    format!("validator {at} has shown block {shown} as final, and now {finalized}"),
                ));
            }
            for number in shown + 1..=finalized {
                let Ok(Some(hash)) = reader.hash_of(number) else { continue };
                if number > self.judge.height() {
                    let machine = &self.nodes[at].machine;
                    let asked = commonware_macros::select! {
                        proposal = view.final_proposal(number) => proposal,
                        // It answers no more.
                        _ = stopped(&self.runtime, machine) => None,
                    };
                    // It may not have been written yet.
                    let Some(proposal) = asked else { break };
                    if proposal.hash() != hash {
                        return Err(violation(
                            "P1",
                            format!(
                                "validator {at} has {hash} at {number}, and agreed on {}",
                                proposal.hash()
                            ),
                        ));
                    }
                    self.judge.next(&proposal)?;
                }
                let expected = self.judge.hash_of(number);
                if expected != Some(hash) {
                    return Err(violation(
                        "P1",
                        format!("at {number} validator {at} has {hash}, others {expected:?}"),
                    ));
                }
                self.nodes[at].shown = number;
            }
        }
        let judge = &self.judge;
        self.clients.open.retain(|(candidate, _)| !judge.has_transaction(candidate.hash()));
        Ok(())
    }

    /// P10: only who voted twice is accused, and it can be proved.
    fn look_at_accusations(&mut self) -> Result<(), Violation> {
        for at in self.honest() {
            let Some(process) = self.nodes[at].processes.first() else { continue };
            let reader = process.chain().reader();
            let Ok(namespace) = namespace(&reader) else { continue };
            let recorded = recorded_equivocations(&reader).unwrap_or_default();
            for found in recorded {
                let keys = process.view.validators(found.epoch.get()).unwrap_or_default();
                let votes = Votes::watching(&namespace, Set::from_iter_dedup(keys));
                let mut runtime = self.runtime.child("check");
                if !found.check(&votes, &mut runtime) {
                    let who = &found.validator;
                    return Err(violation("P10", format!("{who} is accused without a proof")));
                }
                let twin = self.nodes.iter().find(|node| node.key.public_key() == found.validator);
                if twin.is_none_or(|node| !node.is_byzantine) {
                    let who = &found.validator;
                    return Err(violation("P10", format!("{who} is accused, and is honest")));
                }
                self.accused.insert(found.validator);
            }
        }
        Ok(())
    }

    /// Starts the process of a node, or both of twins.
    async fn start(&mut self, at: usize) -> Result<(), Violation> {
        let node = &self.nodes[at];
        let mut mutants = self.mutants;
        mutants.tamper = node.tamper;
        let begin = Start {
            key: node.key.clone(),
            genesis: self.genesis.clone(),
            mutants,
            memory: node.memory,
            verified: self.verified.clone(),
            state_sync_behind: self.starts_late(at).then_some(STATE_SYNC_BEHIND),
            followers: self.nodes.iter().map(|node| node.key.public_key()).collect(),
            pace: Pace {
                block_time: Duration::from_millis(100),
                idle_time: Duration::from_millis(300),
            },
            beneficiary: Address::ZERO,
        };
        let (machine, twin) = (node.machine.clone(), node.twin.clone());
        let mut processes = Vec::new();
        self.starts += 1;
        let Some(twin) = twin else {
            let channels = self.network.channels(at, 0);
            let peer = self.network.peer(at, 0);
            match launch(&self.runtime, &machine, begin, channels, peer).await {
                Ok(Some(process)) => processes.push(process),
                Ok(None) => {}
                Err(error) => {
                    return Err(violation("P6", format!("validator {at} does not start: {error}")));
                }
            }
            self.nodes[at].processes = processes;
            return Ok(());
        };
        // Some of the others hear the first of the twins, some the second, and some both, who can
        // prove what they do; the twins hear everybody.
        let mut listeners = [BTreeSet::new(), BTreeSet::new()];
        for node in 0..self.nodes.len() {
            let who = self.chance.below(3);
            for (twin, listeners) in (0..).zip(&mut listeners) {
                if who != twin {
                    listeners.insert(node);
                }
            }
        }
        for (number, (machine, listeners)) in [machine, twin].into_iter().zip(listeners).enumerate()
        {
            self.network.set_listeners(at, number, listeners);
            let channels = self.network.channels(at, number);
            // They propose different blocks.
            let beneficiary = Address::repeat_byte(number as u8 + 1);
            let begin = Start { beneficiary, ..begin.clone() };
            let peer = self.network.peer(at, number);
            let launched = launch(&self.runtime, &machine, begin, channels, peer).await;
            processes.extend(launched.ok().flatten());
        }
        self.count(Fault::Twins);
        self.nodes[at].processes = processes;
        Ok(())
    }

    /// What a faulty validator does all the time.
    fn misbehave(&mut self, at: usize) {
        if self.nodes[at].tamper.is_some() {
            self.count(Fault::Tamper);
        }
        if self.scenario.has(Fault::Withholding) {
            self.count(Fault::Withholding);
            for to in self.honest() {
                if self.chance.percent(40) {
                    self.network.withhold(at, to);
                }
            }
        }
        if self.scenario.has(Fault::Noise) {
            self.count(Fault::Noise);
        }
    }

    /// Starts those again whose time has come, and notices whose machine has stopped.
    async fn restart_who_is_due(&mut self) -> Result<(), Violation> {
        for at in 0..self.nodes.len() {
            let twin_stopped = self.nodes[at].twin.as_ref().is_some_and(Machine::has_stopped);
            if self.nodes[at].down_until.is_none()
                && (self.nodes[at].machine.has_stopped() || twin_stopped)
            {
                self.take_down(at, true);
            }
            if self.nodes[at].down_until.is_some_and(|until| self.now() >= until) {
                self.nodes[at].down_until = None;
                self.start(at).await?;
            }
        }
        Ok(())
    }

    /// Ends all faults but those of validators that do not follow the rules.
    async fn heal(&mut self) -> Result<(), Violation> {
        self.calm_at = None;
        self.calm_links();
        let late = self.scenario.validators;
        if self.starts_late(late) && self.is_down(late) {
            self.nodes[late].down_until = Some(UNIX_EPOCH);
        }
        for node in &mut self.nodes {
            node.machine.set_clock(0, 0);
            node.machine.disk().set_capacity(u64::MAX);
            if node.down_until.is_some() {
                node.down_until = Some(UNIX_EPOCH);
            }
        }
        self.restart_who_is_due().await
    }

    /// A client sends a transaction.
    fn send(&mut self) {
        if self.clients.sent.len() as u64 >= self.scenario.size.transactions {
            return;
        }
        let at = self.chance.below(u64::from(SENDERS) + 2);
        let amount = self.chance.between(1, 1_000);
        let transaction = match usize::try_from(at).ok().filter(|at| *at < SENDERS.into()) {
            Some(at) => {
                let to = self.clients.senders[self.chance.below(SENDERS.into()) as usize].address();
                let sender = &mut self.clients.senders[at];
                sender.sign(TxKind::Call(to), U256::from(amount), Default::default(), 21_000)
            }
            None => swap(&mut self.clients.trader, self.chance.percent(50), amount),
        };
        self.submit(transaction);
    }

    fn submit(&mut self, transaction: PooledTransaction) {
        let candidate = candidate(transaction);
        self.clients.sent.push(candidate.hash());
        self.clients.open.push((candidate.clone(), self.now()));
        self.offer(candidate);
    }

    /// Gives a transaction to some node, as its JSON-RPC does.
    fn offer(&mut self, candidate: Candidate) {
        let up: Vec<usize> = (0..self.nodes.len()).filter(|at| !self.is_down(*at)).collect();
        if up.is_empty() {
            return;
        }
        let at = up[self.chance.below(up.len() as u64) as usize];
        let process = &self.nodes[at].processes[0];
        if self.nodes[at].machine.has_stopped() {
            return;
        }
        let now = self.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut pool = process.ledger.pool().lock();
        let reader = process.chain().reader();
        let Ok(state) = reader.execution_state_at(reader.head().number) else { return };
        let account = |address| sender_state(&state, address);
        // A client does not know whether what it sends again is there already.
        let added = pool.add(candidate, Origin::External, now, account);
        drop(pool);
        if let Ok(added) = added {
            process.announcer.announce(&added.promoted);
        }
    }

    /// A client that does not see its transaction become final sends it again, to somebody else.
    fn resend(&mut self) {
        let now = self.now();
        let mut again = Vec::new();
        for (candidate, sent) in &mut self.clients.open {
            if now.duration_since(*sent).unwrap_or_default() > RESEND_INTERVAL {
                *sent = now;
                again.push(candidate.clone());
            }
        }
        for candidate in again {
            self.offer(candidate);
        }
    }

    fn outcome(&self, violation: Option<Violation>) -> Outcome {
        let reader = self.judge.reader();
        let head = reader.head();
        let transactions =
            self.clients.sent.iter().filter(|hash| self.judge.has_transaction(**hash)).count();
        let mut faults = self.faults.clone();
        faults.retain(|_, count| *count > 0);
        Outcome {
            violation,
            blocks: head.number,
            transactions: transactions as u64,
            time: self.elapsed(),
            faults,
            starts: self.starts,
            accused: self.accused.len() as u64,
            lists: self.judge.lists_compared,
            messages: self.network.counts(),
            fingerprint: format!("{} {} {:016x}", head.hash, self.starts, self.network.trace()),
        }
    }
}

fn candidate(transaction: PooledTransaction) -> Candidate {
    let candidate = Candidate::recover_each(vec![transaction], Fork::Osaka).pop();
    candidate.and_then(Result::ok).expect("the simulator signs what it sends")
}

/// A link when nothing is wrong.
fn calm_link(scenario: &Scenario) -> Link {
    Link { latency: scenario.latency, jitter: scenario.latency / 4, loss: 0 }
}

impl Clients {
    fn new(scenario: &Scenario) -> Self {
        let word = |at: usize| B256::from_slice(validator_key(scenario, at).public_key().as_ref());
        let mut changes = Vec::new();
        if scenario.has(Fault::Membership) {
            // One more joins, and the first leaves, and comes back in its place.
            let spare = scenario.validators;
            changes = vec![
                Change::Add(word(spare)),
                Change::Remove(word(0)),
                Change::Replace(word(spare), word(0)),
                Change::Add(word(spare)),
            ];
        }
        let mut clients = Self {
            senders: (1..=SENDERS).map(Account::new).collect(),
            trader: Account::new(TRADER),
            authority: Account::new(AUTHORITY),
            open: Vec::new(),
            sent: Vec::new(),
            changes,
        };
        for transaction in deployments(&mut clients.trader) {
            let candidate = candidate(transaction);
            clients.sent.push(candidate.hash());
            // They are sent with the first of those that are sent again.
            clients.open.push((candidate, UNIX_EPOCH));
        }
        clients
    }
}
