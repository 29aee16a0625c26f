//! `heddle bench`: times parts of Heddle on synthetic work.
//!
//! `heddle bench ecrecover`, `keccak`, `state-root` and `pipeline` are the modules of these names. The
//! rest is `heddle bench executor`, which times the three ways of executing on synthetic blocks.
//! Module by module: `random` (where the draws come from), `workload` (the blocks), `critical` (what
//! waits for what in them), `rounds` (the timing), `memory` (the peak of a process of its own),
//! `statistics`, `report`.

mod critical;
mod ecrecover;
mod keccak;
mod memory;
mod pipeline;
pub(crate) mod random;
mod report;
mod rounds;
mod state_root;
mod statistics;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

pub use ecrecover::BenchEcrecover;
pub use keccak::BenchKeccak;
pub use pipeline::BenchPipeline;
pub use state_root::BenchStateRoot;
pub use workload::{CHAIN_ID, FORK, Workload, WorkloadKind, workload};

use crate::Error;
use heddle_executor::Settings;
use memory::{MemoryOf, Peaks};
use report::Report;
use rounds::Rounds;
use std::{
    env,
    io::{self, Write},
    path::Path,
};

/// Execute synthetic blocks in all three ways, compare everything, and time it.
///
/// Each round executes the block one transaction after the other (sequential), in parallel without
/// prior knowledge (optimistic), in parallel from the access list that the optimistic execution
/// made, in its wire form (guided), and optimistically on one thread. Last come as many sequential
/// executions at once as there are threads ("machine"). They share nothing, so no way of executing
/// gains more from the threads; where others use the machine too, that tells good minutes from bad.
///
/// Only the execution is timed: decoded transactions with known senders and a state in memory go in;
/// receipts with blooms, gas, change set and, of the optimistic way, the access list come out. A
/// round that is not timed comes first; there all ways are compared with each other, the sequential
/// way's access list too.
///
/// Times are medians. A speed-up is the median over the rounds of the sequential time divided by
/// the other one of the same round; its quartiles stand beside it. Those of the times are in the
/// JSON.
///
/// "Path" is the critical path: the longest chain of transactions of which each reads a slot that the
/// one before wrote last, or has its sender, as a part of the block's gas. The JSON has it in time, too,
/// how many transactions wait, and which slots most of them wait for.
///
/// The blocks are drawn by splitmix64 from a fixed seed, so all runs execute the same. Rules of
/// Osaka; EIP-1559 transactions that each pay a tip to the beneficiary; gas limits as a wallet sets
/// them, what is used and a quarter more. All senders, recipients and pools exist and own what they
/// deal in: creating accounts and slots is not what is measured. Every transaction succeeds.
///
/// Exit status: 0 when all is equal, 1 when something differs, 2 when the work cannot be done.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Peak memory is that of a process of its own for each way, which makes the workload and executes it \
once; it is not known on systems without /proc. peak_bytes is the largest resident size of the \
whole process in the optimistic way, state and transactions included; peak_added_bytes is what the \
execution has added to the size before it. The other ways have the same two with their name before \
them.")]
pub struct BenchExecutor {
    /// Which blocks to execute [default: all, in this order]
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    workload: Vec<WorkloadKind>,
    /// Transactions in each block [default: as many as run some 20 to 60 ms sequentially]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    transactions: Option<u32>,
    /// Threads that execute [default: all processors]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Rounds that are timed.
    #[arg(long, value_name = "R", default_value_t = 11,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Print one JSON object a line for each workload.
    #[arg(long)]
    json: bool,
    /// Also print the peak memory of every way; the JSON always holds it.
    #[arg(long)]
    memory: bool,
    /// Executes the one workload once in this way and prints the memory that it took.
    #[arg(long, value_name = "WAY", hide = true)]
    memory_of: Option<MemoryOf>,
}

impl BenchExecutor {
    /// Does it, printing to the standard output. `false` when something differs.
    ///
    /// # Errors
    ///
    /// When a workload cannot be made or the results not be written.
    pub fn run(self) -> Result<bool, Error> {
        let out = &mut io::stdout().lock();
        if let Some(way) = self.memory_of {
            for kind in self.kinds() {
                memory::execute_once(&self.make(kind)?, self.settings(), way, out)?;
            }
            return Ok(true);
        }
        self.run_to(out, env::current_exe().ok().as_deref())
    }

    /// `program` is the binary that executes once for the memory; `None` measures none.
    fn run_to(self, out: &mut impl Write, program: Option<&Path>) -> Result<bool, Error> {
        let settings = self.settings();
        let mut rounds = Rounds::new(settings.clone())?;
        let mut report = Report::new(out, self.json, self.memory);
        report.begin(settings.threads, self.runs)?;
        for kind in self.kinds() {
            let workload = self.make(kind)?;
            let mut measured = rounds.measure(&workload, self.runs)?;
            // The processes need the memory that this one would keep.
            let transactions = workload.transactions.len();
            drop(workload);
            if let (Some(list), Some(program)) = (measured.list.take(), program) {
                let child = memory::Child { program, kind, transactions, settings: &settings };
                measured.peaks = Peaks::measure(&child, &list)?;
            }
            report.workload(&measured)?;
        }
        report.end()
    }

    fn kinds(&self) -> Vec<WorkloadKind> {
        if self.workload.is_empty() { WorkloadKind::ALL.to_vec() } else { self.workload.clone() }
    }

    fn make(&self, kind: WorkloadKind) -> Result<Workload, Error> {
        let transactions = self.transactions.map(|number| number as usize);
        workload(kind, transactions.unwrap_or(kind.transactions_default()))
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        if let Some(threads) = self.threads {
            settings.threads = threads.into();
        }
        settings
    }
}
