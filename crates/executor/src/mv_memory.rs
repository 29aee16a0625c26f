//! Multi-version memory: every value that every location takes in the course of a block.
//!
//! The optimistic way fills it as it goes; what it holds at the end *is* the block's access list.
//! The guided way fills it from an access list and then only reads. Either way a transaction of
//! step `s` reads, of each location, the newest value of a step before `s`, or else the state
//! before the block.
//!
//! Accounts and slots get dense numbers when they are first met. The number leads to the entry
//! without hashing, and the full key (address, or account number and 256-bit slot) is compared at
//! every look-up: two keys are never taken for one because their hashes agree.

use crate::versions::{BalanceVersion, Step, Versions, balance_before};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use core::hash::{BuildHasher, Hash};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};
use heddle_types::AccountState;
use parking_lot::{Mutex, MutexGuard, RwLock};
use revm::bytecode::Bytecode;

/// Number of an account in [`MvMemory`].
pub(crate) type AccountNumber = u32;

/// Number of a slot in [`MvMemory`].
pub(crate) type SlotNumber = u32;

/// Every value that every location takes in the course of a block.
#[derive(Debug)]
pub(crate) struct MvMemory {
    accounts: boxcar::Vec<AccountEntry>,
    slots: boxcar::Vec<SlotEntry>,
    account_numbers: Numbers<Address>,
    slot_numbers: Numbers<(AccountNumber, U256)>,
    /// Codes that the state before the block gave with its accounts, and those created in the
    /// block.
    codes: RwLock<HashMap<B256, Bytecode, RandomState>>,
}

/// One account.
#[derive(Debug)]
pub(crate) struct AccountEntry {
    pub(crate) address: Address,
    /// The account before the block.
    pub(crate) before: Option<AccountState>,
    /// Whether a transaction that is in the block touched it.
    accessed: AtomicBool,
    /// Whether `versions` holds changes of existence; most accounts have none.
    has_life: AtomicBool,
    versions: Mutex<AccountVersions>,
}

/// What happens to one account in a block, field by field.
#[derive(Debug, Default)]
pub(crate) struct AccountVersions {
    pub(crate) balance: Versions<BalanceVersion>,
    pub(crate) nonce: Versions<u64>,
    /// What few accounts have.
    pub(crate) rare: Option<Box<RareVersions>>,
}

/// The fields of an account that few transactions change.
#[derive(Debug, Default)]
pub(crate) struct RareVersions {
    pub(crate) code: Versions<B256>,
    pub(crate) life: Versions<Life>,
}

/// A change of an account's existence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// The account is gone, with its storage.
    Destroyed,
    /// The account exists with all fields empty, though it did not exist before.
    Emptied,
    /// A contract was created in an account that existed: the storage starts anew.
    Created,
}

/// One slot of an account's storage.
#[derive(Debug)]
pub(crate) struct SlotEntry {
    pub(crate) account: AccountNumber,
    pub(crate) key: U256,
    /// The value before the block.
    pub(crate) before: U256,
    accessed: AtomicBool,
    versions: Mutex<Versions<U256>>,
}

/// An account as of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) balance: U256,
    pub(crate) nonce: u64,
    pub(crate) code_hash: B256,
    pub(crate) exists: bool,
}

impl Seen {
    pub(crate) fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }

    pub(crate) fn state(&self) -> Option<AccountState> {
        let Self { balance, nonce, code_hash, exists } = *self;
        exists.then_some(AccountState { balance, nonce, code_hash })
    }
}

impl MvMemory {
    pub(crate) fn new() -> Self {
        Self {
            accounts: boxcar::Vec::new(),
            slots: boxcar::Vec::new(),
            account_numbers: Numbers::new(),
            slot_numbers: Numbers::new(),
            codes: RwLock::default(),
        }
    }

    /// Forgets everything but keeps the memory for the next block.
    pub(crate) fn clear(&mut self) {
        self.accounts.clear();
        self.slots.clear();
        self.account_numbers.clear();
        self.slot_numbers.clear();
        self.codes.get_mut().clear();
    }

    /// The number of an account that is known already.
    pub(crate) fn find_account(&self, address: &Address) -> Option<AccountNumber> {
        self.account_numbers.find(address)
    }

