//! The parallel engine: one loop for the optimistic and the guided way.
//!
//! Threads claim transactions, execute each on a view of multi-version memory, and lay the effects
//! down. Whoever finds the first transaction that is not final laid down makes it so: it checks
//! that the effects are what one-by-one execution gives, and adds the receipt. What "checks" means
//! is where the two ways part:
//!
//! - optimistic: what was read is compared with what is there now that all before is final; if it
//!   differs, the transaction is executed again on the spot, and then it is right;
//! - guided: memory holds the list's values from the start, so every transaction sees at once what
//!   it will have seen in the end; its effects must be exactly what the list says for its index.

use crate::{
    AccessListError, Block, BlockError, BlockOutput, Invalid, Place, Skipped,
    direct::DirectTransfers,
    effects::{Effects, Validity},
    error::caught,
    fees::pay_fee,
    fold::fold,
    foresight,
    guided::Listed,
    limits::BlockGas,
    mv_memory::{AccountNumber, MvMemory},
    plan::{Plan, Planner},
    protocol::{self, Operation},
    reads::Reads,
    receipts::Executed,
    scheduler::{Scheduler, Thread},
    share::Sharing,
    steps::Steps,
    versions::Step,
    view::{View, Viewpoint, load_account},
    watch::{Final, Inspectors, Results, Watch},
    worker::{ParallelContext, Trouble, Worker},
};
use alloy_primitives::{Address, Bloom, TxKind, U256};
use core::panic::AssertUnwindSafe;
use heddle_types::{AccessList, Fork};
use parking_lot::{Mutex, MutexGuard};
use revm::{
    DatabaseRef, Inspector,
    context::{TxEnv, result::InvalidTransaction},
};
use std::panic::catch_unwind;

/// How far ahead of the first transaction that is not final each thread may run. Far enough that
/// nobody waits while one long transaction holds up the others; not so far that most of what is
/// read ahead is stale by the time it counts.
const WINDOW_PER_THREAD: usize = 128;
/// The same when nothing that is read ahead can be stale.
const GUIDED_WINDOW_PER_THREAD: usize = 32;

/// One block in the parallel engine.
pub(crate) struct Engine<'a, 'w, DB: DatabaseRef<Error: 'static>, I> {
    block: &'a Block<'a>,
    before: &'a DB,
    memory: &'a MvMemory,
    steps: Steps,
    direct: DirectTransfers,
    plan: Plan,
    scheduler: Scheduler,
    /// What attempts lay down; transaction `i` has place `i` modulo the length. Nobody runs so far
    /// ahead that two would share one.
    records: Vec<Mutex<Record<DB::Error, I>>>,
    chain: Mutex<Finality<'w, DB::Error, I>>,
    inspectors: Inspectors<'w, I>,
    /// The access list to follow; `None` is the optimistic way.
    listed: Option<&'a Listed<'a>>,
    beneficiary: AccountNumber,
    threads: usize,
    sharing: Sharing,
}

/// What an execution lays down.
struct Record<E: std::error::Error + 'static, I> {
    effects: Effects,
    /// Whether it was not executed at all: it would have read what is likely to be wrong.
    deferred: bool,
    /// Why there are no effects.
    trouble: Option<Trouble<E>>,
    /// How many changes that a list names the effects hold, or how they differ from the list.
    checked: Result<usize, AccessListError>,
    inspector: Option<I>,
}

/// The part of the block that is final.
struct Finality<'w, E: std::error::Error + 'static, I> {
    gas: BlockGas,
    output: BlockOutput,
    /// For each transaction its position among those in the block.
    ranks: Vec<u32>,
    results: Results<'w, I>,
    failure: Option<BlockError<E>>,
}

