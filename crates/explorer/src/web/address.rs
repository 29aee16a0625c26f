//! Addresses.

mod lists_of;

use super::{
    PageError, amounts, blocking,
    extract::{UrlPath, UrlQuery},
    layout::{Page, Section},
    paths::{self, Query},
    pieces::{self, Tab},
};
use crate::{AddressFigures, Class, Explorer, facts::View, server::Shared};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, U256};
use axum::extract::State;
use maud::{Markup, html};

/// What is shown of an address: name in the page's address, title.
const PARTS: [(&str, &str); 8] = [
    ("", "Transactions"),
    ("internal", "Internal calls"),
    ("erc20", "ERC-20 transfers"),
    ("erc721", "ERC-721 transfers"),
    ("erc1155", "ERC-1155 transfers"),
    ("tokens", "Tokens held"),
    ("items", "Items"),
    ("logs", "Logs"),
];

/// `/address/{address}`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    let address = paths::address(&address)?;
    blocking(&explorer, move |explorer| render(explorer, address, &query)).await
}

/// An account as it is now.
pub(crate) struct Account {
    pub(crate) balance: U256,
    pub(crate) nonce: u64,
    pub(crate) code: Bytes,
}

impl Account {
    /// Reads it; one that is not there has nothing.
    pub(crate) fn read(view: &View<'_>, address: Address) -> Result<Self, PageError> {
        let state = view.chain.execution_state_at(view.head())?;
        let Some(found) = state.account(address)? else {
            return Ok(Self { balance: U256::ZERO, nonce: 0, code: Bytes::new() });
        };
        let has_code = found.code_hash != KECCAK256_EMPTY && !found.code_hash.is_zero();
        let code = if has_code { state.code(found.code_hash)? } else { Bytes::new() };
        Ok(Self { balance: found.balance, nonce: found.nonce, code })
    }

    /// Whose code it uses (EIP-7702).
    pub(crate) fn delegate(&self) -> Option<Address> {
        let target = self.code.strip_prefix(&[0xef, 0x01, 0x00])?;
        Address::try_from(target).ok()
    }

    /// Whether it is a contract.
    pub(crate) fn is_contract(&self) -> bool {
        !self.code.is_empty() && self.delegate().is_none()
    }
}

/// Heading, facts and tabs, which all views of an address have; `current` is the path of the tab
/// that is shown.
pub(crate) fn top(view: &View<'_>, address: Address, current: &str) -> Result<Markup, PageError> {
    let account = Account::read(view, address)?;
    let figures = view.index.address(address)?;
    let what = if account.is_contract() { "Contract" } else { "Address" };
    Ok(html! {
        h1 {
            (what) " " span.of.hash.wrap { (address) } (pieces::copy(&address.to_string(), "address"))
            @if let Some(name) = view.name(address) { " " span.badge.kind { bdi { (super::text::name(&name.text)) } (name.source.words()) } }
        }
        (pieces::lag(view))
        section.card { h2.seen { "Overview" } (overview(view, address, &account, &figures)?) }
        (tabs(view, address, &account, &figures, current))
    })
}

