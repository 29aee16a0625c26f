//! `eth_config` (EIP-7910): which rules are active, which come next, and which come last.

use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{Address, B256, Bytes, U64};
use heddle_types::{BlobParams, ChainConfig, ChainSpec, Fork};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The answer of `eth_config`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Configurations {
    current: Configuration,
    next: Option<Configuration>,
    last: Option<Configuration>,
}

/// The rules from one activation on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    activation_time: u64,
    blob_schedule: Option<BlobSchedule>,
    chain_id: U64,
    fork_id: Bytes,
    precompiles: BTreeMap<&'static str, Address>,
    system_contracts: BTreeMap<&'static str, Address>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BlobSchedule {
    target: u64,
    max: u64,
    base_fee_update_fraction: u64,
}

impl Configurations {
    /// As of a head of this height and time.
    pub(crate) fn at(spec: &ChainSpec, genesis: (B256, u64), number: u64, timestamp: u64) -> Self {
        let times = activation_times(spec);
        let activation = |from: u64| Configuration::new(spec, genesis, number, from);
        let current = times.iter().copied().filter(|time| *time <= timestamp).max();
        let next = times.iter().copied().find(|time| *time > timestamp);
        Self {
            current: activation(current.unwrap_or(genesis.1)),
            next: next.map(activation),
            // With nothing to come the last is the current one, which EIP-7910 wants left out.
            last: next.and(times.last().copied()).map(activation),
        }
    }
}

impl Configuration {
    fn new(spec: &ChainSpec, genesis: (B256, u64), number: u64, from: u64) -> Self {
        let fork = spec.forks.fork_at(number, from);
        Self {
            activation_time: from,
            blob_schedule: spec.blob_params_at(from).map(blob_schedule),
            chain_id: U64::from(spec.chain_id),
            fork_id: Bytes::from(fork_id(spec, genesis, number, from).to_vec()),
            precompiles: precompiles(fork),
            system_contracts: system_contracts(spec, fork),
        }
    }
}

fn blob_schedule(blobs: BlobParams) -> BlobSchedule {
    BlobSchedule {
        target: blobs.target_blob_count,
        max: blobs.max_blob_count,
        base_fee_update_fraction: u64::try_from(blobs.update_fraction).unwrap_or(u64::MAX),
    }
}

/// Times at which rules change, ascending: forks, and changes of the blob parameters alone.
fn activation_times(spec: &ChainSpec) -> BTreeSet<u64> {
    let forks = spec.forks.by_time.iter().map(|(time, _)| *time);
    forks.chain(spec.blobs.iter().map(|(time, _)| *time)).collect()
}

/// The hash of EIP-2124: over the genesis and every change of rules up to a point.
fn fork_id(spec: &ChainSpec, genesis: (B256, u64), number: u64, timestamp: u64) -> [u8; 4] {
    let (hash, genesis_time) = genesis;
    let blocks = fork_blocks(&spec.config);
    let blocks = blocks.into_iter().filter(|block| *block > 0 && *block <= number);
    // A fork that is there from the start is no change.
    let times = activation_times(spec);
    let times = times.into_iter().filter(|time| *time > genesis_time && *time <= timestamp);
    let mut bytes = hash.to_vec();
    for point in blocks.chain(times) {
        bytes.extend_from_slice(&point.to_be_bytes());
    }
    crc32(&bytes).to_be_bytes()
}

/// Heights at which rules change, ascending, those of the difficulty bomb included.
fn fork_blocks(config: &ChainConfig) -> BTreeSet<u64> {
    [
        config.homestead_block,
        config.dao_fork_block,
        config.eip150_block,
        config.eip155_block,
        config.eip158_block,
        config.byzantium_block,
        config.constantinople_block,
        config.petersburg_block,
        config.istanbul_block,
        config.muir_glacier_block,
        config.berlin_block,
        config.london_block,
        config.arrow_glacier_block,
        config.gray_glacier_block,
        config.merge_netsplit_block,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The checksum of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let polynomial = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            crc = (crc >> 1) ^ polynomial;
        }
    }
    !crc
}

