//! How a block was executed in parallel, and how well it could be.
//!
//! `source` finds how it was executed, or executes it again; `timeline` draws that; `path` is what
//! cannot be done at the same time.

mod path;
mod source;
#[cfg(test)]
mod tests;
mod timeline;

use super::{
    PageError, amounts, block, blocking,
    extract::UrlPath,
    layout::{Page, Section},
    pieces::{self, Column},
    slots,
};
use crate::{
    BlockSummary, Explorer,
    facts::{View, slots::SlotNames},
    server::Shared,
};
use alloy_primitives::B256;
use axum::extract::State;
use heddle_executor::{AccountField, Conflict, Location, Schedule, SpanKind};
use heddle_types::RecoveredBlock;
use maud::{Markup, html};
use source::{Found, Source};

/// Conflicts that are shown.
const CONFLICTS_MAX: usize = 100;

/// `/block/{number or hash}/parallel`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlPath(id): UrlPath<String>,
) -> Result<Markup, PageError> {
    blocking(&explorer, move |explorer| render(explorer, &id)).await
}

fn render(explorer: &Explorer, id: &str) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let (block, canonical) = block::find(&view, id)?;
    let number = block.block.header.number;
    let summary = if canonical { view.index.block(number)? } else { None };
    let summary = summary.filter(|summary| summary.hash == block.hash);
    let found = source::find(&view, &block, canonical);
    let body = html! {
        link rel="stylesheet" href="/assets/contract.css";
        h1 { "Parallel execution " span.of { "of block " a href={ "/block/" (block.hash) } { (amounts::number(number)) } } }
        (pieces::lag(&view))
        @match &found {
            Found::Schedule(schedule, source) => {
                (figures(&block, schedule, *source))
                (timeline::card(&block, schedule))
            },
            Found::Nothing(why) => p.note.wait { "How this block was executed is not known: " (why) },
        }
        @match &summary {
            Some(summary) => {
                (path::card(&view, &block, summary)?)
                (hot(&view, summary)?)
            },
            None => p.note.wait { "The index does not have this block, so there is no critical path to show." },
        }
        @if let Found::Schedule(schedule, _) = &found { (conflicts(&view, &block, schedule)?) }
    };
    let title = format!("Parallel execution of block {number}");
    Ok(Page::live(&title, Section::Blocks, view.head()).with(&body))
}

/// A time.
fn time(nanoseconds: u64) -> String {
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} µs", nanoseconds as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.2} s", nanoseconds as f64 / 1e9),
    }
}

/// The hash of a transaction by its position.
fn hash_of(block: &RecoveredBlock, position: u64) -> Option<B256> {
    let position = usize::try_from(position).ok()?;
    block.block.body.transactions.get(position).map(|transaction| *transaction.tx_hash())
}

/// A link to a transaction by its position.
fn transaction(block: &RecoveredBlock, position: u64) -> Markup {
    html! {
        span.quiet { "no. " (position) " " }
        @if let Some(hash) = hash_of(block, position) { (pieces::transaction(hash)) }
    }
}

fn figures(block: &RecoveredBlock, schedule: &Schedule, source: Source) -> Markup {
    let direct: u64 = schedule
        .spans
        .iter()
        .filter(|span| span.kind == SpanKind::Direct)
        .map(|span| u64::from(span.count))
        .sum();
    let all = block.senders.len() as u64;
    let executed = all.saturating_sub(direct);
    let mut threads = schedule.spans.iter().map(|span| span.thread);
    let first = threads.next();
    let is_alone = threads.all(|thread| Some(thread) == first);
    html! {
        @if source == Source::Again {
            p.note { "Executed again just now, as it is no longer known how that went when the block came: the state before it is the same, times are those of now, and no access list led the way." }
        }
        dl.figures {
            div {
                dt { "Speed-up found" }
                @if executed == 0 { dd { "–" small { "nothing but plain transfers" } } }
                @else if is_alone { dd { "–" small { "one thread did it all: too little work to share" } } }
                @else { dd { (format!("{:.2}×", schedule.speedup())) small { "against one after the other" } } }
            }
            div { dt { "Time" } dd { (time(schedule.wall)) small { "from the block to the result" } } }
            div { dt { "Busy" } dd { (time(schedule.busy())) small { "in transactions, all threads together" } } }
            div { dt { "Threads" } dd { (schedule.threads) small { "could take part" } } }
            div { dt { "Executed again" } dd { (amounts::number(schedule.retries())) small { "of " (amounts::number(all)) " transactions" } } }
        }
        @if direct > 0 {
            p.note {
                (amounts::number(direct)) " of " (amounts::number(all)) " transactions are plain transfers that were foreseen: "
                "their work is done by all threads while the block is planned, before the first transaction runs. "
                @if executed == 0 { "So there is no speed-up to measure here, and none is claimed." }
                @else { "It is no part of the speed-up, which says little about a block with many of them." }
            }
        }
    }
}

