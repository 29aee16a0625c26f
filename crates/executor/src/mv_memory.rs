//! Multi-version memory: every value that every location takes in the course of a block.
//!
//! The optimistic way fills it as it goes; what it holds at the end *is* the block's access list.
//! The guided way fills it from an access list and then only reads. Either way a transaction of
//! step `s` reads, of each location, the newest value of a step before `s`, or else the state
//! before the block.
//!
//! Accounts and slots get short numbers when they are first met. The number leads to the entry
//! without hashing, and the full key (address, or account number and 256-bit slot) is compared at
//! every look-up: two keys are never taken for one because their hashes agree.

use crate::AccountField;
use crate::effects::is_huge;
use crate::premade::Premade;
use crate::share::Sharing;
use crate::versions::{BalanceVersion, Step, Versions, balance_before};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use core::hash::{BuildHasher, Hash};
use core::ops::Range;
use core::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};
use heddle_types::AccountState;
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};
use revm::bytecode::Bytecode;
use std::sync::OnceLock;

/// Number of an account in [`MvMemory`].
pub(crate) type AccountNumber = u32;

/// The place of an account among those of its part.
pub(crate) const fn place_in_part(number: AccountNumber) -> usize {
    number as usize >> PART_BITS
}

/// Number of a slot in [`MvMemory`].
pub(crate) type SlotNumber = u32;

/// Every value that every location takes in the course of a block.
#[derive(Debug)]
pub(crate) struct MvMemory {
    accounts: Numbered<Address, AccountEntry>,
    slots: Numbered<(AccountNumber, U256), SlotEntry>,
    /// Codes that the state before the block gave with its accounts, and those created in the
    /// block.
    codes: RwLock<HashMap<B256, Bytecode, RandomState>>,
    /// The entries of what the access list names, if one is followed.
    premade: OnceLock<Premade>,
    /// Memory for the next block's.
    spare: Mutex<Premade>,
    has_contested: AtomicBool,
}

/// One account.
#[derive(Debug)]
pub(crate) struct AccountEntry {
    pub(crate) address: Address,
    /// The account before the block.
    pub(crate) before: Option<AccountState>,
    /// Whether a transaction that is in the block touched it.
    accessed: AtomicBool,
    /// Whether it has a part in foreseen transfers (see `foresight`), ...
    foreseen: AtomicBool,
    /// ... and something else has to do with it, too.
    contested: AtomicBool,
    /// Whether `versions` ever held anything in this block: else it need not be locked.
    changed: AtomicBool,
    /// Whether `versions` holds codes or changes of existence or, guided by a list, anything at
    /// all. Of most accounts it does not.
    noted: AtomicBool,
    /// Place in the access list that is followed, if one is.
    pub(crate) listed_at: u32,
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
    /// Whether `versions` ever held anything in this block: else it need not be locked.
    changed: AtomicBool,
    /// Place among the slots of the access list that is followed.
    pub(crate) listed_at: u32,
    versions: Mutex<Versions<U256>>,
}

/// Set in the numbers of what is premade, ...
const LISTED: u32 = 1 << 31;

/// In place of a place in an access list: it has none.
pub(crate) const UNLISTED: u32 = u32::MAX;

/// An account as of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) balance: U256,
    pub(crate) nonce: u64,
    pub(crate) code_hash: B256,
    pub(crate) exists: bool,
}

