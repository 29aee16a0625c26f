//! Making one block: a draft is executed, and then brought to its end.

use crate::{BlockTime, Error, Producer, producer::Orders, sender_state};
use alloy_primitives::{Address, B256};
use heddle_chain::{
    Ahead, ChainReader, CommittedBlock, ExecutedBlock, SkipReason, Skipped, UnsealedBlock,
};
use heddle_executor::revm::context::result::InvalidTransaction;
use heddle_pool::{BlockUpdate, Context, DropReason, Pool};
use heddle_types::RecoveredTransaction;
use parking_lot::Mutex;
use std::{mem, panic::resume_unwind, sync::Arc, thread};

/// Blocks with fewer transactions than this are committed before another thread has begun.
pub(crate) const COMMITTED_BESIDE_MIN: usize = 128;

/// Old states are dropped once in so many blocks: each time costs a commit.
pub const PRUNE_INTERVAL: u64 = 32;

/// A block that was executed, and what is to be known to bring it to its end.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) block: UnsealedBlock,
    /// What was ordered for it alone.
    pub(crate) ordered: Ordered,
    /// The rules and prices that it was made by.
    before: Context,
    /// Those of the next one.
    after: Context,
    keep_states: Option<u64>,
}

/// What is ordered for one block only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordered {
    time: BlockTime,
    base_fee: Option<u64>,
    prevrandao: Option<B256>,
}

impl Ordered {
    /// Orders it again, as no block came of it.
    pub(crate) fn again(self, orders: &mut Orders) {
        let Self { time, base_fee, prevrandao } = self;
        (orders.time, orders.next_base_fee, orders.next_prevrandao) = (time, base_fee, prevrandao);
    }
}