fn hot(view: &View<'_>, summary: &BlockSummary) -> Result<Markup, PageError> {
    let mut names = SlotNames::new(view);
    let mut rows = Vec::new();
    for hot in &summary.hot {
        let words = names.find(hot.address, hot.slot)?;
        rows.push(html! {
            tr {
                th scope="row" { (pieces::address(view, hot.address)) }
                td.wide { (slots::words(&words, hot.address)) }
                td.n { (amounts::number(hot.waits)) }
                td.n { (amounts::number(hot.gas)) }
                td.n { (amounts::percent(hot.gas, summary.gas_used)) }
            }
        });
    }
    let columns = [
        Column::Text("Contract"),
        Column::Text("Slot"),
        Column::Number("Waits"),
        Column::Number("Gas that waited"),
        Column::Number("Share of the block"),
    ];
    Ok(html! {
        div.card.flat {
            (pieces::table("Hot slots of the block", &columns, &rows, "No transaction read what an earlier one had written."))
            p.quiet { "Slots that transactions read after an earlier one had written them. " a href="/slots" { "Those of many blocks" } }
        }
    })
}

fn conflicts(
    view: &View<'_>,
    block: &RecoveredBlock,
    schedule: &Schedule,
) -> Result<Markup, PageError> {
    if schedule.conflicts.is_empty() {
        return Ok(html! {
            div.card { h2 { "Conflicts" } p { "None: nothing was executed again." } }
        });
    }
    let mut names = SlotNames::new(view);
    let mut rows = Vec::new();
    for conflict in schedule.conflicts.iter().take(CONFLICTS_MAX) {
        rows.push(conflict_row(view, &mut names, block, conflict)?);
    }
    let columns = [
        Column::Text("Executed again"),
        Column::Text("Read too early"),
        Column::Text("What"),
        Column::Text("Written by"),
    ];
    let left_out = schedule.retries().saturating_sub(rows.len() as u64);
    Ok(html! {
        div.card.flat {
            (pieces::table("Conflicts", &columns, &rows, ""))
            @if left_out > 0 { p.quiet { "And " (amounts::number(left_out)) " more." } }
        }
    })
}

fn conflict_row(
    view: &View<'_>,
    names: &mut SlotNames<'_>,
    block: &RecoveredBlock,
    conflict: &Conflict,
) -> Result<Markup, PageError> {
    let (address, what) = match conflict.location {
        Some(Location::Slot { address, key }) => {
            (Some(address), slots::words(&names.find(address, key)?, address))
        }
        Some(Location::Account { address, field }) => {
            (Some(address), html! { (field_words(field)) })
        }
        None => (None, html! { "it could not be executed on what it saw" }),
    };
    Ok(html! {
        tr {
            th scope="row" { (transaction(block, conflict.transaction.into())) }
            td { @if let Some(address) = address { (pieces::address_link(view, address)) } }
            td.wide { (what) }
            td {
                @match conflict.writer {
                    Some(writer) => (transaction(block, writer.into())),
                    None => span.quiet { "not by a transaction that is known" },
                }
            }
        }
    })
}

const fn field_words(field: AccountField) -> &'static str {
    match field {
        AccountField::Balance => "the balance",
        AccountField::Nonce => "the nonce",
        AccountField::Code => "the code",
        AccountField::Existence => "whether the account is there",
    }
}
