//! A scenario as a file.

use serde::Deserialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Bytes of a file of a scenario or of prices.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Blocks of a replay.
const BLOCKS_MAX: usize = 5_000;
/// Accounts that borrow, or supply.
const ACCOUNTS_MAX: usize = 100_000;

/// What happens, to whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One word.
    pub name: String,
    /// A sentence.
    pub about: String,
    /// What all that is drawn follows from.
    pub seed: u64,
    /// Replays the same with the naive way of liquidating, too.
    #[serde(default)]
    pub compare: bool,
    /// Liquidates nothing itself, and waits so many milliseconds in each block for others.
    #[serde(default)]
    pub external_keeper_ms: Option<u64>,
    /// How long it takes.
    pub time: Time,
    /// What the collateral costs.
    pub price: Price,
    /// Who owes.
    pub positions: Positions,
    /// The terms of the lending market.
    #[serde(default)]
    pub market: Market,
    /// The pool in which collateral is sold.
    pub exchange: Exchange,
    /// Who liquidates.
    pub liquidators: Liquidators,
    /// Suppliers who want their dollars back.
    #[serde(default)]
    pub run: Option<Run>,
    /// Somebody who tries to take the venue over when the replay is over.
    #[serde(default)]
    pub takeover: Option<Takeover>,
}

/// Somebody who has bought votes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Takeover {
    /// In percent of all.
    pub votes_percent: u64,
}

/// How long it takes, in the time of the chain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// Between blocks.
    pub block_seconds: u64,
    /// Of all.
    pub minutes: u64,
}

impl Time {
    /// Blocks of the replay.
    pub fn blocks(&self) -> usize {
        usize::try_from((self.minutes * 60).checked_div(self.block_seconds).unwrap_or(0))
            .unwrap_or(usize::MAX)
    }
}

/// What the collateral costs, in dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Before all begins.
    pub start: f64,
    /// How it goes on.
    #[serde(flatten)]
    pub source: PriceSource,
    /// When reporters see something else.
    #[serde(default)]
    pub prints: Vec<Print>,
    /// When reporters are out.
    #[serde(default)]
    pub outages: Vec<Outage>,
}

/// Where prices come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceSource {
    /// Drawn.
    Generated(Generated),
    /// A file of seconds and prices, beside that of the scenario; its text once it is read.
    Csv(String),
}

/// A fall in waves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    /// Part of the price that is lost.
    pub fall: f64,
    /// In which time.
    pub fall_minutes: f64,
    /// Standard deviation of the logarithm in a minute.
    pub volatility: f64,
    /// Sudden falls.
    #[serde(default)]
    pub jumps: u32,
    /// Each of so much, in logarithms; the rest falls less for it.
    #[serde(default)]
    pub jump: f64,
    /// Waves up.
    #[serde(default)]
    pub rebounds: u32,
    /// Of so much, in logarithms.
    #[serde(default)]
    pub rebound: f64,
    /// Part of the lowest price that comes back until the end.
    #[serde(default)]
    pub recovery: f64,
}

/// A wrong price.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// From when.
    pub minute: f64,
    /// How long.
    pub minutes: f64,
    /// Times the right one.
    pub factor: f64,
}

/// No price.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// From when.
    pub minute: f64,
    /// How long.
    pub minutes: f64,
}

/// Who owes: debts by Pareto's law, as a few owe most of what all owe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Positions {
    /// How many.
    pub count: usize,
    /// The least debt, in dollars.
    pub debt_min: f64,
    /// The largest debt.
    pub debt_max: f64,
    /// Pareto's exponent.
    pub debt_shape: f64,
    /// Loan-to-value, evenly from this
    pub ltv_min: f64,
    /// to this.
    pub ltv_max: f64,
}

/// Terms of the lending market. Basis points where nothing else is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Market {
    /// Loan-to-value of the collateral.
    pub ltv: u16,
    /// Liquidation threshold of the collateral.
    pub liquidation_threshold: u16,
    /// The discount that an auction begins with.
    pub discount_min: u16,
    /// The discount that it ends with; the only one of the naive way.
    pub discount_max: u16,
    /// Seconds from the one to the other.
    pub auction_seconds: u32,
    /// Health in percent that a liquidation leads to.
    pub target_health: u16,
    /// Seconds without liquidations after an outage.
    pub grace_seconds: u32,
    /// Part of the discount that the insurance fund gets.
    pub kept_share: u16,
    /// Most that a price may jump,
    pub jump_max: u16,
    /// within so many seconds; 0 turns the breaker off.
    pub jump_window: u32,
    /// The naive way has no breaker.
    pub naive_without_breaker: bool,
    /// What the insurance fund has, of all debt.
    pub fund: u16,
    /// What the backstop has, of all debt.
    pub backstop: u16,
    /// Most that one bad debt takes of the backstop.
    pub backstop_cover: u16,
    /// Part of the supplied dollars that is lent at the beginning.
    pub utilisation: u16,
}

