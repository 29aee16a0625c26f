//! Whom to ask first: transactions by hash, and accounts by what is mined or leaves next.
//!
//! Each account stands in the orders once: with its first pending transaction where transactions
//! are offered, with its last transaction where they are driven out. An account is worth its
//! cheapest transaction there, since none can be mined before those that come before it.
//!
//! What a transaction pays, `min(fee, base fee + tip)`, changes with the base fee, but its minimum
//! over many is `min(lowest fee, base fee + lowest tip)`. So two orders that never change with the
//! base fee tell the cheapest exactly.
//!
//! A transaction that arrives changes the last one of its sender, and so the orders of last ones at
//! several places each. A pool with room needs none of them: they are made when it fills up.

use crate::{
    Ordering, PoolTransaction,
    account::{Account, Counts, Move, Removed, Slot},
};
use alloy_primitives::{
    Address, B256,
    map::{AddressMap, B256Map},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Of two heads the lesser one is offered first: by tip (unless only arrival counts), then arrival.
pub(crate) type Head = (Reverse<u128>, i64, Address);

/// Of two tails the lesser one is driven out first: by price, then the later one.
type TailKey = (u128, Reverse<i64>, Address);

/// A queued transaction: second, arrival, sender, nonce.
pub(crate) type WaitingKey = (u64, i64, Address, u64);

/// Where an account stands among those who may be driven out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tail {
    pending: bool,
    blobs: bool,
    tip: u128,
    fee: u128,
    key: (Reverse<i64>, Address),
}

impl Tail {
    fn of(address: Address, account: &Account) -> Option<Self> {
        account.tail().map(|tail| Self {
            pending: account.is_pending(tail.nonce()),
            blobs: account.has_blobs(),
            tip: account.tip_min(),
            fee: account.fee_min(),
            key: (Reverse(tail.arrival), address),
        })
    }
}

/// The last transactions of accounts, by what they pay.
#[derive(Debug, Default)]
struct Tails {
    by_tip: BTreeSet<TailKey>,
    by_fee: BTreeSet<TailKey>,
}

impl Tails {
    /// Faster than inserting one after the other.
    fn of<'a>(tails: impl Iterator<Item = &'a Tail> + Clone) -> Self {
        let by_tip = tails.clone().map(|tail| (tail.tip, tail.key.0, tail.key.1)).collect();
        let by_fee = tails.map(|tail| (tail.fee, tail.key.0, tail.key.1)).collect();
        Self { by_tip, by_fee }
    }

    fn insert(&mut self, tail: &Tail) {
        self.by_tip.insert((tail.tip, tail.key.0, tail.key.1));
        self.by_fee.insert((tail.fee, tail.key.0, tail.key.1));
    }

    fn remove(&mut self, tail: &Tail) {
        self.by_tip.remove(&(tail.tip, tail.key.0, tail.key.1));
        self.by_fee.remove(&(tail.fee, tail.key.0, tail.key.1));
    }

    /// Whose last transaction is driven out first.
    ///
    /// The one who pays least is first in one of the orders, with exactly what it pays. Whoever is
    /// first in the other order seems to pay at least what it does, so it is not taken by mistake.
    fn first(&self, base_fee: u64) -> Option<Address> {
        let base_fee = u128::from(base_fee);
        let by_tip = self
            .by_tip
            .first()
            .map(|(tip, arrival, address)| (base_fee.saturating_add(*tip), *arrival, *address));
        let by_fee = self.by_fee.first().copied();
        by_tip.into_iter().chain(by_fee).min().map(|(.., address)| address)
    }
}

/// The last transactions of all accounts.
#[derive(Debug)]
struct Leaving {
    queued: Tails,
    pending: Tails,
    /// The same of accounts with blobs alone.
    queued_with_blobs: Tails,
    pending_with_blobs: Tails,
}

