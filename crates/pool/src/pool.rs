//! The pool: how its parts work together when a transaction comes or goes.

use crate::{
    Candidate, Context, DropReason, Origin, PoolError, PoolTransaction, SenderState, Settings,
    account::{Account, Move, Removed, Slot},
    blobs::MinedBlobs,
    drops::Drops,
    index::{Index, Standing},
    validate,
};
use alloy_primitives::{Address, B256, map::HashMap};
use std::{error::Error, sync::Arc};

/// Transactions that wait for a block.
#[derive(Debug)]
pub struct Pool {
    pub(crate) settings: Settings,
    pub(crate) context: Context,
    /// Whoever has a transaction in the pool. Never walked through where the order could be seen.
    pub(crate) accounts: HashMap<Address, Account>,
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
        Self {
            settings,
            context,
            accounts: HashMap::default(),
            index: Index::default(),
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
        let state = self.sender_state(candidate.sender, account)?;
        self.check_sender(&candidate, origin, &state)?;
        if origin != Origin::Reverted {
            candidate.verify_blobs(origin, self.context.fork)?;
        } else if candidate.transaction.is_eip4844() && candidate.sidecar.is_none() {
            return Err(PoolError::NoSidecar);
        }
        let transaction = PoolTransaction::new(candidate, origin, now, arrival);
        self.admit(Slot { transaction: Arc::new(transaction), queued_at: now }, state)
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

    /// What is known of a sender, or what `account` tells of it.
    fn sender_state<E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        sender: Address,
        account: impl FnOnce(Address) -> Result<SenderState, E>,
    ) -> Result<SenderState, PoolError> {
        match self.accounts.get(&sender) {
            Some(known) => Ok(known.state),
            None => account(sender).map_err(|error| PoolError::State(error.into())),
        }
    }

    /// Puts a transaction that may be there in its place, and makes room for it.
    fn admit(&mut self, slot: Slot, state: SenderState) -> Result<Added, PoolError> {
        let new = Arc::clone(&slot.transaction);
        let (sender, nonce, hash) = (new.sender(), new.nonce(), new.hash());
        let revision = self.revision;
        let (replaced, moves) = self.place(slot, state);
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
            return Err(error);
        }
        if let Some((old, _)) = &replaced {
            self.drops.push(&old.transaction, DropReason::Replaced { by: hash });
        }
        for Displaced { removed: (slot, _), .. } in &evicted {
            self.drops.push(&slot.transaction, DropReason::Evicted);
        }
        let placement = if self.is_pending(&hash) { Placement::Pending } else { Placement::Queued };
        Ok(Added {
            hash,
            placement,
            replaced: replaced.map(|(old, _)| old.transaction.hash()),
            evicted: evicted.iter().map(|gone| gone.removed.0.transaction.hash()).collect(),
            promoted: self.still_pending(moves),
        })
    }

    /// Drives out what pays least until the pool is within its bounds.
    fn make_room(
        &mut self,
        new: &PoolTransaction,
        evicted: &mut Vec<Displaced>,
    ) -> Result<(), PoolError> {
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

    /// What became pending and still is.
    pub(crate) fn still_pending(&self, moves: Vec<Move>) -> Vec<Arc<PoolTransaction>> {
        let promoted = moves.into_iter().filter_map(|step| match step {
            Move::Promoted(slot) => Some(slot.transaction),
            Move::Demoted(_) => None,
        });
        promoted.filter(|transaction| self.is_pending(&transaction.hash())).collect()
    }

    /// Changes an account, and its standing with it.
    pub(crate) fn edit<T>(
        &mut self,
        sender: Address,
        change: impl FnOnce(&mut Account, &mut Vec<Move>) -> T,
    ) -> Option<(T, Vec<Move>)> {
        self.revision += 1;
        let account = self.accounts.get_mut(&sender)?;
        let before = Standing::of(sender, account, self.settings.ordering);
        let mut moves = Vec::new();
        let result = change(account, &mut moves);
        let after = Standing::of(sender, account, self.settings.ordering);
        self.index.stand(before, after);
        self.index.follow(&moves);
        Some((result, moves))
    }

    /// Puts a transaction in its place, and gives what was there.
    fn place(&mut self, slot: Slot, state: SenderState) -> (Option<Removed>, Vec<Move>) {
        let sender = slot.transaction.sender();
        self.accounts.entry(sender).or_insert_with(|| Account::new(state));
        self.place_in(sender, slot)
    }

    /// Puts a transaction in its place in an account that is in the pool.
    fn place_in(&mut self, sender: Address, slot: Slot) -> (Option<Removed>, Vec<Move>) {
        self.index.insert(&slot);
        let (replaced, moves) = self
            .edit(sender, |account, moves| account.insert(slot, moves))
            .expect("the caller saw to it that the account is there");
        if let Some(old) = &replaced {
            self.index.remove(old);
        }
        (replaced, moves)
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
        let removed = self.edit(sender, remove)?.0?;
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
