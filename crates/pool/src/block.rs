//! What a block changes.

use crate::{
    Candidate, Context, DropReason, Origin, PoolError, PoolTransaction, SenderState,
    account::{Account, Move},
    pool::{HALF_FULL_PERCENT, Pool},
    validate,
};
use alloy_primitives::{
    Address, B256,
    map::{B256Set, Entry},
};
use heddle_types::RecoveredTransaction;
use std::{error::Error, sync::Arc};

/// What happened to the chain.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockUpdate<'a> {
    /// Hashes of the transactions in blocks that are part of the chain now.
    pub committed: &'a [B256],
    /// Transactions in blocks that are not any more, in the order of the chain. Those among
    /// `committed` do no harm.
    pub reverted: &'a [RecoveredTransaction],
    /// Every account that one of these blocks changed; an account may be named more than once.
    pub changed: &'a [Address],
}

/// What the pool did about it.
#[derive(Clone, Debug, Default)]
pub struct BlockOutcome {
    /// How many transactions of the pool were mined.
    pub mined: usize,
    /// Those that became pending.
    pub promoted: Vec<Arc<PoolTransaction>>,
}

impl Pool {
    /// Follows the chain to a new head, at the UNIX second `now`. `context` is that of the block
    /// after it, and `account` tells the state of an account after it.
    ///
    /// It is meant for changes without a block, too: with nothing committed, and the accounts that
    /// somebody set.
    ///
    /// # Errors
    ///
    /// [`PoolError::State`] if an account cannot be read. The pool is as it was, then.
    pub fn on_block<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        update: BlockUpdate<'_>,
        context: Context,
        now: u64,
        mut account: impl FnMut(Address) -> Result<SenderState, E>,
    ) -> Result<BlockOutcome, PoolError> {
        let mined = self.places_of(update.committed);
        let states = self.read_changed(&mined, update.changed, &mut account)?;
        let followed = in_order_of_blocks(&mined, states);
        let rules_changed = self.context.fork != context.fork;
        self.context = context;
        self.revision += 1;

        let mut outcome = BlockOutcome::default();
        for Followed { sender, state, mined, .. } in followed {
            self.follow_sender(sender, state, now, mined, &mut outcome);
        }
        if outcome.mined < mined.len() {
            self.forget_committed(update.committed, now, &mut outcome);
        }
        if rules_changed || self.index.gas_limit_max() > self.context.block_gas_limit {
            self.drop_unfit(now);
        }
        self.take_back(&update, now, account, &mut outcome);
        self.expire(now);
        outcome.promoted.retain(|transaction| self.is_pending(&transaction.hash()));
        if !self.is_filled(HALF_FULL_PERCENT) {
            self.index.forget_leaving();
        }
        Ok(outcome)
    }

    /// Takes note of other rules or prices of the next block, without a new head.
    pub fn set_context(&mut self, context: Context, now: u64) {
        let rules_changed = self.context.fork != context.fork;
        self.context = context;
        self.revision += 1;
        if rules_changed || self.index.gas_limit_max() > self.context.block_gas_limit {
            self.drop_unfit(now);
        }
    }

    /// Where those of the transactions are that the pool holds, and which of `committed` each is: each
    /// once, in ascending order.
    fn places_of(&self, committed: &[B256]) -> Vec<(Place, usize)> {
        let mut places: Vec<_> = committed
            .iter()
            .enumerate()
            .filter_map(|(at, hash)| Some((Place::of(self.get(hash)?), at)))
            .collect();
        places.sort_unstable();
        places.dedup_by_key(|(place, _)| *place);
        places
    }

    /// The states of the senders that are in the pool and may have changed, by ascending address.
    fn read_changed<E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        mined: &[(Place, usize)],
        changed: &[Address],
        account: &mut impl FnMut(Address) -> Result<SenderState, E>,
    ) -> Result<Vec<(Address, SenderState)>, PoolError> {
        let mut senders: Vec<_> = mined.iter().map(|(place, _)| place.sender).collect();
        senders.dedup();
        let known = changed.iter().filter(|address| self.accounts.contains_key(*address));
        senders.extend(known.map(|address| AddressKey::of(*address)));
        senders.sort_unstable();
        senders.dedup();
        let read = |sender: AddressKey| match account(sender.address()) {
            Ok(state) => Ok((sender.address(), state)),
            Err(error) => Err(PoolError::State(error.into())),
        };
        senders.into_iter().map(read).collect()
    }

    /// Takes note of a sender's new state.
    fn follow_sender(
        &mut self,
        sender: Address,
        state: SenderState,
        now: u64,
        mined: &[(Place, usize)],
        outcome: &mut BlockOutcome,
    ) {
        let Entry::Occupied(mut entry) = self.accounts.entry(sender) else { return };
        self.revision += 1;
        let (mut past, mut moves) = (Vec::new(), Vec::new());
        let follow = |account: &mut Account, moves: &mut _| {
            account.set_state(state, now, &mut past, moves);
            account.unaffordable()
        };
        let unaffordable = self.index.edit(sender, entry.get_mut(), &mut moves, follow);
        if entry.get().is_empty() {
            entry.remove();
        }
        let mut mined = mined.iter().map(|(place, _)| place).peekable();
        for removed in past {
            self.index.remove(&removed);
            let transaction = removed.0.transaction;
            let place = Place::of(&transaction);
            while mined.next_if(|before| **before < place).is_some() {}
            if mined.next_if_eq(&&place).is_some() {
                self.mined_blobs.keep(&transaction);
                outcome.mined += 1;
            } else {
                self.drops.push(&transaction, DropReason::NonceUsed);
            }
        }
        for nonce in unaffordable.into_iter().rev() {
            self.drop_at(sender, nonce, DropReason::Unaffordable, now);
        }
        let promoted = moves.into_iter().filter_map(Move::promoted);
        outcome
            .promoted
            .extend(promoted.filter(|transaction| self.is_pending(&transaction.hash())));
    }

    /// Takes out what was mined and is there still: a state that contradicts the block would let
    /// it stay.
    fn forget_committed(&mut self, committed: &[B256], now: u64, outcome: &mut BlockOutcome) {
        for hash in committed {
            if let Some(transaction) = self.index.get(hash).cloned() {
                self.mined_blobs.keep(&transaction);
                outcome.mined += 1;
                self.forget_at(transaction.sender(), transaction.nonce(), now);
            }
        }
    }

    /// Drops what the rules of the next block do not allow. Rare, so it may look at everything.
    fn drop_unfit(&mut self, now: u64) {
        for sender in self.senders() {
            let Some(account) = self.accounts.get(&sender) else { continue };
            let unfit: Vec<_> = account
                .transactions()
                .filter_map(|transaction| {
                    let checked =
                        validate::check_rules(&transaction.recovered.transaction, &self.context);
                    Some((transaction.nonce(), checked.err()?))
                })
                .collect();
            for (nonce, error) in unfit.into_iter().rev() {
                self.drop_at(sender, nonce, DropReason::Unfit(Arc::new(error)), now);
            }
        }
    }

    /// Adds what stood in blocks that are not part of the chain any more, before all else by
    /// arrival.
    fn take_back<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        update: &BlockUpdate<'_>,
        now: u64,
        mut account: impl FnMut(Address) -> Result<SenderState, E>,
        outcome: &mut BlockOutcome,
    ) {
        if update.reverted.is_empty() {
            return;
        }
        let committed: B256Set = update.committed.iter().copied().collect();
        // A chain has far fewer transactions than there are numbers.
        self.first_arrival -= update.reverted.len() as i64;
        for (arrival, recovered) in (self.first_arrival..).zip(update.reverted) {
            let hash = *recovered.transaction.tx_hash();
            if committed.contains(&hash) {
                continue;
            }
            let sidecar = self.mined_blobs.of_transaction(&hash).cloned();
            let RecoveredTransaction { transaction, sender } = recovered.clone();
            let candidate = Candidate::from_parts(transaction, sender, sidecar);
            let numbers = (now, arrival);
            match self.add_at(candidate.clone(), Origin::Reverted, numbers, &mut account) {
                Ok(added) => outcome.promoted.extend(added.promoted),
                Err(PoolError::AlreadyKnown) => {}
                Err(error) => {
                    let reason = match error {
                        PoolError::NonceTooLow { .. } => DropReason::NonceUsed,
                        error => DropReason::Unfit(Arc::new(error)),
                    };
                    let dropped = PoolTransaction::new(candidate, Origin::Reverted, now, arrival);
                    self.drops.push(&dropped, reason);
                }
            }
        }
    }
}

