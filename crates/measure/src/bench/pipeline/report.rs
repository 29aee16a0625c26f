//! What `heddle bench pipeline` prints.

use super::{BenchPipeline, Stages, stages::NAMES};
use crate::{Error, bench::workload::WorkloadKind};
use serde_json::{Map, Value, json};
use std::{io::Write, time::Duration};

/// What was measured of a workload.
pub(super) struct Measured {
    pub(super) kind: WorkloadKind,
    pub(super) accounts: usize,
    pub(super) transactions: usize,
    pub(super) stages: Stages,
    /// Bytes by which the files grew for each transaction.
    pub(super) bytes: f64,
    pub(super) blocks: u64,
    /// Transactions that are in no block.
    pub(super) lost: u64,
    /// Transactions that had no effect.
    pub(super) failed: u64,
    /// Transactions in durable blocks for each second.
    pub(super) tps: f64,
    /// The same until the tables have all of them.
    pub(super) settled_tps: f64,
    pub(super) base_fee_max: u64,
    pub(super) gas_limit: u64,
    pub(super) block_time: Duration,
}

/// Prints workload after workload as they come.
pub(super) struct Report<'a, W> {
    out: &'a mut W,
    json: bool,
    is_whole: bool,
}

impl<'a, W: Write> Report<'a, W> {
    pub(super) const fn new(out: &'a mut W, json: bool) -> Self {
        Self { out, json, is_whole: true }
    }

    pub(super) fn begin(&mut self, settings: &BenchPipeline) -> Result<(), Error> {
        if !self.json {
            writeln!(
                self.out,
                "{} accounts before; blocks of up to {} gas and 8 MiB every {} ms; stages in \
                 microseconds of processor time for each transaction, in brackets real time",
                settings.accounts, settings.gas_limit, settings.block_time,
            )?;
        }
        Ok(self.out.flush()?)
    }

    pub(super) fn workload(&mut self, measured: &Measured) -> Result<(), Error> {
        self.is_whole &= measured.lost == 0 && measured.failed == 0;
        if self.json {
            writeln!(self.out, "{}", line(measured))?;
        } else {
            self.text(measured)?;
        }
        Ok(self.out.flush()?)
    }

    fn text(&mut self, measured: &Measured) -> Result<(), Error> {
        let Measured { kind, transactions, tps, settled_tps, bytes, blocks, base_fee_max, .. } =
            measured;
        writeln!(
            self.out,
            "\n{}: {tps:.0} transactions a second, {settled_tps:.0} until the tables have all; \
             {transactions} transactions in {blocks} blocks, {bytes:.0} bytes of disk each, base fee \
             up to {base_fee_max} wei",
            kind.name(),
        )?;
        for (stage, name) in NAMES.iter().enumerate() {
            let (processor, real) =
                (measured.stages.microseconds(stage), measured.stages.real_microseconds(stage));
            writeln!(self.out, "  {name:<12} {processor:>8.2} ({real:.2})")?;
        }
        writeln!(self.out, "  {:<12} {:>8.2}", "total", total(&measured.stages))?;
        if measured.lost > 0 {
            writeln!(self.out, "  {} TRANSACTIONS ARE IN NO BLOCK", measured.lost)?;
        }
        if measured.failed > 0 {
            writeln!(self.out, "  {} TRANSACTIONS HAVE FAILED", measured.failed)?;
        }
        Ok(())
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

fn total(stages: &Stages) -> f64 {
    (0..NAMES.len()).map(|stage| stages.microseconds(stage)).sum()
}

fn line(measured: &Measured) -> Value {
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    let mut stages: Map<String, Value> = NAMES
        .iter()
        .enumerate()
        .map(|(stage, name)| {
            ((*name).to_owned(), json!(rounded(measured.stages.microseconds(stage))))
        })
        .collect();
    stages.insert("total".to_owned(), json!(rounded(total(&measured.stages))));
    json!({
        "workload": measured.kind.name(),
        "accounts": measured.accounts,
        "transactions": measured.transactions,
        "tps": measured.tps.round(),
        "settled_tps": measured.settled_tps.round(),
        "stages": stages,
        "bytes": measured.bytes.round(),
        "blocks": measured.blocks,
        "lost": measured.lost,
        "failed": measured.failed,
        "gas_limit": measured.gas_limit,
        "block_time_ms": measured.block_time.as_millis() as u64,
        "base_fee_max": measured.base_fee_max,
    })
}
