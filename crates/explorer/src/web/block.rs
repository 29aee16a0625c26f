//! Blocks.

use super::{
    PageError, amounts, blocking,
    extract::{UrlPath, UrlQuery},
    layout::{Page, Section},
    lists,
    paths::{self, Query},
    pieces, text,
};
use crate::{
    BlockSummary, Place,
    facts::{View, blocks, transactions::Lines},
    server::Shared,
};
use alloy_consensus::BlockHeader as _;
use alloy_primitives::{B256, U256};
use alloy_rlp::Encodable as _;
use axum::extract::State;
use heddle_types::{Header, RecoveredBlock};
use maud::{Markup, html};

/// Withdrawals, and ommers, that are shown.
const ITEMS_MAX: usize = 200;

/// `/blocks`.
pub(crate) async fn list(
    State(explorer): Shared,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    blocking(&explorer, move |explorer| {
        let view = View::new(explorer)?;
        let to = match query.before()? {
            Some(place) => place.block.checked_sub(1),
            None => Some(view.head()),
        };
        let limit = query.rows() as u64 + 1;
        let mut found = match to {
            Some(to) => blocks::latest(&view, to, limit)?,
            None => Vec::new(),
        };
        let place = |(block, _): &(u64, BlockSummary)| Place { block: *block, index: 0, item: 0 };
        let pager = paths::cut(&mut found, &query, "/blocks", place);
        let rows: Vec<_> =
            found.iter().map(|(number, block)| lists::block_row(&view, *number, block)).collect();
        let body = html! {
            h1 { "Blocks " span.of { "up to " (amounts::number(view.head())) } }
            (pieces::lag(&view))
            div.card.flat {
                (pieces::table("Blocks, the newest first", &lists::BLOCK_COLUMNS, &rows, "No blocks here."))
                (pager)
            }
        };
        Ok(Page::live("Blocks", Section::Blocks, view.head()).with(&body))
    })
    .await
}

/// `/block/{number or hash}`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlPath(id): UrlPath<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    blocking(&explorer, move |explorer| {
        let view = View::new(explorer)?;
        let (block, canonical) = find(&view, &id)?;
        let number = block.block.header.number;
        let summary = if canonical { view.index.block(number)? } else { None };
        let summary = summary.filter(|summary| summary.hash == block.hash);
        let body = html! {
            h1 { "Block " (amounts::number(number)) }
            @if !canonical {
                p.note.wait {
                    "This block is not part of the chain: it was undone, or never adopted. "
                    a href={ "/block/" (number) } { "The block at this height" }
                }
            }
            (neighbours(&view, number))
            (pieces::lag(&view))
            section.card { h2 { "Overview" } (overview(&view, &block, summary.as_ref())) }
            @if let Some(summary) = &summary { (parallel(number, summary)) }
            (transactions(&view, &block, canonical, &query)?)
            (withdrawals(&view, &block))
            section.card { h2 { "Header" } (header(&block.block.header)) }
            @if canonical { (access_list(&view, number)?) }
        };
        let title = format!("Block {number}");
        Ok(Page::live(&title, Section::Blocks, view.head()).with(&body))
    })
    .await
}

pub(super) fn find(view: &View<'_>, id: &str) -> Result<(RecoveredBlock, bool), PageError> {
    if let Ok(number) = id.replace(',', "").parse::<u64>() {
        return match view.chain.block(number)? {
            Some(block) => Ok((block, true)),
            None if number < view.chain.first() => Err(PageError::NotFound(format!(
                "Block {number} is before the first one of this chain, which is {}.",
                view.chain.first()
            ))),
            None => Err(PageError::NotFound(format!(
                "There is no block {number} yet; the last one is {}.",
                view.head()
            ))),
        };
    }
    let hash: B256 = id.parse().map_err(|_| {
        PageError::Bad(format!(
            "“{}” is neither a number nor a hash of a block.",
            paths::repeated(id)
        ))
    })?;
    let block = view.chain.block_by_hash(hash)?;
    let block = block.ok_or_else(|| PageError::NotFound(format!("There is no block {hash}.")))?;
    Ok((block, view.chain.is_canonical(hash)?))
}

