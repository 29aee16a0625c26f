//! Transactions.

pub(super) mod calls;
mod changes;
mod logs;
mod movements;
mod overview;
mod waiting;

use super::{
    PageError, blocking,
    extract::{UrlPath, UrlQuery},
    layout::{Page, Section},
    lists,
    paths::{self, Query},
    pieces::{self, Tab},
};
use crate::{
    Explorer, Place,
    facts::{
        View,
        traces::{self, Difference, Failure, Frame},
        transactions::Lines,
    },
    server::Shared,
};
use alloy_primitives::B256;
use axum::extract::State;
use heddle_chain::FoundTransaction;
use heddle_rpc::CallFailure;
use heddle_types::Receipt;
use maud::{Markup, html};

/// `/txs`.
pub(crate) async fn list(
    State(explorer): Shared,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    blocking(&explorer, move |explorer| {
        let view = View::new(explorer)?;
        let page = query.page()?;
        let mut lines = Lines::new(&view).until(page.to, page.limit)?;
        let pager = paths::cut(&mut lines, &query, "/txs", |line| line.place);
        let rows: Vec<_> =
            lines.iter().map(|line| lists::transaction_row(&view, line, None)).collect();
        let body = html! {
            h1 { "Transactions" }
            div.card.flat {
                (pieces::table("Transactions, the newest first", &lists::TRANSACTION_COLUMNS, &rows, "No transactions here."))
                (pager)
            }
            p { a href="/pending" { "Those that wait for a block" } }
        };
        Ok(Page::live("Transactions", Section::Transactions, view.head()).with(&body))
    })
    .await
}

/// What is shown of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Overview,
    Logs,
    Movements,
    Calls,
    Changes,
}

impl Part {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Overview, "", "Overview"),
        (Self::Logs, "logs", "Logs"),
        (Self::Movements, "tokens", "Token movements"),
        (Self::Calls, "calls", "Calls"),
        (Self::Changes, "state", "State changes"),
    ];

    fn of(query: &Query) -> Result<Self, PageError> {
        let wanted = query.tab.as_deref().unwrap_or_default();
        let found = Self::ALL.into_iter().find(|(_, name, _)| *name == wanted);
        let unknown = || PageError::NotFound("A transaction has no such part.".to_owned());
        found.map(|(part, ..)| part).ok_or_else(unknown)
    }
}

/// What executing the transaction again told, as far as the part needs it.
enum Traced {
    Nothing,
    Failure(Result<Failure, CallFailure>),
    Calls(Result<Vec<Frame>, CallFailure>),
    Changes(Result<Difference, CallFailure>),
}

/// A transaction of the chain with what came of it.
struct Mined {
    found: FoundTransaction,
    receipt: Receipt,
    /// Logs of the block before its own.
    logs_before: u64,
}

impl Mined {
    fn read(view: &View<'_>, hash: B256) -> Result<Option<Self>, PageError> {
        let Some(found) = view.chain.transaction(hash)? else { return Ok(None) };
        let index = found.place.index as usize;
        let receipts = view.chain.receipts(found.place.block_number)?.unwrap_or_default();
        let logs_before =
            receipts.iter().take(index).map(|receipt| receipt.logs.len() as u64).sum();
        let receipt = receipts.into_iter().nth(index);
        Ok(receipt.map(|receipt| Self { found, receipt, logs_before }))
    }

    fn hash(&self) -> &B256 {
        self.found.transaction.transaction.tx_hash()
    }
}

/// `/tx/{hash}`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlPath(hash): UrlPath<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    let hash = paths::hash(&hash)?;
    let part = Part::of(&query)?;
    let success = blocking(&explorer, move |explorer| {
        let view = View::new(explorer)?;
        Ok(Mined::read(&view, hash)?.map(|mined| mined.receipt.success))
    })
    .await?;
    let traced = match (part, success) {
        (Part::Overview, Some(false)) => Traced::Failure(traces::failure(&explorer, hash).await),
        (Part::Calls, Some(_)) => Traced::Calls(traces::calls(&explorer, hash).await),
        (Part::Changes, Some(_)) => Traced::Changes(traces::difference(&explorer, hash).await),
        _ => Traced::Nothing,
    };
    blocking(&explorer, move |explorer| render(explorer, hash, part, &traced, &query)).await
}

fn render(
    explorer: &Explorer,
    hash: B256,
    part: Part,
    traced: &Traced,
    query: &Query,
) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let Some(mined) = Mined::read(&view, hash)? else { return waiting::page(&view, hash) };
    let contents = match (part, traced) {
        (Part::Logs, _) => logs::show(&view, &mined, query)?,
        (Part::Movements, _) => movements::show(&view, &mined),
        (Part::Calls, Traced::Calls(calls)) => match calls {
            Ok(frames) => calls::show(&view, frames),
            Err(failure) => untraced(failure),
        },
        (Part::Changes, Traced::Changes(changes)) => match changes {
            Ok(difference) => changes::show(&view, difference),
            Err(failure) => untraced(failure),
        },
        // It was undone, or included, between two looks: what there is, is shown.
        (Part::Calls | Part::Changes, _) => pieces::empty("Load this page again."),
        (Part::Overview, Traced::Failure(failure)) => overview::show(&view, &mined, Some(failure)),
        (Part::Overview, _) => overview::show(&view, &mined, None),
    };
    let movements = movements::of(&mined).len() as u64;
    let counts = [None, Some(mined.receipt.logs.len() as u64), Some(movements), None, None];
    let tab = |((at, name, title), count): ((Part, &str, &'static str), Option<u64>)| Tab {
        title,
        path: if name.is_empty() {
            format!("/tx/{hash}")
        } else {
            format!("/tx/{hash}?tab={name}")
        },
        count,
        current: at == part,
    };
    let tabs: Vec<_> = Part::ALL.into_iter().zip(counts).map(tab).collect();
    let body = html! {
        h1 { "Transaction " span.of.hash.wrap { (hash) } (pieces::copy(&hash.to_string(), "hash")) }
        (pieces::tabs("Parts of the transaction", &tabs))
        (contents)
    };
    Ok(Page::still("Transaction", Section::Transactions).with(&body))
}

/// Says why a transaction cannot be executed again.
fn untraced(failure: &CallFailure) -> Markup {
    html! {
        p.note.wait {
            "This cannot be shown, as the transaction cannot be executed again: "
            (super::text::text(&failure.message))
            ". The state before its block may have been forgotten (see the node's --keep-states), "
            "or it took too long."
        }
    }
}

/// Its place, as lists name it.
fn place(mined: &Mined) -> Place {
    let at = mined.found.place;
    Place { block: at.block_number, index: at.index, item: 0 }
}
