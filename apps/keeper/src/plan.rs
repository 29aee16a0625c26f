//! What would be good to do next, by the mirror alone: no question to the node for any account.

use crate::{
    auction::{self, Pair, Size},
    health::{self, Health},
    math,
    mirror::{Account, Mirror},
    reserve::{Market, PriceStatus},
};
use alloy_primitives::{Address, U256};
use std::collections::BTreeMap;

/// Gas of a liquidation and of the sale after it, for what it costs before it is estimated.
pub const LIQUIDATION_GAS: u64 = 500_000;
/// Gas of beginning an auction.
pub const FLAG_GAS: u64 = 200_000;

/// The pool as it will be at the next block, and what matters to this keeper.
#[derive(Debug)]
pub struct View<'a> {
    /// All positions.
    pub mirror: &'a Mirror,
    /// All reserves, as of `now`.
    pub markets: &'a [Market],
    /// Seconds since 1970 that the next block will have, at least.
    pub now: u64,
    /// How old a price is by another clock than the chain's, besides.
    pub behind: u64,
    /// How old a price may be, if that is less than its heartbeat.
    pub price_age_max: Option<u64>,
    /// Of debt assets, by reserve, what may be spent now.
    pub capital: &'a BTreeMap<usize, U256>,
    /// Reserves whose collateral is sold through pools; else the oracle's price less a margin counts.
    pub sold: &'a [usize],
    /// Basis points.
    pub oracle_margin: u64,
    /// WAD.
    pub profit_min: U256,
    /// Value in WAD of a unit of gas, times 1e18.
    pub gas_price: U256,
}

/// Why an account under 1 cannot be liquidated now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// A price is not usable for the pool.
    Unusable(usize, PriceStatus),
    /// A price is older than this keeper allows, in seconds.
    Old(usize, u64),
    /// A price came back, and the grace period begins only once somebody syncs.
    AwaitsSync,
    /// A price has come back; until then.
    Grace(u64),
}

/// A liquidation that may pay.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Whose debt.
    pub account: Address,
    /// The reserve of the debt.
    pub debt: usize,
    /// The reserve of the collateral.
    pub collateral: usize,
    /// Of the auction, in basis points.
    pub discount: u64,
    /// Whether the auction has begun.
    pub is_open: bool,
    /// What it repays and gives.
    pub size: Size,
    /// Value of what it repays, in WAD.
    pub cost: U256,
    /// What is left at best after gas, in WAD.
    pub profit: U256,
}

/// What would be good to do.
#[derive(Debug, Default)]
pub struct Plan {
    /// Whether an outage of a price has ended and nobody has said so to the pool.
    pub needs_sync: bool,
    /// Auctions to begin, of the largest debts first.
    pub flags: Vec<Address>,
    /// Liquidations, the most profitable first.
    pub liquidations: Vec<Candidate>,
}

