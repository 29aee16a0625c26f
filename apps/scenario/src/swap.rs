//! A pool of the constant product (`contracts/src/exchange/ConstantProductPool.sol`), and who trades
//! in it: sellers, and arbitrageurs who pull its price to that of the world outside.

use crate::math::WAD;
use alloy_primitives::U256;

const FEE_BASE: u64 = 1000;
const FEE_COUNTED: u64 = 997;

/// What a pool holds, in units of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserves {
    /// Of the collateral.
    pub collateral: U256,
    /// Of the dollar.
    pub dollars: U256,
}

impl Reserves {
    /// What selling collateral brings, rounded down as the pool does.
    pub fn quote_sale(&self, amount: U256) -> U256 {
        out(self.collateral, self.dollars, amount)
    }

    /// Sells collateral.
    pub fn sell(&mut self, amount: U256) -> U256 {
        let got = self.quote_sale(amount);
        self.collateral += amount;
        self.dollars -= got;
        got
    }

    /// Buys collateral for so many dollars.
    pub fn buy(&mut self, amount: U256) -> U256 {
        let got = out(self.dollars, self.collateral, amount);
        self.dollars += amount;
        self.collateral -= got;
        got
    }

    /// Dollars of a whole collateral token of `unit` units, at the margin, in WAD.
    pub fn price(&self, unit: U256, dollar: U256) -> U256 {
        if self.collateral.is_zero() {
            return U256::ZERO;
        }
        self.dollars * unit / dollar * WAD / self.collateral
    }

    /// What an arbitrageur does who sees another price outside, has so many dollars for it, and pays
    /// the pool's fee: how much of which token goes in.
    pub fn arbitrage(&self, outside: f64, budget: U256, units: (f64, f64)) -> Option<Trade> {
        let (x, y) = (float(self.collateral) / units.0, float(self.dollars) / units.1);
        let fee = FEE_COUNTED as f64 / FEE_BASE as f64;
        let budget = float(budget) / units.1;
        if y / x < outside * fee {
            // Until the marginal price after fees is that outside.
            let amount = ((x * y * outside * fee).sqrt() - y).min(budget);
            return (amount > 1.0).then(|| Trade::Buy(units_of(amount, units.1)));
        }
        if y / x > outside / fee {
            let amount = ((x * y * fee / outside).sqrt() - x).min(budget / outside);
            return (amount * outside > 1.0).then(|| Trade::Sell(units_of(amount, units.0)));
        }
        None
    }
}

/// What goes into a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trade {
    /// So many units of dollars, for collateral.
    Buy(U256),
    /// So many units of collateral, for dollars.
    Sell(U256),
}

fn out(reserve_in: U256, reserve_out: U256, amount: U256) -> U256 {
    let counted = amount * U256::from(FEE_COUNTED);
    reserve_out * counted / (reserve_in * U256::from(FEE_BASE) + counted)
}

/// For decisions, not for books.
pub fn float(number: U256) -> f64 {
    f64::from(number)
}

/// Whole tokens as units, rounded down.
pub fn units_of(whole: f64, unit: f64) -> U256 {
    U256::from((whole * unit).max(0.0) as u128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNITS: (f64, f64) = (1e18, 1e6);

    fn pool(x: f64, y: f64) -> Reserves {
        Reserves { collateral: units_of(x, 1e18), dollars: units_of(y, 1e6) }
    }

    proptest! {
        #[test]
        fn the_product_never_falls(x in 1.0..1e6, y in 1.0..1e9, part in 1e-6..0.5) {
            let mut reserves = pool(x, y);
            let before = reserves.collateral * reserves.dollars;
            reserves.sell(units_of(x * part, 1e18));
            prop_assert!(reserves.collateral * reserves.dollars >= before);
            reserves.buy(units_of(y * part, 1e6));
            prop_assert!(reserves.collateral * reserves.dollars >= before);
        }

        #[test]
        fn arbitrage_ends_within_the_fee(price in 100.0..5_000.0) {
            let mut reserves = pool(10_000.0, 2e7);
            match reserves.arbitrage(price, U256::MAX, UNITS) {
                Some(Trade::Buy(amount)) => drop(reserves.buy(amount)),
                Some(Trade::Sell(amount)) => drop(reserves.sell(amount)),
                None => {}
            }
            let after = float(reserves.dollars) * 1e12 / float(reserves.collateral);
            // The fee stays in the pool, and moves the price by as much again at most.
            prop_assert!((after / price - 1.0).abs() < 0.0065, "{after} for {price}");
            prop_assert_eq!(reserves.arbitrage(after, U256::MAX, UNITS), None);
        }
    }

    #[test]
    fn arbitrage_keeps_to_its_budget() {
        let reserves = pool(10_000.0, 2e7);
        let budget = units_of(5_000.0, 1e6);
        assert_eq!(reserves.arbitrage(4_000.0, budget, UNITS), Some(Trade::Buy(budget)));
    }
}
