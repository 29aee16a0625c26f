//! The pool: how its parts work together when a transaction comes or goes.

use crate::{
    Candidate, Context, DropReason, Origin, PoolError, PoolTransaction, SenderState, Settings,
    account::{Account, Inserted, Move, Removed, Slot},
    blobs::MinedBlobs,
    drops::Drops,
    index::{Index, waiting_key},
    validate,
};
use alloy_primitives::{Address, B256, map::AddressMap};
use std::{error::Error, sync::Arc};

/// When so much of a bound is taken, the pool finds out who would have to leave first. Far enough
/// below the bound that it is known before anybody has to.
const NEARLY_FULL_PERCENT: u64 = 75;
/// When no more is taken, it forgets that. Far enough below the other that what is found out serves
/// a great part of the pool.
pub(crate) const HALF_FULL_PERCENT: u64 = 50;

/// Transactions that wait for a block.
#[derive(Debug)]
pub struct Pool {
    pub(crate) settings: Settings,
    pub(crate) context: Context,
    /// Whoever has a transaction in the pool. Never walked through where the order could be seen.
    pub(crate) accounts: AddressMap<Account>,
    pub(crate) index: Index,
    pub(crate) drops: Drops,
    pub(crate) mined_blobs: MinedBlobs,
    /// Numbers of the next transaction that arrives, and of the last that a block gave back.
    next_arrival: i64,
    pub(crate) first_arrival: i64,
    /// Rises with every change.
    pub(crate) revision: u64,
}

/// Where a transaction came to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// It can be mined.
    Pending,
    /// It waits for others, or for money.
    Queued,
}

/// What adding a transaction did.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its hash.
    pub hash: B256,
    /// Where it stands.
    pub placement: Placement,
    /// The one whose place it took.
    pub replaced: Option<B256>,
    /// Those that had to leave the full pool.
    pub evicted: Vec<B256>,
    /// Those that became pending, by nonce: itself, and others that had waited for it.
    pub promoted: Vec<Arc<PoolTransaction>>,
}

impl Pool {
    /// An empty pool before a block.
    pub fn new(settings: Settings, context: Context) -> Self {
        let drops = Drops::new(settings.dropped_max);
        let mined_blobs = MinedBlobs::new(settings.mined_blob_bytes_max);
        let index = Index::new(settings.ordering);
        Self {
            settings,
            context,
            accounts: AddressMap::default(),
            index,
            drops,
            mined_blobs,
            next_arrival: 0,
            first_arrival: 0,
            revision: 0,
        }
    }

