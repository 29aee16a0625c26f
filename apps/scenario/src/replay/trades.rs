//! Who trades in the pool besides liquidators.

use super::{GAS, Replay, ReplayError};
use crate::{
    accounts::Signed,
    book::{COLLATERAL, DOLLAR},
    market::UNITS,
    path::Prices,
    swap::{Reserves, Trade, units_of},
};
use alloy_primitives::{Address, U256};
use heddle_venue::contracts::router::Router;

impl Replay<'_> {
    /// Arbitrage, and trades for no reason.
    pub(super) fn trade(
        &mut self,
        pool: &mut Reserves,
        prices: &Prices,
        all: &mut Vec<Signed>,
    ) -> Result<(), ReplayError> {
        let exchange = &self.scenario.exchange;
        let minutes = self.scenario.time.block_seconds as f64 / 60.0;
        let expected = exchange.trades_per_minute * minutes;
        let chance = self.trades.unit();
        let count = expected.floor() as usize + usize::from(chance < expected.fract());
        for _ in 0..count {
            // Exponential sizes, either way.
            let size = -(1.0 - self.trades.unit()).ln() * exchange.trade;
            let is_sale = self.trades.unit() < 0.5;
            let trade = if is_sale {
                Trade::Sell(units_of(size / prices.outside, UNITS.0))
            } else {
                Trade::Buy(units_of(size, UNITS.1))
            };
            self.swap(trade, pool, false, all)?;
        }
        let budget = units_of(exchange.arbitrage_per_minute * minutes, UNITS.1);
        if let Some(trade) = pool.arbitrage(prices.outside, budget, UNITS) {
            self.swap(trade, pool, true, all)?;
        }
        Ok(())
    }

    fn swap(
        &mut self,
        trade: Trade,
        pool: &mut Reserves,
        is_arbitrage: bool,
        all: &mut Vec<Signed>,
    ) -> Result<(), ReplayError> {
        let (id, amount) = match trade {
            Trade::Buy(amount) => (DOLLAR, amount),
            Trade::Sell(amount) => (COLLATERAL, amount),
        };
        if amount.is_zero() {
            return Ok(());
        }
        if id == DOLLAR {
            pool.buy(amount)
        } else {
            pool.sell(amount)
        };
        let who = if is_arbitrage { &self.market.arbitrageur } else { &self.market.trader };
        let order = self.order(id, amount, U256::ZERO, who.address());
        let router = self.market.router;
        let who = if is_arbitrage { &mut self.market.arbitrageur } else { &mut self.market.trader };
        all.push(who.call(router, &order, GAS)?);
        Ok(())
    }

    pub(super) fn order(
        &self,
        id: usize,
        amount: U256,
        least: U256,
        to: Address,
    ) -> Router::swapExactInCall {
        let hop =
            Router::Hop { kind: 0, pool: self.market.pool, tokenOut: self.market.tokens[1 - id] };
        Router::swapExactInCall {
            order: Router::ExactIn {
                tokenIn: self.market.tokens[id],
                path: vec![hop],
                amountIn: amount,
                amountOutMin: least,
                recipient: to,
                deadline: U256::MAX,
                isUnwrapped: false,
            },
        }
    }
}
