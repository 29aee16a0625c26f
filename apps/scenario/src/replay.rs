//! A scenario, block by block, on a chain.

mod flows;
mod trades;

use crate::{
    accounts::Signed,
    book::{Account, Answer, Book, COLLATERAL, Counts, DOLLAR, Engine, EventError, kinds},
    chain::{Chain, ChainError},
    file::Scenario,
    liquidators::{self, Action, Turn},
    market::{DEVIATION, FEED_HEARTBEAT, Market, MarketError, UNITS},
    math::{RAY, WAD, mul_div_down},
    path::Prices,
    random::Random,
    swap::{Reserves, float},
};
use alloy_primitives::{Address, B256, U256};
use flows::Flows;
use heddle_client::{At, RpcError};
use heddle_venue::contracts::{
    faucet_token::FaucetToken,
    lending_pool::{LendingPool, Liquidator},
};
use std::{collections::BTreeMap, thread, time::Duration};

/// Gas of a liquidation, of a report, of a swap: more than any of them takes.
const GAS: u64 = 2_000_000;
/// What a sale may bring less than expected, in parts of a thousand: others trade, too.
const SLIPPAGE: u64 = 10;
/// Slots that are told, of those for which transactions waited most.
const HOT_MAX: usize = 10;
/// Accounts whose health is asked of the contract at the end, to hold it against the book.
const SAMPLES: usize = 200;

/// Why a replay ends early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The market.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The book.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A key.
    #[error("a transaction of the scenario cannot be signed")]
    Sign(#[from] alloy_signer::Error),
    /// The book is not what the contract has.
    #[error("block {block}: {what} is {said} by the contract and {here} by the book")]
    Differs {
        /// Of the chain.
        block: u64,
        /// Of what.
        what: &'static str,
        /// By the contract.
        said: U256,
        /// By the book.
        here: U256,
    },
}

/// What was seen of a block. Money is in dollars.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Record {
    /// The number of the block.
    pub height: u64,
    /// Minutes since the beginning.
    pub minute: f64,
    /// Price outside.
    pub outside: f64,
    /// Price that the lending pool goes by.
    pub oracle: f64,
    /// Price at which collateral is sold.
    pub pool: f64,
    /// Accounts whose health is under 1, before anybody acts.
    pub under: usize,
    /// Liquidations.
    pub liquidations: usize,
    /// Auctions begun.
    pub flags: u64,
    /// Repaid by liquidators.
    pub repaid: f64,
    /// What they got beyond that.
    pub discount: f64,
    /// Owed by those who had no collateral left.
    pub exhausted: f64,
    /// Left in the insurance fund.
    pub fund: f64,
    /// Left in the backstop.
    pub backstop: f64,
    /// Lost and not covered, of all blocks.
    pub deficit: f64,
    /// Debts over their collateral.
    pub shortfall: f64,
    /// Part of the supplied dollars that is lent.
    pub utilisation: f64,
    /// Whether what the pool has, is owed and has recorded as lost covers all claims.
    pub is_solvent: bool,
    /// Gas of the block.
    pub gas: u64,
    /// Its transactions.
    pub transactions: usize,
    /// Milliseconds in which it was made.
    pub milliseconds: f64,
    /// All gas over that of the longest chain of transactions that wait for each other.
    pub speedup: Option<f64>,
}

/// A replay with one engine.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which.
    pub engine: Engine,
    /// Block by block.
    pub records: Vec<Record>,
    /// All that happened.
    pub totals: Counts,
    /// Liquidations of accounts whose health was never under 1.
    pub flat_accounts_touched: usize,
    /// Accounts that owed at the beginning, and whose health was never under 1.
    pub flat_accounts: usize,
    /// Liquidations that were sent and did not happen.
    pub missed: usize,
    /// Accounts that are not as predicted, of all blocks.
    pub mispredicted: usize,
    /// Of the last block.
    pub state_root: B256,
    /// Where transactions waited most: contract, slot, how many.
    pub hot: Vec<(Address, B256, u64)>,
    /// Suppliers who wanted to leave, and who could.
    pub leaving: (usize, usize),
}

