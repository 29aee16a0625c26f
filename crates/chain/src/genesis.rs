//! The first block, from a genesis file in geth's format.

use crate::Error;
use alloy_consensus::{BlockBody, constants::EMPTY_WITHDRAWALS};
use alloy_eip7928::EMPTY_BLOCK_ACCESS_LIST_HASH;
use alloy_eips::{eip1559::INITIAL_BASE_FEE, eip7685::EMPTY_REQUESTS_HASH};
use alloy_primitives::B256;
use heddle_types::{Block, ChainSpec, Fork, Genesis, Header};

/// The gas limit of a genesis file that names none, as geth has it.
const GAS_LIMIT_DEFAULT: u64 = 4_712_388;

/// The first block of the chain that `genesis` describes, whose accounts have the root
/// `state_root`.
///
/// It has the fields of all forks that are active in it.
///
/// # Errors
///
/// [`Error::Genesis`] for a number that does not fit its field.
pub fn genesis_block(
    spec: &ChainSpec,
    genesis: &Genesis,
    state_root: B256,
) -> Result<Block, Error> {
    let number = genesis.number.unwrap_or_default();
    let fork = spec.forks.fork_at(number, genesis.timestamp);
    let since = |since: Fork| fork >= since;
    let base_fee = match genesis.base_fee_per_gas {
        Some(fee) => {
            u64::try_from(fee).map_err(|_| Error::Genesis("baseFeePerGas is wider than 64 bits"))?
        }
        None => INITIAL_BASE_FEE,
    };
    let gas_limit = if genesis.gas_limit == 0 { GAS_LIMIT_DEFAULT } else { genesis.gas_limit };
    let header = Header {
        parent_hash: genesis.parent_hash.unwrap_or_default(),
        beneficiary: genesis.coinbase,
        state_root,
        difficulty: genesis.difficulty,
        number,
        gas_limit,
        timestamp: genesis.timestamp,
        extra_data: genesis.extra_data.clone(),
        mix_hash: genesis.mix_hash,
        nonce: genesis.nonce.into(),
        base_fee_per_gas: since(Fork::London).then_some(base_fee),
        withdrawals_root: since(Fork::Shanghai).then_some(EMPTY_WITHDRAWALS),
        blob_gas_used: since(Fork::Cancun).then(|| genesis.blob_gas_used.unwrap_or_default()),
        excess_blob_gas: since(Fork::Cancun).then(|| genesis.excess_blob_gas.unwrap_or_default()),
        parent_beacon_block_root: since(Fork::Cancun).then_some(B256::ZERO),
        requests_hash: since(Fork::Prague).then_some(EMPTY_REQUESTS_HASH),
        block_access_list_hash: since(Fork::Amsterdam).then_some(EMPTY_BLOCK_ACCESS_LIST_HASH),
        slot_number: since(Fork::Amsterdam).then(|| genesis.slot_number.unwrap_or_default()),
        ..Header::default()
    };
    let withdrawals = since(Fork::Shanghai).then(Default::default);
    Ok(Block::new(header, BlockBody { withdrawals, ..BlockBody::default() }))
}
