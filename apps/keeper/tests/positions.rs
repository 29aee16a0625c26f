//! Many positions, and liquidations of any: what must hold whatever the numbers are.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

use alloy_primitives::{Address, U256};
use heddle_keeper::{
    auction::Pair,
    health::{self, health},
    math::{self, RAY, WAD},
    mirror::{Account, Mirror, Position, Terms},
    reserve::{Answer, Config, Market, Reserve},
};
use proptest::prelude::*;
use std::time::Instant;

const NOW: u64 = 1_800_000_000;

fn pool() -> Mirror {
    let reserve = |decimals, liquidation_threshold, price: u64| Reserve {
        config: Config {
            decimals,
            ltv: 7_500,
            liquidation_threshold,
            feed_decimals: 8,
            heartbeat: 3_600,
            reserve_factor: 1_000,
            discount_min: 100,
            discount_max: 1_000,
            ..Config::default()
        },
        supply_index: RAY + RAY / U256::from(7),
        debt_index: RAY + RAY / U256::from(3),
        rate_per_second: 1_585_489_599_188_229_325,
        synced_at: NOW - 1_000,
        price: U256::from(price) * WAD,
        ..Reserve::default()
    };
    let terms = Terms {
        target_health: WAD * U256::from(105) / U256::from(100),
        value_min: WAD * U256::from(100),
        auction_duration: 1_800,
        kept_share: 1_000,
        ..Terms::default()
    };
    let reserves = vec![reserve(18, 8_300, 2_000), reserve(6, 8_000, 1)];
    Mirror { reserves, terms, ..Mirror::default() }
}

fn markets(mirror: &Mirror, dollars: i64) -> Vec<Market> {
    let answers = [dollars, 1].map(|price| Answer {
        value: alloy_primitives::I256::try_from(price * 100_000_000).unwrap(),
        updated_at: U256::from(NOW),
        is_complete: true,
    });
    let markets = mirror.reserves.iter().zip(&answers);
    markets.map(|(reserve, answer)| reserve.market(Some(answer), 0, NOW).unwrap()).collect()
}

fn account(supply: u128, debt: u128) -> Account {
    let positions = vec![(0, Position { supply, debt: 0 }), (1, Position { supply: 0, debt })];
    Account { collateral: 1, flagged_at: 0, positions }
}

