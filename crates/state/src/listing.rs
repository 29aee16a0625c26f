//! Accounts and slots, a page at a time.
//!
//! In the order of their hashes each page goes over all of them and keeps the first: memory is
//! bounded by the page, time by what there is. Meant for debugging. A state is copied by shards, in
//! the order in which the tables have them.

use crate::{
    Account, Error, StateView,
    entries::Entries as _,
    keys::{self, Subject},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::Nibbles;
use heddle_storage::Table;
use heddle_types::{AccountChange, AccountState};
use std::collections::{BTreeMap, btree_map};

/// A part of what a shard of a state has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPage<T> {
    /// What there is, in the order in which it is asked for.
    pub items: Vec<T>,
    /// Whether there is more after the last one.
    pub has_more: bool,
}

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

    /// Up to `limit` accounts of a shard, which are those whose hashed addresses begin with a byte:
    /// the first of them, or those after an account that an earlier page ended with.
    ///
    /// # Errors
    ///
    /// [`Error::NotStored`] for a state that is not stored yet; the store may fail.
    pub fn shard_accounts(
        &self,
        shard: u8,
        after: Option<Address>,
        limit: usize,
    ) -> Result<ShardPage<(Address, Account)>, Error> {
        let after = after.map(keys::account);
        self.shard(Table::AccountVersions, shard, after, limit, |subject, entry| {
            Ok((keys::stored_address(subject)?, Account::decode(entry)?))
        })
    }

    /// Up to `limit` slots of the accounts of a shard: account, key and value, which is not zero.
    ///
    /// # Errors
    ///
    /// As [`StateView::shard_accounts`].
    pub fn shard_slots(
        &self,
        shard: u8,
        after: Option<(Address, U256)>,
        limit: usize,
    ) -> Result<ShardPage<(Address, U256, U256)>, Error> {
        let after = after.map(|(address, key)| keys::slot(address, key));
        self.shard(Table::SlotVersions, shard, after, limit, keys::stored_slot)
    }

    /// What changes this state's shard into the one that another state has, whose accounts and slots
    /// are given: by ascending address.
    ///
    /// # Errors
    ///
    /// As [`StateView::shard_accounts`].
    pub fn shard_changes(
        &self,
        shard: u8,
        accounts: impl IntoIterator<Item = (Address, AccountState)>,
        slots: impl IntoIterator<Item = (Address, U256, U256)>,
    ) -> Result<Vec<AccountChange>, Error> {
        let state = |account: Account| AccountState {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
        };
        let own = self.shard_accounts(shard, None, usize::MAX)?.items.into_iter();
        let mut before: BTreeMap<Address, AccountState> =
            own.map(|(address, account)| (address, state(account))).collect();
        let mut storage: BTreeMap<Address, BTreeMap<U256, U256>> = BTreeMap::new();
        for (address, key, value) in slots {
            storage.entry(address).or_default().insert(key, value);
        }
        for (address, key, value) in self.shard_slots(shard, None, usize::MAX)?.items {
            let slots = storage.entry(address).or_default();
            match slots.entry(key) {
                // Nothing is there any more.
                btree_map::Entry::Vacant(entry) => drop(entry.insert(U256::ZERO)),
                btree_map::Entry::Occupied(entry) if *entry.get() == value => drop(entry.remove()),
                btree_map::Entry::Occupied(_) => {}
            }
        }
        let mut changes = Vec::new();
        for (address, after) in accounts.into_iter().collect::<BTreeMap<_, _>>() {
            let slots = storage.remove(&address).unwrap_or_default();
            if before.remove(&address) != Some(after) || !slots.is_empty() {
                let storage = slots.into_iter().collect();
                changes.push(AccountChange {
                    address,
                    after: Some(after),
                    storage_cleared: false,
                    storage,
                });
            }
        }
        let gone = before.into_keys().map(|address| AccountChange {
            address,
            after: None,
            storage_cleared: true,
            storage: Vec::new(),
        });
        changes.extend(gone);
        changes.sort_unstable_by_key(|change| change.address);
        Ok(changes)
    }

    fn shard<T>(
        &self,
        table: Table,
        shard: u8,
        after: Option<Subject>,
        limit: usize,
        decode: impl Fn(&[u8], &[u8]) -> Result<T, Error>,
    ) -> Result<ShardPage<T>, Error> {
        if !self.is_stored() {
            return Err(Error::NotStored);
        }
        let (start, end) = keys::accounts_below(&Nibbles::unpack([shard]));
        // Whoever asks may be anyone: nothing of another shard is given.
        let from = after.map_or(start.clone(), |after| keys::behind(&after.bytes).max(start));
        let (mut items, mut has_more) = (Vec::new(), false);
        if from > end {
            return Ok(ShardPage { items, has_more });
        }
        // A stored version shows them in the order of the tables.
        self.base().each(table, &from, &end, &mut |subject, entry| {
            has_more = items.len() >= limit;
            if !has_more {
                items.push(decode(subject, entry)?);
            }
            Ok(!has_more)
        })?;
        Ok(ShardPage { items, has_more })
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
