//! `heddle bench explorer`: what the explorer costs a development chain under load, and how quick
//! its pages and its index are meanwhile.

mod probe;

use super::{
    LoadError, Shape,
    compare::{FLAGS_OF_BOTH, Program, Stock, free_port, median, on_a_node, words},
    report::Report,
    schedule::Rate,
};
use probe::{Probe, Probed};
use serde::Serialize;
use std::{
    env,
    io::{self, Write},
    time::Duration,
};

/// What the chain is started with.
const FLAGS: &str = "--block-time 100ms --order fifo";

/// Time between pages that are read while a chain works as fast as it can.
const PAGE_INTERVAL: Duration = Duration::from_millis(500);

/// Put a load on `heddle dev` with and without its explorer in turn, while somebody reads pages.
///
/// A round runs both at the given rate, and then both as fast as they take it; the generator runs on
/// the same processors. With the explorer, pages of the newest blocks are read at even intervals (two
/// a second without a rate), and the index is asked how far it is every 20 ms. Figures are medians over the rounds, those of
/// pages and of the index the worst round's.
///
/// Exit status: 0 when each chain mined all in every round, 1 when not, 2 when the work cannot be
/// done.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
JSON: rate: transactions a second that were sent; with_tps, without_tps, ratio: mined a second at \
that rate with the explorer and without, and one by the other; max_with_tps, max_without_tps, \
max_ratio: the same without a rate; page_p50_ms, page_p99_ms, page_max_ms: of block pages at the \
rate, over `pages` requests a round; lag_p99_ms, lag_max_ms: from a block's being seen until the \
index has it, at the rate; max_behind: blocks that the index was behind at most without a rate; \
catch_up_s: how long after the load it had all then.")]
pub struct BenchExplorer {
    #[command(flatten)]
    shape: Shape,
    /// Transactions a second.
    #[arg(long, value_name = "R", default_value_t = 5_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Rounds that are counted.
    #[arg(long, value_name = "R", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Block pages that are read in a round.
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pages: u32,
    /// Flags of `heddle dev`.
    #[arg(long, value_name = "FLAGS", default_value = FLAGS, allow_hyphen_values = true)]
    our_flags: String,
    /// Print one JSON object on one line.
    #[arg(long)]
    json: bool,
}

/// What the rounds came to; its fields are those of the JSON.
#[derive(Debug, Serialize)]
struct Figures {
    workload: &'static str,
    transactions: u64,
    rate: u32,
    rounds: u32,
    with_tps: f64,
    without_tps: f64,
    ratio: f64,
    max_with_tps: f64,
    max_without_tps: f64,
    max_ratio: f64,
    pages: usize,
    page_p50_ms: f64,
    page_p99_ms: f64,
    page_max_ms: f64,
    lag_p99_ms: f64,
    lag_max_ms: f64,
    max_behind: u64,
    catch_up_s: f64,
    result: &'static str,
}

/// A run of one chain.
struct Ran {
    report: Report,
    probed: Option<Probed>,
}

impl BenchExplorer {
    /// Does it, printing to the standard output. `false` when a chain lost something.
    ///
    /// # Errors
    ///
    /// When a node does not start or cannot be prepared, or the results not be written.
    pub fn run(self) -> Result<bool, LoadError> {
        let figures = self.measure()?;
        let mut out = io::stdout().lock();
        if self.json {
            let json = serde_json::to_string(&figures).expect("numbers have a JSON form");
            writeln!(out, "{json}")?;
        } else {
            figures.text(&mut out)?;
        }
        out.flush()?;
        Ok(figures.result == "ok")
    }

