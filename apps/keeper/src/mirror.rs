//! All positions of a pool, made of its events: each that changes a position holds what it is afterwards.

use crate::reserve::{PriceStatus, Reserve};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolEvent, SolEventInterface};
use heddle_client::Log;
use heddle_venue::contracts::lending_pool::{LendingPool, LendingPool::LendingPoolEvents};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most reserves that a pool has (`LendingStorage.MAX_RESERVES`).
pub const RESERVES_MAX: usize = 32;

/// Why an event does not fit to those before.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Not as the contract emits it.
    #[error(
        "event {index} of block {block} is none of a lending pool; is the pool's address right?"
    )]
    Shape {
        /// The block.
        block: u64,
        /// Place among the events of the block.
        index: u64,
        /// Why.
        source: alloy_sol_types::Error,
    },
    /// Of a reserve that nobody has listed.
    #[error(
        "asset {asset} was not listed before block {block}; have from_block be the pool's first block"
    )]
    Unknown {
        /// The asset.
        asset: Address,
        /// The block.
        block: u64,
    },
    /// Numbers that a pool cannot have.
    #[error("event {index} of block {block} has a number that no pool can have")]
    Range {
        /// The block.
        block: u64,
        /// Place among the events of the block.
        index: u64,
    },
}

/// What an account has in a reserve, scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Times the index of supply it is a claim.
    pub supply: u128,
    /// Times the index of debt it is a debt.
    pub debt: u128,
}

/// An account of the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Bit n: what it supplied to reserve n is collateral.
    pub collateral: u32,
    /// When its auction began, in seconds since 1970; 0 if there is none.
    pub flagged_at: u64,
    /// By the number of the reserve, ascending; at most 32.
    pub positions: Vec<(u8, Position)>,
}

impl Account {
    /// Whether it owes anything.
    pub fn owes(&self) -> bool {
        self.positions.iter().any(|(_, position)| position.debt != 0)
    }

    /// What it has in a reserve.
    pub fn position(&self, id: usize) -> Position {
        let found = self.positions.iter().find(|(number, _)| usize::from(*number) == id);
        found.map(|(_, position)| *position).unwrap_or_default()
    }

    /// Each debt with each reserve that it has something in.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let ids = || self.positions.iter().map(|(id, _)| usize::from(*id));
        ids().flat_map(move |debt| ids().map(move |collateral| (debt, collateral)))
    }

    fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.collateral == 0 && self.flagged_at == 0
    }
}

/// A block that the mirror is as of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
}

/// What holds for all reserves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Health in WAD that a liquidation leads to.
    pub target_health: U256,
    /// Value in WAD below which nothing is left over.
    pub value_min: U256,
    /// Seconds in which the discount grows.
    pub auction_duration: u64,
    /// Seconds without liquidations after an outage of a price.
    pub grace: u64,
    /// Seconds without a sync that count as an outage; 0: none do.
    pub sync_gap: u64,
    /// Part of the discount that the pool keeps, in basis points.
    pub kept_share: u64,
}

/// The pool as of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// The block; its number is one less than the first one before any was read.
    pub head: Head,
    /// By number; at most [`RESERVES_MAX`].
    pub reserves: Vec<Reserve>,
    /// What holds for all.
    pub terms: Terms,
    /// All accounts that have or owe something.
    pub accounts: BTreeMap<Address, Account>,
    /// Whether the configuration of reserves has to be read again: events do not hold all of it.
    pub is_config_old: bool,
}

impl Mirror {
    /// The number of an asset's reserve.
    pub fn reserve_id(&self, asset: Address) -> Option<usize> {
        self.reserves.iter().position(|reserve| reserve.config.asset == asset)
    }

    /// Takes in an event of a block of a time. Events come in their order.
    ///
    /// # Errors
    ///
    /// See [`MirrorError`]; the mirror is of no use then.
    pub fn apply(&mut self, log: &Log, timestamp: u64) -> Result<(), MirrorError> {
        let (block, index) = (log.block_number.to::<u64>(), log.log_index.to::<u64>());
        let kind = log.topics.first();
        // Roles and approvals: none of ours.
        if !kind.is_some_and(|kind| LendingPoolEvents::SELECTORS.contains(&kind.0)) {
            self.is_config_old |= kind.is_some_and(is_configuration);
            return Ok(());
        }
        let event = LendingPoolEvents::decode_raw_log(&log.topics, &log.data)
            .map_err(|source| MirrorError::Shape { block, index, source })?;
        let done = self.take(event, timestamp).map_err(|asset| match asset {
            Some(asset) => MirrorError::Unknown { asset, block },
            None => MirrorError::Range { block, index },
        });
        self.is_config_old |= kind.is_some_and(is_configuration);
        done
    }

