//! `heddle keeper`: the arguments of each command, and what it prints.

use crate::{
    auction::{self, Pair},
    config::Config,
    follow::{Follower, is_revert},
    health::{self, Health},
    keeper::{Keeper, KeeperError, Mode, open_follower},
    patience::Chance,
    reserve::Market,
};
use alloy_primitives::{Address, U256, utils::format_units};
use clap::{Args, Subcommand};
use heddle_client::{At, Node, RpcError, logging, program::with_causes, read_key};
use heddle_venue::contracts::lending_pool::{LendingCore, LendingPool, Liquidator};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    path::PathBuf,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The first wait after a node did not answer.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// The longest.
const RETRY_MOST: Duration = Duration::from_secs(30);

/// Watches a lending pool: begins auctions, liquidates what pays, sells what it got.
#[derive(Debug, Args)]
pub struct KeeperCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Run),
    Positions(Positions),
    Check(Check),
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The keeper.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// Standard output is gone.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

impl KeeperCommand {
    /// Runs the command. `false` says that the mirror differs from the contract.
    ///
    /// # Errors
    ///
    /// See [`CommandError`].
    pub fn run(self) -> Result<bool, CommandError> {
        match self.command {
            Command::Run(one) => one.run(),
            Command::Positions(one) => one.run(),
            Command::Check(one) => one.run(),
        }
    }
}

/// Keeps the pool until it is ended. It may be ended in any way, and goes on where it was.
#[derive(Debug, Args)]
struct Run {
    /// The configuration
    config: PathBuf,
    /// Send nothing, and say what would be sent
    #[arg(long)]
    dry_run: bool,
    /// Sell collateral as the configuration says, so that the capital comes back
    #[arg(long)]
    sell: bool,
    /// Decides when what failed is tried again [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// Look at the chain once, and end
    #[arg(long)]
    once: bool,
}

