//! The transactions of one sender: which are pending, which wait.
//!
//! Pending are those from the account's nonce on, without a gap, as far as the balance covers what
//! all of them may cost. Every change costs time in proportion to what becomes pending or ceases
//! to be.

use crate::{PoolTransaction, SenderState};
use alloy_primitives::U256;
use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    mem,
    sync::Arc,
};

/// A transaction in its place.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) transaction: Arc<PoolTransaction>,
    /// UNIX second at which it was queued last.
    pub(crate) queued_at: u64,
    /// The transaction's number of arrival: at hand without a look at the transaction, which may
    /// lie far away.
    arrival: i64,
}

impl Slot {
    pub(crate) fn new(transaction: Arc<PoolTransaction>, queued_at: u64) -> Self {
        let arrival = transaction.arrival;
        Self { transaction, queued_at, arrival }
    }
}

/// What became of a transaction that stayed in its place.
#[derive(Debug)]
pub(crate) enum Move {
    /// It became pending.
    Promoted(Slot),
    /// It ceased to be pending.
    Demoted(Slot),
}

impl Move {
    /// What became pending.
    pub(crate) fn promoted(self) -> Option<Arc<PoolTransaction>> {
        match self {
            Self::Promoted(slot) => Some(slot.transaction),
            Self::Demoted(_) => None,
        }
    }
}

/// A transaction that was taken out, and whether it was pending.
pub(crate) type Removed = (Slot, bool);

/// What putting a transaction in its place did.
#[derive(Debug)]
pub(crate) struct Inserted {
    /// What was there.
    pub(crate) replaced: Option<Removed>,
    /// Whether it is pending.
    pub(crate) is_pending: bool,
}

/// A head as it stands in the order of all: tip, and number of arrival.
pub(crate) type HeadRank = (u128, i64);

/// The transactions of one sender.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) state: SenderState,
    /// From the account's nonce on, without a gap.
    pending: VecDeque<Slot>,
    /// The others, by nonce. All come after the pending ones.
    queued: BTreeMap<u64, Slot>,
    /// What the pending ones may cost together.
    spent: U256,
    /// No transaction costs more: an upper bound.
    cost_max: U256,
    pub(crate) bytes: u64,
    blob_transactions: usize,
    /// How many transactions have each tip, and each maximum fee.
    tips: Counts,
    fees: Counts,
    /// The head that stands in the order of all; the index keeps it.
    pub(crate) head_rank: Option<HeadRank>,
}

impl Account {
    pub(crate) fn new(state: SenderState) -> Self {
        Self {
            state,
            pending: VecDeque::new(),
            queued: BTreeMap::new(),
            spent: U256::ZERO,
            cost_max: U256::ZERO,
            bytes: 0,
            blob_transactions: 0,
            tips: Counts::default(),
            fees: Counts::default(),
            head_rank: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.queued.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.queued.is_empty()
    }

    pub(crate) fn get(&self, nonce: u64) -> Option<&Arc<PoolTransaction>> {
        let slot = match self.place(nonce) {
            Some(place) => self.pending.get(place),
            None => self.queued.get(&nonce),
        };
        slot.map(|slot| &slot.transaction)
    }

    pub(crate) fn is_pending(&self, nonce: u64) -> bool {
        self.place(nonce).is_some()
    }

    /// Where a nonce is among the pending ones.
    fn place(&self, nonce: u64) -> Option<usize> {
        let place = usize::try_from(nonce.checked_sub(self.state.nonce)?).ok()?;
        (place < self.pending.len()).then_some(place)
    }

    /// The first nonce that is not pending.
    pub(crate) fn pending_end(&self) -> u64 {
        // No transaction has the last nonce there is.
        self.state.nonce + self.pending.len() as u64
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
        self.pending.front().map(|slot| &slot.transaction)
    }

    /// The number of arrival of the next transaction to be mined.
    pub(crate) fn head_arrival(&self) -> Option<i64> {
        self.pending.front().map(|slot| slot.arrival)
    }

    /// The last transaction.
    pub(crate) fn tail(&self) -> Option<&Arc<PoolTransaction>> {
        let queued = self.queued.last_key_value().map(|(_, slot)| slot);
        queued.or(self.pending.back()).map(|slot| &slot.transaction)
    }

    /// All transactions, by ascending nonce.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = &Arc<PoolTransaction>> {
        self.pending.iter().chain(self.queued.values()).map(|slot| &slot.transaction)
    }

    /// Puts a transaction in its place. That it became pending is no part of `moves`; what became
    /// so after it is.
    pub(crate) fn insert(&mut self, slot: Slot, moves: &mut Vec<Move>) -> Inserted {
        let nonce = slot.transaction.nonce();
        let cost = slot.transaction.cost;
        self.cost_max = self.cost_max.max(cost);
        self.count(&slot.transaction);
        let place = self.place(nonce);
        let replaced = match place {
            Some(place) => {
                let old = mem::replace(&mut self.pending[place], slot);
                let spent = self.spent - old.transaction.cost;
                self.spent = spent.checked_add(cost).expect("admission held it to the balance");
                Some((old, true))
            }
            None => {
                let old = self.queued.remove(&nonce).map(|old| (old, false));
                match self.spent_with(cost).filter(|_| nonce == self.pending_end()) {
                    Some(spent) => {
                        self.spent = spent;
                        self.pending.push_back(slot);
                    }
                    None => {
                        self.queued.insert(nonce, slot);
                    }
                }
                old
            }
        };
        if let Some((old, _)) = &replaced {
            self.discount(&old.transaction);
        }
        self.grow(moves);
        Inserted { replaced, is_pending: self.is_pending(nonce) }
    }

