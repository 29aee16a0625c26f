//! What a load came to: as text, as JSON and as a page.

mod page;
mod plot;

pub(super) use page::page;

use super::{
    check::{Check, Receipts},
    drive::{Outcome, Second},
    histogram::Histogram,
    ledger::TICK_MICROSECONDS,
    plan::Plan,
    prepare::NodeFacts,
    schedule::Rate,
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

/// What a load came to. Its fields are those of the JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) node: String,
    pub(super) url: String,
    pub(super) workload: &'static str,
    pub(super) transactions: u64,
    /// Transactions a second that were asked for; `null`: as many as the node takes up.
    pub(super) rate: Option<f64>,
    pub(super) connections: u64,
    pub(super) batch: u64,
    pub(super) pipeline: usize,
    pub(super) senders: usize,
    pub(super) accounts: usize,
    pub(super) seed: u64,
    /// Whether everything was signed before the clock started. If not, signing took a share of the
    /// processors.
    pub(super) signed_before: bool,
    pub(super) signing_s: Option<f64>,
    pub(super) base_fee_wei: u64,
    pub(super) max_fee_wei: u128,
    pub(super) block_gas_limit: u64,
    /// Full blocks in a row after which the base fee is above the maximum, and how many the load
    /// fills.
    pub(super) blocks_covered: f64,
    pub(super) blocks_filled: f64,
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) rejections: BTreeMap<String, u64>,
    pub(super) mined: u64,
    /// Mined with a receipt that says so.
    pub(super) failed: u64,
    /// Receipts that were read: of all mined transactions, if there was time.
    pub(super) receipts: u64,
    /// Accepted and never mined.
    pub(super) stranded: u64,
    /// Neither answered nor mined: the connection broke.
    pub(super) lost: u64,
    /// Not sent, because nothing happened any more.
    pub(super) unsent: u64,
    pub(super) mined_again: u64,
    pub(super) foreign: u64,
    pub(super) blocks: usize,
    pub(super) gas_used: u64,
    pub(super) base_fee_last_wei: u64,
    /// From the first sending to the last.
    pub(super) sending_s: f64,
    /// From the first sending until the last block with one of ours was seen.
    pub(super) elapsed_s: f64,
    pub(super) accepted_tps: f64,
    /// Mined transactions by the time above.
    pub(super) tps: f64,
    pub(super) latency_ms: Percentiles,
    /// How late requests were sent; all zero without a rate.
    pub(super) lateness_ms: Percentiles,
    /// How exactly the time of a block is known.
    pub(super) poll_ms: f64,
    /// Whether only final blocks counted.
    pub(super) finalized: bool,
    pub(super) node_cpu_us_per_transaction: Option<f64>,
    pub(super) generator_cpu_us_per_transaction: Option<f64>,
    pub(super) node_resident_bytes_max: Option<u64>,
    pub(super) disk_bytes: Option<u64>,
    pub(super) troubles: BTreeMap<String, u64>,
    pub(super) checks: Vec<Check>,
    /// `"ok"`, or `"wrong"` when something was lost, refused, failed or does not add up.
    pub(super) result: &'static str,
    pub(super) seconds: Vec<Line>,
    /// Latencies, as upper ends in milliseconds and how many were in between.
    pub(super) latency_buckets: Vec<(f64, u64)>,
}

/// Of a distribution of times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Percentiles {
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

/// One second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Line {
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) mined: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) resident_bytes: Option<u64>,
    pub(super) disk_bytes: Option<u64>,
}

/// Buckets of the distribution of latencies: enough for a plot.
const BUCKETS: usize = 60;

fn milliseconds(ticks: u64) -> f64 {
    ticks as f64 * TICK_MICROSECONDS as f64 / 1e3
}

fn seconds(ticks: u64) -> f64 {
    milliseconds(ticks) / 1e3
}