impl Run {
    fn run(self) -> Result<bool, CommandError> {
        logging::start_by_environment();
        let seed = self.seed.unwrap_or_else(|| now().as_nanos() as u64);
        let mode = Mode { is_dry: self.dry_run, sells: self.sell, seed };
        let config = Config::read(&self.config).map_err(KeeperError::from)?;
        let interval = Duration::from_millis(config.poll_interval_ms);
        let mut keeper = Keeper::open(config, mode)?;
        tracing::info!(account = %keeper.account(), pool = %keeper.config().pool, "keeps");
        let (mut failures, mut chance) = (0_u32, Chance::new(seed));
        loop {
            match keeper.step(now().as_secs()) {
                Ok(step) => {
                    failures = 0;
                    tracing::debug!(block = step.block, sent = step.sent.len(), "looked");
                    if self.once {
                        return Ok(true);
                    }
                    thread::sleep(interval);
                }
                Err(error) if error.is_passing() && !self.once => {
                    let wait = RETRY_FIRST.saturating_mul(1 << failures.min(16)).min(RETRY_MOST);
                    failures = failures.saturating_add(1);
                    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(error = %with_causes(&error), failures, "tries again");
                    thread::sleep(Duration::from_millis(wait / 2 + chance.below(wait)));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Prints all accounts that owe something, those of the least health first.
#[derive(Debug, Args)]
struct Positions {
    /// The configuration
    config: PathBuf,
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
    /// Only those of less health than this
    #[arg(long, value_name = "HEALTH")]
    under: Option<f64>,
    /// No more than so many
    #[arg(long, value_name = "COUNT")]
    most: Option<usize>,
}

impl Positions {
    fn run(self) -> Result<bool, CommandError> {
        let state = State::read(&self.config)?;
        let mut rows: Vec<(Address, Health, u64)> = state.judged(|account| account.owes());
        rows.sort_by_key(|(address, health, _)| (health.factor(), *address));
        let mut out = io::stdout().lock();
        if !self.json {
            writeln!(
                out,
                "{:42} {:>10} {:>20} {:>20}  flagged since",
                "account", "health", "debt", "collateral"
            )?;
        }
        let is_under =
            |health: &Health| self.under.is_none_or(|most| decimal(health.factor()) < most);
        let shown = rows.iter().filter(|(_, health, _)| is_under(health));
        for (address, health, flagged_at) in shown.take(self.most.unwrap_or(usize::MAX)) {
            if self.json {
                let row = json!({
                    "account": address,
                    "health": health.factor().to_string(),
                    "debt": health.debt.to_string(),
                    "collateral": health.collateral.to_string(),
                    "flaggedAt": (*flagged_at != 0).then_some(flagged_at),
                    "price": format!("{:?}", health.status),
                    "block": state.follower.mirror().head.number,
                });
                writeln!(out, "{row}")?;
                continue;
            }
            let since = if *flagged_at == 0 { "-".to_owned() } else { flagged_at.to_string() };
            let [debt, collateral] =
                [health.debt, health.collateral].map(|value| format!("{:.2}", decimal(value)));
            let factor = decimal(health.factor());
            writeln!(out, "{address:42} {factor:>10.4} {debt:>20} {collateral:>20}  {since}")?;
        }
        Ok(true)
    }
}

/// A number in WAD for people to read: nothing follows from it.
fn decimal(wad: U256) -> f64 {
    format_units(wad, 18).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::INFINITY)
}

/// Compares the mirror with what the contract says of accounts, as of one block: to the unit.
#[derive(Debug, Args)]
struct Check {
    /// The configuration
    config: PathBuf,
    /// Only the first so many accounts, by address
    #[arg(long, value_name = "COUNT")]
    accounts: Option<usize>,
    /// Compare what liquidations would repay and give, too: of accounts that can be liquidated, by the
    /// keeper's account, which has to have the debt assets and to have allowed the pool to take them
    #[arg(long)]
    liquidations: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    fn run(self) -> Result<bool, CommandError> {
        let state = State::read(&self.config)?;
        let mut rows = state.judged(|_| true);
        rows.truncate(self.accounts.unwrap_or(usize::MAX));
        let head = state.follower.mirror().head;
        let call = |(address, ..): &(Address, Health, u64)| {
            (state.pool, LendingPool::accountHealthCall { account: *address })
        };
        let calls: Vec<_> = rows.iter().map(call).collect();
        let found = state.node.read_all(&calls, At::Hash(head.hash))?;
        let mut differing = Vec::new();
        for ((address, health, _), found) in rows.iter().zip(found) {
            let expected = state.as_contract(health);
            let found = found?;
            if found != expected {
                differing.push((address, format!("{found:?}"), format!("{expected:?}")));
            }
        }
        let liquidations = if self.liquidations { state.liquidations()? } else { Vec::new() };
        for one in liquidations.iter().filter(|one| Some(one.found) != one.expected) {
            let (found, expected) = (format!("{:?}", one.found), format!("{:?}", one.expected));
            differing.push((&one.account, found, expected));
        }
        let mut out = io::stdout().lock();
        if self.json {
            let list: Vec<Value> = differing
                .iter()
                .map(|(account, contract, mirror)| {
                    json!({"account": account, "contract": contract, "mirror": mirror})
                })
                .collect();
            let report = json!({
                "block": head.number,
                "accounts": rows.len(),
                "liquidations": liquidations.len(),
                "differing": list,
            });
            writeln!(out, "{report}")?;
            return Ok(differing.is_empty());
        }
        for (account, contract, mirror) in &differing {
            writeln!(out, "{account} differs\n  contract {contract}\n  mirror   {mirror}")?;
        }
        writeln!(
            out,
            "block {}: {} accounts and {} liquidations, {} differ",
            head.number,
            rows.len(),
            liquidations.len(),
            differing.len()
        )?;
        Ok(differing.is_empty())
    }
}

/// What a liquidation repays and gives.
struct Compared {
    account: Address,
    /// By the contract.
    found: (U256, U256),
    /// By the mirror.
    expected: Option<(U256, U256)>,
}

/// The pool as of the last block.
struct State {
    node: Node,
    pool: Address,
    /// Who would liquidate.
    account: Address,
    follower: Follower,
    markets: Vec<Market>,
}

impl State {
    fn read(config: &std::path::Path) -> Result<Self, CommandError> {
        let config = Config::read(config).map_err(KeeperError::from)?;
        let node = Node::new(&config.rpc_url);
        let mut follower = open_follower(&node, &config, node.chain_id()?, true)?;
        follower.advance().map_err(KeeperError::from)?;
        let answers = follower.answers().map_err(KeeperError::from)?;
        let now = follower.mirror().head.timestamp;
        let markets = follower.markets(&answers, now).map_err(KeeperError::from)?;
        let account = match (config.account, &config.key) {
            (Some(account), _) => account,
            (None, Some(key)) => read_key(key).map_err(KeeperError::from)?.address(),
            (None, None) => Address::ZERO,
        };
        Ok(Self { node, pool: config.pool, account, follower, markets })
    }

    /// Accounts by address, with their health and when they were flagged.
    fn judged(
        &self,
        is_wanted: impl Fn(&crate::mirror::Account) -> bool,
    ) -> Vec<(Address, Health, u64)> {
        let accounts = self.follower.mirror().accounts.iter();
        let row = |(address, account): (&Address, &crate::mirror::Account)| {
            Some((*address, health::health(account, &self.markets)?, account.flagged_at))
        };
        accounts.filter(|(_, account)| is_wanted(account)).filter_map(row).collect()
    }

    /// Liquidations of all debts by all collateral, as far as the contract does not refuse them.
    fn liquidations(&self) -> Result<Vec<Compared>, CommandError> {
        let mirror = self.follower.mirror();
        let mut compared = Vec::new();
        for (address, health) in health::under_one(mirror, &self.markets) {
            let Some(account) = mirror.accounts.get(&address) else { continue };
            let age = auction::age(account, &mirror.terms, mirror.head.timestamp).unwrap_or(0);
            for ids in account.pairs() {
                let Some(pair) = Pair::new(mirror, &self.markets, (account, &health), ids) else {
                    continue;
                };
                let asset = |id: usize| mirror.reserves[id].config.asset;
                let order = Liquidator::Order {
                    account: address,
                    debtAsset: asset(ids.0),
                    collateralAsset: asset(ids.1),
                    repayMax: U256::MAX,
                    collateralMin: U256::ZERO,
                    asSupply: false,
                };
                let call = LendingPool::liquidateCall { order };
                let at = At::Hash(mirror.head.hash);
                let found = match self.node.simulate(Some(self.account), self.pool, &call, at) {
                    Ok(found) => (found.repaid, found.received),
                    Err(error) if is_revert(&error) => continue,
                    Err(error) => return Err(error.into()),
                };
                let size = pair.discount(age).and_then(|discount| pair.size(discount, U256::MAX));
                let expected = size.map(|size| (size.repaid, size.received()));
                compared.push(Compared { account: address, found, expected });
            }
        }
        Ok(compared)
    }

    fn as_contract(&self, health: &Health) -> LendingCore::Health {
        let reserve = health.unusable.and_then(|id| self.follower.mirror().reserves.get(id));
        LendingCore::Health {
            collateral: health.collateral,
            borrowPower: health.borrow_power,
            threshold: health.threshold,
            debt: health.debt,
            unusable: reserve.map(|reserve| reserve.config.asset).unwrap_or_default(),
            status: health.status as u8,
            resumedAt: U256::from(health.resumed_at),
        }
    }
}
