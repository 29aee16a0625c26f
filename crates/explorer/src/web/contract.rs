//! The contract at an address: its sources, its values, and calls of it.
//!
//! `subject` is what stands there, `code` and `unverified` show it, `metadata` is what the compiler
//! put behind it, `functions` has forms for `read`, `write` and `encode`; `storage` shows slots, and
//! `verify` takes sources.

mod code;
mod encode;
mod functions;
mod metadata;
mod read;
mod storage;
mod subject;
#[cfg(test)]
mod tests;
mod unverified;
mod verify;
mod write;

pub(crate) use code::{abi_json, standard_json};
pub(crate) use encode::encode;
pub(crate) use verify::post as verify;

use super::{
    PageError, address, blocking,
    extract::{UrlPath, UrlQuery},
    layout::{Page, Section},
    paths,
    pieces::{self, Tab},
};
use crate::{
    Explorer,
    facts::{View, contracts::Proxy},
    server::Shared,
};
use alloy_primitives::Address;
use axum::{
    extract::State,
    http::{HeaderMap, header},
};
use maud::{Markup, html};
use std::{collections::BTreeMap, sync::Arc};
use subject::Subject;

/// What stands behind the question mark: which tab, which function, and its arguments.
pub(crate) type Query = BTreeMap<String, String>;

/// The parts: name in the page's address, title.
const PARTS: [(&str, &str); 4] =
    [("", "Code"), ("read", "Read"), ("write", "Write"), ("storage", "Storage")];

/// `/address/{address}/contract`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
    UrlQuery(query): UrlQuery<Query>,
    headers: HeaderMap,
) -> Result<Markup, PageError> {
    let address = paths::address(&address)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map_or_else(|| explorer.settings.address.to_string(), str::to_owned);
    show(&explorer, address, query, host, None).await
}

/// The page; `refused` says why sources that were sent are not those of the contract.
async fn show(
    explorer: &Arc<Explorer>,
    address: Address,
    query: Query,
    host: String,
    refused: Option<String>,
) -> Result<Markup, PageError> {
    let wanted = query.get("tab").map_or("", String::as_str);
    let part = PARTS.into_iter().find(|(name, _)| *name == wanted);
    let unknown = || PageError::NotFound("A contract has no such part.".to_owned());
    let (part, _) = part.ok_or_else(unknown)?;
    let subject = Subject::read(explorer, address).await?;
    if subject.own.bytes.is_empty() {
        return Err(PageError::NotFound(format!("There is no code at {address}.")));
    }
    let answers = match part {
        "read" => read::ask(explorer, &subject, &query).await,
        _ => read::Answers::default(),
    };
    blocking(explorer, move |explorer| {
        let view = View::new(explorer)?;
        let contents = match part {
            "read" => read::show(&view, &subject, &query, &answers),
            "write" => write::show(&view, &subject, &query),
            "storage" => storage::show(&view, &subject, &query)?,
            _ => html! {
                @if let Some(refused) = &refused {
                    p.note.bad role="alert" { "Not verified: " (super::text::text(refused)) }
                }
                (code::show(&view, &subject, &host))
            },
        };
        let body = html! {
            link rel="stylesheet" href="/assets/contract.css";
            (address::top(&view, address, "contract")?)
            (proxy_note(&view, &subject))
            (pieces::tabs("Parts of the contract", &tabs(&subject, part)))
            (contents)
        };
        let title = format!("Contract {}", pieces::ends(&address.to_string(), 8, 6));
        Ok(Page::live(&title, Section::Contracts, view.head()).with(&body))
    })
    .await
}

/// Where a part of the page is.
fn path(address: Address, part: &str) -> String {
    if part.is_empty() {
        format!("/address/{address}/contract")
    } else {
        format!("/address/{address}/contract?tab={part}")
    }
}

fn tabs(subject: &Subject, current: &str) -> Vec<Tab> {
    let tab = |(name, title): (&str, &'static str)| Tab {
        title,
        path: path(subject.own.address, name),
        count: None,
        current: name == current,
    };
    PARTS.into_iter().map(tab).collect()
}

/// Says that the code of another runs here.
fn proxy_note(view: &View<'_>, subject: &Subject) -> Markup {
    let Some((kind, target)) = &subject.proxy else { return html! {} };
    html! {
        p.note {
            @match kind {
                Proxy::Slot => { "A proxy (EIP-1967): it runs the code of " },
                Proxy::Beacon(beacon) => {
                    "A proxy with a beacon (EIP-1967): the beacon " (pieces::address_link(view, *beacon))
                    " names the code that it runs, that of "
                },
                Proxy::Minimal => { "A minimal proxy (EIP-1167): it runs the code of " },
                Proxy::Delegation => { "An account that runs the code of another (EIP-7702), that of " },
            }
            (pieces::address_link(view, target.address)) " on its own storage and balance. "
            @match &target.verified {
                Some(verified) => {
                    "That is " bdi { (super::text::name(&verified.name)) } ", verified: reading and writing go by its ABI. "
                    a href=(path(target.address, "")) { "Its sources" }
                },
                None => {
                    "That is not verified: "
                    a href=(path(target.address, "")) { "verify it" }
                    " to read and write here by its ABI."
                },
            }
        }
    }
}
