//! A header by itself and against its parent's.

use super::{blobs, next_base_fee, next_difficulty, parent_gas_limit};
use crate::BlockError;
use alloy_consensus::constants::EMPTY_OMMER_ROOT_HASH;
use alloy_primitives::{B64, B256, U256};
use heddle_types::{ChainSpec, Fork, Header};

/// Bytes of extra data (yellow paper, section 4.4.4).
const EXTRA_DATA_LENGTH_MAX: usize = 32;
/// The lowest gas limit (yellow paper, equation 47).
const GAS_LIMIT_MIN: u64 = 5_000;
/// The highest gas limit: all clients keep to it, so that sums of gas fit into 64 bits.
const GAS_LIMIT_MAX: u64 = i64::MAX as u64;
/// The gas limit changes by less than this part of the parent's.
const GAS_LIMIT_DIVISOR: u64 = 1024;
/// What the extra data says in the first blocks after the DAO fork (EIP-779), ...
const DAO_EXTRA_DATA: &[u8] = b"dao-hard-fork";
/// ... which are so many.
const DAO_EXTRA_DATA_BLOCKS: u64 = 10;

/// Checks a header of `fork` against its parent's.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check_header(
    spec: &ChainSpec,
    fork: Fork,
    header: &Header,
    parent: &Header,
    parent_hash: B256,
) -> Result<(), BlockError> {
    if header.parent_hash != parent_hash {
        return Err(BlockError::ParentHash { expected: parent_hash, got: header.parent_hash });
    }
    check_order(spec, header, parent)?;
    check_fields(fork, header)?;
    check_gas_limit(fork, header, parent)?;
    let (got, expected) = (header.base_fee_per_gas, next_base_fee(fork, parent));
    if got != expected {
        return Err(BlockError::BaseFee { expected, got });
    }
    check_work(spec, fork, header, parent)?;
    blobs::check(spec, fork, header, parent)
}

/// What not even a block that is made for development may break: number, time, extra data, slot.
pub(crate) fn check_order(
    spec: &ChainSpec,
    header: &Header,
    parent: &Header,
) -> Result<(), BlockError> {
    if parent.number.checked_add(1) != Some(header.number) {
        return Err(BlockError::Number { parent: parent.number, got: header.number });
    }
    // Validators make several blocks a second.
    let earliest = parent.timestamp.saturating_add(u64::from(spec.validators.is_none()));
    if header.timestamp < earliest {
        return Err(BlockError::Timestamp { parent: parent.timestamp, got: header.timestamp });
    }
    if let (Some(parent), Some(got)) = (parent.slot_number, header.slot_number)
        && got <= parent
    {
        return Err(BlockError::SlotNumber { parent, got });
    }
    check_extra_data(spec, header)
}

/// The gas limit nearest to `desired` that the block after `parent` may have.
pub fn gas_limit_towards(fork: Fork, parent: &Header, desired: u64) -> u64 {
    let limit = parent_gas_limit(fork, parent);
    let step = (limit / GAS_LIMIT_DIVISOR).saturating_sub(1);
    let desired = desired.clamp(GAS_LIMIT_MIN, GAS_LIMIT_MAX);
    desired.clamp(limit.saturating_sub(step), limit.saturating_add(step))
}

fn check_extra_data(spec: &ChainSpec, header: &Header) -> Result<(), BlockError> {
    if header.extra_data.len() > EXTRA_DATA_LENGTH_MAX {
        return Err(BlockError::ExtraDataLength(header.extra_data.len()));
    }
    let Some(dao_block) = spec.config.dao_fork_block else { return Ok(()) };
    let since = header.number.checked_sub(dao_block);
    let watched = since.is_some_and(|since| since < DAO_EXTRA_DATA_BLOCKS);
    let says = *header.extra_data == *DAO_EXTRA_DATA;
    if watched && says != spec.config.dao_fork_support {
        return Err(BlockError::DaoExtraData);
    }
    Ok(())
}

/// Which fields a header has depends on its fork alone.
fn check_fields(fork: Fork, header: &Header) -> Result<(), BlockError> {
    let fields = [
        ("the base fee", header.base_fee_per_gas.is_some(), Fork::London),
        ("the withdrawals root", header.withdrawals_root.is_some(), Fork::Shanghai),
        ("the blob gas used", header.blob_gas_used.is_some(), Fork::Cancun),
        ("the excess blob gas", header.excess_blob_gas.is_some(), Fork::Cancun),
        ("the parent's beacon root", header.parent_beacon_block_root.is_some(), Fork::Cancun),
        ("the hash of the requests", header.requests_hash.is_some(), Fork::Prague),
        ("the hash of the access list", header.block_access_list_hash.is_some(), Fork::Amsterdam),
        ("the slot number", header.slot_number.is_some(), Fork::Amsterdam),
    ];
    for (field, is_there, since) in fields {
        match (is_there, fork >= since) {
            (false, true) => return Err(BlockError::MissingField { field, fork }),
            (true, false) => return Err(BlockError::UnexpectedField { field, fork }),
            _ => {}
        }
    }
    Ok(())
}

fn check_gas_limit(fork: Fork, header: &Header, parent: &Header) -> Result<(), BlockError> {
    let limit = header.gas_limit;
    if header.gas_used > limit {
        return Err(BlockError::GasUsedAboveLimit { used: header.gas_used, limit });
    }
    if !(GAS_LIMIT_MIN..=GAS_LIMIT_MAX).contains(&limit) {
        return Err(BlockError::GasLimitRange(limit));
    }
    let parent = parent_gas_limit(fork, parent);
    if limit.abs_diff(parent) >= parent / GAS_LIMIT_DIVISOR {
        return Err(BlockError::GasLimitStep { parent, got: limit });
    }
    Ok(())
}

fn check_work(
    spec: &ChainSpec,
    fork: Fork,
    header: &Header,
    parent: &Header,
) -> Result<(), BlockError> {
    let got = header.difficulty;
    if fork < Fork::Merge {
        let expected = next_difficulty(spec, fork, header.timestamp, parent);
        return if got == expected {
            Ok(())
        } else {
            Err(BlockError::Difficulty { expected, got })
        };
    }
    if !got.is_zero() {
        return Err(BlockError::Difficulty { expected: U256::ZERO, got });
    }
    if header.nonce != B64::ZERO {
        return Err(BlockError::Nonce);
    }
    if header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
        return Err(BlockError::OmmersAfterMerge);
    }
    Ok(())
}