fn overview(
    view: &View<'_>,
    address: Address,
    account: &Account,
    figures: &AddressFigures,
) -> Result<Markup, PageError> {
    let creation = view.index.creation(address)?;
    let created_in = match &creation {
        Some(creation) => crate::facts::transactions::Lines::new(view)
            .hash(creation.block, creation.transaction)?,
        None => None,
    };
    let token = view.index.token_of_any_class(address)?;
    Ok(pieces::facts(vec![
        ("Balance", Some(amounts::ether(account.balance))),
        ("Nonce", Some(html! { (amounts::number(account.nonce)) })),
        (
            "Code",
            Some(html! {
                @if let Some(target) = account.delegate() { "uses that of " (pieces::address_full(view, target)) " (EIP-7702)" }
                @else if account.code.is_empty() { "none" }
                @else { a href={ "/address/" (address) "/contract" } { (amounts::bytes(account.code.len() as u64)) } }
            }),
        ),
        (
            "Created",
            creation.as_ref().map(|creation| html! {
                "in block " (pieces::block(creation.block))
                " by " (pieces::address(view, creation.creator))
                @if let Some(hash) = created_in { ", transaction " (pieces::transaction(hash)) }
                @if creation.destroyed { " " span.badge.bad { "destroyed" } }
            }),
        ),
        (
            "Token",
            token.map(|(class, token)| html! {
                a href={ "/token/" (address) } { bdi { (super::text::name(&token.name)) } }
                @if !token.symbol.is_empty() { " (" bdi { (super::text::name(&token.symbol)) } ")" }
                " " (pieces::kind(class.name()))
            }),
        ),
        (
            "Paid in fees",
            (figures.sent > 0).then(|| html! { (amounts::ether(figures.fees)) " for " (amounts::number(figures.sent)) " transactions" }),
        ),
        (
            "Gas of calls to it",
            (figures.gas > 0).then(|| html! { (amounts::number(figures.gas)) }),
        ),
    ]))
}

fn tabs(
    _view: &View<'_>,
    address: Address,
    account: &Account,
    figures: &AddressFigures,
    current: &str,
) -> Markup {
    let count = |name: &str| match name {
        "" => Some(figures.transactions),
        "internal" => Some(figures.internal),
        "erc20" => Some(figures.erc20),
        "erc721" => Some(figures.erc721),
        "erc1155" => Some(figures.erc1155),
        "logs" => Some(figures.logs),
        _ => None,
    };
    // Parts that are empty are not offered, but for the first.
    let wanted = |name: &str| match name {
        "" => true,
        "tokens" => figures.erc20 > 0,
        "items" => figures.erc721 + figures.erc1155 > 0,
        other => count(other) != Some(0),
    };
    let tab = |(name, title): (&str, &'static str)| Tab {
        title,
        path: path(address, name),
        count: count(name),
        current: name == current,
    };
    let parts = PARTS.into_iter().filter(|(name, _)| wanted(name) || *name == current);
    let mut tabs: Vec<_> = parts.map(tab).collect();
    if !account.code.is_empty() {
        for (title, name) in [("Contract", "contract"), ("Contended slots", "slots")] {
            let path = format!("/address/{address}/{name}");
            tabs.push(Tab { title, path, count: None, current: current == name });
        }
    }
    pieces::tabs("Views of the address", &tabs)
}

/// Where a view of an address is.
fn path(address: Address, name: &str) -> String {
    if name.is_empty() {
        format!("/address/{address}")
    } else {
        format!("/address/{address}?tab={name}")
    }
}

fn render(explorer: &Explorer, address: Address, query: &Query) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let wanted = query.tab.as_deref().unwrap_or_default();
    let part = PARTS.into_iter().find(|(name, _)| *name == wanted);
    let (name, _) =
        part.ok_or_else(|| PageError::NotFound("An address has no such view.".to_owned()))?;
    let base = path(address, name);
    let contents = match name {
        "" => lists_of::transactions(&view, address, query, &base)?,
        "internal" => lists_of::internal(&view, address, query, &base)?,
        "erc20" => lists_of::transfers(&view, address, Class::Erc20, query, &base)?,
        "erc721" => lists_of::transfers(&view, address, Class::Erc721, query, &base)?,
        "erc1155" => lists_of::transfers(&view, address, Class::Erc1155, query, &base)?,
        "tokens" => lists_of::balances(&view, address, query, &base)?,
        "items" => lists_of::items(&view, address, query)?,
        _ => lists_of::logs(&view, address, query, &base)?,
    };
    let body = html! { (top(&view, address, name)?) (contents) };
    let title = format!("Address {}", pieces::ends(&address.to_string(), 8, 6));
    Ok(Page::live(&title, Section::Other, view.head()).with(&body))
}
