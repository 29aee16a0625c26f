//! The first block, from a genesis file in geth's format.

use crate::Error;
use alloy_consensus::{BlockBody, constants::EMPTY_WITHDRAWALS};
use alloy_eip7928::EMPTY_BLOCK_ACCESS_LIST_HASH;
use alloy_eips::{
    eip1559::INITIAL_BASE_FEE, eip2935, eip4788, eip7002, eip7251, eip7685::EMPTY_REQUESTS_HASH,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_types::{Block, ChainConfig, ChainSpec, Fork, Genesis, Header};

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

/// A configuration with all forks up to `fork` active from the start.
pub fn config_with_forks(chain_id: u64, fork: Fork) -> ChainConfig {
    let at_block = |from: Fork| (fork >= from).then_some(0);
    let at_time = |from: Fork| (fork >= from).then_some(0);
    let merged = fork >= Fork::Merge;
    ChainConfig {
        chain_id,
        homestead_block: at_block(Fork::Homestead),
        eip150_block: at_block(Fork::Tangerine),
        eip155_block: at_block(Fork::SpuriousDragon),
        eip158_block: at_block(Fork::SpuriousDragon),
        byzantium_block: at_block(Fork::Byzantium),
        constantinople_block: at_block(Fork::Petersburg),
        petersburg_block: at_block(Fork::Petersburg),
        istanbul_block: at_block(Fork::Istanbul),
        berlin_block: at_block(Fork::Berlin),
        london_block: at_block(Fork::London),
        terminal_total_difficulty: merged.then_some(U256::ZERO),
        terminal_total_difficulty_passed: merged,
        shanghai_time: at_time(Fork::Shanghai),
        cancun_time: at_time(Fork::Cancun),
        prague_time: at_time(Fork::Prague),
        osaka_time: at_time(Fork::Osaka),
        amsterdam_time: at_time(Fork::Amsterdam),
        ..ChainConfig::default()
    }
}

/// A contract that the protocol calls, with its code.
type SystemContract = (Address, Bytes);

/// The contracts that the chain's forks need; without them no block from Prague on is valid.
fn system_contracts(config: &ChainConfig) -> Vec<SystemContract> {
    let cancun = [(eip4788::BEACON_ROOTS_ADDRESS, eip4788::BEACON_ROOTS_CODE.clone())];
    let prague = [
        (eip2935::HISTORY_STORAGE_ADDRESS, eip2935::HISTORY_STORAGE_CODE.clone()),
        (
            eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE.clone(),
        ),
        (
            eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE.clone(),
        ),
    ];
    let cancun = cancun.into_iter().filter(|_| config.cancun_time.is_some());
    cancun.chain(prague.into_iter().filter(|_| config.prague_time.is_some())).collect()
}

/// Adds the contracts that the chain's forks need and the genesis lacks, and tells which.
pub fn add_system_contracts(genesis: &mut Genesis) -> Vec<Address> {
    let mut added = Vec::new();
    for (address, code) in system_contracts(&genesis.config) {
        let account = genesis.alloc.entry(address).or_default();
        if account.code.is_none() {
            (account.nonce, account.code) = (Some(1), Some(code));
            added.push(address);
        }
    }
    added
}
