//! Lists of an address.

use crate::{
    Class, InternalCall, LogFilter, Place,
    facts::{View, transactions::Lines},
    web::{
        PageError, amounts, lists,
        logs::log_item,
        paths::{self, Query},
        pieces::{self, Column},
        text, tokens,
    },
};
use alloy_primitives::{Address, U256, hex};
use maud::{Markup, html};

/// Transactions from it, to it, or that created it.
pub(super) fn transactions(
    view: &View<'_>,
    address: Address,
    query: &Query,
    base: &str,
) -> Result<Markup, PageError> {
    let mut found = view.index.transactions_of(address, query.page()?)?;
    let pager = paths::cut(&mut found, query, base, |(place, _)| *place);
    let mut lines = Lines::new(view);
    let mut rows = Vec::new();
    for (place, _) in found {
        if let Some(line) = lines.at(place)? {
            rows.push(lists::transaction_row(view, &line, Some(address)));
        }
    }
    Ok(html! {
        (waiting(view, address))
        div.card.flat {
            (pieces::table("Transactions, the newest first", &lists::TRANSACTION_COLUMNS, &rows, "No transactions from it or to it."))
            (pager)
            (download(address, "transactions"))
        }
    })
}

/// What the address has in the pool.
fn waiting(view: &View<'_>, address: Address) -> Markup {
    let content = view.explorer.parts.pool.lock().content_from(&address);
    let count = |part: &heddle_pool::BySender| part.values().map(|of| of.len()).sum::<usize>();
    let (pending, queued) = (count(&content.pending), count(&content.queued));
    if pending + queued == 0 {
        return html! {};
    }
    let all = content.pending.values().chain(content.queued.values());
    let hashes: Vec<_> = all
        .flat_map(|of| of.values())
        .take(WAITING_MAX)
        .map(|transaction| transaction.hash())
        .collect();
    html! {
        div.note.wait {
            (pending) " of its transactions are pending, " (queued) " queued: "
            @for hash in hashes { (pieces::transaction(hash)) " " }
            @if pending + queued > WAITING_MAX { "…" }
        }
    }
}

/// Transactions in the pool that are named.
const WAITING_MAX: usize = 5;

fn download(address: Address, list: &str) -> Markup {
    html! { p { a href={ "/api/v1/address/" (address) "/" (list) ".csv" } { "Download as CSV" } } }
}

/// Internal calls from it or to it.
pub(super) fn internal(
    view: &View<'_>,
    address: Address,
    query: &Query,
    base: &str,
) -> Result<Markup, PageError> {
    let mut found = view.index.internal_of(address, query.page()?)?;
    let pager = paths::cut(&mut found, query, base, |(place, _)| *place);
    let mut lines = Lines::new(view);
    let mut rows = Vec::new();
    for (place, call) in &found {
        let hash = lines.hash(place.block, place.index.into())?;
        rows.push(internal_row(view, *place, hash, call, address));
    }
    let columns = [
        Column::Text("Transaction"),
        Column::Text("Block"),
        Column::Text("What"),
        Column::Text("From"),
        Column::Text("To"),
        Column::Number("Value"),
        Column::Number("Gas used"),
        Column::Text("Outcome"),
    ];
    Ok(html! {
        div.card.flat {
            (pieces::table("Internal calls, the newest first", &columns, &rows, "No internal calls from it or to it."))
            (pager)
            (download(address, "internal"))
        }
    })
}

fn internal_row(
    view: &View<'_>,
    place: Place,
    hash: Option<alloy_primitives::B256>,
    call: &InternalCall,
    of: Address,
) -> Markup {
    html! {
        tr {
            th scope="row" { @if let Some(hash) = hash { (pieces::transaction(hash)) } @else { "gone" } }
            td { (pieces::block(place.block)) }
            td {
                (pieces::kind(opcode(call.opcode)))
                @if !call.selector.is_empty() { " " code { (hex::encode_prefixed(&call.selector)) } }
            }
            td { (lists::party(view, call.from, Some(of))) }
            td { (lists::party(view, call.to, Some(of))) }
            td.n { (amounts::ether(call.value)) }
            td.n { (amounts::number(call.gas_used)) }
            td {
                @if !call.error.is_empty() { span.badge.bad { "✗ " (text::name(&call.error)) } }
                @else if call.reverted { span.badge.bad { "✗ undone" } }
                @else { span.badge.good { "✓ done" } }
            }
        }
    }
}

/// What an instruction does.
const fn opcode(code: u8) -> &'static str {
    match code {
        0xf0 => "create",
        0xf1 => "call",
        0xf2 => "call code",
        0xf4 => "delegate call",
        0xf5 => "create2",
        0xfa => "static call",
        0xff => "self-destruct",
        _ => "step",
    }
}

/// Token transfers from it or to it.
pub(super) fn transfers(
    view: &View<'_>,
    address: Address,
    class: Class,
    query: &Query,
    base: &str,
) -> Result<Markup, PageError> {
    let mut found = view.index.transfers_of(address, class, query.page()?)?;
    let pager = paths::cut(&mut found, query, base, |entry| entry.place);
    let rows = lists::transfer_rows(view, &found, Some(address))?;
    let caption = format!("{} transfers, the newest first", class.name());
    Ok(html! {
        div.card.flat {
            (pieces::table(&caption, &lists::TRANSFER_COLUMNS, &rows, "No transfers from it or to it."))
            (pager)
            (download(address, "transfers"))
        }
    })
}

