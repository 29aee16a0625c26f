//! How the market is configured, and who gets what.

use super::{Market, MarketError, REPORTERS, Steps, UNITS};
use crate::{
    accounts::{CHAIN_ID, GAS_MAX, Sender, Signed, spread},
    book::{Answer, Book, COLLATERAL, Counts, DOLLAR, Engine, Model, Reserve, Terms, kinds},
    chain::Chain,
    file::Scenario,
    math::{RAY, WAD},
    path::FEED_DECIMALS,
    population,
    swap::{Reserves, units_of},
};
use alloy_primitives::{
    Address, U256, address,
    aliases::{I192, U48, U96},
    keccak256,
};
use alloy_sol_types::{SolCall, sol};
use heddle_client::At;
use heddle_venue::{
    contracts::{
        backstop::Backstop,
        configurator::{Configurator, InterestRate, LendingStorage},
        constant_product_pool::ConstantProductPool,
        faucet_token::FaucetToken,
        lending_pool::LendingPool,
        price_feed::PriceFeed,
        reporter_registry::ReporterRegistry,
    },
    observation::{self, Observation},
};

/// How many reporters sign a report: with four, one may lie.
const QUORUM: usize = REPORTERS - 1;
/// Seconds after which a price is reported though little has changed.
pub const FEED_HEARTBEAT: u64 = 60;
/// Change with which a price is reported before, in 1e-4.
pub const DEVIATION: u16 = 50;
/// Seconds after which the lending pool does not take the collateral's price any more.
const STALE_AFTER: u32 = 180;
/// The dollar's feed reports once: it is worth a dollar throughout.
const DOLLAR_STALE_AFTER: u32 = 7 * 24 * 3600;
/// Accounts that open their positions in one block: their events are asked for at once.
const OPENINGS_IN_A_BLOCK: usize = 1_500;
/// Openings that are paid for by one transaction.
const OPENINGS_IN_A_CALL: usize = 50;
/// Dollars below which neither debt nor collateral is left over.
const VALUE_MIN: u64 = 100;
/// Gas of what an account does to open its position.
const OPENING_GAS: u64 = 1_000_000;
/// Hundredths of one.
const PERCENT: u64 = 10_000_000_000_000_000;

/// Where development chains have Multicall3.
const MULTICALL: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

sol! {
    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }
    struct Result3 {
        bool success;
        bytes returnData;
    }
    function aggregate3(Call3[] calls) external returns (Result3[] results);
}

/// The kinked rate of both reserves: nothing at no use, 5 % a year at nine tenths, 65 % at the end.
const MODEL: [u64; 4] = [0, 5 * PERCENT, 60 * PERCENT, 90 * PERCENT];

pub(super) fn feed_config(registry: Address, description: &str, id: usize) -> PriceFeed::Config {
    let stale_after = if id == DOLLAR { DOLLAR_STALE_AFTER } else { STALE_AFTER };
    PriceFeed::Config {
        registry,
        description: description.to_owned(),
        decimals: FEED_DECIMALS,
        heartbeat: FEED_HEARTBEAT as u32,
        staleAfter: stale_after,
        deviationThreshold: DEVIATION,
        observationAgeMax: 600,
        futureTolerance: 30,
        minAnswer: 1,
        maxAnswer: i128::MAX >> 32,
    }
}

