//! The transactions of one sender: which are pending, which wait.
//!
//! Pending are those from the account's nonce on, without a gap, as far as the balance covers what
//! all of them may cost. Every change costs time in proportion to what becomes pending or ceases
//! to be.

use crate::{PoolTransaction, SenderState};
use alloy_primitives::U256;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Range,
    sync::Arc,
};

/// A transaction in its place.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) transaction: Arc<PoolTransaction>,
    /// UNIX second at which it was queued last.
    pub(crate) queued_at: u64,
}

/// What became of a transaction that stayed in its place.
#[derive(Debug)]
pub(crate) enum Move {
    /// It became pending.
    Promoted(Slot),
    /// It ceased to be pending.
    Demoted(Slot),
}

/// A transaction that was taken out, and whether it was pending.
pub(crate) type Removed = (Slot, bool);

/// The transactions of one sender.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) state: SenderState,
    slots: BTreeMap<u64, Slot>,
    /// Nonces of what is pending.
    pending: Range<u64>,
    /// What the pending ones may cost together.
    spent: U256,
    /// No transaction costs more: an upper bound.
    cost_max: U256,
    pub(crate) bytes: u64,
    blob_transactions: usize,
    /// How many transactions have each tip, and each maximum fee.
    tips: Counts,
    fees: Counts,
}