/// What it has of tokens.
pub(super) fn balances(
    view: &View<'_>,
    address: Address,
    query: &Query,
    base: &str,
) -> Result<Markup, PageError> {
    let after = query.after.as_deref().map(paths::address).transpose()?;
    let limit = query.rows();
    let mut found = view.index.balances_of(address, Class::Erc20, after, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut rows = Vec::new();
    for (token, balance) in found.iter().filter(|(_, balance)| !balance.is_zero()) {
        let known = view.index.token(*token, Class::Erc20)?.unwrap_or_default();
        rows.push(html! {
            tr {
                th scope="row" { a href={ "/token/" (token) } { bdi { (text::name(&known.name)) } @if known.name.is_empty() { span.hash { (pieces::ends(&token.to_string(), 8, 6)) } } } }
                td { bdi { (text::name(&known.symbol)) } }
                td.n { (tokens::amount(view, *token, *balance)) }
                td { (pieces::address(view, *token)) }
            }
        });
    }
    let columns = [
        Column::Text("Token"),
        Column::Text("Symbol"),
        Column::Number("Amount"),
        Column::Text("Contract"),
    ];
    let next =
        found.last().filter(|_| more).map(|(token, _)| ("Next", format!("{base}&after={token}")));
    let first = after.map(|_| ("First", base.to_owned()));
    Ok(html! {
        div.card.flat {
            (pieces::table("ERC-20 tokens that it has", &columns, &rows, "It has no ERC-20 tokens."))
            (pieces::pager_named(first, next))
        }
    })
}

/// Items that it owns: ERC-721 first, and as many of ERC-1155.
pub(super) fn items(view: &View<'_>, address: Address, query: &Query) -> Result<Markup, PageError> {
    let limit = query.rows();
    let after = query.after.as_deref().map(parse_item).transpose()?;
    let mut parts = Vec::new();
    for class in [Class::Erc721, Class::Erc1155] {
        // `after` says of which kind it goes on; the other then begins anew.
        let from = after.filter(|(of, ..)| *of == class).map(|(_, token, id)| (token, id));
        let mut found = view.index.inventory_of(address, class, from, limit + 1)?;
        let more = found.len() > limit;
        found.truncate(limit);
        parts.push(inventory(view, address, class, &found, more, from.is_some()));
    }
    Ok(html! { @for part in parts { (part) } })
}

fn inventory(
    view: &View<'_>,
    address: Address,
    class: Class,
    found: &[(Address, U256, U256)],
    more: bool,
    is_continued: bool,
) -> Markup {
    let row = |(token, id, amount): &(Address, U256, U256)| {
        html! {
            tr {
                th scope="row" { (pieces::address_link(view, *token)) }
                td { (tokens::item_link(*token, *id)) }
                td.n { (amounts::number(amount)) }
            }
        }
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let base = format!("/address/{address}?tab=items");
    let last = found.last().filter(|_| more);
    let next =
        last.map(|(token, id, _)| ("Next", format!("{base}&after={}-{token}-{id}", class as u8)));
    let first = is_continued.then(|| ("First", base.clone()));
    let caption = format!("{} items", class.name());
    let columns = [Column::Text("Token"), Column::Text("Item"), Column::Number("Amount")];
    html! {
        div.card.flat {
            (pieces::table(&caption, &columns, &rows, &format!("It has no {caption}.")))
            (pieces::pager_named(first, next))
        }
    }
}

fn parse_item(text: &str) -> Result<(Class, Address, U256), PageError> {
    let parse = || {
        let mut parts = text.splitn(3, '-');
        let class = Class::of(parts.next()?.parse().ok()?)?;
        let token = parts.next()?.parse().ok()?;
        Some((class, token, U256::from_str_radix(parts.next()?, 10).ok()?))
    };
    parse().ok_or_else(|| PageError::Bad("`after` has to be kind-token-id.".to_owned()))
}

/// Logs of a contract.
pub(super) fn logs(
    view: &View<'_>,
    address: Address,
    query: &Query,
    base: &str,
) -> Result<Markup, PageError> {
    let filter = LogFilter { address: Some(address), topic: None };
    let mut places = view.index.logs(&filter, query.page()?)?;
    let pager = paths::cut(&mut places, query, base, |place| *place);
    let mut lines = Lines::new(view);
    let mut items = Vec::new();
    for place in places {
        let Some((transaction, log)) = lines.log(place.block, place.index)? else { continue };
        let log = log.clone();
        let hash = lines.hash(place.block, transaction)?;
        items.push(log_item(view, place.index.into(), &log, Some((place.block, hash))));
    }
    Ok(html! {
        section.card {
            h2 { "Logs, the newest first" }
            @if items.is_empty() { p.quiet { "It logged nothing." } }
            @for item in items { (item) }
            (pager)
        }
    })
}
