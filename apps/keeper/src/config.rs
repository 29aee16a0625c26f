//! What a keeper is told: a file in TOML.

use alloy_primitives::{
    Address, U256,
    utils::{ParseUnits, parse_units},
};
use heddle_client::program::{ConfigFileError, read_config};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Most transactions in flight at once: nodes keep 16 to 64 of one account.
const OPEN_MAX: usize = 64;
/// Most pools that a sale goes through.
const HOPS_MAX: usize = 4;

/// Why a configuration is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// A setting that cannot be.
    #[error("{setting} {wanted}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it has to be.
        wanted: &'static str,
    },
    /// An amount that is none.
    #[error("\"{text}\" of {setting} is no amount with at most {decimals} decimals")]
    Amount {
        /// Its name.
        setting: &'static str,
        /// What was found.
        text: String,
        /// How many there may be.
        decimals: u8,
    },
}

/// When `accrueAll` is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accrue {
    /// Never.
    Never,
    /// When an auction could not begin without, or an outage would begin as nobody looked.
    #[default]
    WhenNeeded,
    /// Once a block, if nobody else has.
    EveryBlock,
}

/// What may be spent of an asset on debts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capital {
    /// The token, one of the pool's reserves.
    pub asset: Address,
    /// Most whole tokens for debts in one block; no bound if left out.
    pub per_block: Option<String>,
}

/// What a pool on the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HopKind {
    /// A constant-product pool, or one shard.
    Pair,
    /// A pool of several shards: the best is chosen.
    Sharded,
    /// A pool of concentrated liquidity.
    Concentrated,
}

/// One pool on the way of a sale.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// What it is.
    pub kind: HopKind,
    /// Where it is.
    pub pool: Address,
    /// What comes out of it.
    pub token_out: Address,
}

/// How collateral is sold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sale {
    /// The token, one of the pool's reserves.
    pub asset: Address,
    /// The pools, from the first to the last. What comes out is one of the pool's reserves.
    pub path: Vec<Hop>,
    /// Whole tokens that are never sold.
    #[serde(default = "zero")]
    pub keep: String,
    /// Fewer whole tokens than this are not sold.
    #[serde(default = "zero")]
    pub sale_min: String,
    /// How much less than quoted a sale may bring, in basis points.
    #[serde(default = "slippage")]
    pub slippage: u64,
    /// How much less than the oracle's price a sale may bring, in basis points.
    #[serde(default = "loss_max")]
    pub loss_max: u64,
}

/// What a keeper is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node.
    pub rpc_url: String,
    /// The lending pool.
    pub pool: Address,
    /// A block before the pool's first event, or that of it.
    #[serde(default)]
    pub from_block: u64,
    /// The folder for checkpoints and for what was sent.
    pub state: PathBuf,
    /// The file of the account's key, of mode 600. Only `run` without `--dry-run` needs it.
    pub key: Option<PathBuf>,
    /// Whose balances count in a dry run without a key.
    pub account: Option<Address>,
    /// The reserve whose price is that of ether, in which gas is paid.
    pub gas_asset: Address,
    /// The router that sells.
    pub router: Option<Address>,
    /// What quotes pools of concentrated liquidity.
    pub quoter: Option<Address>,
    /// How often the node is asked for a new block.
    #[serde(default = "poll_interval_ms")]
    pub poll_interval_ms: u64,
    /// Most transactions in flight.
    #[serde(default = "open_max")]
    pub open_max: usize,
    /// Least profit of a liquidation after gas, in the unit of account.
    #[serde(default = "profit_min")]
    pub profit_min: String,
    /// How much less than the oracle's price collateral without a path of sale is worth, in basis points.
    #[serde(default = "oracle_margin")]
    pub oracle_margin: u64,
    /// Most of the expected profit that goes to the block's producer, in basis points.
    #[serde(default = "priority_share")]
    pub priority_share: u64,
    /// How old a price may be, in seconds, if the pool allows for more.
    pub price_age_max: Option<u64>,
    /// Whether the age of prices is that by this machine's clock where it is ahead of the chain's: a node
    /// that stands still has old prices. Off for chains whose time is another one.
    #[serde(default = "yes")]
    pub wall_clock: bool,
    /// When `accrueAll` is called.
    #[serde(default)]
    pub accrue: Accrue,
    /// What may be spent.
    #[serde(default)]
    pub capital: Vec<Capital>,
    /// How collateral is sold.
    #[serde(default)]
    pub sale: Vec<Sale>,
}

fn zero() -> String {
    "0".to_owned()
}
fn slippage() -> u64 {
    50
}
fn loss_max() -> u64 {
    300
}
fn poll_interval_ms() -> u64 {
    500
}
fn open_max() -> usize {
    16
}
fn profit_min() -> String {
    "1".to_owned()
}
fn oracle_margin() -> u64 {
    100
}
fn priority_share() -> u64 {
    2_000
}
fn yes() -> bool {
    true
}

impl Config {
    /// Reads a file. Paths in it count from its folder.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let (mut config, folder): (Self, _) = read_config(path)?;
        config.state = folder.join(&config.state);
        config.key = config.key.map(|key| folder.join(key));
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let all = [
            ("open_max", "is 1 to 64", (1..=OPEN_MAX).contains(&self.open_max)),
            ("priority_share", "is at most 10000", self.priority_share <= 10_000),
            ("oracle_margin", "is at most 10000", self.oracle_margin <= 10_000),
            ("poll_interval_ms", "is 10 to 60000", (10..=60_000).contains(&self.poll_interval_ms)),
            (
                "path",
                "of a sale has 1 to 4 pools",
                self.sale.iter().all(|sale| (1..=HOPS_MAX).contains(&sale.path.len())),
            ),
            (
                "slippage and loss_max",
                "are at most 10000",
                self.sale.iter().all(|sale| sale.slippage <= 10_000 && sale.loss_max <= 10_000),
            ),
            (
                "router",
                "is needed where there is a sale",
                self.sale.is_empty() || self.router.is_some(),
            ),
            (
                "quoter",
                "is needed where a path has a concentrated pool",
                self.quoter.is_some()
                    || !self.sale.iter().flat_map(|sale| &sale.path).any(Hop::is_concentrated),
            ),
        ];
        for (setting, wanted, is_right) in all {
            if !is_right {
                return Err(ConfigError::Setting { setting, wanted });
            }
        }
        amount("profit_min", &self.profit_min, 18).map(drop)
    }
}

impl Hop {
    fn is_concentrated(&self) -> bool {
        self.kind == HopKind::Concentrated
    }
}

/// The smallest parts of an amount of whole tokens.
///
/// # Errors
///
/// [`ConfigError::Amount`].
pub fn amount(setting: &'static str, text: &str, decimals: u8) -> Result<U256, ConfigError> {
    let wrong = || ConfigError::Amount { setting, text: text.to_owned(), decimals };
    // `parse_units` drops digits that do not fit.
    let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    if digits > usize::from(decimals) {
        return Err(wrong());
    }
    match parse_units(text, decimals) {
        Ok(ParseUnits::U256(value)) => Ok(value),
        _ => Err(wrong()),
    }
}
