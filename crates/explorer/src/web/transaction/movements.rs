//! Tokens that a transaction moved.

use super::Mined;
use crate::{
    Class, Transfer,
    facts::View,
    transfers,
    web::{
        lists,
        pieces::{self, Column},
        tokens::token_amount,
    },
};
use alloy_primitives::Address;
use maud::{Markup, html};

/// Movements that are shown.
const MOVEMENTS_MAX: usize = 500;

/// All movements, in order: token, kind, what went where.
pub(super) fn of(mined: &Mined) -> Vec<(Address, Class, Transfer)> {
    let index = u64::from(mined.found.place.index);
    let of_log = |log: &alloy_primitives::Log| {
        let token = log.address;
        let (class, found) = transfers(log, index);
        found.into_iter().map(move |transfer| (token, class, transfer))
    };
    mined.receipt.logs.iter().flat_map(of_log).collect()
}

pub(super) fn show(view: &View<'_>, mined: &Mined) -> Markup {
    let movements = of(mined);
    let row = |(token, class, transfer): &(Address, Class, Transfer)| {
        html! {
            tr {
                th scope="row" { (pieces::address_link(view, *token)) }
                td { (pieces::kind(class.name())) }
                td { (lists::transfer_party(view, transfer.from, "new")) }
                td { (lists::transfer_party(view, transfer.to, "burned")) }
                td.n { (token_amount(view, *token, *class, transfer)) }
            }
        }
    };
    let rows: Vec<_> = movements.iter().take(MOVEMENTS_MAX).map(row).collect();
    let columns = [
        Column::Text("Token"),
        Column::Text("Kind"),
        Column::Text("From"),
        Column::Text("To"),
        Column::Number("What"),
    ];
    html! {
        div.card.flat {
            (pieces::table("Token movements, in order", &columns, &rows, "It moved no tokens."))
            @if movements.len() > MOVEMENTS_MAX { p.quiet { "The first " (MOVEMENTS_MAX) " of " (movements.len()) "." } }
        }
    }
}
