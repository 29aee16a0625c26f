//! The first page.

use super::{
    PageError, amounts, blocking,
    charts::{Chart, Point, Shape},
    layout::{Page, Section},
    lists, pieces,
};
use crate::{
    BlockSummary, Place,
    facts::{View, blocks, transactions::Lines},
    server::Shared,
};
use axum::extract::State;
use maud::{Markup, html};

/// Blocks and transactions that are listed.
pub(super) const ROWS: usize = 10;
/// Blocks that are plotted.
const PLOTTED: u64 = 60;

pub(crate) async fn page(State(explorer): Shared) -> Result<Markup, PageError> {
    blocking(&explorer, |explorer| {
        let view = View::new(explorer)?;
        let recent = blocks::latest(&view, u64::MAX, PLOTTED)?;
        let lines = Lines::new(&view).until(Place::LAST, ROWS)?;
        let block_rows: Vec<_> = recent
            .iter()
            .take(ROWS)
            .map(|(number, block)| lists::block_row(&view, *number, block))
            .collect();
        let rows: Vec<_> =
            lines.iter().map(|line| lists::transaction_row(&view, line, None)).collect();
        let body = html! {
            h1 { "The chain, block by block" }
            (pieces::lag(&view))
            dl.figures {
                @for (id, title, value) in figures(&view, &recent) {
                    div { dt { (title) } dd data-figure=(id) { (value) } }
                }
            }
            h2.seen { "Recent blocks" }
            div.charts {
                @for (id, plot) in plots(&recent) { div.card id=(id) { (plot) } }
            }
            div.card.flat {
                (pieces::table_with_id("Latest blocks", &lists::BLOCK_COLUMNS, &block_rows, "", Some("live-blocks")))
                p { a href="/blocks" { "All blocks" } }
            }
            div.card.flat {
                (pieces::table_with_id("Latest transactions", &lists::TRANSACTION_COLUMNS, &rows, "", Some("live-transactions")))
                p { a href="/txs" { "All transactions" } " · " a href="/pending" { "Pending" } }
            }
        };
        Ok(Page::live("Home", Section::Home, view.head()).with(&body))
    })
    .await
}

/// Counters: id, title, value in words.
pub(super) fn figures(
    view: &View<'_>,
    recent: &[(u64, BlockSummary)],
) -> Vec<(&'static str, &'static str, String)> {
    let head = view.chain.head();
    let next = view.chain.next_base_fee(&head.header);
    let pool = view.explorer.parts.pool.lock().status();
    let tip = recent.first().map_or(0, |(_, block)| block.tip_median);
    let behind = match view.behind() {
        0 => "up to date".to_owned(),
        behind => format!("{} behind", amounts::number(behind)),
    };
    let (per_second, gas) = throughput(recent);
    vec![
        ("height", "Last block", amounts::number(head.number)),
        ("rate", "Transactions per second", per_second),
        ("gas", "Gas per second", gas),
        ("base-fee", "Next base fee", next.map_or("none".to_owned(), amounts::gwei)),
        ("tip", "Median tip", amounts::gwei(tip)),
        (
            "pool",
            "Pool",
            format!(
                "{} pending, {} queued",
                amounts::number(pool.pending),
                amounts::number(pool.queued)
            ),
        ),
        ("index", "Index", behind),
    ]
}

/// Transactions and gas a second, over the blocks given.
fn throughput(recent: &[(u64, BlockSummary)]) -> (String, String) {
    let times = recent.first().zip(recent.last());
    let seconds =
        times.map_or(0, |((_, last), (_, first))| last.timestamp.saturating_sub(first.timestamp));
    if seconds == 0 {
        return ("–".to_owned(), "–".to_owned());
    }
    // The first block's own contents came before the time that is measured.
    let counted = recent.split_last().map_or(recent, |(_, rest)| rest);
    let transactions: u64 = counted.iter().map(|(_, block)| block.transactions).sum();
    let gas: u64 = counted.iter().map(|(_, block)| block.gas_used).sum();
    (
        format!("{:.1}", transactions as f64 / seconds as f64),
        format!("{:.2} M", gas as f64 / seconds as f64 / 1e6),
    )
}

/// Plots of the blocks given, the newest first: id and plot.
pub(super) fn plots(recent: &[(u64, BlockSummary)]) -> Vec<(&'static str, Markup)> {
    let points = |value: &dyn Fn(&BlockSummary) -> (f64, String)| {
        let point = |(number, block): &(u64, BlockSummary)| {
            let (value, words) = value(block);
            Point { at: number.to_string(), value, words }
        };
        recent.iter().rev().map(point).collect::<Vec<_>>()
    };
    let chart = |title, points, shape| Chart { title, of: "Block", points, shape }.draw();
    vec![
        (
            "plot-transactions",
            chart(
                "Transactions a block",
                points(&|block| (block.transactions as f64, amounts::number(block.transactions))),
                Shape::Columns,
            ),
        ),
        (
            "plot-gas",
            chart(
                "Gas used a block",
                points(&|block| (block.gas_used as f64, amounts::number(block.gas_used))),
                Shape::Columns,
            ),
        ),
        (
            "plot-base-fee",
            chart(
                "Base fee, gwei",
                points(&|block| (block.base_fee as f64 / 1e9, amounts::gwei(block.base_fee))),
                Shape::Line,
            ),
        ),
    ]
}
