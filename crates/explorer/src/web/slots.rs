//! Slots that transactions waited for.

use super::{
    PageError, address as account, amounts, blocking,
    charts::{Chart, Point, Shape},
    extract::{UrlPath, UrlQuery},
    layout::{Page, Section},
    paths, pieces,
    pieces::Column,
    text,
};
use crate::{
    BlockSummary, Explorer, IndexError,
    facts::{
        View,
        slots::{SlotNames, SlotWords, number_words},
    },
    server::Shared,
};
use alloy_primitives::{Address, U256};
use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashMap;

/// Blocks that are looked at, if nobody says.
const BLOCKS: usize = 100;
/// Blocks that are looked at, at most: each has eight slots.
const BLOCKS_MAX: usize = 1_000;
/// Slots that are shown.
const SLOTS_MAX: usize = 50;
/// Slots of a contract that are shown.
const SLOTS_OF_MAX: usize = 100;

/// What stands behind the question mark.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Query {
    /// Blocks that are looked at.
    blocks: Option<usize>,
}

/// How much a slot was waited for in some blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heat {
    waits: u64,
    gas: u64,
    blocks: u64,
}

/// `/slots`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    let blocks = query.blocks.unwrap_or(BLOCKS).clamp(1, BLOCKS_MAX);
    blocking(&explorer, move |explorer| render(explorer, blocks)).await
}

fn render(explorer: &Explorer, blocks: usize) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let recent = view.index.blocks(view.head(), blocks)?;
    let gas: u64 = recent.iter().map(|(_, block)| block.gas_used).sum();
    let mut names = SlotNames::new(&view);
    let mut rows = Vec::new();
    for ((contract, slot), heat) in hottest(&recent).into_iter().take(SLOTS_MAX) {
        rows.push(row(&view, &mut names, contract, slot, heat, gas)?);
    }
    let columns = [
        Column::Text("Contract"),
        Column::Text("Slot"),
        Column::Number("Waits"),
        Column::Number("Blocks"),
        Column::Number("Gas that waited"),
        Column::Number("Share of all gas"),
    ];
    let body = html! {
        link rel="stylesheet" href="/assets/contract.css";
        h1 { "Contended slots " span.of { "in the last " (amounts::number(recent.len())) " blocks" } }
        (pieces::lag(&view))
        (summary(&recent))
        div.two {
            div.card { (parallelism(&recent)) }
            section.card {
                h2 { "How many blocks" }
                form.fields method="get" action="/slots" {
                    label for="blocks" { "Blocks, up to " (amounts::number(BLOCKS_MAX)) }
                    input id="blocks" name="blocks" type="number" min="1" max=(BLOCKS_MAX) value=(blocks);
                    p { button.do type="submit" { "Show" } }
                }
            }
        }
        div.card.flat {
            (pieces::table("Slots that the most transactions waited for", &columns, &rows, "No transaction read what another of its block had written."))
            p.quiet { "A transaction waits for a slot if it reads it after an earlier one of its block has written it. Of each block the eight hottest slots count." }
        }
    };
    Ok(Page::live("Contended slots", Section::Slots, view.head()).with(&body))
}

