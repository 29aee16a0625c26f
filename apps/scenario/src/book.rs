//! The lending market as liquidators see it: every position, in the integers of the contracts.
//!
//! It follows from events; and what a liquidation will do is worked out beforehand, as
//! `contracts/src/lending/Liquidator.sol` and `NaiveLiquidator.sol` do. A replay compares both.

mod events;
mod sizing;

use crate::math::{self, BPS, RAY, WAD, amount_down, amount_up, mul_div_down, mul_div_up};
use alloy_primitives::{Address, U256, U512};
pub use events::{Counts, EventError, kinds};
pub use sizing::{Outcome, Reason};
use std::collections::HashMap;

/// The number of the collateral's reserve.
pub const COLLATERAL: usize = 0;
/// The number of the dollar's reserve.
pub const DOLLAR: usize = 1;

/// How liquidations are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// `Liquidator.sol`.
    Waterfall,
    /// `NaiveLiquidator.sol`.
    Naive,
}

impl Engine {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waterfall => "waterfall",
            Self::Naive => "naive",
        }
    }
}

/// What a feed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In WAD.
    pub price: U256,
    /// UNIX seconds.
    pub updated_at: u64,
}

/// A kinked rate, WAD a year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// At no use.
    pub base: U256,
    /// More at the kink.
    pub slope1: U256,
    /// More at full use.
    pub slope2: U256,
    /// The kink.
    pub optimal: U256,
}

/// One of the two reserves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// The token.
    pub asset: Address,
    /// Of the token.
    pub decimals: u8,
    /// Basis points; so the following.
    pub liquidation_threshold: u64,
    /// The least discount.
    pub discount_min: u64,
    /// The largest.
    pub discount_max: u64,
    /// Part of the interest that suppliers do not get.
    pub reserve_factor: u64,
    /// Most that the price may jump.
    pub jump_max: u64,
    /// Within so many seconds.
    pub jump_window: u64,
    /// Seconds.
    pub heartbeat: u64,
    /// Rates.
    pub model: Model,
    /// RAY.
    pub supply_index: U256,
    /// RAY.
    pub debt_index: U256,
    /// RAY a second.
    pub rate: U256,
    /// UNIX seconds.
    pub synced_at: u64,
    /// The last accepted price, in WAD.
    pub price: U256,
    /// When it was.
    pub accepted_at: u64,
    /// When the price last came back.
    pub resumed_at: u64,
    /// Whether the price can be used.
    pub is_usable: bool,
    /// Of all accounts.
    pub scaled_supply: U256,
    /// Of all accounts.
    pub scaled_debt: U256,
    /// Lost and not covered.
    pub deficit: U256,
}

/// An account, scaled balances by reserve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub address: Address,
    /// Supplied.
    pub supply: [U256; 2],
    /// Owed.
    pub debt: [U256; 2],
    /// Whether what is supplied is collateral.
    pub is_pledged: [bool; 2],
    /// UNIX seconds, 0 if it is not.
    pub flagged_at: u64,
}

/// Values in WAD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Of what is pledged, rounded down.
    pub collateral: U256,
    /// The same, times liquidation thresholds.
    pub threshold: U256,
    /// Of what is owed, rounded up.
    pub debt: U256,
}

impl Health {
    /// Whether the account can be liquidated.
    pub fn is_under(&self) -> bool {
        self.threshold < self.debt
    }

    /// Debt over the collateral.
    pub fn shortfall(&self) -> U256 {
        self.debt.saturating_sub(self.collateral)
    }
}

/// What holds for all accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// WAD.
    pub target_health: U256,
    /// WAD.
    pub value_min: U256,
    /// Seconds.
    pub auction_duration: u64,
    /// Seconds.
    pub grace: u64,
    /// Basis points.
    pub kept_share: U256,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Which way of liquidating the pool has.
    pub engine: Engine,
    /// Of the pool.
    pub terms: Terms,
    /// Collateral, then dollar.
    pub reserves: [Reserve; 2],
    /// In the order of their first event.
    pub accounts: Vec<Account>,
    /// Where an account is among them.
    pub places: HashMap<Address, usize>,
    /// Dollars of the insurance fund.
    pub fund: U256,
    /// Dollars of the backstop.
    pub backstop: U256,
    /// Most that one bad debt takes of it, in basis points.
    pub backstop_cover: U256,
}

impl Book {
    /// An empty one.
    pub fn new(engine: Engine, terms: Terms, reserves: [Reserve; 2]) -> Self {
        let (accounts, places) = (vec![], HashMap::new());
        let (fund, backstop, backstop_cover) = (U256::ZERO, U256::ZERO, U256::ZERO);
        Self { engine, terms, reserves, accounts, places, fund, backstop, backstop_cover }
    }

    /// Brings both reserves to a time, as `accrueAll` does at the beginning of a block.
    pub fn sync(&mut self, now: u64, answers: [Answer; 2]) {
        for (reserve, answer) in self.reserves.iter_mut().zip(answers) {
            reserve.sync(now, answer);
        }
    }

