//! The arithmetic of `contracts/src/lending/libraries`, to the last bit: what is rounded down there
//! is rounded down here.

use alloy_primitives::{U256, U512, uint};

/// One, of prices, values and health.
pub const WAD: U256 = uint!(1_000_000_000_000_000_000_U256);
/// One, of indexes.
pub const RAY: U256 = uint!(1_000_000_000_000_000_000_000_000_000_U256);
/// One, of discounts and thresholds.
pub const BPS: U256 = uint!(10_000_U256);

/// `a * b / c`, rounded down. What does not fit is the largest number, where the contract reverts.
pub fn mul_div_down(a: U256, b: U256, c: U256) -> U256 {
    if let Some(product) = a.checked_mul(b) {
        return product.checked_div(c).unwrap_or(U256::MAX);
    }
    wide(a, b, c).0
}

/// `a * b / c`, rounded up.
pub fn mul_div_up(a: U256, b: U256, c: U256) -> U256 {
    if let Some(product) = a.checked_mul(b) {
        if c.is_zero() {
            return U256::MAX;
        }
        let (quotient, rest) = product.div_rem(c);
        return if rest.is_zero() { quotient } else { quotient + U256::ONE };
    }
    let (quotient, is_exact) = wide(a, b, c);
    if is_exact { quotient } else { quotient.saturating_add(U256::ONE) }
}

fn wide(a: U256, b: U256, c: U256) -> (U256, bool) {
    if c.is_zero() {
        return (U256::MAX, true);
    }
    let product = a.widening_mul::<256, 4, 512, 8>(b);
    let (quotient, rest) = product.div_rem(U512::from(c));
    (U256::saturating_from(quotient), rest.is_zero())
}

/// Ten to the power of the decimals of a token.
pub fn units(decimals: u8) -> U256 {
    U256::from(10).pow(U256::from(decimals))
}

/// What a scaled balance is worth in units of the token, rounded down.
pub fn amount_down(scaled: U256, index: U256) -> U256 {
    mul_div_down(scaled, index, RAY)
}

/// The same, rounded up.
pub fn amount_up(scaled: U256, index: U256) -> U256 {
    mul_div_up(scaled, index, RAY)
}

/// Health in WAD, rounded down; the largest number where nothing is owed.
pub fn health(threshold: U256, debt: U256) -> U256 {
    if debt.is_zero() || threshold / debt >= U256::MAX / WAD {
        return U256::MAX;
    }
    mul_div_down(threshold, WAD, debt)
}

/// Value of the debt to repay so that the health becomes `target`, rounded up; the largest number
/// where repaying does not get there.
pub fn repay_to_target(
    threshold: U256,
    debt: U256,
    discount: U256,
    liquidation_threshold: U256,
    target: U256,
) -> U256 {
    // In WAD: 1e18 / (1e4 * 1e4) = 1e10.
    let lost = (BPS + discount) * liquidation_threshold * U256::from(10_000_000_000_u64);
    if lost >= target {
        return U256::MAX;
    }
    let missing = mul_div_up(debt, target, WAD).saturating_sub(threshold);
    mul_div_up(missing, WAD, target - lost)
}

/// What a discount has grown to, in basis points.
pub fn discount_at(least: u64, most: u64, elapsed: u64, duration: u64) -> u64 {
    if elapsed >= duration { most } else { least + (most - least) * elapsed / duration }
}

/// By how much a debt of 1 grows, in RAY, rounded down.
pub fn growth(rate_per_second: U256, elapsed: u64) -> U256 {
    let x = rate_per_second * U256::from(elapsed);
    let square = mul_div_down(x, x, RAY);
    let cube = mul_div_down(square, x, RAY);
    x + square / U256::from(2) + cube / U256::from(6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = U256> {
        (any::<[u64; 4]>(), 0_usize..256)
            .prop_map(|(limbs, shift)| U256::from_limbs(limbs) >> shift)
    }

    proptest! {
        #[test]
        fn quotients_are_the_exact_ones(a in number(), b in number(), c in number()) {
            prop_assume!(!c.is_zero());
            let exact = U512::from(a) * U512::from(b);
            let down = mul_div_down(a, b, c);
            prop_assume!(down < U256::MAX);
            prop_assert!(U512::from(down) * U512::from(c) <= exact);
            prop_assert!(U512::from(down) * U512::from(c) + U512::from(c) > exact);
            let up = mul_div_up(a, b, c);
            prop_assert!(U512::from(up) * U512::from(c) >= exact);
            prop_assert!(up - down <= U256::ONE);
        }

        #[test]
        fn a_repayment_leads_to_the_target(
            debt in 1_000_u64..1_000_000_000, percent in 60_u64..100, discount in 0_u64..2_000,
        ) {
            let debt = U256::from(debt) * WAD;
            let threshold = debt * U256::from(percent) / U256::from(100);
            let lt = U256::from(8_000);
            let target = WAD * U256::from(105) / U256::from(100);
            let repay = repay_to_target(threshold, debt, U256::from(discount), lt, target);
            prop_assume!(repay < debt);
            let lost = repay * (BPS + U256::from(discount)) * lt / (BPS * BPS);
            let after = health(threshold.saturating_sub(lost), debt - repay);
            prop_assume!(lost < threshold);
            prop_assert!(after >= target - U256::from(1_000), "{after}");
        }
    }
}