    fn measure(&self) -> Result<Figures, LoadError> {
        let rate = Rate::PerSecond(self.rate.into());
        let mut stock = None;
        let (mut at_rate, mut at_max) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            for (rate, rounds) in [(rate, &mut at_rate), (Rate::Max, &mut at_max)] {
                let without = self.once(rate, false, &mut stock)?;
                rounds.push([without, self.once(rate, true, &mut stock)?]);
            }
        }
        Ok(self.figures(&at_rate, &at_max))
    }

    fn once(&self, rate: Rate, with: bool, stock: &mut Option<Stock>) -> Result<Ran, LoadError> {
        let port = free_port()?.to_string();
        let explorer = if with { &["--explorer.port", &port][..] } else { &["--no-explorer"] };
        let flags = [FLAGS_OF_BOTH, &words(&self.our_flags), explorer];
        let program = Program::new(env::current_exe()?, &["dev"], &flags);
        let interval = match rate.per_second() {
            Some(rate) => {
                let seconds = self.shape.transactions as f64 / rate;
                Duration::from_secs_f64(seconds / f64::from(self.pages))
            }
            // What it takes to make pages is not what is measured then.
            None => PAGE_INTERVAL,
        };
        let probe =
            || with.then(|| Probe::start(format!("127.0.0.1:{port}"), interval, self.pages));
        let (report, _node, probe) = on_a_node(&program, &self.shape, rate, stock, probe)?;
        let probed = probe.map(|probe| probe.end(self.shape.timeout())).transpose()?;
        Ok(Ran { report, probed })
    }

    fn figures(&self, at_rate: &[[Ran; 2]], at_max: &[[Ran; 2]]) -> Figures {
        let tps = |rounds: &[[Ran; 2]], which: usize| {
            median(rounds.iter().map(|round| round[which].report.tps).collect())
        };
        let ratio = |rounds: &[[Ran; 2]]| {
            let of = |round: &[Ran; 2]| round[1].report.tps / round[0].report.tps.max(1e-9);
            (median(rounds.iter().map(of).collect()) * 1e3).round() / 1e3
        };
        let worst = |list: &[&Probed], of: &dyn Fn(&Probed) -> f64| {
            list.iter().map(|probed| of(probed)).fold(0.0, f64::max)
        };
        let (paced, pressed) = (probed_of(at_rate), probed_of(at_max));
        let all = || at_rate.iter().chain(at_max).flatten();
        Figures {
            workload: self.shape.workload.name(),
            transactions: self.shape.transactions,
            rate: self.rate,
            rounds: self.rounds,
            with_tps: tps(at_rate, 1),
            without_tps: tps(at_rate, 0),
            ratio: ratio(at_rate),
            max_with_tps: tps(at_max, 1),
            max_without_tps: tps(at_max, 0),
            max_ratio: ratio(at_max),
            pages: paced.iter().map(|probed| probed.pages_ms.len()).min().unwrap_or_default(),
            page_p50_ms: worst(&paced, &|probed| probed.page_ms(0.5)),
            page_p99_ms: worst(&paced, &|probed| probed.page_ms(0.99)),
            page_max_ms: worst(&paced, &|probed| probed.page_ms(1.0)),
            lag_p99_ms: worst(&paced, &|probed| probed.lag_ms(0.99)),
            lag_max_ms: worst(&paced, &|probed| probed.lag_ms(1.0)),
            max_behind: pressed.iter().map(|probed| probed.behind_max).max().unwrap_or_default(),
            catch_up_s: worst(&pressed, &|probed| probed.catch_up.as_secs_f64()),
            result: if all().all(|ran| ran.report.is_well()) { "ok" } else { "wrong" },
        }
    }
}

/// What was seen in the runs with the explorer.
fn probed_of(rounds: &[[Ran; 2]]) -> Vec<&Probed> {
    rounds.iter().filter_map(|[_, with]| with.probed.as_ref()).collect()
}

impl Figures {
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} {}, medians of {} rounds\n\
             at {} a second: {:.0} mined a second with the explorer, {:.0} without: {:.3}\n\
             as fast as can be: {:.0} with, {:.0} without: {:.3}\n\
             block page at that rate: p50 {:.1} p99 {:.1} max {:.1} ms over {} requests\n\
             index behind at that rate: p99 {:.0} max {:.0} ms; as fast as can be: {} blocks, and \
             {:.1} s after the load it had all\n{}",
            self.transactions,
            self.workload,
            self.rounds,
            self.rate,
            self.with_tps,
            self.without_tps,
            self.ratio,
            self.max_with_tps,
            self.max_without_tps,
            self.max_ratio,
            self.page_p50_ms,
            self.page_p99_ms,
            self.page_max_ms,
            self.pages,
            self.lag_p99_ms,
            self.lag_max_ms,
            self.max_behind,
            self.catch_up_s,
            self.result,
        )
    }
}
