//! What may stand in the next block, in order.

use crate::{Ordering, PoolTransaction, account::Account, index::Head, pool::Pool};
use alloy_primitives::Address;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, btree_set},
    fmt,
    iter::Peekable,
    sync::Arc,
};

/// The greater one is offered first: by tip, then arrival.
type Rank = (u128, Reverse<i64>);

/// Pending transactions that the next block can include for their fees, in order: by what its
/// beneficiary gets for a unit of gas, then by arrival; or by arrival alone.
///
/// Transactions of one sender keep the order of their nonces, and one that pays too little keeps
/// all that come after it out. What was given last can be left out with [`Best::skip_sender`], and
/// what is in a block that the pool was not told of yet with [`Best::after`].
pub struct Best<'a> {
    pool: &'a Pool,
    /// The next nonce of an account, where it is not the one that the pool knows.
    nonce: Option<&'a dyn Fn(Address) -> Option<u64>>,
    base_fee: u128,
    blob_base_fee: u128,
    /// The first of each sender, by what it would give if the base fee were nothing: no rank is
    /// higher in truth. Taken from here only when nothing found so far can be known to be better.
    heads: Peekable<btree_set::Iter<'a, Head>>,
    found: BinaryHeap<Found<'a>>,
    last: Option<Found<'a>>,
}

#[derive(Debug)]
struct Found<'a> {
    rank: Rank,
    account: &'a Account,
    transaction: &'a Arc<PoolTransaction>,
}

impl PartialEq for Found<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Found<'_> {}

impl PartialOrd for Found<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found<'_> {
    // No two transactions have the same number of arrival, so no two are equal.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl Pool {
    /// Pending transactions that the next block can include, in order.
    pub fn best(&self) -> Best<'_> {
        self.best_at(self.context.base_fee, self.context.blob_base_fee)
    }

    /// Pending transactions that a block with these prices can include, in order.
    pub fn best_at(&self, base_fee: u64, blob_base_fee: u128) -> Best<'_> {
        Best {
            pool: self,
            nonce: None,
            base_fee: u128::from(base_fee),
            blob_base_fee,
            heads: self.index.heads().iter().peekable(),
            found: BinaryHeap::new(),
            last: None,
        }
    }
}

impl fmt::Debug for Best<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Best").finish_non_exhaustive()
    }
}

impl<'a> Best<'a> {
    /// Begins with the transaction of this nonce for each sender for whom there is one: the others are
    /// in a block that the pool will be told of. Whether a sender can pay for what is left is not
    /// known then.
    #[must_use]
    pub fn after(self, nonce: &'a dyn Fn(Address) -> Option<u64>) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    /// The first transaction of an account.
    fn head(&self, account: &'a Account, sender: Address) -> Option<&'a Arc<PoolTransaction>> {
        let head = account.head()?;
        match self.nonce.and_then(|nonce| nonce(sender)).filter(|nonce| *nonce > head.nonce()) {
            Some(nonce) => account.get(nonce).filter(|_| account.is_pending(nonce)),
            None => Some(head),
        }
    }

    /// Leaves out what comes after the transaction that was given last, of the same sender: it
    /// found no place in the block.
    pub fn skip_sender(&mut self) {
        self.last = None;
    }

    fn offer(&mut self, account: &'a Account, transaction: &'a Arc<PoolTransaction>) {
        let Some(over) = transaction.fee().checked_sub(self.base_fee) else { return };
        if transaction.blob_fee().is_some_and(|fee| fee < self.blob_base_fee) {
            return;
        }
        let tip = match self.pool.settings.ordering {
            Ordering::Fees => over.min(transaction.tip()),
            Ordering::Fifo => 0,
        };
        let rank = (tip, Reverse(transaction.arrival));
        self.found.push(Found { rank, account, transaction });
    }
}

impl Iterator for Best<'_> {
    type Item = Arc<PoolTransaction>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(Found { account, transaction, .. }) = self.last.take() {
            let nonce = transaction.nonce() + 1;
            if account.is_pending(nonce)
                && let Some(next) = account.get(nonce)
            {
                self.offer(account, next);
            }
        }
        let pool = self.pool;
        while let Some((Reverse(tip), arrival, sender)) = self.heads.peek() {
            let rank_max = (*tip, Reverse(*arrival));
            if self.found.peek().is_some_and(|best| best.rank > rank_max) {
                break;
            }
            let account = pool.accounts.get(sender);
            let head = account.and_then(|account| Some((account, self.head(account, *sender)?)));
            self.heads.next();
            if let Some((account, head)) = head {
                self.offer(account, head);
            }
        }
        let best = self.found.pop()?;
        let transaction = Arc::clone(best.transaction);
        self.last = Some(best);
        Some(transaction)
    }
}