/// A sender whose new state is to be taken note of.
struct Followed<'a> {
    /// Which of the committed transactions is the first of theirs.
    first: usize,
    sender: Address,
    state: SenderState,
    mined: &'a [(Place, usize)],
}

/// The senders in the order of the blocks, those without a transaction in one behind; both lists are
/// by ascending address. Blocks are made in the order in which the pool offers, so what is taken out
/// of that order lies side by side.
fn in_order_of_blocks(
    mut mined: &[(Place, usize)],
    states: Vec<(Address, SenderState)>,
) -> Vec<Followed<'_>> {
    let mut followed = Vec::with_capacity(states.len());
    for (sender, state) in states {
        let key = AddressKey::of(sender);
        let count = mined.iter().take_while(|(place, _)| place.sender == key).count();
        let (of_sender, rest) = mined.split_at(count);
        mined = rest;
        let first = of_sender.iter().map(|(_, at)| *at).min().unwrap_or(usize::MAX);
        followed.push(Followed { first, sender, state, mined: of_sender });
    }
    followed.sort_by_key(|followed| followed.first);
    followed
}

/// Where a transaction is in the pool: no other is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    sender: AddressKey,
    nonce: u64,
}

impl Place {
    fn of(transaction: &PoolTransaction) -> Self {
        Self { sender: AddressKey::of(transaction.sender()), nonce: transaction.nonce() }
    }
}

/// An address as numbers, which compare in the order of addresses and faster than their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AddressKey(u64, u64, u32);

impl AddressKey {
    fn of(Address(bytes): Address) -> Self {
        let wide = |at: usize| {
            let part = bytes.0[at..].first_chunk().expect("an address has 20 bytes");
            u64::from_be_bytes(*part)
        };
        let narrow = bytes.0.last_chunk().expect("an address has 20 bytes");
        Self(wide(0), wide(8), u32::from_be_bytes(*narrow))
    }

    fn address(self) -> Address {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.1.to_be_bytes());
        bytes[16..].copy_from_slice(&self.2.to_be_bytes());
        Address::from(bytes)
    }
}
