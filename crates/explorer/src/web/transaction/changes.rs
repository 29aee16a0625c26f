//! What a transaction changed of the state.

use crate::{
    facts::{
        View,
        slots::{SlotNames, SlotWords},
        traces::{AccountPart, Difference},
    },
    web::{
        amounts,
        pieces::{self, Column},
        text,
    },
};
use alloy_primitives::{Address, B256, U256};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Accounts that are shown.
const ACCOUNTS_MAX: usize = 200;
/// Slots of an account that are shown.
const SLOTS_MAX: usize = 200;

pub(super) fn show(view: &View<'_>, difference: &Difference) -> Markup {
    let addresses = difference.addresses();
    html! {
        section.card {
            h2 { "State changes" }
            @if addresses.is_empty() { p.quiet { "Nothing changed." } }
            @for address in addresses.iter().take(ACCOUNTS_MAX) {
                @let before = difference.pre.get(address);
                @let after = difference.post.get(address);
                div.item {
                    h3 { (pieces::address_full(view, *address)) }
                    (account(before, after))
                    (slots(view, before, after, *address))
                }
            }
            @if addresses.len() > ACCOUNTS_MAX { p.quiet { "The first " (ACCOUNTS_MAX) " of " (addresses.len()) " accounts." } }
        }
    }
}

fn account(before: Option<&AccountPart>, after: Option<&AccountPart>) -> Markup {
    let gone = after.is_none();
    let balance = before.and_then(|part| part.balance).unwrap_or_default();
    let new_balance = after.and_then(|part| part.balance);
    let nonce = before.and_then(|part| part.nonce).unwrap_or_default();
    let new_nonce = after.and_then(|part| part.nonce);
    let code = |part: Option<&AccountPart>| {
        part.and_then(|part| part.code.as_ref()).map_or(0, |code| code.len())
    };
    let new_code = after.and_then(|part| part.code.as_ref());
    pieces::facts(vec![
        ("Account", before.is_none().then(|| html! { span.badge.kind { "new" } })),
        (
            "Account ",
            gone.then(|| html! { span.badge.bad { "gone" } " It had " (amounts::ether(balance)) }),
        ),
        (
            "Balance",
            new_balance.map(|new| {
                html! {
                    (amounts::ether(balance)) " → " (amounts::ether(new)) " " (change(balance, new))
                }
            }),
        ),
        (
            "Nonce",
            new_nonce.map(|new| html! { (amounts::number(nonce)) " → " (amounts::number(new)) }),
        ),
        (
            "Code",
            new_code.map(|new| {
                html! {
                    (amounts::bytes(code(before) as u64)) " → " (amounts::bytes(new.len() as u64))
                }
            }),
        ),
    ])
}

fn change(before: U256, after: U256) -> Markup {
    html! {
        span.quiet {
            @if after >= before { "(+" (amounts::ether(after - before)) ")" }
            @else { "(−" (amounts::ether(before - after)) ")" }
        }
    }
}

fn slots(
    view: &View<'_>,
    before: Option<&AccountPart>,
    after: Option<&AccountPart>,
    address: Address,
) -> Markup {
    let keys = |part: Option<&AccountPart>| -> BTreeSet<B256> {
        part.map(|part| part.storage.keys().copied().collect()).unwrap_or_default()
    };
    let mut all = keys(before);
    all.extend(keys(after));
    if all.is_empty() {
        return html! {};
    }
    // A slot that is not there is zero.
    let value = |part: Option<&AccountPart>, key: &B256| {
        part.and_then(|part| part.storage.get(key)).copied().unwrap_or_default()
    };
    let mut names = SlotNames::new(view);
    let rows: Vec<_> = all
        .iter()
        .take(SLOTS_MAX)
        .map(|key| {
            html! {
                tr {
                    th scope="row" {
                        (short(*key))
                        @if let Ok(SlotWords::Name(name)) = names.find(address, (*key).into()) { " " bdi { (text::name(&name)) } }
                    }
                    td { (short(value(before, key))) }
                    td { (short(value(after, key))) }
                }
            }
        })
        .collect();
    let caption = format!("Slots of {}", pieces::ends(&address.to_string(), 8, 6));
    html! {
        (pieces::table(&caption, &[Column::Text("Slot"), Column::Text("Before"), Column::Text("After")], &rows, ""))
        @if all.len() > SLOTS_MAX { p.quiet { "The first " (SLOTS_MAX) " of " (all.len()) " slots." } }
    }
}

/// A word, without its zeros at the front.
fn short(word: B256) -> Markup {
    let number = U256::from_be_bytes(word.0);
    html! { span.hash title=(word) { (format!("{number:#x}")) } }
}