fn per_second(count: u64, time: f64) -> f64 {
    rounded(count as f64 / time.max(1e-3))
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

impl Percentiles {
    fn of(histogram: &Histogram) -> Self {
        let at = |part| rounded(milliseconds(histogram.percentile(part)));
        Self {
            mean: rounded(histogram.mean() * TICK_MICROSECONDS as f64 / 1e3),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: rounded(milliseconds(histogram.max())),
        }
    }
}

impl Percentiles {
    fn text(&self) -> String {
        format!(
            "mean {:.1}, p50 {:.1}, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1} ms",
            self.mean, self.p50, self.p90, self.p99, self.p999, self.max
        )
    }
}

impl Line {
    fn new(second: &Second) -> Self {
        Self {
            sent: second.sent,
            accepted: second.accepted,
            rejected: second.rejected,
            mined: second.mined,
            p50_ms: rounded(milliseconds(second.p50)),
            p99_ms: rounded(milliseconds(second.p99)),
            resident_bytes: second.resident_bytes,
            disk_bytes: second.disk_bytes,
        }
    }
}

/// What is known beside what happened.
#[derive(Debug)]
pub(super) struct Background<'a> {
    pub(super) url: String,
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a NodeFacts,
    pub(super) rate: Rate,
    pub(super) pipeline: usize,
    pub(super) poll: Duration,
    pub(super) finalized: bool,
    /// How long signing took, if it was done before the clock started.
    pub(super) signing: Option<Duration>,
}

impl Report {
    pub(super) fn new(
        background: &Background<'_>,
        outcome: &Outcome,
        receipts: &Receipts,
        checks: Vec<Check>,
    ) -> Self {
        let Background { plan, facts, .. } = background;
        let (counts, book) = (outcome.counts(), &outcome.book);
        let lost = outcome.ledger.lost();
        let unsent = plan.transactions.saturating_sub(counts.sent);
        let first = u64::from(book.first_sent.unwrap_or_default());
        let sending_s = seconds(u64::from(book.last_sent).saturating_sub(first));
        let elapsed_s = seconds(u64::from(book.last_mined).saturating_sub(first));
        let per_transaction = |time: Option<Duration>| {
            Some(rounded(time?.as_secs_f64() * 1e6 / counts.mined.max(1) as f64))
        };
        let amiss = counts.rejected + receipts.failed + counts.pending + lost + unsent;
        let is_well = amiss == 0 && checks.iter().all(|check| check.holds);
        Self {
            node: facts.version.clone(),
            url: background.url.clone(),
            workload: plan.kind.name(),
            transactions: plan.transactions,
            rate: background.rate.per_second(),
            connections: plan.connections,
            batch: plan.batch,
            pipeline: background.pipeline,
            senders: plan.senders.len(),
            accounts: plan.recipients.len(),
            seed: plan.seed,
            signed_before: background.signing.is_some(),
            signing_s: background.signing.map(|time| rounded(time.as_secs_f64())),
            base_fee_wei: facts.base_fee,
            max_fee_wei: plan.fees.max,
            block_gas_limit: facts.block_gas_limit,
            blocks_covered: facts.blocks_covered.floor(),
            blocks_filled: facts.blocks_filled,
            sent: counts.sent,
            accepted: counts.accepted,
            rejected: counts.rejected,
            rejections: book.rejections.clone(),
            mined: counts.mined,
            failed: receipts.failed,
            receipts: receipts.count,
            stranded: counts.pending,
            lost,
            unsent,
            mined_again: counts.mined_again,
            foreign: counts.foreign,
            blocks: outcome.blocks.iter().filter(|block| block.ours > 0).count(),
            gas_used: receipts.gas,
            base_fee_last_wei: outcome.blocks.last().map_or(0, |block| block.base_fee),
            sending_s: rounded(sending_s),
            elapsed_s: rounded(elapsed_s),
            accepted_tps: per_second(counts.accepted, sending_s),
            tps: per_second(counts.mined, elapsed_s),
            latency_ms: Percentiles::of(&book.latency),
            lateness_ms: Percentiles::of(&book.lateness),
            poll_ms: background.poll.as_secs_f64() * 1e3,
            finalized: background.finalized,
            node_cpu_us_per_transaction: per_transaction(outcome.resources.node),
            generator_cpu_us_per_transaction: per_transaction(outcome.resources.own),
            node_resident_bytes_max: book.seconds.iter().filter_map(|it| it.resident_bytes).max(),
            disk_bytes: book.seconds.iter().rev().find_map(|it| it.disk_bytes),
            troubles: book.troubles.clone(),
            checks,
            result: if is_well { "ok" } else { "wrong" },
            seconds: book.seconds.iter().map(Line::new).collect(),
            latency_buckets: buckets(&book.latency),
        }
    }

    /// Whether all went as it should.
    pub(super) fn is_well(&self) -> bool {
        self.result == "ok"
    }

