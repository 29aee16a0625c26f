//! Loans against collateral: four reserves, what stands behind them, and what is lent first.

use super::{
    DAY, DeploymentError, HOUR, Script,
    governance::{grant, hand_over as hand_over_roles},
    oracle::STALE_AFTER,
    tokens::{approve, bitcoins, dollars, transfer, whole},
};
use crate::{
    addresses::{
        BTC, BTC_BACKSTOP, BTC_USD, CONFIGURATOR, ETH_USD, INSURANCE_FUND, LENDING_POOL,
        LIQUIDATOR, TIMELOCK, USD, USD_BACKSTOP, USD_USD, USDB, USDB_BACKSTOP, USDB_USD, WETH,
        WETH_BACKSTOP,
    },
    contracts::{
        backstop::Backstop,
        configurator::{Configurator, InterestRate, LendingStorage},
        insurance_fund::InsuranceFund,
        lending_pool::LendingPool,
        liquidator::Liquidator,
    },
};
use alloy_primitives::{Address, B256, U256, aliases::U96, keccak256};
use alloy_sol_types::SolConstructor as _;

/// Shards of the pool.
const SHARDS: u64 = 16;

/// A reserve of the pool.
struct Reserve {
    asset: Address,
    symbol: &'static str,
    feed: Address,
    /// Loan to value, liquidation threshold: in 1e-4.
    ratios: [u16; 2],
    model: InterestRate::Model,
    /// What may be supplied and lent, in units.
    caps: [U256; 2],
    /// What is supplied first.
    seed: U256,
    backstop: Address,
    /// What stands behind it: in the backstop, in the insurance fund.
    cover: [U256; 2],
}

/// Rates by use: at no use, more up to the kink, more above it, where the kink is; in percent.
fn rates(percent: [u64; 4]) -> InterestRate::Model {
    let [base, slope1, slope2, optimal] = percent.map(|percent| percent * 10_000_000_000_000_000);
    InterestRate::Model { base, slope1, slope2, optimal }
}

fn reserves() -> [Reserve; 4] {
    [
        Reserve {
            asset: WETH,
            symbol: "WETH",
            feed: ETH_USD,
            ratios: [8_000, 8_300],
            model: rates([0, 3, 80, 80]),
            caps: [whole(1_000_000), whole(800_000)],
            seed: whole(10_000),
            backstop: WETH_BACKSTOP,
            cover: [whole(500), whole(100)],
        },
        Reserve {
            asset: BTC,
            symbol: "vBTC",
            feed: BTC_USD,
            ratios: [7_300, 7_800],
            model: rates([0, 4, 100, 60]),
            caps: [bitcoins(50_000), bitcoins(30_000)],
            seed: bitcoins(500),
            backstop: BTC_BACKSTOP,
            cover: [bitcoins(20), bitcoins(4)],
        },
        Reserve {
            asset: USD,
            symbol: "vUSD",
            feed: USD_USD,
            ratios: [7_700, 8_000],
            model: rates([0, 5, 60, 90]),
            caps: [dollars(2_000_000_000), dollars(1_800_000_000)],
            seed: dollars(30_000_000),
            backstop: USD_BACKSTOP,
            cover: [dollars(2_000_000), dollars(500_000)],
        },
        Reserve {
            asset: USDB,
            symbol: "vUSDB",
            feed: USDB_USD,
            ratios: [7_500, 7_800],
            model: rates([0, 5, 75, 90]),
            caps: [dollars(2_000_000_000), dollars(1_800_000_000)],
            seed: dollars(30_000_000),
            backstop: USDB_BACKSTOP,
            cover: [dollars(2_000_000), dollars(500_000)],
        },
    ]
}

