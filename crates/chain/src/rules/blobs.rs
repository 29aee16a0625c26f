//! Blob gas (EIP-4844, EIP-7691, EIP-7840, EIP-7892, EIP-7918).

use crate::BlockError;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use heddle_types::{BlobParams, ChainSpec, Fork, Header};

/// The excess blob gas of the block after `parent`, whose blobs follow `params`.
///
/// It saturates: a genesis may begin with an excess that no chain reaches.
pub fn next_excess_blob_gas(params: &BlobParams, parent: &Header) -> u64 {
    let excess = parent.excess_blob_gas.unwrap_or_default();
    let used = parent.blob_gas_used.unwrap_or_default();
    let base_fee = parent.base_fee_per_gas.unwrap_or_default();
    if params.max_blob_count < params.target_blob_count || params.max_blob_count == 0 {
        // No chain can mean that; there is nothing that blobs could be in excess of.
        return 0;
    }
    if excess.checked_add(used).is_none() {
        return u64::MAX;
    }
    params.next_block_excess_blob_gas_osaka(excess, used, base_fee)
}

/// The price of blob gas in a block; `None` before Cancun.
pub fn blob_fee(spec: &ChainSpec, header: &Header) -> Option<u128> {
    let params = spec.blob_params_at(header.timestamp)?;
    Some(params.calc_blob_fee(header.excess_blob_gas?))
}

pub(super) fn check(
    spec: &ChainSpec,
    fork: Fork,
    header: &Header,
    parent: &Header,
) -> Result<(), BlockError> {
    let (Some(used), Some(got)) = (header.blob_gas_used, header.excess_blob_gas) else {
        return Ok(());
    };
    let params = spec
        .blob_params_at(header.timestamp)
        .ok_or(BlockError::UnexpectedField { field: "blob gas", fork })?;
    let limit = params.max_blob_gas_per_block();
    if used > limit || !used.is_multiple_of(DATA_GAS_PER_BLOB) {
        return Err(BlockError::BlobGasUsedRange { used, limit });
    }
    let expected = next_excess_blob_gas(&params, parent);
    if got != expected {
        return Err(BlockError::ExcessBlobGas { expected, got });
    }
    Ok(())
}
