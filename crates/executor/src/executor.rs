//! The one entry.

use crate::{
    Block, BlockError, BlockOutput, Way, evm::BlockContext, sequential,
    sequential_state::SequentialState, watch::Watch,
};
use revm::{DatabaseRef, Inspector, inspector::NoOpInspector};

/// How an [`Executor`] works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that execute, at least one.
    pub threads: usize,
    /// A block below this much gas limit in total runs on one thread: waking others would cost
    /// more than they save. Zero always uses all threads.
    pub parallel_gas_min: u64,
    /// Whether [`Way::Sequential`] also records the access list (by revm's own builder).
    pub sequential_access_list: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            parallel_gas_min: 1_000_000,
            sequential_access_list: false,
        }
    }
}

/// Executes blocks; keeps its threads and memory from one block to the next.
#[derive(Debug)]
pub struct Executor {
    settings: Settings,
}

impl Executor {
    /// An executor with its own threads.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
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
        self.execute_watched(block, state, way, Watch::nobody(), |_| NoOpInspector)
    }

    fn execute_watched<DB, I>(
        &mut self,
        block: &Block<'_>,
        state: &DB,
        way: Way<'_>,
        watch: Watch<'_, I>,
        inspector: impl Fn(usize) -> I,
    ) -> Result<BlockOutput, BlockError<DB::Error>>
    where
        DB: DatabaseRef<Error: 'static> + Sync,
        I: for<'a> Inspector<BlockContext<'a, SequentialState<'a, DB>>>,
    {
        let _ = way;
        let list = self.settings.sequential_access_list;
        sequential::execute(block, state, watch, inspector(0), list)
    }
}
