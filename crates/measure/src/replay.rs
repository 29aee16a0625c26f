//! `heddle replay`: executes recorded blocks in all three ways, compares everything, and times it.

mod check;
mod report;

use crate::{
    Error, differences,
    recorded::{RecordedBlock, load_folder},
};
use check::header_differences;
pub(crate) use check::list_to_send;
use heddle_executor::{BlockOutput, Executor, Settings, Way};
use heddle_types::AccessList;
use report::{BlockReport, Report};
use std::{
    io::{self, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

/// Execute recorded mainnet blocks in all three ways; compare everything, and time it.
///
/// Each block is executed one transaction after the other (sequential), in parallel without prior
/// knowledge (optimistic), and in parallel from the access list that the optimistic execution made
/// (guided). Gas, receipts root and logs bloom are compared with the block's header, and receipts,
/// every changed value of the state and the access list between the three.
///
/// Only the execution is timed, after a first round that is not. Speed-ups are relative to the
/// sequential execution by revm alone.
///
/// Exit status: 0 when all is equal, 1 when something differs, 2 when the folder is no good.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Folder of recorded blocks, such as fixtures/mainnet: numbered folders with block.json and
    /// pre_state.json, beside codes.json and block_hashes.json.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Threads that execute [default: all processors]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object a line for each block, and one for the total.
    #[arg(long)]
    json: bool,
    /// Execute each block R times in each way, in turn, and tell the medians.
    #[arg(long, value_name = "R", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Execute blocks below this much gas on one thread; 0 always uses all [default: the
    /// executor's own]
    #[arg(long, value_name = "GAS")]
    parallel_gas_min: Option<u64>,
}

impl Replay {
    /// Does it, printing to the standard output. `false` when something differs.
    ///
    /// # Errors
    ///
    /// When the recorded blocks cannot be loaded or the results not be written.
    pub fn run(self) -> Result<bool, Error> {
        self.run_to(&mut io::stdout().lock())
    }

    fn run_to(self, out: &mut impl Write) -> Result<bool, Error> {
        let blocks = load_folder(&self.folder)?;
        let mut executors = Executors::new(self.settings())?;
        let mut report = Report::new(out, self.json);
        report.begin(executors.settings.threads, self.runs)?;
        for block in &blocks {
            report.block(&executors.replay(block, self.runs))?;
        }
        report.end()
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        if let Some(threads) = self.threads {
            settings.threads = threads.into();
        }
        if let Some(gas) = self.parallel_gas_min {
            settings.parallel_gas_min = gas;
        }
        settings
    }
}

/// The executor that is measured, and the one whose result is the right one.
struct Executors {
    settings: Settings,
    measured: Executor,
    /// Sequential, with the access list that revm's own builder makes.
    reference: Executor,
}

impl Executors {
    fn new(settings: Settings) -> Result<Self, Error> {
        let reference = Settings { threads: 1, sequential_access_list: true, ..settings.clone() };
        Ok(Self {
            measured: Executor::new(settings.clone())?,
            reference: Executor::new(reference)?,
            settings,
        })
    }

    fn replay(&mut self, recorded: &RecordedBlock, runs: u32) -> BlockReport {
        let mut report = BlockReport::new(recorded);
        let block = recorded.block();
        let reference = match self.reference.execute(&block, &recorded.state, Way::Sequential) {
            Ok(output) => output,
            Err(error) => {
                report.add("reference", [error.to_string()]);
                return report;
            }
        };
        report.add("header", header_differences(recorded, &reference));
        let mut replayed = Replayed { recorded, reference, report };
        // The first round only brings state and memory of all ways into the caches alike.
        self.run(&mut replayed);
        replayed.report.forget_times();
        for _ in 0..runs {
            self.run(&mut replayed);
        }
        replayed.report.finish();
        replayed.report
    }

    /// Executes the block once in each way.
    fn run(&mut self, replayed: &mut Replayed<'_>) {
        self.execute(replayed, WayName::Sequential, Way::Sequential);
        let optimistic = self.execute(replayed, WayName::Optimistic, Way::Optimistic);
        // An execution that failed has been told.
        let Some(optimistic) = optimistic else { return };
        if let Some(list) = replayed.list_for_guided(optimistic.access_list) {
            self.execute(replayed, WayName::Guided, Way::Guided(&list));
        }
    }

    /// Executes the block, times it, and compares the result with the reference.
    fn execute(
        &mut self,
        replayed: &mut Replayed<'_>,
        name: WayName,
        way: Way<'_>,
    ) -> Option<BlockOutput> {
        let block = replayed.recorded.block();
        let start = Instant::now();
        let result = self.measured.execute(&block, &replayed.recorded.state, way);
        let time = start.elapsed();
        match result {
            Ok(output) => {
                replayed.report.time(name, time);
                let differences = differences(&replayed.reference, &output);
                replayed.report.add(name.as_str(), differences);
                Some(output)
            }
            Err(error) => {
                replayed.report.add(name.as_str(), [error.to_string()]);
                None
            }
        }
    }
}

/// A block on its way through the executions.
struct Replayed<'a> {
    recorded: &'a RecordedBlock,
    reference: BlockOutput,
    report: BlockReport,
}

impl Replayed<'_> {
    /// The optimistic execution's list as a verifier would have it; `None` when there is none.
    fn list_for_guided(&mut self, list: Option<AccessList>) -> Option<AccessList> {
        let Some(list) = list else {
            self.report.add("optimistic", ["there is no access list".to_owned()]);
            return None;
        };
        match list_to_send(list, self.recorded.fork) {
            Ok(list) => Some(list),
            Err(difference) => {
                self.report.add("optimistic", [difference]);
                None
            }
        }
    }
}

/// A way of executing, as it is named in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WayName {
    Sequential,
    Optimistic,
    Guided,
}

impl WayName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Optimistic => "optimistic",
            Self::Guided => "guided",
        }
    }
}

/// The middle one; of an even number the mean of the two in the middle.
fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    let middle = times.len() / 2;
    match times.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(times[middle]),
        _ => Some((times[middle - 1] + times[middle]) / 2),
    }
}

#[cfg(test)]
mod tests;
