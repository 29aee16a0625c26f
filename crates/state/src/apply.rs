//! From a change set to a new version with its root.

use crate::{
    Account, Entry, Error, StateView,
    keys::{self, HASH_BYTES},
    prefetch::prefetch,
    trie::{AccountLink, Change, Item, NodeSource, Trie, Visit, difference_of_accounts},
    view::Base,
};
use alloy_primitives::{Address, B256, Bytes, U256, map::B256Map};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use heddle_keccak::keccak256_fixed;
use heddle_share::share;
use heddle_types::{AccountChange, AccountState, ChangeSet};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

/// A version of the state that is not stored yet: what is different from the one before it.
#[derive(Debug)]
pub struct Layer {
    /// By ascending address, each once.
    accounts: Vec<ChangedAccount>,
    pub(crate) codes: B256Map<Bytes>,
    pub(crate) trie: Trie,
    /// The trie that it was made from, and where what is not in memory of both is.
    before: Trie,
    base: Arc<Base>,
}

/// An account that is different.
#[derive(Debug)]
pub(crate) struct ChangedAccount {
    pub(crate) address: Address,
    /// The beginning of its hash, under which it is stored.
    pub(crate) hash: [u8; HASH_BYTES],
    /// `None` if it is gone.
    pub(crate) account: Option<Account>,
    /// By ascending key, each once; zero for a slot that is gone.
    pub(crate) slots: Vec<(U256, U256)>,
}

/// Fewer changed accounts and slots than this are done by one thread: starting another takes as
/// long as a few dozen.
const SHARE_MIN: usize = 64;

/// An account whose storage changes in as many slots is changed by several threads.
const SLOTS_SHARED_MIN: usize = 4_096;

/// Addresses that are hashed at once by one thread.
const HASHED_AT_ONCE: usize = 4_096;

/// How many accounts ahead of its turn a change is fetched: they lie in another order.
const AHEAD: usize = 12;

/// What one account's change comes to besides what the change set says; most have nothing.
struct Changed {
    number: u32,
    root: B256,
    cleared: bool,
    slots: Vec<(U256, U256)>,
}

/// An account's change that is under way.
struct Begun {
    number: u32,
    /// What its storage's root and flag were.
    root: B256,
    cleared: bool,
    slots: Vec<(U256, U256)>,
}

/// Changes of accounts in the order of their hashed addresses.
struct Ordered<'a> {
    accounts: &'a [AccountChange],
    keys: Vec<Nibbles>,
    /// Which of `accounts` each is.
    numbers: Vec<u32>,
    /// Hashed addresses in the order of `accounts`.
    hashed: Vec<B256>,
}

impl Layer {
    /// Root of the trie of accounts.
    pub fn root(&self) -> B256 {
        self.trie.root()
    }

    /// The accounts that it changes, in no particular order.
    pub fn changed_accounts(&self) -> impl Iterator<Item = Address> {
        self.accounts.iter().map(|changed| changed.address)
    }

    /// Number of accounts and slots that it changes.
    pub fn changes(&self) -> usize {
        self.accounts.iter().map(|account| 1 + account.slots.len()).sum()
    }

    /// The accounts with their slots, by ascending address.
    pub(crate) fn accounts(&self) -> &[ChangedAccount] {
        &self.accounts
    }

    fn changed(&self, address: Address) -> Option<&ChangedAccount> {
        let place = self.accounts.binary_search_by_key(&address, |changed| changed.address);
        place.ok().map(|place| &self.accounts[place])
    }

    /// An account if it is different: `Some(None)` if it is gone.
    pub(crate) fn account(&self, address: Address) -> Option<Option<Account>> {
        self.changed(address).map(|changed| changed.account)
    }

    /// The slots of an account that are different, by ascending key; zero for one that is gone.
    pub(crate) fn slots_of(&self, address: Address) -> &[(U256, U256)] {
        self.changed(address).map_or(&[], |changed| &changed.slots)
    }

    /// A slot if it is different; zero if it is gone.
    pub(crate) fn slot(&self, address: Address, key: U256) -> Option<U256> {
        let slots = self.slots_of(address);
        slots.binary_search_by_key(&key, |(key, _)| *key).ok().map(|place| slots[place].1)
    }