impl Leaving {
    fn of(tails: &[Tail]) -> Self {
        let queued = tails.iter().filter(|tail| !tail.pending);
        let pending = tails.iter().filter(|tail| tail.pending);
        Self {
            queued: Tails::of(queued.clone()),
            pending: Tails::of(pending.clone()),
            queued_with_blobs: Tails::of(queued.filter(|tail| tail.blobs)),
            pending_with_blobs: Tails::of(pending.filter(|tail| tail.blobs)),
        }
    }

    fn change(&mut self, before: Option<Tail>, after: Option<Tail>) {
        if before == after {
            return;
        }
        if let Some(tail) = before {
            self.tails(&tail).for_each(|tails| tails.remove(&tail));
        }
        if let Some(tail) = after {
            self.tails(&tail).for_each(|tails| tails.insert(&tail));
        }
    }

    fn tails(&mut self, tail: &Tail) -> impl Iterator<Item = &mut Tails> {
        let (all, with_blobs) = if tail.pending {
            (&mut self.pending, &mut self.pending_with_blobs)
        } else {
            (&mut self.queued, &mut self.queued_with_blobs)
        };
        [Some(all), tail.blobs.then_some(with_blobs)].into_iter().flatten()
    }
}

/// Everything that is in the pool, in the orders that it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Index {
    ordering: Ordering,
    by_hash: B256Map<Arc<PoolTransaction>>,
    heads: BTreeSet<Head>,
    /// There while the pool is so full that somebody may have to leave soon: every transaction
    /// changes it at several places, and a pool with room never asks for it.
    leaving: Option<Leaving>,
    /// Queued transactions by when they were queued.
    waiting: BTreeSet<WaitingKey>,
    gas_limits: Counts,
    /// How many transactions hold an authorization by each account.
    authorities: AddressMap<u32>,
    /// Transactions with each blob, by arrival.
    blobs: B256Map<BTreeMap<i64, Arc<PoolTransaction>>>,
    pub(crate) bytes: u64,
    pub(crate) blob_bytes: u64,
}