impl View<'_> {
    /// Judges all accounts but those that `is_out` names.
    pub fn plan(&self, is_out: impl Fn(&Address) -> bool) -> Plan {
        let mut plan = Plan::default();
        let mut flags = Vec::new();
        for (address, health) in health::under_one(self.mirror, self.markets) {
            let Some(account) = self.mirror.accounts.get(&address) else { continue };
            if is_out(&address) {
                continue;
            }
            match self.hindrance(account, &health) {
                Some(Hindrance::AwaitsSync) => plan.needs_sync = true,
                Some(_) => {}
                None => {
                    if let Some(best) = self.best(address, account, &health) {
                        plan.liquidations.push(best);
                    } else if self.may_pay_later(account, &health) {
                        flags.push((health.debt, address));
                    }
                }
            }
        }
        plan.liquidations.sort_by(|a, b| b.profit.cmp(&a.profit).then(a.account.cmp(&b.account)));
        flags.sort_by(|a, b| b.cmp(a));
        plan.flags = flags.into_iter().map(|(_, address)| address).collect();
        plan
    }

    /// Why an account cannot be liquidated now.
    pub fn hindrance(&self, account: &Account, health: &Health) -> Option<Hindrance> {
        if let Some(id) = health.unusable {
            return Some(Hindrance::Unusable(id, health.status));
        }
        for (id, position) in &account.positions {
            let id = usize::from(*id);
            if account.collateral >> id & 1 == 0 && position.debt == 0 {
                continue;
            }
            let (market, reserve) = (self.markets.get(id)?, self.mirror.reserves.get(id)?);
            let most = self.price_age_max.unwrap_or(u64::MAX).min(reserve.config.heartbeat);
            let age = market.age.unwrap_or(u64::MAX).saturating_add(self.behind);
            if age > most {
                return Some(Hindrance::Old(id, age));
            }
            if reserve.awaits_sync(market) && self.mirror.terms.grace != 0 {
                return Some(Hindrance::AwaitsSync);
            }
        }
        if health.resumed_at == 0 {
            return None;
        }
        let until = health.resumed_at.saturating_add(self.mirror.terms.grace);
        (self.now < until).then_some(Hindrance::Grace(until))
    }

    /// The most profitable liquidation of an account now, if any pays.
    fn best(&self, address: Address, account: &Account, health: &Health) -> Option<Candidate> {
        let age = auction::age(account, &self.mirror.terms, self.now);
        let pairs = self.pairs(account, health).filter_map(|(ids, pair)| {
            let capital = *self.capital.get(&ids.0)?;
            self.candidate(address, ids, &pair, (pair.discount(age.unwrap_or(0))?, capital))
        });
        let best = pairs.max_by(|a, b| a.profit.cmp(&b.profit))?;
        Some(Candidate { is_open: age.is_some(), ..best })
    }

    /// Whether an auction that has not begun would come to a discount that pays, for the begin as well.
    fn may_pay_later(&self, account: &Account, health: &Health) -> bool {
        if auction::age(account, &self.mirror.terms, self.now).is_some() {
            return false;
        }
        let least = self.gas_value(FLAG_GAS).and_then(|gas| gas.checked_add(self.profit_min));
        let (mut pairs, Some(least)) = (self.pairs(account, health), least) else { return false };
        pairs.any(|(ids, pair)| {
            let capital = self.capital.get(&ids.0).copied().unwrap_or_default();
            let best = pair.discount_at_end().and_then(|discount| {
                self.candidate(Address::ZERO, ids, &pair, (discount, capital))
            });
            best.is_some_and(|best| best.profit >= least)
        })
    }

    /// The same liquidation with no more than so much capital, if it pays at best.
    pub fn resize(&self, candidate: &Candidate, capital: U256) -> Option<Candidate> {
        let account = self.mirror.accounts.get(&candidate.account)?;
        let health = health::health(account, self.markets)?;
        let ids = (candidate.debt, candidate.collateral);
        let pair = Pair::new(self.mirror, self.markets, (account, &health), ids)?;
        self.candidate(candidate.account, ids, &pair, (candidate.discount, capital))
    }

    /// All debts that there is capital for, with all collateral.
    fn pairs<'a>(
        &'a self,
        account: &'a Account,
        health: &'a Health,
    ) -> impl Iterator<Item = ((usize, usize), Pair<'a>)> {
        let ids = || account.positions.iter().map(|(id, _)| usize::from(*id));
        let debts = ids().filter(|id| self.capital.get(id).is_some_and(|left| !left.is_zero()));
        debts.flat_map(move |debt| {
            ids().filter_map(move |collateral| {
                let ids = (debt, collateral);
                let pair = Pair::new(self.mirror, self.markets, (account, health), ids)?;
                Some((ids, pair))
            })
        })
    }

    /// A liquidation at a discount, as large as capital allows, if it pays at best.
    fn candidate(
        &self,
        account: Address,
        (debt, collateral): (usize, usize),
        pair: &Pair<'_>,
        (discount, capital): (u64, U256),
    ) -> Option<Candidate> {
        let size = pair.size(discount, capital)?;
        let cost = math::value_up(size.repaid, self.markets[debt].price, self.markets[debt].unit)?;
        let mut proceeds = pair.collateral_value(size.received())?;
        if !self.sold.contains(&collateral) {
            proceeds = math::part(proceeds, math::BPS - self.oracle_margin)?;
        }
        let profit = proceeds.checked_sub(cost)?.checked_sub(self.gas_value(LIQUIDATION_GAS)?)?;
        (profit >= self.profit_min).then_some(Candidate {
            account,
            debt,
            collateral,
            discount,
            is_open: true,
            size,
            cost,
            profit,
        })
    }

    /// Value in WAD of gas, rounded up.
    pub fn gas_value(&self, gas: u64) -> Option<U256> {
        math::mul_div_up(U256::from(gas), self.gas_price, math::WAD)
    }
}
