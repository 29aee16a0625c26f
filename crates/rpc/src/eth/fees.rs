//! What transactions pay, and what they should.

use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, json, quantity, quantity_wide},
    view::{FoundBlock, View},
};
use alloy_consensus::Transaction as _;
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, U64, U256};
use heddle_types::Header;
use parking_lot::Mutex;
use serde::Serialize;

/// The tip that was suggested last, with the head that it was for.
#[derive(Debug, Default)]
pub(crate) struct Suggestions(Mutex<Option<(B256, u128)>>);

/// Blocks that a suggestion looks at, the percentile that it takes, and how many of the lowest tips
/// of each block count: geth's.
const SAMPLE_BLOCKS: u64 = 20;
const SAMPLE_PERCENTILE: usize = 60;
const SAMPLE_TIPS: usize = 3;
/// Tips below this are no market price but somebody's own transactions.
const TIP_IGNORED_BELOW: u128 = 2;
/// Suggested when nobody pays anything, and as much as is ever suggested.
const TIP_DEFAULT: u128 = 1_000_000_000;
const TIP_MAX: u128 = 500_000_000_000;

/// `eth_maxPriorityFeePerGas`.
pub(crate) fn priority_fee(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&quantity_wide(suggest_tip(node, &node.view()?)?))
}

/// `eth_gasPrice`.
pub(crate) fn gas_price(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&quantity_wide(suggest_price(node, &node.view()?)?))
}

/// What a transaction with one price should offer.
pub(crate) fn suggest_price(node: &Node, view: &View<'_>) -> Result<u128, Error> {
    let base_fee = view.head().base_fee_per_gas.unwrap_or_default();
    Ok(suggest_tip(node, view)?.saturating_add(base_fee.into()))
}

/// What a transaction should give to whoever makes the block.
pub(crate) fn suggest_tip(node: &Node, view: &View<'_>) -> Result<u128, Error> {
    let head = view.reader().head();
    if let Some((hash, tip)) = *node.fees.0.lock()
        && hash == head.hash
    {
        return Ok(tip);
    }
    let first = head.number.saturating_sub(SAMPLE_BLOCKS - 1).max(view.reader().first());
    let mut tips = Vec::new();
    for number in first..=head.number {
        if let Some(block) = view.block(number.into())? {
            sample(&block, &mut tips);
        }
    }
    tips.sort_unstable();
    let index = tips.len().saturating_sub(1) * SAMPLE_PERCENTILE / 100;
    let tip = tips.get(index).copied().unwrap_or(TIP_DEFAULT).min(TIP_MAX);
    *node.fees.0.lock() = Some((head.hash, tip));
    Ok(tip)
}

/// Adds the lowest tips of a block.
fn sample(block: &FoundBlock, tips: &mut Vec<u128>) {
    let base_fee = block.block.header.base_fee_per_gas.unwrap_or_default();
    let beneficiary = block.block.header.beneficiary;
    let transactions = block.block.body.transactions.iter().zip(&block.senders);
    let mut own: Vec<u128> = transactions
        .filter(|(_, sender)| **sender != beneficiary)
        .filter_map(|(transaction, _)| transaction.effective_tip_per_gas(base_fee))
        .filter(|tip| *tip >= TIP_IGNORED_BELOW)
        .collect();
    own.sort_unstable();
    tips.extend(own.into_iter().take(SAMPLE_TIPS));
}

/// `eth_baseFee`: of the next block.
pub(crate) fn base_fee(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    json(&view.reader().next_base_fee(view.head()).map(quantity))
}

/// `eth_blobBaseFee`: of the last block, as geth has it.
pub(crate) fn blob_base_fee(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    json(&view.blob_fee(view.head()).map(quantity_wide))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    oldest_block: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<U256>>>,
    base_fee_per_gas: Vec<U256>,
    gas_used_ratio: Vec<f64>,
    base_fee_per_blob_gas: Vec<U256>,
    blob_gas_used_ratio: Vec<f64>,
}

/// Percentiles that one question may name.
const PERCENTILES_MAX: usize = 100;

