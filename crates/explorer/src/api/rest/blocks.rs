//! Blocks.

use super::{Outcome, checksum, cursor, missing, transactions::transaction_json};
use crate::{
    BlockSummary,
    api::{failure::Failure, lookup::Mined, work::Ask},
};
use alloy_primitives::B256;
use serde_json::{Value, json};

/// The block of the path.
fn block(ask: &Ask) -> Result<(u64, BlockSummary), Failure> {
    let text = ask.params.text("block").unwrap_or_default();
    let number = if text == "latest" {
        ask.index.head().map(|head| head.number)
    } else if let Ok(number) = text.parse() {
        Some(number)
    } else if let Ok(hash) = text.parse::<B256>() {
        ask.chain.number_of(hash)?
    } else {
        let what = "this is no block: a height, a hash or `latest` is";
        return Err(Failure::Invalid(what.to_owned()));
    };
    let Some(number) = number else { return missing("block") };
    match ask.index.block(number)? {
        Some(summary) => Ok((number, summary)),
        None if number <= ask.lookup.head() && number >= ask.chain.first() => {
            Err(Failure::NotFound("the index has not come to this block yet".to_owned()))
        }
        None => missing("block"),
    }
}

fn block_json(number: u64, block: &BlockSummary) -> Value {
    json!({
        "number": number,
        "hash": block.hash,
        "timestamp": block.timestamp,
        "beneficiary": checksum(block.beneficiary),
        "transactions": block.transactions,
        "failed": block.failed,
        "logs": block.logs,
        "internal_calls": block.internal,
        "transfers": block.transfers,
        "contracts": block.contracts,
        "gas_used": block.gas_used,
        "gas_limit": block.gas_limit,
        "base_fee": block.base_fee.to_string(),
        "burned": block.burned.to_string(),
        "tips": block.tips.to_string(),
        "traced": block.traced,
    })
}

pub(super) fn list(ask: &Ask) -> Outcome {
    let to = match ask.cursor::<u64>()? {
        None => u64::MAX,
        Some(0) => return Ok(cursor::list(Vec::new(), None::<u64>)),
        Some(after) => after - 1,
    };
    let blocks = ask.index.blocks(to, ask.limit()? + 1)?;
    ask.paged(blocks, |(number, _)| *number, |(number, block)| Ok(block_json(*number, block)))
}

pub(super) fn one(ask: &Ask) -> Outcome {
    let (number, summary) = block(ask)?;
    Ok(block_json(number, &summary))
}

pub(super) fn transactions(ask: &Ask) -> Outcome {
    let (number, _) = block(ask)?;
    let Some(block) = ask.lookup.block(number)? else { return missing("block") };
    let from = ask.cursor::<u64>()?.map_or(0, |last| last.saturating_add(1));
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let all = from..block.receipts.len();
    let page = all.take(ask.limit()? + 1).filter_map(|index| Mined::of(&block, index));
    ask.paged(page.collect(), |mined| mined.index as u64, |mined| Ok(transaction_json(mined)))
}

pub(super) fn parallelism(ask: &Ask) -> Outcome {
    let (number, block) = block(ask)?;
    let speedup = block.gas_used as f64 / block.critical_gas as f64;
    let hot = block.hot.iter().map(|slot| {
        json!({
            "address": checksum(slot.address),
            "slot": B256::from(slot.slot),
            "waits": slot.waits,
            "gas": slot.gas,
        })
    });
    Ok(json!({
        "number": number,
        "gas_used": block.gas_used,
        "critical_gas": block.critical_gas,
        "speedup": Some(speedup).filter(|_| block.critical_gas > 0),
        "waiting": block.waiting,
        "critical_path": block.critical_path,
        "hot": hot.collect::<Vec<_>>(),
    }))
}