    /// The tries that it was made from, and where what is not in memory of them is.
    pub(crate) fn before(&self) -> (&Trie, &Base) {
        (&self.before, &self.base)
    }

    /// Shows `visit` the records of the nodes by which the tries after it differ from others. The
    /// storage of no other accounts than `owners` differs.
    pub(crate) fn each_node(
        &self,
        since: (&Trie, &impl NodeSource),
        owners: impl IntoIterator<Item = B256>,
        visit: Visit<'_>,
    ) -> Result<(), Error> {
        difference_of_accounts(since, (&self.trie, &*self.base), owners, visit)
    }

    /// The accounts whose storage it changes, by ascending address.
    pub fn changed_storages(&self) -> impl Iterator<Item = Address> {
        self.accounts.iter().filter(|it| !it.slots.is_empty()).map(|it| it.address)
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
        let before = self.trie()?;
        let trie = before.update_with(&ordered.keys, threads, self.base(), |range| {
            let (items, part) = self.change_accounts(before, &ordered, range, threads)?;
            changed.lock().unwrap_or_else(PoisonError::into_inner).push(part);
            Ok(items)
        })?;
        let changed = changed.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Layer {
            accounts: changed_accounts(&ordered, changed.into_iter().flatten()),
            codes: changes.codes.iter().cloned().collect(),
            trie,
            before: before.clone(),
            base: self.base_shared(),
        })
    }

    /// Changes a range of accounts: what becomes of their leaves, and of themselves.
    fn change_accounts(
        &self,
        before: &Trie,
        ordered: &Ordered<'_>,
        range: Range<usize>,
        threads: usize,
    ) -> Result<(Vec<Item>, Vec<Changed>), Error> {
        let keys = &ordered.keys[range.clone()];
        let known = before.accounts_of(keys, self.base())?;
        let mut begun = Vec::with_capacity(range.len());
        // Of those whose storage changes: a trie for each account would cost more than its leaf.
        let mut storages = Vec::new();
        let numbers = &ordered.numbers[range.clone()];
        for ((place, known), (key, number)) in
            range.clone().zip(known).zip(keys.iter().zip(numbers))
        {
            ordered.prefetch(place + AHEAD);
            let change = &ordered.accounts[*number as usize];
            let (account, known) = self.begin(*number, change, known)?;
            if !account.slots.is_empty() {
                let owner = B256::from_slice(&key.pack());
                let trie = before.storage_of(owner, account.root, known.clone());
                storages.push((begun.len(), trie, Vec::new()));
            }
            begun.push((account, known));
        }
        self.change_storages(&begun, &mut storages, threads)?;
        let mut storages = storages.into_iter().peekable();
        let mut items = Vec::with_capacity(begun.len());
        let mut changed = Vec::new();
        for (place, ((begun, known), key)) in begun.into_iter().zip(keys).enumerate() {
            let Begun { number, root, cleared, slots } = begun;
            let change = &ordered.accounts[number as usize];
            let (root, link) = match storages.next_if(|(of, ..)| *of == place) {
                Some((_, trie, _)) => (trie.root(), trie.into_account(cleared)),
                None => (root, known.with_root(root, cleared)),
            };
            if change.after.is_none() && root != EMPTY_ROOT_HASH {
                return Err(Error::Disagreement(change.address));
            }
            let put =
                |after: AccountState| Change::Put(Account::new(after, root, cleared).leaf(), link);
            items.push(Item { key: *key, change: change.after.map_or(Change::Delete, put) });
            if cleared || root != EMPTY_ROOT_HASH || !slots.is_empty() {
                changed.push(Changed { number, root, cleared, slots });
            }
        }
        Ok((items, changed))
    }

    /// What an account was, and which slots change. `known` is what is in memory of it.
    fn begin(
        &self,
        number: u32,
        change: &AccountChange,
        known: Option<AccountLink>,
    ) -> Result<(Begun, AccountLink), Error> {
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
        Ok((Begun { number, root, cleared, slots }, known.unwrap_or_default()))
    }

    /// Changes the storage of accounts: which of those that are begun, its trie, and room for its
    /// changes.
    fn change_storages(
        &self,
        begun: &[(Begun, AccountLink)],
        storages: &mut [(usize, Trie, Vec<Item>)],
        threads: usize,
    ) -> Result<(), Error> {
        let slots = |place: usize| &begun[place].0.slots;
        let keys = storages.iter().flat_map(|(place, ..)| slots(*place));
        let hashed =
            keccak256_fixed(&keys.map(|(key, _)| key.to_be_bytes::<32>()).collect::<Vec<_>>());
        let mut rest = &hashed[..];
        for (place, trie, items) in &mut *storages {
            let slots = slots(*place);
            let (hashed, others) = rest.split_at(slots.len());
            rest = others;
            *items = items_of(slots, hashed);
            if threads > 1 && items.len() >= SLOTS_SHARED_MIN {
                *trie = trie.update(&std::mem::take(items), threads, self.base())?;
            }
        }
        Trie::update_each(storages.iter_mut().map(|(_, trie, items)| (trie, items)), self.base())
    }
}

