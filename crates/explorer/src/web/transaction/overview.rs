//! The first part: what a transaction is, and what it cost.

use super::Mined;
use crate::{
    facts::{View, traces::Failure, transactions::recipient},
    web::{amounts, decoded, pieces, text},
};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::U256;
use heddle_rpc::CallFailure;
use heddle_types::Transaction;
use maud::{Markup, html};

/// Entries of lists of a transaction that are shown.
const ENTRIES_MAX: usize = 200;

pub(super) fn show(
    view: &View<'_>,
    mined: &Mined,
    failure: Option<&Result<Failure, CallFailure>>,
) -> Markup {
    let transaction = &mined.found.transaction.transaction;
    html! {
        @if let Some(failure) = failure { (reason(view, mined, failure)) }
        section.card { h2 { "Overview" } (overview(view, mined)) }
        section.card { h2 { "Fees" } (fees(view, mined)) }
        (input(view, mined))
        (access_list(view, transaction))
        (blobs(transaction))
        (authorizations(view, transaction))
    }
}

fn reason(view: &View<'_>, mined: &Mined, failure: &Result<Failure, CallFailure>) -> Markup {
    let failure = match failure {
        Ok(failure) => failure,
        Err(failure) => return super::untraced(failure),
    };
    let output = failure.output.as_ref().map_or(&[][..], |output| output.as_ref());
    let transaction = &mined.found.transaction;
    let (to, _) = recipient(&transaction.transaction, transaction.sender);
    html! {
        div.note.bad {
            strong { "It failed" }
            @if let Some(error) = &failure.error { ": " (text::text(error)) }
            @match view.decode_failure(to, output) {
                Some(reason) => { ": " (decoded::reason(view, &reason)) },
                None => @if let Some(words) = &failure.revert_reason { ": “" (text::text(words)) "”" }
            }
            @if !output.is_empty() { details { summary { "What it returned" } (text::data(output)) } }
        }
    }
}

/// The input: decoded where it is a call that somebody knows, and as it is.
fn input(view: &View<'_>, mined: &Mined) -> Markup {
    let transaction = &mined.found.transaction;
    let (to, creates) = recipient(&transaction.transaction, transaction.sender);
    let input = transaction.transaction.input();
    let found = if creates { None } else { view.decode_call(to, input) };
    html! {
        section.card {
            h2 { "Input" @if creates { " (the code that creates the contract)" } }
            @if let Some((found, certainty)) = &found { (decoded::show(view, found, *certainty)) }
            (text::data(input))
        }
    }
}

fn overview(view: &View<'_>, mined: &Mined) -> Markup {
    let transaction = &mined.found.transaction.transaction;
    let from = mined.found.transaction.sender;
    let (to, creates) = recipient(transaction, from);
    let place = super::place(mined);
    let header = &mined.found.header;
    pieces::facts(vec![
        ("Status", Some(pieces::status(mined.receipt.success))),
        (
            "Block",
            Some(html! {
                (pieces::block(place.block)) ", position " (place.index) ", "
                (amounts::number(view.head().saturating_sub(place.block))) " blocks on top"
            }),
        ),
        ("Time", Some(pieces::time_full(view, header.timestamp))),
        ("From", Some(pieces::address_full(view, from))),
        (if creates { "Creates" } else { "To" }, Some(pieces::address_full(view, to))),
        ("Value", Some(amounts::ether(transaction.value()))),
        ("Nonce", Some(html! { (amounts::number(transaction.nonce())) })),
        ("Type", Some(html! { (type_words(transaction.ty())) })),
        (
            "Gas used",
            Some(html! {
                (amounts::number(mined.receipt.gas_used)) " of " (amounts::number(transaction.gas_limit())) " "
                (pieces::bar(mined.receipt.gas_used, transaction.gas_limit()))
            }),
        ),
        (
            "Chain id",
            Some(html! {
                @match transaction.chain_id() {
                    Some(id) => (id),
                    None => "none: it is valid on any chain",
                }
            }),
        ),
    ])
}

/// A type of transactions in words (EIP-2718).
pub(super) fn type_words(kind: u8) -> &'static str {
    match kind {
        0 => "0, legacy",
        1 => "1, with an access list (EIP-2930)",
        2 => "2, with a fee cap (EIP-1559)",
        3 => "3, with blobs (EIP-4844)",
        4 => "4, with authorizations (EIP-7702)",
        _ => "unknown",
    }
}

