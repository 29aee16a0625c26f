//! `heddle load`: puts transactions on any Ethereum node over JSON-RPC, and measures what becomes of
//! them.
//!
//! Module by module: `account`, `plan` and `venue` (what is sent), `fees`, `prepare` (funding, contracts),
//! `sign`, `schedule` (when each is due), `drive` (sending, following, writing down), `ledger` (what
//! became of each), `histogram`, `check` (whether the chain adds up), `report`; `http`, `client` and
//! `answers` speak with the node, `sample` asks the system.

pub(crate) mod account;
mod answers;
mod check;
mod client;
mod compare;
mod drive;
mod error;
mod explorer;
mod fees;
mod histogram;
mod http;
mod ledger;
mod plan;
mod prepare;
mod progress;
mod report;
mod sample;
mod schedule;
mod sign;
#[cfg(test)]
mod tests;
mod venue;

pub use compare::BenchCompare;
pub use error::LoadError;
pub use explorer::BenchExplorer;
pub use plan::LoadKind;

use account::{Account, MNEMONIC};
use client::Client;
use drive::{Manner, drive};
use http::Endpoint;
use plan::{Batch, Plan};
use prepare::{NodeFacts, Wanted, prepare};
use report::{Background, Report};
use sample::Process;
use schedule::Rate;
use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// Put transactions on an Ethereum node, and measure what becomes of them.
///
/// Works with every node that speaks Ethereum's JSON-RPC over HTTP: heddle, anvil, geth, reth. Funds
/// senders and deploys contracts first; then signs everything, unless there are too many, and starts
/// the clock.
///
/// With a rate each transaction has its time, whatever the node does, and its latency counts from
/// then (an open loop). With --rate max as many go out as the node takes up, and latency counts from
/// the sending. Latency ends when the block is seen.
///
/// At the end all accepted transactions must be in exactly one block each, and nonces, ether and
/// tokens must add up.
///
/// Exit status: 0 when all was mined and adds up, 1 when transactions were rejected, failed or lost
/// or something does not add up, 2 when the work cannot be done.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  heddle load                                       100,000 transfers, as fast as the node takes them
  heddle load --workload mixed --rate 2000          2,000 transactions a second
  heddle load --transactions 10000000 --html soak.html --datadir chain")]
pub struct Load {
    /// The node, over HTTP.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8545")]
    url: String,
    #[command(flatten)]
    shape: Shape,
    /// Transactions a second, or max.
    #[arg(long, value_name = "R", default_value = "max")]
    rate: Rate,
    /// Secret key of a funded account; may be given more than once.
    #[arg(long = "key", value_name = "HEX", conflicts_with = "mnemonic")]
    keys: Vec<String>,
    /// Phrase whose first ten accounts are funded [default: the one of development chains]
    #[arg(long, value_name = "WORDS")]
    mnemonic: Option<String>,
    /// Process of the node, whose memory and processor time are watched [default: who listens on
    /// the port, when it is on this machine]
    #[arg(long, value_name = "PID")]
    process: Option<u32>,
    /// Folder of the node, whose size is watched.
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,
    /// Print one JSON object on one line.
    #[arg(long)]
    json: bool,
    /// Also write a page with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Shape {
    /// Which transactions.
    #[arg(long, value_name = "NAME", default_value = "transfers")]
    workload: LoadKind,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    transactions: u64,
    /// Connections that are kept open.
    #[arg(long, value_name = "C", default_value_t = 4,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    connections: u64,
    /// Calls of eth_sendRawTransaction in one request; 1 sends no batches.
    #[arg(long, value_name = "B", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    batch: u64,
    /// Requests of one connection that are under way at a time.
    #[arg(long, value_name = "P", default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pipeline: u16,
    /// Accounts that send; each keeps to one connection.
    #[arg(long, value_name = "S", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    senders: u64,
    /// Accounts that receive.
    #[arg(long, value_name = "A", default_value_t = 10_000,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    accounts: u64,
    /// Where the draws come from: accounts and transactions are the same for the same seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Transactions that may wait to be mined at a time; no more are sent until some are. Those of
    /// a rate that have to wait are late, which their latency shows.
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    in_flight: u64,
    /// Most transactions that are signed before the clock starts; of more, all are signed a little
    /// ahead of the sending, which takes some 30 µs of a processor each.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    presign: u64,
    /// Seconds in which nothing happens before it is given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Seconds that reading receipts may take; those of later blocks are not checked.
    #[arg(long, value_name = "SECONDS", default_value_t = 120,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    receipts_time: u64,
    /// Milliseconds between questions for the next block.
    #[arg(long, value_name = "MS", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    poll: u64,
    /// Counts a transaction as mined when its block is `finalized`, which on networks of validators is
    /// later than when it is `latest`.
    #[arg(long)]
    finalized: bool,
}

