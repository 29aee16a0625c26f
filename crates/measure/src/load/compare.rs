//! `heddle bench compare`: Heddle's development chain and anvil, in turn, under the same load.

mod node;

use super::{
    LoadError, Run, Shape,
    account::{Account, MNEMONIC},
    client::Client,
    plan::{Batch, Plan},
    prepare::prepare,
    report::Report,
    sample::Process,
    schedule::Rate,
    sign,
};
use node::find_anvil;
pub(super) use node::{Node, Program, free_port};
use serde::Serialize;
use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// Flags that both take, so that neither is held back by anything but its own work: no bound of a
/// block's gas, so that the base fee does not rise, and nothing printed.
pub(super) const FLAGS_OF_BOTH: &[&str] = &["--disable-block-gas-limit", "--silent"];

/// What Heddle is started with.
const OUR_FLAGS: &str = "--block-time 100ms --order fifo";

/// What anvil is tried with. Mining each transaction at once, its default, leaves transactions
/// behind under such a load.
const ANVIL_FLAGS: [&str; 2] = [
    "--block-time 1 --order fifo --no-request-size-limit",
    "--block-time 2 --order fifo --no-request-size-limit",
];

/// Put the same transactions on `heddle dev` and on anvil in turn, and compare what they mine.
///
/// Both run on this machine, one at a time, and get the same signed bytes over the same number of
/// connections, in the same batches. A round runs Heddle, then anvil; figures are medians over the
/// rounds. Transactions a second are all that were mined, by the time from the first sending until
/// the last block with one of them was seen.
///
/// anvil is tried once with each set of flags before the rounds, and the fastest is taken.
///
/// Exit status: 0 when each node mined all in every round and everything adds up, 1 when not, 2 when
/// the work cannot be done.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Both are started with --disable-block-gas-limit --silent besides, on the chain id 31337 with the \
usual accounts.")]
pub struct BenchCompare {
    #[command(flatten)]
    shape: Shape,
    /// Rounds that are counted.
    #[arg(long, value_name = "R", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// The program anvil [default: on the PATH, else in e2e/node_modules]
    #[arg(long, value_name = "PATH")]
    anvil: Option<PathBuf>,
    /// Flags of anvil; may be given more than once, then each set is tried.
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    anvil_flags: Vec<String>,
    /// Flags of `heddle dev`.
    #[arg(long, value_name = "FLAGS", default_value = OUR_FLAGS, allow_hyphen_values = true)]
    our_flags: String,
    /// Print one JSON object on one line.
    #[arg(long)]
    json: bool,
}

/// What the rounds came to; its fields are those of the JSON.
#[derive(Debug, Serialize)]
struct Comparison {
    workload: &'static str,
    transactions: u64,
    connections: u64,
    batch: u64,
    rounds: usize,
    ours_tps: f64,
    anvil_tps: f64,
    /// The median over the rounds of our figure divided by anvil's of the same round.
    ratio: f64,
    /// Accepted and never mined, of both in all rounds.
    stranded: u64,
    ours_version: String,
    ours_flags: String,
    anvil_version: String,
    anvil_flags: String,
    ours: Vec<Round>,
    anvil: Vec<Round>,
    /// Each set of flags that anvil was tried with, and what it came to.
    tried: Vec<(String, f64)>,
    result: &'static str,
}

/// One run of one node.
#[derive(Debug, Serialize)]
struct Round {
    tps: f64,
    accepted_tps: f64,
    p50_ms: f64,
    p99_ms: f64,
    node_cpu_us_per_transaction: Option<f64>,
    generator_cpu_us_per_transaction: Option<f64>,
    resident_bytes_max: Option<u64>,
    rejected: u64,
    failed: u64,
    stranded: u64,
    result: &'static str,
}