fn neighbours(view: &View<'_>, number: u64) -> Markup {
    let before = number.checked_sub(1).filter(|before| *before >= view.chain.first());
    let after = number.checked_add(1).filter(|after| *after <= view.head());
    html! {
        nav.pager aria-label="Blocks before and after" {
            @if let Some(before) = before { a rel="prev" href={ "/block/" (before) } { "‹ Block " (amounts::number(before)) } }
            @if let Some(after) = after { a rel="next" href={ "/block/" (after) } { "Block " (amounts::number(after)) " ›" } }
        }
    }
}

fn overview(view: &View<'_>, block: &RecoveredBlock, summary: Option<&BlockSummary>) -> Markup {
    let header = &block.block.header;
    let count = block.block.body.transactions.len() as u64;
    let head = view.head();
    pieces::facts(vec![
        ("Time", Some(pieces::time_full(view, header.timestamp))),
        ("Depth", Some(html! { (amounts::number(head.saturating_sub(header.number))) " blocks on top" })),
        (
            "Transactions",
            Some(html! {
                (amounts::number(count))
                @if let Some(summary) = summary {
                    " (" (amounts::number(summary.failed)) " failed), "
                    (amounts::number(summary.logs)) " logs, "
                    (amounts::number(summary.transfers)) " token transfers, "
                    @if summary.traced { (amounts::number(summary.internal)) " internal calls, " }
                    (amounts::number(summary.contracts)) " contracts created"
                }
            }),
        ),
        ("Fees go to", Some(pieces::address_full(view, header.beneficiary))),
        (
            "Fees",
            summary.map(|summary| html! {
                (amounts::ether(summary.tips)) " in tips to the one who made the block, "
                (amounts::ether(summary.burned)) " burned"
            }),
        ),
        (
            "Gas used",
            Some(html! {
                (amounts::number(header.gas_used)) " of " (amounts::number(header.gas_limit)) " "
                (pieces::bar(header.gas_used, header.gas_limit))
            }),
        ),
        ("Base fee", header.base_fee_per_gas.map(|fee| html! { (amounts::gwei(fee)) })),
        (
            "Tips",
            summary.filter(|summary| summary.transactions > 0).map(|summary| html! {
                "median " (amounts::gwei(summary.tip_median)) ", a tenth of the gas paid at most "
                (amounts::gwei(summary.tip_low)) ", nine tenths at most " (amounts::gwei(summary.tip_high))
            }),
        ),
        (
            "Blob gas",
            header.blob_gas_used.map(|used| html! {
                (amounts::number(used)) " used, "
                (amounts::number(header.excess_blob_gas.unwrap_or_default())) " in excess"
            }),
        ),
        ("Size", Some(html! { (amounts::bytes(block.block.length() as u64)) })),
        ("Hash", Some(pieces::hash(block.hash))),
        (
            "Parent",
            Some(html! {
                a.hash.wrap href={ "/block/" (header.parent_hash) } { (header.parent_hash) }
            }),
        ),
        ("Extra data", Some(extra(&header.extra_data))),
    ])
}

fn extra(bytes: &[u8]) -> Markup {
    if bytes.is_empty() {
        return html! { span.quiet { "none" } };
    }
    let readable = std::str::from_utf8(bytes).ok();
    html! {
        span.mono { (alloy_primitives::hex::encode_prefixed(bytes.get(..256).unwrap_or(bytes))) }
        @if let Some(readable) = readable { " " span.quiet { "“" (text::text(readable)) "”" } }
    }
}

fn parallel(number: u64, summary: &BlockSummary) -> Markup {
    let speed_up = match summary.critical_gas {
        0 => None,
        gas => Some(format!("{:.1}×", summary.gas_used as f64 / gas as f64)),
    };
    html! {
        section.card {
            h2 { "Parallel execution" }
            p {
                (amounts::number(summary.waiting)) " of " (amounts::number(summary.transactions))
                " transactions read what an earlier one of the block had written. The longest chain "
                "of such has " (amounts::number(summary.critical_gas)) " gas"
                @if let Some(speed_up) = speed_up { ", so any number of cores is at most " (speed_up) " as fast as one" }
                ". " a href={ "/block/" (number) "/parallel" } { "How its transactions hang together" }
            }
        }
    }
}

