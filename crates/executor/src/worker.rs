//! One thread's machine: executes one transaction at a time on a view of the state.

use crate::{
    Block, BlockError, Place,
    effects::{Effects, Execution},
    error::{block_error, panic_message},
    evm::{self, BlockContext, BlockEvm, DeferredFeeHandler, TransactionError},
    hashing::{self, RecentHashes},
    observe,
    protocol::SystemCall,
    receipts::{BloomMaker, Executed},
    scheduler::Thread,
    versions::Step,
    view::{View, ViewError, Viewpoint},
    watch::Inspectors,
};
use alloy_primitives::{Address, Bytes};
use core::panic::AssertUnwindSafe;
use heddle_types::Fork;
use parking_lot::MutexGuard;
use revm::{
    DatabaseRef, Inspector,
    context::{
        Transaction, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason},
    },
    handler::Handler,
};
use std::panic::catch_unwind;

/// What a thread of the parallel engine executes on.
pub(crate) type ParallelContext<'a, DB> = BlockContext<'a, View<'a, DB>>;
type Machine<'a, DB, I> = BlockEvm<'a, View<'a, DB>, I>;
type Failure<'a, DB> = TransactionError<View<'a, DB>>;

/// One thread's machine.
pub(crate) struct Worker<'a, 'w, DB: DatabaseRef, I> {
    pub(crate) thread: Thread,
    /// The number of the thread.
    pub(crate) member: u16,
    machine: Machine<'a, DB, I>,
    caches: MutexGuard<'a, Caches>,
    inspectors: Inspectors<'w, I>,
    setting: Setting,
}

/// What a thread has computed and may need again, in this block or in the next.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    blooms: BloomMaker,
    hashes: RecentHashes,
}

#[derive(Clone, Copy)]
struct Setting {
    beneficiary: Address,
    clears_empty: bool,
    exact: bool,
}

/// Why an execution gave no effects.
#[derive(Debug)]
pub(crate) enum Trouble<E: std::error::Error + 'static> {
    /// It panicked.
    Panic(String),
    /// The view could not give a value.
    View(ViewError<E>),
    /// The EVM failed for a reason that is not the transaction's.
    Evm(String),
}

impl<E: std::error::Error + 'static> Trouble<E> {
    /// Whether the access list lacks something.
    pub(crate) const fn is_unlisted(&self) -> bool {
        let Self::View(error) = self else { return false };
        matches!(error, ViewError::UnlistedAccount(_) | ViewError::UnlistedSlot(..))
    }

    /// The block's error for it.
    pub(crate) fn at(self, place: Place) -> BlockError<E> {
        use crate::AccessListError::{MissingAccount, MissingSlot};
        let source = match self {
            Self::Panic(message) => return BlockError::Panic { place, message },
            Self::Evm(message) => return BlockError::Evm { place, message },
            Self::View(ViewError::Database(source)) => {
                return BlockError::Database { place, source };
            }
            Self::View(ViewError::UnlistedAccount(address)) => MissingAccount(address),
            Self::View(ViewError::UnlistedSlot(address, key)) => MissingSlot(address, key),
        };
        BlockError::AccessList { place, source }
    }
}