/// The book of a market in which nobody has anything.
pub(super) fn book(scenario: &Scenario, tokens: [Address; 2]) -> Book {
    let market = &scenario.market;
    let [base, slope1, slope2, optimal] = MODEL.map(U256::from);
    let reserve = |id: usize| Reserve {
        asset: tokens[id],
        decimals: if id == DOLLAR { 6 } else { 18 },
        liquidation_threshold: u64::from(market.liquidation_threshold),
        discount_min: u64::from(market.discount_min),
        discount_max: u64::from(market.discount_max),
        reserve_factor: 1_000,
        jump_max: u64::from(market.jump_max),
        jump_window: u64::from(market.jump_window),
        heartbeat: u64::from(if id == DOLLAR { DOLLAR_STALE_AFTER } else { STALE_AFTER }),
        model: Model { base, slope1, slope2, optimal },
        supply_index: RAY,
        debt_index: RAY,
        rate: U256::ZERO,
        synced_at: 0,
        price: U256::ZERO,
        accepted_at: 0,
        resumed_at: 0,
        is_usable: true,
        scaled_supply: U256::ZERO,
        scaled_debt: U256::ZERO,
        deficit: U256::ZERO,
    };
    let terms = Terms {
        target_health: WAD * U256::from(market.target_health) / U256::from(100),
        value_min: U256::from(VALUE_MIN) * WAD,
        auction_duration: u64::from(market.auction_seconds),
        grace: u64::from(market.grace_seconds),
        kept_share: U256::from(market.kept_share),
    };
    let mut book = Book::new(Engine::Waterfall, terms, [reserve(COLLATERAL), reserve(DOLLAR)]);
    book.backstop_cover = U256::from(market.backstop_cover);
    book
}

impl Market {
    /// A report of the collateral's feed: what is observed, signed by as many as must.
    ///
    /// # Errors
    ///
    /// Those of the signer.
    pub fn report(&mut self, price: i64, now: u64) -> Result<Signed, alloy_signer::Error> {
        self.round += 1;
        let price_wad = U256::from(price.unsigned_abs()) * U256::from(10_000_000_000_u64);
        self.answer = Answer { price: price_wad, updated_at: now };
        let round = self.round;
        self.report_of(COLLATERAL, round, price, now)
    }

    /// The price that was reported last, with the decimals of the feed.
    fn said(&self) -> i64 {
        let price = self.answer.price / U256::from(10_000_000_000_u64);
        // It was made of such a number.
        price.saturating_to()
    }

    fn report_of(
        &mut self,
        id: usize,
        round: u32,
        price: i64,
        now: u64,
    ) -> Result<Signed, alloy_signer::Error> {
        let feed = self.feeds[id];
        let value = I192::try_from(price).unwrap_or(I192::MAX);
        let observed_at = U48::from(now);
        let seen = Observation { round, attempt: 0, value, observedAt: observed_at };
        let mut observations = vec![];
        for (seat, reporter) in (0_u8..).zip(&self.reporters[..QUORUM]) {
            observations.push(observation::sign(reporter.key(), seat, &seen, feed, CHAIN_ID)?);
        }
        let submit = PriceFeed::submitCall { round, attempt: 0, observations };
        self.reporters[0].call(feed, &submit, 1_000_000)
    }

    pub(super) fn appoint(
        &mut self,
        chain: &Chain,
        scenario: &Scenario,
    ) -> Result<(), MarketError> {
        let accounts: Vec<Address> = self.reporters.iter().map(Sender::address).collect();
        let (mut steps, registry) = (vec![], self.registry);
        for feed in self.feeds {
            let appoint = ReporterRegistry::appointCall { feed, accounts: accounts.clone() };
            self.order(&mut steps, "appoint", registry, &appoint)?;
        }
        // What is announced can be appointed a day later.
        self.step(chain, 24 * 3600, steps)?;
        let now = self.now + 5;
        let scale = 10_i64.pow(u32::from(FEED_DECIMALS));
        let price = (scenario.price.start * scale as f64).round() as i64;
        let steps = vec![
            ("report", self.report(price, now)?),
            ("report", self.report_of(DOLLAR, 1, scale, now)?),
        ];
        self.step(chain, 5, steps).map(drop)
    }

