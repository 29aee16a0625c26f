//! From multi-version memory to the change set and the access list.

use crate::{
    AccessListError,
    guided::{Listed, head, slot_head},
    mv_memory::{AccountEntry, AccountNumber, Life, MvMemory, Piece, SlotNumber},
    reads::Reads,
    share::Sharing,
    versions::{BalanceVersion, Step, Versions},
};
use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges,
    StorageChange,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use heddle_types::{AccessList, AccountChange, ChangeSet, ExistenceMarks};
use parking_lot::Mutex;

/// Makes the change set and, if `index` gives the list's index for a step, the access list. With
/// `marks` that says also what its wire form cannot.
pub(crate) fn fold(
    reads: Reads<'_>,
    end: Step,
    index: Option<&(dyn Fn(Step) -> u64 + Sync)>,
    marks: bool,
    sharing: Sharing<'_>,
) -> (ChangeSet, Option<AccessList>) {
    let memory = reads.memory;
    let accounts = accounts_by_address(memory, sharing);
    let (offsets, mut slots) = slots_by_account(memory, &accounts, sharing);
    let mut parts = Vec::with_capacity(accounts.len());
    let mut rest = slots.as_mut_slice();
    for (account, ends) in accounts.iter().zip(offsets.windows(2)) {
        let (part, others) = rest.split_at_mut(ends[1] - ends[0]);
        if part.len() >= MANY_SLOTS {
            sort_slots(memory, part, sharing);
        }
        parts.push((*account, part));
        rest = others;
    }
    let folder = Folder { memory, reads, end, index, marks, rare: Mutex::default() };
    let change = |account: AccountNumber, slots: &mut [KeyedSlot]| {
        if slots.len() < MANY_SLOTS {
            sort_slots(memory, slots, Sharing::Alone);
        }
        folder.change(account, slots.iter().map(|(_, number)| *number))
    };
    let (accounts, list) = if index.is_some() {
        let fold = |(account, slots): &mut (AccountNumber, &mut [KeyedSlot])| {
            (change(*account, slots), folder.list(*account, slots))
        };
        let (accounts, listed) = sharing.map_pairs(&mut parts, ACCOUNTS_AT_ONCE, fold);
        (accounts, Some(listed))
    } else {
        let fold =
            |(account, slots): &mut (AccountNumber, &mut [KeyedSlot])| change(*account, slots);
        (sharing.map_mut(&mut parts, ACCOUNTS_AT_ONCE, fold), None)
    };
    let (changes, marks) = change_set(accounts, folder.rare.into_inner());
    (changes, list.map(|accounts| AccessList { accounts, marks }))
}

/// Makes the change set of a block that was guided by an access list whose entries are premade, and
/// checks that the block touched all that is listed.
pub(crate) fn fold_listed(
    reads: Reads<'_>,
    listed: &Listed<'_>,
    end: Step,
    sharing: Sharing<'_>,
) -> Result<ChangeSet, AccessListError> {
    let memory = reads.memory;
    let rare = Mutex::default();
    let folder = Folder { memory, reads, end, index: None, marks: false, rare };
    let [account_unmet, slot_unmet] = [AtomicU32::new(u32::MAX), AtomicU32::new(u32::MAX)];
    let places: Vec<u32> = (0..listed.accounts().len() as u32).collect();
    let accounts = sharing.map(&places, ACCOUNTS_AT_ONCE, |place| {
        let number = MvMemory::listed(*place);
        if !memory.account(number).is_accessed() {
            account_unmet.fetch_min(*place, Relaxed);
        }
        let slots = listed.slots_of(*place);
        for slot in slots.all() {
            if !memory.slot(MvMemory::listed(slot)).is_accessed() {
                slot_unmet.fetch_min(slot, Relaxed);
            }
        }
        folder.change(number, slots.changed.map(MvMemory::listed))
    });
    if let Some(account) = listed.accounts().get(account_unmet.into_inner() as usize) {
        return Err(AccessListError::SuperfluousAccount(account.address));
    }
    let slot_unmet = slot_unmet.into_inner();
    if slot_unmet != u32::MAX {
        let (account, key) = listed.slot(slot_unmet);
        let address = listed.accounts()[account as usize].address;
        return Err(AccessListError::SuperfluousSlot(address, key));
    }
    Ok(change_set(accounts, folder.rare.into_inner()).0)
}

fn change_set(accounts: Vec<AccountChange>, rare: Rare) -> (ChangeSet, Vec<ExistenceMarks>) {
    let Rare { unchanged, mut codes, mut marks } = rare;
    codes.sort_unstable_by_key(|(hash, _)| *hash);
    codes.dedup_by_key(|(hash, _)| *hash);
    marks.sort_unstable_by_key(|marks| marks.address);
    (ChangeSet { accounts: without(accounts, unchanged), codes }, marks)
}

/// Accounts that are worth a thread's while.
const ACCOUNTS_AT_ONCE: usize = 64;
/// An account with so many slots is worth all threads' while.
const MANY_SLOTS: usize = 4096;