    /// The number of a slot that is known already.
    pub(crate) fn find_slot(&self, account: AccountNumber, key: U256) -> Option<SlotNumber> {
        self.slot_numbers.find(&(account, key))
    }

    /// The number of an account; `load` reads the state before the block when it is a new one.
    pub(crate) fn account_number<E>(
        &self,
        address: Address,
        load: impl FnOnce() -> Result<Option<AccountState>, E>,
    ) -> Result<AccountNumber, E> {
        self.account_numbers.get_or_insert(address, load, |before| {
            self.accounts.push(AccountEntry {
                address,
                before,
                accessed: AtomicBool::new(false),
                has_life: AtomicBool::new(false),
                versions: Mutex::default(),
            })
        })
    }

    /// The number of a slot; `load` reads the state before the block when it is a new one.
    pub(crate) fn slot_number<E>(
        &self,
        account: AccountNumber,
        key: U256,
        load: impl FnOnce() -> Result<U256, E>,
    ) -> Result<SlotNumber, E> {
        self.slot_numbers.get_or_insert((account, key), load, |before| {
            self.slots.push(SlotEntry {
                account,
                key,
                before,
                accessed: AtomicBool::new(false),
                versions: Mutex::default(),
            })
        })
    }

    pub(crate) fn account(&self, number: AccountNumber) -> &AccountEntry {
        &self.accounts[number as usize]
    }

    pub(crate) fn slot(&self, number: SlotNumber) -> &SlotEntry {
        &self.slots[number as usize]
    }

    pub(crate) fn accounts_len(&self) -> usize {
        self.accounts.count()
    }

    /// Every account that was met.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (AccountNumber, &AccountEntry)> {
        self.accounts.iter().map(|(number, account)| (number as AccountNumber, account))
    }

    /// Every slot that was met.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (SlotNumber, &SlotEntry)> {
        self.slots.iter().map(|(number, slot)| (number as SlotNumber, slot))
    }

    /// A slot's value before `step`, and the step that wrote it.
    pub(crate) fn read_slot(&self, number: SlotNumber, step: Step) -> (U256, Option<Step>) {
        let slot = self.slot(number);
        let written = slot.versions().before(step).copied();
        let account = self.account(slot.account);
        if account.has_life.load(Relaxed) {
            // Whatever was in the storage when it was wiped is zero now.
            if let Some(wiped) = account.wiped_before(step)
                && written.is_none_or(|(at, _)| at < wiped)
            {
                return (U256::ZERO, Some(wiped));
            }
        }
        written.map_or((slot.before, None), |(at, value)| (value, Some(at)))
    }

    /// Keeps a code for look-ups by hash.
    pub(crate) fn add_code(&self, hash: B256, code: Bytecode) {
        self.codes.write().entry(hash).or_insert(code);
    }

    pub(crate) fn code(&self, hash: &B256) -> Option<Bytecode> {
        self.codes.read().get(hash).cloned()
    }
}

impl AccountEntry {
    pub(crate) fn versions(&self) -> MutexGuard<'_, AccountVersions> {
        self.versions.lock()
    }

    /// The account before `step`, and the newest step that changed it.
    pub(crate) fn read(&self, step: Step) -> (Seen, Option<Step>) {
        self.versions().read(self.before.as_ref(), step)
    }

    /// The newest step before `step` at which the storage was wiped.
    pub(crate) fn wiped_before(&self, step: Step) -> Option<Step> {
        let versions = self.versions();
        let life = versions.rare.as_ref()?.life.all_before(step);
        life.iter().rev().find(|(_, life)| *life != Life::Emptied).map(|(at, _)| *at)
    }

    /// Every step at which the storage was wiped, ascending.
    pub(crate) fn wipes(&self) -> Vec<Step> {
        let versions = self.versions();
        let Some(rare) = &versions.rare else { return Vec::new() };
        rare.life.iter().filter(|(_, life)| *life != Life::Emptied).map(|(at, _)| *at).collect()
    }

    pub(crate) fn set_life(&self, versions: &mut AccountVersions, step: Step, life: Life) {
        versions.rare().life.set(step, life);
        self.has_life.store(true, Relaxed);
    }

    /// Notes that a transaction of the block touches the account.
    pub(crate) fn mark_accessed(&self) {
        mark(&self.accessed);
    }

    pub(crate) fn is_accessed(&self) -> bool {
        self.accessed.load(Relaxed)
    }
}

