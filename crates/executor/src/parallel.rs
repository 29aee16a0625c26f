//! The parallel engine: one loop for the optimistic and the guided way.
//!
//! Threads claim transactions, execute each on a view of multi-version memory, and lay the effects
//! down. When the first transaction that is not final is laid down, its thread makes it final: it
//! checks that the effects are what one-by-one execution gives, and adds the receipt. What "checks"
//! means is where the two ways part:
//!
//! - optimistic: what was read is compared with what is there now that all before is final; if it
//!   differs, the transaction is executed again on the spot, and then it is right. A transaction
//!   that is the first when it is claimed is executed as its final self;
//! - guided: the list says every value, so every transaction sees at once what it will have seen in
//!   the end; its effects must be exactly what the list says for its index, which can be seen as
//!   soon as it is executed.
//!
//! Transfers that are foreseen (see `foresight`) are there before anything is executed.

mod finality;

use crate::{
    AccessListError, Block, BlockError, BlockOutput, Place,
    crew::rest,
    direct::DirectTransfers,
    effects::Effects,
    error::caught,
    fold::{fold, fold_listed},
    guided::Listed,
    limits::BlockGas,
    mv_memory::{AccountNumber, MvMemory},
    plan::{Plan, Planner},
    premade::premake,
    protocol::{self, Operation},
    reads::Reads,
    recorder::{Clock, Recorder, Timed},
    scheduler::{Scheduler, Thread},
    share::Sharing,
    steps::Steps,
    versions::Step,
    view::{View, Viewpoint},
    watch::{Inspectors, Results, Watch},
    worker::{Caches, ParallelContext, Trouble, Worker},
};
use alloy_primitives::{Address, TxKind};
use core::panic::AssertUnwindSafe;
use heddle_types::{AccessList, ChangeSet, Fork};
use parking_lot::{Mutex, MutexGuard};
use revm::{DatabaseRef, Inspector, context::TxEnv};
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
    sharing: Sharing<'a>,
    /// Each thread's.
    caches: &'a [Mutex<Caches>],
    clock: Clock,
}

/// What there is to execute with, kept from one block to the next.
#[derive(Clone, Copy)]
pub(crate) struct Means<'m> {
    pub(crate) memory: &'m MvMemory,
    /// The threads.
    pub(crate) sharing: Sharing<'m>,
    /// Each thread's.
    pub(crate) caches: &'m [Mutex<Caches>],
    /// Tells the time if the schedule is to be recorded.
    pub(crate) clock: Clock,
}

/// What has become of a transaction that a thread took on.
enum Attempt {
    /// It waits for another one, and is out of the thread's hands.
    Waits,
    /// It was executed, and another one that waited for it may be the thread's to execute now.
    Done { next: Option<usize> },
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
    /// When it was executed, if the schedule is recorded.
    timed: Timed,
}

/// The part of the block that is final.
struct Finality<'w, E: std::error::Error + 'static, I> {
    gas: BlockGas,
    output: BlockOutput,
    /// For each transaction its position among those in the block.
    ranks: Vec<u32>,
    results: Results<'w, I>,
    failure: Option<BlockError<E>>,
    recorder: Option<Box<Recorder>>,
}

impl<E: std::error::Error + 'static, I> Finality<'_, E, I> {
    fn record(&mut self, record: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder {
            record(recorder);
        }
    }

    /// The place of the next transaction among those in the block.
    fn rank(&self) -> u32 {
        self.output.receipts.len() as u32
    }
}

