//! What consensus asks for: proposing a block, and saying whether one is valid.

use crate::{
    block::{Context, Proposal},
    ledger::{self, Ledger, Refusal},
    runtime::{Failures, Runtime, blocking, unix_seconds},
    scheme::Votes,
};
use alloy_primitives::B256;
use commonware_consensus::{Application as Consensus, Roundable as _, marshal::ancestry::Ancestry};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_macros::select;
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use std::{
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::Notify;

/// A block may be dated so many seconds ahead of the clock; a later one waits for its time.
const SECONDS_AHEAD_MAX: u64 = 1;

/// The longest wait for a time before the clock is looked at again.
const CLOCK_CHECK_MAX: Duration = Duration::from_secs(60);

/// How soon blocks follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A block is proposed so long after the one before at the earliest.
    pub block_time: Duration,
    /// Without transactions it is proposed so long after at the earliest.
    pub idle_time: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { block_time: Duration::from_millis(200), idle_time: Duration::from_millis(1_000) }
    }
}

/// Proposes and verifies on a ledger.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) pace: Pace,
    /// Told when the pool has a new transaction.
    pub(crate) arrived: Arc<Notify>,
    pub(crate) failures: Failures,
    /// The last block that became known here, and when.
    last: Arc<Mutex<Option<(B256, SystemTime)>>>,
}

/// A proposal as it was verified, or why it was not.
type Verified = Result<(), Refusal>;

impl Application {
    pub(crate) fn new(
        ledger: Arc<Ledger>,
        pace: Pace,
        arrived: Arc<Notify>,
        failures: Failures,
    ) -> Self {
        Self { ledger, pace, arrived, failures, last: Arc::default() }
    }

    /// Does work on the ledger. If that fails the node is told, and nobody else: what failed says
    /// nothing of the proposal, so no answer is given.
    async fn on_ledger<E: Runtime, T: Send + 'static>(
        &self,
        runtime: &E,
        work: impl FnOnce(&Ledger, u64) -> Result<T, ledger::Error> + Send + 'static,
    ) -> T {
        let (ledger, now) = (self.ledger.clone(), unix_seconds(runtime));
        match blocking(runtime, move || work(&ledger, now)).await {
            Ok(done) => done,
            // No verdict, and the round is over for it: others have agreed on something else.
            Err(ledger::Error::Outdated(_)) => pending().await,
            Err(error) => {
                self.failures.tell(error);
                pending().await
            }
        }
    }

    /// Verifies the first proposal of `ancestry`, and before it those that it follows and that are not
    /// known. `None` if these cannot be had.
    async fn catch_up<E: Runtime>(
        &self,
        runtime: &E,
        mut ancestry: impl Ancestry<Proposal>,
    ) -> Option<(Digested<Proposal>, Verified)> {
        let first = ancestry.next().await?;
        let mut unknown = Vec::new();
        let mut known = first.clone();
        loop {
            let asked = known.clone();
            if self.on_ledger(runtime, move |ledger, _| ledger.knows(asked.inner())).await {
                break;
            }
            unknown.push(known);
            known = ancestry.next().await?;
        }
        while let Some(next) = unknown.pop() {
            let refused = self.verify_one(runtime, next.clone(), known).await.err();
            if let Some(refusal) = refused {
                return Some((first, Err(refusal)));
            }
            known = next;
        }
        Some((first, Ok(())))
    }

    async fn verify_one<E: Runtime>(
        &self,
        runtime: &E,
        proposal: Digested<Proposal>,
        parent: Digested<Proposal>,
    ) -> Verified {
        self.wait_for_time(runtime, proposal.inner()).await;
        let hash = proposal.inner().hash();
        let verified = self
            .on_ledger(runtime, move |ledger, now| ledger.verify(&proposal, parent.inner(), now))
            .await;
        if verified.is_ok() {
            self.note_arrival(runtime, hash);
        }
        verified
    }

    /// Waits while a block is dated too far ahead: its time will come, so it is not refused.
    async fn wait_for_time<E: Runtime>(&self, runtime: &E, proposal: &Proposal) {
        // What cannot be decoded is refused without waiting.
        let Some(time) = proposal.timestamp() else { return };
        loop {
            let ahead = time.saturating_sub(unix_seconds(runtime));
            let Some(wait) = ahead.checked_sub(SECONDS_AHEAD_MAX).filter(|wait| *wait > 0) else {
                return;
            };
            runtime.sleep(Duration::from_secs(wait).min(CLOCK_CHECK_MAX)).await;
        }
    }

    fn note_arrival<E: Runtime>(&self, runtime: &E, hash: B256) {
        let mut last = self.last.lock();
        if last.is_none_or(|(known, _)| known != hash) {
            *last = Some((hash, runtime.current()));
        }
    }

    /// Waits until it is time for a block after one.
    async fn wait_for_turn<E: Runtime>(&self, runtime: &E, parent: B256) {
        let last = *self.last.lock();
        let now = runtime.current();
        let since = last.filter(|(hash, _)| *hash == parent).map_or(now, |(_, since)| since);
        let earliest = since + self.pace.block_time;
        if now < earliest {
            runtime.sleep_until(earliest).await;
        }
        let idle = since + self.pace.idle_time.max(self.pace.block_time);
        loop {
            // Before looking, so that nothing that comes between is missed.
            let arrived = self.arrived.notified();
            if self.ledger.has_transactions() || runtime.current() >= idle {
                return;
            }
            select! {
                _ = arrived => {},
                _ = runtime.sleep_until(idle) => {},
            }
        }
    }
}

impl<E: Runtime> Consensus<E> for Application {
    type SigningScheme = Votes;
    type Context = Context;
    type Block = Proposal;
    type Input = ();

    async fn propose(
        &mut self,
        (runtime, context): (E, Context),
        ancestry: impl Ancestry<Proposal>,
        (): (),
    ) -> Option<Digested<Proposal>> {
        let (parent, verified) = self.catch_up(&runtime, ancestry).await?;
        if let Err(refusal) = verified {
            tracing::warn!(round = %context.round, %refusal, "there is nothing to build on");
            return None;
        }
        let hash = parent.inner().hash();
        self.wait_for_turn(&runtime, hash).await;
        let proposal = self
            .on_ledger(&runtime, move |ledger, now| {
                let (built, list) = ledger.build(hash, now)?;
                let (parent, block) = (parent.digest(), &built.block.block);
                let proposal = match ledger.mutants().tamper {
                    None => Proposal::new(context, parent, block, list),
                    Some(tamper) => Proposal::tampered(context, parent, block, list, tamper),
                };
                let proposal = proposal.digested();
                ledger.remember(&proposal);
                Ok(proposal)
            })
            .await;
        self.note_arrival(&runtime, proposal.inner().hash());
        Some(proposal)
    }

    async fn verify(
        &mut self,
        (runtime, context): (E, Context),
        mut ancestry: impl Ancestry<Proposal>,
    ) -> bool {
        let Some(proposal) = ancestry.next().await else { return pending().await };
        let Some((parent, before)) = self.catch_up(&runtime, ancestry).await else {
            return pending().await;
        };
        let verified = match before {
            Ok(()) => self.verify_one(&runtime, proposal.clone(), parent).await,
            refused => refused,
        };
        if let Err(refusal) = &verified {
            let (round, number) = (context.round(), proposal.inner().number());
            tracing::warn!(%round, number, leader = %context.leader, %refusal, "a proposal is refused");
        }
        verified.is_ok()
    }
}