fn transactions(
    view: &View<'_>,
    block: &RecoveredBlock,
    canonical: bool,
    query: &Query,
) -> Result<Markup, PageError> {
    let number = block.block.header.number;
    let count = block.block.body.transactions.len();
    if !canonical {
        return Ok(side_transactions(view, block, query.rows()));
    }
    // Of a block the first come first: `after` is a position.
    let from = query.after.as_ref().map_or(Some(0), |after| after.parse::<usize>().ok());
    let from = from.ok_or_else(|| PageError::Bad("`after` has to be a number.".to_owned()))?;
    let end = from.saturating_add(query.rows()).min(count);
    let mut lines = Lines::new(view);
    let mut rows = Vec::new();
    for index in from..end {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if let Some(line) = lines.at(Place { block: number, index, item: 0 })? {
            rows.push(lists::transaction_row(view, &line, None));
        }
    }
    let first = (from > 0).then(|| ("First", format!("/block/{number}#transactions")));
    let next = (end < count).then(|| ("Next", format!("/block/{number}?after={end}#transactions")));
    let caption = format!("Transactions of block {number}");
    Ok(html! {
        div.card.flat id="transactions" {
            (pieces::table(&caption, &lists::TRANSACTION_COLUMNS, &rows, "No transactions."))
            @if count > 0 && end > from { p.quiet { (amounts::number(from + 1)) " to " (amounts::number(end)) " of " (amounts::number(count)) } }
            (pieces::pager_named(first, next))
        }
    })
}

/// Of a block beside the chain no receipts are kept.
fn side_transactions(view: &View<'_>, block: &RecoveredBlock, limit: usize) -> Markup {
    let all = block.block.body.transactions.iter().zip(&block.senders);
    html! {
        section.card {
            h2 { "Transactions" }
            @if block.senders.is_empty() { p.quiet { "None." } }
            ul.flow {
                @for (transaction, sender) in all.take(limit) {
                    li { (pieces::transaction(*transaction.tx_hash())) " from " (pieces::address_link(view, *sender)) }
                }
            }
            @if block.senders.len() > limit { p.quiet { "The first " (limit) " of " (block.senders.len()) "." } }
        }
    }
}

fn withdrawals(view: &View<'_>, block: &RecoveredBlock) -> Markup {
    use pieces::Column::{Number, Text};
    let Some(withdrawals) = &block.block.body.withdrawals else { return html! {} };
    if withdrawals.is_empty() {
        return html! {};
    }
    let row = |withdrawal: &heddle_types::Withdrawal| {
        let wei = U256::from(withdrawal.amount).saturating_mul(U256::from(1_000_000_000_u64));
        html! {
            tr {
                th scope="row" { (amounts::number(withdrawal.index)) }
                td.n { (amounts::number(withdrawal.validator_index)) }
                td { (pieces::address(view, withdrawal.address)) }
                td.n { (amounts::ether(wei)) }
            }
        }
    };
    let rows: Vec<_> = withdrawals.iter().take(ITEMS_MAX).map(row).collect();
    let columns = [Text("Withdrawal"), Number("Validator"), Text("To"), Number("Amount")];
    html! { div.card.flat { (pieces::table("Withdrawals", &columns, &rows, "None.")) } }
}

fn header(header: &Header) -> Markup {
    let hash = |hash: B256| Some(html! { span.hash.wrap { (hash) } });
    let maybe = |hash: Option<B256>| hash.map(|hash| html! { span.hash.wrap { (hash) } });
    pieces::facts(vec![
        ("State root", hash(header.state_root)),
        ("Transactions root", hash(header.transactions_root)),
        ("Receipts root", hash(header.receipts_root)),
        ("Withdrawals root", maybe(header.withdrawals_root)),
        ("Requests hash", maybe(header.requests_hash)),
        ("Parent beacon root", maybe(header.parent_beacon_block_root())),
        ("Randomness (mix hash)", hash(header.mix_hash)),
        ("Ommers hash", hash(header.ommers_hash)),
        ("Difficulty", Some(html! { (amounts::number(header.difficulty)) })),
        ("Nonce", Some(html! { span.hash { (header.nonce) } })),
        (
            "Logs bloom",
            Some(
                html! { details { summary { "256 bytes" } (text::data(header.logs_bloom.as_slice())) } },
            ),
        ),
    ])
}

fn access_list(view: &View<'_>, number: u64) -> Result<Markup, PageError> {
    let Some(list) = view.chain.access_list(number)? else { return Ok(html! {}) };
    Ok(html! {
        section.card {
            h2 { "Access list" }
            p { "What the block reads and writes (EIP-7928), in RLP: " (amounts::bytes(list.len() as u64)) "." }
            details { summary { "The bytes" } (text::data(&list)) }
        }
    })
}