/// What is found on the way and belongs to few accounts, in no particular order.
#[derive(Default)]
struct Rare {
    /// Accounts in which nothing changed in the end.
    unchanged: Vec<Address>,
    codes: Vec<(B256, Bytes)>,
    marks: Vec<ExistenceMarks>,
}

fn without(mut accounts: Vec<AccountChange>, mut unchanged: Vec<Address>) -> Vec<AccountChange> {
    if !unchanged.is_empty() {
        unchanged.sort_unstable();
        accounts.retain(|change| unchanged.binary_search(&change.address).is_err());
    }
    accounts
}

fn accounts_by_address(memory: &MvMemory, sharing: Sharing<'_>) -> Vec<AccountNumber> {
    let of_piece = |piece: &Piece| {
        let touched = memory.accounts_of_piece(piece).filter(|(_, account)| account.is_touched());
        let keyed = touched.map(|(number, account)| (head(&account.address), number));
        keyed.collect::<Vec<_>>()
    };
    let mut accounts = sharing.map(&memory.account_pieces(), 1, of_piece).concat();
    let address = |number: &AccountNumber| memory.account(*number).address;
    sharing.sort_by_head(&mut accounts, |a, b| address(a).cmp(&address(b)));
    accounts.into_iter().map(|(_, number)| number).collect()
}

/// A slot by the first bytes of its key.
type KeyedSlot = (u64, SlotNumber);

/// The slots of each account one after the other, and where each account's begin.
fn slots_by_account(
    memory: &MvMemory,
    accounts: &[AccountNumber],
    sharing: Sharing<'_>,
) -> (Vec<usize>, Vec<KeyedSlot>) {
    let mut rank = vec![u32::MAX; memory.account_numbers_end()];
    for (position, number) in (0..).zip(accounts) {
        rank[*number as usize] = position;
    }
    let of_piece = |piece: &Piece| {
        let accessed = memory.slots_of_piece(piece).filter(|(_, slot)| slot.is_accessed());
        let ranked = accessed.map(|(number, slot)| {
            (rank[slot.account as usize] as usize, (slot_head(&slot.key), number))
        });
        ranked.collect::<Vec<_>>()
    };
    let unsorted = sharing.map(&memory.slot_pieces(), 1, of_piece);
    let all = || unsorted.iter().flatten();
    let mut offsets = vec![0; accounts.len() + 1];
    all().for_each(|(rank, _)| offsets[rank + 1] += 1);
    for at in 1..offsets.len() {
        offsets[at] += offsets[at - 1];
    }
    let mut next = offsets.clone();
    let mut slots = vec![(0, 0); offsets[accounts.len()]];
    for (rank, slot) in all() {
        slots[next[*rank]] = *slot;
        next[*rank] += 1;
    }
    (offsets, slots)
}

/// Sorts the slots of one account by their keys.
fn sort_slots(memory: &MvMemory, slots: &mut [KeyedSlot], sharing: Sharing<'_>) {
    let key = |number: &SlotNumber| memory.slot(*number).key;
    sharing.sort_by_head(slots, |a, b| key(a).cmp(&key(b)));
}

struct Folder<'m> {
    memory: &'m MvMemory,
    reads: Reads<'m>,
    end: Step,
    index: Option<&'m (dyn Fn(Step) -> u64 + Sync)>,
    marks: bool,
    rare: Mutex<Rare>,
}

