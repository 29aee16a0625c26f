//! Reading the state as of a version.

use crate::{
    Account, Entry, Error, Layer, Version,
    apply::{ChangedAccount, items_of_slots},
    cache::Cache,
    entries::{Entries, Found, VisitEntry, split_version},
    history,
    keys::{self, Subject},
    trie::{Change, Item, Memory, Trie},
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use heddle_storage::{Pair, Reader, Table};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// The state as of a version: one that is stored, or one on top of it that is not yet. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct StateView {
    base: Arc<Base>,
    /// What is not stored yet, the newest last.
    layers: Vec<Arc<Layer>>,
    /// `None` if it is not stored and was not asked for.
    trie: Option<Trie>,
    memory: Arc<Memory>,
}

/// A stored version.
#[derive(Debug)]
pub(crate) struct Base {
    reader: Reader,
    version: Version,
    bare: Option<Bare>,
    /// What of this version is in memory, or of one after it that was stored on top.
    cache: Option<CacheOf>,
}

/// A cache, and how large it may be.
#[derive(Clone, Debug)]
struct CacheOf {
    cache: Arc<Cache>,
    bytes_max: usize,
}

/// A version whose tries are not stored.
#[derive(Debug)]
struct Bare {
    root: B256,
    /// Made when it is first asked for.
    trie: OnceLock<Trie>,
}

impl StateView {
    /// The state as of a stored version.
    ///
    /// # Errors
    ///
    /// [`Error::Pruned`] if it is not kept any more, [`Error::Future`] if it is not there yet; the
    /// store may fail. Version 0 is empty before the genesis is written.
    pub fn new(reader: Reader, version: Version) -> Result<Self, Error> {
        Self::within(Arc::default(), reader, version)
    }

    /// The same state, none of whose nodes is in memory yet, and which keeps this many bytes of
    /// them, roughly, from version to version; some gigabytes if nothing is said.
    #[must_use]
    pub fn with_node_memory(mut self, bytes_max: usize) -> Self {
        self.memory = Arc::new(Memory::new(bytes_max));
        if self.layers.is_empty() && self.trie.is_some() {
            self.trie = Some(Trie::accounts_within(self.root(), self.memory.clone()));
        }
        self
    }

    fn within(memory: Arc<Memory>, reader: Reader, version: Version) -> Result<Self, Error> {
        let (oldest, latest) = (history::oldest(&reader)?, history::latest(&reader)?);
        if version < oldest {
            return Err(Error::Pruned { asked: version, oldest });
        }
        if version > latest {
            return Err(Error::Future { asked: version, latest });
        }
        let root = history::root(&reader, version)?;
        let bare = (!root.is_stored).then(|| Bare { root: root.hash, trie: OnceLock::new() });
        let trie = root.is_stored.then(|| Trie::accounts_within(root.hash, memory.clone()));
        let base = Base { reader, version, bare, cache: None };
        Ok(Self { base: Arc::new(base), layers: Vec::new(), trie, memory })
    }

    /// The same state, of which up to so many bytes of accounts and slots are kept in memory as they
    /// are read, and as they change in what is stored on top of it.
    #[must_use]
    pub fn with_cache(mut self, bytes_max: usize) -> Self {
        let Base { reader, version, bare, .. } = &*self.base;
        let (reader, version) = (reader.clone(), *version);
        let bare = bare.as_ref().map(|bare| Bare { root: bare.root, trie: bare.trie.clone() });
        let cache = Some(CacheOf { cache: Arc::new(Cache::new(version, bytes_max)), bytes_max });
        self.base = Arc::new(Base { reader, version, bare, cache });
        self
    }

    /// The same state, all of which has been stored as `version` since. What is in memory stays
    /// there, but for what was not used for long when it is too much.
    pub fn stored(&self, reader: Reader, version: Version) -> Self {
        let memory = self.memory.clone();
        let cache = self.advance_cache(version);
        let is_there = history::root(&reader, version).is_ok_and(|root| root.is_stored);
        let (bare, trie) = match (&self.trie, &self.base.bare) {
            // What is not in memory any more has to be in the store.
            (Some(trie), _) if is_there => (None, Some(trie.without_unused())),
            (Some(trie), _) => (None, Some(trie.clone())),
            // It is of no layer, so the version that is read is the same state.
            (None, bare) => {
                let trie = |bare: &Bare| Bare { root: bare.root, trie: bare.trie.clone() };
                (bare.as_ref().map(trie), None)
            }
        };
        let base = Arc::new(Base { reader, version, bare, cache });
        Self { base, layers: Vec::new(), trie, memory }
    }

