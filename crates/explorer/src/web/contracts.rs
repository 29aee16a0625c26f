//! Contracts.

use super::{
    PageError, amounts, blocking,
    extract::UrlQuery,
    layout::{Page, Section},
    paths::{self, Query},
    pieces::{self, Column, Tab},
};
use crate::{
    Explorer, Place,
    facts::{View, transactions::Lines},
    server::Shared,
};
use alloy_primitives::Address;
use axum::extract::State;
use maud::{Markup, html};

/// `/contracts`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    blocking(&explorer, move |explorer| render(explorer, &query)).await
}

/// The view of those alone whose source is verified.
const VERIFIED: &str = "verified";
const VERIFIED_PATH: &str = "/contracts?tab=verified";
/// Contracts that are looked at for those.
const LOOKED_MAX: usize = 2_000;

fn render(explorer: &Explorer, query: &Query) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let only_verified = query.tab.as_deref() == Some(VERIFIED);
    let (found, pager) = if only_verified {
        verified(&view, query)?
    } else {
        let mut found = view.index.contracts(query.page()?)?;
        let pager = paths::cut(&mut found, query, "/contracts", |(place, _)| *place);
        (found, pager)
    };
    let tab =
        |title, path: &str, current| Tab { title, path: path.to_owned(), count: None, current };
    let tabs = [
        tab("All", "/contracts", !only_verified),
        tab("Source verified", VERIFIED_PATH, only_verified),
    ];
    let empty = match (only_verified, query.before.is_some()) {
        (true, false) => "None of the newest contracts has a verified source.",
        (true, true) => "None of these contracts has a verified source.",
        _ => "No contracts were created, besides those of the first block.",
    };
    let mut lines = Lines::new(&view);
    let mut rows = Vec::new();
    for (place, contract) in found {
        rows.push(row(&view, &mut lines, place, contract)?);
    }
    let columns = [
        Column::Text("Contract"),
        Column::Text("Created in"),
        Column::Text("Transaction"),
        Column::Text("By"),
        Column::Number("Transactions"),
        Column::Number("Logs"),
    ];
    let body = html! {
        h1 { "Contracts" }
        (pieces::lag(&view))
        (pieces::tabs("Which contracts", &tabs))
        div.card.flat {
            (pieces::table("Contracts, the newest first", &columns, &rows, empty))
            (pager)
        }
    };
    Ok(Page::live("Contracts", Section::Contracts, view.head()).with(&body))
}

/// Contracts with a verified source, and links to more. The index does not know them: so many of
/// the contracts are looked at for a page, and the next one goes on behind the last.
fn verified(view: &View<'_>, query: &Query) -> Result<(Vec<(Place, Address)>, Markup), PageError> {
    let mut page = query.page()?;
    page.limit = LOOKED_MAX + 1;
    let contracts = view.index.contracts(page)?;
    let (mut found, mut last) = (Vec::new(), None);
    for &(place, contract) in contracts.iter().take(LOOKED_MAX) {
        if found.len() == query.rows() {
            break;
        }
        last = Some(place);
        if view.source(contract).is_some() {
            found.push((place, contract));
        }
    }
    let end = contracts.last().map(|(place, _)| *place);
    Ok((found, paths::pager(query, VERIFIED_PATH, last.filter(|_| last != end))))
}

fn row(
    view: &View<'_>,
    lines: &mut Lines<'_>,
    place: Place,
    contract: Address,
) -> Result<Markup, PageError> {
    let creation = view.index.creation(contract)?;
    let figures = view.index.address(contract)?;
    let hash = lines.hash(place.block, place.index.into())?;
    Ok(html! {
        tr {
            th scope="row" {
                (pieces::address(view, contract))
                @if view.source(contract).is_some() { " " span.badge.good { "✓ source verified" } }
                @if creation.as_ref().is_some_and(|creation| creation.destroyed) { " " span.badge.bad { "destroyed" } }
            }
            td { (pieces::block(place.block)) }
            td { @if let Some(hash) = hash { (pieces::transaction(hash)) } }
            td { @if let Some(creation) = &creation { (pieces::address_link(view, creation.creator)) } }
            td.n { (amounts::number(figures.transactions)) }
            td.n { (amounts::number(figures.logs)) }
        }
    })
}
