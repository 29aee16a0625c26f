//! What `heddle bench executor` prints.

use super::{
    critical::HotSlot,
    memory::{Peak, Peaks},
    rounds::{Measured, Series},
    statistics::Quartiles,
};
use crate::Error;
use serde::Serialize;
use std::io::Write;

/// Prints workload after workload as they come.
pub(super) struct Report<'a, W> {
    out: &'a mut W,
    json: bool,
    memory: bool,
    is_equal: bool,
}

impl<'a, W: Write> Report<'a, W> {
    pub(super) const fn new(out: &'a mut W, json: bool, memory: bool) -> Self {
        Self { out, json, memory, is_equal: true }
    }

    pub(super) fn begin(&mut self, threads: usize, runs: u32) -> Result<(), Error> {
        if self.json {
            return Ok(());
        }
        let s = |count: usize| if count == 1 { "" } else { "s" };
        writeln!(
            self.out,
            "{threads} thread{}, {runs} round{}; medians, times in milliseconds; speed-ups against \
             sequential with quartiles",
            s(threads),
            s(runs as usize),
        )?;
        writeln!(
            self.out,
            "{:<17} {:>8} {:>11} {:>11} {:>11} {:>11}   {:<18} {:<18} {:<18} {:<18} {:>8} {:>7} {:>9}",
            "workload",
            "txs",
            "sequential",
            "optimistic",
            "guided",
            "one thread",
            "optimistic",
            "guided",
            "one thread",
            "machine",
            "retries",
            "path",
            "peak MB",
        )?;
        self.out.flush()?;
        Ok(())
    }

    pub(super) fn workload(&mut self, measured: &Measured) -> Result<(), Error> {
        self.is_equal &= measured.differences.is_empty();
        if self.json {
            let line = serde_json::to_string(&Line::new(measured))
                .expect("numbers and strings have a JSON form");
            writeln!(self.out, "{line}")?;
        } else {
            self.row(measured)?;
        }
        self.out.flush()?;
        Ok(())
    }

    fn row(&mut self, measured: &Measured) -> Result<(), Error> {
        let time = |series| match measured.seconds(series) {
            Some(seconds) => format!("{:.2}", seconds.median * 1e3),
            None => "-".to_owned(),
        };
        let speedup = |series| match measured.speedup(series) {
            Some(Quartiles { first, median, third }) => {
                format!("{median:.2}x ({first:.2}-{third:.2})")
            }
            None => "-".to_owned(),
        };
        let or_dash = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
        writeln!(
            self.out,
            "{:<17} {:>8} {:>11} {:>11} {:>11} {:>11}   {:<18} {:<18} {:<18} {:<18} {:>8} {:>7} {:>9}{}",
            measured.kind.name(),
            measured.transactions,
            time(Series::Sequential),
            time(Series::Optimistic),
            time(Series::Guided),
            time(Series::OneThread),
            speedup(Series::Optimistic),
            speedup(Series::Guided),
            speedup(Series::OneThread),
            speedup(Series::AtOnce),
            or_dash(measured.retries().map(|retries| retries.to_string())),
            or_dash(measured.path.as_ref().map(|path| format!("{:.1} %", 100.0 * path.gas_share))),
            or_dash(measured.peaks.map(|peaks| megabytes(peaks.optimistic.whole))),
            if measured.differences.is_empty() { "" } else { "  DIFFERENT" },
        )?;
        for difference in &measured.differences {
            writeln!(self.out, "    {difference}")?;
        }
        if self.memory { self.peaks(measured.peaks) } else { Ok(()) }
    }

    fn peaks(&mut self, peaks: Option<Peaks>) -> Result<(), Error> {
        let Some(Peaks { sequential, optimistic, guided }) = peaks else {
            writeln!(self.out, "    peak memory: not known")?;
            return Ok(());
        };
        let ways = [("sequential", sequential), ("optimistic", optimistic), ("guided", guided)];
        for (name, Peak { whole, added }) in ways {
            writeln!(
                self.out,
                "    peak memory, {name:<10} {:>8} MB ({:.2}x), of it {:>8} MB by executing ({:.2}x)",
                megabytes(whole),
                whole as f64 / sequential.whole.max(1) as f64,
                megabytes(added),
                added as f64 / sequential.added.max(1) as f64,
            )?;
        }
        Ok(())
    }

    /// `false` when something differed.
    pub(super) const fn end(self) -> Result<bool, Error> {
        Ok(self.is_equal)
    }
}

impl Measured {
    fn seconds(&self, series: Series) -> Option<Quartiles> {
        Quartiles::of(self.rounds.iter().map(|round| round[series as usize]))
    }

    /// How many times as fast as the sequential way of the same round.
    fn speedup(&self, series: Series) -> Option<Quartiles> {
        let blocks = if series == Series::AtOnce { self.threads as f64 } else { 1.0 };
        Quartiles::of(self.rounds.iter().map(|round| {
            let seconds = round[series as usize].max(f64::MIN_POSITIVE);
            blocks * round[Series::Sequential as usize] / seconds
        }))
    }