impl Producer {
    /// Makes one block of these transactions; those that are invalid are dropped from the pool.
    pub(crate) fn make_block_of(
        &self,
        orders: &mut Orders,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<Arc<CommittedBlock>, Error> {
        let made = self.draft(orders, None, self.now(), candidates).and_then(|draft| {
            let ordered = draft.ordered;
            self.end(draft).inspect_err(|_| ordered.again(orders))
        });
        self.heeding_failure(made)
    }

    /// Makes one block of exactly these transactions, of a time in UNIX seconds, whatever the pool
    /// has and however blocks are made otherwise. The clock stays as it is.
    ///
    /// # Errors
    ///
    /// No block is made if one of them cannot be in it, or if the time is not after the last
    /// block's. The chain may fail.
    pub fn make_block_at(
        &self,
        timestamp: u64,
        transactions: Vec<RecoveredTransaction>,
    ) -> Result<Arc<CommittedBlock>, Error> {
        let mut orders = self.orders();
        let time = orders.time;
        let made = self.make_exactly(&mut orders, timestamp, transactions);
        orders.time = time;
        self.heeding_failure(made)
    }

    fn make_exactly(
        &self,
        orders: &mut Orders,
        timestamp: u64,
        transactions: Vec<RecoveredTransaction>,
    ) -> Result<Arc<CommittedBlock>, Error> {
        orders.time.set_next(timestamp, self.chain.reader().head().header.timestamp)?;
        let draft = self.draft(orders, None, self.now(), transactions)?;
        let ordered = draft.ordered;
        if let Some(Skipped { index, reason }) = draft.block.skipped.first().cloned() {
            ordered.again(orders);
            return Err(Error::Refused { index, reason });
        }
        self.end(draft).inspect_err(|_| ordered.again(orders))
    }

    /// Executes a block of these transactions on the head, or on a block that is brought to its end
    /// meanwhile. `now` is the real UNIX time in seconds.
    pub(crate) fn draft(
        &self,
        orders: &mut Orders,
        ahead: Option<&Arc<Ahead>>,
        now: u64,
        candidates: Vec<RecoveredTransaction>,
    ) -> Result<Draft, Error> {
        let reader = self.chain.reader();
        let head = reader.head();
        let (parent, total_difficulty) = match ahead {
            Some(ahead) => (ahead.header(), ahead.total_difficulty()),
            None => (&head.header, head.total_difficulty),
        };
        let before = self.context_after(orders, parent, total_difficulty, now);
        // Only a block that was made uses up what was ordered for it.
        let mut time = orders.time;
        let attributes = orders.attributes(parent, time.take(parent.timestamp, now));
        let hashes: Vec<B256> = candidates.iter().map(|tx| *tx.transaction.tx_hash()).collect();
        let block = match ahead {
            Some(ahead) => self.chain.execute_after(ahead, &attributes, candidates)?,
            None => self.chain.execute(head.hash, &attributes, candidates)?,
        };
        drop_refused(&self.pool, &block.skipped, &hashes, ahead.is_some(), now);
        let ordered = Ordered {
            time: mem::replace(&mut orders.time, time),
            base_fee: orders.next_base_fee.take(),
            prevrandao: orders.next_prevrandao.take(),
        };
        let after =
            self.context_after(orders, block.header(), block.total_difficulty(), self.now());
        let keep_states = orders.settings.keep_states;
        Ok(Draft { block, ordered, before, after, keep_states })
    }

    /// Finds out a block's roots, commits it, and tells the pool of it.
    pub(crate) fn end(&self, draft: Draft) -> Result<Arc<CommittedBlock>, Error> {
        let Draft { block, before, after, keep_states, .. } = draft;
        let executed = self.chain.seal(block)?;
        let watched = executed.watched;
        let block = self.commit(&self.chain.reader(), executed, before, after)?;
        let number = block.block.block.header.number;
        if let Some(keep) = keep_states.filter(|_| number.is_multiple_of(PRUNE_INTERVAL)) {
            self.chain.prune(keep)?;
        }
        if let Some(console) = self.console().filter(|_| watched) {
            // The block is there, whether or not its lines can be printed.
            if let Err(error) = console.print_block(&self.chain.reader(), number) {
                tracing::error!(number, %error, "what contracts log cannot be printed");
            }
        }
        Ok(block)
    }

    /// Commits a block that was built on the head of `reader`, and tells the pool of it: of a large
    /// block both at once. Nobody sees the pool until the block is committed, as it would be ahead of
    /// the chain.
    fn commit(
        &self,
        reader: &ChainReader,
        executed: ExecutedBlock,
        before: Context,
        after: Context,
    ) -> Result<Arc<CommittedBlock>, Error> {
        let block = executed.block.clone();
        let changed: Vec<Address> = executed.changed_accounts().collect();
        let transactions = &block.block.block.body.transactions;
        let committed: Vec<B256> = transactions.iter().map(|tx| *tx.tx_hash()).collect();
        let state = executed.state_on(reader);
        let account = |address| sender_state(&state, address);
        let update = BlockUpdate { committed: &committed, reverted: &[], changed: &changed };
        // Whoever measures stages wants one at a time.
        if transactions.len() < COMMITTED_BESIDE_MIN || self.chain.is_observed() {
            self.chain.commit(executed)?;
            let outcome = self.pool.lock().on_block(update, after, self.now(), account)?;
            self.tell_promoted(&outcome);
            return Ok(block);
        }
        let mut pool = self.pool.lock();
        let (told, now) = (&mut *pool, self.now());
        let (commit, outcome) = thread::scope(|scope| {
            let following = scope.spawn(move || told.on_block(update, after, now, account));
            let commit = self.chain.commit(executed);
            (commit, following.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        if let Err(error) = commit {
            // The chain is as it was, and so is the pool.
            let senders = block.block.senders.iter().copied();
            let reverted: Vec<RecoveredTransaction> = (transactions.iter().cloned())
                .zip(senders)
                .map(|(transaction, sender)| RecoveredTransaction { transaction, sender })
                .collect();
            let changed: Vec<Address> = pool.senders();
            let state = reader.execution_state_at(reader.head().number)?;
            let account = |address| sender_state(&state, address);
            let back = BlockUpdate { committed: &[], reverted: &reverted, changed: &changed };
            // That the chain has failed says more.
            let _ = pool.on_block(back, before, now, account);
            return Err(error.into());
        }
        drop(pool);
        self.tell_promoted(&outcome?);
        Ok(block)
    }
}

/// Drops from the pool what was left out of a block and can stand in no later one. `hashes` are those
/// of the candidates; `is_ahead` says that the pool did not know yet of the block before.
pub fn drop_refused(
    pool: &Mutex<Pool>,
    skipped: &[Skipped],
    hashes: &[B256],
    is_ahead: bool,
    now: u64,
) {
    for skipped in skipped.iter().filter(|skipped| !may_wait(&skipped.reason, is_ahead)) {
        let reason = DropReason::Refused(skipped.reason.to_string());
        pool.lock().remove(&hashes[skipped.index], reason, now);
    }
}

/// Whether a transaction that found no place in a block may find one in a later one. Of what was
/// taken from the pool before that knew of the block before, it will be told what cannot be paid for.
fn may_wait(reason: &SkipReason, is_ahead: bool) -> bool {
    match reason {
        SkipReason::NoRoom => true,
        SkipReason::Rule(_) => false,
        SkipReason::Invalid(reason) => match reason {
            InvalidTransaction::CallerGasLimitMoreThanBlock
            | InvalidTransaction::TooManyBlobs { .. }
            | InvalidTransaction::NonceTooHigh { .. } => true,
            InvalidTransaction::NonceTooLow { .. }
            | InvalidTransaction::LackOfFundForMaxFee { .. } => is_ahead,
            _ => false,
        },
    }
}
