//! Accounts and slots in memory, as they are at the end of the chain.
//!
//! Of each that was read or changed lately it holds the value of the newest version, and since
//! which version it is known to have it. So a view of an older version finds here what has not
//! changed since, and the rest in the store. Anything may be dropped at any time.

use crate::{Account, Entry, Version};
use alloy_primitives::{Address, KECCAK256_EMPTY, U256, map::HashMap};
use alloy_trie::EMPTY_ROOT_HASH;
use parking_lot::RwLock;
use std::{
    hash::{BuildHasher, Hash},
    sync::atomic::{AtomicU64, Ordering},
};

/// Parts that are locked for themselves, so that threads seldom meet.
const PARTS: usize = 64;
/// Bytes of an account's entry in its map, roughly, empty places of the map included.
const ACCOUNT_BYTES: usize = 160;
/// The same of a slot's.
const SLOT_BYTES: usize = 256;

/// What was read or changed lately.
#[derive(Debug)]
pub(crate) struct Cache {
    /// The newest version.
    newest: AtomicU64,
    accounts: Parts<Address, Packed>,
    slots: Parts<(Address, U256), U256>,
}

struct Parts<K, T> {
    parts: Vec<RwLock<HashMap<K, Known<T>>>>,
    /// Chooses the part. Not that of the maps, which would fill only a part of each then.
    hasher: alloy_primitives::map::DefaultHashBuilder,
    entries_max: usize,
}

impl<K, T> std::fmt::Debug for Parts<K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("entries_max", &self.entries_max).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Known<T> {
    since: Version,
    entry: Entry<T>,
}

/// An account. Most have neither code nor storage: with the address such an entry fits into 64 bytes,
/// which are fetched from memory at once.
#[derive(Debug)]
enum Packed {
    Plain { balance: [u64; 2], nonce: u64 },
    Whole(Box<Account>),
}

impl Packed {
    fn new(account: Account) -> Self {
        let [low, high, 0, 0] = *account.balance.as_limbs() else {
            return Self::Whole(Box::new(account));
        };
        let (balance, nonce) = ([low, high], account.nonce);
        let plain = Self::Plain { balance, nonce };
        if plain.unpack() == account { plain } else { Self::Whole(Box::new(account)) }
    }

    fn unpack(&self) -> Account {
        match self {
            Self::Plain { balance: [low, high], nonce } => Account {
                balance: U256::from_limbs([*low, *high, 0, 0]),
                nonce: *nonce,
                code_hash: KECCAK256_EMPTY,
                storage_root: EMPTY_ROOT_HASH,
                storage_cleared: false,
            },
            Self::Whole(account) => **account,
        }
    }
}

impl Cache {
    /// An empty cache of the versions up to `newest`, of about so many bytes at most.
    pub(crate) fn new(newest: Version, bytes_max: usize) -> Self {
        let accounts = Parts::new(bytes_max / 2 / ACCOUNT_BYTES);
        let slots = Parts::new(bytes_max / 2 / SLOT_BYTES);
        Self { newest: AtomicU64::new(newest.0), accounts, slots }
    }

    pub(crate) fn account(&self, address: Address, at: Version) -> Option<Entry<Account>> {
        self.accounts.get(&address, at, Packed::unpack)
    }

    pub(crate) fn slot(&self, slot: (Address, U256), at: Version) -> Option<Entry<U256>> {
        self.slots.get(&slot, at, |value| *value)
    }

    /// Keeps what was read in the store as of a version.
    pub(crate) fn keep_account(&self, address: Address, at: Version, entry: Entry<Account>) {
        self.accounts.keep(address, at, entry.map(Packed::new), &self.newest);
    }

    /// See [`Self::keep_account`].
    pub(crate) fn keep_slot(&self, slot: (Address, U256), at: Version, entry: Entry<U256>) {
        self.slots.keep(slot, at, entry, &self.newest);
    }

    /// Whether the version after `base` is new to it.
    pub(crate) fn ends_at(&self, base: Version) -> bool {
        self.newest.load(Ordering::Acquire) == base.0
    }

    /// Begins a version. Until all its changes are here nobody may read it.
    pub(crate) fn advance(&self, version: Version) {
        // Before the changes, so that nobody adds what was read before them.
        self.newest.store(version.0, Ordering::Release);
    }

    pub(crate) fn set_account(&self, address: Address, since: Version, entry: Entry<Account>) {
        self.accounts.set(address, Known { since, entry: entry.map(Packed::new) });
    }

    pub(crate) fn set_slot(&self, slot: (Address, U256), since: Version, entry: Entry<U256>) {
        self.slots.set(slot, Known { since, entry });
    }
}

