//! Transactions that are in no block.

use crate::{
    facts::{View, transactions::recipient},
    web::{
        PageError, amounts, decoded,
        layout::{Page, Section},
        pieces, text,
    },
};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::B256;
use heddle_pool::{Dropped, PoolTransaction};
use maud::{Markup, html};
use std::sync::Arc;

/// The page of a transaction that waits, or was dropped.
pub(super) fn page(view: &View<'_>, hash: B256) -> Result<Markup, PageError> {
    let (waiting, dropped) = {
        let pool = view.explorer.parts.pool.lock();
        let waiting = pool.get(&hash).map(|found| (Arc::clone(found), pool.is_pending(&hash)));
        (waiting, pool.dropped(&hash).cloned())
    };
    let contents = match (waiting, dropped) {
        (Some((transaction, pending)), _) => pooled(view, &transaction, pending),
        (None, Some(dropped)) => gone(view, &dropped),
        (None, None) => {
            return Err(PageError::NotFound(format!(
                "No transaction {hash} is known: it is in no block, does not wait in the pool of \
                 this node, and was not dropped lately. It may have been sent to another chain, \
                 or never."
            )));
        }
    };
    let body = html! {
        h1 { "Transaction " span.of.hash.wrap { (hash) } (pieces::copy(&hash.to_string(), "hash")) }
        (contents)
    };
    Ok(Page::live("Transaction", Section::Transactions, view.head()).with(&body))
}

fn pooled(view: &View<'_>, pooled: &PoolTransaction, pending: bool) -> Markup {
    let transaction = &pooled.recovered.transaction;
    let from = pooled.sender();
    let (to, creates) = recipient(transaction, from);
    let limit = amounts::number(transaction.gas_limit());
    html! {
        p.note.wait {
            @if pending { "It waits in the pool for the next block." }
            @else { "It waits in the pool for an earlier transaction of its sender, or for money: no block can include it yet." }
        }
        section.card {
            h2 { "Overview" }
            (pieces::facts(vec![
                ("Status", Some(html! { span.badge.wait { @if pending { "pending" } @else { "queued" } } })),
                ("Arrived", Some(pieces::time_full(view, pooled.added_at))),
                ("From", Some(pieces::address_full(view, from))),
                (if creates { "Will create" } else { "To" }, Some(pieces::address_full(view, to))),
                ("Value", Some(amounts::ether(transaction.value()))),
                ("Nonce", Some(html! { (amounts::number(transaction.nonce())) })),
                ("Type", Some(html! { (super::overview::type_words(transaction.ty())) })),
                ("Gas limit", Some(html! { (limit) })),
                ("Pays at most", Some(html! { (amounts::gwei(transaction.max_fee_per_gas())) " for each gas" })),
                ("Tip at most", transaction.max_priority_fee_per_gas().map(|tip| html! { (amounts::gwei(tip)) " for each gas" })),
                ("Next base fee", view.chain.next_base_fee(&view.chain.head().header).map(|fee| html! { (amounts::gwei(fee)) })),
            ]))
        }
        section.card {
            h2 { "Input" }
            @if let Some((found, certainty)) = view.decode_call(to, transaction.input()).filter(|_| !creates) {
                (decoded::show(view, &found, certainty))
            }
            (text::data(transaction.input()))
        }
    }
}

fn gone(view: &View<'_>, dropped: &Dropped) -> Markup {
    html! {
        p.note.bad { "It was dropped from the pool, and is in no block: " (text::text(&dropped.reason.to_string())) "." }
        section.card {
            h2 { "What is known" }
            (pieces::facts(vec![
                ("Status", Some(html! { span.badge.bad { "✗ dropped" } })),
                ("From", Some(pieces::address_full(view, dropped.sender))),
                ("Nonce", Some(html! { (amounts::number(dropped.nonce)) })),
            ]))
        }
    }
}