    /// Takes a transaction out. Those after it are not pending any more; they count as queued since
    /// `queued_at`, or, without it, since they last were.
    pub(crate) fn remove(
        &mut self,
        nonce: u64,
        queued_at: Option<u64>,
        moves: &mut Vec<Move>,
    ) -> Option<Removed> {
        let removed = match self.place(nonce) {
            Some(place) => {
                while self.pending.len() > place + 1 {
                    self.demote_last(queued_at, moves);
                }
                let slot = self.pending.pop_back()?;
                self.spent -= slot.transaction.cost;
                (slot, true)
            }
            None => (self.queued.remove(&nonce)?, false),
        };
        self.discount(&removed.0.transaction);
        Some(removed)
    }

    /// Takes note of the account's state after a block, and adds what its nonce is past to `past`,
    /// by ascending nonce.
    pub(crate) fn set_state(
        &mut self,
        state: SenderState,
        now: u64,
        past: &mut Vec<Removed>,
        moves: &mut Vec<Move>,
    ) {
        if state.nonce < self.state.nonce {
            // A block was taken back: before what was pending there is a gap now.
            while !self.pending.is_empty() {
                self.demote_last(Some(now), moves);
            }
        }
        for _ in self.state.nonce..state.nonce {
            let Some(slot) = self.pending.pop_front() else { break };
            self.spent -= slot.transaction.cost;
            self.discount(&slot.transaction);
            past.push((slot, true));
        }
        while let Some(entry) = self.queued.first_entry()
            && *entry.key() < state.nonce
        {
            let slot = entry.remove();
            self.discount(&slot.transaction);
            past.push((slot, false));
        }
        self.state = state;
        self.shrink(Some(now), moves);
        self.grow(moves);
    }

    /// Nonces of the transactions that the balance does not cover, each by itself.
    pub(crate) fn unaffordable(&mut self) -> Vec<u64> {
        let balance = self.state.balance;
        if self.cost_max <= balance {
            return Vec::new();
        }
        let (mut nonces, mut cost_max) = (Vec::new(), U256::ZERO);
        for transaction in self.transactions() {
            let cost = transaction.cost;
            if cost > balance {
                nonces.push(transaction.nonce());
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
        while let Some((nonce, slot)) = self.queued.first_key_value()
            && *nonce == self.pending_end()
            && let Some(spent) = self.spent_with(slot.transaction.cost)
            && let Some((_, slot)) = self.queued.pop_first()
        {
            moves.push(Move::Promoted(slot.clone()));
            self.spent = spent;
            self.pending.push_back(slot);
        }
    }

    /// What the pending ones may cost together with one more, if the balance covers that.
    fn spent_with(&self, cost: U256) -> Option<U256> {
        self.spent.checked_add(cost).filter(|spent| *spent <= self.state.balance)
    }

    fn demote_last(&mut self, queued_at: Option<u64>, moves: &mut Vec<Move>) {
        let Some(mut slot) = self.pending.pop_back() else { return };
        self.spent -= slot.transaction.cost;
        slot.queued_at = queued_at.unwrap_or(slot.queued_at);
        moves.push(Move::Demoted(slot.clone()));
        self.queued.insert(slot.transaction.nonce(), slot);
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

/// How often each value is there. Most senders, and most pools, know one value only.
#[derive(Debug, Default)]
pub(crate) enum Counts {
    /// Nothing is there.
    #[default]
    None,
    /// One value, and how often it is there.
    One(u128, u32),
    /// Two values or more.
    Many(BTreeMap<u128, u32>),
}

impl Counts {
    pub(crate) fn add(&mut self, value: u128) {
        match self {
            Self::None => *self = Self::One(value, 1),
            Self::One(only, count) if *only == value => *count += 1,
            Self::One(only, count) => {
                *self = Self::Many(BTreeMap::from([(*only, *count), (value, 1)]));
            }
            Self::Many(counts) => *counts.entry(value).or_insert(0) += 1,
        }
    }

    pub(crate) fn take(&mut self, value: u128) {
        match self {
            Self::One(only, 1) if *only == value => *self = Self::None,
            Self::One(only, count) if *only == value => *count -= 1,
            Self::Many(counts) => {
                if let Entry::Occupied(mut entry) = counts.entry(value) {
                    *entry.get_mut() -= 1;
                    if *entry.get() == 0 {
                        entry.remove();
                    }
                }
                // The same counts always have the same form.
                if counts.len() == 1
                    && let Some((only, count)) = counts.pop_first()
                {
                    *self = Self::One(only, count);
                }
            }
            Self::None | Self::One(..) => {}
        }
    }

    pub(crate) fn min(&self) -> u128 {
        match self {
            Self::None => 0,
            Self::One(only, _) => *only,
            Self::Many(counts) => counts.first_key_value().map_or(0, |(value, _)| *value),
        }
    }

    pub(crate) fn max(&self) -> u128 {
        match self {
            Self::None => 0,
            Self::One(only, _) => *only,
            Self::Many(counts) => counts.last_key_value().map_or(0, |(value, _)| *value),
        }
    }
}
