//! Amounts, values and interest, as `LendingMath`, `InterestRate` and the parts of `LendingCore` count
//! them: to the unit, with their roundings. `None` is where the contract would revert.

use alloy_primitives::{U256, U512, uint};

/// One, of health, prices and values.
pub const WAD: U256 = uint!(1_000_000_000_000_000_000_U256);
/// One, of indexes and of rates for a second.
pub const RAY: U256 = uint!(1_000_000_000_000_000_000_000_000_000_U256);
/// One, in basis points.
pub const BPS: u64 = 10_000;

/// `a * b / divisor`, rounded down.
pub fn mul_div_down(a: U256, b: U256, divisor: U256) -> Option<U256> {
    if divisor.is_zero() {
        return None;
    }
    if let Some(product) = a.checked_mul(b) {
        return Some(product / divisor);
    }
    let quotient = a.widening_mul::<256, 4, 512, 8>(b) / U512::from(divisor);
    U256::checked_from_limbs_slice(quotient.as_limbs())
}

/// `a * b / divisor`, rounded up.
pub fn mul_div_up(a: U256, b: U256, divisor: U256) -> Option<U256> {
    if divisor.is_zero() {
        return None;
    }
    if let Some(product) = a.checked_mul(b) {
        return Some(product.div_ceil(divisor));
    }
    let quotient = a.widening_mul::<256, 4, 512, 8>(b).div_ceil(U512::from(divisor));
    U256::checked_from_limbs_slice(quotient.as_limbs())
}

/// The amount of a scaled balance at an index in RAY, rounded down: a claim.
pub fn amount_down(scaled: u128, index: U256) -> Option<U256> {
    mul_div_down(U256::from(scaled), index, RAY)
}

/// The amount of a scaled balance at an index in RAY, rounded up: a debt.
pub fn amount_up(scaled: u128, index: U256) -> Option<U256> {
    mul_div_up(U256::from(scaled), index, RAY)
}

/// Value in WAD of an amount at a price in WAD of a whole token, of `unit` smallest parts, rounded down.
pub fn value_down(amount: U256, price: U256, unit: U256) -> Option<U256> {
    mul_div_down(amount, price, unit)
}

/// As [`value_down`], rounded up.
pub fn value_up(amount: U256, price: U256, unit: U256) -> Option<U256> {
    mul_div_up(amount, price, unit)
}

/// The amount that a value buys, rounded down.
pub fn bought_down(value: U256, price: U256, unit: U256) -> Option<U256> {
    mul_div_down(value, unit, price)
}

/// The amount that a value buys, rounded up.
pub fn bought_up(value: U256, price: U256, unit: U256) -> Option<U256> {
    mul_div_up(value, unit, price)
}

/// Part of a value in basis points, rounded down.
pub fn part(value: U256, basis_points: u64) -> Option<U256> {
    value.checked_mul(U256::from(basis_points)).map(|product| product / U256::from(BPS))
}

/// Health in WAD, rounded down; the largest number where nothing is owed.
pub fn health_factor(threshold: U256, debt: U256) -> Option<U256> {
    if debt.is_zero() || threshold / debt >= U256::MAX / WAD {
        return Some(U256::MAX);
    }
    mul_div_down(threshold, WAD, debt)
}

/// By how much a debt of 1 grows, in RAY, rounded down: three terms of the series of e^x - 1.
pub fn growth(rate_per_second: u128, elapsed: u64) -> Option<U256> {
    let x = U256::from(rate_per_second).checked_mul(U256::from(elapsed))?;
    let square = mul_div_down(x, x, RAY)?;
    let cube = mul_div_down(square, x, RAY)?;
    x.checked_add(square / U256::from(2))?.checked_add(cube / U256::from(6))
}

/// Indexes of supply and debt after interest of `elapsed` seconds, as `LendingCore._accrue` has them.
pub fn accrue(
    (supply_index, debt_index): (U256, U256),
    (scaled_supply, scaled_debt): (U256, U256),
    reserve_factor: u64,
    growth: U256,
) -> Option<(U256, U256)> {
    if scaled_debt.is_zero() {
        return Some((supply_index, debt_index));
    }
    let grown = debt_index.checked_add(mul_div_up(debt_index, growth, RAY)?)?;
    // Interest ends rather than that the reserve is stuck.
    if grown > U256::from(u128::MAX) {
        return Some((supply_index, debt_index));
    }
    let supply = mul_div_up(scaled_supply, supply_index, RAY)?;
    if supply.is_zero() {
        return Some((supply_index, grown));
    }
    let earning = mul_div_down(scaled_debt, debt_index, RAY)?.min(supply);
    let kept = U256::from(BPS.checked_sub(reserve_factor)?);
    let supply_growth =
        mul_div_down(growth, earning.checked_mul(kept)?, supply.checked_mul(U256::from(BPS))?)?;
    let added = mul_div_down(supply_index, supply_growth, RAY)?;
    Some((supply_index.checked_add(added)?, grown))
}