/// What was paid: the price is the base fee and the tip, as far as the cap allows (EIP-1559).
fn fees(view: &View<'_>, mined: &Mined) -> Markup {
    let transaction = &mined.found.transaction.transaction;
    let header = &mined.found.header;
    let gas = U256::from(mined.receipt.gas_used);
    let price = transaction.effective_gas_price(header.base_fee_per_gas);
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    let tip = price.saturating_sub(base_fee.into());
    let times = |price: u128| gas.saturating_mul(U256::from(price));
    let params = view.chain.spec().blob_params_at(header.timestamp);
    let blob_price = params.zip(header.excess_blob_gas).map(|(p, excess)| p.calc_blob_fee(excess));
    let blob_gas = transaction.blob_gas_used();
    let blob_fee = blob_gas.zip(blob_price).map(|(gas, price)| {
        html! {
            (amounts::ether(U256::from(gas).saturating_mul(U256::from(price)))) " burned: "
            (amounts::number(gas)) " blob gas at " (amounts::gwei(price))
        }
    });
    let dynamic = transaction.is_dynamic_fee();
    pieces::facts(vec![
        ("Fee", Some(html! { (amounts::ether(times(price))) " for gas" })),
        ("Price", Some(html! { (amounts::gwei(price)) " for each gas: base fee " (amounts::gwei(base_fee)) ", tip " (amounts::gwei(tip)) })),
        ("Burned", Some(amounts::ether(times(base_fee.into())))),
        ("Tip", Some(html! { (amounts::ether(times(tip))) " to " (pieces::address(view, header.beneficiary)) })),
        ("Offered", dynamic.then(|| html! {
            "at most " (amounts::gwei(transaction.max_fee_per_gas())) ", of which at most "
            (amounts::gwei(transaction.max_priority_fee_per_gas().unwrap_or_default())) " as a tip"
        })),
        ("Saved", dynamic.then(|| amounts::ether(times(transaction.max_fee_per_gas().saturating_sub(price))))),
        ("Blobs", blob_fee),
    ])
}

fn access_list(view: &View<'_>, transaction: &Transaction) -> Markup {
    let Some(list) = transaction.access_list().filter(|list| !list.is_empty()) else {
        return html! {};
    };
    html! {
        section.card {
            h2 { "Access list" }
            @for entry in list.iter().take(ENTRIES_MAX) {
                div.item {
                    (pieces::address_full(view, entry.address))
                    details {
                        summary { (amounts::number(entry.storage_keys.len())) " slots" }
                        ul.flow { @for key in entry.storage_keys.iter().take(ENTRIES_MAX) { li.hash.wrap { (key) } } }
                        @if entry.storage_keys.len() > ENTRIES_MAX { p.quiet { "The first " (ENTRIES_MAX) "." } }
                    }
                }
            }
            @if list.len() > ENTRIES_MAX { p.quiet { "The first " (ENTRIES_MAX) " of " (list.len()) " addresses." } }
        }
    }
}

fn blobs(transaction: &Transaction) -> Markup {
    let Some(hashes) = transaction.blob_versioned_hashes().filter(|hashes| !hashes.is_empty())
    else {
        return html! {};
    };
    html! {
        section.card {
            h2 { "Blobs" }
            ul.flow { @for hash in hashes.iter().take(ENTRIES_MAX) { li { (pieces::hash(*hash)) } } }
        }
    }
}

fn authorizations(view: &View<'_>, transaction: &Transaction) -> Markup {
    let Some(list) = transaction.authorization_list().filter(|list| !list.is_empty()) else {
        return html! {};
    };
    html! {
        section.card {
            h2 { "Authorizations" }
            p { "Each lets an account use the code of another (EIP-7702)." }
            @for entry in list.iter().take(ENTRIES_MAX) {
                div.item {
                    (pieces::facts(vec![
                        ("Signed by", Some(match entry.recover_authority() {
                            Ok(authority) => pieces::address_full(view, authority),
                            Err(_) => html! { "nobody: its signature is not valid" },
                        })),
                        ("Uses the code of", Some(if entry.address.is_zero() {
                            html! { "nobody: takes back what was authorized" }
                        } else {
                            pieces::address_full(view, entry.address)
                        })),
                        ("Nonce", Some(html! { (amounts::number(entry.nonce)) })),
                        ("Chain id", Some(html! { (entry.chain_id) @if entry.chain_id.is_zero() { " (any chain)" } })),
                    ]))
                }
            }
            @if list.len() > ENTRIES_MAX { p.quiet { "The first " (ENTRIES_MAX) " of " (list.len()) "." } }
        }
    }
}
