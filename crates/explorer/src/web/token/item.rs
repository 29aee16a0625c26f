//! An item of ERC-721, or one id of ERC-1155.

use crate::{
    Class, Explorer,
    facts::{View, asks},
    server::Shared,
    web::{
        PageError, amounts, blocking,
        extract::{UrlPath, UrlQuery},
        layout::{Page, Section},
        lists,
        paths::{self, Query},
        pieces::{self, Column},
        text, uri,
    },
};
use alloy_primitives::{Address, U256};
use axum::extract::State;
use maud::{Markup, html};

/// Digits of the greatest number of 256 bits.
const ID_DIGITS_MAX: usize = 78;
/// Holders of an id that are shown.
const HOLDERS_MAX: usize = 100;

/// The number of an item, in decimal.
pub(super) fn parse_id(text: &str) -> Result<U256, PageError> {
    let is_number = text.len() <= ID_DIGITS_MAX && text.bytes().all(|c| c.is_ascii_digit());
    let id = U256::from_str_radix(text, 10).ok().filter(|_| is_number && !text.is_empty());
    id.ok_or_else(|| PageError::Bad("The number of an item has to be a decimal number.".to_owned()))
}

/// `/token/{address}/{id}`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlPath((token, id)): UrlPath<(String, String)>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    let token = paths::address(&token)?;
    let id = parse_id(&id)?;
    let described = asks::item_uri(&explorer, token, id).await;
    blocking(&explorer, move |explorer| render(explorer, token, id, &query, described.as_deref()))
        .await
}

fn render(
    explorer: &Explorer,
    token: Address,
    id: U256,
    query: &Query,
    described: Option<&str>,
) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let base = format!("/token/{token}/{id}");
    let mut history = view.index.transfers_of_id(token, id, query.page()?)?;
    let owner = view.index.owner(token, id)?;
    if history.is_empty() && owner.is_none() && query.before.is_none() {
        return Err(PageError::NotFound(format!("No item {id} of {token} is known.")));
    }
    let is_kind = view.index.token(token, Class::Erc1155)?.is_some();
    let holders =
        if is_kind { view.index.holders_of_id(token, id, None, HOLDERS_MAX)? } else { Vec::new() };
    let pager = paths::cut(&mut history, query, &base, |entry| entry.place);
    let rows = lists::transfer_rows(&view, &history, None)?;
    let title = format!("Item {}", pieces::ends(&id.to_string(), 16, 6));
    let body = html! {
        h1 { (title) " " span.of { "of " a href={ "/token/" (token) } { (lists::token_name(&view, token)) } } }
        section.card {
            h2 { "Overview" }
            (pieces::facts(vec![
                ("Token", Some(pieces::address_full(&view, token))),
                ("Number", Some(html! { span.mono.wrap { (id) } })),
                ("Owner", (!is_kind).then(|| match owner {
                    Some(owner) => pieces::address_full(&view, owner),
                    None => html! { span.quiet { "nobody: it was burned" } },
                })),
            ]))
        }
        @if let Some(described) = described {
            section.card {
                h2 { "What the contract says of it" }
                p.quiet { "As text. Nothing is fetched from elsewhere." }
                (uri::show(described))
            }
        }
        @if is_kind { (holders_table(&view, &holders)) }
        div.card.flat {
            (pieces::table("History, the newest first", &lists::TRANSFER_COLUMNS, &rows, "No transfers here."))
            (pager)
        }
    };
    Ok(Page::live(&text::name(&title), Section::Tokens, view.head()).with(&body))
}

fn holders_table(view: &View<'_>, holders: &[(Address, U256)]) -> Markup {
    let row = |(holder, amount): &(Address, U256)| {
        html! {
            tr { th scope="row" { (pieces::address(view, *holder)) } td.n { (amounts::number(amount)) } }
        }
    };
    let rows: Vec<_> = holders.iter().map(row).collect();
    let columns = [Column::Text("Holder"), Column::Number("Amount")];
    html! {
        div.card.flat {
            (pieces::table("Holders, those with the most first", &columns, &rows, "Nobody has any."))
            @if holders.len() >= HOLDERS_MAX { p.quiet { "The first " (HOLDERS_MAX) "." } }
        }
    }
}
