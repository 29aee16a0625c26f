//! The rules of one chain: when each fork activates and what its parameters are.

use crate::{Fork, ForkSchedule};
use alloy_eips::{eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7840::BlobParams};
use alloy_genesis::{ChainConfig, Genesis};
use alloy_primitives::{Address, U256};
use std::num::NonZeroU64;

/// The rules of one chain, made from the `config` of a genesis file in geth's format.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainSpec {
    /// EIP-155.
    pub chain_id: u64,
    /// When each fork activates. The merge is in it only when its height is known beforehand
    /// (`mergeNetsplitBlock`, or a terminal total difficulty of zero).
    pub forks: ForkSchedule,
    /// From this total difficulty of the parent on, blocks are made by proof of stake (EIP-3675).
    /// `None`: the chain stays with proof of work.
    pub terminal_total_difficulty: Option<U256>,
    /// Parameters of blobs, by ascending activation time (EIP-7840, EIP-7892).
    pub blobs: Vec<(u64, BlobParams)>,
    /// The contract whose logs are deposit requests (EIP-6110).
    pub deposit_contract: Address,
    /// Bytes that a contract's code may have, in place of what the fork allows (EIP-170); twice as
    /// many for the code that makes one. No genesis file says so: development sets it.
    pub code_size_max: Option<usize>,
    /// How validators agree on blocks, if they do: `heddle` in the `config` of the genesis file.
    /// Such a chain makes several blocks a second, so a block may have the time of its parent.
    pub validators: Option<ValidatorRules>,
    /// The configuration that this was made from.
    pub config: ChainConfig,
}

/// What a genesis file says of the agreement of validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ValidatorRules {
    /// Blocks of an epoch: for so long the same validators agree on blocks.
    pub epoch_length: NonZeroU64,
}

/// The key of [`ValidatorRules`] in the `config` of a genesis file.
pub const VALIDATOR_RULES_KEY: &str = "heddle";

/// Why a genesis file says nothing that a chain can run by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A fork comes before one that it builds on.
    #[error(
        "{later} activates at {at}, before {earlier} does; give each fork at the same point as the one before it, or later"
    )]
    Order {
        /// The fork that is too early.
        later: &'static str,
        /// Its height or time.
        at: u64,
        /// The fork that it builds on.
        earlier: &'static str,
    },
    /// A fork is given although one that it builds on is not.
    #[error("{later} is given, but {earlier}, which it builds on, is not")]
    Missing {
        /// The fork that is given.
        later: &'static str,
        /// The fork that it builds on.
        earlier: &'static str,
    },
    /// A fork that activates by time is given on a chain that never leaves proof of work.
    #[error("{0} is given, but no terminalTotalDifficulty: forks by time come after the merge")]
    NoMerge(&'static str),
    /// An entry of `blobSchedule` is for no fork that activates.
    #[error("blobSchedule has parameters for {0:?}, which the config gives no time for")]
    BlobSchedule(String),
    /// An entry of `blobSchedule` divides by zero.
    #[error("blobSchedule gives {0:?} a baseFeeUpdateFraction of zero")]
    BlobFraction(String),
    /// What is said of validators cannot be understood.
    #[error("the genesis file's config.heddle is wrong: {0}")]
    Validators(String),
    /// Validators agree on the blocks of a chain with proof of work.
    #[error(
        "config.heddle is given, but not a terminalTotalDifficulty of zero: validators agree on blocks after the merge only"
    )]
    ValidatorsBeforeMerge,
}

impl ChainSpec {
    /// The rules that a genesis file sets.
    ///
    /// # Errors
    ///
    /// See [`SpecError`].
    pub fn from_genesis(genesis: &Genesis) -> Result<Self, SpecError> {
        let config = &genesis.config;
        let by_block = forks_by_block(config)?;
        let by_time = forks_by_time(config)?;
        let forks = ForkSchedule {
            by_block,
            by_time,
            dao_block: config.dao_fork_block.filter(|_| config.dao_fork_support),
        };
        Ok(Self {
            chain_id: config.chain_id,
            blobs: blob_schedule(config, &forks)?,
            forks,
            terminal_total_difficulty: config.terminal_total_difficulty,
            deposit_contract: config
                .deposit_contract_address
                .unwrap_or(MAINNET_DEPOSIT_CONTRACT_ADDRESS),
            code_size_max: None,
            validators: validator_rules(config)?,
            config: config.clone(),
        })
    }

