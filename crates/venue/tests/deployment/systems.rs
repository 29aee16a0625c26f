//! What each system answers in the end.

use crate::chain::{CHAIN_ID, Chain, END, accounts, deployed};
use alloy_primitives::{
    Address, U256,
    aliases::{I192, U48},
    uint,
};
use heddle_venue::{
    Keys,
    addresses::{
        BTC, BTC_BACKSTOP, BTC_USD, BTC_USD_CONCENTRATED, BTC_USD_PAIR, BTC_USD_SHARDED, ETH_USD,
        FARM, GOVERNOR, INSTALLER, INSURANCE_FUND, LENDING_POOL, LIQUID_STAKING, LOCKED_STAKING,
        RAINFALL, RAINFALL_INSURANCE, TIMELOCK, TWAP, USD, USD_BACKSTOP, USD_USD, USDB,
        USDB_BACKSTOP, USDB_USD, USDB_USD_CONCENTRATED, USDB_USD_PAIR, VALIDATOR_STAKING, VENUE,
        WETH, WETH_BACKSTOP, WETH_USD_CONCENTRATED, WETH_USD_PAIR, WETH_USD_SHARDED,
    },
    contracts::{
        backstop::Backstop, concentrated_pool::ConcentratedPool,
        constant_product_pool::ConstantProductPool, faucet_token::FaucetToken,
        lending_pool::LendingPool, liquid_staking_vault::LiquidStakingVault,
        locked_staking::LockedStaking, price_feed::PriceFeed,
        rainfall_insurance::RainfallInsurance, reward_farm::RewardFarm, sharded_pool::ShardedPool,
        twap_oracle::TwapOracle, validator_staking::ValidatorStaking,
        venue_governor::VenueGovernor, venue_token::VenueToken,
    },
    observation::{self, Observation},
};

const ETHER: U256 = uint!(1_000_000_000_000_000_000_U256);

const PRICES: [(Address, i64); 4] = [
    (ETH_USD, 200_000_000_000),
    (BTC_USD, 6_000_000_000_000),
    (USD_USD, 100_000_000),
    (USDB_USD, 100_000_000),
];

fn balance(chain: &mut Chain, token: Address, account: Address) -> U256 {
    chain.ask(token, &FaucetToken::balanceOfCall { account })
}

#[test]
fn feeds_answer_and_go_stale_after_a_day() {
    let mut chain = deployed();
    for (feed, price) in PRICES {
        let answer = chain.ask(feed, &PriceFeed::latestRoundDataCall {});
        assert_eq!(answer._1.as_i64(), price);
        assert_eq!(chain.ask(feed, &PriceFeed::decimalsCall {}), 8);
    }
    for feed in PRICES.map(|(feed, _)| feed).into_iter().chain([RAINFALL]) {
        assert!(chain.ask(feed, &PriceFeed::isWholeCall {}));
        assert!(!chain.ask(feed, &PriceFeed::isStaleCall {}));
    }
    chain.set_time(END + 86_400);
    assert!(chain.ask(ETH_USD, &PriceFeed::isStaleCall {}));
}

#[test]
fn three_of_the_reporters_move_a_price_and_two_do_not() {
    let mut chain = deployed();
    let keys = Keys::development().unwrap();
    chain.set_time(END + 5);
    let mut submit = |seats: &[u8]| {
        let observation = Observation {
            round: 2,
            attempt: 7,
            value: I192::unchecked_from(210_000_000_000_i64),
            observedAt: U48::from(END + 4),
        };
        let sign = |seat: &u8| {
            let key = &keys.reporters[usize::from(*seat)];
            observation::sign(key, *seat, &observation, ETH_USD, CHAIN_ID).unwrap()
        };
        let observations = seats.iter().map(sign).collect();
        let submit = PriceFeed::submitCall { round: 2, attempt: 7, observations };
        chain.may(Address::repeat_byte(3), ETH_USD, &submit)
    };
    assert!(submit(&[0, 1, 3]));
    assert!(submit(&[3, 2, 1, 0]));
    assert!(!submit(&[0, 1]));
    assert!(!submit(&[0, 0, 1]));
}

#[test]
fn pools_are_full_at_the_prices_of_the_feeds() {
    let mut chain = deployed();
    // Units of the token that one dollar, 1,000,000 units, buys.
    let prices = [(WETH, 500_000_000_000_000_u128), (BTC, 1_667), (USDB, 1_000_000)];
    let pairs = [WETH_USD_PAIR, BTC_USD_PAIR, USDB_USD_PAIR];
    for ((token, price), pool) in prices.into_iter().zip(pairs) {
        let first = chain.ask(pool, &ConstantProductPool::token0Call {});
        // All tokens sort before vUSD.
        assert_eq!(first, token);
        let reserves = chain.ask(pool, &ConstantProductPool::getReservesCall {});
        let (tokens, dollars) = (reserves._0.to::<u128>(), reserves._1.to::<u128>());
        assert!(dollars >= 10_000_000_000_000);
        let found = tokens * 1_000_000 / dollars;
        assert!(found.abs_diff(price) <= 1, "{found} {price}");
        let consult =
            TwapOracle::consultCall { pool, tokenIn: USD, amountIn: U256::from(1_000_000) };
        let mean = chain.ask(TWAP, &consult).to::<u128>();
        assert!(mean.abs_diff(price) <= price / 1_000 + 1, "{mean} {price}");
    }
    for pool in [WETH_USD_SHARDED, BTC_USD_SHARDED] {
        assert_eq!(chain.ask(pool, &ShardedPool::createdCountCall {}), U256::from(8));
        for index in 0..8 {
            let index = U256::from(index);
            let shard = chain.ask(pool, &ShardedPool::shardAtCall { index });
            let reserves = chain.ask(shard, &ConstantProductPool::getReservesCall {});
            assert!(!reserves._0.is_zero() && !reserves._1.is_zero());
        }
    }
}

