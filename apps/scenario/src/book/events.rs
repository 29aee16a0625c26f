//! The book as events tell it.

use super::{Book, DOLLAR};
use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolEvent, SolEventInterface};
use heddle_client::Log;
use heddle_venue::contracts::lending_pool::LendingPool::{LendingPoolEvents as Event, Synced};

/// Why an event cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It cannot be read.
    #[error("an event of the lending pool cannot be read")]
    Shape(#[from] alloy_sol_types::Error),
    /// It is of another reserve.
    #[error("the lending pool has an event of {0}, which the scenario has not listed")]
    Asset(Address),
    /// Interest or a price is not what the contract's rules give.
    #[error(
        "reserve {id} is at {said:?} (supply index, debt index, rate, price), and the book at {here:?}: \
         its arithmetic is not that of the contract"
    )]
    Differs {
        /// The reserve.
        id: usize,
        /// By the contract.
        said: Box<[U256; 4]>,
        /// By the book.
        here: Box<[U256; 4]>,
    },
}

/// What events of a block come to. Dollars in units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Places in the book of who was liquidated.
    pub liquidated: Vec<usize>,
    /// Auctions begun.
    pub flags: u64,
    /// Paid by liquidators.
    pub repaid: U256,
    /// Value of what they got beyond that, at the oracle's price, in WAD.
    pub discount: U256,
    /// The same of what the pool kept.
    pub kept: U256,
    /// Owed by those who had no collateral left.
    pub exhausted: U256,
    /// Of that, paid by the insurance fund.
    pub by_fund: U256,
    /// Of that, paid by the backstop.
    pub by_backstop: U256,
    /// Of that, left as deficit.
    pub deficit: U256,
    /// Withdrawn by suppliers.
    pub withdrawn: U256,
    /// Repaid by borrowers themselves.
    pub returned: U256,
}

impl Book {
    /// Follows an event of the pool, and counts what it says. `Synced` is checked against the
    /// book's own arithmetic.
    ///
    /// # Errors
    ///
    /// [`EventError`].
    pub fn follow(&mut self, log: &Log, counts: &mut Counts) -> Result<(), EventError> {
        let topics = log.topics.iter().copied();
        let time = self.reserves[DOLLAR].synced_at;
        match Event::decode_raw_log(topics.collect::<Vec<_>>().as_slice(), &log.data)? {
            Event::Supplied(event) => {
                self.supply(event.asset, event.account, event.scaledSupply)?
            }
            Event::Withdrawn(event) => {
                counts.withdrawn += event.amount;
                self.supply(event.asset, event.account, event.scaledSupply)?;
            }
            Event::Borrowed(event) => self.owe(event.asset, event.account, event.scaledDebt)?,
            Event::Repaid(event) => {
                counts.returned += event.amount;
                self.owe(event.asset, event.account, event.scaledDebt)?;
            }
            Event::CollateralSet(event) => {
                let id = self.id(event.asset)?;
                let place = self.place(event.account);
                self.accounts[place].is_pledged[id] = event.isCollateral;
            }
            Event::Synced(event) => self.compare(&event)?,
            Event::Flagged(event) => {
                counts.flags += 1;
                let place = self.place(event.account);
                self.accounts[place].flagged_at = time;
            }
            Event::Unflagged(event) => {
                let place = self.place(event.account);
                self.accounts[place].flagged_at = 0;
            }
            Event::Liquidated(event) => {
                let done = &event.liquidation;
                let place = self.place(event.account);
                counts.liquidated.push(place);
                counts.repaid += done.repaid;
                let value = |amount: U256| self.value(event.collateralAsset, amount);
                let (seized, kept) = (value(done.seized)?, value(done.kept)?);
                let paid = self.value(event.debtAsset, done.repaid)?;
                counts.discount += seized.saturating_sub(paid);
                counts.kept += kept;
                self.owe(event.debtAsset, event.account, done.scaledDebt)?;
                self.supply(event.collateralAsset, event.account, done.scaledSupply)?;
            }
            Event::CollateralExhausted(event) => {
                counts.exhausted += event.debt;
                self.owe(event.asset, event.account, U256::ZERO)?;
            }
            Event::InsuranceFundPaid(event) => {
                counts.by_fund += event.paid;
                self.fund = self.fund.saturating_sub(event.paid);
            }
            Event::BackstopPaid(event) => {
                counts.by_backstop += event.paid;
                self.backstop = self.backstop.saturating_sub(event.paid);
            }
            Event::DeficitRecorded(event) => {
                counts.deficit += event.added;
                let id = self.id(event.asset)?;
                self.reserves[id].deficit = event.deficit;
            }
            Event::DeficitCovered(event) => {
                let id = self.id(event.asset)?;
                self.reserves[id].deficit = event.deficit;
            }
            _ => {}
        }
        Ok(())
    }

    fn supply(&mut self, asset: Address, account: Address, scaled: U256) -> Result<(), EventError> {
        let (id, place) = (self.id(asset)?, self.place(account));
        self.set_supply(place, id, scaled);
        Ok(())
    }

    fn owe(&mut self, asset: Address, account: Address, scaled: U256) -> Result<(), EventError> {
        let (id, place) = (self.id(asset)?, self.place(account));
        self.set_debt(place, id, scaled);
        Ok(())
    }

    fn id(&self, asset: Address) -> Result<usize, EventError> {
        let found = self.reserves.iter().position(|reserve| reserve.asset == asset);
        found.ok_or(EventError::Asset(asset))
    }

    /// Where an account is; it is added if it is new.
    pub fn place(&mut self, address: Address) -> usize {
        *self.places.entry(address).or_insert_with(|| {
            self.accounts.push(super::Account { address, ..super::Account::default() });
            self.accounts.len() - 1
        })
    }

    fn value(&self, asset: Address, amount: U256) -> Result<U256, EventError> {
        let reserve = &self.reserves[self.id(asset)?];
        let unit = crate::math::units(reserve.decimals);
        Ok(crate::math::mul_div_down(amount, reserve.price, unit))
    }

    fn compare(&self, event: &Synced) -> Result<(), EventError> {
        let id = self.id(event.asset)?;
        let reserve = &self.reserves[id];
        let said = [event.supplyIndex, event.debtIndex, event.ratePerSecond, event.price];
        let here = [reserve.supply_index, reserve.debt_index, reserve.rate, reserve.price];
        if said == here {
            return Ok(());
        }
        Err(EventError::Differs { id, said: Box::new(said), here: Box::new(here) })
    }
}

/// Kinds of events that change a book, for a filter.
pub fn kinds() -> Vec<alloy_primitives::B256> {
    use heddle_venue::contracts::lending_pool::LendingPool as Pool;
    vec![
        Pool::Supplied::SIGNATURE_HASH,
        Pool::Withdrawn::SIGNATURE_HASH,
        Pool::Borrowed::SIGNATURE_HASH,
        Pool::Repaid::SIGNATURE_HASH,
        Pool::CollateralSet::SIGNATURE_HASH,
        Pool::Synced::SIGNATURE_HASH,
        Pool::Flagged::SIGNATURE_HASH,
        Pool::Unflagged::SIGNATURE_HASH,
        Pool::Liquidated::SIGNATURE_HASH,
        Pool::CollateralExhausted::SIGNATURE_HASH,
        Pool::InsuranceFundPaid::SIGNATURE_HASH,
        Pool::BackstopPaid::SIGNATURE_HASH,
        Pool::DeficitRecorded::SIGNATURE_HASH,
        Pool::DeficitCovered::SIGNATURE_HASH,
    ]
}