/// Slots of some blocks, those with the most waits first.
fn hottest(blocks: &[(u64, BlockSummary)]) -> Vec<((Address, U256), Heat)> {
    let mut all: HashMap<(Address, U256), Heat> = HashMap::new();
    for hot in blocks.iter().flat_map(|(_, block)| &block.hot) {
        let heat = all.entry((hot.address, hot.slot)).or_default();
        heat.waits = heat.waits.saturating_add(hot.waits);
        heat.gas = heat.gas.saturating_add(hot.gas);
        heat.blocks += 1;
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_unstable_by_key(|(slot, heat)| (std::cmp::Reverse((heat.waits, heat.gas)), *slot));
    all
}

fn row(
    view: &View<'_>,
    names: &mut SlotNames<'_>,
    contract: Address,
    slot: U256,
    heat: Heat,
    gas: u64,
) -> Result<Markup, IndexError> {
    Ok(html! {
        tr {
            th scope="row" { (pieces::address(view, contract)) }
            td.wide { (words(&names.find(contract, slot)?, contract)) }
            td.n { (amounts::number(heat.waits)) }
            td.n { (amounts::number(heat.blocks)) }
            td.n { (amounts::number(heat.gas)) }
            td.n { (amounts::percent(heat.gas, gas)) }
        }
    })
}

/// A slot in words, with a link to what it holds.
pub(super) fn words(words: &SlotWords, contract: Address) -> Markup {
    match words {
        SlotWords::Name(name) => html! { strong { bdi { (text::clean(name, 300).0) } } },
        SlotWords::Way(way) => html! { bdi { (text::clean(way, 600).0) } },
        SlotWords::Number(slot) => {
            let number = number_words(*slot);
            html! {
                a.hash href={ "/address/" (contract) "/contract?tab=storage&slot=" (number) } title=(number) {
                    "slot " (pieces::ends(&number, 10, 6))
                }
            }
        }
    }
}

fn summary(recent: &[(u64, BlockSummary)]) -> Markup {
    let sum = |value: fn(&BlockSummary) -> u64| -> u64 {
        recent.iter().map(|(_, block)| value(block)).fold(0, u64::saturating_add)
    };
    let (gas, critical) = (sum(|block| block.gas_used), sum(|block| block.critical_gas));
    let (waiting, all) = (sum(|block| block.waiting), sum(|block| block.transactions));
    let best = (critical > 0).then(|| format!("{:.1}×", gas as f64 / critical as f64));
    html! {
        dl.figures {
            div { dt { "Transactions that waited" } dd { (amounts::percent(waiting, all)) small { (amounts::number(waiting)) " of " (amounts::number(all)) } } }
            div { dt { "Gas on critical paths" } dd { (amounts::percent(critical, gas)) small { (amounts::number(critical)) " of " (amounts::number(gas)) } } }
            div { dt { "Best speed-up" } dd { (best.as_deref().unwrap_or("–")) small { "with any number of threads" } } }
        }
    }
}

/// How much of the gas of each block has to be used one after the other: the lower, the more
/// parallel.
fn parallelism(recent: &[(u64, BlockSummary)]) -> Markup {
    let with_gas = recent.iter().rev().filter(|(_, block)| block.gas_used > 0);
    let point = |(number, block): &(u64, BlockSummary)| Point {
        at: number.to_string(),
        value: block.critical_gas as f64 * 100.0 / block.gas_used.max(1) as f64,
        words: amounts::percent(block.critical_gas, block.gas_used),
    };
    let points = with_gas.map(point).collect();
    let title = "Gas on the critical path, percent of the block’s";
    Chart { title, of: "Block", points, shape: Shape::Line }.draw()
}

/// `/address/{address}/slots`.
pub(crate) async fn of_address(
    State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
) -> Result<Markup, PageError> {
    let address = paths::address(&address)?;
    blocking(&explorer, move |explorer| {
        let view = View::new(explorer)?;
        let mut names = SlotNames::new(&view);
        let has_layout = names.layout(address).is_some();
        let mut rows = Vec::new();
        for (slot, figures) in view.index.slots_of(address, SLOTS_OF_MAX)? {
            let name = names.with(address, slot, &figures.preimages);
            let number = number_words(slot);
            rows.push(html! {
                tr {
                    th.wide scope="row" { (words(&name, address)) }
                    td { span.hash title=(number) { (pieces::ends(&number, 10, 6)) } (pieces::copy(&number, "slot")) }
                    td.n { (amounts::number(figures.waits)) }
                    td.n { (amounts::number(figures.gas)) }
                    td.n { (amounts::number(figures.blocks)) }
                    td { (pieces::block(figures.last_block)) }
                }
            });
        }
        let columns = [
            Column::Text("What lies there"),
            Column::Text("Slot"),
            Column::Number("Waits"),
            Column::Number("Gas that waited"),
            Column::Number("Blocks"),
            Column::Text("Last in"),
        ];
        let body = html! {
            link rel="stylesheet" href="/assets/contract.css";
            (account::top(&view, address, "slots")?)
            div.card.flat {
                (pieces::table("Slots that transactions waited for, those with the most waits first", &columns, &rows, "No transaction waited for a slot of this address."))
                p.quiet {
                    "A transaction waits for a slot if it reads it after an earlier one of its block has written it. "
                    @if has_layout { "Names by the storage layout of the verified sources." }
                    @else { "With verified sources, slots have the names of variables here." }
                }
            }
        };
        let title = format!("Slots of {}", pieces::ends(&address.to_string(), 8, 6));
        Ok(Page::live(&title, Section::Slots, view.head()).with(&body))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HotSlot;

    #[test]
    fn slots_of_blocks_add_up() {
        let hot = |slot: u64, waits, gas| HotSlot {
            address: Address::ZERO,
            slot: U256::from(slot),
            waits,
            gas,
        };
        let block = |hot| BlockSummary { hot, ..BlockSummary::default() };
        let blocks = [
            (1, block(vec![hot(1, 3, 30), hot(2, 1, 10)])),
            (2, block(vec![hot(2, 5, 50), hot(3, u64::MAX, 1)])),
            (3, block(vec![hot(3, u64::MAX, 1)])),
        ];
        let found = hottest(&blocks);
        let heat = |waits, gas, blocks| Heat { waits, gas, blocks };
        let slots: Vec<_> =
            found.iter().map(|((_, slot), heat)| (slot.to::<u64>(), *heat)).collect();
        assert_eq!(slots, [(3, heat(u64::MAX, 2, 2)), (2, heat(6, 60, 2)), (1, heat(3, 30, 1))]);
    }
}
