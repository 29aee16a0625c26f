//! What is seen of the votes: which blocks are notarized, and who voted twice.

use crate::{
    block::Commitment,
    evidence::Equivocation,
    ledger::{Ledger, Mutants},
    runtime::{Failures, Runtime, blocking},
    scheme::{Epochs, Votes},
};
use commonware_actor::Feedback;
use commonware_codec::Encode as _;
use commonware_consensus::{
    Epochable as _, Reporter, Viewable as _,
    simplex::types::{Activity, Attributable as _},
    types::Round,
};
use commonware_cryptography::{certificate::Scheme as _, ed25519::PublicKey};
use commonware_utils::{Faults as _, N3f1, Participant};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};
use tokio::sync::mpsc;

/// Proofs that wait to be written down. Each epoch has few validators, and one proof each is enough.
const PROOFS_MAX: usize = 1_024;

/// A certificate as it is sent: its kind, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) round: Round,
    pub(crate) kind: u8,
    pub(crate) bytes: Vec<u8>,
}

/// What was seen of the votes until now.
#[derive(Debug, Default)]
pub struct Observations {
    /// The latest certificate.
    latest: Mutex<Option<Seen>>,
    /// Who was accused of what already, in this run.
    accused: Mutex<BTreeSet<(u64, PublicKey, &'static str)>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// When a vote of each validator was last heard of.
    heard: Mutex<BTreeMap<u32, SystemTime>>,
}

impl Observations {
    /// How many were seen, by what.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().clone()
    }

    /// How many validators a vote was heard of since a moment, by the clock of the runtime.
    pub fn heard_since(&self, moment: SystemTime) -> usize {
        self.heard.lock().values().filter(|at| **at >= moment).count()
    }

    /// The round of the latest certificate.
    pub fn latest_round(&self) -> Option<Round> {
        self.latest.lock().as_ref().map(|seen| seen.round)
    }

    pub(crate) fn latest(&self) -> Option<Seen> {
        self.latest.lock().clone()
    }

    fn certificate(&self, kind: u8, round: Round, bytes: impl FnOnce() -> Vec<u8>) {
        let mut latest = self.latest.lock();
        if latest.as_ref().is_none_or(|seen| seen.round < round) {
            *latest = Some(Seen { round, kind, bytes: bytes() });
        }
    }

    fn count(&self, what: &'static str) {
        *self.counts.lock().entry(what).or_default() += 1;
    }
}

/// Is told by an engine of all that happens.
pub(crate) struct Observer<E: Runtime> {
    runtime: Arc<Mutex<E>>,
    epochs: Epochs,
    observations: Arc<Observations>,
    found: mpsc::Sender<Found>,
    safe: mpsc::UnboundedSender<Commitment>,
    mutants: Mutants,
    /// Who has voted for what to be final, for a test that counts too few of them.
    finalizes: Arc<Mutex<BTreeMap<Commitment, BTreeSet<u32>>>>,
    early: mpsc::UnboundedSender<Commitment>,
}

impl<E: Runtime> Clone for Observer<E> {
    fn clone(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            epochs: self.epochs.clone(),
            observations: self.observations.clone(),
            found: self.found.clone(),
            safe: self.safe.clone(),
            mutants: self.mutants,
            finalizes: self.finalizes.clone(),
            early: self.early.clone(),
        }
    }
}

/// What is to be written down.
#[derive(Debug)]
pub(crate) struct Found(Box<Equivocation>);

/// Writes down what an [`Observer`] sees.
pub(crate) struct Writer {
    ledger: Arc<Ledger>,
    failures: Failures,
    found: mpsc::Receiver<Found>,
    safe: mpsc::UnboundedReceiver<Commitment>,
    early: mpsc::UnboundedReceiver<Commitment>,
}

impl<E: Runtime> Observer<E> {
    pub(crate) fn new(
        runtime: E,
        ledger: Arc<Ledger>,
        epochs: Epochs,
        observations: Arc<Observations>,
        failures: Failures,
    ) -> (Self, Writer) {
        let (found, found_receiver) = mpsc::channel(PROOFS_MAX);
        let (safe, safe_receiver) = mpsc::unbounded_channel();
        let (early, early_receiver) = mpsc::unbounded_channel();
        let observer = Self {
            runtime: Arc::new(Mutex::new(runtime)),
            epochs,
            observations,
            found,
            safe,
            mutants: ledger.mutants(),
            finalizes: Arc::default(),
            early,
        };
        let (found, safe) = (found_receiver, safe_receiver);
        (observer, Writer { ledger, failures, found, safe, early: early_receiver })
    }

