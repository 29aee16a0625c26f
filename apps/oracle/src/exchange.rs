//! Reporters tell each other what they know: one sends all observations of a feed that are of now, and
//! gets those of the other in the answer. Who was away, or was not told, so learns all in one exchange,
//! and whoever signs two different observations for different ears is found out. An observation is
//! believed for its signature alone, so it does not matter who brings it.

use crate::{
    attempt::Schedule,
    book::{Book, News, Proof, REPORTERS_MAX, Refusal, SENT_MAX},
    clock,
    observation::{Signed, Wire},
};
use alloy_primitives::Address;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(crate) mod client;
pub(crate) mod server;

/// Bytes of a message: as many observations as may be sent, of some 300 bytes each.
pub(crate) const MESSAGE_BYTES_MAX: usize = 48 << 10;

/// What is sent, and answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    feed: Address,
    observations: Vec<Wire>,
}

/// What reporters exchange of a feed.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) book: Mutex<Book>,
    /// Found, and not yet on the disk. By reporter, of which there are few.
    pub(crate) proofs: Mutex<BTreeMap<Address, Proof>>,
    schedule: Schedule,
}

/// All feeds.
pub(crate) type Talks = Arc<BTreeMap<Address, Arc<Talk>>>;

/// Why a message was not read to its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("more than {SENT_MAX} observations")]
    Long,
    #[error("observation {0} is refused: {1}")]
    Refused(usize, #[source] Refusal),
}

impl Talk {
    pub(crate) const fn new(book: Book, schedule: Schedule) -> Self {
        Self { book: Mutex::new(book), proofs: Mutex::new(BTreeMap::new()), schedule }
    }

    /// What to send.
    pub(crate) fn message(&self, now: Duration) -> Message {
        let book = self.book.lock();
        let shared = book.shared(self.schedule.attempt(now));
        Message { feed: book.id().feed, observations: shared.iter().map(Wire::from).collect() }
    }

    /// Takes in what another one knows. After the first observation that nobody who means well would
    /// send, the rest is not looked at.
    pub(crate) fn hear(&self, observations: Vec<Wire>, now: Duration) -> Result<(), MessageError> {
        if observations.len() > SENT_MAX {
            return Err(MessageError::Long);
        }
        for (place, wire) in observations.into_iter().enumerate() {
            let signed = Signed::try_from(wire)
                .map_err(|wrong| MessageError::Refused(place, wrong.into()))?;
            match self.offer(signed, now) {
                Err(refusal) if !refusal.is_innocent() => {
                    return Err(MessageError::Refused(place, refusal));
                }
                Err(refusal) => tracing::debug!(%refusal, "an observation is passed over"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Takes one observation.
    pub(crate) fn offer(&self, signed: Signed, now: Duration) -> Result<(), Refusal> {
        let news = self.book.lock().offer(signed, self.schedule.attempt(now))?;
        if let News::Conflict(proof) = news {
            let mut proofs = self.proofs.lock();
            if proofs.len() < REPORTERS_MAX {
                proofs.entry(proof.reporter).or_insert(*proof);
            }
        }
        Ok(())
    }
}

/// Takes in an answer or a message of any feed.
pub(crate) fn hear(message: Message, talk: &Talk) -> Result<(), MessageError> {
    talk.hear(message.observations, clock::since_1970())
}

#[cfg(test)]
mod tests;
