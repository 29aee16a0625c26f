//! What a guard is told: a file in TOML.

use alloy_primitives::Address;
use heddle_client::program::{ConfigFileError, read_config};
use heddle_venue::addresses;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Most contracts that are watched: nodes bound the addresses of a filter.
const CONTRACTS_MAX: usize = 256;

/// Why a configuration is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// Too many contracts.
    #[error(
        "at most {CONTRACTS_MAX} contracts are watched, not {0}; start a second guard for the others"
    )]
    Contracts(usize),
    /// An address that is no address of a webhook.
    #[error("webhook has to begin with http:// or https://")]
    Webhook,
}

/// What a contract is, which says how its events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// OpenZeppelin's Governor.
    Governor,
    /// OpenZeppelin's TimelockController.
    Timelock,
    /// `SecurityCouncil`.
    Council,
    /// `PauseGuardian`.
    PauseGuardian,
    /// `LendingPool`.
    LendingPool,
    /// `PriceFeed`.
    PriceFeed,
    /// `ReporterRegistry`.
    ReporterRegistry,
    /// Anything that has roles (AccessControl).
    Roles,
}

/// A contract that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub address: Address,
    /// What it is called.
    pub name: String,
}

/// What a guard is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node.
    pub rpc_url: String,
    /// The first block, for a guard that has not run yet.
    #[serde(default)]
    pub from_block: u64,
    /// The folder for where it is, and what is not told yet.
    pub state: PathBuf,
    /// Where alerts are sent; to the log alone if left out.
    pub webhook: Option<String>,
    /// How often the node is asked for a new block.
    #[serde(default = "poll_interval_ms")]
    pub poll_interval_ms: u64,
    /// What is watched; if there is none, the contracts that `heddle dev --venue` has.
    #[serde(default)]
    pub contract: Vec<Contract>,
}

fn poll_interval_ms() -> u64 {
    1_000
}

impl Config {
    /// Reads a file. The folder of the state counts from its folder.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let (mut config, folder): (Self, _) = read_config(path)?;
        config.state = folder.join(&config.state);
        if config.contract.is_empty() {
            config.contract = venue();
        }
        if config.contract.len() > CONTRACTS_MAX {
            return Err(ConfigError::Contracts(config.contract.len()));
        }
        let is_web = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if !config.webhook.as_ref().is_none_or(is_web) {
            return Err(ConfigError::Webhook);
        }
        Ok(config)
    }
}

/// The contracts of the venue whose events matter.
pub fn venue() -> Vec<Contract> {
    let kind = |contract: &str| {
        Some(match contract {
            "VenueGovernor" => Kind::Governor,
            "TimelockController" => Kind::Timelock,
            "SecurityCouncil" => Kind::Council,
            "PauseGuardian" => Kind::PauseGuardian,
            "LendingPool" => Kind::LendingPool,
            "PriceFeed" => Kind::PriceFeed,
            "ReporterRegistry" => Kind::ReporterRegistry,
            "RainfallInsurance" | "ValidatorStaking" | "LockedStaking" | "LiquidStakingVault"
            | "RewardFarm" | "Validators" => Kind::Roles,
            _ => return None,
        })
    };
    let watched = addresses::ALL.iter().filter_map(|place| Some((place, kind(place.contract)?)));
    watched
        .map(|(place, kind)| Contract { kind, address: place.address, name: place.name.to_owned() })
        .collect()
}