    fn retries(&self) -> Option<u64> {
        let retries = self.retries.iter().map(|retries| *retries as f64);
        Quartiles::of(retries).map(|quartiles| quartiles.median.round() as u64)
    }
}

/// One workload as JSON: first what every reader wants, then the rest.
#[derive(Serialize)]
struct Line<'a> {
    workload: &'static str,
    transactions: usize,
    threads: usize,
    runs: usize,
    sequential_s: Option<f64>,
    optimistic_s: Option<f64>,
    guided_s: Option<f64>,
    one_thread_s: Option<f64>,
    retries: Option<u64>,
    /// The critical path, as a part of the block's gas and of its sequential time.
    path_gas_share: Option<f64>,
    path_time_share: Option<f64>,
    /// Transactions that wait for another one's slot, and the slots that most wait for.
    waiting: Option<usize>,
    hot_slots: &'a [HotSlot],
    peak_bytes: Option<u64>,
    peak_added_bytes: Option<u64>,
    sequential_peak_bytes: Option<u64>,
    sequential_peak_added_bytes: Option<u64>,
    guided_peak_bytes: Option<u64>,
    guided_peak_added_bytes: Option<u64>,
    optimistic_speedup: Option<f64>,
    guided_speedup: Option<f64>,
    one_thread_ratio: Option<f64>,
    /// How much more the machine gets done with so many sequential executions at once.
    machine_speedup: Option<f64>,
    /// First and third quartile, as all that follow.
    sequential_s_quartiles: Option<[f64; 2]>,
    optimistic_s_quartiles: Option<[f64; 2]>,
    guided_s_quartiles: Option<[f64; 2]>,
    one_thread_s_quartiles: Option<[f64; 2]>,
    optimistic_speedup_quartiles: Option<[f64; 2]>,
    guided_speedup_quartiles: Option<[f64; 2]>,
    one_thread_ratio_quartiles: Option<[f64; 2]>,
    machine_speedup_quartiles: Option<[f64; 2]>,
    gas: u64,
    result: &'static str,
    differences: &'a [String],
}

impl<'a> Line<'a> {
    fn new(measured: &'a Measured) -> Self {
        let seconds = |series| measured.seconds(series).map(|seconds| rounded(seconds.median, 1e9));
        let speedup = |series| measured.speedup(series).map(|speedup| rounded(speedup.median, 1e4));
        let outer = |quartiles: Option<Quartiles>, unit| {
            quartiles.map(|it| [rounded(it.first, unit), rounded(it.third, unit)])
        };
        let seconds_quartiles = |series| outer(measured.seconds(series), 1e9);
        let speedup_quartiles = |series| outer(measured.speedup(series), 1e4);
        let (peaks, path) = (measured.peaks, measured.path.as_ref());
        Self {
            workload: measured.kind.name(),
            transactions: measured.transactions,
            threads: measured.threads,
            runs: measured.rounds.len(),
            sequential_s: seconds(Series::Sequential),
            optimistic_s: seconds(Series::Optimistic),
            guided_s: seconds(Series::Guided),
            one_thread_s: seconds(Series::OneThread),
            retries: measured.retries(),
            path_gas_share: path.map(|path| rounded(path.gas_share, 1e4)),
            path_time_share: path.map(|path| rounded(path.time_share, 1e4)),
            waiting: path.map(|path| path.waiting),
            hot_slots: path.map_or(&[], |path| &path.hot),
            peak_bytes: peaks.map(|peaks| peaks.optimistic.whole),
            peak_added_bytes: peaks.map(|peaks| peaks.optimistic.added),
            sequential_peak_bytes: peaks.map(|peaks| peaks.sequential.whole),
            sequential_peak_added_bytes: peaks.map(|peaks| peaks.sequential.added),
            guided_peak_bytes: peaks.map(|peaks| peaks.guided.whole),
            guided_peak_added_bytes: peaks.map(|peaks| peaks.guided.added),
            optimistic_speedup: speedup(Series::Optimistic),
            guided_speedup: speedup(Series::Guided),
            one_thread_ratio: speedup(Series::OneThread),
            machine_speedup: speedup(Series::AtOnce),
            sequential_s_quartiles: seconds_quartiles(Series::Sequential),
            optimistic_s_quartiles: seconds_quartiles(Series::Optimistic),
            guided_s_quartiles: seconds_quartiles(Series::Guided),
            one_thread_s_quartiles: seconds_quartiles(Series::OneThread),
            optimistic_speedup_quartiles: speedup_quartiles(Series::Optimistic),
            guided_speedup_quartiles: speedup_quartiles(Series::Guided),
            one_thread_ratio_quartiles: speedup_quartiles(Series::OneThread),
            machine_speedup_quartiles: speedup_quartiles(Series::AtOnce),
            gas: measured.gas,
            result: if measured.differences.is_empty() { "equal" } else { "different" },
            differences: &measured.differences,
        }
    }
}

fn rounded(number: f64, unit: f64) -> f64 {
    (number * unit).round() / unit
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