    /// What an event does. The error is an asset that is not known, or none for a number out of range.
    fn take(&mut self, event: LendingPoolEvents, timestamp: u64) -> Result<(), Option<Address>> {
        use LendingPoolEvents as Event;
        match event {
            Event::Supplied(e) => self.set_supply(e.account, e.asset, e.scaledSupply)?,
            Event::Withdrawn(e) => self.set_supply(e.account, e.asset, e.scaledSupply)?,
            Event::Borrowed(e) => self.set_debt(e.account, e.asset, e.scaledDebt)?,
            Event::Repaid(e) => self.set_debt(e.account, e.asset, e.scaledDebt)?,
            Event::CollateralExhausted(e) => self.set_debt(e.account, e.asset, U256::ZERO)?,
            Event::Liquidated(e) => {
                self.set_debt(e.account, e.debtAsset, e.liquidation.scaledDebt)?;
                self.set_supply(e.account, e.collateralAsset, e.liquidation.scaledSupply)?;
            }
            Event::CollateralSet(e) => {
                let bit = 1 << self.id(e.asset)?;
                let account = self.accounts.entry(e.account).or_default();
                if e.isCollateral {
                    account.collateral |= bit
                } else {
                    account.collateral &= !bit
                }
                self.forget_if_empty(e.account);
            }
            Event::Flagged(e) => self.accounts.entry(e.account).or_default().flagged_at = timestamp,
            Event::Unflagged(e) => {
                self.accounts.entry(e.account).or_default().flagged_at = 0;
                self.forget_if_empty(e.account);
            }
            Event::Synced(e) => self.sync(&e, timestamp)?,
            Event::PriceRefused(e) => {
                let status = PriceStatus::from_number(e.status).ok_or(None)?;
                self.reserve(e.asset)?.status = status;
            }
            Event::PriceResumed(e) => {
                let reserve = self.reserve(e.asset)?;
                (reserve.status, reserve.resumed_at) = (PriceStatus::Usable, timestamp);
                (reserve.price, reserve.accepted_at) = (e.price, timestamp);
            }
            Event::ReserveAdded(e) => self.add_reserve(e.asset, e.id)?,
            Event::TermsSet(e) => {
                let small = |value: U256| u64::try_from(value).map_err(|_| None);
                self.terms = Terms {
                    target_health: e.targetHealth,
                    value_min: e.valueMin,
                    auction_duration: small(e.auctionDuration)?,
                    grace: small(e.grace)?,
                    sync_gap: small(e.syncGap)?,
                    kept_share: small(e.keptShare)?,
                };
            }
            // They change no position, and what they configure is read from the contract.
            _ => {}
        }
        Ok(())
    }

    fn id(&self, asset: Address) -> Result<usize, Option<Address>> {
        self.reserve_id(asset).ok_or(Some(asset))
    }

    fn reserve(&mut self, asset: Address) -> Result<&mut Reserve, Option<Address>> {
        let id = self.id(asset)?;
        self.reserves.get_mut(id).ok_or(Some(asset))
    }

    fn add_reserve(&mut self, asset: Address, id: U256) -> Result<(), Option<Address>> {
        if id != U256::from(self.reserves.len()) || self.reserves.len() >= RESERVES_MAX {
            return Err(None);
        }
        let mut reserve = Reserve::default();
        reserve.config.asset = asset;
        (reserve.supply_index, reserve.debt_index) = (crate::math::RAY, crate::math::RAY);
        self.reserves.push(reserve);
        Ok(())
    }

    /// The price is accepted if the status, which earlier events of the same transaction have set, is usable.
    fn sync(&mut self, e: &LendingPool::Synced, now: u64) -> Result<(), Option<Address>> {
        let gap = self.terms.sync_gap;
        let reserve = self.reserve(e.asset)?;
        if reserve.status == PriceStatus::Usable {
            if gap != 0 && now.saturating_sub(reserve.synced_at) > gap {
                reserve.resumed_at = now;
            }
            reserve.accepted_at = now;
        }
        (reserve.supply_index, reserve.debt_index) = (e.supplyIndex, e.debtIndex);
        (reserve.price, reserve.synced_at) = (e.price, now);
        reserve.rate_per_second = e.ratePerSecond.try_into().map_err(|_| None)?;
        Ok(())
    }

    fn set_supply(
        &mut self,
        account: Address,
        asset: Address,
        scaled: U256,
    ) -> Result<(), Option<Address>> {
        let scaled = u128::try_from(scaled).map_err(|_| None)?;
        self.change(account, asset, |position| position.supply = scaled)
    }

    fn set_debt(
        &mut self,
        account: Address,
        asset: Address,
        scaled: U256,
    ) -> Result<(), Option<Address>> {
        let scaled = u128::try_from(scaled).map_err(|_| None)?;
        self.change(account, asset, |position| position.debt = scaled)
    }

    fn change(
        &mut self,
        address: Address,
        asset: Address,
        change: impl FnOnce(&mut Position),
    ) -> Result<(), Option<Address>> {
        let id = self.id(asset)?;
        let number = u8::try_from(id).map_err(|_| None)?;
        let account = self.accounts.entry(address).or_default();
        let before = account.position(id);
        let mut after = before;
        change(&mut after);
        let place = account.positions.binary_search_by_key(&number, |(number, _)| *number);
        match (place, after == Position::default()) {
            (Ok(place), true) => drop(account.positions.remove(place)),
            (Ok(place), false) => account.positions[place].1 = after,
            (Err(_), true) => {}
            (Err(place), false) => account.positions.insert(place, (number, after)),
        }
        // Sums of 128 bits of each account: no overflow, and nothing is taken off that was not added.
        let reserve = &mut self.reserves[id];
        reserve.scaled_supply += U256::from(after.supply);
        reserve.scaled_supply -= U256::from(before.supply);
        reserve.scaled_debt += U256::from(after.debt);
        reserve.scaled_debt -= U256::from(before.debt);
        self.forget_if_empty(address);
        Ok(())
    }

    fn forget_if_empty(&mut self, address: Address) {
        if self.accounts.get(&address).is_some_and(Account::is_empty) {
            self.accounts.remove(&address);
        }
    }
}

/// Kinds of events after which reserves are configured otherwise.
fn is_configuration(kind: &B256) -> bool {
    [
        LendingPool::ReserveAdded::SIGNATURE_HASH,
        LendingPool::CollateralTermsSet::SIGNATURE_HASH,
        LendingPool::FeedSet::SIGNATURE_HASH,
        LendingPool::ReserveFactorSet::SIGNATURE_HASH,
        LendingPool::BreakerSet::SIGNATURE_HASH,
    ]
    .contains(kind)
}