    /// The fork active in a block.
    ///
    /// `proof_of_stake` says whether the block comes after the merge, which on some chains only
    /// the total difficulty tells.
    pub fn fork_at(&self, number: u64, timestamp: u64, proof_of_stake: bool) -> Fork {
        if proof_of_stake {
            return self.forks.fork_at(number, timestamp).max(Fork::Merge);
        }
        self.forks.fork_at(number, 0).min(Fork::London)
    }

    /// Parameters of blobs at a time; `None` before Cancun.
    pub fn blob_params_at(&self, timestamp: u64) -> Option<BlobParams> {
        self.blobs.iter().take_while(|(from, _)| *from <= timestamp).last().map(|(_, blobs)| *blobs)
    }

    /// Whether the chain is after the merge from its first block on.
    pub fn starts_after_merge(&self) -> bool {
        starts_after_merge(&self.config)
    }
}

fn validator_rules(config: &ChainConfig) -> Result<Option<ValidatorRules>, SpecError> {
    let rules = config.extra_fields.get_deserialized::<ValidatorRules>(VALIDATOR_RULES_KEY);
    let rules = rules.transpose().map_err(|error| SpecError::Validators(error.to_string()))?;
    if rules.is_some() && !starts_after_merge(config) {
        return Err(SpecError::ValidatorsBeforeMerge);
    }
    Ok(rules)
}

type ByPoint = Vec<(u64, Fork)>;

fn starts_after_merge(config: &ChainConfig) -> bool {
    config.terminal_total_difficulty.is_some_and(|ttd| ttd.is_zero())
        || config.terminal_total_difficulty_passed
}

fn forks_by_block(config: &ChainConfig) -> Result<ByPoint, SpecError> {
    let given = [
        ("homesteadBlock", config.homestead_block, Some(Fork::Homestead)),
        ("eip150Block", config.eip150_block, Some(Fork::Tangerine)),
        ("eip155Block", config.eip155_block, None),
        ("eip158Block", config.eip158_block, Some(Fork::SpuriousDragon)),
        ("byzantiumBlock", config.byzantium_block, Some(Fork::Byzantium)),
        ("constantinopleBlock", config.constantinople_block, Some(Fork::Petersburg)),
        ("petersburgBlock", config.petersburg_block, None),
        ("istanbulBlock", config.istanbul_block, Some(Fork::Istanbul)),
        ("berlinBlock", config.berlin_block, Some(Fork::Berlin)),
        ("londonBlock", config.london_block, Some(Fork::London)),
    ];
    let mut forks = vec![(0, Fork::Frontier)];
    forks.extend(ordered(&given)?);
    if starts_after_merge(config) {
        forks.push((forks.last().map_or(0, |(at, _)| *at), Fork::Merge));
    } else if let Some(block) = config.merge_netsplit_block {
        forks.push((block, Fork::Merge));
    }
    Ok(forks)
}

fn forks_by_time(config: &ChainConfig) -> Result<ByPoint, SpecError> {
    let given = [
        ("shanghaiTime", config.shanghai_time, Some(Fork::Shanghai)),
        ("cancunTime", config.cancun_time, Some(Fork::Cancun)),
        ("pragueTime", config.prague_time, Some(Fork::Prague)),
        ("osakaTime", config.osaka_time, Some(Fork::Osaka)),
        ("amsterdamTime", config.amsterdam_time, Some(Fork::Amsterdam)),
    ];
    let after_merge = config.terminal_total_difficulty.is_some()
        || config.terminal_total_difficulty_passed
        || config.merge_netsplit_block.is_some();
    if let Some((name, ..)) = given.iter().find(|(_, at, _)| at.is_some() && !after_merge) {
        return Err(SpecError::NoMerge(name));
    }
    ordered(&given)
}

