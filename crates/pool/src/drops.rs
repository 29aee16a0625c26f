//! What left the pool otherwise than in a block, and why.

use crate::{PoolError, PoolTransaction};
use alloy_primitives::{Address, B256, map::B256Map};
use std::{collections::VecDeque, sync::Arc};

/// A transaction that was accepted, and left the pool otherwise than in a block.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// Its hash.
    pub hash: B256,
    /// Who sent it.
    pub sender: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Why it left.
    pub reason: DropReason,
}

/// Why a transaction left the pool otherwise than in a block.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DropReason {
    /// Another with the same nonce paid more.
    #[error("replaced by {by}")]
    Replaced {
        /// Hash of the other.
        by: B256,
    },
    /// The pool was full, and this was the cheapest.
    #[error("driven out of the full pool")]
    Evicted,
    /// It was queued for too long.
    #[error("queued for too long")]
    Expired,
    /// A block used its nonce for another transaction.
    #[error("its nonce was used by another transaction")]
    NonceUsed,
    /// Its sender cannot pay for it any more.
    #[error("its sender cannot pay for it any more")]
    Unaffordable,
    /// Other rules or limits hold now, or a block gave it back that does not fit any more.
    #[error("does not fit any more: {0}")]
    Unfit(#[source] Arc<PoolError>),
    /// It was offered to a block and may stand in none.
    #[error("a block refused it: {0}")]
    Refused(String),
    /// Someone asked for it.
    #[error("removed on request")]
    Removed,
}

/// The last transactions that were dropped.
#[derive(Debug)]
pub(crate) struct Drops {
    max: usize,
    /// Oldest first; each has its number.
    recent: VecDeque<(u64, Dropped)>,
    /// The number of the last drop of each hash.
    by_hash: B256Map<u64>,
    next: u64,
    /// Number of the first that was not taken yet.
    untaken: u64,
}

impl Drops {
    pub(crate) fn new(max: usize) -> Self {
        let recent = VecDeque::new();
        Self { max: max.max(1), recent, by_hash: B256Map::default(), next: 0, untaken: 0 }
    }

    pub(crate) fn push(&mut self, transaction: &PoolTransaction, reason: DropReason) {
        if self.recent.len() == self.max
            && let Some((number, oldest)) = self.recent.pop_front()
            && self.by_hash.get(&oldest.hash) == Some(&number)
        {
            self.by_hash.remove(&oldest.hash);
        }
        let (hash, sender, nonce) = (transaction.hash(), transaction.sender(), transaction.nonce());
        self.by_hash.insert(hash, self.next);
        self.recent.push_back((self.next, Dropped { hash, sender, nonce, reason }));
        self.next += 1;
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Dropped> {
        let number = self.by_hash.get(hash)?;
        let (first, _) = self.recent.front()?;
        let at = usize::try_from(number - first).ok()?;
        self.recent.get(at).map(|(_, dropped)| dropped)
    }

    /// What was dropped since the last time, oldest first, and how many drops are forgotten because
    /// nobody took them in time.
    pub(crate) fn take(&mut self) -> (Vec<Dropped>, u64) {
        let first = self.recent.front().map_or(self.next, |(number, _)| *number);
        let forgotten = first.saturating_sub(self.untaken);
        let from = self.untaken.saturating_sub(first) as usize;
        self.untaken = self.next;
        (self.recent.iter().skip(from).map(|(_, dropped)| dropped.clone()).collect(), forgotten)
    }
}
