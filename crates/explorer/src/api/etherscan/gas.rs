//! Prices of gas.

use super::{Failure, Outcome, block::pace, found, invalid};
use crate::api::work::Ask;
use serde_json::json;

/// Blocks that prices are taken from.
const BLOCKS: usize = 20;
/// Blocks whose fill is shown.
const RATIOS: usize = 5;

/// Wei as gwei, with all its digits.
fn gwei(wei: u64) -> String {
    format!("{}.{:09}", wei / 1_000_000_000, wei % 1_000_000_000)
}

/// Of the last blocks: base fee and tip of a tenth, half and nine tenths of the gas.
pub(crate) struct Prices {
    pub(crate) last_block: u64,
    pub(crate) base_fee: u64,
    pub(crate) tips: [u64; 3],
    pub(crate) ratios: Vec<f64>,
}

pub(crate) fn prices(ask: &Ask) -> Result<Prices, Failure> {
    let head = ask.chain.head();
    let blocks = ask.index.blocks(head.number, BLOCKS)?;
    let median = |tip: fn(&crate::BlockSummary) -> u64| {
        let used = blocks.iter().filter(|(_, block)| block.gas_used > 0);
        let mut tips: Vec<u64> = used.map(|(_, block)| tip(block)).collect();
        tips.sort_unstable();
        tips.get(tips.len() / 2).copied().unwrap_or_default()
    };
    let ratios = blocks.iter().take(RATIOS).map(|(_, block)| {
        if block.gas_limit == 0 { 0.0 } else { block.gas_used as f64 / block.gas_limit as f64 }
    });
    Ok(Prices {
        last_block: head.number,
        base_fee: ask.chain.next_base_fee(&head.header).unwrap_or_default(),
        tips: [median(|b| b.tip_low), median(|b| b.tip_median), median(|b| b.tip_high)],
        ratios: ratios.collect(),
    })
}

pub(super) fn oracle(ask: &Ask) -> Outcome {
    let Prices { last_block, base_fee, tips: [low, median, high], ratios } = prices(ask)?;
    let price = |tip: u64| gwei(base_fee.saturating_add(tip));
    let ratios: Vec<String> = ratios.iter().map(ToString::to_string).collect();
    found(json!({
        "LastBlock": last_block.to_string(),
        "SafeGasPrice": price(low),
        "ProposeGasPrice": price(median),
        "FastGasPrice": price(high),
        "suggestBaseFee": gwei(base_fee),
        "gasUsedRatio": ratios.join(","),
    }))
}

/// Seconds until a transaction of this price is in a block: one block, if it pays the base fee.
pub(super) fn wait(ask: &Ask) -> Outcome {
    let Some(price) = ask.number("gasprice")? else { return invalid("Error! Missing gasprice") };
    let base_fee = prices(ask)?.base_fee;
    if price < base_fee {
        return invalid(&format!(
            "Error! The base fee is {base_fee} wei; a transaction that pays less waits until it falls"
        ));
    }
    found(format!("{:.0}", pace(ask)?.ceil().max(1.0)))
}
