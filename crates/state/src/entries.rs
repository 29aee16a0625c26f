//! The entries of a version in the store, and the nodes of its tries.

use crate::{
    Account, Error, Version,
    keys::{self, Subject},
    trie::{AccountLink, Change, Item, NodeSource},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::Nibbles;
use heddle_keccak::keccak256_fixed;
use heddle_storage::{Pair, Table};

/// Is shown a subject and its entry, and says whether to go on.
pub(crate) type VisitEntry<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<bool, Error>;

/// Whoever can read the tables, and is asked for a version.
pub(crate) trait Entries {
    /// Which version.
    fn version(&self) -> Version;

    /// The greatest key from `from` to `to`, both included, and its value.
    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Pair>, Error>;

    /// The last entry of a subject that is not after the version.
    fn read(&self, subject: &Subject) -> Result<Option<Vec<u8>>, Error> {
        let (from, to) = (subject.at(Version(0)), subject.at(self.version()));
        Ok(self.last(subject.table, &from, &to)?.map(|(_, entry)| entry))
    }

    /// Shows `visit` the last entry of each subject between two keys, in no certain order, unless it
    /// is empty, until that says no. Takes as long for a subject of many versions as for one of a few.
    fn each(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        visit: VisitEntry<'_>,
    ) -> Result<(), Error> {
        let mut to = to.to_vec();
        while let Some((key, newest)) = self.last(table, from, &to)? {
            let (subject, version) = split_version(&key)?;
            let entry = if version <= self.version() {
                Some(newest)
            } else {
                self.read(&Subject { table, bytes: subject.to_vec() })?
            };
            if let Some(entry) = entry.filter(|entry| !entry.is_empty())
                && !visit(subject, &entry)?
            {
                return Ok(());
            }
            // It comes before all of its versions, and after those of other subjects.
            to = subject.to_vec();
        }
        Ok(())
    }

    /// Is told of each account and slot that was read.
    fn note(&self, _: Found) {}

    /// The address whose hash is `owner`, of an account that there is; `None` if there is none.
    fn address_of(&self, owner: B256) -> Result<Option<Address>, Error> {
        let (from, to) = keys::accounts_below(&Nibbles::unpack(owner));
        let mut found = None;
        self.each(Table::AccountVersions, &from, &to, &mut |subject, _| {
            let address = keys::stored_address(subject)?;
            if keccak256(address) == owner {
                found = Some(address);
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// Up to so many accounts whose hashed addresses begin with `path`, and one more if there are
    /// more, as they are put into the trie.
    fn accounts_below(&self, path: &Nibbles, max: usize) -> Result<Vec<Item>, Error> {
        let (from, to) = keys::accounts_below(path);
        let mut accounts: Vec<([u8; 20], Account)> = Vec::new();
        self.each(Table::AccountVersions, &from, &to, &mut |subject, entry| {
            let address = keys::stored_address(subject)?;
            // The subject has only the beginning of the hash.
            if path.len() <= keys::HASH_NIBBLES || below(path, keccak256(address)).is_some() {
                let account = Account::decode(entry)?;
                self.note(Found::Account(address, account));
                accounts.push((address.0.0, account));
            }
            Ok(accounts.len() <= max)
        })?;
        let addresses: Vec<[u8; 20]> = accounts.iter().map(|(address, _)| *address).collect();
        let item = |((_, account), hash): ((_, Account), B256)| {
            let change = Change::Put(account.leaf(), AccountLink::stored(&account));
            Item { key: Nibbles::unpack(hash), change }
        };
        Ok(sorted(accounts.into_iter().zip(keccak256_fixed(&addresses)).map(item)))
    }

    /// The same of the slots of an account.
    fn slots_below(
        &self,
        address: Address,
        path: &Nibbles,
        max: usize,
    ) -> Result<Vec<Item>, Error> {
        let (from, to) = keys::slots_below(&keys::account(address), path);
        let mut items = Vec::new();
        self.each(Table::SlotVersions, &from, &to, &mut |subject, entry| {
            let (_, slot, value) = keys::stored_slot(subject, entry)?;
            if let Some(key) = below(path, keccak256(slot.to_be_bytes::<32>())) {
                self.note(Found::Slot(address, slot, value));
                let leaf = alloy_rlp::encode(value).into();
                items.push(Item { key, change: Change::Put(leaf, AccountLink::default()) });
            }
            Ok(items.len() <= max)
        })?;
        Ok(sorted(items.into_iter()))
    }
}

/// What was read on the way.
pub(crate) enum Found {
    Account(Address, Account),
    Slot(Address, U256, U256),
}

/// The subject and the version of a key.
pub(crate) fn split_version(key: &[u8]) -> Result<(&[u8], Version), Error> {
    let split = key.split_last_chunk::<{ keys::VERSION_BYTES }>();
    let (subject, version) = split.ok_or(Error::Entry("a key"))?;
    Ok((subject, Version(u64::from_be_bytes(*version))))
}

/// The key of a hash, if it begins with `path`.
fn below(path: &Nibbles, hash: B256) -> Option<Nibbles> {
    Some(Nibbles::unpack(hash)).filter(|key| key.starts_with(path))
}

fn sorted(items: impl Iterator<Item = Item>) -> Vec<Item> {
    let mut items: Vec<Item> = items.collect();
    items.sort_unstable_by_key(|item| item.key);
    items
}

impl<E: Entries> NodeSource for E {
    fn record(&self, owner: Option<B256>, path: &Nibbles) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.read(&keys::node(owner, path))?.filter(|record| !record.is_empty()))
    }

    fn leaves(&self, owner: Option<B256>, path: &Nibbles, max: usize) -> Result<Vec<Item>, Error> {
        match owner {
            None => self.accounts_below(path, max),
            Some(owner) => match self.address_of(owner)? {
                Some(address) => self.slots_below(address, path, max),
                None => Ok(Vec::new()),
            },
        }
    }
}