    /// A number that is another one after each change of what blocks could be made of.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The rules and prices that transactions are held to.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Adds a transaction at the UNIX second `now`.
    ///
    /// `account` tells the state of its sender after the last block that the pool was told of, or
    /// after a later one; it is asked only for what the pool does not know. Who shares the pool takes
    /// that state once the pool is locked: after an earlier block the nonce would be too low, and the
    /// transaction would wait for one that was mined long ago.
    ///
    /// # Errors
    ///
    /// Why it is refused. The pool is as it was, then.
    pub fn add<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        candidate: Candidate,
        origin: Origin,
        now: u64,
        account: impl FnOnce(Address) -> Result<SenderState, E>,
    ) -> Result<Added, PoolError> {
        let arrival = self.next_arrival;
        let added = self.add_at(candidate, origin, (now, arrival), account)?;
        self.next_arrival += 1;
        Ok(added)
    }

    /// Adds a transaction with a time and a number of arrival.
    pub(crate) fn add_at<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        mut candidate: Candidate,
        origin: Origin,
        (now, arrival): (u64, i64),
        account: impl FnOnce(Address) -> Result<SenderState, E>,
    ) -> Result<Added, PoolError> {
        if self.index.get(&candidate.hash()).is_some() {
            return Err(PoolError::AlreadyKnown);
        }
        validate::check(&candidate, origin, &self.settings, &self.context)?;
        let known = self.accounts.get(&candidate.sender);
        let state = match known {
            Some(known) => known.state,
            None => account(candidate.sender).map_err(|error| PoolError::State(error.into()))?,
        };
        self.check_sender(&candidate, origin, &state, known)?;
        if origin != Origin::Reverted {
            candidate.verify_blobs(origin, self.context.fork)?;
        } else if candidate.transaction.is_eip4844() && candidate.sidecar.is_none() {
            return Err(PoolError::NoSidecar);
        }
        let transaction = PoolTransaction::new(candidate, origin, now, arrival);
        self.admit(Slot::new(Arc::new(transaction), now), state)
    }

    /// Takes a transaction out for a reason that lies outside the pool: someone asked for it, or it
    /// turned out that no block can include it. What comes after it of the same sender waits.
    pub fn remove(
        &mut self,
        hash: &B256,
        reason: DropReason,
        now: u64,
    ) -> Option<Arc<PoolTransaction>> {
        let transaction = Arc::clone(self.index.get(hash)?);
        self.drop_at(transaction.sender(), transaction.nonce(), reason, now);
        Some(transaction)
    }

    /// Takes all transactions of an account out, and tells how many there were.
    pub fn remove_sender(&mut self, sender: &Address, now: u64) -> usize {
        let Some(account) = self.accounts.get(sender) else { return 0 };
        let nonces: Vec<_> =
            account.transactions().map(|transaction| transaction.nonce()).collect();
        // From the end, so that nothing has to wait only to be taken out, too.
        for nonce in nonces.iter().rev() {
            self.drop_at(*sender, *nonce, DropReason::Removed, now);
        }
        nonces.len()
    }

    /// Takes everything out, and tells how many transactions there were.
    pub fn clear(&mut self, now: u64) -> usize {
        self.senders().iter().map(|sender| self.remove_sender(sender, now)).sum()
    }

    /// Drops what has been queued for too long at the UNIX second `now`.
    pub fn expire(&mut self, now: u64) {
        let before = now.saturating_sub(self.settings.queued_lifetime_seconds);
        while let Some((sender, nonce)) = self.index.queued_before(before) {
            self.drop_at(sender, nonce, DropReason::Expired, now);
        }
    }

    /// Everyone with a transaction in the pool, in an order that does not hang on the map's.
    pub fn senders(&self) -> Vec<Address> {
        let mut senders: Vec<_> = self.accounts.keys().copied().collect();
        senders.sort_unstable();
        senders
    }

    /// Puts a transaction that may be there in its place, and makes room for it.
    fn admit(&mut self, slot: Slot, state: SenderState) -> Result<Added, PoolError> {
        let new = Arc::clone(&slot.transaction);
        let (sender, nonce, hash) = (new.sender(), new.nonce(), new.hash());
        let revision = self.revision;
        let knew_leaving = self.index.knows_leaving();
        let (Inserted { replaced, mut is_pending }, moves) = self.place(slot, state);
        let mut evicted = Vec::new();
        if let Err(error) = self.make_room(&new, &mut evicted) {
            // The account stays until all that was in it is back.
            self.take(sender, nonce, None);
            if let Some((old, _)) = replaced {
                self.place_in(sender, old);
            }
            for displaced in evicted.into_iter().rev() {
                self.restore(displaced);
            }
            self.sweep(&sender);
            self.revision = revision;
            if !knew_leaving {
                self.index.forget_leaving();
            }
            return Err(error);
        }
        if let Some((old, _)) = &replaced {
            self.drops.push(&old.transaction, DropReason::Replaced { by: hash });
        }
        for Displaced { removed: (slot, _), .. } in &evicted {
            self.drops.push(&slot.transaction, DropReason::Evicted);
        }
        let others = moves.into_iter().filter_map(Move::promoted);
        let mut promoted = Vec::with_capacity(usize::from(is_pending));
        promoted.extend(is_pending.then_some(new));
        promoted.extend(others);
        if !evicted.is_empty() {
            promoted.retain(|transaction| self.is_pending(&transaction.hash()));
            is_pending = self.is_pending(&hash);
        }
        Ok(Added {
            hash,
            placement: if is_pending { Placement::Pending } else { Placement::Queued },
            replaced: replaced.map(|(old, _)| old.transaction.hash()),
            evicted: evicted.iter().map(|gone| gone.removed.0.transaction.hash()).collect(),
            promoted,
        })
    }

    /// Drives out what pays least until the pool is within its bounds.
    fn make_room(
        &mut self,
        new: &PoolTransaction,
        evicted: &mut Vec<Displaced>,
    ) -> Result<(), PoolError> {
        if !self.index.knows_leaving() && self.is_filled(NEARLY_FULL_PERCENT) {
            self.index.find_leaving(&self.accounts);
        }
        loop {
            let with_blobs = if self.index.bytes > self.settings.bytes_max {
                false
            } else if self.index.blob_bytes > self.settings.blob_bytes_max {
                true
            } else {
                return Ok(());
            };
            let first_out = self.index.first_out(self.context.base_fee, with_blobs);
            let account = first_out.and_then(|sender| self.accounts.get(&sender));
            let Some((account, tail)) =
                account.and_then(|account| Some((account, account.tail()?)))
            else {
                return Err(PoolError::Full);
            };
            let (sender, nonce) = (tail.sender(), tail.nonce());
            let is_new = tail.arrival == new.arrival;
            let others_wait =
                if is_new { self.index.queued_len() > 1 } else { !account.is_pending(nonce) };
            // What has to wait itself drives nothing out that could be mined.
            if !others_wait && !self.is_pending(&new.hash()) {
                return Err(PoolError::Full);
            }
            if is_new {
                return Err(PoolError::Underpriced { tip: new.tip(), fee: new.fee() });
            }
            // Nothing comes after a tail, so nothing has to wait.
            evicted.extend(self.displace(sender, nonce, None));
        }
    }

    /// Whether more than so many percent of one of the bounds are taken.
    pub(crate) fn is_filled(&self, percent: u64) -> bool {
        let is_over =
            |have: u64, of: u64| u128::from(have) * 100 > u128::from(of) * u128::from(percent);
        is_over(self.index.bytes, self.settings.bytes_max)
            || is_over(self.index.blob_bytes, self.settings.blob_bytes_max)
    }

    /// Changes an account, and its standing with it.
    fn edit<T>(
        &mut self,
        sender: Address,
        moves: &mut Vec<Move>,
        change: impl FnOnce(&mut Account, &mut Vec<Move>) -> T,
    ) -> Option<T> {
        self.revision += 1;
        let account = self.accounts.get_mut(&sender)?;
        Some(self.index.edit(sender, account, moves, change))
    }

    /// Puts a transaction in its place, and tells what else became pending.
    fn place(&mut self, slot: Slot, state: SenderState) -> (Inserted, Vec<Move>) {
        self.revision += 1;
        let sender = slot.transaction.sender();
        let account = self.accounts.entry(sender).or_insert_with(|| Account::new(state));
        let (waiting, mut moves) = (waiting_key(&slot), Vec::new());
        self.index.insert(&slot.transaction);
        let insert = |account: &mut Account, moves: &mut _| account.insert(slot, moves);
        let inserted = self.index.edit(sender, account, &mut moves, insert);
        if !inserted.is_pending {
            self.index.wait(waiting);
        }
        if let Some(old) = &inserted.replaced {
            self.index.remove(old);
        }
        (inserted, moves)
    }

    /// Puts a transaction in its place in an account that is in the pool.
    fn place_in(&mut self, sender: Address, slot: Slot) {
        let account = self.accounts.get(&sender);
        let state = account.expect("the caller saw to it that the account is there").state;
        self.place(slot, state);
    }

    /// Takes a transaction out, and forgets its account if that has nothing else in the pool.
    fn displace(
        &mut self,
        sender: Address,
        nonce: u64,
        queued_at: Option<u64>,
    ) -> Option<Displaced> {
        let removed = self.take(sender, nonce, queued_at)?;
        Some(Displaced { removed, account: self.sweep(&sender) })
    }

    /// Takes a transaction out; see [`Account::remove`].
    fn take(&mut self, sender: Address, nonce: u64, queued_at: Option<u64>) -> Option<Removed> {
        let remove = |account: &mut Account, moves: &mut _| account.remove(nonce, queued_at, moves);
        let removed = self.edit(sender, &mut Vec::new(), remove)??;
        self.index.remove(&removed);
        Some(removed)
    }

    /// Puts back what was taken out.
    fn restore(&mut self, displaced: Displaced) {
        let Displaced { removed: (slot, _), account } = displaced;
        let sender = slot.transaction.sender();
        if let Some(account) = account {
            self.accounts.insert(sender, account);
        }
        self.place_in(sender, slot);
    }

    /// Takes a transaction out for good.
    pub(crate) fn drop_at(&mut self, sender: Address, nonce: u64, reason: DropReason, now: u64) {
        if let Some(Displaced { removed: (slot, _), .. }) = self.displace(sender, nonce, Some(now))
        {
            self.drops.push(&slot.transaction, reason);
        }
    }

    /// Takes a transaction out that a block holds.
    pub(crate) fn forget_at(&mut self, sender: Address, nonce: u64, now: u64) {
        self.displace(sender, nonce, Some(now));
    }

    /// Forgets an account that has nothing in the pool.
    pub(crate) fn sweep(&mut self, sender: &Address) -> Option<Account> {
        let empty = self.accounts.get(sender).is_some_and(Account::is_empty);
        if empty { self.accounts.remove(sender) } else { None }
    }
}

/// What was taken out, such that it can be put back.
#[derive(Debug)]
struct Displaced {
    removed: Removed,
    /// Its account, if it had nothing else in the pool.
    account: Option<Account>,
}