impl Index {
    pub(crate) fn new(ordering: Ordering) -> Self {
        Self { ordering, ..Self::default() }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<PoolTransaction>> {
        self.by_hash.get(hash)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(crate) fn queued_len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn heads(&self) -> &BTreeSet<Head> {
        &self.heads
    }

    pub(crate) fn gas_limit_max(&self) -> u64 {
        // No transaction has a gas limit above that.
        self.gas_limits.max() as u64
    }

    pub(crate) fn is_authority(&self, address: &Address) -> bool {
        self.authorities.contains_key(address)
    }

    /// The first of the transactions with a blob to have arrived.
    pub(crate) fn with_blob(&self, hash: &B256) -> Option<&Arc<PoolTransaction>> {
        self.blobs.get(hash)?.first_key_value().map(|(_, transaction)| transaction)
    }

    /// Whether it is known who leaves first.
    pub(crate) fn knows_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Finds out who leaves first, among all accounts, and keeps it known.
    pub(crate) fn find_leaving(&mut self, accounts: &AddressMap<Account>) {
        let tails = accounts.iter().filter_map(|(address, account)| Tail::of(*address, account));
        self.leaving = Some(Leaving::of(&tails.collect::<Vec<_>>()));
    }

    pub(crate) fn forget_leaving(&mut self) {
        self.leaving = None;
    }

    /// Whose last transaction is driven out first; queued ones come before pending ones. Nobody's
    /// if that is not known.
    pub(crate) fn first_out(&self, base_fee: u64, with_blobs: bool) -> Option<Address> {
        let leaving = self.leaving.as_ref()?;
        let (queued, pending) = if with_blobs {
            (&leaving.queued_with_blobs, &leaving.pending_with_blobs)
        } else {
            (&leaving.queued, &leaving.pending)
        };
        queued.first(base_fee).or_else(|| pending.first(base_fee))
    }

    /// Sender and nonce of the transaction that was queued first, if it was before `second`.
    pub(crate) fn queued_before(&self, second: u64) -> Option<(Address, u64)> {
        let (at, _, sender, nonce) = self.waiting.first()?;
        (*at < second).then_some((*sender, *nonce))
    }

    /// Changes an account, and what is known of it here. What is put in its place or taken out is
    /// told to [`Index::insert`] or [`Index::remove`] besides.
    pub(crate) fn edit<T>(
        &mut self,
        address: Address,
        account: &mut Account,
        moves: &mut Vec<Move>,
        change: impl FnOnce(&mut Account, &mut Vec<Move>) -> T,
    ) -> T {
        let tail = self.leaving.as_ref().and_then(|_| Tail::of(address, account));
        let moved = moves.len();
        let result = change(account, moves);
        if let Some(leaving) = &mut self.leaving {
            leaving.change(tail, Tail::of(address, account));
        }
        self.stand(address, account);
        self.follow(&moves[moved..]);
        result
    }

    /// Lets the account stand among the heads with the one that it has.
    fn stand(&mut self, address: Address, account: &mut Account) {
        // No two transactions have the same number of arrival.
        if account.head_rank.map(|(_, arrival)| arrival) == account.head_arrival() {
            return;
        }
        let is_by_fees = self.ordering == Ordering::Fees;
        let rank =
            account.head().map(|head| (if is_by_fees { head.tip() } else { 0 }, head.arrival));
        let head = |(tip, arrival)| (Reverse(tip), arrival, address);
        if let Some(before) = account.head_rank {
            self.heads.remove(&head(before));
        }
        if let Some(after) = rank {
            self.heads.insert(head(after));
        }
        account.head_rank = rank;
    }

    /// Takes note of a transaction. If it is queued, [`Index::wait`] is told besides.
    pub(crate) fn insert(&mut self, transaction: &Arc<PoolTransaction>) {
        self.by_hash.insert(transaction.hash(), Arc::clone(transaction));
        self.gas_limits.add(u128::from(transaction.gas_limit()));
        for authority in &transaction.authorities {
            *self.authorities.entry(*authority).or_insert(0) += 1;
        }
        for hash in transaction.blob_hashes() {
            let with_blob = self.blobs.entry(*hash).or_default();
            with_blob.insert(transaction.arrival, Arc::clone(transaction));
        }
        self.bytes += transaction.bytes;
        if transaction.has_blobs() {
            self.blob_bytes += transaction.bytes;
        }
    }

    /// Takes note of a transaction that is queued.
    pub(crate) fn wait(&mut self, key: WaitingKey) {
        self.waiting.insert(key);
    }

    pub(crate) fn remove(&mut self, (slot, was_pending): &Removed) {
        let transaction = &slot.transaction;
        self.by_hash.remove(&transaction.hash());
        if !was_pending {
            self.waiting.remove(&waiting_key(slot));
        }
        self.gas_limits.take(u128::from(transaction.gas_limit()));
        for authority in &transaction.authorities {
            if let Some(count) = self.authorities.get_mut(authority) {
                *count -= 1;
                if *count == 0 {
                    self.authorities.remove(authority);
                }
            }
        }
        for hash in transaction.blob_hashes() {
            if let Some(with_blob) = self.blobs.get_mut(hash) {
                with_blob.remove(&transaction.arrival);
                if with_blob.is_empty() {
                    self.blobs.remove(hash);
                }
            }
        }
        self.bytes -= transaction.bytes;
        if transaction.has_blobs() {
            self.blob_bytes -= transaction.bytes;
        }
    }

    fn follow(&mut self, moves: &[Move]) {
        for step in moves {
            match step {
                Move::Promoted(slot) => self.waiting.remove(&waiting_key(slot)),
                Move::Demoted(slot) => self.waiting.insert(waiting_key(slot)),
            };
        }
    }
}

/// Where a slot stands among those that wait.
pub(crate) fn waiting_key(slot: &Slot) -> WaitingKey {
    let transaction = &slot.transaction;
    (slot.queued_at, transaction.arrival, transaction.sender(), transaction.nonce())
}