/// Executes `block`; `list` is the access list to follow, `None` the optimistic way.
///
pub(crate) fn execute<'w, DB, I>(
    block: &Block<'_>,
    state: &DB,
    means: Means<'_>,
    list: Option<&AccessList>,
    watch: Watch<'w, I>,
    inspector: &(impl Fn(usize) -> I + Sync),
) -> Result<BlockOutput, BlockError<DB::Error>>
where
    DB: DatabaseRef<Error: 'static> + Sync,
    I: for<'a> Inspector<ParallelContext<'a, DB>> + Send,
{
    let before = protocol::operations_before(block);
    let after = protocol::operations_after(block);
    let steps = steps_of(block, before.len(), after.len())?;
    let follow = |list| Listed::new(list, block.fork, &steps, means.memory, means.sharing);
    let listed = list.map(follow).transpose();
    let listed = listed.map_err(|source| BlockError::AccessList { place: Place::Block, source })?;
    if let Some(listed) = &listed {
        premake(listed, means.memory, state, means.sharing);
    }
    let engine = Engine::new(block, state, means, steps, listed.as_ref(), watch);
    let run = || {
        caught(Place::Before, || engine.operations(&before, inspector(0), |i| steps.before(i)))?;
        engine.record(Recorder::prepared);
        engine.transactions(inspector)?;
        engine.record(Recorder::finished);
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
        means: Means<'a>,
        steps: Steps,
        listed: Option<&'a Listed<'a>>,
        watch: Watch<'w, I>,
    ) -> Self {
        let Means { memory, sharing, caches, clock } = means;
        let Watch { inspectors, results } = watch;
        let direct = DirectTransfers::new(block);
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
        let window = count.min(sharing.threads() * per_thread).max(1);
        let early = plan.early(block.transactions, window);
        let record = || Record {
            effects: Effects::default(),
            deferred: false,
            trouble: None,
            checked: Ok(0),
            inspector: None,
            timed: Timed::default(),
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
                recorder: clock.recorder(),
            }),
            inspectors,
            listed,
            beneficiary,
            sharing,
            caches,
            clock,
        }
    }

    fn record(&self, record: impl FnOnce(&mut Recorder)) {
        self.chain.lock().record(record);
    }

    fn reads(&self) -> Reads<'a> {
        Reads { memory: self.memory, listed: self.listed }
    }

    fn worker(&self, inspector: I, member: usize) -> Worker<'a, 'w, DB, I> {
        let guided = self.listed.is_some();
        let view = View::new(self.memory, self.before, self.listed, member);
        // An inspector may look at any balance.
        let exact = guided || self.inspectors.is_some();
        let caches = self.caches[member].lock();
        let mut worker = Worker::new(self.block, view, inspector, self.inspectors, exact, caches);
        worker.thread = Thread::new(member);
        worker.member = u16::try_from(member).unwrap_or(u16::MAX);
        worker
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
        let mut worker = self.worker(inspector, 0);
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
        self.sharing.run(&|member| self.work_caught(inspector, member));
        self.chain.lock().failure.take().map_or(Ok(()), Err)
    }

    /// A panic here is our own mistake; it must not leave the other threads waiting.
    fn work_caught(&self, inspector: &(impl Fn(usize) -> I + Sync), thread: usize) {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut worker = self.worker(inspector(0), thread);
            if matches!(self.sharing, Sharing::Alone) && self.listed.is_none() {
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
        chain.record(Recorder::end);
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
            for index in claimed {
                if self.attempt_chain(worker, index) {
                    idle = 0;
                }
            }
        }
    }

    /// Executes a transaction, and the one that waited for it, and so on. Returns whether there was
    /// anything to do now.
    fn attempt_chain(&self, worker: &mut Worker<'a, 'w, DB, I>, index: usize) -> bool {
        let mut next = Some(index);
        let mut executed = false;
        while let Some(index) = next
            && !self.scheduler.is_done()
        {
            next = match self.attempt(worker, index) {
                Attempt::Waits => None,
                Attempt::Done { next } => {
                    executed = true;
                    next
                }
            };
            self.lead(worker, Some(worker.thread));
        }
        executed
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
        chain.record(Recorder::end);
        next
    }

    /// Makes final what can be, of what `thread` has executed or any has.
    fn lead(&self, worker: &mut Worker<'a, 'w, DB, I>, thread: Option<Thread>) {
        let mut chain = None;
        self.scheduler.lead(thread, |index| {
            let chain = chain.get_or_insert_with(|| self.chain.lock());
            self.lead_one(worker, chain, index, true);
        });
        if let Some(mut chain) = chain {
            chain.record(Recorder::end);
        }
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

    /// Executes a transaction before all earlier ones are known to be final.
    fn attempt(&self, worker: &mut Worker<'a, 'w, DB, I>, index: usize) -> Attempt {
        if self.listed.is_none() {
            for before in self.plan.predecessors(index) {
                if self.scheduler.waits(index, before) {
                    return Attempt::Waits;
                }
            }
            if self.plan.is_unsound(index, self.scheduler.front()) {
                self.record_of(index).deferred = true;
                self.scheduler.executed(index, worker.thread);
                return Attempt::Done { next: None };
            }
            if self.scheduler.take_lead(index) {
                return Attempt::Done { next: self.execute_as_leader(worker, index) };
            }
        }
        let step = self.steps.transaction(index);
        let mut record = self.record_of(index);
        record.deferred = false;
        let start = self.clock.now();
        record.trouble = self.execute_one(worker, index, &mut record.effects).err();
        if record.trouble.is_none() && self.listed.is_none() {
            record.effects.publish(self.memory, step);
        }
        record.timed = Timed { thread: worker.member, start, end: self.clock.now() };
        let next = self.scheduler.published(index);
        record.checked = self.check_listed(&record.effects, index);
        if record.trouble.is_none() {
            record.inspector = worker.take_inspector(index);
        }
        worker.bloom(&mut record.effects);
        drop(record);
        self.scheduler.executed(index, worker.thread);
        Attempt::Done { next }
    }

    fn record_of(&self, index: usize) -> MutexGuard<'_, Record<DB::Error, I>> {
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

    fn finish(&self) -> Result<BlockOutput, BlockError<DB::Error>> {
        let mut chain = self.chain.lock();
        let mut output = core::mem::take(&mut chain.output);
        output.gas_used = chain.gas.used;
        output.blob_gas_used = chain.gas.blob_used;
        output.statistics.threads = self.sharing.threads();
        let recorder = chain.recorder.take();
        let scheduled = |recorder: Box<Recorder>| recorder.finish(self.sharing.threads());
        let end = self.steps.end();
        if let Some(listed) = self.listed {
            let changes = self.changes_listed(listed, end);
            let place = Place::Block;
            output.changes = changes.map_err(|source| BlockError::AccessList { place, source })?;
            output.schedule = recorder.map(scheduled);
            return Ok(output);
        }
        let included = output.receipts.len() as u64;
        let ranks = &chain.ranks;
        let index = |step: Step| self.steps.index(step, |i| u64::from(ranks[i]), included);
        let marks = self.block.fork < Fork::Cancun;
        (output.changes, output.access_list) =
            fold(self.reads(), end, Some(&index), marks, self.sharing);
        output.schedule = recorder.map(scheduled);
        Ok(output)
    }

    /// Holds the whole block to its list; returns what it changes.
    fn changes_listed(&self, listed: &Listed<'_>, end: Step) -> Result<ChangeSet, AccessListError> {
        let changes = if self.memory.premade().is_some() {
            fold_listed(self.reads(), listed, end, self.sharing)?
        } else {
            listed.check_touched(self.memory)?;
            fold(self.reads(), end, None, false, self.sharing).0
        };
        listed.check_happened()?;
        Ok(changes)
    }
}
