//! How much a liquidation repays and takes: `_size` and `_book` of both contracts.

use super::{Book, COLLATERAL, DOLLAR, Engine, Health};
use crate::math::{self, BPS, amount_down, amount_up, mul_div_down, mul_div_up, repay_to_target};
use alloy_primitives::U256;

/// What set the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The health reaches the target.
    TargetHealth,
    /// All that is owed.
    WholeDebt,
    /// All that is pledged.
    WholeCollateral,
    /// The liquidator wanted no more.
    LiquidatorLimit,
}

/// What a liquidation does, in units of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Dollars that the liquidator pays.
    pub repaid: U256,
    /// Collateral that the account loses.
    pub seized: U256,
    /// Of that, what the pool keeps.
    pub kept: U256,
    /// Basis points.
    pub discount: u64,
    /// Why so much.
    pub reason: Reason,
}

impl Outcome {
    /// Collateral that the liquidator gets.
    pub fn received(&self) -> U256 {
        self.seized - self.kept
    }
}

/// An account in the making.
struct Work {
    owed: U256,
    pledged: U256,
    discount: U256,
}

impl Book {
    /// What liquidating an account would do at a time, if it can be: `repay_max` is the most that the
    /// liquidator pays.
    pub fn size(&self, place: usize, now: u64, repay_max: U256) -> Option<Outcome> {
        let account = &self.accounts[place];
        let health = self.health(account);
        if !health.is_under() || !account.is_pledged[COLLATERAL] || account.debt[DOLLAR].is_zero() {
            return None;
        }
        let discount = self.discount(place, now, &health);
        let work = Work {
            owed: amount_up(account.debt[DOLLAR], self.reserves[DOLLAR].debt_index),
            pledged: amount_down(
                account.supply[COLLATERAL],
                self.reserves[COLLATERAL].supply_index,
            ),
            discount: U256::from(discount),
        };
        let (repaid, seized, reason) = match self.engine {
            Engine::Naive => self.size_naive(&work),
            Engine::Waterfall => self.repayable(&work, &health),
        };
        let (repaid, seized, reason) = if repay_max >= repaid {
            (repaid, seized, reason)
        } else if self.engine == Engine::Naive {
            return None;
        } else {
            self.limited(&work, repay_max)?
        };
        if repaid.is_zero() {
            return None;
        }
        let extra = mul_div_down(seized, work.discount, BPS + work.discount);
        let kept_share =
            if self.engine == Engine::Naive { U256::ZERO } else { self.terms.kept_share };
        Some(Outcome { repaid, seized, kept: extra * kept_share / BPS, discount, reason })
    }

    /// The discount that an account is liquidated at: not more than its collateral pays for.
    fn discount(&self, place: usize, now: u64, health: &Health) -> u64 {
        let reserve = &self.reserves[COLLATERAL];
        if self.engine == Engine::Naive {
            return reserve.discount_max;
        }
        let age = self.auction_age(place, now).unwrap_or(0);
        let duration = self.terms.auction_duration;
        let grown = math::discount_at(reserve.discount_min, reserve.discount_max, age, duration);
        let paid_for = mul_div_down(health.collateral, BPS, health.debt).saturating_sub(BPS);
        grown.min(paid_for.saturating_to()).max(reserve.discount_min)
    }

    /// Seconds since the account was flagged; `None` if it is not, or was so long ago that it does
    /// not count.
    pub fn auction_age(&self, place: usize, now: u64) -> Option<u64> {
        let flagged_at = self.accounts[place].flagged_at;
        let age = now.saturating_sub(flagged_at);
        (flagged_at != 0 && age <= 2 * self.terms.auction_duration).then_some(age)
    }

    fn size_naive(&self, work: &Work) -> (U256, U256, Reason) {
        let seize = self.seizable(work, work.owed);
        if seize < work.pledged {
            return (work.owed, seize, Reason::WholeDebt);
        }
        let value = self.collateral_up(work.pledged);
        let cost = self.dollars_up(value * BPS / (BPS + work.discount));
        (cost.min(work.owed), work.pledged, Reason::WholeCollateral)
    }