    /// The cache of what was stored on top of this state.
    fn advance_cache(&self, version: Version) -> Option<CacheOf> {
        let CacheOf { cache, bytes_max } = self.base.cache.clone()?;
        if version == self.base.version {
            return Some(CacheOf { cache, bytes_max });
        }
        if !cache.ends_at(self.base.version) {
            // It goes on with another version: one that was undone, or of another branch.
            let cache = Arc::new(Cache::new(version, bytes_max));
            return Some(CacheOf { cache, bytes_max });
        }
        cache.advance(version);
        for layer in &self.layers {
            for ChangedAccount { address, account, slots, .. } in layer.accounts() {
                let entry = account.map_or(Entry::Deleted, Entry::Known);
                cache.set_account(*address, version, entry);
                for (key, value) in slots {
                    let is_zero = value.is_zero();
                    let entry = if is_zero { Entry::Deleted } else { Entry::Known(*value) };
                    cache.set_slot((*address, *key), version, entry);
                }
            }
        }
        Some(CacheOf { cache, bytes_max })
    }

    /// The state after one more layer, which was made from this one.
    pub fn with(&self, layer: Arc<Layer>) -> Self {
        let trie = Some(layer.trie.clone());
        let mut layers = self.layers.clone();
        layers.push(layer);
        Self { base: self.base.clone(), layers, trie, memory: self.memory.clone() }
    }

    /// Root of the trie of accounts.
    pub fn root(&self) -> B256 {
        match (&self.trie, &self.base.bare) {
            (Some(trie), _) => trie.root(),
            (None, Some(bare)) => bare.root,
            (None, None) => EMPTY_ROOT_HASH,
        }
    }

