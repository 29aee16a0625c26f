//! What `heddle replay` prints.

use super::{WayName, median};
use crate::{Error, recorded::RecordedBlock};
use heddle_types::Fork;
use serde::Serialize;
use std::{io::Write, time::Duration};

/// What replaying one block has shown.
pub(super) struct BlockReport {
    number: u64,
    fork: Fork,
    transactions: usize,
    gas: u64,
    differences: Vec<String>,
    times: [Vec<Duration>; 3],
}

impl BlockReport {
    pub(super) fn new(recorded: &RecordedBlock) -> Self {
        Self {
            number: recorded.number,
            fork: recorded.fork,
            transactions: recorded.transactions.len(),
            gas: recorded.outcome.gas_used,
            differences: Vec::new(),
            times: Default::default(),
        }
    }

    /// Notes differences that were found in what `place` did.
    pub(super) fn add(&mut self, place: &str, differences: impl IntoIterator<Item = String>) {
        self.differences
            .extend(differences.into_iter().map(|difference| format!("{place}: {difference}")));
    }

    pub(super) fn time(&mut self, way: WayName, time: Duration) {
        self.times[way as usize].push(time);
    }

    pub(super) fn forget_times(&mut self) {
        self.times = Default::default();
    }

    /// Tells a difference once, though each run met it.
    pub(super) fn finish(&mut self) {
        let mut told = Vec::new();
        for difference in self.differences.drain(..) {
            if !told.contains(&difference) {
                told.push(difference);
            }
        }
        self.differences = told;
    }

    fn seconds(&self) -> Seconds {
        Seconds(self.times.each_ref().map(|times| median(times.clone()).map(|m| m.as_secs_f64())))
    }
}

/// Seconds for each way, `None` for one that did not come to an end.
#[derive(Clone, Copy)]
struct Seconds([Option<f64>; 3]);

impl Seconds {
    fn milliseconds(self, way: WayName) -> Option<f64> {
        self.0[way as usize].map(|seconds| rounded(seconds * 1e3))
    }

    fn speedup(self, way: WayName) -> Option<f64> {
        let sequential = self.0[WayName::Sequential as usize]?;
        self.0[way as usize].map(|seconds| rounded(sequential / seconds.max(1e-9)))
    }

    fn total(self, way: WayName) -> Option<f64> {
        self.0[way as usize].map(|seconds| (seconds * 1e6).round() / 1e6)
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// Prints block after block as they come, and the total.
pub(super) struct Report<'a, W> {
    out: &'a mut W,
    json: bool,
    blocks: usize,
    transactions: usize,
    gas: u64,
    mismatches: usize,
    seconds: Seconds,
}

impl<'a, W: Write> Report<'a, W> {
    pub(super) fn new(out: &'a mut W, json: bool) -> Self {
        Self {
            out,
            json,
            blocks: 0,
            transactions: 0,
            gas: 0,
            mismatches: 0,
            seconds: Seconds([Some(0.0); 3]),
        }
    }

    pub(super) fn begin(&mut self, threads: usize, runs: u32) -> Result<(), Error> {
        if self.json {
            return Ok(());
        }
        let threads = plural(threads, "thread");
        let runs = plural(runs as usize, "run");
        writeln!(self.out, "{threads}, {runs} of each way; times in milliseconds")?;
        writeln!(
            self.out,
            "{:>10}  {:<14} {:>6} {:>11} {:>11} {:>11} {:>11} {:>11} {:>9}  result",
            "block",
            "fork",
            "txs",
            "gas",
            "sequential",
            "optimistic",
            "guided",
            "optimistic",
            "guided",
        )?;
        Ok(())
    }

    pub(super) fn block(&mut self, block: &BlockReport) -> Result<(), Error> {
        let seconds = block.seconds();
        self.blocks += 1;
        self.transactions += block.transactions;
        self.gas += block.gas;
        self.mismatches += usize::from(!block.differences.is_empty());
        for (total, seconds) in self.seconds.0.iter_mut().zip(seconds.0) {
            *total = total.zip(seconds).map(|(total, seconds)| total + seconds);
        }
        if self.json { self.block_json(block, seconds) } else { self.block_text(block, seconds) }
    }

