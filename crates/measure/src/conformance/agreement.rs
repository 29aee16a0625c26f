//! Runs one block in every way and compares what comes out.

use crate::{Error, differences, replay::list_to_send};
use heddle_executor::{
    Block, BlockOutput, Executor, MemoryState, Settings, Skipped, Way, revm::context::TxEnv,
};
use std::fmt;

/// Executors for each number of threads, kept from one block to the next.
#[derive(Debug)]
pub(super) struct Runner {
    reference: Executor,
    parallel: Vec<(usize, Executor)>,
}

/// What executing took; unlike a result it depends on timing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Blocks executed, in each way counted.
    pub blocks: u64,
    /// Transactions executed before it was known that all before them were final.
    pub speculative_executions: u64,
    /// Transactions executed again.
    pub reexecutions: u64,
}

/// How the result of one way is not what it must be.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Whether the case ran in a crowd.
    pub crowd: bool,
    /// Which way.
    pub way: &'static str,
    /// On how many threads.
    pub threads: usize,
    /// What differs.
    pub message: String,
}

/// The outcome of one block.
pub(super) struct Comparison {
    /// What the sequential way gave, or its error.
    pub(super) reference: Result<BlockOutput, String>,
    /// Where the other ways differ from it.
    pub(super) differences: Vec<Difference>,
}

impl Runner {
    /// Executors without any threshold: the smallest block runs in parallel too.
    pub(super) fn new(threads: &[usize], sequential_only: bool) -> Result<Self, Error> {
        let executor = |threads| {
            let settings = Settings {
                threads,
                parallel_gas_min: 0,
                sequential_access_list: true,
                ..Settings::default()
            };
            Ok::<_, Error>(Executor::new(settings)?)
        };
        let threads = if sequential_only { &[] } else { threads };
        let parallel = threads.iter().map(|threads| Ok((*threads, executor(*threads)?)));
        Ok(Self { reference: executor(1)?, parallel: parallel.collect::<Result<_, Error>>()? })
    }

    /// Runs `block` in every way, each on every number of threads.
    pub(super) fn compare(
        &mut self,
        block: &Block<'_>,
        state: &MemoryState,
        work: &mut Work,
    ) -> Comparison {
        let reference = run(&mut self.reference, block, state, Way::Sequential, work);
        let list = reference.as_ref().ok().and_then(|output| output.access_list.as_ref());
        let without_skipped =
            reference.clone().map(|output| BlockOutput { skipped: Vec::new(), ..output });
        let mut differences = Vec::new();
        let mut note = |way, threads, result: Result<(), String>| {
            if let Err(message) = result {
                differences.push(Difference { crowd: false, way, threads, message });
            }
        };
        if list.is_none() && reference.is_ok() {
            note("sequential", 1, Err("there is no access list".to_owned()));
        }
        for (threads, executor) in &mut self.parallel {
            let optimistic = run(executor, block, state, Way::Optimistic, work);
            note("optimistic", *threads, same(&reference, &optimistic));
            let Ok(optimistic) = optimistic else { continue };
            let Some(made) = optimistic.access_list else {
                note("optimistic", *threads, Err("there is no access list".to_owned()));
                continue;
            };
            let sent = match list_to_send(made, block.fork) {
                Ok(sent) => sent,
                Err(message) => {
                    note("optimistic", *threads, Err(message));
                    continue;
                }
            };
            // A block that comes with a list holds no candidates any more.
            let included = included(block, &optimistic.skipped);
            let block = Block { transactions: &included, ..block.clone() };
            let guided = run(executor, &block, state, Way::Guided(&sent), work);
            note("guided", *threads, same(&without_skipped, &guided));
        }
        Comparison { reference, differences }
    }
}

fn run(
    executor: &mut Executor,
    block: &Block<'_>,
    state: &MemoryState,
    way: Way<'_>,
    work: &mut Work,
) -> Result<BlockOutput, String> {
    let output = executor.execute(block, state, way).map_err(|error| error.to_string())?;
    work.blocks += 1;
    work.speculative_executions += output.statistics.speculative_executions;
    work.reexecutions += output.statistics.reexecutions;
    Ok(output)
}

/// The transactions of the block that is built from `block` as a list of candidates.
fn included(block: &Block<'_>, skipped: &[Skipped]) -> Vec<TxEnv> {
    let mut skipped = skipped.iter().map(|skipped| skipped.index).peekable();
    let candidates = block.transactions.iter().enumerate();
    candidates
        .filter(|(index, _)| skipped.next_if_eq(index).is_none())
        .map(|(_, transaction)| transaction.clone())
        .collect()
}

/// Compares everything but the statistics; `Err` tells the differences.
fn same(
    expected: &Result<BlockOutput, String>,
    got: &Result<BlockOutput, String>,
) -> Result<(), String> {
    let told = match (expected, got) {
        (Ok(expected), Ok(got)) => differences(expected, got),
        (Err(expected), Err(got)) if expected == got => Vec::new(),
        _ => {
            let shown = |result: &Result<BlockOutput, String>| match result {
                Ok(_) => "an output".to_owned(),
                Err(error) => format!("the error: {error}"),
            };
            vec![format!("{} != {}", shown(expected), shown(got))]
        }
    };
    if told.is_empty() { Ok(()) } else { Err(told.join("\n    ")) }
}

impl Work {
    pub(super) fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.speculative_executions += other.speculative_executions;
        self.reexecutions += other.reexecutions;
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} blocks executed, {} speculative executions, {} re-executions",
            self.blocks, self.speculative_executions, self.reexecutions
        )
    }
}

impl Difference {
    /// The reference itself is not what the test says.
    pub(super) fn of_reference(message: String) -> Self {
        Self { crowd: false, way: "sequential", threads: 1, message }
    }

    /// The same, found in the crowd's block.
    pub(super) fn in_crowd(self) -> Self {
        Self { crowd: true, ..self }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crowd, way, threads, message } = self;
        let place = if *crowd { "in a crowd" } else { "alone" };
        let plural = if *threads == 1 { "" } else { "s" };
        write!(f, "{place}, {way}, {threads} thread{plural}: {message}")
    }
}