impl Seen {
    /// An account before the block.
    pub(crate) fn new(before: Option<&AccountState>) -> Self {
        match before {
            Some(AccountState { balance, nonce, code_hash }) => {
                Self { balance: *balance, nonce: *nonce, code_hash: *code_hash, exists: true }
            }
            None => {
                let code_hash = KECCAK256_EMPTY;
                Self { balance: U256::ZERO, nonce: 0, code_hash, exists: false }
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }

    /// Whether the account can send a plain transfer with this nonce that costs it `most` at most.
    /// Not if it has so much that a sum might overflow.
    pub(crate) fn can_send(&self, nonce: u64, most: U256) -> bool {
        self.exists
            && self.nonce == nonce
            && self.code_hash == KECCAK256_EMPTY
            && self.balance >= most
            && !is_huge(&self.balance)
    }

    pub(crate) fn state(&self) -> Option<AccountState> {
        let Self { balance, nonce, code_hash, exists } = *self;
        exists.then_some(AccountState { balance, nonce, code_hash })
    }
}

impl MvMemory {
    pub(crate) fn new() -> Self {
        Self {
            accounts: Numbered::new(),
            slots: Numbered::new(),
            codes: RwLock::default(),
            premade: OnceLock::new(),
            spare: Mutex::default(),
            has_contested: AtomicBool::new(false),
        }
    }

    /// Forgets everything but keeps the memory for the next block.
    pub(crate) fn clear(&mut self, sharing: Sharing<'_>) {
        self.accounts.clear(sharing);
        self.slots.clear(sharing);
        self.codes.get_mut().clear();
        if let Some(premade) = self.premade.take() {
            *self.spare.get_mut() = premade;
        }
        *self.has_contested.get_mut() = false;
    }

    /// Notes that something else than foreseen transfers has to do with an account.
    pub(crate) fn contest(&self, account: &AccountEntry) {
        if account.foreseen.load(Relaxed) && !account.is_contested() {
            account.contested.store(true, Relaxed);
            mark(&self.has_contested);
        }
    }

    /// Whether there is any account that foreseen transfers do not have for themselves.
    pub(crate) fn has_contested(&self) -> bool {
        self.has_contested.load(Relaxed)
    }

    pub(crate) fn take_spare(&self) -> Premade {
        core::mem::take(&mut self.spare.lock())
    }

    /// From now on [`MvMemory::listed`] gives the numbers of `premade`.
    pub(crate) fn set_premade(&self, premade: Premade) {
        // A second one for the same block would be as good as the first.
        let _ = self.premade.set(premade);
    }

    pub(crate) fn premade(&self) -> Option<&Premade> {
        self.premade.get()
    }

    /// The number of an account or a slot with this `place` in the list, if there is one and entries
    /// are premade.
    pub(crate) fn premade_number(&self, place: Option<u32>) -> Option<u32> {
        self.premade().and(place).map(Self::listed)
    }

    /// The number of an account or a slot with this place among the premade ones.
    pub(crate) const fn listed(place: u32) -> u32 {
        LISTED | place
    }

    /// The number of an account that was met and is not premade.
    pub(crate) fn find_account(&self, address: &Address) -> Option<AccountNumber> {
        self.accounts.find(address)
    }

    /// The number of a slot that is known already.
    pub(crate) fn find_slot(&self, account: AccountNumber, key: U256) -> Option<SlotNumber> {
        self.slots.find(&(account, key))
    }

    /// The number of an account; `load` makes the entry of a new one, which is laid beside those
    /// that the same `thread` has met.
    pub(crate) fn account_number<E>(
        &self,
        address: Address,
        thread: usize,
        load: impl FnOnce() -> Result<AccountEntry, E>,
    ) -> Result<AccountNumber, E> {
        self.accounts.get_or_insert(address, thread % PARTS, load)
    }

    /// The number of a slot; `load` makes the entry of a new one, which is laid beside those that
    /// the same `thread` has met.
    pub(crate) fn slot_number<E>(
        &self,
        account: AccountNumber,
        key: U256,
        thread: usize,
        load: impl FnOnce() -> Result<SlotEntry, E>,
    ) -> Result<SlotNumber, E> {
        self.slots.get_or_insert((account, key), thread % PARTS, load)
    }

    pub(crate) fn account(&self, number: AccountNumber) -> &AccountEntry {
        if number < LISTED {
            self.accounts.get(number)
        } else {
            &self.expect_premade().accounts[(number ^ LISTED) as usize]
        }
    }

    pub(crate) fn slot(&self, number: SlotNumber) -> &SlotEntry {
        if number < LISTED {
            self.slots.get(number)
        } else {
            &self.expect_premade().slots[(number ^ LISTED) as usize]
        }
    }

    fn expect_premade(&self) -> &Premade {
        self.premade.get().expect("such numbers are given out only when there are such entries")
    }

    /// More than any account's number.
    pub(crate) fn account_numbers_end(&self) -> usize {
        self.accounts.numbers_end()
    }

    /// The hash that leads to an account, and the part that the account is in: for work that no
    /// two threads may do on one account.
    pub(crate) fn account_hash(&self, address: &Address) -> (u64, usize) {
        let hash = self.accounts.hash(address);
        (hash, part_of(hash))
    }

    /// Locks the numbers of one part of the accounts.
    pub(crate) fn account_part(&self, part: usize) -> AccountPart<'_> {
        AccountPart { memory: self, part, numbers: self.accounts.parts[part].numbers.write() }
    }

    /// All accounts, in pieces.
    pub(crate) fn account_pieces(&self) -> Vec<Piece> {
        self.accounts.pieces()
    }

    /// The accounts of one piece.
    pub(crate) fn accounts_of_piece(
        &self,
        piece: &Piece,
    ) -> impl Iterator<Item = (AccountNumber, &AccountEntry)> {
        self.accounts.of_piece(piece.clone())
    }

    /// All slots, in pieces.
    pub(crate) fn slot_pieces(&self) -> Vec<Piece> {
        self.slots.pieces()
    }

    /// The slots of one piece.
    pub(crate) fn slots_of_piece(
        &self,
        piece: &Piece,
    ) -> impl Iterator<Item = (SlotNumber, &SlotEntry)> {
        self.slots.of_piece(piece.clone())
    }

    /// Every slot that was met.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (SlotNumber, &SlotEntry)> {
        self.slots.iter()
    }

