//! From a change set to a new version with its root.

use crate::{
    Account, Entry, Error, StateView,
    share::share,
    trie::{AccountLink, Change, Item, Trie, Visit, difference_of_accounts},
    view::Base,
};
use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{B256Map, HashMap},
};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use heddle_keccak::keccak256_fixed;
use heddle_types::{AccountChange, ChangeSet};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

/// A version of the state that is not stored yet: what is different from the one before it.
#[derive(Debug)]
pub struct Layer {
    /// `None` for an account that is gone.
    pub(crate) accounts: HashMap<Address, Option<Account>>,
    /// Zero for a slot that is gone.
    pub(crate) slots: HashMap<(Address, U256), U256>,
    pub(crate) codes: B256Map<Bytes>,
    pub(crate) trie: Trie,
    /// The trie that it was made from, and where what is not in memory of both is.
    before: Trie,
    base: Arc<Base>,
}

/// Fewer changed accounts and slots than this are done by one thread: starting another takes as
/// long as a few dozen.
const SHARE_MIN: usize = 64;

/// An account whose storage changes in as many slots is changed by several threads.
const SLOTS_SHARED_MIN: usize = 4_096;

/// Addresses that are hashed at once by one thread.
const HASHED_AT_ONCE: usize = 4_096;

/// What one account's change comes to.
struct Changed {
    address: Address,
    account: Option<Account>,
    slots: Vec<(U256, U256)>,
}

/// An account's change that is under way.
struct Begun<'a> {
    change: &'a AccountChange,
    /// What its storage's root and flag were.
    root: B256,
    cleared: bool,
    slots: Vec<(U256, U256)>,
}

/// Changes of accounts in the order of their hashed addresses.
struct Ordered<'a> {
    keys: Vec<Nibbles>,
    changes: Vec<(B256, &'a AccountChange)>,
}

impl Layer {
    /// Root of the trie of accounts.
    pub fn root(&self) -> B256 {
        self.trie.root()
    }

    /// The accounts that it changes, in no particular order.
    pub fn changed_accounts(&self) -> impl Iterator<Item = Address> {
        self.accounts.keys().copied()
    }

    /// Shows `visit` the records of the nodes of tries that it makes or does away with.
    pub(crate) fn each_node(&self, visit: Visit<'_>) -> Result<(), Error> {
        let source = &*self.base;
        difference_of_accounts((&self.before, source), (&self.trie, source), visit)
    }
}

