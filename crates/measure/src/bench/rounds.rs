//! The timing: the ways in turn, round after round.

use super::{FORK, Workload, WorkloadKind, critical::CriticalPath};
use crate::{Error, differences, replay::list_to_send};
use alloy_primitives::Bytes;
use heddle_executor::{BlockOutput, Executor, Settings, Way};
use heddle_types::AccessList;
use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

/// What is timed in a round, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    Sequential,
    Optimistic,
    Guided,
    /// Optimistic on one thread.
    OneThread,
    /// As many sequential executions at once as there are threads: what the machine can do at best.
    AtOnce,
}

/// How many series there are.
const SERIES: usize = 5;

impl Series {
    /// Those that execute the block once, in this order; the last series comes after them.
    const ONCE: [Self; SERIES - 1] =
        [Self::Sequential, Self::Optimistic, Self::Guided, Self::OneThread];

    const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Optimistic => "optimistic",
            Self::Guided => "guided",
            Self::OneThread => "optimistic on one thread",
            Self::AtOnce => "sequential, several at once",
        }
    }

    const fn way(self, list: &AccessList) -> Way<'_> {
        match self {
            Self::Sequential | Self::AtOnce => Way::Sequential,
            Self::Optimistic | Self::OneThread => Way::Optimistic,
            Self::Guided => Way::Guided(list),
        }
    }
}

/// What the rounds of one workload have shown.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) kind: WorkloadKind,
    pub(super) transactions: usize,
    pub(super) gas: u64,
    pub(super) threads: usize,
    /// Seconds of each round; no round when something differed.
    pub(super) rounds: Vec<[f64; SERIES]>,
    /// Transactions that the optimistic way executed again, for each round.
    pub(super) retries: Vec<u64>,
    /// What waits for what; unknown when something differed.
    pub(super) path: Option<CriticalPath>,
    /// What differed between the ways, each line with the way's name.
    pub(super) differences: Vec<String>,
    /// The block's access list in its wire form.
    pub(super) list: Option<Bytes>,
    /// Memory, as far as it was measured.
    pub(super) peaks: Option<super::Peaks>,
}

/// The executors that are timed.
pub(super) struct Rounds {
    threads: usize,
    all_threads: Executor,
    one_thread: Executor,
    /// One for each thread.
    at_once: Vec<Executor>,
}

impl Rounds {
    pub(super) fn new(settings: Settings) -> Result<Self, Error> {
        let alone = || Executor::new(Settings { threads: 1, ..settings.clone() });
        Ok(Self {
            threads: settings.threads,
            one_thread: alone()?,
            at_once: (0..settings.threads).map(|_| alone()).collect::<Result<_, _>>()?,
            all_threads: Executor::new(settings)?,
        })
    }

    /// Executes the workload in each way: once to compare, then `runs` times to time it.
    pub(super) fn measure(&mut self, workload: &Workload, runs: u32) -> Result<Measured, Error> {
        let mut measured = Measured {
            kind: workload.kind,
            transactions: workload.transactions.len(),
            gas: 0,
            threads: self.threads,
            rounds: Vec::new(),
            retries: Vec::new(),
            path: None,
            differences: Vec::new(),
            list: None,
            peaks: None,
        };
        let Some(list) = self.compare(workload, &mut measured)? else { return Ok(measured) };
        for _ in 0..runs {
            self.time(workload, &list, &mut measured);
        }
        measured.list = Some(alloy_rlp::encode(&list.accounts).into());
        Ok(measured)
    }