    /// Every account that was met.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (AccountNumber, &AccountEntry)> {
        self.accounts.iter()
    }

    /// A slot's value before `step`, and the step that wrote it.
    pub(crate) fn read_slot(&self, number: SlotNumber, step: Step) -> (U256, Option<Step>) {
        let slot = self.slot(number);
        let written = slot.written(step);
        self.unless_wiped(slot, step, written)
    }

    /// A slot's value before `step`, and the step that wrote it, if it was last `written` so.
    pub(crate) fn unless_wiped(
        &self,
        slot: &SlotEntry,
        step: Step,
        written: Option<(Step, U256)>,
    ) -> (U256, Option<Step>) {
        let account = self.account(slot.account);
        if account.is_noted() {
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
    /// `listed_at` is the place in the access list that is followed, or [`UNLISTED`].
    pub(crate) fn new(address: Address, before: Option<AccountState>, listed_at: u32) -> Self {
        Self {
            address,
            before,
            accessed: AtomicBool::new(false),
            foreseen: AtomicBool::new(false),
            contested: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            noted: AtomicBool::new(false),
            listed_at,
            versions: Mutex::default(),
        }
    }

    pub(crate) fn versions(&self) -> MutexGuard<'_, AccountVersions> {
        self.versions.lock()
    }

    /// As [`AccountEntry::versions`], for adding some.
    pub(crate) fn versions_to_add(&self) -> MutexGuard<'_, AccountVersions> {
        let versions = self.versions.lock();
        // Whoever does not see this reads what was there before: so does who comes a moment too
        // early. A final version is seen by all who know that it is final.
        if !self.changed.load(Relaxed) {
            self.changed.store(true, Release);
        }
        versions
    }

    pub(crate) fn has_changed(&self) -> bool {
        self.changed.load(Acquire)
    }

    /// The account before `step`, and the newest step that changed it.
    pub(crate) fn read(&self, step: Step) -> (Seen, Option<Step>) {
        if !self.has_changed() {
            return (Seen::new(self.before.as_ref()), None);
        }
        self.versions().read(self.before.as_ref(), step)
    }

    /// The newest step before `step` at which the storage was wiped.
    pub(crate) fn wiped_before(&self, step: Step) -> Option<Step> {
        self.versions().wiped_before(step)
    }

    /// Every step at which the storage was wiped, ascending.
    pub(crate) fn wipes(&self) -> Vec<Step> {
        let versions = self.versions();
        let Some(rare) = &versions.rare else { return Vec::new() };
        rare.life.iter().filter(|(_, life)| *life != Life::Emptied).map(|(at, _)| *at).collect()
    }

    pub(crate) fn set_life(&self, versions: &mut AccountVersions, step: Step, life: Life) {
        versions.rare().life.set(step, life);
        self.note();
    }

    pub(crate) fn set_code(&self, versions: &mut AccountVersions, step: Step, code: B256) {
        versions.rare().code.set(step, code);
        self.note();
    }

    /// Notes that `versions` holds what few accounts have.
    pub(crate) fn note(&self) {
        mark(&self.noted);
    }

    pub(crate) fn is_noted(&self) -> bool {
        self.noted.load(Relaxed)
    }

    /// Notes that a transaction of the block touches the account.
    pub(crate) fn mark_accessed(&self) {
        mark(&self.accessed);
    }

    pub(crate) fn is_accessed(&self) -> bool {
        self.accessed.load(Relaxed)
    }

    /// As [`AccountEntry::is_accessed`] in the optimistic way when all is final, where it is not
    /// noted of an account that changes.
    pub(crate) fn is_touched(&self) -> bool {
        self.is_accessed() || (self.has_changed() && !self.versions().is_empty())
    }
}

impl AccountEntry {
    /// Notes that the account has a part in foreseen transfers.
    pub(crate) fn foresee(&self) {
        mark(&self.foreseen);
    }

    pub(crate) fn is_contested(&self) -> bool {
        self.contested.load(Relaxed)
    }
}