pub(super) fn create(script: &mut Script) -> Result<(), DeploymentError> {
    let shard_count = U256::from(SHARDS);
    let arguments = Liquidator::constructorCall { shardCount: shard_count };
    script.create("Liquidator", &Liquidator::BYTECODE, &arguments)?;
    let arguments = Configurator::constructorCall { shardCount: shard_count };
    script.create("Configurator", &Configurator::BYTECODE, &arguments)?;
    let arguments = LendingPool::constructorCall {
        shardCount: shard_count,
        liquidator: LIQUIDATOR,
        configurator: CONFIGURATOR,
        admin: script.keys.installer.address(),
    };
    let code = [LendingPool::BYTECODE.as_ref(), &arguments.abi_encode()].concat();
    // The constructor creates a till for each shard.
    script.create_with_gas("LendingPool", code, 5_000_000)?;
    let arguments = InsuranceFund::constructorCall { pool: LENDING_POOL };
    script.create("InsuranceFund", &InsuranceFund::BYTECODE, &arguments)?;
    for Reserve { asset, symbol, .. } in reserves() {
        let arguments = Backstop::constructorCall {
            asset_: asset,
            name_: format!("Backstop of {symbol}"),
            symbol_: format!("b{symbol}"),
            pool: LENDING_POOL,
            exitDelay: U256::from(10 * DAY),
            exitWindow: U256::from(2 * DAY),
            coverMax: U256::from(3_000),
        };
        script.create(symbol, &Backstop::BYTECODE, &arguments)?;
    }
    Ok(())
}

/// Lists the reserves, opens the pool, and supplies the first tokens in the name of the treasury.
pub(super) fn launch(script: &mut Script) -> Result<(), DeploymentError> {
    grant(script, LENDING_POOL, risk(), script.keys.installer.address())?;
    for reserve in reserves() {
        let add = Configurator::addReserveCall { listing: listing(&reserve) };
        script.call_with_gas(LENDING_POOL, &add, 1_000_000)?;
        let Reserve { asset, backstop, .. } = reserve;
        script.call(LENDING_POOL, &Configurator::setBackstopCall { asset, backstop })?;
    }
    script.call(LENDING_POOL, &Configurator::setTermsCall { terms: terms() })?;
    script.call(LENDING_POOL, &Configurator::setInsuranceFundCall { fund: INSURANCE_FUND })?;
    script.call(LENDING_POOL, &Configurator::launchCall {})?;
    for Reserve { asset, caps, seed, backstop, cover: [staked, insured], .. } in reserves() {
        let [supply_cap, borrow_cap] = caps.map(|cap| cap.to::<u128>());
        let caps =
            Configurator::setCapsCall { asset, supplyCap: supply_cap, borrowCap: borrow_cap };
        script.call(LENDING_POOL, &caps)?;
        approve(script, asset, LENDING_POOL)?;
        let supply = LendingPool::supplyCall { asset, amount: seed, account: TIMELOCK };
        script.call_with_gas(LENDING_POOL, &supply, 800_000)?;
        script.call_with_gas(LENDING_POOL, &Configurator::rebalanceCall { asset }, 2_000_000)?;
        approve(script, asset, backstop)?;
        script.call(backstop, &Backstop::depositCall { assets: staked, receiver: TIMELOCK })?;
        transfer(script, asset, INSURANCE_FUND, insured)?;
    }
    Ok(())
}

fn listing(reserve: &Reserve) -> Configurator::Listing {
    Configurator::Listing {
        asset: reserve.asset,
        feed: reserve.feed,
        heartbeat: STALE_AFTER,
        ltv: reserve.ratios[0],
        liquidationThreshold: reserve.ratios[1],
        discountMin: 100,
        discountMax: 1_000,
        reserveFactor: 1_000,
        jumpMax: 2_000,
        jumpWindow: HOUR as u32,
        isolated: false,
        borrowable: true,
        model: reserve.model.clone(),
    }
}

/// What holds for all reserves: see `LendingStorage.Terms`.
fn terms() -> LendingStorage::Terms {
    LendingStorage::Terms {
        targetHealth: 1_050_000_000_000_000_000,
        valueMin: whole(100).to::<U96>(),
        auctionDuration: 30 * 60,
        grace: 10 * 60,
        keptShare: 1_000,
        flashFee: 5,
        insuranceFund: Address::ZERO,
        backstopShare: 5_000,
        syncGap: 0,
        paused: false,
        launched: false,
    }
}

pub(super) fn hand_over(script: &mut Script) -> Result<(), DeploymentError> {
    let guardian = keccak256("GUARDIAN_ROLE");
    hand_over_roles(script, LENDING_POOL, &[risk()], &[risk()], &[guardian])
}

fn risk() -> B256 {
    keccak256("RISK_ROLE")
}