impl Default for Market {
    fn default() -> Self {
        Self {
            ltv: 7_500,
            liquidation_threshold: 8_000,
            discount_min: 100,
            discount_max: 1_000,
            auction_seconds: 1_800,
            target_health: 105,
            grace_seconds: 600,
            kept_share: 1_000,
            jump_max: 2_000,
            jump_window: 300,
            naive_without_breaker: false,
            fund: 50,
            backstop: 100,
            backstop_cover: 3_000,
            utilisation: 8_000,
        }
    }
}

/// A pool of the constant product, and who trades in it. Dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Of each of both tokens.
    pub depth: f64,
    /// What arbitrageurs trade in a minute, at most.
    pub arbitrage_per_minute: f64,
    /// Trades of others in a minute.
    #[serde(default)]
    pub trades_per_minute: f64,
    /// Their mean size.
    #[serde(default)]
    pub trade: f64,
}

/// Who liquidates: the same for both ways.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Liquidators {
    /// Dollars of each.
    pub capital: Vec<f64>,
    /// Profit without which none acts, in basis points of what is repaid.
    pub margin: u16,
    /// The same, in dollars.
    pub profit_min: f64,
    /// Accounts that are flagged in a block, at most.
    pub flags_max: usize,
}

/// Suppliers who want their dollars back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// How many there are.
    pub suppliers: usize,
    /// When it begins.
    pub minute: f64,
    /// Part of those that are still in who want to leave in a minute.
    pub leave_per_minute: f64,
    /// Part of the borrowers who repay in a minute while the utilisation is over nine tenths.
    pub repay_per_minute: f64,
}

/// Why a scenario cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("{path} cannot be read; `heddle scenario list` names those that are built in")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is too long.
    #[error("{0} has more than {FILE_BYTES_MAX} bytes; is it the right file?")]
    Long(PathBuf),
    /// It is no scenario.
    #[error("{path} is no scenario")]
    Shape {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: Box<toml::de::Error>,
    },
    /// A number makes no sense.
    #[error("{field} of the scenario has to be {rule}")]
    Bound {
        /// Which.
        field: &'static str,
        /// What it has to be.
        rule: &'static str,
    },
}

/// A scenario that is built in: the name, its text, and the prices that it names.
struct Shipped(&'static str, &'static str, &'static str);

const SHIPPED: [Shipped; 6] = [
    Shipped("cascade", include_str!("../scenarios/cascade.toml"), ""),
    Shipped(
        "cascade-recorded",
        include_str!("../scenarios/cascade-recorded.toml"),
        include_str!("../scenarios/cascade-recorded.csv"),
    ),
    Shipped("stablecoin-break", include_str!("../scenarios/stablecoin-break.toml"), ""),
    Shipped("bad-print", include_str!("../scenarios/bad-print.toml"), ""),
    Shipped("bank-run", include_str!("../scenarios/bank-run.toml"), ""),
    Shipped("governance-takeover", include_str!("../scenarios/governance-takeover.toml"), ""),
];

impl Scenario {
    /// Those that are built in.
    ///
    /// # Errors
    ///
    /// None that a test would not have found.
    pub fn shipped() -> Result<Vec<Self>, FileError> {
        SHIPPED
            .iter()
            .map(|Shipped(name, text, prices)| {
                read(name.as_ref(), text, |_| Ok((*prices).to_owned()))
            })
            .collect()
    }

    /// One that is built in, by its name, or one of a file.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn find(name: &Path) -> Result<Self, FileError> {
        if let Some(Shipped(_, text, prices)) =
            SHIPPED.iter().find(|Shipped(shipped, ..)| name.as_os_str() == *shipped)
        {
            return read(name, text, |_| Ok((*prices).to_owned()));
        }
        let folder = name.parent().unwrap_or(Path::new("."));
        read(name, &load(name)?, |file| load(&folder.join(file)))
    }
}

fn load(path: &Path) -> Result<String, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(FileError::Long(path.to_owned()));
    }
    fs::read_to_string(path).map_err(failed)
}