/// Names by EIP-7910, with the fork that brought each and its address.
const PRECOMPILES: [(&str, Fork, u64); 18] = [
    ("ECREC", Fork::Frontier, 0x01),
    ("SHA256", Fork::Frontier, 0x02),
    ("RIPEMD160", Fork::Frontier, 0x03),
    ("ID", Fork::Frontier, 0x04),
    ("MODEXP", Fork::Byzantium, 0x05),
    ("BN254_ADD", Fork::Byzantium, 0x06),
    ("BN254_MUL", Fork::Byzantium, 0x07),
    ("BN254_PAIRING", Fork::Byzantium, 0x08),
    ("BLAKE2F", Fork::Istanbul, 0x09),
    ("KZG_POINT_EVALUATION", Fork::Cancun, 0x0a),
    ("BLS12_G1ADD", Fork::Prague, 0x0b),
    ("BLS12_G1MSM", Fork::Prague, 0x0c),
    ("BLS12_G2ADD", Fork::Prague, 0x0d),
    ("BLS12_G2MSM", Fork::Prague, 0x0e),
    ("BLS12_PAIRING_CHECK", Fork::Prague, 0x0f),
    ("BLS12_MAP_FP_TO_G1", Fork::Prague, 0x10),
    ("BLS12_MAP_FP2_TO_G2", Fork::Prague, 0x11),
    ("P256VERIFY", Fork::Osaka, 0x100),
];

fn precompiles(fork: Fork) -> BTreeMap<&'static str, Address> {
    let active = PRECOMPILES.into_iter().filter(|(_, from, _)| *from <= fork);
    active.map(|(name, _, at)| (name, Address::left_padding_from(&at.to_be_bytes()))).collect()
}

fn system_contracts(spec: &ChainSpec, fork: Fork) -> BTreeMap<&'static str, Address> {
    [
        ("BEACON_ROOTS_ADDRESS", Fork::Cancun, BEACON_ROOTS_ADDRESS),
        (
            "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS",
            Fork::Prague,
            CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        ),
        ("DEPOSIT_CONTRACT_ADDRESS", Fork::Prague, spec.deposit_contract),
        ("HISTORY_STORAGE_ADDRESS", Fork::Prague, HISTORY_STORAGE_ADDRESS),
        (
            "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS",
            Fork::Prague,
            WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
        ),
    ]
    .into_iter()
    .filter(|(_, from, _)| *from <= fork)
    .map(|(name, _, address)| (name, address))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, hex};

    #[test]
    fn gives_the_fork_ids_of_mainnet() {
        // EIP-2124's own examples.
        let hash = b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        let genesis: heddle_types::Genesis = serde_json::from_value(serde_json::json!({
            "config": {
                "chainId": 1, "homesteadBlock": 1_150_000, "daoForkBlock": 1_920_000,
                "eip150Block": 2_463_000, "eip155Block": 2_675_000, "eip158Block": 2_675_000,
                "byzantiumBlock": 4_370_000, "constantinopleBlock": 7_280_000,
                "petersburgBlock": 7_280_000
            },
            "nonce": "0x42", "timestamp": "0x0", "extraData": "0x", "gasLimit": "0x1388",
            "difficulty": "0x400000000", "mixHash": B256::ZERO, "coinbase": Address::ZERO,
            "alloc": {}
        }))
        .unwrap();
        let spec = ChainSpec::from_genesis(&genesis).unwrap();
        let id = |number| fork_id(&spec, (hash, 0), number, 0);
        assert_eq!(id(0), hex!("fc64ec04"));
        assert_eq!(id(1_149_999), hex!("fc64ec04"));
        assert_eq!(id(1_150_000), hex!("97c2c34c"));
        assert_eq!(id(1_920_000), hex!("91d1f948"));
        assert_eq!(id(4_370_000), hex!("a00bc324"));
        assert_eq!(id(7_280_000), hex!("668db0af"));
    }
}