impl<'a, 'w, DB, I> Worker<'a, 'w, DB, I>
where
    DB: DatabaseRef<Error: 'static>,
    I: Inspector<ParallelContext<'a, DB>>,
{
    /// `caches` are the thread's. `exact` makes every transaction rely on all balances that it meets.
    pub(crate) fn new(
        block: &Block<'_>,
        view: View<'a, DB>,
        inspector: I,
        inspectors: Inspectors<'w, I>,
        exact: bool,
        mut caches: MutexGuard<'a, Caches>,
    ) -> Self {
        let mut machine = evm::build(block, view, no_transaction(), inspector);
        machine.ctx.chain.hashes = core::mem::take(&mut caches.hashes);
        hashing::wrap_instruction(&mut machine.instruction);
        if !exact {
            observe::wrap_instructions(&mut machine.instruction);
        }
        Self {
            thread: Thread::new(0),
            member: 0,
            machine,
            caches,
            inspectors,
            setting: Setting {
                beneficiary: block.env.beneficiary,
                clears_empty: block.fork >= Fork::SpuriousDragon,
                exact,
            },
        }
    }

    /// Executes a transaction as if all steps before that of `viewpoint` were done, and fills
    /// `effects`, which must be clear. The receipt's bloom is left for [`Worker::bloom`].
    pub(crate) fn execute(
        &mut self,
        position: usize,
        transaction: &'a TxEnv,
        viewpoint: Viewpoint,
        effects: &mut Effects,
    ) -> Result<(), Trouble<DB::Error>> {
        // The state may panic wherever it is read, an inspector wherever it is made or called.
        catch_unwind(AssertUnwindSafe(|| self.run(position, transaction, viewpoint, effects)))
            .unwrap_or_else(|panic| Err(self.reset_after_panic(&*panic)))
    }

    fn run(
        &mut self,
        position: usize,
        transaction: &'a TxEnv,
        viewpoint: Viewpoint,
        effects: &mut Effects,
    ) -> Result<(), Trouble<DB::Error>> {
        let machine = &mut self.machine;
        machine.ctx.journaled_state.database.begin(viewpoint);
        machine.ctx.tx = transaction;
        let observed = &mut machine.ctx.chain;
        observed.clear();
        match transaction.max_balance_spending() {
            // The sender must be able to pay all of it.
            Ok(most) => observed.send(transaction.caller, most),
            Err(_) => observed.look(transaction.caller),
        }
        if let Some(inspectors) = self.inspectors {
            machine.inspector = inspectors(position);
        }
        let inspect = self.inspectors.is_some();
        let result: Result<ExecutionResult<HaltReason>, Failure<'a, DB>> =
            evm::run(&mut DeferredFeeHandler::default(), machine, inspect);
        let fee = self.machine.ctx.chain.fee;
        effects.result = Some(match result {
            Ok(result) => Ok(Executed::new(result, fee)),
            Err(EVMError::Transaction(reason)) => Err(reason),
            Err(EVMError::Database(error)) => return Err(self.failed(Trouble::View(error))),
            Err(error) => return Err(self.failed(Trouble::Evm(error.to_string()))),
        });
        self.collect(effects).map_err(|error| self.failed(Trouble::View(error)))
    }

    /// Makes a system call, fills `effects`, which must be clear, and returns the request.
    pub(crate) fn system_call(
        &mut self,
        call: &'a SystemCall,
        step: Step,
        place: Place,
        effects: &mut Effects,
    ) -> Result<Option<Bytes>, BlockError<DB::Error>> {
        let machine = &mut self.machine;
        let view = &mut machine.ctx.journaled_state.database;
        view.begin(Viewpoint { step, ..Viewpoint::default() });
        if call.request_type.is_some() {
            let number = view
                .account_number(call.contract)
                .map_err(|error| Trouble::View(error).at(place))?;
            let seen = view.reads().account(number, step);
            if seen.code_hash == alloy_primitives::KECCAK256_EMPTY {
                return Err(call.no_code());
            }
        }
        machine.ctx.tx = &call.transaction;
        machine.ctx.chain.clear();
        let result: Result<ExecutionResult<HaltReason>, Failure<'a, DB>> =
            catch_unwind(AssertUnwindSafe(|| {
                DeferredFeeHandler::default().run_system_call(machine)
            }))
            .map_err(|panic| self.reset_after_panic(&*panic).at(place))?;
        let result = match result {
            Ok(result) => result,
            Err(EVMError::Database(error)) => return Err(Trouble::View(error).at(place)),
            Err(error) => {
                let error = error.map_db_err(|_| unreachable!("the arm above took these"));
                return Err(block_error(place, error));
            }
        };
        self.collect(effects).map_err(|error| Trouble::View(error).at(place))?;
        call.request(&result)
    }

    fn collect(&mut self, effects: &mut Effects) -> Result<(), ViewError<DB::Error>> {
        let Setting { beneficiary, clears_empty, exact } = self.setting;
        let journal = &mut self.machine.ctx.journaled_state;
        let observed = &self.machine.ctx.chain;
        let state = &mut journal.inner.state;
        effects.collect(
            &mut journal.database,
            Execution { state, observed, beneficiary, clears_empty, exact },
        )
    }

    /// Makes the log bloom of the result.
    pub(crate) fn bloom(&mut self, effects: &mut Effects) {
        if let Some(Ok(executed)) = &effects.result
            && !executed.logs.is_empty()
        {
            effects.bloom = self.caches.blooms.bloom(&executed.logs);
        }
    }

    pub(crate) fn view(&self) -> &View<'a, DB> {
        &self.machine.ctx.journaled_state.database
    }

    /// From now on transactions may touch what the access list does not name.
    pub(crate) fn leave_list(&mut self) {
        self.machine.ctx.journaled_state.database.leave_list();
    }

    pub(crate) fn clears_empty(&self) -> bool {
        self.setting.clears_empty
    }

    /// Hands out the inspector of the transaction that was executed last.
    pub(crate) fn take_inspector(&mut self, position: usize) -> Option<I> {
        self.inspectors.map(|make| core::mem::replace(&mut self.machine.inspector, make(position)))
    }

    fn failed(&mut self, trouble: Trouble<DB::Error>) -> Trouble<DB::Error> {
        self.machine.ctx.journaled_state.inner.state.clear();
        trouble
    }

    /// A panic may have left anything half done: only what survives a transaction is kept.
    fn reset_after_panic(&mut self, panic: &(dyn core::any::Any + Send)) -> Trouble<DB::Error> {
        let journal = &mut self.machine.ctx.journaled_state;
        journal.inner.discard_tx();
        journal.inner.state.clear();
        self.machine.ctx.local = revm::context::LocalContext::default();
        self.machine.ctx.error = Ok(());
        self.machine.frame_stack = revm::context::FrameStack::new_prealloc(8);
        Trouble::Panic(panic_message(panic))
    }
}

impl<DB: DatabaseRef, I> Drop for Worker<'_, '_, DB, I> {
    fn drop(&mut self) {
        self.caches.hashes = core::mem::take(&mut self.machine.ctx.chain.hashes);
    }
}

fn no_transaction() -> &'static TxEnv {
    static NONE: std::sync::OnceLock<TxEnv> = std::sync::OnceLock::new();
    NONE.get_or_init(TxEnv::default)
}
