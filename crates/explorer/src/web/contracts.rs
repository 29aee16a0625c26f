//! Contracts.

use super::{
    PageError, amounts, blocking,
    extract::UrlQuery,
    layout::{Page, Section},
    paths::{self, Query},
    pieces::{self, Column},
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

fn render(explorer: &Explorer, query: &Query) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let mut found = view.index.contracts(query.page()?)?;
    let pager = paths::cut(&mut found, query, "/contracts", |(place, _)| *place);
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
        div.card.flat {
            (pieces::table("Contracts, the newest first", &columns, &rows, "No contracts were created, besides those of the first block."))
            (pager)
        }
    };
    Ok(Page::live("Contracts", Section::Contracts, view.head()).with(&body))
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
