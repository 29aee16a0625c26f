//! What accounts have and owe, as `LendingCore._health` counts it: collateral rounded down, debts up.

use crate::{
    math,
    mirror::{Account, Mirror},
    reserve::{Market, PriceStatus},
};
use alloy_primitives::{Address, U256};

/// Values of an account in WAD, as of some second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Of what is pledged.
    pub collateral: U256,
    /// Times loan-to-value.
    pub borrow_power: U256,
    /// Times liquidation threshold.
    pub threshold: U256,
    /// Of what is owed.
    pub debt: U256,
    /// A reserve whose price cannot be used, the last of them.
    pub unusable: Option<usize>,
    /// Why not.
    pub status: PriceStatus,
    /// When the last of its prices came back after an outage, in seconds since 1970.
    pub resumed_at: u64,
}

impl Health {
    /// In WAD, rounded down; the largest number where nothing is owed.
    pub fn factor(&self) -> U256 {
        // Values are sums of at most 32 of 256 bits divided: `threshold * WAD` is counted in 512 bits, and
        // what does not fit then is the largest number.
        math::health_factor(self.threshold, self.debt).unwrap_or(U256::MAX)
    }

    /// Whether it is under 1.
    pub fn is_under(&self) -> bool {
        self.threshold < self.debt
    }
}

/// Values of an account; `None` if the contract reverts.
pub fn health(account: &Account, markets: &[Market]) -> Option<Health> {
    let mut health = Health::default();
    for (id, position) in &account.positions {
        let is_collateral = account.collateral >> id & 1 != 0;
        if !is_collateral && position.debt == 0 {
            continue;
        }
        let market = markets.get(usize::from(*id))?;
        if is_collateral {
            let amount = math::amount_down(position.supply, market.supply_index)?;
            let value = math::value_down(amount, market.price, market.unit)?;
            health.collateral = health.collateral.checked_add(value)?;
            let power = math::part(value, market.ltv)?;
            health.borrow_power = health.borrow_power.checked_add(power)?;
            let threshold = math::part(value, market.liquidation_threshold)?;
            health.threshold = health.threshold.checked_add(threshold)?;
        }
        if position.debt != 0 {
            let owed = math::amount_up(position.debt, market.debt_index)?;
            let value = math::value_up(owed, market.price, market.unit)?;
            health.debt = health.debt.checked_add(value)?;
        }
        if market.status != PriceStatus::Usable {
            (health.unusable, health.status) = (Some(usize::from(*id)), market.status);
        }
        health.resumed_at = health.resumed_at.max(market.resumed_at);
    }
    Some(health)
}

/// Accounts whose health is under 1, in the order of their addresses.
pub fn under_one(mirror: &Mirror, markets: &[Market]) -> Vec<(Address, Health)> {
    let rates: Vec<Rate> = markets.iter().map(Rate::of).collect();
    let near = mirror.accounts.iter().filter(|(_, account)| !is_surely_over(account, &rates));
    let judged = near.filter_map(|(address, account)| Some((*address, health(account, markets)?)));
    judged.filter(|(_, health)| health.is_under()).collect()
}

/// What a scaled unit of a reserve is worth, near enough to see that most accounts are far from 1: divisions
/// of 256 bits are what judging costs.
struct Rate {
    threshold: f64,
    debt: f64,
    /// What the contract's roundings of a position may come to: a unit of the token, and 2 in WAD.
    slack: f64,
}

/// By which sums may be wrong: each is of some ten roundings of 53 bits, 1e-15.
const ERROR: f64 = 1e-9;

impl Rate {
    fn of(market: &Market) -> Self {
        let each = f64::from(market.price) / f64::from(market.unit);
        let ray = f64::from(math::RAY);
        // Basis points have 16 bits.
        let part = f64::from(U256::from(market.liquidation_threshold)) / 1e4;
        Self {
            threshold: f64::from(market.supply_index) / ray * each * part,
            debt: f64::from(market.debt_index) / ray * each,
            slack: each + 2.0,
        }
    }
}

/// Whether an account is over 1 whatever the roundings are. Where this is not sure, also for numbers that
/// are none, it says no.
fn is_surely_over(account: &Account, rates: &[Rate]) -> bool {
    let (mut threshold, mut debt, mut slack) = (0.0, 0.0, 0.0);
    for (id, position) in &account.positions {
        let Some(rate) = rates.get(usize::from(*id)) else { return false };
        if account.collateral >> id & 1 != 0 {
            threshold += position.supply as f64 * rate.threshold;
        }
        debt += position.debt as f64 * rate.debt;
        slack += 2.0 * rate.slack;
    }
    account.positions.iter().all(|(_, position)| position.debt == 0)
        || threshold * (1.0 - ERROR) > debt * (1.0 + ERROR) + slack
}