    /// The trie of accounts.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub(crate) fn trie(&self) -> Result<&Trie, Error> {
        match &self.trie {
            Some(trie) => Ok(trie),
            None => self.base.made_anew(&self.memory),
        }
    }

    /// Whether it is a stored version, with nothing on top.
    pub(crate) fn is_stored(&self) -> bool {
        self.layers.is_empty()
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    pub(crate) fn base_shared(&self) -> Arc<Base> {
        self.base.clone()
    }

    /// An account.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn account(&self, address: Address) -> Result<Option<Account>, Error> {
        Ok(self.account_entry(address)?.known())
    }

    /// What is known of an account.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn account_entry(&self, address: Address) -> Result<Entry<Account>, Error> {
        for layer in self.layers.iter().rev() {
            if let Some(account) = layer.account(address) {
                return Ok(account.map_or(Entry::Deleted, Entry::Known));
            }
        }
        self.base.account_entry(address)
    }

    /// A slot of an account; zero if nothing is there.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn slot(&self, address: Address, key: U256) -> Result<U256, Error> {
        Ok(self.slot_entry(address, key)?.known().unwrap_or_default())
    }

    /// What is known of a slot.
    ///
    /// [`Entry::Unknown`] says nothing of the account: on a chain that was forked from another, a
    /// slot of an account that is [`Entry::Deleted`], or whose storage was cleared, is not the other
    /// chain's either.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn slot_entry(&self, address: Address, key: U256) -> Result<Entry<U256>, Error> {
        for layer in self.layers.iter().rev() {
            if let Some(value) = layer.slot(address, key) {
                return Ok(if value.is_zero() { Entry::Deleted } else { Entry::Known(value) });
            }
        }
        self.base.slot_entry(address, key)
    }

    /// A code; `None` if no account has got one with this hash.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn code(&self, hash: B256) -> Result<Option<Bytes>, Error> {
        if hash == KECCAK256_EMPTY {
            return Ok(Some(Bytes::new()));
        }
        if let Some(code) = self.layers.iter().rev().find_map(|layer| layer.codes.get(&hash)) {
            return Ok(Some(code.clone()));
        }
        Ok(self.base.reader.get(Table::Codes, hash.as_slice())?.map(Bytes::from))
    }

    /// All slots of an account that are not zero.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn slots(&self, address: Address) -> Result<BTreeMap<U256, U256>, Error> {
        let mut slots = BTreeMap::new();
        self.each_slot(address, |key, value| {
            slots.insert(key, value);
        })?;
        Ok(slots)
    }

    /// All accounts, by ascending address. Meant for dumps of small states: it reads everything.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn accounts(&self) -> Result<BTreeMap<Address, Account>, Error> {
        let mut accounts = BTreeMap::new();
        self.each_account(|address, account| {
            accounts.insert(address, account);
        })?;
        Ok(accounts)
    }

    /// Shows `visit` each slot of an account that is not zero, in no order.
    pub(crate) fn each_slot(
        &self,
        address: Address,
        mut visit: impl FnMut(U256, U256),
    ) -> Result<(), Error> {
        let mut changed = BTreeMap::new();
        for layer in &self.layers {
            changed.extend(layer.slots_of(address).iter().copied());
        }
        let (from, to) = keys::slots_below(&keys::account(address), &Nibbles::new());
        self.base.each_last(Table::SlotVersions, &from, &to, |subject, entry| {
            let (_, key, value) = keys::stored_slot(subject, entry)?;
            if !changed.contains_key(&key) {
                visit(key, value);
            }
            Ok(())
        })?;
        for (key, value) in changed.into_iter().filter(|(_, value)| !value.is_zero()) {
            visit(key, value);
        }
        Ok(())
    }

    /// Shows `visit` each account, in no order.
    pub(crate) fn each_account(
        &self,
        mut visit: impl FnMut(Address, Account),
    ) -> Result<(), Error> {
        let mut changed: BTreeMap<Address, Option<Account>> = BTreeMap::new();
        for layer in &self.layers {
            changed.extend(layer.accounts().iter().map(|it| (it.address, it.account)));
        }
        let (from, to) = keys::accounts_below(&Nibbles::new());
        self.base.each_last(Table::AccountVersions, &from, &to, |subject, entry| {
            let address = keys::stored_address(subject)?;
            if !changed.contains_key(&address) {
                visit(address, Account::decode(entry)?);
            }
            Ok(())
        })?;
        for (address, account) in changed {
            if let Some(account) = account {
                visit(address, account);
            }
        }
        Ok(())
    }

    /// Reads into memory what computing the root will need once these accounts and slots have
    /// changed. Meant for another thread, while the block still executes; what cannot be read is
    /// left to who really needs it.
    pub fn prefetch(
        &self,
        accounts: impl Iterator<Item = Address>,
        slots: impl Iterator<Item = (Address, U256)>,
    ) {
        let Ok(trie) = self.trie() else { return };
        self.unless_all_there(accounts, |address| {
            let _ = trie.load(keccak256(address), &*self.base);
        });
        let mut last: Option<(Address, Option<Trie>)> = None;
        self.unless_all_there(slots, |(address, key)| {
            if last.as_ref().is_none_or(|(of, _)| *of != address) {
                last = Some((address, self.storage_trie(address).ok().flatten()));
            }
            if let Some((_, Some(storage))) = &last {
                let _ = storage.load(keccak256(key.to_be_bytes::<32>()), &*self.base);
            }
        });
    }

    /// Looks up each, unless the first few show that all is in memory: that would cost as much as it
    /// saves.
    fn unless_all_there<T>(&self, mut all: impl Iterator<Item = T>, mut look_up: impl FnMut(T)) {
        let before = self.memory.reads();
        all.by_ref().take(64).for_each(&mut look_up);
        if self.memory.reads() != before {
            all.for_each(look_up);
        }
    }

    /// Reads tries into memory, and the accounts and slots that they are made from, until there is
    /// all, or half of what may be there, or until `go_on` says no: what is asked for then needs no
    /// reading. Uses up to `threads` threads.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn warm_up(&self, threads: usize, go_on: &(dyn Fn() -> bool + Sync)) -> Result<(), Error> {
        self.trie()?.load_all(threads, &*self.base, go_on)
    }

    /// The trie of an account's storage; `None` if there is no such account.
    pub(crate) fn storage_trie(&self, address: Address) -> Result<Option<Trie>, Error> {
        let Some(account) = self.account(address)? else { return Ok(None) };
        let owner = keccak256(address);
        self.trie()?.storage(owner, account.storage_root, &*self.base).map(Some)
    }
}

impl Base {
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The version, if its tries are stored, or else the last one before it whose tries are.
    pub(crate) fn trie_version(&self) -> Result<Version, Error> {
        history::trie_version(&self.reader, self.version)
    }