/// `eth_feeHistory`.
pub(crate) fn history(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let count: u64 = count(args)?;
    let newest: BlockNumberOrTag = args.required(1)?;
    let percentiles: Option<Vec<f64>> = args.optional(2)?;
    check_percentiles(percentiles.as_deref().unwrap_or_default())?;
    let view = node.view()?;
    let last = view.tag(newest);
    if last > view.head().number {
        return Err(Error::Refused(format!(
            "request beyond head block: requested {last}, head {}",
            view.head().number
        )));
    }
    let count = count.min(node.settings.limits.fee_history_blocks_max);
    let first = (last + 1).saturating_sub(count).max(view.reader().first());
    let mut history = History {
        oldest_block: quantity(if count == 0 { 0 } else { first }),
        reward: percentiles.as_ref().filter(|list| !list.is_empty()).map(|_| Vec::new()),
        base_fee_per_gas: Vec::new(),
        gas_used_ratio: Vec::new(),
        base_fee_per_blob_gas: Vec::new(),
        blob_gas_used_ratio: Vec::new(),
    };
    if count > 0 {
        for number in first..=last {
            let (header, _) = view.header(number.into())?.ok_or(Error::HeaderNotFound)?;
            add_header(&mut history, &view, &header);
            if let (Some(rewards), Some(percentiles)) = (&mut history.reward, &percentiles) {
                let block = view.block(number.into())?.ok_or(Error::HeaderNotFound)?;
                rewards.push(block_rewards(&block, percentiles));
            }
        }
        add_next(&mut history, &view, last)?;
    }
    json(&history)
}

/// Some clients send the number as a JSON number.
fn count(args: &Args<'_>) -> Result<u64, Error> {
    let text = args.text(0).ok_or(Error::MissingArgument(0))?;
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    Ok(args.required::<U64>(0)?.to())
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), Error> {
    if percentiles.len() > PERCENTILES_MAX {
        return Err(Error::Parameters(format!("more than {PERCENTILES_MAX} reward percentiles")));
    }
    let mut before = 0.0;
    for percentile in percentiles {
        if !(0.0..=100.0).contains(percentile) || *percentile < before {
            return Err(Error::Refused(format!(
                "invalid reward percentile: {percentile}; give ascending numbers from 0 to 100"
            )));
        }
        before = *percentile;
    }
    Ok(())
}

fn add_header(history: &mut History, view: &View<'_>, header: &Header) {
    let ratio = |used: u64, limit: u64| if limit == 0 { 0.0 } else { used as f64 / limit as f64 };
    let blob_gas_max = view
        .reader()
        .spec()
        .blob_params_at(header.timestamp)
        .map_or(0, |params| params.max_blob_gas_per_block());
    history.base_fee_per_gas.push(U256::from(header.base_fee_per_gas.unwrap_or_default()));
    history.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
    history.base_fee_per_blob_gas.push(U256::from(view.blob_fee(header).unwrap_or_default()));
    let blob_gas = header.blob_gas_used.unwrap_or_default();
    history.blob_gas_used_ratio.push(ratio(blob_gas, blob_gas_max));
}

/// The prices of the block after the last one asked for, which are known already.
fn add_next(history: &mut History, view: &View<'_>, last: u64) -> Result<(), Error> {
    let (header, _) = view.header(last.into())?.ok_or(Error::HeaderNotFound)?;
    let base_fee = view.reader().next_base_fee(&header).unwrap_or_default();
    history.base_fee_per_gas.push(U256::from(base_fee));
    let params = view.reader().spec().blob_params_at(header.timestamp);
    let blob_fee = params.zip(header.excess_blob_gas).map(|(params, excess)| {
        let used = header.blob_gas_used.unwrap_or_default();
        params.calc_blob_fee(params.next_block_excess_blob_gas_osaka(excess, used, base_fee))
    });
    history.base_fee_per_blob_gas.push(U256::from(blob_fee.unwrap_or_default()));
    Ok(())
}

/// The tips at `percentiles` of a block's gas.
fn block_rewards(block: &FoundBlock, percentiles: &[f64]) -> Vec<U256> {
    let header = &block.block.header;
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    let receipts = block.receipts().unwrap_or_default();
    let mut tips: Vec<(u128, u64)> = block
        .block
        .body
        .transactions
        .iter()
        .zip(receipts)
        .map(|(transaction, receipt)| {
            let tip = transaction.effective_tip_per_gas(base_fee).unwrap_or_default();
            (tip, receipt.gas_used)
        })
        .collect();
    tips.sort_unstable();
    let (mut index, mut gas) = (0, tips.first().map_or(0, |(_, gas)| *gas));
    let mut rewards = Vec::with_capacity(percentiles.len());
    for percentile in percentiles {
        let threshold = header.gas_used as f64 * percentile / 100.0;
        while (gas as f64) < threshold && index + 1 < tips.len() {
            index += 1;
            gas += tips[index].1;
        }
        rewards.push(U256::from(tips.get(index).map_or(0, |(tip, _)| *tip)));
    }
    rewards
}
