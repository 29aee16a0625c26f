//! What a block changes.

use crate::{
    Candidate, Context, DropReason, Origin, PoolError, PoolTransaction, SenderState,
    account::Account, pool::Pool, validate,
};
use alloy_primitives::{Address, B256, map::HashSet};
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
        let mined: HashSet<B256> =
            update.committed.iter().filter(|hash| self.get(hash).is_some()).copied().collect();
        let states = self.read_changed(&update, &mut account)?;
        let rules_changed = self.context.fork != context.fork;
        self.context = context;
        self.revision += 1;

        let mut outcome = BlockOutcome::default();
        for (sender, state) in states {
            self.follow_sender(sender, state, now, &mined, &mut outcome);
        }
        // A state that contradicts the block would let mined transactions stay.
        for hash in update.committed {
            if let Some(transaction) = self.index.get(hash).cloned() {
                self.mined_blobs.keep(&transaction);
                outcome.mined += 1;
                self.forget_at(transaction.sender(), transaction.nonce(), now);
            }
        }
        if rules_changed || self.index.gas_limit_max() > self.context.block_gas_limit {
            self.drop_unfit(now);
        }
        self.take_back(&update, now, account, &mut outcome);
        self.expire(now);
        outcome.promoted.retain(|transaction| self.is_pending(&transaction.hash()));
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

    /// The states of the senders that are in the pool and may have changed, by ascending address.
    fn read_changed<E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        update: &BlockUpdate<'_>,
        account: &mut impl FnMut(Address) -> Result<SenderState, E>,
    ) -> Result<Vec<(Address, SenderState)>, PoolError> {
        let senders_of = update.committed.iter().filter_map(|hash| Some(self.get(hash)?.sender()));
        let mut senders: Vec<Address> = update
            .changed
            .iter()
            .copied()
            .filter(|address| self.accounts.contains_key(address))
            .chain(senders_of)
            .collect();
        senders.sort_unstable();
        senders.dedup();
        let read = |sender| match account(sender) {
            Ok(state) => Ok((sender, state)),
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
        mined: &HashSet<B256>,
        outcome: &mut BlockOutcome,
    ) {
        let follow = |account: &mut Account, moves: &mut _| account.set_state(state, now, moves);
        let Some((past, moves)) = self.edit(sender, follow) else { return };
        for removed in past {
            self.index.remove(&removed);
            let transaction = removed.0.transaction;
            if mined.contains(&transaction.hash()) {
                self.mined_blobs.keep(&transaction);
                outcome.mined += 1;
            } else {
                self.drops.push(&transaction, DropReason::NonceUsed);
            }
        }
        let unaffordable = self.edit(sender, |account, _| account.unaffordable());
        for nonce in unaffordable.into_iter().flat_map(|(nonces, _)| nonces).rev() {
            self.drop_at(sender, nonce, DropReason::Unaffordable, now);
        }
        self.sweep(&sender);
        outcome.promoted.extend(self.still_pending(moves));
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
        let committed: HashSet<B256> = update.committed.iter().copied().collect();
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