impl SlotEntry {
    pub(crate) fn versions(&self) -> MutexGuard<'_, Versions<U256>> {
        self.versions.lock()
    }

    /// Notes that a transaction of the block touches the slot.
    pub(crate) fn mark_accessed(&self) {
        mark(&self.accessed);
    }

    pub(crate) fn is_accessed(&self) -> bool {
        self.accessed.load(Relaxed)
    }
}

/// Sets a flag without taking the cache line from other cores when it is set already.
fn mark(flag: &AtomicBool) {
    if !flag.load(Relaxed) {
        flag.store(true, Relaxed);
    }
}

impl AccountVersions {
    pub(crate) fn rare(&mut self) -> &mut RareVersions {
        self.rare.get_or_insert_default()
    }

    /// The account before `step`, and the newest step that changed it.
    pub(crate) fn read(&self, before: Option<&AccountState>, step: Step) -> (Seen, Option<Step>) {
        let start = before.copied().unwrap_or(AccountState {
            balance: U256::ZERO,
            nonce: 0,
            code_hash: KECCAK256_EMPTY,
        });
        let (balance, mut changed) = balance_before(&self.balance, step, start.balance);
        let mut seen = Seen {
            balance,
            nonce: start.nonce,
            code_hash: start.code_hash,
            exists: before.is_some(),
        };
        if let Some((at, nonce)) = self.nonce.before(step) {
            seen.nonce = *nonce;
            changed = changed.max(Some(*at));
        }
        let Some(rare) = &self.rare else {
            seen.exists |= changed.is_some();
            return (seen, changed);
        };
        if let Some((at, code)) = rare.code.before(step) {
            seen.code_hash = *code;
            changed = changed.max(Some(*at));
        }
        seen.exists |= changed.is_some();
        if let Some((at, life)) = rare.life.before(step) {
            // A field that changes after its account was destroyed brings it back.
            if changed.is_none_or(|changed| changed <= *at) {
                seen.exists = *life != Life::Destroyed;
            }
            changed = changed.max(Some(*at));
        }
        (seen, changed)
    }
}

/// Numbers for keys: a hash table in many parts, each with its own lock.
#[derive(Debug)]
struct Numbers<K> {
    parts: Box<[Part<K>]>,
    hasher: RandomState,
}

/// On a cache line of its own, so that neighbours do not slow each other down.
#[derive(Debug)]
#[repr(align(64))]
struct Part<K>(RwLock<HashTable<(K, u32)>>);

/// Many more than threads, so that two rarely meet.
const PARTS: usize = 256;

impl<K: Copy + Eq + Hash> Numbers<K> {
    fn new() -> Self {
        let parts = (0..PARTS).map(|_| Part(RwLock::default())).collect();
        Self { parts, hasher: RandomState::default() }
    }

    fn clear(&mut self) {
        for part in &mut self.parts {
            part.0.get_mut().clear();
        }
    }

    fn part(&self, hash: u64) -> &RwLock<HashTable<(K, u32)>> {
        // The table inside uses the lowest and the highest seven bits.
        &self.parts[(hash >> 40) as usize % PARTS].0
    }

    fn find(&self, key: &K) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let table = self.part(hash).read();
        table.find(hash, |entry| entry.0 == *key).map(|entry| entry.1)
    }

    fn get_or_insert<V, E>(
        &self,
        key: K,
        load: impl FnOnce() -> Result<V, E>,
        push: impl FnOnce(V) -> usize,
    ) -> Result<u32, E> {
        let hash = self.hasher.hash_one(key);
        let part = self.part(hash);
        if let Some((_, number)) = part.read().find(hash, |entry| entry.0 == key) {
            return Ok(*number);
        }
        // Loading may wait for a disk, so it happens outside the lock; the first one wins.
        let value = load()?;
        let mut table = part.write();
        if let Some((_, number)) = table.find(hash, |entry| entry.0 == key) {
            return Ok(*number);
        }
        let number =
            u32::try_from(push(value)).expect("a block's gas cannot touch four billion locations");
        table.insert_unique(hash, (key, number), |entry| self.hasher.hash_one(entry.0));
        Ok(number)
    }
}
