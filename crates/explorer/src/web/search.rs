//! Finding what is meant by a few characters.

use super::{
    PageError, blocking,
    extract::UrlQuery,
    layout::{Page, Section},
    paths, pieces, text,
};
use crate::{
    Explorer,
    facts::{View, system_names},
    server::Shared,
};
use alloy_primitives::{Address, B256};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

/// Characters of what is searched for; the rest is not looked at.
const QUERY_CHARS_MAX: usize = 200;
/// Hits by name.
const NAMES_MAX: usize = 50;

/// What is searched for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    q: String,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hit {
    kind: &'static str,
    /// Where its page is.
    path: String,
    words: String,
    /// Whose name was found, so that two names of one thing are one hit.
    address: Option<Address>,
}

/// All hits, and what is to be said about how the query was written.
#[derive(Debug, Default)]
struct Hits {
    found: Vec<Hit>,
    note: Option<&'static str>,
}

/// `/search`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlQuery(wanted): UrlQuery<Wanted>,
) -> Result<Response, PageError> {
    blocking(&explorer, move |explorer| answer(explorer, &wanted.q)).await
}

fn answer(explorer: &Explorer, query: &str) -> Result<Response, PageError> {
    let view = View::new(explorer)?;
    let query: String = query.trim().chars().take(QUERY_CHARS_MAX).collect();
    let hits = find(&view, &query)?;
    if let ([hit], None) = (hits.found.as_slice(), hits.note) {
        // The path is made here, of numbers alone.
        return Ok(Redirect::to(&hit.path).into_response());
    }
    let (shown, _) = text::clean(&query, QUERY_CHARS_MAX);
    let page = Page { query: &shown, ..Page::still("Search", Section::Other) };
    Ok(page.with(&listing(&query, &hits)).into_response())
}

fn listing(query: &str, hits: &Hits) -> Markup {
    let shown = paths::repeated(query);
    html! {
        h1 { "Search" @if !query.is_empty() { " for “" bdi { (shown) } "”" } }
        @if let Some(note) = hits.note { p.note.wait { (note) } }
        @if query.is_empty() {
            p { "Write something into the box above." }
        } @else if hits.found.is_empty() {
            p.note { "Nothing was found." }
        } @else {
            section.card {
                h2 { (hits.found.len()) @if hits.found.len() == 1 { " hit" } @else { " hits" } }
                ul.flow {
                    @for hit in &hits.found {
                        li { (pieces::kind(hit.kind)) " " a href=(hit.path) { bdi { (text::name(&hit.words)) } }
                            @if let Some(address) = hit.address { " " span.hash.quiet { (pieces::ends(&address.to_string(), 10, 8)) } } }
                    }
                }
            }
        }
        section.card {
            h2 { "What can be searched for" }
            ul {
                li { "a block: its number, or its hash" }
                li { "a transaction: its hash, also while it waits" }
                li { "an address: 40 hexadecimal digits, in any case, with or without 0x" }
                li { "a token: the beginning of its name or symbol" }
                li { "a name that whoever runs this node gave to an address" }
            }
        }
    }
}

fn find(view: &View<'_>, query: &str) -> Result<Hits, PageError> {
    let mut hits = Hits::default();
    if query.is_empty() {
        return Ok(hits);
    }
    let digits = query.replace([',', '_', ' '], "");
    if let Ok(number) = digits.parse::<u64>()
        && (view.chain.first()..=view.head()).contains(&number)
    {
        hits.add("Block", format!("/block/{number}"), format!("Block {number}"));
    }
    let hexadecimal =
        query.strip_prefix("0x").or_else(|| query.strip_prefix("0X")).unwrap_or(query);
    if let Ok(hash) = hexadecimal.parse::<B256>() {
        by_hash(view, hash, &mut hits)?;
    }
    if let Ok(address) = hexadecimal.parse::<Address>() {
        hits.note = wrong_checksum(hexadecimal, address);
        hits.add("Address", format!("/address/{address}"), address.to_string());
    }
    by_name(view, query, &mut hits)?;
    Ok(hits)
}

impl Hits {
    fn add(&mut self, kind: &'static str, path: String, words: String) {
        self.found.push(Hit { kind, path, words, address: None });
    }

    fn add_named(&mut self, kind: &'static str, page: &str, words: String, address: Address) {
        let is_known = self.found.iter().any(|hit| hit.address == Some(address));
        if !is_known && self.found.len() < NAMES_MAX {
            let path = format!("/{page}/{address}");
            self.found.push(Hit { kind, path, words, address: Some(address) });
        }
    }
}

fn by_hash(view: &View<'_>, hash: B256, hits: &mut Hits) -> Result<(), PageError> {
    if view.chain.header_by_hash(hash)?.is_some() {
        hits.add("Block", format!("/block/{hash}"), hash.to_string());
    }
    let in_pool = {
        let pool = view.explorer.parts.pool.lock();
        pool.get(&hash).is_some() || pool.dropped(&hash).is_some()
    };
    if in_pool || view.chain.transaction_place(hash)?.is_some() {
        hits.add("Transaction", format!("/tx/{hash}"), hash.to_string());
    }
    Ok(())
}

/// Letters of both cases carry a checksum (EIP-55), which may say that a digit is wrong.
fn wrong_checksum(digits: &str, address: Address) -> Option<&'static str> {
    let has = |lower: bool| {
        digits.chars().any(|c| if lower { c.is_ascii_lowercase() } else { c.is_ascii_uppercase() })
    };
    let written = address.to_checksum(None);
    let is_wrong = has(true) && has(false) && written.get(2..) != Some(digits);
    is_wrong.then_some(
        "The capital letters of this address are not those of its checksum (EIP-55): a digit may be \
         wrong.",
    )
}

fn by_name(view: &View<'_>, query: &str, hits: &mut Hits) -> Result<(), PageError> {
    let lower = query.to_lowercase();
    for (address, label) in &view.explorer.settings.labels {
        if label.to_lowercase().contains(&lower) {
            hits.add_named("Name", "address", label.clone(), *address);
        }
    }
    for hit in view.index.names(query, NAMES_MAX)? {
        hits.add_named("Token", "token", hit.name, hit.address);
    }
    // Short queries are in many of these names.
    if lower.chars().count() >= 3 {
        for (address, name) in system_names() {
            if name.to_lowercase().contains(&lower) {
                hits.add_named("System", "address", name.to_owned(), address);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_checked_where_there_is_one() {
        let right = "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        let address: Address = right.parse().unwrap();
        assert_eq!(wrong_checksum(right, address), None);
        assert_eq!(wrong_checksum(&right.to_lowercase(), address), None);
        assert_eq!(wrong_checksum(&right.to_uppercase(), address), None);
        assert!(wrong_checksum("5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", address).is_some());
    }
}