impl<K: Eq + Hash, T> Parts<K, T> {
    fn new(entries_max: usize) -> Self {
        let parts = (0..PARTS).map(|_| RwLock::default()).collect();
        Self { parts, hasher: Default::default(), entries_max: entries_max.div_ceil(PARTS) }
    }

    fn part(&self, key: &K) -> &RwLock<HashMap<K, Known<T>>> {
        // The high bits: a map takes the low ones for the place and the highest seven for a tag.
        &self.parts[(self.hasher.hash_one(key) >> 40) as usize % PARTS]
    }

    fn get<U>(&self, key: &K, at: Version, read: impl Fn(&T) -> U) -> Option<Entry<U>> {
        let part = self.part(key).read();
        let known = part.get(key).filter(|known| known.since <= at)?;
        Some(known.entry.as_ref().map(read))
    }

    fn keep(&self, key: K, at: Version, entry: Entry<T>, newest: &AtomicU64) {
        let mut part = self.part(&key).write();
        // With the part locked: a change that came since is already here, or will come later.
        if newest.load(Ordering::Acquire) == at.0 {
            self.make_room(&mut part);
            part.entry(key).or_insert(Known { since: at, entry });
        }
    }

    fn set(&self, key: K, known: Known<T>) {
        let mut part = self.part(&key).write();
        self.make_room(&mut part);
        part.insert(key, known);
    }

    /// Drops some, in the order of the map, which is as good as chance.
    fn make_room(&self, part: &mut HashMap<K, Known<T>>) {
        if part.len() >= self.entries_max {
            let mut count = 0;
            part.retain(|_, _| {
                count += 1;
                count % 8 != 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_types::AccountState;

    const ADDRESS: Address = Address::ZERO;

    fn value(cache: &Cache, at: u64) -> Option<u64> {
        cache.slot((ADDRESS, U256::ZERO), Version(at)).map(|entry| match entry {
            Entry::Known(value) => value.to(),
            _ => 0,
        })
    }

    fn set(cache: &Cache, version: u64, value: u64) {
        cache.advance(Version(version));
        cache.set_slot((ADDRESS, U256::ZERO), Version(version), Entry::Known(U256::from(value)));
    }

    fn keep(cache: &Cache, version: u64, value: u64) {
        cache.keep_slot((ADDRESS, U256::ZERO), Version(version), Entry::Known(U256::from(value)));
    }

    #[test]
    fn a_value_is_given_only_from_the_version_on_that_it_is_known_of() {
        let cache = Cache::new(Version(3), 1 << 20);
        keep(&cache, 3, 7);
        assert_eq!([2, 3, 9].map(|at| value(&cache, at)), [None, Some(7), Some(7)]);
        set(&cache, 4, 8);
        assert_eq!([3, 4].map(|at| value(&cache, at)), [None, Some(8)]);
    }

    #[test]
    fn what_was_read_of_an_older_version_is_not_kept() {
        let cache = Cache::new(Version(3), 1 << 20);
        cache.advance(Version(4));
        keep(&cache, 3, 7);
        assert_eq!(value(&cache, 4), None);
        set(&cache, 5, 8);
        keep(&cache, 5, 9);
        assert_eq!(value(&cache, 5), Some(8));
    }

    #[test]
    fn every_account_is_unpacked_as_it_was() {
        let plain = Account::new(
            AccountState { balance: U256::from(7), nonce: 3, code_hash: KECCAK256_EMPTY },
            EMPTY_ROOT_HASH,
            false,
        );
        let other = alloy_primitives::B256::repeat_byte(1);
        let accounts = [
            plain,
            Account { balance: U256::from(u128::MAX), nonce: u64::MAX, ..plain },
            Account { balance: U256::from(u128::MAX) + U256::ONE, ..plain },
            Account { balance: U256::MAX, ..plain },
            Account { code_hash: other, ..plain },
            Account { storage_root: other, ..plain },
            Account { storage_cleared: true, ..plain },
        ];
        for (account, is_plain) in
            accounts.into_iter().zip([true, true].into_iter().chain([false; 5]))
        {
            let packed = Packed::new(account);
            assert_eq!(packed.unpack(), account);
            assert_eq!(matches!(packed, Packed::Plain { .. }), is_plain);
        }
        assert_eq!(size_of::<(Address, Known<Packed>)>(), 64, "a line of the processor's caches");
    }

    #[test]
    fn it_stays_within_its_bound() {
        let cache = Cache::new(Version(0), 1 << 20);
        for number in 0..100_000_u64 {
            cache.set_slot((ADDRESS, U256::from(number)), Version(0), Entry::Deleted);
        }
        let held: usize = cache.slots.parts.iter().map(|part| part.read().len()).sum();
        let bound = (1 << 20) / SLOT_BYTES / 2;
        assert!(held <= bound + PARTS && held > bound / 2, "{held} of {bound}");
    }
}
