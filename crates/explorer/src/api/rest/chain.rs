//! The chain as a whole: status, prices, search, charts, contention.

use super::{Outcome, checksum};
use crate::api::{etherscan::prices, failure::Failure, work::Ask};
use alloy_primitives::{Address, B256, U256};
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::HashMap};

/// Hours of one answer: two months.
const HOURS_MAX: u64 = 1500;
/// Hours that are given if nothing is said: a week.
const HOURS_DEFAULT: u64 = 168;
/// Blocks whose contention is added up at most, and if nothing is said.
const BLOCKS_MAX: usize = 1000;
const BLOCKS_DEFAULT: usize = 100;
/// Characters of a search.
const QUERY_CHARS_MAX: usize = 200;

pub(super) fn status(ask: &Ask) -> Outcome {
    let head = ask.lookup.head();
    let index = ask.index.head().map(|head| head.number);
    Ok(json!({
        "chain_id": ask.chain.spec().chain_id,
        "chain_head": head,
        "index_head": index,
        "behind": index.map_or(head + 1, |index| head.saturating_sub(index)),
        "oldest_state": ask.chain.oldest_state(),
        "failure": ask.status.failure,
    }))
}

pub(super) fn gas(ask: &Ask) -> Outcome {
    let prices = prices(ask)?;
    let [low, median, high] = prices.tips;
    Ok(json!({
        "block": prices.last_block,
        "base_fee": prices.base_fee.to_string(),
        "tip_low": low.to_string(),
        "tip_median": median.to_string(),
        "tip_high": high.to_string(),
        "gas_used_ratios": prices.ratios,
    }))
}

pub(super) fn search(ask: &Ask) -> Outcome {
    let Some(query) = ask.params.text("q") else {
        return Err(Failure::Invalid("q is missing: what to search for".to_owned()));
    };
    if query.chars().count() > QUERY_CHARS_MAX {
        return Err(Failure::Invalid(format!("q may have {QUERY_CHARS_MAX} characters")));
    }
    let hit = |kind: &str, id: String, name: Option<String>| json!({ "kind": kind, "id": id, "name": name });
    let mut hits: Vec<Value> = Vec::new();
    if let Ok(number) = query.parse::<u64>()
        && ask.chain.hash_of(number)?.is_some()
    {
        hits.push(hit("block", number.to_string(), None));
    }
    if let Ok(hash) = query.parse::<B256>() {
        if ask.chain.is_canonical(hash)? {
            hits.push(hit("block", hash.to_string(), None));
        }
        if ask.chain.transaction_place(hash)?.is_some() {
            hits.push(hit("transaction", hash.to_string(), None));
        }
    }
    if let Ok(address) = query.parse::<Address>() {
        hits.push(hit("address", checksum(address), None));
    }
    for name in ask.index.names(query, super::LIMIT_DEFAULT)? {
        hits.push(hit("token", checksum(name.address), Some(name.name)));
    }
    Ok(json!({ "items": hits }))
}

pub(super) fn hours(ask: &Ask) -> Outcome {
    let now = ask.chain.head().header.timestamp / 3600;
    let to = ask.params.parse::<u64>("to")?.unwrap_or(now);
    let from = ask.params.parse::<u64>("from")?;
    let from = from.unwrap_or_else(|| to.saturating_sub(HOURS_DEFAULT - 1));
    if to.saturating_sub(from) >= HOURS_MAX {
        return Err(Failure::Invalid(format!("at most {HOURS_MAX} hours can be asked for")));
    }
    let items = ask.index.hours(from, to)?.into_iter().map(|(hour, figures)| {
        let blocks = U256::from(figures.blocks.max(1));
        json!({
            "hour": hour,
            "blocks": figures.blocks,
            "transactions": figures.transactions,
            "failed": figures.failed,
            "gas_used": figures.gas_used,
            "burned": figures.burned.to_string(),
            "tips": figures.tips.to_string(),
            "mean_base_fee": (figures.base_fees / blocks).to_string(),
            "transfers": figures.transfers,
            "contracts": figures.contracts,
        })
    });
    Ok(json!({ "items": items.collect::<Vec<_>>() }))
}

pub(super) fn hot_slots(ask: &Ask) -> Outcome {
    let blocks = ask.params.parse::<usize>("blocks")?.unwrap_or(BLOCKS_DEFAULT);
    if !(1..=BLOCKS_MAX).contains(&blocks) {
        return Err(Failure::Invalid(format!("blocks must be from 1 to {BLOCKS_MAX}")));
    }
    let blocks = ask.index.blocks(u64::MAX, blocks)?;
    let mut sums: HashMap<(Address, U256), (u64, u64)> = HashMap::new();
    for slot in blocks.iter().flat_map(|(_, block)| &block.hot) {
        let (waits, gas) = sums.entry((slot.address, slot.slot)).or_default();
        *waits += slot.waits;
        *gas = gas.saturating_add(slot.gas);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|(slot, (waits, gas))| (Reverse((*gas, *waits)), *slot));
    let items = sums.into_iter().take(ask.limit()?).map(|((address, slot), (waits, gas))| {
        json!({
            "address": checksum(address), "slot": B256::from(slot), "waits": waits, "gas": gas,
        })
    });
    Ok(json!({ "blocks": blocks.len(), "items": items.collect::<Vec<_>>() }))
}