    fn look_for_proof(&self, activity: &Activity<Votes, Commitment>) {
        let Some(votes) = self.epochs.get(activity.epoch()) else { return };
        let found = Equivocation::found(activity, &votes, &mut *self.runtime.lock());
        let Some(proof) = found else { return };
        let key = (proof.epoch.get(), proof.validator.clone(), proof.conflict.name());
        if self.observations.accused.lock().insert(key) {
            let Equivocation { epoch, view, validator, .. } = &proof;
            tracing::warn!(%epoch, %view, %validator, "a validator voted twice");
            // Another proof against the same validator comes with the next double vote.
            let _ = self.found.try_send(Found(Box::new(proof)));
        }
    }
}

impl<E: Runtime> Reporter for Observer<E> {
    type Activity = Activity<Votes, Commitment>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        let round = Round::new(activity.epoch(), activity.view());
        let seen = &self.observations;
        match &activity {
            Activity::Notarization(it) => {
                seen.count("notarizations");
                seen.certificate(0, round, || it.encode().to_vec());
            }
            Activity::Nullification(it) => {
                seen.count("nullifications");
                seen.certificate(1, round, || it.encode().to_vec());
            }
            Activity::Finalization(it) => {
                seen.count("finalizations");
                seen.certificate(2, round, || it.encode().to_vec());
            }
            Activity::Certification(it) => {
                // Its receiver goes on as long as this.
                let _ = self.safe.send(it.proposal.payload);
            }
            Activity::Notarize(it) => self.heard(it.signer()),
            Activity::Nullify(it) => self.heard(it.signer()),
            Activity::Finalize(it) => self.heard(it.signer()),
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => self.look_for_proof(&activity),
        }
        if self.mutants.accuse_without_proof {
            self.accuse(&activity);
        }
        if self.mutants.quorum_short {
            self.count_too_few(&activity);
        }
        Feedback::Ok
    }
}

impl<E: Runtime> Observer<E> {
    fn heard(&self, signer: Participant) {
        self.observations.count("votes");
        let now = self.runtime.lock().current();
        self.observations.heard.lock().insert(signer.get(), now);
    }

    /// What a test leaves out: a block is final with 2f votes.
    fn count_too_few(&self, activity: &Activity<Votes, Commitment>) {
        let Activity::Finalize(vote) = activity else { return };
        let Some(votes) = self.epochs.get(vote.epoch()) else { return };
        let needed = 2 * N3f1::max_faults(votes.participants().len() as u32) as usize;
        let mut finalizes = self.finalizes.lock();
        let voters = finalizes.entry(vote.proposal.payload).or_default();
        if voters.insert(vote.signer().get()) && voters.len() == needed {
            let _ = self.early.send(vote.proposal.payload);
        }
    }

    /// What a test leaves out: whoever votes for a view to be skipped is accused of having voted
    /// twice.
    fn accuse(&self, activity: &Activity<Votes, Commitment>) {
        let Activity::Nullify(vote) = activity else { return };
        let Some(votes) = self.epochs.get(vote.epoch()) else { return };
        if let Some(made_up) = Equivocation::made_up(vote, &votes) {
            let _ = self.found.try_send(Found(Box::new(made_up)));
        }
    }
}

impl Writer {
    pub(crate) async fn run<E: Runtime>(mut self, runtime: E) {
        loop {
            let written = commonware_macros::select! {
                found = self.found.recv() => {
                    let Some(Found(proof)) = found else { return };
                    let ledger = self.ledger.clone();
                    blocking(&runtime, move || Ok(ledger.chain().note(&[proof.note()])?)).await
                },
                safe = self.safe.recv() => {
                    let Some(mut commitment) = safe else { return };
                    // Only the last counts.
                    while let Ok(later) = self.safe.try_recv() {
                        commitment = later;
                    }
                    let ledger = self.ledger.clone();
                    blocking(&runtime, move || ledger.mark_safe(commitment.block())).await
                },
                early = self.early.recv() => {
                    let Some(commitment) = early else { return };
                    let ledger = self.ledger.clone();
                    blocking(&runtime, move || ledger.finalize_early(commitment.block())).await
                },
            };
            if let Err(error) = written {
                self.failures.tell(error);
            }
        }
    }
}