impl Account {
    pub(crate) fn new(state: SenderState) -> Self {
        Self {
            state,
            slots: BTreeMap::new(),
            pending: state.nonce..state.nonce,
            spent: U256::ZERO,
            cost_max: U256::ZERO,
            bytes: 0,
            blob_transactions: 0,
            tips: Counts::default(),
            fees: Counts::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn get(&self, nonce: u64) -> Option<&Arc<PoolTransaction>> {
        self.slots.get(&nonce).map(|slot| &slot.transaction)
    }

    pub(crate) fn is_pending(&self, nonce: u64) -> bool {
        self.pending.contains(&nonce)
    }

    /// The first nonce that is not pending.
    pub(crate) fn pending_end(&self) -> u64 {
        self.pending.end
    }

    pub(crate) fn spent(&self) -> U256 {
        self.spent
    }

    pub(crate) fn has_blobs(&self) -> bool {
        self.blob_transactions > 0
    }

    pub(crate) fn tip_min(&self) -> u128 {
        self.tips.min()
    }

    pub(crate) fn fee_min(&self) -> u128 {
        self.fees.min()
    }

    /// The next transaction to be mined.
    pub(crate) fn head(&self) -> Option<&Arc<PoolTransaction>> {
        self.pending.clone().next().and_then(|nonce| self.get(nonce))
    }

    /// The last transaction.
    pub(crate) fn tail(&self) -> Option<&Arc<PoolTransaction>> {
        self.slots.last_key_value().map(|(_, slot)| &slot.transaction)
    }

    /// All transactions, by ascending nonce.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = &Arc<PoolTransaction>> {
        self.slots.values().map(|slot| &slot.transaction)
    }

    /// Puts a transaction in its place, and gives what was there.
    pub(crate) fn insert(&mut self, slot: Slot, moves: &mut Vec<Move>) -> Option<Removed> {
        let nonce = slot.transaction.nonce();
        let cost = slot.transaction.cost;
        self.cost_max = self.cost_max.max(cost);
        self.count(&slot.transaction);
        let old = match self.slots.entry(nonce) {
            Entry::Vacant(entry) => {
                entry.insert(slot);
                None
            }
            Entry::Occupied(mut entry) => Some((entry.insert(slot), self.pending.contains(&nonce))),
        };
        if let Some((old, was_pending)) = &old {
            self.discount(&old.transaction);
            if *was_pending {
                let spent = self.spent - old.transaction.cost;
                self.spent = spent.checked_add(cost).expect("admission held it to the balance");
                moves.extend(self.slots.get(&nonce).cloned().map(Move::Promoted));
            }
        }
        self.grow(moves);
        old
    }

    /// Takes a transaction out. Those after it are not pending any more; they count as queued since
    /// `queued_at`, or, without it, since they last were.
    pub(crate) fn remove(
        &mut self,
        nonce: u64,
        queued_at: Option<u64>,
        moves: &mut Vec<Move>,
    ) -> Option<Removed> {
        let was_pending = self.is_pending(nonce);
        if was_pending {
            while self.pending.end > nonce + 1 {
                self.demote_last(queued_at, moves);
            }
            self.pending.end = nonce;
            self.spent -= self.get(nonce).map_or(U256::ZERO, |transaction| transaction.cost);
        }
        let slot = self.slots.remove(&nonce)?;
        self.discount(&slot.transaction);
        Some((slot, was_pending))
    }

    /// Takes note of the account's state after a block, and gives what its nonce is past.
    pub(crate) fn set_state(
        &mut self,
        state: SenderState,
        now: u64,
        moves: &mut Vec<Move>,
    ) -> Vec<Removed> {
        let mut past = Vec::new();
        if state.nonce < self.state.nonce {
            // A block was taken back: before what was pending there is a gap now.
            while !self.pending.is_empty() {
                self.demote_last(Some(now), moves);
            }
            self.pending = state.nonce..state.nonce;
        }
        while let Some(entry) = self.slots.first_entry()
            && *entry.key() < state.nonce
        {
            let slot = entry.remove();
            let was_pending = self.pending.contains(&slot.transaction.nonce());
            if was_pending {
                self.spent -= slot.transaction.cost;
            }
            self.discount(&slot.transaction);
            past.push((slot, was_pending));
        }
        self.pending = state.nonce..self.pending.end.max(state.nonce);
        self.state = state;
        self.shrink(Some(now), moves);
        self.grow(moves);
        past
    }

    /// Nonces of the transactions that the balance does not cover, each by itself.
    pub(crate) fn unaffordable(&mut self) -> Vec<u64> {
        let balance = self.state.balance;
        if self.cost_max <= balance {
            return Vec::new();
        }
        let (mut nonces, mut cost_max) = (Vec::new(), U256::ZERO);
        for (nonce, slot) in &self.slots {
            let cost = slot.transaction.cost;
            if cost > balance {
                nonces.push(*nonce);
            } else {
                cost_max = cost_max.max(cost);
            }
        }
        self.cost_max = cost_max;
        nonces
    }

    /// Lets the last pending ones wait until the balance covers the others.
    fn shrink(&mut self, queued_at: Option<u64>, moves: &mut Vec<Move>) {
        while self.spent > self.state.balance && !self.pending.is_empty() {
            self.demote_last(queued_at, moves);
        }
    }

    /// Makes pending what can be.
    fn grow(&mut self, moves: &mut Vec<Move>) {
        while let Some(slot) = self.slots.get(&self.pending.end) {
            let Some(spent) = self.spent.checked_add(slot.transaction.cost) else { return };
            if spent > self.state.balance {
                return;
            }
            moves.push(Move::Promoted(slot.clone()));
            self.spent = spent;
            self.pending.end += 1;
        }
    }

    fn demote_last(&mut self, queued_at: Option<u64>, moves: &mut Vec<Move>) {
        self.pending.end -= 1;
        let slot = self.slots.get_mut(&self.pending.end).expect("what is pending is there");
        self.spent -= slot.transaction.cost;
        slot.queued_at = queued_at.unwrap_or(slot.queued_at);
        moves.push(Move::Demoted(slot.clone()));
    }

    fn count(&mut self, transaction: &PoolTransaction) {
        self.bytes += transaction.bytes;
        self.blob_transactions += usize::from(transaction.has_blobs());
        self.tips.add(transaction.tip());
        self.fees.add(transaction.fee());
    }

    fn discount(&mut self, transaction: &PoolTransaction) {
        self.bytes -= transaction.bytes;
        self.blob_transactions -= usize::from(transaction.has_blobs());
        self.tips.take(transaction.tip());
        self.fees.take(transaction.fee());
    }
}

/// How often each value is there.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<u128, u32>);

impl Counts {
    pub(crate) fn add(&mut self, value: u128) {
        *self.0.entry(value).or_insert(0) += 1;
    }

    pub(crate) fn take(&mut self, value: u128) {
        if let Entry::Occupied(mut entry) = self.0.entry(value) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    pub(crate) fn min(&self) -> u128 {
        self.0.first_key_value().map_or(0, |(value, _)| *value)
    }

    pub(crate) fn max(&self) -> u128 {
        self.0.last_key_value().map_or(0, |(value, _)| *value)
    }
}