impl SlotEntry {
    /// `listed_at` is the place among the slots of the access list, or [`UNLISTED`].
    pub(crate) fn new(account: AccountNumber, key: U256, before: U256, listed_at: u32) -> Self {
        Self {
            account,
            key,
            before,
            accessed: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            listed_at,
            versions: Mutex::default(),
        }
    }

    pub(crate) fn versions(&self) -> MutexGuard<'_, Versions<U256>> {
        self.versions.lock()
    }

    /// Adds a version.
    pub(crate) fn set(&self, step: Step, value: U256) {
        // As in `AccountEntry::versions_to_add`.
        let mut versions = self.versions.lock();
        if !self.changed.load(Relaxed) {
            self.changed.store(true, Release);
        }
        versions.set(step, value);
    }

    /// The newest version before `step`.
    pub(crate) fn written(&self, step: Step) -> Option<(Step, U256)> {
        if !self.has_changed() {
            return None;
        }
        self.versions().before(step).copied()
    }

    /// As [`AccountEntry::has_changed`].
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.load(Acquire)
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

    fn wiped_before(&self, step: Step) -> Option<Step> {
        let life = self.rare.as_ref()?.life.all_before(step);
        life.iter().rev().find(|(_, life)| *life != Life::Emptied).map(|(at, _)| *at)
    }

    /// The newest step before `step` that changed a field, or for existence anything.
    pub(crate) fn writer(&self, field: AccountField, step: Step) -> Option<Step> {
        let rare = self.rare.as_ref();
        let written = match field {
            AccountField::Balance => self.balance.before(step).map(|(at, _)| *at),
            AccountField::Nonce => self.nonce.before(step).map(|(at, _)| *at),
            AccountField::Code => rare.and_then(|rare| rare.code.before(step)).map(|(at, _)| *at),
            AccountField::Existence => return self.read(None, step).1,
        };
        // A field is lost with its account, too.
        let life = rare.and_then(|rare| rare.life.before(step));
        let destroyed = life.filter(|(_, life)| *life == Life::Destroyed).map(|(at, _)| *at);
        written.max(destroyed)
    }

    /// Whether anything changes at `step`.
    pub(crate) fn has_at(&self, step: Step) -> bool {
        let rare = |rare: &RareVersions| rare.code.has_at(step) || rare.life.has_at(step);
        self.balance.has_at(step)
            || self.nonce.has_at(step)
            || self.rare.as_deref().is_some_and(rare)
    }

    /// Whether anything changes at all.
    pub(crate) fn is_empty(&self) -> bool {
        let rare = |rare: &RareVersions| rare.code.len() == 0 && rare.life.len() == 0;
        self.balance.len() == 0 && self.nonce.len() == 0 && self.rare.as_deref().is_none_or(rare)
    }

    /// The account before `step`, and the newest step that changed it.
    pub(crate) fn read(&self, before: Option<&AccountState>, step: Step) -> (Seen, Option<Step>) {
        self.read_on(Seen::new(before), None, step)
    }

    /// As [`AccountVersions::read`], on top of an account that is as `seen` since `changed`.
    pub(crate) fn read_on(
        &self,
        mut seen: Seen,
        mut changed: Option<Step>,
        step: Step,
    ) -> (Seen, Option<Step>) {
        let (balance, at) = balance_before(&self.balance, step, seen.balance);
        seen.balance = balance;
        changed = changed.max(at);
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
                // So does one of the same step, where an access list says both of the protocol's
                // operations together: a withdrawal of nothing, then one of something.
                seen.exists = *life != Life::Destroyed || !seen.is_empty();
            }
            changed = changed.max(Some(*at));
        }
        (seen, changed)
    }
}

/// One part of the accounts, with nobody else adding to it.
pub(crate) struct AccountPart<'m> {
    memory: &'m MvMemory,
    part: usize,
    numbers: RwLockWriteGuard<'m, HashTable<(Address, AccountNumber)>>,
}

impl AccountPart<'_> {
    /// The number of an account of this part that is known already.
    pub(crate) fn find(&self, hash: u64, address: &Address) -> Option<AccountNumber> {
        self.numbers.find(hash, |entry| entry.0 == *address).map(|entry| entry.1)
    }

    /// The number of an account of this part, whose `entry` is added if there is none.
    pub(crate) fn number(&mut self, hash: u64, entry: AccountEntry) -> AccountNumber {
        debug_assert_eq!(part_of(hash), self.part, "the account is of another part");
        let (accounts, address) = (&self.memory.accounts, entry.address);
        self.find(hash, &address)
            .unwrap_or_else(|| accounts.insert(self.part, &mut self.numbers, hash, address, entry))
    }
}

