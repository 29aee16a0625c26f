//! From a change set to a new version with its root.

use crate::{
    Account, Entry, Error, StateView,
    trie::{Change, Item, Records, StorageLink, Trie},
};
use alloy_primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{B256Map, HashMap},
};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use heddle_types::{AccountChange, ChangeSet};
use std::{collections::BTreeMap, thread};

/// A version of the state that is not stored yet: what is different from the one before it.
#[derive(Debug)]
pub struct Layer {
    /// `None` for an account that is gone.
    pub(crate) accounts: HashMap<Address, Option<Account>>,
    /// Zero for a slot that is gone.
    pub(crate) slots: HashMap<(Address, U256), U256>,
    pub(crate) codes: B256Map<Bytes>,
    pub(crate) trie: Trie,
    /// By whose trie it is; `None` is that of accounts.
    pub(crate) nodes: BTreeMap<Option<B256>, Records>,
}

/// Fewer changed accounts and slots than this are done by one thread: starting another takes as
/// long as a few dozen.
const SHARE_MIN: usize = 64;

/// What one account's change comes to.
struct Changed {
    address: Address,
    hashed: B256,
    account: Option<Account>,
    slots: Vec<(U256, U256)>,
    storage: StorageLink,
    nodes: Records,
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
        let mut changed = self.change_accounts(&changes.accounts, threads)?;
        changed.sort_unstable_by_key(|account| account.hashed);

        let mut layer = Layer {
            accounts: HashMap::with_capacity_and_hasher(changed.len(), Default::default()),
            slots: HashMap::default(),
            codes: changes.codes.iter().cloned().collect(),
            trie: self.trie().clone(),
            nodes: BTreeMap::new(),
        };
        let mut items = Vec::with_capacity(changed.len());
        for account in changed {
            let change = account
                .account
                .map_or(Change::Delete, |now| Change::Put(now.leaf(), account.storage));
            items.push(Item { key: Nibbles::unpack(account.hashed), change });
            layer.accounts.insert(account.address, account.account);
            let slots = account.slots.into_iter();
            layer.slots.extend(slots.map(|(key, value)| ((account.address, key), value)));
            if !account.nodes.is_empty() {
                layer.nodes.insert(Some(account.hashed), account.nodes);
            }
        }
        let mut records = Records::new();
        layer.trie = self.trie().update(items, threads, self.base(), &mut records)?;
        layer.nodes.insert(None, records);
        Ok(layer)
    }

    fn change_accounts(
        &self,
        changes: &[AccountChange],
        threads: usize,
    ) -> Result<Vec<Changed>, Error> {
        let each = |part: &[AccountChange], threads| {
            part.iter()
                .map(|change| self.change_account(change, threads))
                .collect::<Result<Vec<_>, _>>()
        };
        // With few accounts it is their storage that is large, and shared out instead.
        if threads == 1 || changes.len() < SHARE_MIN {
            return each(changes, threads);
        }
        let share = changes.len().div_ceil(threads);
        let parts: Vec<Result<Vec<_>, Error>> = thread::scope(|scope| {
            let (mine, others) = changes.split_at(share);
            let others: Vec<_> =
                others.chunks(share).map(|part| scope.spawn(move || each(part, 1))).collect();
            let mine = each(mine, 1);
            let joined = others.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            std::iter::once(mine).chain(joined).collect()
        });
        let mut changed = Vec::with_capacity(changes.len());
        for part in parts {
            changed.extend(part?);
        }
        Ok(changed)
    }

    fn change_account(&self, change: &AccountChange, threads: usize) -> Result<Changed, Error> {
        let AccountChange { address, after, storage_cleared, storage } = change;
        let hashed = keccak256(address);
        let entry = self.account_entry(*address)?;
        let before = entry.known();
        let root = before.map_or(EMPTY_ROOT_HASH, |before| before.storage_root);
        let mut slots: BTreeMap<U256, U256> = BTreeMap::new();
        let is_cleared = *storage_cleared || after.is_none();
        if is_cleared && root != EMPTY_ROOT_HASH {
            slots.extend(self.slots(*address)?.into_keys().map(|key| (key, U256::ZERO)));
        }
        if after.is_some() {
            slots.extend(storage.iter().copied());
        }
        let trie = self.trie().storage(hashed, root, self.base())?;
        let mut nodes = Records::new();
        let trie = if slots.is_empty() {
            trie
        } else {
            trie.update(slot_items(&slots), threads, self.base(), &mut nodes)?
        };
        if after.is_none() && trie.root() != EMPTY_ROOT_HASH {
            return Err(Error::Disagreement(*address));
        }
        Ok(Changed {
            address: *address,
            hashed,
            account: after.map(|after| {
                // Once it is gone, or its storage is, what was there before never comes back.
                let cleared = *storage_cleared
                    || entry == Entry::Deleted
                    || before.is_some_and(|before| before.storage_cleared);
                Account::new(after, trie.root(), cleared)
            }),
            slots: slots.into_iter().collect(),
            storage: trie.into_storage(),
            nodes,
        })
    }
}

/// The changes of a storage's trie, by ascending hashed key.
pub(crate) fn slot_items(slots: &BTreeMap<U256, U256>) -> Vec<Item> {
    let mut items: Vec<Item> = slots
        .iter()
        .map(|(key, value)| {
            let key = Nibbles::unpack(keccak256(key.to_be_bytes::<32>()));
            let change = if value.is_zero() {
                Change::Delete
            } else {
                Change::Put(alloy_rlp::encode(value).into(), StorageLink::default())
            };
            Item { key, change }
        })
        .collect();
    items.sort_unstable_by_key(|item| item.key);
    items
}
