//! A token, and one of its items.

mod item;

pub(crate) use item::page as item_page;

use super::{
    PageError, amounts, blocking,
    extract::{UrlPath, UrlQuery},
    layout::{Page, Section},
    lists,
    paths::{self, Query},
    pieces::{self, Column, Tab},
    text, tokens,
};
use crate::{
    Class, Explorer, Token,
    facts::{View, asks},
    server::Shared,
};
use alloy_primitives::{Address, U256};
use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;

/// Which kind, where a contract is more than one.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Kind {
    kind: Option<u8>,
}

/// `/token/{address}`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlPath(token): UrlPath<String>,
    UrlQuery(kind): UrlQuery<Kind>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    let token = paths::address(&token)?;
    let supply = asks::total_supply(&explorer, token).await;
    blocking(&explorer, move |explorer| render(explorer, token, kind, &query, supply)).await
}

/// The kind that is asked for, or the first that the contract is.
fn find(view: &View<'_>, token: Address, kind: Kind) -> Result<(Class, Token), PageError> {
    let wanted = kind.kind.and_then(Class::of);
    let found = match wanted {
        Some(class) => view.index.token(token, class)?.map(|found| (class, found)),
        None => view.index.token_of_any_class(token)?,
    };
    found.ok_or_else(|| {
        PageError::NotFound(format!(
            "No token is known at {token}: a contract is one when it has logged a transfer."
        ))
    })
}

fn render(
    explorer: &Explorer,
    token: Address,
    kind: Kind,
    query: &Query,
    supply: Option<U256>,
) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let (class, figures) = find(&view, token, kind)?;
    let part = query.tab.as_deref().unwrap_or_default();
    let base = |part: &str| {
        let part = if part.is_empty() { String::new() } else { format!("&tab={part}") };
        format!("/token/{token}?kind={}{part}", class as u8)
    };
    let contents = match part {
        "" => transfers(&view, token, class, query, &base(""))?,
        "holders" => holders(&view, token, class, query, &base("holders"), supply)?,
        "items" => items(&view, token, query, &base("items"))?,
        _ => return Err(PageError::NotFound("A token has no such view.".to_owned())),
    };
    let tab =
        |name: &str, title, count| Tab { title, path: base(name), count, current: name == part };
    let mut tabs = vec![
        tab("", "Transfers", Some(figures.transfers)),
        tab("holders", "Holders", Some(figures.holders)),
    ];
    if class == Class::Erc721 {
        tabs.push(tab("items", "Items", None));
    }
    let title = if figures.name.trim().is_empty() { "Token without a name" } else { &figures.name };
    let title = text::name(title);
    let body = html! {
        h1 {
            bdi { (title) }
            @if !figures.symbol.is_empty() { " " span.of { "(" bdi { (text::name(&figures.symbol)) } ")" } }
            " " (pieces::kind(class.name()))
        }
        (pieces::lag(&view))
        section.card { h2.seen { "Overview" } (overview(&view, token, class, &figures, supply)?) }
        (pieces::tabs("Views of the token", &tabs))
        (contents)
    };
    Ok(Page::live(&title, Section::Tokens, view.head()).with(&body))
}

fn overview(
    view: &View<'_>,
    token: Address,
    class: Class,
    figures: &Token,
    supply: Option<U256>,
) -> Result<Markup, PageError> {
    let mut others = Vec::new();
    for other in Class::ALL.into_iter().filter(|other| *other != class) {
        if view.index.token(token, other)?.is_some() {
            others.push(other);
        }
    }
    let decimals = if class == Class::Erc20 { figures.decimals } else { 0 };
    Ok(pieces::facts(vec![
        ("Contract", Some(pieces::address_full(view, token))),
        (
            "Total supply",
            Some(match supply {
                Some(supply) => html! { span title=(supply) { (amounts::exact(supply, decimals)) } },
                None => html! { span.quiet { "the contract does not say" } },
            }),
        ),
        ("Decimals", (class == Class::Erc20).then(|| html! { (figures.decimals) })),
        ("Holders", Some(html! { (amounts::number(figures.holders)) })),
        ("Transfers", Some(html! { (amounts::number(figures.transfers)) " since block " (pieces::block(figures.first_block)) })),
        ("Also", (!others.is_empty()).then(|| html! {
            @for other in others { a href={ "/token/" (token) "?kind=" (other as u8) } { (other.name()) } " " }
        })),
    ]))
}

fn transfers(
    view: &View<'_>,
    token: Address,
    class: Class,
    query: &Query,
    base: &str,
) -> Result<Markup, PageError> {
    let mut found = view.index.transfers(token, class, query.page()?)?;
    let pager = paths::cut(&mut found, query, base, |entry| entry.place);
    let rows = lists::transfer_rows(view, &found, None)?;
    Ok(html! {
        div.card.flat {
            (pieces::table("Transfers, the newest first", &lists::TRANSFER_COLUMNS, &rows, "No transfers here."))
            (pager)
        }
    })
}

/// Where a list by amount goes on: `amount-holder`.
fn parse_rank(text: &str) -> Result<(U256, Address), PageError> {
    let parse = || {
        let (amount, holder) = text.split_once('-')?;
        Some((U256::from_str_radix(amount, 10).ok()?, holder.parse().ok()?))
    };
    parse().ok_or_else(|| PageError::Bad("`after` has to be amount-holder.".to_owned()))
}

fn holders(
    view: &View<'_>,
    token: Address,
    class: Class,
    query: &Query,
    base: &str,
    supply: Option<U256>,
) -> Result<Markup, PageError> {
    let after = query.after.as_deref().map(parse_rank).transpose()?;
    let limit = query.rows();
    let mut found = view.index.holders(token, class, after, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let row = |(holder, amount): &(Address, U256)| {
        let share = supply.and_then(|supply| amounts::share(*amount, supply));
        html! {
            tr {
                th scope="row" { (pieces::address(view, *holder)) }
                td.n {
                    @if class == Class::Erc20 { (tokens::amount(view, token, *amount)) }
                    @else { (amounts::number(amount)) }
                }
                td.n { @match share { Some(share) => (share), None => "–" } }
            }
        }
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let columns =
        [Column::Text("Holder"), Column::Number("Amount"), Column::Number("Of the supply")];
    let last = found.last().filter(|_| more);
    let next = last.map(|(holder, amount)| ("Next", format!("{base}&after={amount}-{holder}")));
    let first = after.map(|_| ("First", base.to_owned()));
    Ok(html! {
        div.card.flat {
            (pieces::table("Holders, those with the most first", &columns, &rows, "Nobody has any."))
            (pieces::pager_named(first, next))
        }
    })
}

fn items(view: &View<'_>, token: Address, query: &Query, base: &str) -> Result<Markup, PageError> {
    let after = query.after.as_deref().map(item::parse_id).transpose()?;
    let limit = query.rows();
    let mut found = view.index.items(token, after, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let row = |(id, owner): &(U256, Address)| {
        html! {
            tr { th scope="row" { (tokens::item_link(token, *id)) } td { (pieces::address(view, *owner)) } }
        }
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let next = found.last().filter(|_| more).map(|(id, _)| ("Next", format!("{base}&after={id}")));
    let first = after.map(|_| ("First", base.to_owned()));
    Ok(html! {
        div.card.flat {
            (pieces::table("Items, by number", &[Column::Text("Item"), Column::Text("Owner")], &rows, "No items."))
            (pieces::pager_named(first, next))
        }
    })
}
