//! Pools of all kinds, at the prices of the feeds, whose liquidity belongs to the treasury.

use super::{
    DAY, DeploymentError, Script,
    tokens::{BITCOIN_PRICE, ETHER_PRICE, approve, bitcoins, dollars, whole},
};
use crate::{
    addresses::{
        BTC, BTC_USD_PAIR, BTC_USD_SHARDED, CONCENTRATED_FACTORY, PAIR_FACTORY, POSITIONS, ROUTER,
        SHARDED_FACTORY, TIMELOCK, TWAP, USD, USDB, USDB_USD_PAIR, WETH, WETH_USD_PAIR,
        WETH_USD_SHARDED,
    },
    contracts::{
        concentrated_factory::ConcentratedFactory, concentrated_positions::ConcentratedPositions,
        concentrated_quoter::ConcentratedQuoter, constant_product_factory::ConstantProductFactory,
        router::Router, sharded_pool::ShardedPool, sharded_pool_factory::ShardedPoolFactory,
        twap_oracle::TwapOracle,
    },
};
use alloy_primitives::{
    Address, B256, U256, U512,
    aliases::{I24, U24, U160},
};

/// Shards of a sharded pool.
const SHARDS: u64 = 8;

/// Shards that one transaction can pay for.
const SHARDS_AT_ONCE: u64 = 4;

/// Gas of making a pool or some shards.
const POOL_GAS: u64 = 10_000_000;

/// A concentrated pool of a token and vUSD, whose address is the higher one in each case.
struct Range {
    token: Address,
    /// What is put into it, at its first price.
    amount: U256,
    dollars: U256,
    /// In millionths.
    fee: u32,
    /// The tick nearest to the first price that a position can end at.
    middle: i32,
    /// Ticks to either side that the position reaches.
    reach: i32,
}

pub(super) fn create(script: &mut Script) -> Result<(), DeploymentError> {
    let factories = [
        ("ConstantProductFactory", &ConstantProductFactory::BYTECODE),
        ("ShardedPoolFactory", &ShardedPoolFactory::BYTECODE),
        ("ConcentratedFactory", &ConcentratedFactory::BYTECODE),
    ];
    for (name, code) in factories {
        script.create_of(name, code.to_vec())?;
    }
    let arguments = Router::constructorCall {
        factory_: PAIR_FACTORY,
        shardedFactory_: SHARDED_FACTORY,
        wrappedEther_: WETH,
    };
    script.create("Router", &Router::BYTECODE, &arguments)?;
    // Half an hour, in six parts.
    let arguments =
        TwapOracle::constructorCall { window_: U256::from(1_800), periods: U256::from(6) };
    script.create("TwapOracle", &TwapOracle::BYTECODE, &arguments)?;
    let arguments = ConcentratedPositions::constructorCall { factory_: CONCENTRATED_FACTORY };
    script.create("ConcentratedPositions", &ConcentratedPositions::BYTECODE, &arguments)?;
    script.create_of("ConcentratedQuoter", ConcentratedQuoter::BYTECODE.to_vec())
}

/// Makes and fills all pools.
pub(super) fn open(script: &mut Script, end: u64) -> Result<(), DeploymentError> {
    for token in [WETH, USD, USDB, BTC] {
        approve(script, token, ROUTER)?;
        approve(script, token, POSITIONS)?;
    }
    let deadline = U256::from(end + DAY);
    let pairs = [
        (WETH, whole(5_000), dollars(5_000 * ETHER_PRICE)),
        (BTC, bitcoins(200), dollars(200 * BITCOIN_PRICE)),
        (USDB, dollars(10_000_000), dollars(10_000_000)),
    ];
    for (token, amount, dollars) in pairs {
        let create = ConstantProductFactory::createPoolCall { tokenA: token, tokenB: USD };
        script.call_with_gas(PAIR_FACTORY, &create, POOL_GAS)?;
        fill(script, token, [0, 0], [amount, dollars], deadline)?;
    }
    let sharded = [
        (WETH, WETH_USD_SHARDED, whole(1_250), dollars(1_250 * ETHER_PRICE)),
        (BTC, BTC_USD_SHARDED, bitcoins(50), dollars(50 * BITCOIN_PRICE)),
    ];
    for (token, pool, amount, dollars) in sharded {
        let shard_count = U256::from(SHARDS);
        let create = ShardedPoolFactory::createPoolCall {
            tokenA: token,
            tokenB: USD,
            shardCount: shard_count,
        };
        script.call_with_gas(SHARDED_FACTORY, &create, POOL_GAS)?;
        for _ in 0..SHARDS / SHARDS_AT_ONCE {
            let shards = ShardedPool::createShardsCall { most: U256::from(SHARDS_AT_ONCE) };
            script.call_with_gas(pool, &shards, POOL_GAS)?;
        }
        for shard in 0..SHARDS {
            fill(script, token, [SHARDS, shard], [amount, dollars], deadline)?;
        }
    }
    for range in ranges() {
        open_range(script, &range, deadline)?;
    }
    Ok(())
}