/// Executes `block`; `list` is the access list to follow, `None` the optimistic way.
///
/// With more than one of `threads` it runs on those of the pool that it is called in.
pub(crate) fn execute<'w, DB, I>(
    block: &Block<'_>,
    state: &DB,
    memory: &MvMemory,
    list: Option<&AccessList>,
    watch: Watch<'w, I>,
    inspector: &(impl Fn(usize) -> I + Sync),
    threads: usize,
) -> Result<BlockOutput, BlockError<DB::Error>>
where
    DB: DatabaseRef<Error: 'static> + Sync,
    I: for<'a> Inspector<ParallelContext<'a, DB>> + Send,
{
    let before = protocol::operations_before(block);
    let after = protocol::operations_after(block);
    let steps = steps_of(block, before.len(), after.len())?;
    let sharing = if threads == 1 { Sharing::Alone } else { Sharing::All };
    let follow = |list| Listed::new(list, block.fork, &steps, memory, sharing);
    let listed = list.map(follow).transpose();
    let listed = listed.map_err(|source| BlockError::AccessList { place: Place::Block, source })?;
    let engine = Engine::new(block, state, memory, steps, listed.as_ref(), watch, threads);
    let run = || {
        caught(Place::Before, || engine.operations(&before, inspector(0), |i| steps.before(i)))?;
        engine.transactions(inspector)?;
        let deposits = protocol::deposit_requests(block, &engine.chain.lock().output.receipts)?;
        engine.chain.lock().output.requests.extend(deposits);
        caught(Place::After, || engine.operations(&after, inspector(0), |i| steps.after(i)))?;
        engine.finish()
    };
    run().map_err(|error| match engine.listed {
        Some(listed) => listed.blame(error),
        None => error,
    })
}

/// The gas that a block's transactions may use. A plain transfer counts for as much as takes the
/// machine as long as doing it directly. Transactions alone in a block count for nothing: there is
/// no one to share with.
pub(crate) fn weight(block: &Block<'_>) -> u64 {
    const DIRECT_TRANSFER: u64 = 3_000;
    if block.transactions.len() < 2 {
        return 0;
    }
    let direct = DirectTransfers::new(block);
    let weight =
        |tx: &TxEnv| if direct.recipient(tx).is_some() { DIRECT_TRANSFER } else { tx.gas_limit };
    block.transactions.iter().fold(0, |sum: u64, tx| sum.saturating_add(weight(tx)))
}

/// The steps of a block; an error for one with more transactions than can be numbered.
pub(crate) fn steps_of<E: std::error::Error + 'static>(
    block: &Block<'_>,
    before: usize,
    after: usize,
) -> Result<Steps, BlockError<E>> {
    Steps::new(before, block.transactions.len(), after).ok_or_else(|| BlockError::Evm {
        place: Place::Block,
        message: "a block cannot have more than four billion transactions".to_owned(),
    })
}

