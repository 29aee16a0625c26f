//! Who owes how much, drawn from a seed.

use crate::{
    file::Positions,
    random::Random,
    swap::{float, units_of},
};
use alloy_primitives::U256;

/// What somebody pledges and borrows at the beginning, in units of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Of the collateral.
    pub collateral: U256,
    /// Of the dollar.
    pub debt: U256,
}

/// Draws the openings; `price` is that of a whole collateral token in dollars, units are those of
/// collateral and dollar.
pub fn draw(positions: &Positions, price: f64, units: (f64, f64), seed: u64) -> Vec<Opening> {
    let mut random = Random::new(seed, "positions");
    let mut one = || {
        // The inverse of Pareto's distribution, cut at the largest debt.
        let tail = (1.0 - random.unit()).powf(-1.0 / positions.debt_shape);
        let debt = (positions.debt_min * tail).min(positions.debt_max);
        let ltv = random.between(positions.ltv_min, positions.ltv_max);
        // One unit more, so that rounding does not refuse the largest loan-to-value.
        let collateral = units_of(debt / ltv / price, units.0) + U256::ONE;
        Opening { collateral, debt: units_of(debt, units.1) }
    };
    (0..positions.count).map(|_| one()).collect()
}

/// What all owe, in units.
pub fn total_debt(openings: &[Opening]) -> U256 {
    openings.iter().map(|opening| opening.debt).sum()
}

/// Part of all debt that the largest hundredth owes.
pub fn concentration(openings: &[Opening]) -> f64 {
    let mut debts: Vec<U256> = openings.iter().map(|opening| opening.debt).collect();
    debts.sort_unstable_by(|a, b| b.cmp(a));
    let top: U256 = debts.iter().take(debts.len().div_ceil(100)).sum();
    float(top) / float(total_debt(openings)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_keep_to_their_bounds_and_follow_from_the_seed() {
        let positions = Positions {
            count: 20_000,
            debt_min: 1_500.0,
            debt_max: 5e6,
            debt_shape: 1.25,
            ltv_min: 0.45,
            ltv_max: 0.74,
        };
        let units = (1e18, 1e6);
        let openings = draw(&positions, 2_000.0, units, 5);
        assert_eq!(openings, draw(&positions, 2_000.0, units, 5));
        assert_ne!(openings, draw(&positions, 2_000.0, units, 6));
        for opening in &openings {
            let (debt, pledged) =
                (float(opening.debt) / 1e6, float(opening.collateral) / 1e18 * 2_000.0);
            assert!((1_499.9..=5e6).contains(&debt));
            assert!((0.4499..=0.7401).contains(&(debt / pledged)));
        }
        // Pareto's mean, of what is not cut.
        let mean = float(total_debt(&openings)) / 1e6 / 20_000.0;
        assert!((5_500.0..9_500.0).contains(&mean), "{mean}");
        assert!(concentration(&openings) > 0.25);
    }
}