/// The forks that are given, which must be in order and without a gap.
fn ordered(
    given: &[(&'static str, Option<u64>, Option<Fork>)],
) -> Result<Vec<(u64, Fork)>, SpecError> {
    let mut forks = Vec::new();
    let mut before: Option<(&'static str, Option<u64>)> = None;
    for (later, at, fork) in given {
        if let (Some(at), Some((earlier, before))) = (*at, before) {
            match before {
                // `eip155Block` and `petersburgBlock` are often left out: nothing hangs on them.
                None if earlier != "eip155Block" && earlier != "petersburgBlock" => {
                    return Err(SpecError::Missing { later, earlier });
                }
                Some(before) if at < before => {
                    return Err(SpecError::Order { later, at, earlier });
                }
                _ => {}
            }
        }
        before = Some((later, *at));
        if let (Some(at), Some(fork)) = (at, fork) {
            forks.push((*at, *fork));
        }
    }
    Ok(forks)
}

/// The blob parameters that are no fork of execution (EIP-7892), with their times.
fn blob_forks(config: &ChainConfig) -> [(&'static str, Option<u64>); 5] {
    [
        ("bpo1", config.bpo1_time),
        ("bpo2", config.bpo2_time),
        ("bpo3", config.bpo3_time),
        ("bpo4", config.bpo4_time),
        ("bpo5", config.bpo5_time),
    ]
}

fn blob_schedule(
    config: &ChainConfig,
    forks: &ForkSchedule,
) -> Result<Vec<(u64, BlobParams)>, SpecError> {
    let time_of = |fork: Fork| forks.by_time.iter().find(|(_, f)| *f == fork).map(|(at, _)| *at);
    let mut blobs: Vec<(u64, BlobParams)> = Vec::new();
    let defaults = [
        ("cancun", Fork::Cancun, BlobParams::cancun()),
        ("prague", Fork::Prague, BlobParams::prague()),
        ("osaka", Fork::Osaka, BlobParams::osaka()),
    ];
    for (name, fork, default) in defaults {
        let Some(at) = time_of(fork) else { continue };
        blobs.push((
            at,
            config.blob_schedule.get(name).map_or(default, |given| same(given, default)),
        ));
    }
    let osaka = BlobParams::osaka();
    let amsterdam = time_of(Fork::Amsterdam);
    for (name, given) in &config.blob_schedule {
        if given.update_fraction == 0 {
            return Err(SpecError::BlobFraction(name.clone()));
        }
        if defaults.iter().any(|(known, ..)| known == name) {
            continue;
        }
        let known = blob_forks(config).into_iter().chain([("amsterdam", amsterdam)]);
        match known.into_iter().find(|(known, _)| known == name) {
            Some((_, Some(at))) => blobs.push((at, same(given, osaka))),
            // Schedules are often copied whole, with entries for forks that are never reached.
            Some((_, None)) => {}
            None => return Err(SpecError::BlobSchedule(name.clone())),
        }
    }
    // `sort_by_key` is stable: of two at the same time the one that comes later in the list of
    // forks counts.
    blobs.sort_by_key(|(at, _)| *at);
    Ok(blobs)
}

/// `given`, with what a genesis file cannot say taken from `of`.
fn same(given: &BlobParams, of: BlobParams) -> BlobParams {
    BlobParams {
        min_blob_fee: of.min_blob_fee,
        max_blobs_per_tx: of.max_blobs_per_tx.min(given.max_blob_count),
        blob_base_cost: of.blob_base_cost,
        ..*given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_blob_parameters_between_forks() {
        let entry = |target| BlobParams {
            target_blob_count: target,
            max_blob_count: 2 * target,
            ..BlobParams::bpo1()
        };
        let config = ChainConfig {
            terminal_total_difficulty: Some(U256::ZERO),
            shanghai_time: Some(0),
            cancun_time: Some(0),
            prague_time: Some(0),
            osaka_time: Some(10),
            bpo1_time: Some(20),
            bpo2_time: Some(30),
            blob_schedule: [("bpo1", 10), ("bpo2", 14), ("bpo3", 21)]
                .map(|(name, target)| (name.to_owned(), entry(target)))
                .into(),
            ..ChainConfig::default()
        };
        let genesis = Genesis { config, ..Genesis::default() };
        let spec = ChainSpec::from_genesis(&genesis).unwrap();
        let target = |time| spec.blob_params_at(time).unwrap().target_blob_count;
        assert_eq!([9, 10, 19, 20, 29, 30, 99].map(target), [6, 6, 6, 10, 10, 14, 14]);
    }
}
