//! `heddle bench pipeline`: signed bytes in, durable blocks out, through the parts of a running
//! node.

mod load;
mod network;
mod report;
mod stages;

#[cfg(test)]
mod tests;

use super::workload::WorkloadKind;
use crate::Error;
use clap::Args;
use network::Network;
use report::{Measured, Report};
use stages::Stages;
use std::{
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

/// Times the way of transactions from signed bytes to durable blocks.
///
/// Each workload is run on a database of its own in a temporary folder. First, block after block,
/// one stage is run at a time: that tells the processor time of each. Then all run at once, as in a
/// node: transactions are decoded, their senders recovered and they are added to the pool, while
/// blocks are made of the pool and committed at intervals, and the tables of the store follow.
#[derive(Debug, Args)]
#[command(after_help = "\
JSON, one object a line for each workload: workload; accounts; transactions; tps: transactions in \
durable blocks for each second of the second part; settled_tps: the same until the tables have all \
of them; stages: for each stage the microseconds of \
processor time for each transaction, in the first part, and their sum as total; bytes: of the log \
and of all files for each transaction; lost: in no block; failed: in a block, but without effect; \
blocks, gas_limit, block_time_ms, base_fee_max (wei).")]
pub struct BenchPipeline {
    /// Which workloads to run
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',',
          default_values = ["transfers", "erc20", "amm", "mixed"])]
    workload: Vec<WorkloadKind>,
    /// Accounts that exist before
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    accounts: usize,
    /// Transactions of each workload, in both parts together [default: by workload]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    transactions: Option<u32>,
    /// Time from block to block
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(1..=60_000))]
    block_time: u32,
    /// Gas that a block may hold
    #[arg(long, value_name = "GAS", default_value_t = 4_000_000_000)]
    gas_limit: u64,
    /// Threads that execute and find out state roots [default: all processors]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Where the database is made, and removed afterwards [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Print one JSON object a line for each workload
    #[arg(long)]
    json: bool,
}

impl BenchPipeline {
    /// Does it, printing to the standard output. `false` when a transaction was lost or failed.
    ///
    /// # Errors
    ///
    /// When a workload cannot be made, or the store fails.
    pub fn run(self) -> Result<bool, Error> {
        self.run_to(&mut io::stdout().lock())
    }

    fn run_to(&self, out: &mut impl Write) -> Result<bool, Error> {
        let mut report = Report::new(out, self.json);
        report.begin(self)?;
        for kind in &self.workload {
            report.workload(&self.measure(*kind)?)?;
        }
        Ok(report.is_whole())
    }

    fn measure(&self, kind: WorkloadKind) -> Result<Measured, Error> {
        let count = self.transactions.map_or_else(|| transactions_default(kind), |n| n as usize);
        let network = Network::new(kind, count, self)?;
        // The first part also brings what is used again and again into memory.
        let first = network.transactions.len() / 2;
        let (stages, blocks) = network.run_stages(&network.transactions[..first])?;
        let before = network.bytes()?;
        let together = network.run_together(&network.transactions[first..])?;
        let (mined, failed) = network.mined()?;
        Ok(Measured {
            kind,
            accounts: self.accounts,
            transactions: count,
            stages,
            bytes: network.bytes()?.saturating_sub(before) as f64 / (count - first) as f64,
            blocks: blocks + together.blocks,
            lost: count as u64 - mined,
            failed,
            tps: (count - first) as f64 / together.durable.as_secs_f64(),
            settled_tps: (count - first) as f64 / together.settled.as_secs_f64(),
            base_fee_max: together.base_fee_max,
            gas_limit: self.gas_limit,
            block_time: self.interval(),
        })
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.block_time.into())
    }
}

/// As many as take a few seconds, and for transfers so many that most of them are settled meanwhile.
const fn transactions_default(kind: WorkloadKind) -> usize {
    match kind {
        WorkloadKind::Transfers | WorkloadKind::HotRecipient | WorkloadKind::NonceChain => {
            1_000_000
        }
        WorkloadKind::Erc20 | WorkloadKind::Erc20Hot => 200_000,
        WorkloadKind::Amm | WorkloadKind::AmmHot | WorkloadKind::Zipf => 20_000,
        WorkloadKind::Mixed => 60_000,
        WorkloadKind::Venue | WorkloadKind::VenueCrash | WorkloadKind::VenueCrashPlain => 20_000,
    }
}