    fn repayable(&self, work: &Work, health: &Health) -> (U256, U256, Reason) {
        let value = repay_to_target(
            health.threshold,
            health.debt,
            work.discount.saturating_to(),
            self.reserves[COLLATERAL].liquidation_threshold,
            self.terms.target_health,
        );
        let mut repay = self.dollars_up(value.min(U256::from(u128::MAX)));
        let mut reason = Reason::TargetHealth;
        if repay >= work.owed || self.dollar_value(work.owed - repay) < self.terms.value_min {
            (repay, reason) = (work.owed, Reason::WholeDebt);
        }
        let seize = self.seizable(work, repay);
        let left = work.pledged.saturating_sub(seize);
        let is_enough = repay == work.owed || self.collateral_value(left) >= self.terms.value_min;
        if !left.is_zero() && is_enough {
            return (repay, seize, reason);
        }
        let value = mul_div_up(self.collateral_up(work.pledged), BPS, BPS + work.discount);
        let most = if left.is_zero() { repay } else { work.owed };
        (self.dollars_up(value).min(most), work.pledged, Reason::WholeCollateral)
    }

    fn limited(&self, work: &Work, repay: U256) -> Option<(U256, U256, Reason)> {
        let seize = self.seizable(work, repay).min(work.pledged);
        let left = work.pledged - seize;
        let is_no_dust = self.dollar_value(work.owed - repay) >= self.terms.value_min
            && (left.is_zero() || self.collateral_value(left) >= self.terms.value_min);
        is_no_dust.then_some((repay, seize, Reason::LiquidatorLimit))
    }

    /// Does it: what the contract would leave. The funds pay as they would, too.
    pub fn liquidate(&mut self, place: usize, now: u64, outcome: &Outcome) {
        if self.engine == Engine::Waterfall && self.auction_age(place, now).is_none() {
            self.accounts[place].flagged_at = now;
        }
        let [collateral, dollar] = [&self.reserves[COLLATERAL], &self.reserves[DOLLAR]];
        let (supply, debt) =
            (self.accounts[place].supply[COLLATERAL], self.accounts[place].debt[DOLLAR]);
        let owed = amount_up(debt, dollar.debt_index);
        let pledged = amount_down(supply, collateral.supply_index);
        let less = mul_div_down(outcome.repaid, math::RAY, dollar.debt_index);
        let debt = if outcome.repaid == owed { U256::ZERO } else { debt - less };
        let less = mul_div_up(outcome.seized, math::RAY, collateral.supply_index);
        let supply = if outcome.seized == pledged { U256::ZERO } else { supply - less };
        self.set_debt(place, DOLLAR, debt);
        self.set_supply(place, COLLATERAL, supply);
        if !self.health(&self.accounts[place]).is_under() {
            self.accounts[place].flagged_at = 0;
        }
        if !self.accounts[place].is_pledged.contains(&true) {
            self.write_off(place);
        }
    }

    fn write_off(&mut self, place: usize) {
        let debt = self.accounts[place].debt[DOLLAR];
        if debt.is_zero() {
            return;
        }
        let mut left = amount_up(debt, self.reserves[DOLLAR].debt_index);
        self.set_debt(place, DOLLAR, U256::ZERO);
        if self.engine == Engine::Waterfall {
            let paid = left.min(self.fund);
            self.fund -= paid;
            left -= paid;
            let paid = left.min(self.backstop * self.backstop_cover / BPS);
            self.backstop -= paid;
            left -= paid;
            self.accounts[place].flagged_at = 0;
        }
        self.reserves[DOLLAR].deficit += left;
    }

    fn seizable(&self, work: &Work, repay: U256) -> U256 {
        let value = mul_div_down(self.dollar_value(repay), BPS + work.discount, BPS);
        let collateral = &self.reserves[COLLATERAL];
        mul_div_down(value, math::units(collateral.decimals), collateral.price)
    }

    fn dollar_value(&self, amount: U256) -> U256 {
        let dollar = &self.reserves[DOLLAR];
        mul_div_down(amount, dollar.price, math::units(dollar.decimals))
    }

    fn collateral_value(&self, amount: U256) -> U256 {
        let collateral = &self.reserves[COLLATERAL];
        mul_div_down(amount, collateral.price, math::units(collateral.decimals))
    }

    fn collateral_up(&self, amount: U256) -> U256 {
        let collateral = &self.reserves[COLLATERAL];
        mul_div_up(amount, collateral.price, math::units(collateral.decimals))
    }

    fn dollars_up(&self, value: U256) -> U256 {
        let dollar = &self.reserves[DOLLAR];
        mul_div_up(value, math::units(dollar.decimals), dollar.price)
    }
}
