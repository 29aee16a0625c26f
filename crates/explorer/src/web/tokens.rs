//! Tokens.

use super::{amounts, pieces};
use crate::{Class, Transfer, facts::View};
use alloy_primitives::{Address, U256};
use maud::{Markup, html};

/// Digits of an id of an item that are shown.
const ID_CHARS: usize = 12;

/// What a transfer moved: an amount with its decimals, an item, or so many of one.
pub(crate) fn token_amount(
    view: &View<'_>,
    token: Address,
    class: Class,
    transfer: &Transfer,
) -> Markup {
    match class {
        Class::Erc20 => html! { (amount(view, token, transfer.amount)) },
        Class::Erc721 => item_link(token, transfer.id),
        Class::Erc1155 => {
            html! { (amounts::number(transfer.amount)) " × " (item_link(token, transfer.id)) }
        }
    }
}

/// An amount of an ERC-20 token.
pub(crate) fn amount(view: &View<'_>, token: Address, amount: U256) -> Markup {
    let decimals = view.index.token(token, Class::Erc20).ok().flatten();
    let decimals = decimals.map_or(0, |token| token.decimals);
    html! { span title={ (amounts::number(amount)) " units" } { (amounts::rounded(amount, decimals)) } }
}

/// A link to an item.
pub(crate) fn item_link(token: Address, id: U256) -> Markup {
    let full = id.to_string();
    html! { a href={ "/token/" (token) "/" (full) } title=(full) { "#" (pieces::ends(&full, ID_CHARS, 4)) } }
}