    /// One object on one line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and strings have a JSON form")
    }

    /// What a person reads.
    pub(super) fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for (name, value) in self.rows() {
            writeln!(out, "{name:<16} {value}")?;
        }
        for (reason, count) in &self.rejections {
            writeln!(out, "    rejected {count} times: {reason}")?;
        }
        for (trouble, count) in &self.troubles {
            writeln!(out, "    trouble, {count} times: {trouble}")?;
        }
        for Check { name, holds, detail } in &self.checks {
            writeln!(out, "{} {name}: {detail}", if *holds { "holds  " } else { "DIFFERS" })?;
        }
        Ok(())
    }

    /// Names and values, as the text and the page show them.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = self.load_rows();
        rows.extend(self.figure_rows());
        let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let microseconds = |time: f64| format!("{time:.1} µs a transaction");
        let more = [
            ("node's CPU", self.node_cpu_us_per_transaction.map(microseconds)),
            ("generator's CPU", self.generator_cpu_us_per_transaction.map(microseconds)),
            ("node's memory", self.node_resident_bytes_max.map(mebibytes)),
            ("disk", self.disk_bytes.map(mebibytes)),
        ];
        rows.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
        rows
    }

    /// What was done.
    fn load_rows(&self) -> Vec<(&'static str, String)> {
        let rate = self.rate.map_or("max".to_owned(), |rate| format!("{rate} a second"));
        let load = format!(
            "{} {} at rate {rate}, {} senders, {} recipients, seed {}",
            self.transactions, self.workload, self.senders, self.accounts, self.seed
        );
        let connections = format!(
            "{}, {} transactions a request, {} requests under way on each",
            self.connections, self.batch, self.pipeline
        );
        let signing = match self.signing_s {
            Some(time) => format!("before the clock started, in {time:.2} s"),
            None => "ahead of the sending: it shared the processors".to_owned(),
        };
        let gas_price = format!(
            "at most {:.3} gwei for a base fee of {:.3}: enough for {} full blocks in a row; the \
             load fills {}",
            self.max_fee_wei as f64 / 1e9,
            self.base_fee_wei as f64 / 1e9,
            self.blocks_covered,
            self.blocks_filled
        );
        vec![
            ("node", format!("{} at {}", self.node, self.url)),
            ("load", load),
            ("connections", connections),
            ("signed", signing),
            ("gas price", gas_price),
        ]
    }

    /// What came of it.
    fn figure_rows(&self) -> Vec<(&'static str, String)> {
        let accepted = format!(
            "{} in {:.3} s: {:.0} a second",
            self.accepted, self.sending_s, self.accepted_tps
        );
        let mined = format!(
            "{} in {:.3} s and {} blocks: {:.0} a second",
            self.mined, self.elapsed_s, self.blocks, self.tps
        );
        let lost = format!(
            "{} rejected, {} failed, {} stranded, {} unanswered, {} not sent",
            self.rejected, self.failed, self.stranded, self.lost, self.unsent
        );
        let blocks = if self.finalized { "final blocks" } else { "blocks" };
        let (text, poll) = (self.latency_ms.text(), self.poll_ms);
        let latency = format!("{text} ({blocks} looked for every {poll} ms)");
        let mut rows =
            vec![("accepted", accepted), ("mined", mined), ("lost", lost), ("latency", latency)];
        if self.rate.is_some() {
            rows.push(("sent late by", self.lateness_ms.text()));
        }
        rows
    }
}

/// The distribution in few buckets, evenly wide on a logarithmic scale.
fn buckets(histogram: &Histogram) -> Vec<(f64, u64)> {
    let mut filled = histogram.buckets().peekable();
    let Some(&(least, _)) = filled.peek() else { return Vec::new() };
    let (low, high) = ((least.max(1) as f64).ln(), (histogram.max().max(2) as f64).ln());
    let step = ((high - low) / BUCKETS as f64).max(1e-9);
    let mut buckets: Vec<(f64, u64)> = (1..=BUCKETS)
        .map(|place| (rounded(milliseconds(1) * (low + step * place as f64).exp()), 0))
        .collect();
    for (last, count) in filled {
        let place = (((last.max(1) as f64).ln() - low) / step) as usize;
        buckets[place.min(BUCKETS - 1)].1 += count;
    }
    buckets
}
