//! Whom to ask first: transactions by hash, and accounts by what is mined or leaves next.
//!
//! Each account stands in the orders once: with its first pending transaction where transactions
//! are offered, with its last transaction where they are driven out. An account is worth its
//! cheapest transaction there, since none can be mined before those that come before it.
//!
//! What a transaction pays, `min(fee, base fee + tip)`, changes with the base fee, but its minimum
//! over many is `min(lowest fee, base fee + lowest tip)`. So two orders that never change with the
//! base fee tell the cheapest exactly.

use crate::{
    Ordering, PoolTransaction,
    account::{Account, Counts, Move, Removed, Slot},
};
use alloy_primitives::{Address, B256, map::HashMap};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Of two heads the lesser one is offered first: by tip (unless only arrival counts), then arrival.
pub(crate) type Head = (Reverse<u128>, i64, Address);

/// Of two tails the lesser one is driven out first: by price, then the later one.
type TailKey = (u128, Reverse<i64>, Address);

/// Where an account stands in the orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    head: Option<Head>,
    tail: Option<Tail>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tail {
    pending: bool,
    blobs: bool,
    tip: u128,
    fee: u128,
    key: (Reverse<i64>, Address),
}

impl Standing {
    pub(crate) fn of(address: Address, account: &Account, ordering: Ordering) -> Self {
        let head = account.head().map(|head| {
            let tip = if ordering == Ordering::Fees { head.tip() } else { 0 };
            (Reverse(tip), head.arrival, address)
        });
        let tail = account.tail().map(|tail| Tail {
            pending: account.is_pending(tail.nonce()),
            blobs: account.has_blobs(),
            tip: account.tip_min(),
            fee: account.fee_min(),
            key: (Reverse(tail.arrival), address),
        });
        Self { head, tail }
    }
}

/// The last transactions of accounts, by what they pay.
#[derive(Debug, Default)]
struct Tails {
    by_tip: BTreeSet<TailKey>,
    by_fee: BTreeSet<TailKey>,
}

impl Tails {
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

/// Everything that is in the pool, in the orders that it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_hash: HashMap<B256, Arc<PoolTransaction>>,
    heads: BTreeSet<Head>,
    /// Tails that are queued, and that are pending.
    queued: Tails,
    pending: Tails,
    /// The same of accounts with blobs alone.
    queued_with_blobs: Tails,
    pending_with_blobs: Tails,
    /// Queued transactions by when they were queued: `(second, arrival, sender, nonce)`.
    waiting: BTreeSet<(u64, i64, Address, u64)>,
    gas_limits: Counts,
    /// How many transactions hold an authorization by each account.
    authorities: HashMap<Address, u32>,
    /// Transactions with each blob, by arrival.
    blobs: HashMap<B256, BTreeMap<i64, Arc<PoolTransaction>>>,
    pub(crate) bytes: u64,
    pub(crate) blob_bytes: u64,
}

impl Index {
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

    /// Whose last transaction is driven out first; queued ones come before pending ones.
    pub(crate) fn first_out(&self, base_fee: u64, with_blobs: bool) -> Option<Address> {
        let (queued, pending) = if with_blobs {
            (&self.queued_with_blobs, &self.pending_with_blobs)
        } else {
            (&self.queued, &self.pending)
        };
        queued.first(base_fee).or_else(|| pending.first(base_fee))
    }

    /// Sender and nonce of the transaction that was queued first, if it was before `second`.
    pub(crate) fn queued_before(&self, second: u64) -> Option<(Address, u64)> {
        let (at, _, sender, nonce) = self.waiting.first()?;
        (*at < second).then_some((*sender, *nonce))
    }

    pub(crate) fn stand(&mut self, before: Standing, after: Standing) {
        if before.head != after.head {
            before.head.map(|head| self.heads.remove(&head));
            after.head.map(|head| self.heads.insert(head));
        }
        if before.tail != after.tail {
            if let Some(tail) = before.tail {
                self.tails(&tail).for_each(|tails| tails.remove(&tail));
            }
            if let Some(tail) = after.tail {
                self.tails(&tail).for_each(|tails| tails.insert(&tail));
            }
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

    /// Takes note of a transaction. It is queued until it moves.
    pub(crate) fn insert(&mut self, slot: &Slot) {
        let transaction = &slot.transaction;
        self.by_hash.insert(transaction.hash(), Arc::clone(transaction));
        self.waiting.insert(waiting_key(slot));
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

    pub(crate) fn follow(&mut self, moves: &[Move]) {
        for step in moves {
            match step {
                Move::Promoted(slot) => self.waiting.remove(&waiting_key(slot)),
                Move::Demoted(slot) => self.waiting.insert(waiting_key(slot)),
            };
        }
    }
}

fn waiting_key(slot: &Slot) -> (u64, i64, Address, u64) {
    let transaction = &slot.transaction;
    (slot.queued_at, transaction.arrival, transaction.sender(), transaction.nonce())
}
