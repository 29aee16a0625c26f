//! What a liquidation repays and gives, as `Liquidator` counts it, and when it does.

use crate::{
    health::Health,
    math::{self, BPS},
    mirror::{Account, Mirror, Terms},
    reserve::Market,
};
use alloy_primitives::U256;

/// An account's debt of one asset, and its collateral of another, as of a second.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    terms: &'a Terms,
    health: &'a Health,
    debt: &'a Market,
    collateral: &'a Market,
    discount_min: u64,
    discount_max: u64,
    /// All that is owed, in the debt asset.
    pub owed: U256,
    /// All that is pledged, in the collateral asset.
    pub pledged: U256,
}

/// A liquidation. Amounts are of the debt asset where they are repaid, and else of the collateral asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// What the liquidator pays.
    pub repaid: U256,
    /// What the account loses.
    pub seized: U256,
    /// What the pool keeps of that.
    pub kept: U256,
    /// Whether `repay_max` has set the size.
    pub is_limited: bool,
}

impl Size {
    /// What the liquidator gets.
    pub fn received(&self) -> U256 {
        self.seized.saturating_sub(self.kept)
    }
}

impl<'a> Pair<'a> {
    /// Debt to reserve `debt` and collateral of reserve `collateral`; none if there is no such debt or
    /// collateral.
    pub fn new(
        mirror: &'a Mirror,
        markets: &'a [Market],
        (account, health): (&Account, &'a Health),
        (debt_id, collateral_id): (usize, usize),
    ) -> Option<Self> {
        if collateral_id >= 32 || account.collateral >> collateral_id & 1 == 0 {
            return None;
        }
        let (debt, collateral) = (markets.get(debt_id)?, markets.get(collateral_id)?);
        let config = &mirror.reserves.get(collateral_id)?.config;
        let owed = math::amount_up(account.position(debt_id).debt, debt.debt_index)?;
        let pledged =
            math::amount_down(account.position(collateral_id).supply, collateral.supply_index)?;
        let (discount_min, discount_max) = (config.discount_min, config.discount_max);
        let terms = &mirror.terms;
        (!owed.is_zero()).then_some(Self {
            terms,
            health,
            debt,
            collateral,
            discount_min,
            discount_max,
            owed,
            pledged,
        })
    }

    /// The discount at the end of the auction, in basis points.
    pub fn discount_at_end(&self) -> Option<u64> {
        self.bounded(self.discount_max)
    }

    /// The discount so many seconds after the auction began, in basis points.
    pub fn discount(&self, age: u64) -> Option<u64> {
        let (least, most) = (self.discount_min, self.discount_max);
        self.bounded(math::discount_at(least, most, age, self.terms.auction_duration))
    }

    /// Not more than what all collateral is worth over all debt, nor less than the least.
    fn bounded(&self, discount: u64) -> Option<u64> {
        let bps = U256::from(BPS);
        let worth = math::mul_div_down(self.health.collateral, bps, self.health.debt)?;
        let over = worth.saturating_sub(bps).saturating_to::<u64>();
        Some(discount.min(over).max(self.discount_min))
    }

    /// What is repaid and seized at a discount; none if the contract refuses.
    pub fn size(&self, discount: u64, repay_max: U256) -> Option<Size> {
        let (mut repay, mut seize) = self.repayable(discount)?;
        let is_limited = repay_max < repay;
        if is_limited {
            repay = repay_max;
            seize = self.seizable(discount, repay)?.min(self.pledged);
            let left = self.pledged - seize;
            let is_dust = |value: U256| value < self.terms.value_min;
            let leaves_dust = is_dust(self.debt_value(self.owed.checked_sub(repay)?)?)
                || (!left.is_zero() && is_dust(self.collateral_value(left)?));
            if leaves_dust {
                return None;
            }
        }
        if repay.is_zero() {
            return None;
        }
        let extra = math::mul_div_down(
            seize,
            U256::from(discount),
            U256::from(BPS.checked_add(discount)?),
        )?;
        let kept = math::part(extra, self.terms.kept_share)?;
        Some(Size { repaid: repay, seized: seize, kept, is_limited })
    }

    /// The most that may be repaid, and what is seized for it.
    fn repayable(&self, discount: u64) -> Option<(U256, U256)> {
        let mut repay = self.repay_to_target(discount)?;
        if repay >= self.owed || self.debt_value(self.owed - repay)? < self.terms.value_min {
            repay = self.owed;
        }
        let seize = self.seizable(discount, repay)?;
        let left = self.pledged.saturating_sub(seize);
        let leaves_enough =
            repay == self.owed || self.collateral_value(left)? >= self.terms.value_min;
        if !left.is_zero() && leaves_enough {
            return Some((repay, seize));
        }
        let most = if left.is_zero() { repay } else { self.owed };
        Some((self.cost_of_pledged(discount)?.min(most), self.pledged))
    }

    fn repay_to_target(&self, discount: u64) -> Option<U256> {
        let value = math::repay_to_target(
            self.health.threshold,
            self.health.debt,
            discount,
            self.collateral.liquidation_threshold,
            self.terms.target_health,
        )?;
        math::bought_up(value.min(U256::from(u128::MAX)), self.debt.price, self.debt.unit)
    }

    fn cost_of_pledged(&self, discount: u64) -> Option<U256> {
        let value = math::value_up(self.pledged, self.collateral.price, self.collateral.unit)?;
        let bps = U256::from(BPS);
        let value = math::mul_div_up(value, bps, U256::from(BPS.checked_add(discount)?))?;
        math::bought_up(value, self.debt.price, self.debt.unit)
    }

    fn seizable(&self, discount: u64, repay: U256) -> Option<U256> {
        let grown = U256::from(BPS.checked_add(discount)?);
        let value = math::mul_div_down(self.debt_value(repay)?, grown, U256::from(BPS))?;
        math::bought_down(value, self.collateral.price, self.collateral.unit)
    }

    /// Value in WAD of an amount of the debt asset.
    pub fn debt_value(&self, amount: U256) -> Option<U256> {
        math::value_down(amount, self.debt.price, self.debt.unit)
    }

    /// Value in WAD of an amount of the collateral asset.
    pub fn collateral_value(&self, amount: U256) -> Option<U256> {
        math::value_down(amount, self.collateral.price, self.collateral.unit)
    }
}

/// Seconds since an account's auction began; none if it has not, or so long ago that it begins anew.
pub fn age(account: &Account, terms: &Terms, now: u64) -> Option<u64> {
    let age = now.saturating_sub(account.flagged_at);
    let is_open = account.flagged_at != 0 && age <= terms.auction_duration.saturating_mul(2);
    is_open.then_some(age)
}