impl Shape {
    fn wanted<'a>(&self, funders: &'a [Account]) -> Wanted<'a> {
        Wanted {
            kind: self.workload,
            transactions: self.transactions,
            batch: self.batch,
            // A connection without a sender would have nothing to send.
            connections: self.connections.min(self.senders),
            senders: self.senders,
            accounts: self.accounts,
            seed: self.seed,
            funders,
        }
    }

    const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    fn manner(&self, rate: Rate, process: Option<Process>, folder: Option<PathBuf>) -> Manner {
        Manner {
            rate,
            pipeline: self.pipeline.into(),
            in_flight_max: self.in_flight,
            timeout: self.timeout(),
            poll: Duration::from_millis(self.poll),
            finalized: self.finalized,
            process,
            folder,
        }
    }
}

impl Load {
    /// Does it, printing to the standard output. `false` when something was lost or differs.
    ///
    /// # Errors
    ///
    /// When the node cannot be reached or prepared, or the results not be written.
    pub fn run(self) -> Result<bool, LoadError> {
        let report = self.measure()?;
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", report.json())?;
        } else {
            report.text(&mut out)?;
        }
        out.flush()?;
        if let Some(path) = self.html {
            fs::write(&path, report::page(&report))
                .map_err(|source| LoadError::Page { path, source })?;
        }
        Ok(report.is_well())
    }

    fn measure(&self) -> Result<Report, LoadError> {
        let endpoint = Endpoint::parse(&self.url)?;
        let funders = self.funders()?;
        let process = match self.process {
            Some(id) => Some(Process::new(id)),
            None => endpoint.port().filter(|_| endpoint.is_local()).and_then(Process::listening_on),
        };
        let manner = self.shape.manner(self.rate, process, self.datadir.clone());
        let mut client = Client::new(endpoint.clone(), self.shape.timeout());
        let (plan, facts) = prepare(&mut client, self.shape.wanted(&funders), manner.timeout)?;
        if facts.blocks_covered < facts.blocks_filled {
            // Standard error: the output may be read by a program.
            let _ = writeln!(
                io::stderr(),
                "warning: the funded accounts can pay for {:.0} full blocks in a row, and the load \
                 may fill {:.0}; transactions may be stranded by the base fee. Let blocks hold more \
                 gas, or send fewer",
                facts.blocks_covered.floor(),
                facts.blocks_filled
            );
        }
        let is_signed_before = plan.transactions <= self.shape.presign;
        let start = Instant::now();
        let stock = is_signed_before.then(|| sign::all(&plan));
        let signing = stock.is_some().then(|| start.elapsed());
        let run = Run {
            shape: &self.shape,
            endpoint: &endpoint,
            plan: &plan,
            facts: &facts,
            manner: &manner,
        };
        run.carry_out(&mut client, stock.as_deref(), signing)
    }

    fn funders(&self) -> Result<Vec<Account>, LoadError> {
        if self.keys.is_empty() {
            Account::of_phrase(self.mnemonic.as_deref().unwrap_or(MNEMONIC))
        } else {
            self.keys.iter().map(|key| Account::from_hex(key)).collect()
        }
    }
}

/// A load that is prepared.
struct Run<'a> {
    shape: &'a Shape,
    endpoint: &'a Endpoint,
    plan: &'a Plan,
    facts: &'a NodeFacts,
    manner: &'a Manner,
}

impl Run<'_> {
    /// Sends everything, waits, and checks.
    fn carry_out(
        &self,
        client: &mut Client,
        stock: Option<&[Arc<Batch>]>,
        signing: Option<Duration>,
    ) -> Result<Report, LoadError> {
        let before = check::before(client, self.plan)?;
        let outcome = drive(self.plan, self.manner, self.endpoint, client, stock)?;
        let state = check::state(client, self.plan, &outcome)?;
        let receipts = check::receipts(
            client,
            &outcome.blocks,
            &outcome.ledger,
            Duration::from_secs(self.shape.receipts_time),
        )?;
        let checks = check::check(self.plan, &before, state, &outcome, &receipts);
        let background = Background {
            url: self.endpoint.to_string(),
            plan: self.plan,
            facts: self.facts,
            rate: self.manner.rate,
            pipeline: self.manner.pipeline,
            poll: self.manner.poll,
            finalized: self.manner.finalized,
            signing,
        };
        Ok(Report::new(&background, &outcome, &receipts, checks))
    }
}