    /// Lists both reserves and opens the lending pool.
    pub(super) fn list(&mut self, chain: &Chain, scenario: &Scenario) -> Result<(), MarketError> {
        let (mut steps, lending): (Steps, _) = (vec![], self.lending);
        let account = self.deployer.address();
        for role in [keccak256("RISK_ROLE"), keccak256("GUARDIAN_ROLE")] {
            self.order(
                &mut steps,
                "grant",
                lending,
                &LendingPool::grantRoleCall { role, account },
            )?;
        }
        for id in [COLLATERAL, DOLLAR] {
            let add = Configurator::addReserveCall { listing: self.listing(scenario, id) };
            self.order(&mut steps, "reserve", lending, &add)?;
        }
        let (asset, backstop) = (self.tokens[DOLLAR], self.backstop);
        self.order(
            &mut steps,
            "backstop",
            lending,
            &Configurator::setBackstopCall { asset, backstop },
        )?;
        let terms = Configurator::setTermsCall { terms: self.terms() };
        self.order(&mut steps, "terms", lending, &terms)?;
        let fund = Configurator::setInsuranceFundCall { fund: self.fund };
        self.order(&mut steps, "fund", lending, &fund)?;
        self.order(&mut steps, "launch", lending, &Configurator::launchCall {})?;
        for asset in self.tokens {
            let caps =
                Configurator::setCapsCall { asset, supplyCap: u128::MAX, borrowCap: u128::MAX };
            self.order(&mut steps, "caps", lending, &caps)?;
        }
        self.step(chain, 1, steps).map(drop)
    }

    fn listing(&self, scenario: &Scenario, id: usize) -> Configurator::Listing {
        let (market, reserve) = (&scenario.market, &self.book.reserves[id]);
        let [base, slope1, slope2, optimal] = MODEL;
        Configurator::Listing {
            asset: self.tokens[id],
            feed: self.feeds[id],
            heartbeat: if id == DOLLAR { DOLLAR_STALE_AFTER } else { STALE_AFTER },
            ltv: market.ltv,
            liquidationThreshold: market.liquidation_threshold,
            discountMin: market.discount_min,
            discountMax: market.discount_max,
            reserveFactor: reserve.reserve_factor as u16,
            jumpMax: market.jump_max,
            jumpWindow: market.jump_window,
            isolated: false,
            borrowable: id == DOLLAR,
            model: InterestRate::Model { base, slope1, slope2, optimal },
        }
    }

    fn terms(&self) -> LendingStorage::Terms {
        let terms = &self.book.terms;
        LendingStorage::Terms {
            targetHealth: terms.target_health.saturating_to(),
            valueMin: terms.value_min.saturating_to::<U96>(),
            auctionDuration: terms.auction_duration as u32,
            grace: terms.grace as u32,
            keptShare: terms.kept_share.saturating_to(),
            flashFee: 5,
            insuranceFund: Address::ZERO,
            backstopShare: 5_000,
            // A replay looks at both reserves in each block.
            syncGap: 0,
            paused: false,
            launched: false,
        }
    }

    /// Dollars to be lent, funds, the pool, and everybody's capital.
    pub(super) fn fill(&mut self, chain: &Chain, scenario: &Scenario) -> Result<(), MarketError> {
        let (mut steps, debt) = (vec![], population::total_debt(&self.openings));
        let part = |bps: u16| debt * U256::from(bps) / U256::from(10_000);
        let supply = debt * U256::from(10_000) / U256::from(scenario.market.utilisation);
        let (lending, [collateral, dollar]) = (self.lending, self.tokens);
        let (value, owner) = (U256::MAX, self.deployer.address());
        self.order(
            &mut steps,
            "approve",
            dollar,
            &FaucetToken::approveCall { spender: lending, value },
        )?;
        let each = supply / U256::from(self.suppliers.len());
        for account in self.suppliers.iter().map(Sender::address).collect::<Vec<_>>() {
            let call = LendingPool::supplyCall { asset: dollar, amount: each, account };
            self.order(&mut steps, "supply", lending, &call)?;
        }
        self.order(
            &mut steps,
            "rebalance",
            lending,
            &Configurator::rebalanceCall { asset: dollar },
        )?;
        let (to, value) = (self.fund, part(scenario.market.fund));
        self.order(&mut steps, "fund", dollar, &FaucetToken::transferCall { to, value })?;
        let (backstop, staked) = (self.backstop, part(scenario.market.backstop));
        let approve = FaucetToken::approveCall { spender: backstop, value: staked };
        self.order(&mut steps, "approve", dollar, &approve)?;
        let deposit = Backstop::depositCall { assets: staked, receiver: owner };
        self.order(&mut steps, "stake", backstop, &deposit)?;
        (self.book.fund, self.book.backstop) = (value, staked);

        let depth = scenario.exchange.depth;
        let to = self.pool;
        for (token, value) in [
            (collateral, units_of(depth / scenario.price.start, UNITS.0)),
            (dollar, units_of(depth, UNITS.1)),
        ] {
            self.order(&mut steps, "liquidity", token, &FaucetToken::transferCall { to, value })?;
        }
        self.order(&mut steps, "liquidity", to, &ConstantProductPool::mintCall { to: owner })?;
        self.endow(&mut steps, scenario)?;
        self.step(chain, 1, steps).map(drop)
    }

