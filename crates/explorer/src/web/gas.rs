//! What gas costs.

use super::{
    PageError, amounts, blocking,
    charts::{Chart, Point, Shape},
    layout::{Page, Section},
    pieces::{self, Column},
};
use crate::{
    BlockSummary, Explorer,
    facts::{View, blocks},
    server::Shared,
};
use alloy_primitives::U256;
use axum::extract::State;
use maud::{Markup, html};

/// Blocks whose tips are looked at.
const TIP_BLOCKS: usize = 20;
/// Blocks that are plotted.
const PLOTTED: u64 = 120;

/// What common actions take, in gas, roughly: a contract may take more or less.
const ACTIONS: [(&str, u64); 6] = [
    ("Send ether", 21_000),
    ("Approve an ERC-20 token", 46_000),
    ("Send an ERC-20 token", 52_000),
    ("Send an ERC-721 item", 65_000),
    ("Swap on an exchange with one pool", 130_000),
    ("Create a contract of 6 kB", 1_400_000),
];

/// `/gas`.
pub(crate) async fn page(State(explorer): Shared) -> Result<Markup, PageError> {
    blocking(&explorer, render).await
}

/// A low, a usual and a high tip: of the last blocks that had transactions, the one in the middle.
fn tips(recent: &[(u64, BlockSummary)]) -> [u64; 3] {
    let filled: Vec<_> =
        recent.iter().filter(|(_, block)| block.transactions > 0).take(TIP_BLOCKS).collect();
    let middle = |of: fn(&BlockSummary) -> u64| {
        let mut tips: Vec<_> = filled.iter().map(|(_, block)| of(block)).collect();
        tips.sort_unstable();
        tips.get(tips.len() / 2).copied().unwrap_or_default()
    };
    [
        middle(|block| block.tip_low),
        middle(|block| block.tip_median),
        middle(|block| block.tip_high),
    ]
}

fn render(explorer: &Explorer) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let recent = blocks::latest(&view, u64::MAX, PLOTTED)?;
    let base_fee = view.chain.next_base_fee(&view.chain.head().header);
    let tips = tips(&recent);
    let named = [("Low", tips[0]), ("Usual", tips[1]), ("High", tips[2])];
    let body = html! {
        h1 { "Gas" }
        (pieces::lag(&view))
        p {
            "A transaction pays the base fee of its block, which is burned, and a tip to the one who "
            "makes the block. The base fee goes up by an eighth at most from block to block while "
            "blocks are more than half full, and down while they are less."
        }
        dl.figures {
            div { dt { "Next base fee" } dd { (base_fee.map_or("none".to_owned(), amounts::gwei)) } }
            @for (name, tip) in named {
                div {
                    dt { (name) " tip" }
                    dd { (amounts::gwei(tip)) small { "in all " (amounts::gwei(u128::from(base_fee.unwrap_or_default()) + u128::from(tip))) } }
                }
            }
        }
        p.quiet { "The middle of the last " (TIP_BLOCKS) " blocks with transactions, of what a tenth, half and nine tenths of their gas paid at most." }
        div.card.flat { (costs(base_fee.unwrap_or_default(), tips)) }
        div.charts { @for plot in plots(&recent) { div.card { (plot) } } }
    };
    Ok(Page::live("Gas", Section::Gas, view.head()).with(&body))
}

fn costs(base_fee: u64, tips: [u64; 3]) -> Markup {
    let cost = |gas: u64, tip: u64| {
        amounts::ether(U256::from(gas) * (U256::from(base_fee) + U256::from(tip)))
    };
    let row = |(action, gas): &(&str, u64)| {
        html! {
            tr {
                th scope="row" { (action) }
                td.n { (amounts::number(gas)) }
                @for tip in tips { td.n { (cost(*gas, tip)) } }
            }
        }
    };
    let rows: Vec<_> = ACTIONS.iter().map(row).collect();
    let columns = [
        Column::Text("Action"),
        Column::Number("Gas, about"),
        Column::Number("Low tip"),
        Column::Number("Usual tip"),
        Column::Number("High tip"),
    ];
    pieces::table("What common actions cost in the next block", &columns, &rows, "")
}

fn plots(recent: &[(u64, BlockSummary)]) -> [Markup; 3] {
    let chart = |title: &str, shape, value: &dyn Fn(&BlockSummary) -> (f64, String)| {
        let point = |(number, block): &(u64, BlockSummary)| {
            let (value, words) = value(block);
            Point { at: number.to_string(), value, words }
        };
        let points = recent.iter().rev().map(point).collect();
        Chart { title, of: "Block", points, shape }.draw()
    };
    [
        chart("Base fee, gwei", Shape::Line, &|block| {
            (block.base_fee as f64 / 1e9, amounts::gwei(block.base_fee))
        }),
        chart("Median tip, gwei", Shape::Line, &|block| {
            (block.tip_median as f64 / 1e9, amounts::gwei(block.tip_median))
        }),
        chart("How full blocks are, percent", Shape::Columns, &|block| {
            let share = block.gas_used as f64 * 100.0 / block.gas_limit.max(1) as f64;
            (share, amounts::percent(block.gas_used, block.gas_limit))
        }),
    ]
}
