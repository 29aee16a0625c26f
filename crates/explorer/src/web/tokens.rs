//! Tokens in lists, and amounts of them.

use super::{
    PageError, amounts, blocking,
    extract::UrlQuery,
    layout::{Page, Section},
    paths::{self, Query},
    pieces::{self, Column},
    text,
};
use crate::{Class, Explorer, Token, Transfer, facts::View, server::Shared};
use alloy_primitives::{Address, U256};
use axum::extract::State;
use maud::{Markup, html};

/// Digits of an id of an item that are shown.
const ID_CHARS: usize = 12;
/// Tokens that are ordered by their holders. Where there are more, they stand in the order of
/// their addresses, which needs no more than a page of them to be read.
const ORDERED_MAX: usize = 1_000;

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

/// `/tokens`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    blocking(&explorer, move |explorer| render(explorer, &query)).await
}

type Entry = (Address, Class, Token);

fn render(explorer: &Explorer, query: &Query) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let (found, is_ordered, next) = gather(&view, query)?;
    let rows: Vec<_> = found.iter().map(row).collect();
    let columns = [
        Column::Text("Token"),
        Column::Text("Symbol"),
        Column::Text("Kind"),
        Column::Number("Holders"),
        Column::Number("Transfers"),
        Column::Text("First block"),
        Column::Text("Contract"),
    ];
    let caption =
        if is_ordered { "Tokens, those with the most holders first" } else { "Tokens, by address" };
    let first = query.after.is_some().then(|| ("First", "/tokens".to_owned()));
    let next = next.map(|after| ("Next", format!("/tokens?after={after}")));
    let body = html! {
        h1 { "Tokens" }
        (pieces::lag(&view))
        p.quiet { "Names are what contracts say of themselves. Two tokens may have the same; only the address tells them apart." }
        div.card.flat {
            (pieces::table(caption, &columns, &rows, "No token has been moved yet."))
            (pieces::pager_named(first, next))
        }
    };
    Ok(Page::live("Tokens", Section::Tokens, view.head()).with(&body))
}

/// Tokens to show, whether they are ordered by holders, and where the next page begins.
fn gather(view: &View<'_>, query: &Query) -> Result<(Vec<Entry>, bool, Option<String>), PageError> {
    let limit = query.rows();
    let bad = || PageError::Bad("`after` has to be a number, or address-kind.".to_owned());
    let all = view.index.tokens(None, ORDERED_MAX + 1)?;
    if all.len() <= ORDERED_MAX {
        let from = query.after.as_ref().map_or(Some(0), |after| after.parse::<usize>().ok());
        let from = from.ok_or_else(bad)?;
        let count = all.len();
        let mut all = all;
        all.sort_by_key(|(token, class, figures)| {
            (std::cmp::Reverse(figures.holders), *token, *class)
        });
        let shown: Vec<_> = all.into_iter().skip(from).take(limit).collect();
        let end = from.saturating_add(shown.len());
        return Ok((shown, true, (end < count).then(|| end.to_string())));
    }
    let after = query.after.as_deref().map(|after| {
        let (token, class) = after.split_once('-').ok_or_else(bad)?;
        let class = class.parse().ok().and_then(Class::of).ok_or_else(bad)?;
        Ok::<_, PageError>((paths::address(token)?, class))
    });
    let mut shown = view.index.tokens(after.transpose()?, limit + 1)?;
    let more = shown.len() > limit;
    shown.truncate(limit);
    let last = shown.last().filter(|_| more);
    let next = last.map(|(token, class, _)| format!("{token}-{}", *class as u8));
    Ok((shown, false, next))
}

fn row((token, class, figures): &Entry) -> Markup {
    let name = if figures.name.trim().is_empty() { "without a name" } else { &figures.name };
    html! {
        tr {
            th scope="row" { a href={ "/token/" (token) "?kind=" (*class as u8) } { bdi { (text::name(name)) } } }
            td { bdi { (text::name(&figures.symbol)) } }
            td { (pieces::kind(class.name())) }
            td.n { (amounts::number(figures.holders)) }
            td.n { (amounts::number(figures.transfers)) }
            td { (pieces::block(figures.first_block)) }
            td { span.hash { a href={ "/address/" (token) } { (pieces::ends(&token.to_string(), 8, 6)) } } (pieces::copy(&token.to_string(), "address")) }
        }
    }
}
