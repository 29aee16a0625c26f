//! The arithmetic of the lending pool ([`heddle_venue::math`]). What does not fit is the largest number,
//! where the contract reverts: the numbers of a scenario are far from that.

use alloy_primitives::{U256, uint};
use heddle_venue::math;
pub use heddle_venue::math::{RAY, WAD, discount_at, unit as units};

/// One, of discounts and thresholds.
pub const BPS: U256 = uint!(10_000_U256);

/// `a * b / c`, rounded down.
pub fn mul_div_down(a: U256, b: U256, c: U256) -> U256 {
    math::mul_div_down(a, b, c).unwrap_or(U256::MAX)
}

/// `a * b / c`, rounded up.
pub fn mul_div_up(a: U256, b: U256, c: U256) -> U256 {
    math::mul_div_up(a, b, c).unwrap_or(U256::MAX)
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
    math::health_factor(threshold, debt).unwrap_or(U256::MAX)
}

/// Value of the debt to repay so that the health becomes `target`, rounded up; the largest number
/// where repaying does not get there. `discount` and `liquidation_threshold` in basis points.
pub fn repay_to_target(
    threshold: U256,
    debt: U256,
    discount: u64,
    liquidation_threshold: u64,
    target: U256,
) -> U256 {
    math::repay_to_target(threshold, debt, discount, liquidation_threshold, target)
        .unwrap_or(U256::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U512;
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
            let lt = 8_000_u64;
            let target = WAD * U256::from(105) / U256::from(100);
            let repay = repay_to_target(threshold, debt, discount, lt, target);
            prop_assume!(repay < debt);
            let lost = repay * (BPS + U256::from(discount)) * U256::from(lt) / (BPS * BPS);
            let after = health(threshold.saturating_sub(lost), debt - repay);
            prop_assume!(lost < threshold);
            prop_assert!(after >= target - U256::from(1_000), "{after}");
        }
    }
}