impl Round {
    fn new(report: &Report) -> Self {
        Self {
            tps: report.tps,
            accepted_tps: report.accepted_tps,
            p50_ms: report.latency_ms.p50,
            p99_ms: report.latency_ms.p99,
            node_cpu_us_per_transaction: report.node_cpu_us_per_transaction,
            generator_cpu_us_per_transaction: report.generator_cpu_us_per_transaction,
            resident_bytes_max: report.node_resident_bytes_max,
            rejected: report.rejected,
            failed: report.failed,
            stranded: report.stranded + report.lost + report.unsent,
            result: report.result,
        }
    }
}

/// What is signed once and sent to all.
pub(super) type Stock = (Plan, Vec<Arc<Batch>>, Duration);

/// Starts a node and puts a load on it. What is signed for the first is sent to all. `before` is
/// called when all is ready, and what it gives is handed back, with the node, which still runs.
pub(super) fn on_a_node<T>(
    program: &Program,
    shape: &Shape,
    rate: Rate,
    stock: &mut Option<Stock>,
    before: impl FnOnce() -> T,
) -> Result<(Report, Node, T), LoadError> {
    let node = Node::start(program)?;
    let funders = Account::of_phrase(MNEMONIC)?;
    let mut client = Client::new(node.endpoint.clone(), shape.timeout());
    let wanted = shape.wanted(&funders);
    let (mut plan, facts) = prepare(&mut client, wanted, shape.timeout())?;
    let (signed_for, batches, signing) = stock.get_or_insert_with(|| {
        let start = Instant::now();
        let batches = sign::all(&plan);
        (plan.clone(), batches, start.elapsed())
    });
    // Its base fee may have been another when the fees were chosen; they are still enough.
    plan.fees = signed_for.fees;
    if plan != *signed_for {
        return Err(LoadError::OtherChain("chain id, nonces or contracts differ"));
    }
    let manner = shape.manner(rate, Some(Process::new(node.id())), None);
    let run = Run { shape, endpoint: &node.endpoint, plan: &plan, facts: &facts, manner: &manner };
    let given = before();
    let report = run.carry_out(&mut client, Some(batches), Some(*signing))?;
    Ok((report, node, given))
}

impl BenchCompare {
    /// Does it, printing to the standard output. `false` when a node lost something.
    ///
    /// # Errors
    ///
    /// When a node does not start or cannot be prepared, or the results not be written.
    pub fn run(self) -> Result<bool, LoadError> {
        let comparison = self.compare()?;
        let mut out = io::stdout().lock();
        if self.json {
            let json = serde_json::to_string(&comparison).expect("numbers have a JSON form");
            writeln!(out, "{json}")?;
        } else {
            comparison.text(&mut out)?;
        }
        out.flush()?;
        Ok(comparison.result == "ok")
    }

