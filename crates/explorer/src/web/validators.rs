//! Who makes blocks.

use super::{
    PageError, amounts, blocking,
    layout::{Page, Section},
    pieces::{self, Column},
};
use crate::{
    Explorer,
    facts::{View, blocks},
    server::Shared,
};
use alloy_primitives::{Address, U256};
use axum::extract::State;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Blocks that are looked at.
const BLOCKS: u64 = 1_000;

/// `/validators`.
pub(crate) async fn page(State(explorer): Shared) -> Result<Markup, PageError> {
    blocking(&explorer, render).await
}

#[derive(Default)]
struct Share {
    blocks: u64,
    transactions: u64,
    tips: U256,
    last: u64,
}

fn render(explorer: &Explorer) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let recent = blocks::latest(&view, u64::MAX, BLOCKS)?;
    let mut shares: BTreeMap<Address, Share> = BTreeMap::new();
    for (number, block) in &recent {
        let share = shares.entry(block.beneficiary).or_default();
        share.blocks += 1;
        share.transactions += block.transactions;
        share.tips = share.tips.saturating_add(block.tips);
        share.last = share.last.max(*number);
    }
    let mut shares: Vec<_> = shares.into_iter().collect();
    shares.sort_by_key(|(address, share)| (std::cmp::Reverse(share.blocks), *address));
    let count = recent.len() as u64;
    let row = |(address, share): &(Address, Share)| {
        html! {
            tr {
                th scope="row" { (pieces::address(&view, *address)) }
                td.n { (amounts::number(share.blocks)) }
                td { (pieces::bar(share.blocks, count)) }
                td.n { (amounts::number(share.transactions)) }
                td.n { (amounts::ether(share.tips)) }
                td { (pieces::block(share.last)) }
            }
        }
    };
    let rows: Vec<_> = shares.iter().take(100).map(row).collect();
    let columns = [
        Column::Text("Fees go to"),
        Column::Number("Blocks"),
        Column::Text("Share"),
        Column::Number("Transactions"),
        Column::Number("Tips"),
        Column::Text("Last block"),
    ];
    let caption = format!("Who got the fees of the last {} blocks", amounts::number(count));
    let body = html! {
        h1 { "Validators" }
        p.note {
            "This chain has no validators: this node alone makes its blocks. The address that gets "
            "the fees of a block is the one that the node was told, and proves nothing about who made it."
        }
        div.card.flat { (pieces::table(&caption, &columns, &rows, "No blocks.")) }
    };
    Ok(Page::live("Validators", Section::Validators, view.head()).with(&body))
}
