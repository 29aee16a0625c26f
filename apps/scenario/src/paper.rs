//! A replay on paper: the book takes its own predictions for what happened. For tests of what does
//! not depend on a chain, and to see quickly what a term does.

use crate::{
    book::{Account, Answer, Book, COLLATERAL, DOLLAR, Engine, Model, Reserve, Terms},
    file::{Market, Scenario},
    liquidators::{self, Action, Turn},
    math::{RAY, WAD, units},
    path, population,
    swap::{Reserves, Trade, float, units_of},
};
use alloy_primitives::{Address, U256};

const START: u64 = 1_800_000_000;
const UNITS: (f64, f64) = (1e18, 1e6);

/// What it comes to, in dollars.
struct Paper {
    /// Lost to suppliers, and over its collateral.
    lost: f64,
    /// The same, and what funds have paid.
    before_funds: f64,
    /// Liquidations of accounts whose health was not under 1.
    flat_touched: usize,
}

fn reserve(id: usize, market: &Market, price: U256) -> Reserve {
    let is_dollar = id == DOLLAR;
    let percent = |percent: u64| U256::from(percent) * WAD / U256::from(100);
    Reserve {
        asset: Address::with_last_byte(id as u8 + 1),
        decimals: if is_dollar { 6 } else { 18 },
        liquidation_threshold: u64::from(market.liquidation_threshold),
        discount_min: u64::from(market.discount_min),
        discount_max: u64::from(market.discount_max),
        reserve_factor: 1_000,
        jump_max: u64::from(market.jump_max),
        jump_window: u64::from(market.jump_window),
        heartbeat: 3_600,
        model: Model {
            base: percent(0),
            slope1: percent(5),
            slope2: percent(60),
            optimal: percent(90),
        },
        supply_index: RAY,
        debt_index: RAY,
        rate: U256::ZERO,
        synced_at: START,
        price,
        accepted_at: START,
        resumed_at: 0,
        is_usable: true,
        scaled_supply: U256::ZERO,
        scaled_debt: U256::ZERO,
        deficit: U256::ZERO,
    }
}

fn wad(price: f64) -> U256 {
    U256::from((price * 1e8) as u128) * U256::from(10_000_000_000_u64)
}

fn book(scenario: &Scenario, engine: Engine) -> Book {
    let market = &scenario.market;
    let terms = Terms {
        target_health: WAD * U256::from(market.target_health) / U256::from(100),
        value_min: U256::from(100) * WAD,
        auction_duration: u64::from(market.auction_seconds),
        grace: u64::from(market.grace_seconds),
        kept_share: U256::from(market.kept_share),
    };
    let reserves =
        [reserve(COLLATERAL, market, wad(scenario.price.start)), reserve(DOLLAR, market, WAD)];
    let mut book = Book::new(engine, terms, reserves);
    let openings =
        population::draw(&scenario.positions, scenario.price.start, UNITS, scenario.seed);
    for (number, opening) in openings.iter().enumerate() {
        book.reserves[COLLATERAL].scaled_supply += opening.collateral;
        book.reserves[DOLLAR].scaled_debt += opening.debt;
        book.accounts.push(Account {
            address: Address::left_padding_from(&(number as u64 + 100).to_be_bytes()),
            supply: [opening.collateral, U256::ZERO],
            debt: [U256::ZERO, opening.debt],
            is_pledged: [true, false],
            flagged_at: 0,
        });
    }
    let total = population::total_debt(&openings);
    let part = |bps: u16| total * U256::from(bps) / U256::from(10_000);
    book.reserves[DOLLAR].scaled_supply =
        total * U256::from(10_000) / U256::from(market.utilisation);
    if engine == Engine::Waterfall {
        (book.fund, book.backstop) = (part(market.fund), part(market.backstop));
        book.backstop_cover = U256::from(market.backstop_cover);
    }
    book
}

