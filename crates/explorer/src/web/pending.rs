//! What waits in the pool.

use super::{
    PageError, amounts, blocking,
    layout::{Page, Section},
    lists,
    pieces::{self, Column},
};
use crate::{
    Explorer,
    facts::{View, transactions::recipient},
    server::Shared,
};
use alloy_consensus::Transaction as _;
use axum::extract::State;
use heddle_pool::{PoolTransaction, Status};
use maud::{Markup, html};
use std::sync::Arc;

/// Transactions of a kind that are shown.
const SHOWN_MAX: usize = 100;
/// Senders that are looked through for queued transactions, while the pool stands still.
const SENDERS_MAX: usize = 2_000;

/// `/pending`.
pub(crate) async fn page(State(explorer): Shared) -> Result<Markup, PageError> {
    blocking(&explorer, render).await
}

struct Waiting {
    status: Status,
    pending: Vec<Arc<PoolTransaction>>,
    queued: Vec<Arc<PoolTransaction>>,
}

fn gather(explorer: &Explorer) -> Waiting {
    let pool = explorer.parts.pool.lock();
    let status = pool.status();
    let pending = pool.best().take(SHOWN_MAX).filter_map(|found| pool.get(&found.hash()).cloned());
    let pending = pending.collect();
    let mut queued = Vec::new();
    if status.queued > 0 {
        for sender in pool.senders().iter().take(SENDERS_MAX) {
            let of = pool.content_from(sender).queued;
            queued.extend(of.into_values().flat_map(std::collections::BTreeMap::into_values));
            if queued.len() >= SHOWN_MAX {
                break;
            }
        }
    }
    queued.truncate(SHOWN_MAX);
    Waiting { status, pending, queued }
}

fn render(explorer: &Explorer) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let Waiting { status, pending, queued } = gather(explorer);
    let next = view.chain.next_base_fee(&view.chain.head().header);
    let body = html! {
        h1 { "Pending transactions" }
        dl.figures {
            div { dt { "Pending" } dd { (amounts::number(status.pending)) small { "can be in the next block" } } }
            div { dt { "Queued" } dd { (amounts::number(status.queued)) small { "wait for others, or for money" } } }
            div { dt { "Memory" } dd { (amounts::bytes(status.bytes)) } }
            div { dt { "Next base fee" } dd { (next.map_or("none".to_owned(), amounts::gwei)) } }
        }
        div.card.flat {
            (table(&view, "Pending, as the next block would take them", &pending, "Nothing waits."))
            (rest(pending.len(), status.pending))
        }
        div.card.flat {
            (table(&view, "Queued", &queued, "Nothing is queued."))
            (rest(queued.len(), status.queued))
        }
    };
    Ok(Page::live("Pending transactions", Section::Pending, view.head()).with(&body))
}

fn rest(shown: usize, all: usize) -> Markup {
    html! { @if all > shown { p.quiet { (amounts::number(shown)) " of " (amounts::number(all)) " are shown." } } }
}

fn table(
    view: &View<'_>,
    caption: &str,
    transactions: &[Arc<PoolTransaction>],
    empty: &str,
) -> Markup {
    let columns = [
        Column::Text("Transaction"),
        Column::Text("Method"),
        Column::Text("Arrived"),
        Column::Text("From"),
        Column::Number("Nonce"),
        Column::Text("To"),
        Column::Number("Value"),
        Column::Number("Pays at most"),
        Column::Number("Tip at most"),
    ];
    let row = |pooled: &Arc<PoolTransaction>| {
        let transaction = &pooled.recovered.transaction;
        let (to, creates) = recipient(transaction, pooled.sender());
        let selector = crate::facts::transactions::selector(transaction);
        let tip = transaction.max_priority_fee_per_gas().unwrap_or(transaction.max_fee_per_gas());
        html! {
            tr {
                th scope="row" { (pieces::transaction(pooled.hash())) }
                td { (lists::method(view, to, selector, creates)) }
                td { (pieces::time(view, pooled.added_at)) }
                td { (pieces::address_link(view, pooled.sender())) }
                td.n { (amounts::number(pooled.nonce())) }
                td { @if creates { span.quiet { "creates " } } (pieces::address_link(view, to)) }
                td.n { (amounts::ether(transaction.value())) }
                td.n { (amounts::gwei(transaction.max_fee_per_gas())) }
                td.n { (amounts::gwei(tip)) }
            }
        }
    };
    let rows: Vec<_> = transactions.iter().map(row).collect();
    pieces::table(caption, &columns, &rows, empty)
}