    /// The trie of a version whose tries are not stored, from the last one before it that is.
    fn made_anew(&self, memory: &Arc<Memory>) -> Result<&Trie, Error> {
        let Some(bare) = &self.bare else {
            // A view without a trie is of such a version.
            return Err(Error::Entry("a root"));
        };
        if let Some(trie) = bare.trie.get() {
            return Ok(trie);
        }
        let trie = self.make_anew(memory)?;
        if trie.root() != bare.root {
            return Err(Error::Node { owner: None, path: Nibbles::new() });
        }
        Ok(bare.trie.get_or_init(|| trie))
    }

    /// Changes the last tries that are stored to what accounts and slots are.
    fn make_anew(&self, memory: &Arc<Memory>) -> Result<Trie, Error> {
        let (reader, version) = (self.reader.clone(), self.trie_version()?);
        let root = history::root(&reader, version)?.hash;
        let mut changed: BTreeMap<Address, BTreeMap<U256, U256>> = BTreeMap::new();
        for version in (version.0 + 1..=self.version.0).map(Version) {
            for subject in history::stored_changes(&self.reader, version)? {
                let Some((address, key)) = keys::address_and_slot(&subject)? else { continue };
                let slots = changed.entry(address).or_default();
                if let Some(key) = key {
                    slots.insert(key, self.slot(address, key)?);
                }
            }
        }
        let base = Self { reader, version, bare: None, cache: None };
        let from = Earlier { base, later: self, changed: &changed };
        let trie = Trie::accounts_within(root, memory.clone());
        let mut items = Vec::with_capacity(changed.len());
        for (address, slots) in &changed {
            let (owner, before) = (keccak256(address), from.base.account(*address)?);
            let Some(account) = self.account(*address)? else {
                items.push(Item { key: Nibbles::unpack(owner), change: Change::Delete });
                continue;
            };
            let root = before.map_or(EMPTY_ROOT_HASH, |before| before.storage_root);
            let storage = trie.storage(owner, root, &from)?;
            let storage = storage.update(&items_of_slots(slots), 1, &from)?;
            if storage.root() != account.storage_root {
                return Err(Error::Slots(*address));
            }
            let link = storage.into_account(account.storage_cleared);
            let change = Change::Put(account.leaf(), link);
            items.push(Item { key: Nibbles::unpack(owner), change });
        }
        items.sort_unstable_by_key(|item| item.key);
        trie.update(&items, 1, &from)
    }

    /// An account as of the version.
    fn account(&self, address: Address) -> Result<Option<Account>, Error> {
        Ok(self.account_entry(address)?.known())
    }

    /// A slot as of the version; zero if nothing is there.
    fn slot(&self, address: Address, key: U256) -> Result<U256, Error> {
        Ok(self.slot_entry(address, key)?.known().unwrap_or_default())
    }

    fn account_entry(&self, address: Address) -> Result<Entry<Account>, Error> {
        let cache = self.cache.as_ref().map(|of| &of.cache);
        if let Some(entry) = cache.and_then(|cache| cache.account(address, self.version)) {
            return Ok(entry);
        }
        let entry = match self.read(&keys::account(address))? {
            None => Entry::Unknown,
            Some(entry) if entry.is_empty() => Entry::Deleted,
            Some(entry) => Entry::Known(Account::decode(&entry)?),
        };
        if let Some(cache) = cache {
            cache.keep_account(address, self.version, entry);
        }
        Ok(entry)
    }

    fn slot_entry(&self, address: Address, key: U256) -> Result<Entry<U256>, Error> {
        let cache = self.cache.as_ref().map(|of| &of.cache);
        if let Some(entry) = cache.and_then(|cache| cache.slot((address, key), self.version)) {
            return Ok(entry);
        }
        let entry = match self.read(&keys::slot(address, key))? {
            None => Entry::Unknown,
            Some(entry) if entry.is_empty() => Entry::Deleted,
            Some(entry) => Entry::Known(keys::slot_value(&entry)?),
        };
        if let Some(cache) = cache {
            cache.keep_slot((address, key), self.version, entry);
        }
        Ok(entry)
    }

    /// Shows `visit` the last entry of each subject between two keys, unless it is empty.
    pub(crate) fn each_last(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.each(table, from, to, &mut |subject, entry| visit(subject, entry).map(|()| true))
    }
}

/// A version whose tries are stored, while those of a later one are made from it: what has not
/// changed in between is kept for that one.
struct Earlier<'a> {
    base: Base,
    later: &'a Base,
    /// Accounts that changed, with their slots that did.
    changed: &'a BTreeMap<Address, BTreeMap<U256, U256>>,
}

