//! Blocks in lists.

use super::View;
use crate::{BlockSummary, web::PageError};

/// A block with its figures: of the index, or as far as its header tells where the index is behind.
pub(crate) fn block(view: &View<'_>, number: u64) -> Result<Option<BlockSummary>, PageError> {
    let Some(hash) = view.chain.hash_of(number)? else { return Ok(None) };
    if let Some(summary) = view.index.block(number)?.filter(|summary| summary.hash == hash) {
        return Ok(Some(summary));
    }
    let Some(header) = view.chain.header(number)? else { return Ok(None) };
    let transactions = view.chain.senders(number)?.map_or(0, |senders| senders.len() as u64);
    Ok(Some(BlockSummary {
        hash,
        timestamp: header.timestamp,
        beneficiary: header.beneficiary,
        transactions,
        gas_used: header.gas_used,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        ..BlockSummary::default()
    }))
}

/// The blocks from `to` down, the newest first.
pub(crate) fn latest(
    view: &View<'_>,
    to: u64,
    limit: u64,
) -> Result<Vec<(u64, BlockSummary)>, PageError> {
    let to = to.min(view.head());
    let from = to.saturating_sub(limit.saturating_sub(1)).max(view.chain.first());
    let mut found = Vec::new();
    for number in (from..=to).rev() {
        if let Some(summary) = block(view, number)? {
            found.push((number, summary));
        }
    }
    Ok(found)
}