#[test]
fn positions_are_around_the_first_price() {
    let mut chain = deployed();
    let pools = [
        (WETH_USD_CONCENTRATED, WETH, -200_280, 60),
        (BTC_USD_CONCENTRATED, BTC, 63_960, 60),
        (USDB_USD_CONCENTRATED, USDB, 0, 1),
    ];
    for (pool, token, middle, spacing) in pools {
        let tick = chain.ask(pool, &ConcentratedPool::slot0Call {}).tick.as_i32();
        assert!((tick - middle).abs() <= spacing, "{tick}");
        assert!(chain.ask(pool, &ConcentratedPool::liquidityCall {}) > 0);
        // More than nine tenths of what was meant for it is in it.
        let has = balance(&mut chain, USD, pool);
        assert!(has > U256::from(18_000_000_000_000_u64), "{has}");
        assert!(!balance(&mut chain, token, pool).is_zero());
    }
}

#[test]
fn the_market_lends_at_the_prices_of_the_feeds() {
    let mut chain = deployed();
    assert_eq!(chain.ask(LENDING_POOL, &LendingPool::SHARDSCall {}), U256::from(16));
    assert_eq!(chain.ask(LENDING_POOL, &LendingPool::reserveCountCall {}), U256::from(4));
    let reserves = [
        (WETH, WETH_BACKSTOP, PRICES[0].1),
        (BTC, BTC_BACKSTOP, PRICES[1].1),
        (USD, USD_BACKSTOP, PRICES[2].1),
        (USDB, USDB_BACKSTOP, PRICES[3].1),
    ];
    for (asset, backstop, price) in reserves {
        let state = chain.ask(LENDING_POOL, &LendingPool::reserveStateCall { asset });
        // 8 decimals to 18.
        assert_eq!(state.price, U256::from(price) * U256::from(10_000_000_000_u64));
        // Usable.
        assert_eq!(state.priceStatus, 0);
        assert!(!state.cash.is_zero() && !state.borrowRoom.is_zero());
        assert!(!chain.ask(backstop, &Backstop::totalAssetsCall {}).is_zero());
        assert!(!balance(&mut chain, asset, INSURANCE_FUND).is_zero());
        let supply = LendingPool::supplyOfCall { account: TIMELOCK, asset };
        assert!(!chain.ask(LENDING_POOL, &supply).is_zero());
    }
    let nobody = Address::repeat_byte(9);
    let health = chain.ask(LENDING_POOL, &LendingPool::healthFactorCall { account: nobody });
    assert_eq!(health, U256::MAX);
    assert!(chain.ask(LENDING_POOL, &LendingPool::termsCall {}).launched);
}

#[test]
fn stakers_earn_and_the_insurance_is_on_sale() {
    let mut chain = deployed();
    let progress = chain.ask(FARM, &RewardFarm::progressCall {});
    assert_eq!((progress.count, progress.remaining), (U256::ONE, U256::from(90 * 86_400)));
    assert_eq!(chain.ask(LOCKED_STAKING, &LockedStaking::listTermsCall {}).len(), 4);
    assert!(!chain.ask(LIQUID_STAKING, &LiquidStakingVault::totalAssetsCall {}).is_zero());
    let rewards = chain.ask(VALIDATOR_STAKING, &ValidatorStaking::rewardsCall {});
    assert!(!rewards.waiting.is_zero());
    let available = RainfallInsurance::availableCall { series: U256::ZERO };
    assert_eq!(chain.ask(RAINFALL_INSURANCE, &available), U256::from(1_000));
}

#[test]
fn accounts_have_tokens_and_votes_and_the_rest_is_the_treasury() {
    let mut chain = deployed();
    for account in accounts(10) {
        for token in [WETH, USD, USDB, BTC, VENUE] {
            assert!(!balance(&mut chain, token, account).is_zero());
        }
    }
    for account in accounts(5) {
        let votes = chain.ask(VENUE, &VenueToken::getVotesCall { account });
        assert_eq!(votes, U256::from(8_000_000) * ETHER);
    }
    // One account reaches the quorum.
    let quorum = VenueGovernor::quorumCall { timepoint: U256::from(END - 1) };
    assert!(chain.ask(GOVERNOR, &quorum) < U256::from(8_000_000) * ETHER);
    assert!(balance(&mut chain, VENUE, TIMELOCK) >= U256::from(40_000_000) * ETHER);
    let left = balance(&mut chain, VENUE, INSTALLER);
    assert!(left.is_zero(), "{left}");
}