impl StateView {
    /// The state after `changes`, on top of this one. Uses up to `threads` threads.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn apply(&self, changes: &ChangeSet, threads: usize) -> Result<Layer, Error> {
        let work = changes.accounts.len()
            + changes.accounts.iter().map(|account| account.storage.len()).sum::<usize>();
        let threads = if work < SHARE_MIN { 1 } else { threads.max(1) };
        let ordered = Ordered::new(&changes.accounts, threads)?;
        let changed = Mutex::new(Vec::new());
        let trie = self.trie().update_with(&ordered.keys, threads, self.base(), |range| {
            let (items, part) = self.change_accounts(&ordered, range, threads)?;
            changed.lock().unwrap_or_else(PoisonError::into_inner).push(part);
            Ok(items)
        })?;
        let mut layer = Layer {
            accounts: HashMap::with_capacity_and_hasher(changes.accounts.len(), Default::default()),
            slots: HashMap::default(),
            codes: changes.codes.iter().cloned().collect(),
            trie,
            before: self.trie().clone(),
            base: self.base_shared(),
        };
        for account in
            changed.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten()
        {
            layer.accounts.insert(account.address, account.account);
            let slots = account.slots.into_iter();
            layer.slots.extend(slots.map(|(key, value)| ((account.address, key), value)));
        }
        Ok(layer)
    }

    /// Changes a range of accounts: what becomes of their leaves, and of themselves.
    fn change_accounts(
        &self,
        ordered: &Ordered<'_>,
        range: Range<usize>,
        threads: usize,
    ) -> Result<(Vec<Item>, Vec<Changed>), Error> {
        let mut begun = Vec::with_capacity(range.len());
        let mut tries = Vec::with_capacity(range.len());
        for (key, (hashed, change)) in
            ordered.keys[range.clone()].iter().zip(&ordered.changes[range.clone()])
        {
            let known = self.trie().account(key, self.base())?;
            let (account, known) = self.begin(change, known)?;
            tries.push((self.trie().storage_of(*hashed, account.root, known), Vec::new()));
            begun.push(account);
        }
        self.change_storages(&begun, &mut tries, threads)?;
        let mut items = Vec::with_capacity(range.len());
        let mut changed = Vec::with_capacity(range.len());
        for ((begun, (trie, _)), key) in begun.into_iter().zip(tries).zip(&ordered.keys[range]) {
            let Begun { change, cleared, slots, .. } = begun;
            if change.after.is_none() && trie.root() != EMPTY_ROOT_HASH {
                return Err(Error::Disagreement(change.address));
            }
            let account = change.after.map(|after| Account::new(after, trie.root(), cleared));
            let put = |account: Account| Change::Put(account.leaf(), trie.into_account(cleared));
            items.push(Item { key: *key, change: account.map_or(Change::Delete, put) });
            changed.push(Changed { address: change.address, account, slots });
        }
        Ok((items, changed))
    }

    /// What an account was, and which slots change. `known` is what is in memory of it.
    fn begin<'a>(
        &self,
        change: &'a AccountChange,
        known: Option<AccountLink>,
    ) -> Result<(Begun<'a>, AccountLink), Error> {
        let AccountChange { address, after, storage_cleared, storage } = change;
        let (root, was_cleared) = match known.as_ref().and_then(AccountLink::known) {
            Some(known) => known,
            None => match self.account_entry(*address)? {
                Entry::Known(before) => (before.storage_root, before.storage_cleared),
                Entry::Deleted => (EMPTY_ROOT_HASH, true),
                Entry::Unknown => (EMPTY_ROOT_HASH, false),
            },
        };
        let is_cleared = *storage_cleared || after.is_none();
        let slots = if is_cleared && root != EMPTY_ROOT_HASH {
            let gone = self.slots(*address)?.into_keys().map(|key| (key, U256::ZERO));
            let mut slots: BTreeMap<U256, U256> = gone.collect();
            if after.is_some() {
                slots.extend(storage.iter().copied());
            }
            slots.into_iter().collect()
        } else if after.is_some() {
            storage.clone()
        } else {
            Vec::new()
        };
        // Once it is gone, or its storage is, what was there before never comes back.
        let cleared = *storage_cleared || was_cleared;
        Ok((Begun { change, root, cleared, slots }, known.unwrap_or_default()))
    }

    /// Changes the storage of accounts.
    fn change_storages(
        &self,
        begun: &[Begun<'_>],
        tries: &mut [(Trie, Vec<Item>)],
        threads: usize,
    ) -> Result<(), Error> {
        let keys = begun.iter().flat_map(|account| &account.slots);
        let hashed =
            keccak256_fixed(&keys.map(|(key, _)| key.to_be_bytes::<32>()).collect::<Vec<_>>());
        let mut rest = &hashed[..];
        for (account, (trie, items)) in begun.iter().zip(&mut *tries) {
            let (hashed, others) = rest.split_at(account.slots.len());
            rest = others;
            *items = items_of(&account.slots, hashed);
            if threads > 1 && items.len() >= SLOTS_SHARED_MIN {
                *trie = trie.update(&std::mem::take(items), threads, self.base())?;
            }
        }
        Trie::update_each(tries, self.base())
    }
}

impl<'a> Ordered<'a> {
    fn new(changes: &'a [AccountChange], threads: usize) -> Result<Self, Error> {
        let parts: Vec<&[AccountChange]> = changes.chunks(HASHED_AT_ONCE).collect();
        let hashed = share(parts.len(), threads, |number| {
            let part = parts[number];
            let addresses: Vec<[u8; 20]> = part.iter().map(|change| change.address.0.0).collect();
            let mut hashed: Vec<_> = keccak256_fixed(&addresses).into_iter().zip(part).collect();
            hashed.sort_unstable_by_key(|(hash, _)| *hash);
            Ok::<_, Error>(hashed)
        })?;
        let mut changes = hashed.concat();
        // Sorted runs are merged by this one.
        changes.sort_by_key(|(hash, _)| *hash);
        let keys = changes.iter().map(|(hash, _)| Nibbles::unpack(hash)).collect();
        Ok(Self { keys, changes })
    }
}

/// The changes of a storage's trie, by ascending hashed key.
pub(crate) fn items_of_slots(slots: &BTreeMap<U256, U256>) -> Vec<Item> {
    let keys: Vec<[u8; 32]> = slots.keys().map(U256::to_be_bytes).collect();
    let slots: Vec<(U256, U256)> = slots.iter().map(|(key, value)| (*key, *value)).collect();
    items_of(&slots, &keccak256_fixed(&keys))
}

/// The same, of slots with their hashed keys.
fn items_of(slots: &[(U256, U256)], hashed: &[B256]) -> Vec<Item> {
    let item = |((_, value), hashed): (&(U256, U256), &B256)| {
        let change = if value.is_zero() {
            Change::Delete
        } else {
            Change::Put(alloy_rlp::encode(value).into(), AccountLink::default())
        };
        Item { key: Nibbles::unpack(hashed), change }
    };
    let mut items: Vec<Item> = slots.iter().zip(hashed).map(item).collect();
    items.sort_unstable_by_key(|item| item.key);
    items
}
