//! The one entry.

use crate::{
    Block, BlockError, BlockOutput, Place, Way,
    crew::Crew,
    error::caught,
    mv_memory::MvMemory,
    parallel::{self, Means},
    recorder::Clock,
    sequential,
    share::Sharing,
    watch::{BlockInspector, ResultSink, Watch},
    worker::Caches,
};
use parking_lot::Mutex;
use revm::{DatabaseRef, inspector::NoOpInspector};

/// How an [`Executor`] works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that execute, the caller's among them.
    pub threads: usize,
    /// A block whose transactions may use less gas than this in total runs on one thread: waking
    /// others would cost more than they save. A plain transfer counts for the little work that it
    /// is. Zero always uses all threads.
    pub parallel_gas_min: u64,
    /// Whether [`Way::Sequential`] also records the access list (by revm's own builder).
    pub sequential_access_list: bool,
    /// Whether to record who executes what and when: [`BlockOutput::schedule`]. It takes a look at
    /// the clock before and after each transaction that is executed, plain transfers aside.
    pub record_schedule: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            parallel_gas_min: 2_000_000,
            sequential_access_list: false,
            record_schedule: false,
        }
    }
}

/// An executor's threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "the executor's threads could not be started; allow the process more threads or ask for fewer"
)]
pub struct ThreadsError(#[from] std::io::Error);

/// Executes blocks; keeps its threads and memory from one block to the next.
#[derive(Debug)]
pub struct Executor {
    settings: Settings,
    crew: Crew,
    memory: MvMemory,
    /// Each thread's.
    caches: Vec<Mutex<Caches>>,
}

impl Executor {
    /// An executor with its own threads, in addition to that of whoever has it execute a block.
    ///
    /// # Errors
    ///
    /// The operating system may refuse to start the threads.
    pub fn new(settings: Settings) -> Result<Self, ThreadsError> {
        let threads = settings.threads.max(1);
        let crew = Crew::new(threads - 1)?;
        Ok(Self {
            settings: Settings { threads, ..settings },
            crew,
            memory: MvMemory::new(),
            caches: (0..threads).map(|_| Mutex::default()).collect(),
        })
    }

    /// Executes `block` on the state before it.
    ///
    /// # Errors
    ///
    /// See [`BlockError`]. The executor stays usable.
    pub fn execute<DB: DatabaseRef<Error: 'static> + Sync>(
        &mut self,
        block: &Block<'_>,
        state: &DB,
        way: Way<'_>,
    ) -> Result<BlockOutput, BlockError<DB::Error>> {
        self.execute_watched(block, state, way, Watch::nobody(), &|_| NoOpInspector)
    }

    /// Executes `block` and hands each transaction's result to `results` as soon as it is final,
    /// in block order.
    ///
    /// # Errors
    ///
    /// See [`BlockError`]. Results that were handed out before are void then.
    pub fn execute_streaming<DB: DatabaseRef<Error: 'static> + Sync>(
        &mut self,
        block: &Block<'_>,
        state: &DB,
        way: Way<'_>,
        results: &mut ResultSink<'_, NoOpInspector>,
    ) -> Result<BlockOutput, BlockError<DB::Error>> {
        let watch = Watch { inspectors: None, results: Some(results) };
        self.execute_watched(block, state, way, watch, &|_| NoOpInspector)
    }

    /// Executes `block` with each transaction under an inspector that `inspectors` makes from its
    /// position. `results` gets it back with the result, in block order. A transaction that is
    /// executed twice gets a new inspector each time; only the final one is handed out.
    ///
    /// # Errors
    ///
    /// See [`BlockError`]. Results that were handed out before are void then.
    pub fn execute_inspected<DB, I>(
        &mut self,
        block: &Block<'_>,
        state: &DB,
        way: Way<'_>,
        inspectors: &(dyn Fn(usize) -> I + Sync),
        results: &mut ResultSink<'_, I>,
    ) -> Result<BlockOutput, BlockError<DB::Error>>
    where
        DB: DatabaseRef<Error: 'static> + Sync,
        I: BlockInspector<DB>,
    {
        let watch = Watch { inspectors: Some(inspectors), results: Some(results) };
        self.execute_watched(block, state, way, watch, &|position| inspectors(position))
    }

    fn execute_watched<DB, I>(
        &mut self,
        block: &Block<'_>,
        state: &DB,
        way: Way<'_>,
        watch: Watch<'_, I>,
        inspector: &(impl Fn(usize) -> I + Sync),
    ) -> Result<BlockOutput, BlockError<DB::Error>>
    where
        DB: DatabaseRef<Error: 'static> + Sync,
        I: BlockInspector<DB>,
    {
        let clock = Clock::new(self.settings.record_schedule);
        let list = match way {
            Way::Sequential => {
                let record = self.settings.sequential_access_list;
                return caught(Place::Block, || {
                    sequential::execute(block, state, watch, inspector(0), record, clock)
                });
            }
            Way::Optimistic => None,
            Way::Guided(list) => Some(list),
        };
        let Self { settings, crew, memory, caches } = self;
        let small = || parallel::weight(block) < settings.parallel_gas_min;
        let alone = settings.threads == 1 || (settings.parallel_gas_min > 0 && small());
        let sharing = if alone { Sharing::Alone } else { Sharing::All(crew) };
        // A panic that belongs to no place must not reach the caller either.
        caught(Place::Block, || {
            memory.clear(sharing);
            let means = Means { memory, sharing, caches, clock };
            parallel::execute(block, state, means, list, watch, inspector)
        })
    }
}