/// Entries by key and by number, in many parts, each with a hash table under a lock of its own.
///
/// The lowest bits of a number tell the part that holds the entry, the others the place in it. It
/// need not be the part whose table has the key: what one thread adds had better lie together, or
/// threads write to each other's cache lines.
#[derive(Debug)]
struct Numbered<K, E> {
    parts: Box<[Part<K, E>]>,
    hasher: RandomState,
}

/// Entries that lie one after the other and are handled together: of a part, some places.
pub(crate) type Piece = (usize, Range<usize>);

/// Most entries of a piece.
const PIECE_MAX: usize = 512;

/// On a cache line of its own, so that neighbours do not slow each other down.
#[derive(Debug)]
#[repr(align(64))]
struct Part<K, E> {
    numbers: RwLock<HashTable<(K, u32)>>,
    entries: boxcar::Vec<E>,
}

/// Fewer accounts or slots are cleared by one thread.
const CLEARED_ALONE: usize = 4096;

/// Of accounts and of slots. Many more than threads, so that two rarely meet.
pub(crate) const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 6;

impl<K: Copy + Eq + Hash + Send, E: Send> Numbered<K, E> {
    fn new() -> Self {
        let part = || Part { numbers: RwLock::default(), entries: boxcar::Vec::new() };
        Self { parts: (0..PARTS).map(|_| part()).collect(), hasher: RandomState::default() }
    }

    fn clear(&mut self, sharing: Sharing<'_>) {
        let clear = |part: &mut Part<K, E>| {
            part.numbers.get_mut().clear();
            part.entries.clear();
        };
        // Where there was little, waking others would take longer.
        if self.numbers_end() < CLEARED_ALONE {
            self.parts.iter_mut().for_each(clear);
        } else {
            sharing.each(self.parts.iter_mut(), clear);
        }
    }

    /// The hash by which the key's part and its place in the table are found.
    fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    fn get(&self, number: u32) -> &E {
        let number = number as usize;
        &self.parts[number % PARTS].entries[number >> PART_BITS]
    }

    fn numbers_end(&self) -> usize {
        let longest = self.parts.iter().map(|part| part.entries.count()).max();
        longest.unwrap_or_default() << PART_BITS
    }

    fn pieces(&self) -> Vec<Piece> {
        let of_part = |part: usize| {
            let len = self.parts[part].entries.count();
            (0..len).step_by(PIECE_MAX).map(move |at| (part, at..len.min(at + PIECE_MAX)))
        };
        (0..PARTS).flat_map(of_part).collect()
    }

    fn of_piece(&self, (part, places): Piece) -> impl Iterator<Item = (u32, &E)> {
        let entries = &self.parts[part].entries;
        let number = move |place: usize| (place << PART_BITS | part) as u32;
        places.map(move |place| (number(place), &entries[place]))
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &E)> {
        self.pieces().into_iter().flat_map(|piece| self.of_piece(piece))
    }

    fn find(&self, key: &K) -> Option<u32> {
        self.find_hashed(self.hash(key), key)
    }

    fn find_hashed(&self, hash: u64, key: &K) -> Option<u32> {
        let table = self.parts[part_of(hash)].numbers.read();
        table.find(hash, |entry| entry.0 == *key).map(|entry| entry.1)
    }

    fn get_or_insert<Error>(
        &self,
        key: K,
        store: usize,
        load: impl FnOnce() -> Result<E, Error>,
    ) -> Result<u32, Error> {
        let hash = self.hash(&key);
        if let Some(number) = self.find_hashed(hash, &key) {
            return Ok(number);
        }
        // Loading may wait for a disk, so it happens outside the lock; the first one wins.
        let entry = load()?;
        let part = part_of(hash);
        let mut numbers = self.parts[part].numbers.write();
        if let Some((_, number)) = numbers.find(hash, |entry| entry.0 == key) {
            return Ok(*number);
        }
        Ok(self.insert(store, &mut numbers, hash, key, entry))
    }

    fn insert(
        &self,
        part: usize,
        numbers: &mut HashTable<(K, u32)>,
        hash: u64,
        key: K,
        entry: E,
    ) -> u32 {
        let place = self.parts[part].entries.push(entry);
        let number = u32::try_from(place << PART_BITS).expect("a block's gas cannot touch so much")
            | part as u32;
        assert!(number < LISTED, "a block's gas cannot touch so much");
        numbers.insert_unique(hash, (key, number), |entry| self.hasher.hash_one(entry.0));
        number
    }
}

/// The part of a key with this hash.
pub(crate) const fn part_of(hash: u64) -> usize {
    // The tables use the lowest and the highest seven bits.
    (hash >> 40) as usize % PARTS
}