proptest! {
    #[test]
    fn a_liquidation_leads_to_the_target_or_says_why_not(
        supply in 1_u128..10_u128.pow(24),
        ratio in 1_u128..2_000,
        discount in 100_u64..1_000,
        limit in proptest::option::of(1_u64..10_u64.pow(12)),
    ) {
        let mirror = pool();
        let markets = markets(&mirror, 1_700);
        // A part of what the collateral is worth, in 1e-6 dollars.
        let debt = supply.saturating_mul(1_700) / 10_u128.pow(12) * ratio / 1_000 + 1;
        let before = account(supply, debt);
        let health_before = health(&before, &markets).unwrap();
        prop_assume!(health_before.is_under());
        let pair = Pair::new(&mirror, &markets, (&before, &health_before), (1, 0)).unwrap();
        let most = limit.map_or(U256::MAX, U256::from);
        let Some(size) = pair.size(discount, most) else {
            // The pool refuses just what a limit would leave as dust.
            prop_assert!(limit.is_some());
            return Ok(());
        };
        prop_assert!(size.repaid <= pair.owed && size.repaid <= most);
        prop_assert!(size.seized <= pair.pledged && size.kept <= size.seized);

        // What the contract books: debts are rounded up, claims down.
        let less = |scaled: u128, amount: U256, index: U256, all: U256, up: bool| {
            if amount == all { return 0; }
            let by = if up { math::mul_div_up(amount, RAY, index) } else { math::mul_div_down(amount, RAY, index) };
            scaled - u128::try_from(by.unwrap()).unwrap()
        };
        let after = account(
            less(supply, size.seized, markets[0].supply_index, pair.pledged, true),
            less(debt, size.repaid, markets[1].debt_index, pair.owed, false),
        );
        let health_after = health(&after, &markets).unwrap();
        let is_whole = size.repaid == pair.owed || size.seized == pair.pledged;
        if !is_whole && !size.is_limited {
            let target = mirror.terms.target_health;
            // A unit of each asset, and a scaled one.
            let error = U256::from(4) * WAD / (health_after.debt / U256::from(10_u64.pow(12))).max(U256::ONE);
            prop_assert!(health_after.factor() + error >= target, "{}", health_after.factor());
            prop_assert!(health_after.factor() <= target + error, "{}", health_after.factor());
            prop_assert!(health_after.debt >= mirror.terms.value_min / U256::from(2));
        }
        if size.is_limited {
            prop_assert_eq!(size.repaid, most);
        }
    }

    #[test]
    fn more_discount_never_gives_less_for_what_is_repaid(
        supply in 10_u128.pow(18)..10_u128.pow(24),
        ratio in 600_u128..1_000,
        discounts in (100_u64..1_000, 100_u64..1_000),
    ) {
        let mirror = pool();
        let markets = markets(&mirror, 1_700);
        let debt = supply * 1_700 / 10_u128.pow(12) * ratio / 1_000 + 1;
        let account = account(supply, debt);
        let health = health(&account, &markets).unwrap();
        prop_assume!(health.is_under());
        let pair = Pair::new(&mirror, &markets, (&account, &health), (1, 0)).unwrap();
        let repaid = U256::from(1_000_000);
        let given = |discount: u64| pair.size(discount, repaid).map(|size| size.received());
        let (low, high) = (discounts.0.min(discounts.1), discounts.0.max(discounts.1));
        if let (Some(less), Some(more)) = (given(low), given(high)) {
            prop_assert!(less <= more);
        }
    }
}

proptest! {
    /// Also for those that are as near to 1 as numbers allow, and for the smallest.
    #[test]
    fn those_under_one_are_found_by_the_exact_health_alone(
        supplies in proptest::collection::vec(1_u128..10_u128.pow(26), 1..20),
        shift in 0_u32..80,
        off in -3_i64..4,
        dollars in 1_i64..100_000,
    ) {
        let mut mirror = pool();
        let markets = markets(&mirror, dollars);
        for (number, supply) in supplies.into_iter().enumerate() {
            let address = Address::left_padding_from(&(number as u64).to_be_bytes());
            let supply = (supply >> shift).max(1);
            // The debt that makes just 1, and a few units more or less.
            let threshold = health(&account(supply, 0), &markets).unwrap().threshold;
            let owed = threshold / U256::from(10_u64.pow(12)) * RAY / markets[1].debt_index;
            let debt = u128::try_from(owed).unwrap().saturating_add_signed(off.into());
            mirror.accounts.insert(address, account(supply, debt));
        }
        let exact = mirror.accounts.iter().filter_map(|(address, account)| {
            let health = health(account, &markets).unwrap();
            health.is_under().then_some((*address, health))
        });
        prop_assert_eq!(health::under_one(&mirror, &markets), exact.collect::<Vec<_>>());
    }
}

#[test]
fn twenty_thousand_positions_are_judged_in_some_milliseconds() {
    let mut mirror = pool();
    for number in 0..20_000_u64 {
        let address = Address::left_padding_from(&number.to_be_bytes());
        let debt = 10_u128.pow(9) + u128::from(number) * 12_000;
        mirror.accounts.insert(address, account(10_u128.pow(18), debt));
    }
    let markets = markets(&mirror, 1_700);
    let mut best = u128::MAX;
    let mut count = 0;
    for _ in 0..50 {
        let begin = Instant::now();
        count = health::under_one(&mirror, &markets).len();
        best = best.min(begin.elapsed().as_micros());
    }
    println!("20,000 positions, {count} under 1: {best} µs");
    assert!((1..20_000).contains(&count));
    // Ten times what it takes, for machines that have other work.
    assert!(best < 100_000, "{best} µs");
}