    fn block_text(&mut self, block: &BlockReport, seconds: Seconds) -> Result<(), Error> {
        let result = if block.differences.is_empty() { "equal" } else { "DIFFERENT" };
        let first = format!("{:>10}  {:<14}", block.number, format!("{:?}", block.fork));
        self.row(&first, block.transactions, block.gas, seconds, result)?;
        for difference in &block.differences {
            writeln!(self.out, "    block {}, {difference}", block.number)?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        first: &str,
        transactions: usize,
        gas: u64,
        seconds: Seconds,
        result: &str,
    ) -> Result<(), Error> {
        let time = |way| number(seconds.milliseconds(way), 3, "");
        let speedup = |way| number(seconds.speedup(way), 2, "x");
        writeln!(
            self.out,
            "{first} {transactions:>6} {gas:>11} {:>11} {:>11} {:>11} {:>11} {:>9}  {result}",
            time(WayName::Sequential),
            time(WayName::Optimistic),
            time(WayName::Guided),
            speedup(WayName::Optimistic),
            speedup(WayName::Guided),
        )?;
        Ok(())
    }

    fn block_json(&mut self, block: &BlockReport, seconds: Seconds) -> Result<(), Error> {
        self.json_line(&BlockLine {
            block: block.number,
            fork: format!("{:?}", block.fork),
            transactions: block.transactions,
            gas: block.gas,
            sequential_ms: seconds.milliseconds(WayName::Sequential),
            optimistic_ms: seconds.milliseconds(WayName::Optimistic),
            guided_ms: seconds.milliseconds(WayName::Guided),
            optimistic_speedup: seconds.speedup(WayName::Optimistic),
            guided_speedup: seconds.speedup(WayName::Guided),
            result: if block.differences.is_empty() { "equal" } else { "different" },
            differences: &block.differences,
        })
    }

    /// Prints the total; `false` when a block differed.
    pub(super) fn end(mut self) -> Result<bool, Error> {
        if self.json {
            self.json_line(&TotalLine {
                total: true,
                blocks: self.blocks,
                transactions: self.transactions,
                gas: self.gas,
                sequential_s: self.seconds.total(WayName::Sequential),
                optimistic_s: self.seconds.total(WayName::Optimistic),
                guided_s: self.seconds.total(WayName::Guided),
                optimistic_speedup: self.seconds.speedup(WayName::Optimistic),
                guided_speedup: self.seconds.speedup(WayName::Guided),
                mismatches: self.mismatches,
            })?;
        } else {
            self.end_text()?;
        }
        self.out.flush()?;
        Ok(self.mismatches == 0)
    }

    fn end_text(&mut self) -> Result<(), Error> {
        let result = match self.mismatches {
            0 => "all equal".to_owned(),
            blocks => format!("{} DIFFERENT", plural(blocks, "block")),
        };
        let first = format!("{:>10}  {:<14}", "total", plural(self.blocks, "block"));
        self.row(&first, self.transactions, self.gas, self.seconds, &result)?;
        let seconds = |way| number(self.seconds.total(way), 3, " s");
        writeln!(
            self.out,
            "total: sequential {}, optimistic {} ({}), guided {} ({})",
            seconds(WayName::Sequential),
            seconds(WayName::Optimistic),
            number(self.seconds.speedup(WayName::Optimistic), 2, "x"),
            seconds(WayName::Guided),
            number(self.seconds.speedup(WayName::Guided), 2, "x"),
        )?;
        Ok(())
    }

    fn json_line(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(line).expect("numbers and strings have a JSON form");
        writeln!(self.out, "{text}")?;
        Ok(())
    }
}

#[derive(Serialize)]
struct BlockLine<'a> {
    block: u64,
    fork: String,
    transactions: usize,
    gas: u64,
    sequential_ms: Option<f64>,
    optimistic_ms: Option<f64>,
    guided_ms: Option<f64>,
    optimistic_speedup: Option<f64>,
    guided_speedup: Option<f64>,
    result: &'static str,
    differences: &'a [String],
}

#[derive(Serialize)]
struct TotalLine {
    total: bool,
    blocks: usize,
    transactions: usize,
    gas: u64,
    sequential_s: Option<f64>,
    optimistic_s: Option<f64>,
    guided_s: Option<f64>,
    optimistic_speedup: Option<f64>,
    guided_speedup: Option<f64>,
    mismatches: usize,
}

fn number(number: Option<f64>, digits: usize, unit: &str) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}{unit}"))
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