/// Value of the debt to repay so that the health becomes `target`, rounded up; the largest number where
/// repaying does not get there. `discount` and `liquidation_threshold` in basis points.
pub fn repay_to_target(
    threshold: U256,
    debt: U256,
    discount: u64,
    liquidation_threshold: u64,
    target: U256,
) -> Option<U256> {
    let lost = U256::from(BPS.checked_add(discount)?)
        .checked_mul(U256::from(liquidation_threshold))?
        .checked_mul(U256::from(10_000_000_000_u64))?;
    if lost >= target {
        return Some(U256::MAX);
    }
    let missing = mul_div_up(debt, target, WAD)?.saturating_sub(threshold);
    mul_div_up(missing, WAD, target - lost)
}

/// What a discount has grown to after `elapsed` of `duration` seconds, in basis points.
pub fn discount_at(least: u64, most: u64, elapsed: u64, duration: u64) -> u64 {
    if elapsed >= duration {
        return most;
    }
    // At most 16 bits times 32.
    least + most.saturating_sub(least).saturating_mul(elapsed) / duration
}

/// How many smallest parts a whole token has.
pub fn unit(decimals: u8) -> U256 {
    U256::from(10).pow(U256::from(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(bits: usize) -> impl Strategy<Value = U256> {
        (any::<[u8; 32]>(), 0..=bits).prop_map(|(bytes, bits)| {
            let value = U256::from_be_bytes(bytes);
            if bits == 0 { U256::ZERO } else { value >> (256 - bits) }
        })
    }

    proptest! {
        #[test]
        fn quotients_are_those_of_512_bits(a in number(256), b in number(256), d in number(256)) {
            let expected = |up: bool| {
                if d.is_zero() { return None; }
                let product = a.widening_mul::<256, 4, 512, 8>(b);
                let d = U512::from(d);
                let more = up && !(product % d).is_zero();
                U256::checked_from_limbs_slice((product / d + U512::from(u8::from(more))).as_limbs())
            };
            prop_assert_eq!(mul_div_down(a, b, d), expected(false));
            prop_assert_eq!(mul_div_up(a, b, d), expected(true));
        }

        #[test]
        fn suppliers_never_get_more_than_debts_earn(
            scaled in (1_u128..1 << 100, 1_u128..1 << 100),
            indexes in (RAY.to::<u128>()..1 << 100, RAY.to::<u128>()..1 << 100),
            factor in 0_u64..5_000,
            rate in 0_u128..200_000_000_000_000_000_000,
            elapsed in 0_u64..40_000_000,
        ) {
            let scaled = (U256::from(scaled.0), U256::from(scaled.1));
            let before = (U256::from(indexes.0), U256::from(indexes.1));
            let growth = growth(rate, elapsed).unwrap();
            let after = accrue(before, scaled, factor, growth).unwrap();
            prop_assert!(after.0 >= before.0 && after.1 >= before.1);
            let claims = |index| mul_div_down(scaled.0, index, RAY).unwrap();
            let debts = |index| mul_div_up(scaled.1, index, RAY).unwrap();
            let (claimed, earned) = (claims(after.0) - claims(before.0), debts(after.1) - debts(before.1));
            // Rounding of each of the numbers compared.
            prop_assert!(claimed <= earned + U256::from(2), "{claimed} {earned}");
        }

        #[test]
        fn health_is_under_one_just_if_the_threshold_is_under_the_debt(
            threshold in number(200), debt in number(200),
        ) {
            prop_assert_eq!(health_factor(threshold, debt).unwrap() < WAD, threshold < debt);
        }

        #[test]
        fn repaying_the_computed_value_reaches_the_target(
            debt in 1_000_000_000_000_u128..1 << 90,
            ratio in 50_u128..100,
            discount in 0_u64..1_500,
            lt in 4_000_u64..8_500,
        ) {
            let (debt, target) = (U256::from(debt), WAD * U256::from(105) / U256::from(100));
            let threshold = debt * U256::from(ratio) / U256::from(100);
            let value = repay_to_target(threshold, debt, discount, lt, target).unwrap();
            prop_assume!(value <= debt);
            let lost = value * U256::from((BPS + discount) * lt) / U256::from(BPS * BPS);
            prop_assume!(lost < threshold);
            let after = health_factor(threshold - lost, debt - value).unwrap();
            prop_assert!(value == debt || after >= target - WAD / U256::from(1_000_000));
        }
    }

    #[test]
    fn the_discount_grows_to_its_most() {
        assert_eq!(discount_at(100, 800, 0, 600), 100);
        assert_eq!(discount_at(100, 800, 300, 600), 450);
        assert_eq!(discount_at(100, 800, 599, 600), 798);
        assert_eq!(discount_at(100, 800, 600, 600), 800);
        assert_eq!(discount_at(100, 800, 5, 0), 800);
    }
}