    fn compare(&self) -> Result<Comparison, LoadError> {
        let program = env::current_exe()?;
        let ours = Program::new(program, &["dev"], &[FLAGS_OF_BOTH, &words(&self.our_flags)]);
        let anvil = find_anvil(self.anvil.as_deref())?;
        let with = |flags: &str| Program::new(anvil.clone(), &[], &[FLAGS_OF_BOTH, &words(flags)]);
        let given = self.anvil_flags.iter().map(String::as_str);
        let mut sets: Vec<&str> = given.collect();
        if sets.is_empty() {
            sets.extend(ANVIL_FLAGS);
        }
        let mut stock = None;
        let mut tried = Vec::new();
        if sets.len() > 1 {
            for flags in &sets {
                let report = self.once(&with(flags), &mut stock)?;
                // What does not mine all is not fast, whatever it mines.
                tried.push(((*flags).to_owned(), if report.is_well() { report.tps } else { 0.0 }));
            }
        }
        let best = tried.iter().max_by(|left, right| left.1.total_cmp(&right.1));
        let best = best.map_or(sets[0].to_owned(), |(flags, _)| flags.clone());
        let best = with(&best);
        let (mut of_ours, mut of_anvil) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            of_ours.push(self.once(&ours, &mut stock)?);
            of_anvil.push(self.once(&best, &mut stock)?);
        }
        Ok(self.comparison([&ours, &best], &of_ours, &of_anvil, tried))
    }

    /// Starts a node, puts the load on it, and ends it.
    fn once(&self, program: &Program, stock: &mut Option<Stock>) -> Result<Report, LoadError> {
        let (report, _node, ()) = on_a_node(program, &self.shape, Rate::Max, stock, || ())?;
        Ok(report)
    }

    fn comparison(
        &self,
        [ours, anvil]: [&Program; 2],
        of_ours: &[Report],
        of_anvil: &[Report],
        tried: Vec<(String, f64)>,
    ) -> Comparison {
        let rounds = |reports: &[Report]| reports.iter().map(Round::new).collect::<Vec<_>>();
        let (ours_rounds, anvil_rounds) = (rounds(of_ours), rounds(of_anvil));
        let tps = |rounds: &[Round]| rounds.iter().map(|round| round.tps).collect::<Vec<_>>();
        let (ours_tps, anvil_tps) = (tps(&ours_rounds), tps(&anvil_rounds));
        let ratios = ours_tps.iter().zip(&anvil_tps).map(|(ours, anvil)| ours / anvil.max(1e-9));
        let all = || ours_rounds.iter().chain(&anvil_rounds);
        let is_well = all().all(|round| round.result == "ok");
        let version =
            |reports: &[Report]| reports.first().map_or(String::new(), |it| it.node.clone());
        Comparison {
            workload: self.shape.workload.name(),
            transactions: self.shape.transactions,
            connections: self.shape.connections,
            batch: self.shape.batch,
            rounds: of_ours.len(),
            ratio: (median(ratios.collect()) * 1e3).round() / 1e3,
            ours_tps: median(ours_tps),
            anvil_tps: median(anvil_tps),
            stranded: all().map(|round| round.stranded).sum(),
            ours_version: version(of_ours),
            ours_flags: ours.flags(),
            anvil_version: version(of_anvil),
            anvil_flags: anvil.flags(),
            ours: ours_rounds,
            anvil: anvil_rounds,
            tried,
            result: if is_well { "ok" } else { "wrong" },
        }
    }
}

impl Comparison {
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { workload, transactions, connections, batch, .. } = self;
        writeln!(
            out,
            "{transactions} {workload} over {connections} connections, {batch} a request; medians of \
             {} rounds",
            self.rounds
        )?;
        for (flags, tps) in &self.tried {
            writeln!(out, "tried   anvil {flags}: {tps:.0} a second")?;
        }
        let nodes = [
            ("heddle", &self.ours_version, &self.ours_flags, self.ours_tps, &self.ours),
            ("anvil", &self.anvil_version, &self.anvil_flags, self.anvil_tps, &self.anvil),
        ];
        for (name, version, flags, tps, rounds) in nodes {
            writeln!(out, "{name:<7} {tps:.0} mined a second   ({version}, {flags})")?;
            for round in rounds {
                let time =
                    |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.1}"));
                writeln!(
                    out,
                    "        {:.0} mined, {:.0} accepted a second, latency p50 {:.0} p99 {:.0} ms, µs of CPU \
                     a transaction: node {}, generator {}; {} rejected, {} failed, {} stranded: {}",
                    round.tps,
                    round.accepted_tps,
                    round.p50_ms,
                    round.p99_ms,
                    time(round.node_cpu_us_per_transaction),
                    time(round.generator_cpu_us_per_transaction),
                    round.rejected,
                    round.failed,
                    round.stranded,
                    round.result,
                )?;
            }
        }
        writeln!(out, "ratio   {:.2}", self.ratio)
    }
}

pub(super) fn words(flags: &str) -> Vec<&str> {
    flags.split_whitespace().collect()
}

/// The middle; of an even number the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![]), 0.0);
    }
}