    /// The round that is not timed: brings state and memory of all ways into the caches alike, and
    /// returns the access list when all ways are equal.
    fn compare(
        &mut self,
        workload: &Workload,
        measured: &mut Measured,
    ) -> Result<Option<AccessList>, Error> {
        let reference = reference(workload)?;
        measured.gas = reference.gas_used;
        let mut list = AccessList::default();
        for series in Series::ONCE {
            let output = match self.execute(workload, series, &list) {
                Ok(output) => output,
                Err(error) => {
                    measured.differences.push(format!("{}: {error}", series.name()));
                    return Ok(None);
                }
            };
            let mut found = differences(&reference, &output);
            if series == Series::Optimistic {
                let made = output.access_list.ok_or("there is no access list".to_owned());
                match made.and_then(|made| list_to_send(made, FORK)) {
                    Ok(wire) => list = wire,
                    Err(difference) => found.push(difference),
                }
            }
            let lines = found.into_iter().map(|line| format!("{}: {line}", series.name()));
            measured.differences.extend(lines);
            // A wrong list would only be rejected.
            if !measured.differences.is_empty() {
                return Ok(None);
            }
        }
        measured.path = Some(CriticalPath::of(workload, &reference.receipts)?);
        Ok(Some(list))
    }

    /// One round. A way that fails now, after it went well before, is told as a difference.
    fn time(&mut self, workload: &Workload, list: &AccessList, measured: &mut Measured) {
        let mut seconds = [0.0; SERIES];
        for series in Series::ONCE {
            let block = workload.block();
            let executor = self.executor(series);
            let start = Instant::now();
            let result = executor.execute(&block, &workload.state, series.way(list));
            let time = start.elapsed();
            match result {
                Ok(output) if series == Series::Optimistic => {
                    measured.retries.push(output.statistics.reexecutions);
                }
                Ok(_) => {}
                Err(error) => measured.differences.push(format!("{}: {error}", series.name())),
            }
            seconds[series as usize] = time.as_secs_f64();
        }
        seconds[Series::AtOnce as usize] = self.time_at_once(workload);
        measured.rounds.push(seconds);
    }

    /// Executes the block sequentially on every thread, all at the same time. The threads are new,
    /// so each executes it once before, to have memory to work with as the other series have.
    fn time_at_once(&mut self, workload: &Workload) -> f64 {
        let start_line = Barrier::new(self.at_once.len());
        let run = |executor: &mut Executor| {
            let block = workload.block();
            let mut time = Duration::ZERO;
            for _ in 0..2 {
                start_line.wait();
                let start = Instant::now();
                // What it gives was compared before.
                let output = executor.execute(&block, &workload.state, Way::Sequential);
                time = start.elapsed();
                drop(output);
            }
            time.as_secs_f64()
        };
        let run = &run;
        std::thread::scope(|scope| {
            let all = self.at_once.iter_mut().map(|executor| scope.spawn(move || run(executor)));
            let all: Vec<_> = all.collect();
            let times = all.into_iter().map(|thread| thread.join().unwrap_or(f64::NAN));
            times.fold(0.0, f64::max)
        })
    }

    fn execute(
        &mut self,
        workload: &Workload,
        series: Series,
        list: &AccessList,
    ) -> Result<BlockOutput, String> {
        let result =
            self.executor(series).execute(&workload.block(), &workload.state, series.way(list));
        result.map_err(|error| error.to_string())
    }

    const fn executor(&mut self, series: Series) -> &mut Executor {
        match series {
            Series::Optimistic | Series::Guided => &mut self.all_threads,
            Series::Sequential | Series::OneThread | Series::AtOnce => &mut self.one_thread,
        }
    }
}

/// The right output: sequential, with the access list that revm's own builder makes.
fn reference(workload: &Workload) -> Result<BlockOutput, Error> {
    let settings = Settings { threads: 1, sequential_access_list: true, ..Settings::default() };
    let mut executor = Executor::new(settings)?;
    let failed = |what: String| Error::Workload { name: workload.kind.name(), what };
    let output = executor
        .execute(&workload.block(), &workload.state, Way::Sequential)
        .map_err(|error| failed(error.to_string()))?;
    match output.receipts.iter().position(|receipt| !receipt.success) {
        Some(index) => Err(failed(format!("transaction {index} does not succeed"))),
        None => Ok(output),
    }
}