impl Folder<'_> {
    /// What changes in an account in the end, perhaps nothing.
    /// `slots` are in order of their keys.
    fn change(
        &self,
        number: AccountNumber,
        slots: impl Iterator<Item = SlotNumber>,
    ) -> AccountChange {
        let account = self.memory.account(number);
        let after = self.reads.entry(account, self.end).state();
        let wiped = if account.is_noted() { account.wiped_before(self.end) } else { None };
        let storage_cleared = account.before.is_some() && wiped.is_some();
        let storage = if after.is_some() { self.storage(slots, wiped) } else { Vec::new() };
        let address = account.address;
        if after == account.before && !storage_cleared && storage.is_empty() {
            self.rare.lock().unchanged.push(address);
        }
        let had = account.before.map_or(KECCAK256_EMPTY, |before| before.code_hash);
        let hash = after.map_or(KECCAK256_EMPTY, |after| after.code_hash);
        if hash != had
            && hash != KECCAK256_EMPTY
            && let Some(code) = self.memory.code(&hash)
        {
            self.rare.lock().codes.push((hash, code.original_bytes()));
        }
        AccountChange { address, after, storage_cleared, storage }
    }

    /// The slots that differ from before the block or, after a wipe, from zero.
    fn storage(
        &self,
        slots: impl Iterator<Item = SlotNumber>,
        wiped: Option<Step>,
    ) -> Vec<(U256, U256)> {
        let changed = |number| {
            let slot = self.memory.slot(number);
            let (at, value) = self.reads.written(slot, self.end)?;
            let stands = wiped.is_none_or(|wiped| at >= wiped);
            let before = if wiped.is_some() { U256::ZERO } else { slot.before };
            (stands && value != before).then_some((slot.key, value))
        };
        slots.filter_map(changed).collect()
    }

    /// What the list says of an account whose slots are in order.
    fn list(&self, number: AccountNumber, slots: &[KeyedSlot]) -> AccountChanges {
        let index = self.index.expect("a list is made only with indices");
        let account = self.memory.account(number);
        if self.marks
            && let Some(marks) = existence(account, index)
        {
            self.rare.lock().marks.push(marks);
        }
        let mut listed = AccountChanges::new(account.address);
        let wipes = if account.is_noted() { account.wipes() } else { Vec::new() };
        for (_, number) in slots {
            let slot = self.memory.slot(*number);
            if !slot.has_changed() {
                listed.storage_reads.push(slot.key);
                continue;
            }
            let versions = slot.versions();
            let changes = if wipes.is_empty() {
                collapse(&versions, slot.before, index, |value| *value)
            } else {
                collapse_wiped(&versions, slot.before, index, &wipes)
            };
            if changes.is_empty() {
                listed.storage_reads.push(slot.key);
            } else {
                let change = |(at, value)| StorageChange::new(BlockAccessIndex::new(at), value);
                let changes = changes.into_iter().map(change).collect();
                listed.storage_changes.push(SlotChanges::new(slot.key, changes));
            }
        }
        self.list_fields(account, index, &mut listed);
        listed
    }

    fn list_fields(
        &self,
        account: &AccountEntry,
        index: &dyn Fn(Step) -> u64,
        listed: &mut AccountChanges,
    ) {
        let before = account.before;
        let versions = account.versions();
        let balance = before.map_or(U256::ZERO, |before| before.balance);
        let mut now = balance;
        let sum = |version: &BalanceVersion| {
            now = match version {
                BalanceVersion::Set(balance) => *balance,
                // Of a foreseen transfer.
                BalanceVersion::Add(amount) => now.wrapping_add(*amount),
            };
            now
        };
        listed.balance_changes = collapse(&versions.balance, balance, index, sum)
            .into_iter()
            .map(|(at, balance)| BalanceChange::new(BlockAccessIndex::new(at), balance))
            .collect();
        let nonce = before.map_or(0, |before| before.nonce);
        listed.nonce_changes = collapse(&versions.nonce, nonce, index, |nonce| *nonce)
            .into_iter()
            .map(|(at, nonce)| NonceChange::new(BlockAccessIndex::new(at), nonce))
            .collect();
        let Some(rare) = &versions.rare else { return };
        let code = before.map_or(KECCAK256_EMPTY, |before| before.code_hash);
        listed.code_changes = collapse(&rare.code, code, index, |hash| *hash)
            .into_iter()
            .map(|(at, hash)| {
                let code = self.memory.code(&hash).unwrap_or_default();
                CodeChange::new(BlockAccessIndex::new(at), code.original_bytes())
            })
            .collect();
    }
}

/// The last value of each list index, where it differs from the value before.
fn collapse<T, V: Copy + PartialEq>(
    versions: &Versions<T>,
    before: V,
    index: &dyn Fn(Step) -> u64,
    mut value: impl FnMut(&T) -> V,
) -> Vec<(u64, V)> {
    let mut changes: Vec<(u64, V)> = Vec::with_capacity(versions.len());
    for (step, version) in versions.iter() {
        let (at, value) = (index(*step), value(version));
        if changes.last().is_some_and(|last| last.0 == at) {
            changes.pop();
        }
        let old = changes.last().map_or(before, |last| last.1);
        if value != old {
            changes.push((at, value));
        }
    }
    changes
}

/// As [`collapse`], for a slot that is zero again after each of `wipes`.
fn collapse_wiped(
    versions: &Versions<U256>,
    before: U256,
    index: &dyn Fn(Step) -> u64,
    wipes: &[Step],
) -> Vec<(u64, U256)> {
    let mut changes: Vec<(u64, U256)> = Vec::new();
    let mut old = (before, None);
    for (step, value) in versions.iter() {
        let wiped = |wipe: &Step| old.1.is_none_or(|last| *wipe > last) && *wipe <= *step;
        if !value.is_zero() && wipes.iter().any(wiped) {
            old.0 = U256::ZERO;
        }
        if *value != old.0 {
            changes.push((index(*step), *value));
        }
        old = (*value, Some(*step));
    }
    changes
}

/// When the account ceased to exist, or came to exist empty.
fn existence(account: &AccountEntry, index: &dyn Fn(Step) -> u64) -> Option<ExistenceMarks> {
    let versions = account.versions();
    let rare = versions.rare.as_ref()?;
    let all = |wanted: Life| {
        let wanted = rare.life.iter().filter(move |(_, life)| *life == wanted);
        wanted.map(|(step, _)| index(*step)).collect::<Vec<_>>()
    };
    let marks = ExistenceMarks {
        address: account.address,
        destroyed_at: all(Life::Destroyed),
        emptied_at: all(Life::Emptied),
    };
    (!marks.destroyed_at.is_empty() || !marks.emptied_at.is_empty()).then_some(marks)
}
