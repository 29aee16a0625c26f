//! Blocks: fees, times, counts.

use super::{Failure, Outcome, found, hex, invalid};
use crate::{BlockSummary, Class, api::work::Ask, transfers};
use serde_json::json;

/// Blocks that the time between blocks is taken from.
const PACE_BLOCKS: u64 = 1000;

fn summary(ask: &Ask, number: u64) -> Result<BlockSummary, Failure> {
    let block = ask.index.block(number)?;
    block.map_or_else(|| invalid("Error! Invalid block number"), Ok)
}

pub(super) fn reward(ask: &Ask) -> Outcome {
    let number = ask.required_block("blockno")?;
    let block = summary(ask, number)?;
    found(json!({
        "blockNumber": number.to_string(),
        "timeStamp": block.timestamp.to_string(),
        "blockMiner": hex(block.beneficiary),
        "blockReward": block.tips.to_string(),
        "uncles": [],
        "uncleInclusionReward": "0",
    }))
}

/// Seconds between blocks, of late.
pub(super) fn pace(ask: &Ask) -> Result<f64, Failure> {
    let head = ask.chain.head();
    let blocks = PACE_BLOCKS.min(head.number.saturating_sub(ask.chain.first()));
    let before = ask.chain.header(head.number - blocks)?;
    let before = before.map_or(head.header.timestamp, |header| header.timestamp);
    if blocks == 0 {
        return Ok(0.0);
    }
    Ok(head.header.timestamp.saturating_sub(before) as f64 / blocks as f64)
}

pub(super) fn countdown(ask: &Ask) -> Outcome {
    let (wanted, head) = (ask.required_block("blockno")?, ask.lookup.head());
    if wanted <= head {
        return invalid("Error! Block number already pass");
    }
    let left = wanted - head;
    found(json!({
        "CurrentBlock": head.to_string(),
        "CountdownBlock": wanted.to_string(),
        "RemainingBlock": left.to_string(),
        "EstimateTimeInSec": format!("{:.1}", left as f64 * pace(ask)?),
    }))
}

pub(super) fn by_time(ask: &Ask) -> Outcome {
    let Some(time) = ask.number("timestamp")? else { return invalid("Error! Missing timestamp") };
    let closest = ask.params.text("closest").unwrap_or("before").to_ascii_lowercase();
    // The first block after that time.
    let (mut low, mut high) = (ask.chain.first(), ask.lookup.head() + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let header = ask.chain.header(middle)?;
        if header.is_some_and(|header| header.timestamp <= time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let at = low.checked_sub(1).filter(|number| *number >= ask.chain.first());
    let before = match at {
        Some(number) => ask.chain.header(number)?.map(|header| (number, header.timestamp)),
        None => None,
    };
    let number = match closest.as_str() {
        "before" => before.map(|(number, _)| number),
        "after" => match before {
            Some((number, timestamp)) if timestamp == time => Some(number),
            _ => Some(low).filter(|number| *number <= ask.lookup.head()),
        },
        _ => return invalid("Error! closest is either before or after"),
    };
    match number {
        Some(number) => found(number.to_string()),
        None => invalid("Error! No closest block found"),
    }
}

pub(super) fn counts(ask: &Ask) -> Outcome {
    let number = ask.required_block("blockno")?;
    let block = summary(ask, number)?;
    let mut counts = [0_u64; 3];
    let receipts = ask.chain.receipts(number)?.unwrap_or_default();
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        let (class, moved) = transfers(log, 0);
        let count = match class {
            Class::Erc20 => &mut counts[0],
            Class::Erc721 => &mut counts[1],
            Class::Erc1155 => &mut counts[2],
        };
        *count += moved.len() as u64;
    }
    found(json!({
        "block": number,
        "txsCount": block.transactions,
        "internalTxsCount": block.internal,
        "erc20TxsCount": counts[0],
        "erc721TxsCount": counts[1],
        "erc1155TxsCount": counts[2],
    }))
}