impl Entries for Earlier<'_> {
    fn version(&self) -> Version {
        self.base.version
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Pair>, Error> {
        self.base.last(table, from, to)
    }

    fn each(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        visit: VisitEntry<'_>,
    ) -> Result<(), Error> {
        self.base.each(table, from, to, visit)
    }

    fn note(&self, found: Found) {
        let has_changed = match &found {
            Found::Account(address, _) => self.changed.contains_key(address),
            Found::Slot(address, key, _) => {
                self.changed.get(address).is_some_and(|slots| slots.contains_key(key))
            }
        };
        if !has_changed {
            self.later.note(found);
        }
    }
}

/// Versions of a subject that are read one after the other before the last is looked for.
const VERSIONS_READ: usize = 8;

impl Entries for Base {
    fn version(&self) -> Version {
        self.version
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Pair>, Error> {
        Ok(self.reader.last_below_or_at(table, from, to)?)
    }

    fn each(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        visit: VisitEntry<'_>,
    ) -> Result<(), Error> {
        let mut range = self.reader.range(table, from, to)?;
        let mut show = |subject: &[u8], entry: Option<Vec<u8>>| {
            entry.filter(|entry| !entry.is_empty()).map_or(Ok(true), |entry| visit(subject, &entry))
        };
        let (mut last, mut entry, mut versions) = (Vec::new(), None, 0);
        while let Some(pair) = range.next() {
            let (key, value) = pair?;
            let (subject, version) = split_version(&key)?;
            if subject != last {
                if !show(&last, entry.take())? {
                    return Ok(());
                }
                subject.clone_into(&mut last);
                versions = 0;
            }
            versions += 1;
            if version <= self.version {
                entry = Some(value);
            }
            if versions == VERSIONS_READ {
                entry = self.read(&Subject { table, bytes: last.clone() })?;
                range = self.reader.range(table, &keys::behind(&last), to)?;
            }
        }
        show(&last, entry).map(drop)
    }

    fn note(&self, found: Found) {
        let Some(CacheOf { cache, .. }) = &self.cache else { return };
        match found {
            Found::Account(address, account) => {
                cache.keep_account(address, self.version, Entry::Known(account));
            }
            Found::Slot(address, key, value) => {
                cache.keep_slot((address, key), self.version, Entry::Known(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{write_bare_layer, write_layer};
    use heddle_storage::{Database, Options};
    use heddle_types::{AccountChange, AccountState, ChangeSet};

    /// The nodes that a trie is made anew from are read on the way, so nobody reads them later.
    #[test]
    fn all_accounts_are_in_memory_once_a_version_was_warmed_up_whose_tries_are_not_stored() {
        let options = Options { cache_bytes: 1 << 20, ..Options::default() };
        let database = Database::ephemeral(&std::env::temp_dir(), options).unwrap();
        let address = |number: u64| Address::from_word(keccak256(number.to_be_bytes()));
        let change = |number: u64, nonce: u64| AccountChange {
            address: address(number),
            after: Some(AccountState { nonce, balance: U256::ONE, code_hash: KECCAK256_EMPTY }),
            storage_cleared: false,
            storage: Vec::new(),
        };
        let mut view = StateView::new(database.reader().unwrap(), Version(0)).unwrap();
        for (version, changed) in [(0, 500_u64), (1, 20), (2, 3)] {
            let mut accounts: Vec<_> =
                (0..changed).map(|number| change(number, version + 1)).collect();
            accounts.sort_by_key(|change| change.address);
            let layer = view.apply(&ChangeSet { accounts, codes: Vec::new() }, 1).unwrap();
            let mut writer = database.writer().unwrap();
            let write = if version == 0 {
                write_layer(&mut writer, Version(version), &layer)
            } else {
                write_bare_layer(&mut writer, Version(version), &layer)
            };
            write.unwrap();
            writer.commit().unwrap();
            view = StateView::new(database.reader().unwrap(), Version(version)).unwrap();
        }
        let view = view.with_cache(1 << 20);
        view.warm_up(1, &|| true).unwrap();
        let cache = &view.base.cache.as_ref().unwrap().cache;
        for number in 0..500 {
            let nonce = if number < 3 {
                3
            } else if number < 20 {
                2
            } else {
                1
            };
            let found = cache.account(address(number), Version(2)).and_then(Entry::known);
            assert_eq!(found.map(|account| account.nonce), Some(nonce), "account {number}");
        }
    }
}