fn replay(scenario: &Scenario, engine: Engine) -> Paper {
    let mut book = book(scenario, engine);
    let path = path::prices(&scenario.price, &scenario.time, scenario.seed).unwrap();
    let depth = scenario.exchange.depth;
    let mut pool = Reserves {
        collateral: units_of(depth / scenario.price.start, UNITS.0),
        dollars: units_of(depth, UNITS.1),
    };
    let mut capital: Vec<U256> =
        scenario.liquidators.capital.iter().map(|dollars| units_of(*dollars, UNITS.1)).collect();
    let per_block =
        scenario.exchange.arbitrage_per_minute * scenario.time.block_seconds as f64 / 60.0;
    let funds = float(book.fund + book.backstop);
    let mut flat_touched = 0;
    for (block, prices) in path.iter().enumerate().skip(1) {
        let now = START + block as u64 * scenario.time.block_seconds;
        let price = wad(prices.observed.map_or(0.0, |observed| observed as f64 / 1e8));
        let answers = [Answer { price, updated_at: now }, Answer { price: WAD, updated_at: now }];
        book.sync(now, answers);
        match pool.arbitrage(prices.outside, units_of(per_block, UNITS.1), UNITS) {
            Some(Trade::Buy(amount)) => drop(pool.buy(amount)),
            Some(Trade::Sell(amount)) => drop(pool.sell(amount)),
            None => {}
        }
        let before = book.clone();
        let mut turn =
            Turn { settings: &scenario.liquidators, now, capital: &mut capital, dollar: UNITS.1 };
        for action in liquidators::act(&mut turn, &mut book, &mut pool) {
            match action {
                Action::Flag { .. } => {}
                Action::Sell { liquidator, expected, .. } => capital[liquidator] += expected,
                Action::Liquidate { account, .. } => {
                    let account = &before.accounts[account];
                    flat_touched += usize::from(!before.health(account).is_under());
                }
            }
        }
    }
    let deficit = float(book.reserves[DOLLAR].deficit) / 1e6;
    let shortfall = float(book.shortfall()) / 1e18;
    let used = (funds - float(book.fund + book.backstop)) / 1e6;
    let lost = deficit + shortfall;
    Paper { lost, before_funds: lost + used, flat_touched }
}

fn cascade() -> Scenario {
    Scenario::find("cascade".as_ref()).unwrap()
}

/// The tenth part of the accounts, as 20,000 take long without optimisation; the chain has them all.
#[test]
fn the_waterfall_leaves_a_third_of_the_naive_ways_bad_debt_and_touches_nobody_healthy() {
    for seed in [cascade().seed, 1, 2] {
        let mut scenario = Scenario { seed, ..cascade() };
        scenario.positions.count /= 10;
        scenario.exchange.depth /= 10.0;
        scenario.exchange.arbitrage_per_minute /= 10.0;
        let naive = replay(&scenario, Engine::Naive);
        let waterfall = replay(&scenario, Engine::Waterfall);
        assert!(naive.lost > 0.0, "the crash is one");
        assert!(waterfall.lost * 3.0 <= naive.lost, "{} of {}", waterfall.lost, naive.lost);
        assert!(waterfall.before_funds < naive.before_funds);
        assert_eq!(naive.flat_touched + waterfall.flat_touched, 0);
    }
}

#[test]
fn an_order_that_is_carried_out_leaves_the_health_at_the_target() {
    let mut scenario = cascade();
    scenario.positions.count = 400;
    let mut book = book(&scenario, Engine::Waterfall);
    let price = wad(scenario.price.start * 0.82);
    let now = START + 10;
    book.sync(now, [Answer { price, updated_at: now }, Answer { price: WAD, updated_at: now }]);
    let mut partial = 0;
    for place in 0..book.accounts.len() {
        let Some(outcome) = book.size(place, now, U256::MAX) else { continue };
        book.liquidate(place, now, &outcome);
        let health = book.health(&book.accounts[place]);
        if outcome.reason == crate::book::Reason::TargetHealth {
            partial += 1;
            let factor = crate::math::health(health.threshold, health.debt);
            // A unit of a dollar, of debts of some hundred dollars.
            let dust = WAD / units(8);
            assert!(factor.abs_diff(book.terms.target_health) < dust, "{factor}");
        }
    }
    assert!(partial > 10);
}