/// A replay that goes on.
struct Replay<'a> {
    chain: &'a Chain,
    scenario: &'a Scenario,
    market: Market,
    flows: Flows,
    trades: Random,
    ever_under: Vec<bool>,
    owed: Vec<bool>,
    outcome: Outcome,
}

/// Replays a scenario on a market that is ready.
///
/// # Errors
///
/// [`ReplayError`].
pub fn replay(
    chain: &Chain,
    scenario: &Scenario,
    market: Market,
    engine: Engine,
    path: &[Prices],
    mut progress: impl FnMut(usize),
) -> Result<Outcome, ReplayError> {
    let owes = |account: &Account| !account.debt[DOLLAR].is_zero();
    let owed: Vec<bool> = market.book.accounts.iter().map(owes).collect();
    let mut replay = Replay {
        chain,
        scenario,
        flows: Flows::new(scenario, market.suppliers.len(), market.borrowers.len()),
        trades: Random::new(scenario.seed, "trades"),
        market,
        ever_under: vec![false; owed.len()],
        owed,
        outcome: Outcome {
            engine,
            records: vec![],
            totals: Counts::default(),
            flat_accounts_touched: 0,
            flat_accounts: 0,
            missed: 0,
            mispredicted: 0,
            state_root: B256::ZERO,
            hot: vec![],
            leaving: (0, 0),
        },
    };
    replay.market.book.engine = engine;
    let begin = replay.market.now;
    for (number, prices) in path.iter().enumerate().skip(1) {
        let now = begin + number as u64 * scenario.time.block_seconds;
        replay.block(number, now, prices)?;
        progress(number);
    }
    replay.end()
}

