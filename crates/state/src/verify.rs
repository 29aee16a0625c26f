//! Checking a stored state: the tries are made anew from accounts and slots, and compared with
//! those that are stored.

use crate::{
    Account, Error, StateView, Version,
    apply::items_of_slots,
    keys,
    trie::{AccountLink, Change, Item, Nowhere, Records, Trie, difference},
    view::Base,
};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use heddle_storage::{Reader, Table};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// How to check a state.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// Threads to use.
    pub threads: usize,
    /// Whether codes may be missing: those of a chain that was forked from another lie there.
    pub codes_elsewhere: bool,
}

/// What a check of a state went over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifiedState {
    /// Number of accounts.
    pub accounts: u64,
    /// Number of slots that are not zero.
    pub slots: u64,
}

/// Parts of the state that are checked apart from each other: by the first byte of the address.
const SHARDS: u64 = 256;

/// Accounts with their storage, checked but for the trie of accounts.
#[derive(Default)]
struct Shard {
    leaves: Vec<Item>,
    verified: VerifiedState,
}

/// Checks the state as of a stored version: that each account has the storage root and the code
/// that it names, and that the stored tries are those of the accounts and slots, node for node.
///
/// Takes memory for the trie of all accounts, and for the largest storage on each thread.
/// `progress` is called with the parts done and all parts.
///
/// # Errors
///
/// What was found to be damaged first; the store may fail.
pub fn verify(
    reader: Reader,
    version: Version,
    options: VerifyOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<VerifiedState, Error> {
    let view = StateView::new(reader.clone(), version)?;
    let trie_version = view.base().trie_version()?;
    if trie_version != version {
        // The stored nodes are those of another version: they are compared with what was there then.
        verify(reader, trie_version, options, &|_, _| {})?;
    }
    let stores_tries = trie_version == version;
    let threads = options.threads.max(1);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || -> Result<Shard, Error> {
        let mut all = Shard::default();
        loop {
            let Ok(first) = u8::try_from(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(all);
            };
            let shard =
                view.base().verify_shard(first, options, stores_tries).inspect_err(|_| {
                    // Nobody needs to begin another one.
                    next.store(SHARDS, Ordering::Relaxed);
                })?;
            all.add(shard);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, SHARDS);
        }
    };
    let all = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work()?;
        for thread in others {
            all.add(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, Error>(all)
    })?;
    let Shard { mut leaves, verified } = all;
    leaves.sort_unstable_by_key(|leaf| leaf.key);
    let (root, records) = made_anew(&leaves, threads)?;
    if stores_tries {
        view.base().verify_nodes(None, &records)?;
    }
    // Few accounts have no nodes that are stored.
    if root != view.root() {
        return Err(Error::Node { owner: None, path: Nibbles::new() });
    }
    Ok(verified)
}

impl Shard {
    fn add(&mut self, other: Self) {
        self.leaves.extend(other.leaves);
        self.verified.accounts += other.verified.accounts;
        self.verified.slots += other.verified.slots;
    }
}

/// The trie of sorted items: its root and all its records.
fn made_anew(items: &[Item], threads: usize) -> Result<(B256, Records), Error> {
    let mut records = Records::new();
    let empty = Trie::accounts(EMPTY_ROOT_HASH);
    let trie = empty.update(items, threads, &Nowhere)?;
    difference((&empty, &Nowhere), (&trie, &Nowhere), &mut |_, path, record| {
        records.insert(*path, record);
    })?;
    Ok((trie.root(), records))
}

impl Base {
    /// Checks the accounts whose addresses begin with `first`, and their storage.
    fn verify_shard(
        &self,
        first: u8,
        options: VerifyOptions,
        stores_tries: bool,
    ) -> Result<Shard, Error> {
        let (from, to) = keys::accounts_below(&Nibbles::unpack([first]));
        let mut accounts: BTreeMap<Address, Account> = BTreeMap::new();
        self.each_last(Table::AccountVersions, &from, &to, |subject, entry| {
            let address = keys::stored_address(subject)?;
            accounts.insert(address, Account::decode(entry)?);
            Ok(())
        })?;
        let mut storage: BTreeMap<Address, BTreeMap<U256, U256>> = BTreeMap::new();
        self.each_last(Table::SlotVersions, &from, &to, |subject, entry| {
            let (address, key, value) = keys::stored_slot(subject, entry)?;
            storage.entry(address).or_default().insert(key, value);
            Ok(())
        })?;
        let mut shard = Shard::default();
        for (address, account) in accounts {
            let slots = storage.remove(&address).unwrap_or_default();
            let hashed = keccak256(address);
            let (root, records) = made_anew(&items_of_slots(&slots), 1)?;
            if root != account.storage_root {
                return Err(Error::Slots(address));
            }
            if stores_tries {
                self.verify_nodes(Some(hashed), &records)?;
            }
            self.verify_code(address, account.code_hash, options.codes_elsewhere)?;
            let change = Change::Put(account.leaf(), AccountLink::default());
            shard.leaves.push(Item { key: Nibbles::unpack(hashed), change });
            shard.verified.accounts += 1;
            shard.verified.slots += slots.len() as u64;
        }
        match storage.pop_first() {
            Some((address, _)) => Err(Error::Slots(address)),
            None => Ok(shard),
        }
    }

    fn verify_code(&self, address: Address, hash: B256, elsewhere: bool) -> Result<(), Error> {
        if hash == KECCAK256_EMPTY {
            return Ok(());
        }
        let sound = match self.reader().get(Table::Codes, hash.as_slice())? {
            Some(code) => keccak256(code) == hash,
            None => elsewhere,
        };
        if sound { Ok(()) } else { Err(Error::Code { address, hash }) }
    }

    /// Compares all stored nodes of a trie with those that were made anew.
    fn verify_nodes(&self, owner: Option<B256>, records: &Records) -> Result<(), Error> {
        let wrong = |path| Error::Node { owner, path };
        let mut expected: BTreeMap<Vec<u8>, (Nibbles, &[u8])> = BTreeMap::new();
        for (path, record) in records {
            if let Some(record) = record {
                expected.insert(keys::node(owner, path).bytes, (*path, record));
            }
        }
        let (from, to) = keys::nodes_of(owner);
        self.each_last(Table::TrieNodes, &from, &to, |subject, entry| {
            match expected.remove(subject) {
                Some((_, record)) if record == entry => Ok(()),
                Some((path, _)) => Err(wrong(path)),
                None => Err(wrong(keys::path_of_node(owner, subject)?)),
            }
        })?;
        expected.pop_first().map_or(Ok(()), |(_, (path, _))| Err(wrong(path)))
    }
}
