//! A reserve of the pool: its interest and its price as of any second, as `LendingCore._market` has them.

use crate::math::{self, WAD};
use alloy_primitives::{Address, I256, U256};
use serde::{Deserialize, Serialize};

/// How far a price can be relied on, as `ILendingEvents.PriceStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PriceStatus {
    /// Good for all.
    #[default]
    Usable,
    /// The feed reverts.
    NoAnswer,
    /// The round has not ended, or lies in the future.
    Incomplete,
    /// Zero, negative or too large.
    OutOfRange,
    /// Older than the heartbeat.
    Stale,
    /// Too far from the last accepted price, too soon after it.
    Jumped,
}

impl PriceStatus {
    /// By its number in the contract.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Usable,
            1 => Self::NoAnswer,
            2 => Self::Incomplete,
            3 => Self::OutOfRange,
            4 => Self::Stale,
            5 => Self::Jumped,
            _ => return None,
        })
    }
}

/// What a feed answers to `latestRoundData`; none if it reverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In the feed's decimals.
    pub value: I256,
    /// Seconds since 1970.
    pub updated_at: U256,
    /// Whether the round has an answer of its own.
    pub is_complete: bool,
}

/// How roles have configured a reserve, as far as health depends on it. Ratios in basis points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The token.
    pub asset: Address,
    /// Its decimals.
    pub decimals: u8,
    /// What may be borrowed of a value of collateral.
    pub ltv: u64,
    /// What may be owed of a value of collateral.
    pub liquidation_threshold: u64,
    /// Where the price comes from.
    pub feed: Address,
    /// Of the feed's answers.
    pub feed_decimals: u8,
    /// How old an answer may be, in seconds.
    pub heartbeat: u64,
    /// How far a price may be from the last accepted one.
    pub jump_max: u64,
    /// Seconds in which it may not be further away.
    pub jump_window: u64,
    /// Part of the interest that suppliers do not get.
    pub reserve_factor: u64,
    /// What an auction begins with.
    pub discount_min: u64,
    /// What it ends with.
    pub discount_max: u64,
}

/// A reserve as of its last sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// How it is configured.
    pub config: Config,
    /// RAY.
    pub supply_index: U256,
    /// RAY.
    pub debt_index: U256,
    /// RAY for each second, until the next sync.
    pub rate_per_second: u128,
    /// Seconds since 1970.
    pub synced_at: u64,
    /// The last accepted price, in WAD of a whole token.
    pub price: U256,
    /// When it was accepted.
    pub accepted_at: u64,
    /// When prices came back after an outage.
    pub resumed_at: u64,
    /// As of the last sync.
    pub status: PriceStatus,
    /// Sum of all positions.
    pub scaled_supply: U256,
    /// Sum of all positions.
    pub scaled_debt: U256,
}

/// A reserve as of some second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// RAY.
    pub supply_index: U256,
    /// RAY.
    pub debt_index: U256,
    /// WAD of a whole token.
    pub price: U256,
    /// Smallest parts of a whole token.
    pub unit: U256,
    /// How far the price can be relied on.
    pub status: PriceStatus,
    /// When prices came back after an outage.
    pub resumed_at: u64,
    /// How old the feed's answer is, in seconds; none if it has none.
    pub age: Option<u64>,
    /// Basis points.
    pub ltv: u64,
    /// Basis points.
    pub liquidation_threshold: u64,
}

impl Reserve {
    /// The reserve as the contract sees it at a second at which the feed answers so. `sync_gap` is that of
    /// the pool's terms.
    pub fn market(&self, answer: Option<&Answer>, sync_gap: u64, now: u64) -> Option<Market> {
        let mut market = Market {
            supply_index: self.supply_index,
            debt_index: self.debt_index,
            price: self.price,
            unit: math::unit(self.config.decimals),
            status: self.status,
            resumed_at: self.resumed_at,
            age: answer.and_then(|answer| {
                U256::from(now).checked_sub(answer.updated_at).and_then(|age| age.try_into().ok())
            }),
            ltv: self.config.ltv,
            liquidation_threshold: self.config.liquidation_threshold,
        };
        if self.synced_at == now {
            return Some(market);
        }
        let elapsed = now.checked_sub(self.synced_at)?;
        (market.supply_index, market.debt_index) = math::accrue(
            (self.supply_index, self.debt_index),
            (self.scaled_supply, self.scaled_debt),
            self.config.reserve_factor,
            math::growth(self.rate_per_second, elapsed)?,
        )?;
        self.read_price(&mut market, answer, sync_gap, now)?;
        Some(market)
    }

    /// Whether somebody has to sync this reserve before accounts can be liquidated: the price is back, or
    /// gone, and nobody has looked.
    pub fn awaits_sync(&self, market: &Market) -> bool {
        market.status != self.status || market.resumed_at != self.resumed_at
    }

    fn read_price(
        &self,
        market: &mut Market,
        answer: Option<&Answer>,
        sync_gap: u64,
        now: u64,
    ) -> Option<()> {
        let price = match self.answer(answer, now) {
            Ok(price) if now.checked_sub(self.accepted_at)? <= self.config.jump_window => {
                let jump = price.abs_diff(self.price).checked_mul(U256::from(math::BPS))?;
                let most = self.price.checked_mul(U256::from(self.config.jump_max))?;
                if jump > most { Err(PriceStatus::Jumped) } else { Ok(price) }
            }
            other => other,
        };
        match price {
            Ok(price) => {
                let is_late = sync_gap != 0 && now.checked_sub(self.synced_at)? > sync_gap;
                if self.status != PriceStatus::Usable || is_late {
                    market.resumed_at = now;
                }
                market.price = price;
                market.status = PriceStatus::Usable;
            }
            Err(status) => market.status = status,
        }
        Some(())
    }

    /// What the feed says, in WAD, as `FeedReader.tryRead` and `LendingCore._answer`.
    fn answer(&self, answer: Option<&Answer>, now: u64) -> Result<U256, PriceStatus> {
        let answer = answer.ok_or(PriceStatus::NoAnswer)?;
        if !answer.is_complete {
            return Err(PriceStatus::Incomplete);
        }
        let value = U256::try_from(answer.value).map_err(|_| PriceStatus::OutOfRange)?;
        if value.is_zero() {
            return Err(PriceStatus::OutOfRange);
        }
        let age = U256::from(now).checked_sub(answer.updated_at).ok_or(PriceStatus::Incomplete)?;
        if age > U256::from(self.config.heartbeat) {
            return Err(PriceStatus::Stale);
        }
        let wad = match u8::checked_sub(18, self.config.feed_decimals) {
            Some(missing) => value.checked_mul(math::unit(missing)).unwrap_or_default(),
            None => value / (math::unit(self.config.feed_decimals) / WAD),
        };
        if wad.is_zero() || wad.bit_len() > 96 { Err(PriceStatus::OutOfRange) } else { Ok(wad) }
    }
}
