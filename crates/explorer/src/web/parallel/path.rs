//! The critical path of a block: what no number of threads can do at the same time.

use super::transaction;
use crate::{
    BlockSummary,
    facts::View,
    web::{PageError, amounts},
};
use heddle_types::RecoveredBlock;
use maud::{Markup, html};

/// The path, and what follows from it.
pub(super) fn card(
    view: &View<'_>,
    block: &RecoveredBlock,
    summary: &BlockSummary,
) -> Result<Markup, PageError> {
    let receipts = view.chain.receipts(block.block.header.number)?.unwrap_or_default();
    let gas_of = |position: u64| {
        let receipt = usize::try_from(position).ok().and_then(|at| receipts.get(at));
        receipt.map_or(0, |receipt| receipt.gas_used)
    };
    let shown: u64 = summary.critical_path.iter().map(|position| gas_of(*position)).sum();
    let (gas, critical) = (summary.gas_used, summary.critical_gas);
    Ok(html! {
        section.card {
            h2 { "Critical path" }
            @if critical == 0 {
                p.quiet { "The block used no gas, so there is none." }
            } @else {
                p {
                    "Of " (amounts::number(gas)) " gas, " strong { (amounts::number(critical)) }
                    " (" (amounts::percent(critical, gas)) ") lies on the longest chain of transactions of which each waits for the one before. "
                    "So any number of threads can execute this block at most " strong { (format!("{:.2}×", gas as f64 / critical as f64)) }
                    " as fast as one."
                }
                p.quiet {
                    (amounts::number(summary.waiting)) " of " (amounts::number(summary.transactions))
                    " transactions read a slot that an earlier one had written. One also waits for the one before it of the same sender. "
                    "Balances are left out, as the executor adds to them in any order."
                    @if !summary.traced { " The state before this block is not kept: of slots nothing is known here, and only senders count." }
                }
                @if shown < critical {
                    p.quiet { "The end of it, " (summary.critical_path.len()) " transactions:" }
                }
                ol.path {
                    @for position in &summary.critical_path {
                        li { (transaction(block, *position)) " " span.quiet { (amounts::number(gas_of(*position))) " gas" } }
                    }
                }
            }
        }
    })
}