    /// Capital, and leave to spend it.
    fn endow(&mut self, steps: &mut Steps, scenario: &Scenario) -> Result<(), MarketError> {
        let (lending, router, [collateral, dollar]) = (self.lending, self.router, self.tokens);
        let value = U256::MAX;
        for (who, capital) in self.liquidators.iter_mut().zip(&scenario.liquidators.capital) {
            let amount = units_of(*capital, UNITS.1);
            let mint = FaucetToken::mintCall { account: who.address(), amount };
            steps.push(("capital", self.deployer.call(dollar, &mint, GAS_MAX)?));
            let approve = FaucetToken::approveCall { spender: lending, value };
            steps.push(("approve", who.call(dollar, &approve, OPENING_GAS)?));
            let approve = FaucetToken::approveCall { spender: router, value };
            steps.push(("approve", who.call(collateral, &approve, OPENING_GAS)?));
        }
        let amount = U256::from(u128::MAX >> 16);
        for who in [&mut self.arbitrageur, &mut self.trader] {
            for token in [collateral, dollar] {
                let mint = FaucetToken::mintCall { account: who.address(), amount };
                steps.push(("capital", self.deployer.call(token, &mint, GAS_MAX)?));
                let approve = FaucetToken::approveCall { spender: router, value };
                steps.push(("approve", who.call(token, &approve, OPENING_GAS)?));
            }
        }
        Ok(())
    }

    /// Opens all positions: collateral comes from one account, the rest is each one's own doing.
    pub(super) fn open(
        &mut self,
        chain: &Chain,
        progress: impl Fn(usize, usize),
    ) -> Result<(), MarketError> {
        let (lending, collateral) = (self.lending, self.tokens[COLLATERAL]);
        let give = [
            (
                collateral,
                FaucetToken::mintCall { account: MULTICALL, amount: U256::from(u128::MAX >> 16) }
                    .abi_encode(),
            ),
            (
                collateral,
                FaucetToken::approveCall { spender: lending, value: U256::MAX }.abi_encode(),
            ),
        ];
        let mut steps = vec![];
        self.order(&mut steps, "collateral", MULTICALL, &together(give))?;
        self.step(chain, 1, steps)?;
        let count = self.openings.len();
        for from in (0..count).step_by(OPENINGS_IN_A_BLOCK) {
            let to = (from + OPENINGS_IN_A_BLOCK).min(count);
            let mut all = vec![];
            for from in (from..to).step_by(OPENINGS_IN_A_CALL) {
                let part = from..(from + OPENINGS_IN_A_CALL).min(to);
                let calls = part.map(|place| {
                    let (amount, account) =
                        (self.openings[place].collateral, self.borrowers[place].address());
                    let call = LendingPool::supplyCall { asset: collateral, amount, account };
                    (lending, call.abi_encode())
                });
                all.push(self.deployer.call(MULTICALL, &together(calls), GAS_MAX)?);
            }
            all.extend(self.openings_of(from..to)?);
            chain.send(&all)?;
            let now = self.now + 1;
            if now >= self.answer.updated_at + FEED_HEARTBEAT {
                chain.send(&[self.report(self.said(), now)?])?;
            }
            self.now = now;
            chain.mine(now)?;
            progress(to, count);
        }
        self.read(chain)
    }