fn ranges() -> [Range; 3] {
    [
        Range {
            token: WETH,
            amount: whole(10_000),
            dollars: dollars(10_000 * ETHER_PRICE),
            fee: 3_000,
            middle: -200_280,
            reach: 7_020,
        },
        Range {
            token: BTC,
            amount: bitcoins(400),
            dollars: dollars(400 * BITCOIN_PRICE),
            fee: 3_000,
            middle: 63_960,
            reach: 7_020,
        },
        Range {
            token: USDB,
            amount: dollars(20_000_000),
            dollars: dollars(20_000_000),
            fee: 100,
            middle: 0,
            reach: 100,
        },
    ]
}

/// Adds liquidity to a constant-product pool, or to a shard: `place` is how many shards the pool has,
/// and which it is.
fn fill(
    script: &mut Script,
    token: Address,
    place: [u64; 2],
    amounts: [U256; 2],
    deadline: U256,
) -> Result<(), DeploymentError> {
    let [shard_count, shard] = place.map(U256::from);
    let order = Router::AddLiquidity {
        key: Router::PoolKey { tokenA: token, tokenB: USD, shardCount: shard_count, shard },
        amountADesired: amounts[0],
        amountBDesired: amounts[1],
        amountAMin: amounts[0],
        amountBMin: amounts[1],
        recipient: TIMELOCK,
        deadline,
    };
    script.call(ROUTER, &Router::addLiquidityCall { order })
}

/// Makes a concentrated pool at the price that the amounts have, and a position around it.
fn open_range(script: &mut Script, range: &Range, deadline: U256) -> Result<(), DeploymentError> {
    let fee = U24::from(range.fee);
    let create = ConcentratedFactory::createAndInitializePoolCall {
        tokenA: range.token,
        tokenB: USD,
        fee,
        sqrtPriceX96: square_root_price(range.amount, range.dollars),
    };
    script.call_with_gas(CONCENTRATED_FACTORY, &create, POOL_GAS)?;
    let tick = |tick: i32| I24::unchecked_from(tick);
    let params = ConcentratedPositions::MintParams {
        token0: range.token,
        token1: USD,
        fee,
        tickLower: tick(range.middle - range.reach),
        tickUpper: tick(range.middle + range.reach),
        amount0Desired: range.amount,
        amount1Desired: range.dollars,
        amount0Min: U256::ZERO,
        amount1Min: U256::ZERO,
        recipient: TIMELOCK,
        deadline,
        salt: B256::ZERO,
    };
    script.call_with_gas(POSITIONS, &ConcentratedPositions::mintCall { params }, 1_000_000)
}

/// The square root of the price of the first token in the second, with 96 binary digits after the
/// point, rounded down.
fn square_root_price(amount0: U256, amount1: U256) -> U160 {
    let ratio: U512 = (U512::from(amount1) << 192) / U512::from(amount0);
    // Amounts of ours are below 2^96, so the root has fewer than 96 + 48 bits.
    ratio.root(2).to::<U160>()
}

/// Has the constant-product pools observed for mean prices.
pub(super) fn observe(script: &mut Script) -> Result<(), DeploymentError> {
    for pool in [WETH_USD_PAIR, BTC_USD_PAIR, USDB_USD_PAIR] {
        script.call(TWAP, &TwapOracle::observeCall { pool })?;
    }
    Ok(())
}
