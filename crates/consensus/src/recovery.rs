//! A validator that does not know what it has signed, as its disk came from a backup: it signs nothing
//! until the others have told how far they are, and proved it.
//!
//! A vote in a view is cast only where the view before has a certificate. Of the 2f+1 who signed that,
//! f at least are honest and somebody else; of 2f+1 others who answer, f+1 are honest, out of 2f. So one
//! of them knows of that certificate's view, and shows a certificate that is no earlier.

use crate::{
    block::Commitment,
    observer::{Observations, Seen},
    runtime::Runtime,
    scheme::{Epochs, Silence, Votes},
};
use commonware_codec::{Copying, Decode as _, ReadExt as _};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{Finalization, Notarization, Nullification},
    types::{Epoch, Round, ViewDelta},
};
use commonware_cryptography::{
    certificate::{Scheme as _, Verifier as _},
    ed25519::PublicKey,
};
use commonware_macros::select;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_parallel::Sequential;
use commonware_utils::{Faults as _, N3f1};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How often the others are asked.
const ASK_INTERVAL: Duration = Duration::from_millis(500);

/// Views after the latest certificate in which nothing is signed either: one follows from the above,
/// the others are for comfort.
const MARGIN: ViewDelta = ViewDelta::new(4);

/// A question; all else is an answer.
const QUESTION: &[u8] = &[0xff];

pub(crate) struct Recovery {
    pub(crate) me: PublicKey,
    pub(crate) epochs: Epochs,
    pub(crate) observations: Arc<Observations>,
    pub(crate) silence: Silence,
}

impl Recovery {
    /// Answers those who ask, and asks if this validator is silent.
    pub(crate) async fn run<E, S, R>(self, mut runtime: E, (mut sender, mut receiver): (S, R))
    where
        E: Runtime,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let mut answers: BTreeMap<PublicKey, Round> = BTreeMap::new();
        let mut ask_at = runtime.current();
        loop {
            let is_silent = self.silence.is_complete();
            let wait = if is_silent { ask_at } else { ask_at + Duration::from_secs(3_600) };
            select! {
                _ = runtime.sleep_until(wait) => {
                    ask_at = runtime.current() + ASK_INTERVAL;
                    if is_silent {
                        sender.send(Recipients::All, QUESTION.to_vec(), false);
                    }
                },
                message = receiver.recv() => {
                    let Ok((peer, message)) = message else { return };
                    if message.as_ref() == QUESTION {
                        if let Some(seen) = self.observations.latest() {
                            sender.send(Recipients::One(peer), answer(&seen), false);
                        }
                    } else if is_silent
                        && let Some(round) = self.check(&mut runtime, message.as_ref())
                    {
                        answers.insert(peer, round);
                        self.speak_after(&answers);
                    }
                },
            }
        }
    }

    /// The round that an answer proves to have been reached.
    fn check<E: Runtime>(&self, runtime: &mut E, answer: &[u8]) -> Option<Round> {
        let (kind, bytes) = answer.split_first()?;
        let epoch = Epoch::read(&mut Copying(bytes)).ok()?;
        let votes: Arc<Votes> = self.epochs.get(epoch)?;
        let config = votes.certificate_codec_config();
        match kind {
            0 => {
                let it =
                    Notarization::<Votes, Commitment>::decode_cfg(Copying(bytes), &config).ok()?;
                it.verify(runtime, &*votes, &Sequential).then(|| Round::new(it.epoch(), it.view()))
            }
            1 => {
                let it = Nullification::<Votes>::decode_cfg(Copying(bytes), &config).ok()?;
                it.verify::<_, Commitment>(runtime, &*votes, &Sequential)
                    .then(|| Round::new(it.epoch(), it.view()))
            }
            2 => {
                let it =
                    Finalization::<Votes, Commitment>::decode_cfg(Copying(bytes), &config).ok()?;
                it.verify(runtime, &*votes, &Sequential).then(|| Round::new(it.epoch(), it.view()))
            }
            _ => None,
        }
    }

    /// Signs again from the answers on, if there are enough of them.
    fn speak_after(&self, answers: &BTreeMap<PublicKey, Round>) {
        let Some(latest) = answers.values().max() else { return };
        let Some(votes) = self.epochs.get(latest.epoch()) else { return };
        let validators = votes.participants();
        let others =
            answers.keys().filter(|key| **key != self.me && validators.position(key).is_some());
        let needed = N3f1::quorum(validators.len() as u32) as usize;
        if others.count() < needed {
            return;
        }
        let until = Round::new(latest.epoch(), latest.view().saturating_add(MARGIN));
        tracing::info!(epoch = %until.epoch(), view = %until.view(), "votes again after this view");
        self.silence.until(until);
    }
}

fn answer(seen: &Seen) -> Vec<u8> {
    [&[seen.kind], seen.bytes.as_slice()].concat()
}
