//! Accounts and slots in the order of their hashes, a page at a time.
//!
//! The tables have them in the order of addresses and slots, so each page goes over all of them and
//! keeps the first: memory is bounded by the page, time by what there is. Meant for debugging.

use crate::{Account, Error, StateView};
use alloy_primitives::{Address, B256, U256, keccak256};
use std::collections::BTreeMap;

impl StateView {
    /// Up to `limit` accounts whose hashed addresses are `start` or greater, by ascending hash.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn accounts_from(
        &self,
        start: B256,
        limit: usize,
    ) -> Result<Vec<(B256, Address, Account)>, Error> {
        let mut page = Page { start, limit, found: BTreeMap::new() };
        self.each_account(|address, account| page.offer(keccak256(address), (address, account)))?;
        let listed = |(hash, (address, account))| (hash, address, account);
        Ok(page.found.into_iter().map(listed).collect())
    }

    /// Up to `limit` slots of an account whose hashed keys are `start` or greater, by ascending
    /// hash: hash, key and value, which is not zero.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn slots_from(
        &self,
        address: Address,
        start: B256,
        limit: usize,
    ) -> Result<Vec<(B256, U256, U256)>, Error> {
        let mut page = Page { start, limit, found: BTreeMap::new() };
        self.each_slot(address, |key, value| {
            page.offer(keccak256(key.to_be_bytes::<32>()), (key, value));
        })?;
        Ok(page.found.into_iter().map(|(hash, (key, value))| (hash, key, value)).collect())
    }
}

/// The first few of what is offered, from a hash on.
struct Page<T> {
    start: B256,
    limit: usize,
    found: BTreeMap<B256, T>,
}

impl<T> Page<T> {
    fn offer(&mut self, hash: B256, item: T) {
        if hash >= self.start {
            self.found.insert(hash, item);
            if self.found.len() > self.limit {
                self.found.pop_last();
            }
        }
    }
}