    fn openings_of(&mut self, range: std::ops::Range<usize>) -> Result<Vec<Signed>, MarketError> {
        let (lending, [collateral, dollar]) = (self.lending, self.tokens);
        let pledge = LendingPool::setCollateralCall { asset: collateral, isCollateral: true };
        let pairs: Vec<_> = self.borrowers[range.clone()]
            .iter()
            .cloned()
            .zip(&self.openings[range.clone()])
            .collect();
        let signed = spread(&pairs, |(borrower, opening)| {
            let mut borrower = borrower.clone();
            let account = borrower.address();
            let borrow = LendingPool::borrowCall {
                asset: dollar,
                amount: opening.debt,
                account,
                to: account,
            };
            let first = borrower.call(lending, &pledge, OPENING_GAS)?;
            let second = borrower.call(lending, &borrow, OPENING_GAS)?;
            Ok::<_, alloy_signer::Error>((borrower, [first, second]))
        });
        let mut all = vec![];
        for (place, signed) in range.zip(signed) {
            let (borrower, signed) = signed?;
            self.borrowers[place] = borrower;
            all.extend(signed);
        }
        Ok(all)
    }

    /// Makes the book of what is there: positions from events, the rest from the pool.
    fn read(&mut self, chain: &Chain) -> Result<(), MarketError> {
        let now = self.now + 1;
        let mut steps = vec![];
        if now >= self.answer.updated_at + FEED_HEARTBEAT {
            steps.push(("report", self.report(self.said(), now)?));
        }
        let lending = self.lending;
        self.order(&mut steps, "accrue", lending, &LendingPool::accrueAllCall {})?;
        let last = self.step(chain, 1, steps)?;
        for (id, asset) in self.tokens.into_iter().enumerate() {
            self.book.reserves[id].asset = asset;
        }
        let synced = kinds_of_positions();
        for block in 0..=last {
            for log in chain.events(lending, &synced, block)? {
                self.book.follow(&log, &mut Counts::default())?;
            }
        }
        for (id, asset) in self.tokens.into_iter().enumerate() {
            let state =
                chain.node().read(lending, &LendingPool::reserveStateCall { asset }, At::Latest)?;
            let reserve = &mut self.book.reserves[id];
            (reserve.supply_index, reserve.debt_index) = (state.supplyIndex, state.debtIndex);
            (reserve.rate, reserve.price) = (state.ratePerSecond, state.price);
            (reserve.synced_at, reserve.accepted_at) = (self.now, self.now);
            reserve.resumed_at = state.resumedAt.saturating_to();
        }
        let there = self.book.accounts.iter().filter(|account| !account.debt[DOLLAR].is_zero());
        let (there, asked) = (there.count(), self.openings.len());
        if there == asked { Ok(()) } else { Err(MarketError::Positions { there, asked }) }
    }

    /// What the pool to sell in has.
    ///
    /// # Errors
    ///
    /// [`MarketError::Rpc`].
    pub fn reserves(&self, chain: &Chain) -> Result<Reserves, MarketError> {
        let answer =
            chain.node().read(self.pool, &ConstantProductPool::getReservesCall {}, At::Latest)?;
        let (first, second) = (U256::from(answer._0), U256::from(answer._1));
        let [collateral, dollar] = self.tokens;
        let is_first = collateral < dollar;
        let (collateral, dollars) = if is_first { (first, second) } else { (second, first) };
        Ok(Reserves { collateral, dollars })
    }
}

/// Kinds of events that positions follow from; interest is read at the end.
fn kinds_of_positions() -> Vec<alloy_primitives::B256> {
    use alloy_sol_types::SolEvent;
    kinds().into_iter().filter(|kind| *kind != LendingPool::Synced::SIGNATURE_HASH).collect()
}

fn together(calls: impl IntoIterator<Item = (Address, Vec<u8>)>) -> aggregate3Call {
    let call = |(target, data): (Address, Vec<u8>)| Call3 {
        target,
        allowFailure: false,
        callData: data.into(),
    };
    aggregate3Call { calls: calls.into_iter().map(call).collect() }
}