impl<'a, 'w, DB, I> Engine<'a, 'w, DB, I>
where
    DB: DatabaseRef<Error: 'static> + Sync,
    I: Inspector<ParallelContext<'a, DB>> + Send,
{
    fn new(
        block: &'a Block<'a>,
        before: &'a DB,
        memory: &'a MvMemory,
        steps: Steps,
        listed: Option<&'a Listed<'a>>,
        watch: Watch<'w, I>,
        threads: usize,
    ) -> Self {
        let Watch { inspectors, results } = watch;
        let direct = DirectTransfers::new(block);
        let sharing = if threads == 1 { Sharing::Alone } else { Sharing::All };
        let mut planner = Planner {
            block,
            before,
            memory,
            direct: &direct,
            steps,
            listed,
            sharing,
            foresees: false,
        };
        let beneficiary = planner.find(block.env.beneficiary);
        // An inspector has to see every transaction, and somebody has to be paid the fees.
        planner.foresees = inspectors.is_none() && beneficiary.is_some();
        let plan = planner.plan();
        let beneficiary = beneficiary.unwrap_or(AccountNumber::MAX);
        let count = block.transactions.len();
        let per_thread =
            if listed.is_some() { GUIDED_WINDOW_PER_THREAD } else { WINDOW_PER_THREAD };
        let window = count.min(threads * per_thread).max(1);
        let early = plan.early(block.transactions, window);
        let record = || Record {
            effects: Effects::default(),
            deferred: false,
            trouble: None,
            checked: Ok(0),
            inspector: None,
        };
        let mut output = BlockOutput::default();
        output.receipts.reserve_exact(count);
        Self {
            block,
            before,
            memory,
            steps,
            direct,
            scheduler: Scheduler::new(count, window, early, |index| plan.is_foreseen(index)),
            plan,
            records: (0..window).map(|_| Mutex::new(record())).collect(),
            chain: Mutex::new(Finality {
                gas: BlockGas::new(block),
                output,
                ranks: Vec::with_capacity(count),
                results,
                failure: None,
            }),
            inspectors,
            listed,
            beneficiary,
            threads,
            sharing,
        }
    }

    fn reads(&self) -> Reads<'a> {
        Reads { memory: self.memory, listed: self.listed }
    }

    fn worker(&self, inspector: I) -> Worker<'a, 'w, DB, I> {
        let guided = self.listed.is_some();
        let view = View::new(self.memory, self.before, self.listed);
        // An inspector may look at any balance.
        let exact = guided || self.inspectors.is_some();
        Worker::new(self.block, view, inspector, self.inspectors, exact)
    }

    /// Executes the protocol's operations before or after the transactions.
    fn operations(
        &self,
        operations: &'a [Operation],
        inspector: I,
        step: impl Fn(usize) -> Step,
    ) -> Result<(), BlockError<DB::Error>> {
        if operations.is_empty() {
            return Ok(());
        }
        let mut worker = self.worker(inspector);
        let mut all = Vec::with_capacity(operations.len());
        for (position, operation) in operations.iter().enumerate() {
            let step = step(position);
            let mut effects = Effects::default();
            let request = worker.operate(operation, step, &self.steps, &mut effects)?;
            effects.publish(self.memory, step);
            effects.settle(self.memory, step, None);
            self.chain.lock().output.requests.extend(request);
            all.push((step, effects));
        }
        if let Some(listed) = self.listed {
            let end = step(operations.len());
            listed.check_operations(self.memory, &all, end, self.block.fork).map_err(|source| {
                BlockError::AccessList { place: self.steps.place(end), source }
            })?;
        }
        Ok(())
    }

    fn transactions(
        &self,
        inspector: &(impl Fn(usize) -> I + Sync),
    ) -> Result<(), BlockError<DB::Error>> {
        if self.threads == 1 {
            self.work_caught(inspector, 0);
        } else {
            rayon::broadcast(|context| self.work_caught(inspector, context.index()));
        }
        self.chain.lock().failure.take().map_or(Ok(()), Err)
    }

    /// A panic here is our own mistake; it must not leave the other threads waiting.
    fn work_caught(&self, inspector: &(impl Fn(usize) -> I + Sync), thread: usize) {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut worker = self.worker(inspector(0));
            worker.thread = Thread::new(thread);
            if self.threads == 1 && self.listed.is_none() {
                self.work_alone(&mut worker);
            } else {
                self.work(&mut worker);
            }
        }));
        if let Err(panic) = result {
            self.scheduler.stop();
            let message = crate::error::panic_message(&*panic);
            let place = Place::Block;
            self.chain.lock().failure.get_or_insert(BlockError::Panic { place, message });
        }
    }

    /// One thread needs no speculation: each transaction is final when it is executed.
    fn work_alone(&self, worker: &mut Worker<'a, 'w, DB, I>) {
        let mut chain = self.chain.lock();
        for index in 0..self.block.transactions.len() {
            let result = caught(Place::Transaction(index), || {
                self.make_final(worker, &mut chain, index, false)
            });
            if let Err(error) = result {
                chain.failure = Some(error);
                return;
            }
        }
    }

    fn work(&self, worker: &mut Worker<'a, 'w, DB, I>) {
        let mut idle = 0_u32;
        while !self.scheduler.is_done() {
            let claimed =
                self.scheduler.claim(|index| self.plan.run(index, self.block.transactions));
            let Some(claimed) = claimed else {
                // Whoever has executed the first that is not final may be long at something else.
                self.lead(worker, None);
                idle += 1;
                rest(idle);
                continue;
            };
            idle = 0;
            for index in claimed {
                self.attempt_chain(worker, index);
            }
        }
    }

    /// Executes a transaction, and the one that waited for it, and so on.
    fn attempt_chain(&self, worker: &mut Worker<'a, 'w, DB, I>, index: usize) {
        let mut next = Some(index);
        while let Some(index) = next
            && !self.scheduler.is_done()
        {
            next = self.attempt(worker, index);
            self.lead(worker, Some(worker.thread));
        }
    }

    /// Executes the first transaction that is not final, which makes it final, and goes on as the
    /// leader. Returns the next to execute, if it is the caller's.
    fn execute_as_leader(&self, worker: &mut Worker<'a, 'w, DB, I>, index: usize) -> Option<usize> {
        let mut chain = self.chain.lock();
        self.lead_one(worker, &mut chain, index, false);
        let next = self.scheduler.published(index);
        self.scheduler.lead_from(index, worker.thread, |index| {
            self.lead_one(worker, &mut chain, index, true)
        });
        next
    }

    /// Makes final what can be, of what `thread` has executed or any has.
    fn lead(&self, worker: &mut Worker<'a, 'w, DB, I>, thread: Option<Thread>) {
        let mut chain = None;
        self.scheduler.lead(thread, |index| {
            let chain = chain.get_or_insert_with(|| self.chain.lock());
            self.lead_one(worker, chain, index, true);
        });
    }

    fn lead_one(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        attempted: bool,
    ) {
        let result =
            caught(Place::Transaction(index), || self.make_final(worker, chain, index, attempted));
        if let Err(error) = result {
            chain.failure.get_or_insert(error);
            self.scheduler.stop();
        }
    }

    /// Executes a transaction before all earlier ones are known to be final. Returns the next to
    /// execute, if it is the caller's.
    fn attempt(&self, worker: &mut Worker<'a, 'w, DB, I>, index: usize) -> Option<usize> {
        if self.listed.is_none() {
            for before in self.plan.predecessors(index) {
                if self.scheduler.waits(index, before) {
                    return None;
                }
            }
            if self.plan.is_unsound(index, self.scheduler.front()) {
                self.record(index).deferred = true;
                self.scheduler.executed(index, worker.thread);
                return None;
            }
            if self.scheduler.take_lead(index) {
                return self.execute_as_leader(worker, index);
            }
        }
        let step = self.steps.transaction(index);
        let mut record = self.record(index);
        record.deferred = false;
        record.trouble = self.execute_one(worker, index, &mut record.effects).err();
        if record.trouble.is_none() && self.listed.is_none() {
            record.effects.publish(self.memory, step);
        }
        let next = self.scheduler.published(index);
        record.checked = self.check_listed(&record.effects, index);
        if record.trouble.is_none() {
            record.inspector = worker.take_inspector(index);
        }
        worker.bloom(&mut record.effects);
        drop(record);
        self.scheduler.executed(index, worker.thread);
        next
    }

    fn record(&self, index: usize) -> MutexGuard<'_, Record<DB::Error, I>> {
        self.records[index % self.records.len()].lock()
    }

    fn execute_one(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        index: usize,
        effects: &mut Effects,
    ) -> Result<(), Trouble<DB::Error>> {
        effects.clear();
        let transaction = &self.block.transactions[index];
        let planned = self.plan.get(index);
        let step = self.steps.transaction(index);
        let (from, to) = (planned.sender(), planned.recipient());
        let known = from != AccountNumber::MAX && to != AccountNumber::MAX;
        if planned.is_direct() && known && self.inspectors.is_none() {
            let reads = self.reads();
            if self.direct.execute(reads, transaction, to, from, step, effects) {
                return Ok(());
            }
        }
        let recipient = match transaction.kind {
            TxKind::Call(address) => (address, to),
            TxKind::Create => (Address::ZERO, AccountNumber::MAX),
        };
        let beneficiary = (self.block.env.beneficiary, self.beneficiary);
        let known = [(transaction.caller, from), recipient, beneficiary];
        let viewpoint = Viewpoint { step, suspect: self.suspect(index), known };
        worker.execute(index, transaction, viewpoint, effects)
    }

    /// Makes the first transaction that is not final so. If it was `attempted` there is a record of
    /// that; else it is executed now.
    fn make_final(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        mut attempted: bool,
    ) -> Result<(), BlockError<DB::Error>> {
        let fits = chain.gas.check(&self.block.transactions[index]);
        if self.plan.is_foreseen(index) {
            if fits.is_ok() && self.make_foreseen_final(chain, index)? {
                return Ok(());
            }
            self.retract_foreseen(index);
            attempted = false;
        }
        let record = &mut *self.record(index);
        let deferred = attempted && core::mem::take(&mut record.deferred);
        let result = self.settle_record(worker, chain, index, record, fits, attempted && !deferred);
        if deferred {
            // In the block or not, those that waited for it can go on.
            self.scheduler.published_by_leader(index);
        }
        result
    }

    /// As [`Engine::make_final`], with the transaction's record and whether it `fits` the block.
    fn settle_record(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        record: &mut Record<DB::Error, I>,
        fits: Result<(), InvalidTransaction>,
        attempted: bool,
    ) -> Result<(), BlockError<DB::Error>> {
        let step = self.steps.transaction(index);
        if let Err(reason) = fits {
            if attempted && self.listed.is_none() {
                record.effects.retract(self.memory, step);
            }
            return self.skip(chain, index, reason);
        }
        if self.listed.is_some() {
            if let Some(trouble) = record.trouble.take() {
                return Err(self.without_effects(worker, index, record, trouble));
            }
        } else if !(attempted && self.stands(index, record)) {
            chain.output.statistics.reexecutions += u64::from(attempted);
            self.execute_now(worker, index, record)?;
        }
        if attempted && self.listed.is_none() {
            chain.output.statistics.speculative_executions += 1;
        }
        chain.output.statistics.direct_transfers += u64::from(record.effects.direct);
        let executed = match record.effects.result.take() {
            Some(Ok(executed)) => executed,
            Some(Err(reason)) => return self.skip(chain, index, reason),
            None => unreachable!("every execution without trouble leaves a result"),
        };
        self.settle(record, executed.fee, index)?;
        self.add_receipt(chain, index, executed, record.effects.bloom);
        if chain.results.is_some() {
            self.stream(chain, index, &record.effects, record.inspector.take());
        }
        Ok(())
    }

    /// Makes a transfer final whose effects were foreseen. Returns `false` if it does not stand.
    fn make_foreseen_final(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
    ) -> Result<bool, BlockError<DB::Error>> {
        let transaction = &self.block.transactions[index];
        let planned = self.plan.get(index);
        let step = self.steps.transaction(index);
        let executed = self.direct.executed(transaction);
        let contested = |number| self.memory.account(number).is_contested();
        let is_contested = self.listed.is_none()
            && self.memory.has_contested()
            && (contested(planned.sender()) || contested(planned.recipient()));
        if is_contested || chain.results.is_some() {
            let record = &mut *self.record(index);
            record.effects.clear();
            let (from, to) = (planned.sender(), planned.recipient());
            if !self.direct.execute(self.reads(), transaction, to, from, step, &mut record.effects)
            {
                return Ok(false);
            }
            if self.listed.is_none() {
                record.effects.settle(self.memory, step, None);
            }
        }
        match self.listed {
            None => {
                let fork = self.block.fork;
                pay_fee(self.memory, self.beneficiary, step, executed.fee, false, fork);
            }
            Some(listed) => listed.count(self.direct.changes(transaction)),
        }
        chain.output.statistics.direct_transfers += 1;
        self.add_receipt(chain, index, executed, Bloom::ZERO);
        if chain.results.is_some() {
            self.stream(chain, index, &self.record(index).effects, None);
        }
        Ok(true)
    }

    fn retract_foreseen(&self, index: usize) {
        if self.listed.is_none() {
            let planned = self.plan.get(index);
            let step = self.steps.transaction(index);
            foresight::retract(self.memory, planned.sender(), step);
            foresight::retract(self.memory, planned.recipient(), step);
        }
    }

    fn add_receipt(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        executed: Executed,
        bloom: Bloom,
    ) {
        let transaction = &self.block.transactions[index];
        let before = chain.gas.used;
        chain.gas.add(transaction, executed.gas_used);
        chain.ranks.push(chain.output.receipts.len() as u32);
        chain.output.receipts.push(executed.receipt(transaction.tx_type, before, bloom));
    }

    /// The error of a transaction that the guided way could not execute. One that is invalid is so
    /// whatever the list lacks: what it touches is in no block's list.
    fn without_effects(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        index: usize,
        record: &mut Record<DB::Error, I>,
        trouble: Trouble<DB::Error>,
    ) -> BlockError<DB::Error> {
        if trouble.is_unlisted() {
            worker.leave_list();
            let result = self.execute_one(worker, index, &mut record.effects);
            if let (Ok(()), Some(Err(reason))) = (result, record.effects.result.take()) {
                return BlockError::InvalidTransaction { index, reason };
            }
        }
        trouble.at(Place::Transaction(index))
    }

    /// Whether the effects of an attempt are what an execution now would give. If so they are
    /// settled, if not they are taken back.
    fn stands(&self, index: usize, record: &mut Record<DB::Error, I>) -> bool {
        if record.trouble.take().is_some() {
            return false;
        }
        let step = self.steps.transaction(index);
        let suspect = self.suspect(index);
        let validity = record.effects.validate_and_settle(self.memory, step, suspect);
        let (Validity::Valid { depends } | Validity::Stale { depends }) = validity;
        self.plan.learn(index, depends);
        let stands = matches!(validity, Validity::Valid { .. });
        if !stands {
            self.plan.suspect_before(index, self.scheduler.claimed_end());
            record.effects.retract(self.memory, step);
        }
        stands
    }

    /// The step of the transaction that `index` is suspected to depend on.
    fn suspect(&self, index: usize) -> Option<Step> {
        self.plan.suspect(index).map(|before| self.steps.transaction(before))
    }

    /// Executes a transaction on what is final, so that the result is too.
    fn execute_now(
        &self,
        worker: &mut Worker<'a, 'w, DB, I>,
        index: usize,
        record: &mut Record<DB::Error, I>,
    ) -> Result<(), BlockError<DB::Error>> {
        let result = self.execute_one(worker, index, &mut record.effects);
        result.map_err(|trouble| trouble.at(Place::Transaction(index)))?;
        let step = self.steps.transaction(index);
        record.effects.publish(self.memory, step);
        let depends = record.effects.settle(self.memory, step, self.suspect(index));
        self.plan.learn(index, depends);
        worker.bloom(&mut record.effects);
        record.inspector = worker.take_inspector(index);
        Ok(())
    }

    /// Leaves an invalid transaction out, or rejects the block for it.
    fn skip(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        reason: InvalidTransaction,
    ) -> Result<(), BlockError<DB::Error>> {
        if self.block.invalid == Invalid::Reject || self.listed.is_some() {
            return Err(BlockError::InvalidTransaction { index, reason });
        }
        // Foreseen transfers took it for granted.
        let planned = self.plan.get(index);
        for number in [planned.sender(), planned.recipient()] {
            if number != AccountNumber::MAX {
                self.memory.contest(self.memory.account(number));
            }
        }
        chain.output.skipped.push(Skipped { index, reason });
        chain.ranks.push(u32::MAX);
        Ok(())
    }

    /// Pays the fee of a transaction, or takes over how it stands to the list that is followed.
    fn settle(
        &self,
        record: &mut Record<DB::Error, I>,
        fee: U256,
        index: usize,
    ) -> Result<(), BlockError<DB::Error>> {
        let step = self.steps.transaction(index);
        let fork = self.block.fork;
        let beneficiary = self.beneficiary(index)?;
        match self.listed {
            None => {
                let destroyed = record.effects.beneficiary_destroyed;
                pay_fee(self.memory, beneficiary, step, fee, destroyed, fork);
                Ok(())
            }
            Some(listed) => {
                let checked = if self.beneficiary == AccountNumber::MAX {
                    let effects = &record.effects;
                    listed.check(self.memory, effects, step, beneficiary, fee, fork)
                } else {
                    core::mem::replace(&mut record.checked, Ok(0))
                };
                let place = Place::Transaction(index);
                let count = checked.map_err(|source| BlockError::AccessList { place, source })?;
                listed.count(count);
                Ok(())
            }
        }
    }

    /// Holds effects to the list that is followed, if one is: nothing before has to be final for
    /// that, and whoever has just executed has everything at hand.
    fn check_listed(&self, effects: &Effects, index: usize) -> Result<usize, AccessListError> {
        let (Some(listed), Some(Ok(executed))) = (self.listed, &effects.result) else {
            return Ok(0);
        };
        if self.beneficiary == AccountNumber::MAX {
            // There will be an error when the fee is to be paid.
            return Ok(0);
        }
        let step = self.steps.transaction(index);
        let fork = self.block.fork;
        listed.check(self.memory, effects, step, self.beneficiary, executed.fee, fork)
    }

    /// The beneficiary's account; one that could not be read before is read again now.
    fn beneficiary(&self, index: usize) -> Result<AccountNumber, BlockError<DB::Error>> {
        if self.beneficiary != AccountNumber::MAX {
            return Ok(self.beneficiary);
        }
        let address = self.block.env.beneficiary;
        let place = Place::Transaction(index);
        let at = match self.listed.map(|listed| listed.place(&address)) {
            Some(None) => {
                let source = AccessListError::MissingAccount(address);
                return Err(BlockError::AccessList { place, source });
            }
            Some(at) => at,
            None => None,
        };
        self.memory
            .account_number(address, || load_account(self.reads(), self.before, address, at))
            .map_err(|source| BlockError::Database { place, source })
    }

    /// Hands the newest result to who looks on.
    fn stream(
        &self,
        chain: &mut Finality<'w, DB::Error, I>,
        index: usize,
        effects: &Effects,
        inspector: Option<I>,
    ) {
        let after = self.steps.transaction(index) + 1;
        let mut accounts = Vec::with_capacity(effects.accounts.len() + 1);
        let mut add = |number: AccountNumber| {
            let now = self.reads().account(number, after);
            let was = self.reads().account(number, after - 1);
            if now != was {
                accounts.push((self.memory.account(number).address, now.state()));
            }
        };
        let changed = effects.accounts.iter().map(|effect| effect.number);
        changed.filter(|number| *number != self.beneficiary).for_each(&mut add);
        add(self.beneficiary);
        let mut slots = Vec::with_capacity(effects.slots.len());
        for effect in &effects.slots {
            let Some(new) = effect.new else { continue };
            let slot = self.memory.slot(effect.number);
            let account = self.memory.account(slot.account);
            if self.reads().entry(account, after).exists {
                slots.push((account.address, slot.key, new));
            }
        }
        let (Some(results), Some(receipt)) = (&mut chain.results, chain.output.receipts.last())
        else {
            return;
        };
        results(Final { index, receipt, accounts: &accounts, slots: &slots, inspector });
    }

    fn finish(&self) -> Result<BlockOutput, BlockError<DB::Error>> {
        if let Some(listed) = self.listed {
            listed
                .check_complete(self.memory)
                .map_err(|source| BlockError::AccessList { place: Place::Block, source })?;
        }
        let mut chain = self.chain.lock();
        let mut output = core::mem::take(&mut chain.output);
        output.gas_used = chain.gas.used;
        output.blob_gas_used = chain.gas.blob_used;
        output.statistics.threads = self.threads;
        let included = output.receipts.len() as u64;
        let ranks = &chain.ranks;
        let index = |step: Step| self.steps.index(step, |i| u64::from(ranks[i]), included);
        let index: Option<&(dyn Fn(Step) -> u64 + Sync)> =
            if self.listed.is_some() { None } else { Some(&index) };
        let marks = self.block.fork < Fork::Cancun;
        (output.changes, output.access_list) =
            fold(self.reads(), self.steps.end(), index, marks, self.sharing);
        Ok(output)
    }
}

/// Lets other threads run, the longer there has been nothing to do.
fn rest(idle: u32) {
    /// Some fifty microseconds. Work that comes in between is met at once, and a thread that waits
    /// for longer had better leave its processor to others.
    const SPINS: u32 = 64;
    if idle < SPINS {
        // Looking all the time would take cache lines from those who work.
        for _ in 0..32 {
            core::hint::spin_loop();
        }
    } else {
        std::thread::sleep(core::time::Duration::from_micros(20));
    }
}
