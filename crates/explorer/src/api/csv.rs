//! Downloads in CSV (RFC 4180), in chunks: whole histories without holding them.

use super::{
    failure::Failure,
    params::Params,
    rest::class_name,
    work::{Ask, in_turn},
};
use crate::{Class, Explorer, Page, Place};
use alloy_consensus::Transaction as _;
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::stream;
use heddle_executor::revm::bytecode::opcode::OpCode;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;

/// Lines of a chunk: some 200 kB.
const CHUNK: usize = if cfg!(test) { 7 } else { 500 };
/// How long a download may go on: whoever reads more slowly asks again from a later block.
const DOWNLOAD_MAX: Duration = Duration::from_secs(15 * 60);

/// What is downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Transactions,
    Internal,
    Transfers,
}

impl Table {
    const fn head(self) -> &'static [&'static str] {
        match self {
            Self::Transactions => &[
                "hash",
                "block",
                "timestamp",
                "from",
                "to",
                "created",
                "value",
                "gas_used",
                "gas_price",
                "fee",
                "success",
                "selector",
            ],
            Self::Internal => &[
                "transaction",
                "block",
                "timestamp",
                "frame",
                "opcode",
                "from",
                "to",
                "value",
                "gas_used",
                "reverted",
                "error",
            ],
            Self::Transfers => &[
                "transaction",
                "block",
                "timestamp",
                "log",
                "class",
                "token",
                "name",
                "symbol",
                "decimals",
                "from",
                "to",
                "id",
                "amount",
            ],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Internal => "internal",
            Self::Transfers => "transfers",
        }
    }
}