impl Replay<'_> {
    fn block(&mut self, number: usize, now: u64, prices: &Prices) -> Result<(), ReplayError> {
        let mut all = vec![];
        self.report(now, prices, &mut all)?;
        let (lending, accrue) = (self.market.lending, LendingPool::accrueAllCall {});
        all.push(self.market.deployer.call(lending, &accrue, GAS * 4)?);
        let mut pool = self.market.reserves(self.chain)?;
        self.trade(&mut pool, prices, &mut all)?;
        let minute = number as f64 * self.scenario.time.block_seconds as f64 / 60.0;
        let utilisation = self.outcome.records.last().map_or(0.0, |record| record.utilisation);
        self.flows.send(self.scenario, &mut self.market, minute, utilisation, &mut all)?;

        let dollar = Answer { price: WAD, updated_at: now };
        self.market.book.sync(now, [self.market.answer, dollar]);
        let under = self.look();
        let mut foreseen = self.market.book.clone();
        let orders = if self.scenario.external_keeper_ms.is_some() {
            0
        } else {
            self.liquidate(now, &mut foreseen, &mut pool, &mut all)?
        };
        self.chain.send(&all)?;
        if let Some(milliseconds) = self.scenario.external_keeper_ms {
            thread::sleep(Duration::from_millis(milliseconds));
        }
        let (block, took) = self.chain.mine(now)?;
        let mut counts = Counts::default();
        for log in self.chain.events(self.market.lending, &kinds(), block.number)? {
            self.market.book.follow(&log, &mut counts)?;
        }
        self.ever_under.resize(self.market.book.accounts.len(), false);
        let is_flat = |place: &&usize| !self.ever_under[**place];
        self.outcome.flat_accounts_touched += counts.liquidated.iter().filter(is_flat).count();
        self.outcome.missed += orders.saturating_sub(counts.liquidated.len());
        if self.scenario.external_keeper_ms.is_none() && self.scenario.run.is_none() {
            let both = foreseen.accounts.iter().zip(&self.market.book.accounts);
            self.outcome.mispredicted += both.filter(|(a, b)| a != b).count();
        }
        let record = self.record(block.number, &counts)?;
        let usd = |amount: U256| float(amount) / UNITS.1;
        self.outcome.records.push(Record {
            height: block.number,
            minute,
            outside: prices.outside,
            under,
            liquidations: counts.liquidated.len(),
            flags: counts.flags,
            repaid: usd(counts.repaid),
            exhausted: usd(counts.exhausted),
            gas: block.gas_used,
            transactions: block.transactions,
            milliseconds: took.as_secs_f64() * 1e3,
            ..record
        });
        self.add(counts);
        self.market.now = now;
        Ok(())
    }

    /// Reports the price if there is news.
    fn report(
        &mut self,
        now: u64,
        prices: &Prices,
        all: &mut Vec<Signed>,
    ) -> Result<(), ReplayError> {
        let Some(observed) = prices.observed else { return Ok(()) };
        let last = float(self.market.answer.price) / 1e10;
        let change = (observed as f64 - last).abs() / last;
        // A little more than the contract asks for, as its arithmetic is in integers.
        let is_news = change * 1e4 > f64::from(DEVIATION) * 1.001;
        if is_news || now >= self.market.answer.updated_at + FEED_HEARTBEAT {
            all.push(self.market.report(observed, now)?);
        }
        Ok(())
    }

    /// Who can be liquidated now: remembered, as nobody else may be.
    fn look(&mut self) -> usize {
        let book = &self.market.book;
        let mut under = 0;
        for (place, account) in book.accounts.iter().enumerate() {
            if !account.debt[DOLLAR].is_zero() && book.health(account).is_under() {
                self.ever_under[place] = true;
                under += 1;
            }
        }
        under
    }

    /// What liquidators do: how many liquidations.
    fn liquidate(
        &mut self,
        now: u64,
        foreseen: &mut Book,
        pool: &mut Reserves,
        all: &mut Vec<Signed>,
    ) -> Result<usize, ReplayError> {
        let mut capital = self.capital()?;
        let mut turn = Turn {
            settings: &self.scenario.liquidators,
            now,
            capital: &mut capital,
            dollar: UNITS.1,
        };
        let actions = liquidators::act(&mut turn, foreseen, pool);
        let (lending, [collateral, dollar]) = (self.market.lending, self.market.tokens);
        let mut orders = 0;
        for action in actions {
            match action {
                Action::Flag { account } => {
                    let place = account % self.market.watchers.len();
                    let account = foreseen.accounts[account].address;
                    let flag = LendingPool::flagCall { account };
                    all.push(self.market.watchers[place].call(lending, &flag, GAS)?);
                }
                Action::Liquidate { liquidator, account, repay_max, outcome } => {
                    orders += 1;
                    let order = Liquidator::Order {
                        account: foreseen.accounts[account].address,
                        debtAsset: dollar,
                        collateralAsset: collateral,
                        repayMax: repay_max,
                        collateralMin: outcome.received(),
                        asSupply: false,
                    };
                    let call = LendingPool::liquidateCall { order };
                    all.push(self.market.liquidators[liquidator].call(lending, &call, GAS)?);
                }
                Action::Sell { liquidator, amount, expected } => {
                    let least = expected * U256::from(1000 - SLIPPAGE) / U256::from(1000);
                    let to = self.market.liquidators[liquidator].address();
                    let order = self.order(COLLATERAL, amount, least, to);
                    let router = self.market.router;
                    all.push(self.market.liquidators[liquidator].call(router, &order, GAS)?);
                }
            }
        }
        Ok(orders)
    }

    fn capital(&self) -> Result<Vec<U256>, ReplayError> {
        let dollar = self.market.tokens[DOLLAR];
        let calls: Vec<_> = self
            .market
            .liquidators
            .iter()
            .map(|who| (dollar, FaucetToken::balanceOfCall { account: who.address() }))
            .collect();
        let answers = self.chain.node().read_all(&calls, At::Latest)?;
        Ok(answers.into_iter().collect::<Result<_, _>>()?)
    }

    /// What the contract says of the block, held against the book.
    fn record(&self, block: u64, counts: &Counts) -> Result<Record, ReplayError> {
        let (node, book) = (self.chain.node(), &self.market.book);
        let mut is_solvent = true;
        for (id, asset) in self.market.tokens.into_iter().enumerate() {
            let call = LendingPool::reserveStateCall { asset };
            let state = node.read(self.market.lending, &call, At::Number(block))?;
            let reserve = &book.reserves[id];
            let debt = mul_div_down(reserve.scaled_debt, reserve.debt_index, RAY);
            for (what, said, here) in [
                ("what is owed", state.debt, debt),
                ("the deficit", state.deficit, reserve.deficit),
                ("the price", state.price, reserve.price),
            ] {
                if said != here {
                    return Err(ReplayError::Differs { block, what, said, here });
                }
            }
            is_solvent &= book.is_solvent(id, state.cash);
        }
        let [collateral, dollar] = &book.reserves;
        let debt = mul_div_down(dollar.scaled_debt, dollar.debt_index, RAY);
        let supply = mul_div_down(dollar.scaled_supply, dollar.supply_index, RAY);
        let pool = self.market.reserves(self.chain)?;
        let usd = |amount: U256| float(amount) / UNITS.1;
        let value = |amount: U256| float(amount) / 1e18;
        Ok(Record {
            oracle: value(collateral.price),
            pool: float(pool.dollars) / UNITS.1 / (float(pool.collateral) / UNITS.0),
            discount: value(counts.discount),
            fund: usd(book.fund),
            backstop: usd(book.backstop),
            deficit: usd(dollar.deficit),
            shortfall: value(book.shortfall()),
            utilisation: float(debt) / float(supply).max(1.0),
            is_solvent,
            ..Record::default()
        })
    }

    /// Asks the explorer, if there is one, who waited for whom.
    fn heat(&mut self) {
        let Some(last) = self.outcome.records.last() else { return };
        if !self.chain.is_indexed(last.height) {
            return;
        }
        let mut hot: BTreeMap<(Address, B256), u64> = BTreeMap::new();
        for record in &mut self.outcome.records {
            let Some(parallelism) = self.chain.parallelism(record.height) else { continue };
            record.speedup = parallelism.speedup;
            for slot in parallelism.hot {
                *hot.entry((slot.address, slot.slot)).or_default() += slot.waits;
            }
        }
        let mut hot: Vec<_> =
            hot.into_iter().map(|((address, slot), waits)| (address, slot, waits)).collect();
        hot.sort_by_key(|(.., waits)| std::cmp::Reverse(*waits));
        hot.truncate(HOT_MAX);
        self.outcome.hot = hot;
    }

    fn add(&mut self, counts: Counts) {
        let totals = &mut self.outcome.totals;
        totals.liquidated.extend(counts.liquidated);
        totals.flags += counts.flags;
        for (total, more) in [
            (&mut totals.repaid, counts.repaid),
            (&mut totals.discount, counts.discount),
            (&mut totals.kept, counts.kept),
            (&mut totals.exhausted, counts.exhausted),
            (&mut totals.by_fund, counts.by_fund),
            (&mut totals.by_backstop, counts.by_backstop),
            (&mut totals.deficit, counts.deficit),
            (&mut totals.withdrawn, counts.withdrawn),
            (&mut totals.returned, counts.returned),
        ] {
            *total += more;
        }
    }

    fn end(mut self) -> Result<Outcome, ReplayError> {
        self.sample()?;
        let both = self.owed.iter().zip(&self.ever_under);
        self.outcome.flat_accounts =
            both.filter(|(owed, was_under)| **owed && !**was_under).count();
        self.outcome.state_root = self.chain.state_root()?;
        self.outcome.leaving = self.flows.leaving();
        self.heat();
        Ok(self.outcome)
    }

    /// Holds the health of some accounts against the contract's.
    fn sample(&self) -> Result<(), ReplayError> {
        let book = &self.market.book;
        let every = book.accounts.len().div_ceil(SAMPLES).max(1);
        let accounts: Vec<_> = book.accounts.iter().step_by(every).collect();
        let calls: Vec<_> = accounts
            .iter()
            .map(|account| {
                (self.market.lending, LendingPool::accountHealthCall { account: account.address })
            })
            .collect();
        let answers = self.chain.node().read_all(&calls, At::Latest)?;
        let block = self.chain.node().height()?;
        for (account, answer) in accounts.into_iter().zip(answers) {
            let (said, here) = (answer?, book.health(account));
            for (what, said, here) in [
                ("an account's collateral", said.collateral, here.collateral),
                ("an account's debt", said.debt, here.debt),
                ("an account's threshold", said.threshold, here.threshold),
            ] {
                if said != here {
                    return Err(ReplayError::Differs { block, what, said, here });
                }
            }
        }
        Ok(())
    }
}