    /// Values of an account at the present indexes and prices.
    pub fn health(&self, account: &Account) -> Health {
        let mut health = Health::default();
        for (id, reserve) in self.reserves.iter().enumerate() {
            let unit = math::units(reserve.decimals);
            if account.is_pledged[id] && !account.supply[id].is_zero() {
                let amount = amount_down(account.supply[id], reserve.supply_index);
                let value = mul_div_down(amount, reserve.price, unit);
                health.collateral += value;
                health.threshold += value * U256::from(reserve.liquidation_threshold) / BPS;
            }
            if !account.debt[id].is_zero() {
                let owed = amount_up(account.debt[id], reserve.debt_index);
                health.debt += mul_div_up(owed, reserve.price, unit);
            }
        }
        health
    }

    /// Whether anything can be liquidated at a time: prices are usable, and the grace period is over.
    pub fn is_open(&self, now: u64) -> bool {
        let grace = if self.engine == Engine::Naive { 0 } else { self.terms.grace };
        self.reserves.iter().all(|reserve| {
            let resumed = reserve.resumed_at;
            reserve.is_usable && (resumed == 0 || now >= resumed + grace)
        })
    }

    /// Debts over their collateral, in WAD.
    pub fn shortfall(&self) -> U256 {
        self.accounts.iter().map(|account| self.health(account).shortfall()).sum()
    }

    /// What must hold of a reserve, without rounding: what it has, is owed and has lost covers all
    /// claims.
    pub fn is_solvent(&self, id: usize, cash: U256) -> bool {
        let reserve = &self.reserves[id];
        let wide = |number: U256| U512::from(number);
        let has = wide(cash + reserve.deficit) * wide(RAY)
            + wide(reserve.scaled_debt) * wide(reserve.debt_index);
        has >= wide(reserve.scaled_supply) * wide(reserve.supply_index)
    }

    /// Sets what an account has supplied, and the total.
    fn set_supply(&mut self, place: usize, id: usize, scaled: U256) {
        let account = &mut self.accounts[place];
        let total = &mut self.reserves[id].scaled_supply;
        *total = *total + scaled - account.supply[id];
        account.supply[id] = scaled;
        if scaled.is_zero() {
            account.is_pledged[id] = false;
        }
    }

    /// Sets what an account owes, and the total.
    fn set_debt(&mut self, place: usize, id: usize, scaled: U256) {
        let account = &mut self.accounts[place];
        let total = &mut self.reserves[id].scaled_debt;
        *total = *total + scaled - account.debt[id];
        account.debt[id] = scaled;
    }
}

impl Reserve {
    fn sync(&mut self, now: u64, answer: Answer) {
        if self.synced_at == now {
            return;
        }
        self.accrue(now.saturating_sub(self.synced_at));
        let debt = mul_div_up(self.scaled_debt, self.debt_index, RAY);
        let supply = mul_div_up(self.scaled_supply, self.supply_index, RAY);
        let supply = supply.saturating_sub(self.deficit);
        self.rate = self.model.rate(utilisation(debt, supply));
        self.read_price(now, answer);
        self.synced_at = now;
    }

    fn accrue(&mut self, elapsed: u64) {
        let indexes = (self.supply_index, self.debt_index);
        let totals = (self.scaled_supply, self.scaled_debt);
        let growth = heddle_venue::math::growth(self.rate.saturating_to(), elapsed);
        let accrued = growth.and_then(|growth| {
            heddle_venue::math::accrue(indexes, totals, self.reserve_factor, growth)
        });
        (self.supply_index, self.debt_index) = accrued.unwrap_or(indexes);
    }

    fn read_price(&mut self, now: u64, answer: Answer) {
        let is_fresh = now.saturating_sub(answer.updated_at) <= self.heartbeat;
        let within = now.saturating_sub(self.accepted_at) <= self.jump_window;
        let has_jumped = within
            && answer.price.abs_diff(self.price) * BPS > self.price * U256::from(self.jump_max);
        if !is_fresh || has_jumped {
            self.is_usable = false;
            return;
        }
        if !self.is_usable {
            self.resumed_at = now;
        }
        (self.is_usable, self.price, self.accepted_at) = (true, answer.price, now);
    }
}

/// Part that is lent, in WAD.
pub fn utilisation(debt: U256, supply: U256) -> U256 {
    if debt.is_zero() {
        return U256::ZERO;
    }
    if debt >= supply { WAD } else { mul_div_down(debt, WAD, supply) }
}

impl Model {
    /// In RAY a second, rounded down.
    fn rate(&self, utilisation: U256) -> U256 {
        let annual = if utilisation <= self.optimal {
            self.base + self.slope1 * utilisation / self.optimal
        } else {
            let over = self.slope2 * (utilisation - self.optimal) / (WAD - self.optimal);
            self.base + self.slope1 + over
        };
        annual * (RAY / WAD) / U256::from(365 * 24 * 3600)
    }
}