impl<'a> Ordered<'a> {
    fn new(accounts: &'a [AccountChange], threads: usize) -> Result<Self, Error> {
        let parts: Vec<&[AccountChange]> = accounts.chunks(HASHED_AT_ONCE).collect();
        let hashed = share(parts.len(), threads, |part| {
            let addresses = parts[part].iter().map(|change| change.address.0.0);
            Ok::<_, Error>(keccak256_fixed(&addresses.collect::<Vec<[u8; 20]>>()))
        })?;
        let hashed = hashed.concat();
        // By the first byte, so that ranges are sorted apart; and of what is sorted only as much as
        // tells nearly all hashes apart: moving whole ones takes longer than making them.
        let mut ranges = [const { Vec::new() }; 256];
        // A block has fewer accounts than four thousand million.
        for (hash, number) in hashed.iter().zip(0_u32..) {
            let begin =
                u64::from_be_bytes(*hash.first_chunk().expect("a hash has more than eight bytes"));
            ranges[usize::from(hash[0])].push((begin, number));
        }
        let sorted = share(ranges.len(), threads, |range| {
            let mut range: Vec<(u64, u32)> = ranges[range].clone();
            let hash = |number: u32| &hashed[number as usize];
            range.sort_unstable_by(|(a, first), (b, second)| {
                a.cmp(b).then_with(|| hash(*first).cmp(hash(*second)))
            });
            let numbers = range.iter().map(|(_, number)| *number);
            Ok::<_, Error>(numbers.collect::<Vec<_>>())
        })?;
        let numbers = sorted.concat();
        let keys = numbers.iter().map(|number| Nibbles::unpack(hashed[*number as usize])).collect();
        Ok(Self { accounts, keys, numbers, hashed })
    }

    /// Has the processor fetch the change at a place in the order of hashed addresses.
    fn prefetch(&self, place: usize) {
        if let Some(number) = self.numbers.get(place) {
            let change: *const AccountChange = &self.accounts[*number as usize];
            prefetch(change);
            prefetch(change.cast::<u8>().wrapping_add(64));
            prefetch(change.cast::<u8>().wrapping_add(size_of::<AccountChange>() - 1));
        }
    }
}

/// What became of the accounts of a change set: what that says, and what is `known` besides.
fn changed_accounts(
    changes: &Ordered<'_>,
    known: impl Iterator<Item = Changed>,
) -> Vec<ChangedAccount> {
    let account = |(change, hash): (&AccountChange, &B256)| {
        let account = change.after.map(|after| Account::new(after, EMPTY_ROOT_HASH, false));
        let hash = keys::beginning(hash);
        ChangedAccount { address: change.address, hash, account, slots: Vec::new() }
    };
    let changes = changes.accounts.iter().zip(&changes.hashed);
    let mut accounts: Vec<ChangedAccount> = changes.map(account).collect();
    for Changed { number, root, cleared, slots } in known {
        let changed = &mut accounts[number as usize];
        if let Some(account) = &mut changed.account {
            (account.storage_root, account.storage_cleared) = (root, cleared);
        }
        changed.slots = slots;
        changed.slots.sort_unstable_by_key(|(key, _)| *key);
    }
    // As change sets are; if one is not, it is still read rightly.
    accounts.sort_by_key(|changed| changed.address);
    accounts
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