/// A download that goes on.
struct Download {
    explorer: Arc<Explorer>,
    params: Params,
    table: Table,
    /// Where the next chunk begins; `None` at the end.
    from: Option<Place>,
    /// What was read and is not sent yet.
    ready: Option<String>,
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

/// Begins a download. What is wrong with the question shows before anything is sent.
pub(crate) async fn download(
    explorer: &Arc<Explorer>,
    params: Params,
    table: Table,
) -> Result<Response, Failure> {
    let permit = explorer.bounds.downloads.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Failure::Busy)?;
    let (text, from) =
        in_turn(explorer, params.clone(), move |ask| chunk(ask, table, Place::FIRST)).await?;
    let mut ready = String::new();
    line(&mut ready, table.head().iter().map(|name| (*name).to_owned()));
    ready.push_str(&text);
    let download = Download {
        explorer: explorer.clone(),
        params,
        table,
        from,
        ready: Some(ready),
        until: Instant::now() + DOWNLOAD_MAX,
        _permit: permit,
    };
    let mut response = Response::new(Body::from_stream(stream::try_unfold(download, next)));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    headers.insert(header::CONTENT_TYPE, kind);
    let name = format!("attachment; filename=\"{}.csv\"", table.name());
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The next chunk. An error cuts the download short, which clients see as such.
async fn next(mut download: Download) -> Result<Option<(Bytes, Download)>, Failure> {
    if let Some(ready) = download.ready.take() {
        return Ok(Some((ready.into(), download)));
    }
    let Some(from) = download.from else { return Ok(None) };
    if Instant::now() > download.until {
        return Err(Failure::TooLong);
    }
    let Download { explorer, params, table, .. } = &download;
    let table = *table;
    let read = in_turn(explorer, params.clone(), move |ask| chunk(ask, table, from)).await;
    let (text, from) = read.inspect_err(Failure::report)?;
    download.from = from;
    Ok(Some((text.into(), download)))
}

/// Lines from a place on, and the place behind them.
fn chunk(ask: &Ask, table: Table, from: Place) -> Result<(String, Option<Place>), Failure> {
    let address = ask.params.required("address")?;
    let first = ask.params.parse("from_block")?.unwrap_or(0);
    let last = ask.params.parse("to_block")?.unwrap_or(u64::MAX);
    let page = Page {
        from: from.max(Place { block: first, ..Place::FIRST }),
        to: Place { block: last, ..Place::LAST },
        ascending: true,
        limit: CHUNK,
    };
    let class = ask.class()?.unwrap_or(Class::Erc20);
    let mut text = String::new();
    let places: Vec<Place> = match table {
        Table::Transactions => {
            let found = ask.index.transactions_of(address, page)?;
            found.into_iter().map(|(place, _)| place).collect()
        }
        Table::Internal => {
            let found = ask.index.internal_of(address, page)?;
            for (place, call) in &found {
                internal(ask, &mut text, *place, call)?;
            }
            found.into_iter().map(|(place, _)| place).collect()
        }
        Table::Transfers => {
            let found = ask.index.transfers_of(address, class, page)?;
            for entry in &found {
                transfer(ask, &mut text, entry)?;
            }
            found.into_iter().map(|entry| entry.place).collect()
        }
    };
    if table == Table::Transactions {
        for place in &places {
            transaction(ask, &mut text, *place)?;
        }
    }
    let full = places.len() >= CHUNK;
    let following = if table == Table::Transactions { Place::next_index } else { Place::next };
    Ok((text, places.last().copied().and_then(following).filter(|_| full)))
}

fn transaction(ask: &Ask, text: &mut String, place: Place) -> Result<(), Failure> {
    ask.check_time()?;
    let mined = ask.lookup.transaction(place.block, place.index.into())?;
    let Some(mined) = mined else { return Ok(()) };
    let created = mined.created().filter(|_| mined.receipt.success);
    let address = |address: Option<_>| address.map(checksum).unwrap_or_default();
    let cells = [
        mined.hash().to_string(),
        place.block.to_string(),
        mined.header().timestamp.to_string(),
        checksum(mined.sender),
        address(mined.recipient()),
        address(created),
        mined.transaction.value().to_string(),
        mined.receipt.gas_used.to_string(),
        mined.gas_price().to_string(),
        mined.fee().to_string(),
        mined.receipt.success.to_string(),
        mined.selector().map(alloy_primitives::hex::encode_prefixed).unwrap_or_default(),
    ];
    line(text, cells.into_iter());
    Ok(())
}

fn internal(
    ask: &Ask,
    text: &mut String,
    place: Place,
    call: &crate::InternalCall,
) -> Result<(), Failure> {
    ask.check_time()?;
    let mined = ask.lookup.transaction(place.block, place.index.into())?;
    let Some(mined) = mined else { return Ok(()) };
    let cells = [
        mined.hash().to_string(),
        place.block.to_string(),
        mined.header().timestamp.to_string(),
        place.item.to_string(),
        OpCode::new(call.opcode).map_or("", |opcode| opcode.as_str()).to_owned(),
        checksum(call.from),
        checksum(call.to),
        call.value.to_string(),
        call.gas_used.to_string(),
        call.reverted.to_string(),
        call.error.clone(),
    ];
    line(text, cells.into_iter());
    Ok(())
}

fn transfer(ask: &Ask, text: &mut String, entry: &crate::TransferEntry) -> Result<(), Failure> {
    ask.check_time()?;
    let mined = ask.lookup.transaction(entry.place.block, entry.transfer.transaction)?;
    let Some(mined) = mined else { return Ok(()) };
    let token = ask.token(entry.token, entry.class)?;
    let id =
        if entry.class == Class::Erc20 { String::new() } else { entry.transfer.id.to_string() };
    let cells = [
        mined.hash().to_string(),
        entry.place.block.to_string(),
        mined.header().timestamp.to_string(),
        entry.place.index.to_string(),
        class_name(entry.class).to_owned(),
        checksum(entry.token),
        token.name,
        token.symbol,
        token.decimals.to_string(),
        checksum(entry.transfer.from),
        checksum(entry.transfer.to),
        id,
        entry.transfer.amount.to_string(),
    ];
    line(text, cells.into_iter());
    Ok(())
}

fn checksum(address: alloy_primitives::Address) -> String {
    address.to_checksum(None)
}

/// Appends a line. A cell that a spreadsheet would take for a formula gets an apostrophe: tokens
/// call themselves what they like.
fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            text.push(',');
        }
        let dangerous = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
        let prefix = if dangerous { "'" } else { "" };
        if cell.contains(['"', ',', '\r', '\n']) {
            text.push('"');
            text.push_str(prefix);
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(prefix);
            text.push_str(&cell);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads one line of RFC 4180.
    fn read(text: &str) -> Vec<String> {
        let mut cells = vec![String::new()];
        let mut quoted = false;
        let mut chars = text.strip_suffix("\r\n").unwrap().chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    cells.last_mut().unwrap().push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                c => cells.last_mut().unwrap().push(c),
            }
        }
        assert!(!quoted);
        cells
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_written_and_has_no_formulas(
            cells in proptest::collection::vec("[=+@,\"\r\n\t a-z-]{0,6}", 1..6)
        ) {
            let mut text = String::new();
            line(&mut text, cells.iter().cloned());
            let found = read(&text);
            prop_assert_eq!(found.len(), cells.len());
            for (found, cell) in found.iter().zip(&cells) {
                prop_assert!(!found.starts_with(['=', '+', '-', '@', '\t', '\r']));
                prop_assert_eq!(found.strip_prefix('\'').unwrap_or(found), cell);
            }
        }
    }
}
