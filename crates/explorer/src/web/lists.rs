//! Rows of blocks and transactions, which many pages have.

use super::{
    PageError, amounts,
    pieces::{self, Column},
    text,
    tokens::token_amount,
};
use crate::{
    BlockSummary, TransferEntry,
    facts::{
        View,
        transactions::{Line, Lines},
    },
};
use alloy_primitives::{Address, hex};
use maud::{Markup, html};

/// Columns of [`block_row`].
pub(crate) const BLOCK_COLUMNS: [Column; 8] = [
    Column::Text("Block"),
    Column::Text("When"),
    Column::Number("Transactions"),
    Column::Number("Gas used"),
    Column::Text("Full"),
    Column::Number("Base fee"),
    Column::Number("Burned"),
    Column::Text("Fees go to"),
];

/// A block in a line.
pub(crate) fn block_row(view: &View<'_>, number: u64, block: &BlockSummary) -> Markup {
    html! {
        tr {
            th scope="row" { (pieces::block(number)) }
            td { (pieces::time(view, block.timestamp)) }
            td.n {
                (amounts::number(block.transactions))
                @if block.failed > 0 { span.quiet { " (" (amounts::number(block.failed)) " failed)" } }
            }
            td.n { (amounts::number(block.gas_used)) }
            td { (pieces::bar(block.gas_used, block.gas_limit)) }
            td.n { (amounts::gwei(block.base_fee)) }
            td.n { (amounts::ether(block.burned)) }
            td { (pieces::address_link(view, block.beneficiary)) }
        }
    }
}

/// Columns of [`transaction_row`].
pub(crate) const TRANSACTION_COLUMNS: [Column; 8] = [
    Column::Text("Transaction"),
    Column::Text("Method"),
    Column::Text("Block"),
    Column::Text("When"),
    Column::Text("From"),
    Column::Text("To"),
    Column::Number("Value"),
    Column::Number("Fee"),
];

/// A transaction in a line. With `of` it says which way it went, seen from that address.
pub(crate) fn transaction_row(view: &View<'_>, line: &Line, of: Option<Address>) -> Markup {
    html! {
        tr {
            th scope="row" {
                (pieces::transaction(line.hash))
                @if !line.success { " " span.badge.bad { "✗ failed" } }
            }
            td { (method(view, line.to, line.selector, line.creates)) }
            td { (pieces::block(line.place.block)) }
            td { (pieces::time(view, line.timestamp)) }
            td { (party(view, line.from, of)) }
            td {
                @if line.creates { span.quiet { "creates " } }
                (party(view, line.to, of))
            }
            td.n { (amounts::ether(line.value)) }
            td.n { (amounts::ether(line.fee())) }
        }
    }
}

/// An address in a list of one address: that one is not a link.
pub(crate) fn party(view: &View<'_>, address: Address, of: Option<Address>) -> Markup {
    if of == Some(address) {
        html! { span.quiet title=(address) { "this address" } }
    } else {
        pieces::address_link(view, address)
    }
}

/// What a transaction does, in a word.
pub(crate) fn method(
    view: &View<'_>,
    to: Address,
    selector: Option<[u8; 4]>,
    creates: bool,
) -> Markup {
    match selector {
        _ if creates => pieces::kind("creation"),
        None => pieces::kind("transfer"),
        Some(selector) => match view.method(to, selector) {
            Some(name) => html! {
                span.badge.kind title=(hex::encode_prefixed(selector)) { bdi { (text::name(&name)) } }
            },
            None => pieces::kind(&hex::encode_prefixed(selector)),
        },
    }
}

/// A side of a transfer; the zero address stands for what did not exist before, or does not after.
pub(crate) fn transfer_party(view: &View<'_>, address: Address, nobody: &str) -> Markup {
    if address.is_zero() {
        html! { span.badge.kind { (nobody) } }
    } else {
        pieces::address_link(view, address)
    }
}

/// Columns of [`transfer_rows`].
pub(crate) const TRANSFER_COLUMNS: [Column; 6] = [
    Column::Text("Transaction"),
    Column::Text("Block"),
    Column::Text("From"),
    Column::Text("To"),
    Column::Text("Token"),
    Column::Number("What"),
];

/// Token transfers in lines.
pub(crate) fn transfer_rows(
    view: &View<'_>,
    entries: &[TransferEntry],
    of: Option<Address>,
) -> Result<Vec<Markup>, PageError> {
    let mut lines = Lines::new(view);
    let mut rows = Vec::with_capacity(entries.len());
    for TransferEntry { place, token, class, transfer } in entries {
        let hash = lines.hash(place.block, transfer.transaction)?;
        let side = |address: Address, nobody| {
            if of == Some(address) {
                party(view, address, of)
            } else {
                transfer_party(view, address, nobody)
            }
        };
        rows.push(html! {
            tr {
                th scope="row" { @if let Some(hash) = hash { (pieces::transaction(hash)) } @else { "gone" } }
                td { (pieces::block(place.block)) }
                td { (side(transfer.from, "new")) }
                td { (side(transfer.to, "burned")) }
                td { a href={ "/token/" (token) } { (token_name(view, *token)) } }
                td.n { (token_amount(view, *token, *class, transfer)) }
            }
        });
    }
    Ok(rows)
}

/// What a token is called, or its address.
pub(crate) fn token_name(view: &View<'_>, token: Address) -> Markup {
    match view.name(token) {
        Some(name) => html! { bdi { (text::name(&name.text)) } },
        None => html! { span.hash { (pieces::ends(&token.to_string(), 8, 6)) } },
    }
}
