//! Logs, and filters that are asked for what is new.

use crate::{
    Error,
    args::Args,
    context::Node,
    filters::Kind,
    json::{Json, json},
    logs::{LogSource, check},
    subscriptions::full_transactions,
    view::{FoundBlock, View},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::U128;
use alloy_rpc_types_eth::{Filter, FilterBlockOption};
use std::{ops::RangeInclusive, time::Instant};

/// Addresses, or alternatives of one topic, that a filter may name.
const ALTERNATIVES_MAX: usize = 1000;

/// `eth_getLogs`.
pub(crate) fn logs(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    query(node, &args.required(0)?)
}

fn query(node: &Node, filter: &Filter) -> Result<Json, Error> {
    check(filter, ALTERNATIVES_MAX)?;
    let view = node.view()?;
    let mut found = Vec::new();
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = view.block(hash.into())?;
            let block = block.ok_or_else(|| Error::Refused("unknown block".to_owned()))?;
            collect(node, source(&block), filter, &mut found)?;
        }
        FilterBlockOption::Range { from_block, to_block } => {
            for number in range(node, &view, from_block, to_block)? {
                search(node, &view, number, filter, &mut found)?;
            }
        }
    }
    json(&found)
}

/// Reads what a block has to say only if its bloom may have what is looked for.
fn search(
    node: &Node,
    view: &View<'_>,
    number: u64,
    filter: &Filter,
    found: &mut Vec<Json>,
) -> Result<(), Error> {
    let Some((header, _)) = view.header(number.into())? else { return Ok(()) };
    if header.logs_bloom.is_zero() || !filter.matches_bloom(header.logs_bloom) {
        return Ok(());
    }
    let Some(block) = view.block(number.into())? else { return Ok(()) };
    collect(node, source(&block), filter, found)
}

fn source(block: &FoundBlock) -> LogSource<'_> {
    LogSource {
        header: &block.block.header,
        hash: block.hash,
        transactions: &block.block.body.transactions,
        receipts: block.receipts().unwrap_or_default(),
    }
}

fn collect(
    node: &Node,
    source: LogSource<'_>,
    filter: &Filter,
    found: &mut Vec<Json>,
) -> Result<(), Error> {
    let logs_max = node.settings.limits.logs_max;
    for log in source.matching(filter, false) {
        if found.len() >= logs_max {
            let up_to = source.header.number.saturating_sub(1);
            return Err(Error::TooLarge(format!(
                "query exceeds max results {logs_max}; retry with toBlock {up_to:#x} or before"
            )));
        }
        found.push(json(&log)?);
    }
    Ok(())
}

fn range(
    node: &Node,
    view: &View<'_>,
    from: Option<BlockNumberOrTag>,
    to: Option<BlockNumberOrTag>,
) -> Result<RangeInclusive<u64>, Error> {
    let head = view.head().number;
    let number = |tag: Option<BlockNumberOrTag>| match tag {
        Some(BlockNumberOrTag::Number(number)) => number,
        tag => view.tag(tag.unwrap_or_default()),
    };
    let (from, to) = (number(from), number(to));
    if from > to {
        return Err(Error::Parameters("invalid block range params".to_owned()));
    }
    if to > head {
        return Err(Error::Parameters("block range extends beyond current head block".to_owned()));
    }
    let blocks_max = node.settings.limits.log_blocks_max;
    if to - from >= blocks_max {
        return Err(Error::Parameters(format!("query exceeds max block range {blocks_max}")));
    }
    Ok(from..=to)
}

fn add(node: &Node, kind: Kind) -> Result<Json, Error> {
    json(&node.filters.add(kind, Instant::now())?)
}

/// `eth_newFilter`.
pub(crate) fn new_filter(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let filter: Filter = args.required(0)?;
    check(&filter, ALTERNATIVES_MAX)?;
    add(node, Kind::Logs(Box::new(filter)))
}

/// `eth_newBlockFilter`.
pub(crate) fn new_block_filter(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    add(node, Kind::Blocks)
}

/// `eth_newPendingTransactionFilter`.
pub(crate) fn new_pending_filter(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    add(node, Kind::Pending { full: full_transactions(args)? })
}

/// `eth_getFilterChanges`.
pub(crate) fn changes(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let id: U128 = args.required(0)?;
    // Who asks after a block that it knows of must find what is in it.
    node.events.catch_up(node.context.chain.reader().head().hash);
    json(&node.filters.changes(id, Instant::now())?)
}

/// `eth_getFilterLogs`.
pub(crate) fn filter_logs(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let id: U128 = args.required(0)?;
    query(node, &node.filters.log_filter(id, Instant::now())?)
}

/// `eth_uninstallFilter`.
pub(crate) fn uninstall(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    json(&node.filters.remove(args.required(0)?))
}