fn read(
    path: &Path,
    text: &str,
    prices: impl Fn(&str) -> Result<String, FileError>,
) -> Result<Scenario, FileError> {
    let mut scenario: Scenario = toml::from_str(text)
        .map_err(|source| FileError::Shape { path: path.to_owned(), source: Box::new(source) })?;
    if let PriceSource::Csv(file) = &mut scenario.price.source {
        *file = prices(file)?;
    }
    check(&scenario)?;
    Ok(scenario)
}

fn check(scenario: &Scenario) -> Result<(), FileError> {
    let Scenario { time, price, positions, market, exchange, liquidators, .. } = scenario;
    let need = |is_so: bool, field, rule| {
        if is_so { Ok(()) } else { Err(FileError::Bound { field, rule }) }
    };
    let positive = |number: f64| number.is_finite() && number > 0.0;
    let blocks = time.block_seconds >= 2 && (1..=BLOCKS_MAX).contains(&time.blocks());
    need(blocks, "time", "from 1 to 5,000 blocks of at least 2 seconds")?;
    need(positive(price.start) && price.start < 1e9, "price.start", "above 0 and under a billion")?;
    if let PriceSource::Generated(generated) = &price.source {
        need((0.0..1.0).contains(&generated.fall), "price.generated.fall", "from 0 to under 1")?;
        need(positive(generated.fall_minutes), "price.generated.fall_minutes", "above 0")?;
        need(generated.recovery > -1.0, "price.generated.recovery", "over -1")?;
        need(generated.jumps <= 1_000, "price.generated.jumps", "at most 1,000")?;
    }
    need((1..=ACCOUNTS_MAX).contains(&positions.count), "positions.count", "from 1 to 100,000")?;
    let debts = positive(positions.debt_min) && positions.debt_min <= positions.debt_max;
    need(
        debts && positions.debt_max <= 1e10,
        "positions.debt_min",
        "above 0 and at most debt_max, that at most ten billion",
    )?;
    need(positive(positions.debt_shape), "positions.debt_shape", "above 0")?;
    let ltv = positive(positions.ltv_min) && positions.ltv_min <= positions.ltv_max;
    let ltv = ltv && positions.ltv_max * 1e4 <= f64::from(market.ltv);
    need(ltv, "positions.ltv_min", "above 0 and at most ltv_max, that at most market.ltv")?;
    need((1..=9_900).contains(&market.utilisation), "market.utilisation", "from 1 to 9,900")?;
    need(
        market.discount_min <= market.discount_max,
        "market.discount_min",
        "at most discount_max",
    )?;
    need(
        positive(exchange.depth) && exchange.depth <= 1e12,
        "exchange.depth",
        "above 0 and at most a trillion",
    )?;
    need(exchange.trades_per_minute <= 10_000.0, "exchange.trades_per_minute", "at most 10,000")?;
    let capital =
        liquidators.capital.len() <= 256 && liquidators.capital.iter().all(|c| positive(*c));
    need(capital, "liquidators.capital", "at most 256 numbers above 0")?;
    let votes = scenario.takeover.as_ref().is_none_or(|takeover| takeover.votes_percent <= 100);
    need(votes, "takeover.votes_percent", "at most 100")?;
    let run = scenario.run.as_ref().is_none_or(|run| (1..=ACCOUNTS_MAX).contains(&run.suppliers));
    need(run, "run.suppliers", "from 1 to 100,000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_can_be_read_and_is_called_as_it_says() {
        let all = Scenario::shipped().unwrap();
        assert!(
            all.iter().zip(&SHIPPED).all(|(scenario, Shipped(name, ..))| scenario.name == *name)
        );
        assert_eq!(Scenario::find(Path::new("cascade")).unwrap().positions.count, 20_000);
    }

    #[test]
    fn a_wrong_file_is_told_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        assert!(matches!(Scenario::find(&path), Err(FileError::Read { .. })));
        let Shipped(_, text, _) = &SHIPPED[0];
        fs::write(&path, text.replace("count = 20_000", "count = 0")).unwrap();
        let error = Scenario::find(&path).unwrap_err();
        assert!(error.to_string().contains("positions.count"), "{error}");
        fs::write(&path, text.replace("count =", "cuont =")).unwrap();
        assert!(matches!(Scenario::find(&path), Err(FileError::Shape { .. })));
        fs::write(&path, vec![b'#'; 2 << 20]).unwrap();
        assert!(matches!(Scenario::find(&path), Err(FileError::Long(_))));
    }
}
