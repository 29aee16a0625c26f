//! What pages show, gathered from chain, pool and index.

pub(crate) mod asks;
pub(crate) mod blocks;
pub(crate) mod contracts;
pub(crate) mod decoding;
mod names;
pub(crate) mod slots;
pub(crate) mod traces;
pub(crate) mod transactions;

pub(crate) use names::{Name, NameSource, system as system_names};

use crate::{Explorer, IndexError, IndexReader, Status, explorer::Snapshot};
use alloy_primitives::Address;
use heddle_chain::ChainReader;
use std::{
    cell::RefCell,
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

/// The chain and the index at one moment, with what is looked up again and again. Stays on one
/// thread.
#[derive(Debug)]
pub(crate) struct View<'e> {
    pub(crate) explorer: &'e Explorer,
    pub(crate) chain: ChainReader,
    pub(crate) index: IndexReader,
    pub(crate) status: Status,
    /// UNIX second.
    pub(crate) now: u64,
    names: RefCell<HashMap<Address, Option<Name>>>,
    known: RefCell<HashMap<Address, decoding::Known>>,
}

impl<'e> View<'e> {
    /// As things are now.
    ///
    /// # Errors
    ///
    /// The store of the index may fail.
    pub(crate) fn new(explorer: &'e Explorer) -> Result<Self, IndexError> {
        let Snapshot { chain, index, status } = explorer.snapshot()?;
        // A clock before 1970 is as good as none.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let (names, known) = (RefCell::default(), RefCell::default());
        Ok(Self { explorer, chain, index, status, now, names, known })
    }

    /// Height of the chain.
    pub(crate) fn head(&self) -> u64 {
        self.chain.head().number
    }

    /// Blocks that the index does not have yet.
    pub(crate) fn behind(&self) -> u64 {
        self.index.head().map_or(self.head() + 1, |head| self.head().saturating_sub(head.number))
    }

    /// What an address is called.
    pub(crate) fn name(&self, address: Address) -> Option<Name> {
        if let Some(known) = self.names.borrow().get(&address) {
            return known.clone();
        }
        let name = names::find(self, address);
        self.names.borrow_mut().insert(address, name.clone());
        name
    }
}
