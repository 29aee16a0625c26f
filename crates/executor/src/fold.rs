//! From multi-version memory to the change set and the access list.

use crate::{
    mv_memory::{AccountEntry, AccountNumber, Life, MvMemory, SlotNumber},
    versions::{BalanceVersion, Step, Versions},
};
use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges,
    StorageChange,
};
use alloy_primitives::{B256, KECCAK256_EMPTY, U256};
use heddle_types::{AccessList, AccountChange, ChangeSet, ExistenceMarks};
use rayon::prelude::*;

/// From here on a list of slots is sorted by all threads.
const PARALLEL_SORT_MIN: usize = 8192;

/// What is made of one account.
struct Folded {
    change: Option<AccountChange>,
    code: Option<(B256, alloy_primitives::Bytes)>,
    listed: Option<AccountChanges>,
    marks: Option<ExistenceMarks>,
}

/// Makes the change set and, if `index` gives the list's index for a step, the access list. With
/// `marks` that says also what its wire form cannot.
pub(crate) fn fold(
    memory: &MvMemory,
    end: Step,
    index: Option<&(dyn Fn(Step) -> u64 + Sync)>,
    marks: bool,
) -> (ChangeSet, Option<AccessList>) {
    let accounts = accounts_by_address(memory);
    let (offsets, mut slots) = slots_by_account(memory, &accounts);
    let mut parts = Vec::with_capacity(accounts.len());
    let mut rest = slots.as_mut_slice();
    for (account, ends) in accounts.iter().zip(offsets.windows(2)) {
        let (part, others) = rest.split_at_mut(ends[1] - ends[0]);
        parts.push((*account, part));
        rest = others;
    }
    let folder = Folder { memory, end, index, marks };
    let folded: Vec<Folded> = parts
        .into_par_iter()
        .with_min_len(128)
        .map(|(account, slots)| folder.account(account, slots))
        .collect();
    assemble(folded, index.is_some())
}

fn assemble(folded: Vec<Folded>, listed: bool) -> (ChangeSet, Option<AccessList>) {
    let mut changes = ChangeSet::default();
    let mut list = AccessList::default();
    changes.accounts.reserve_exact(folded.len());
    if listed {
        list.accounts.reserve_exact(folded.len());
    }
    for account in folded {
        changes.accounts.extend(account.change);
        changes.codes.extend(account.code);
        list.accounts.extend(account.listed);
        list.marks.extend(account.marks);
    }
    changes.codes.sort_unstable_by_key(|(hash, _)| *hash);
    changes.codes.dedup_by_key(|(hash, _)| *hash);
    (changes, listed.then_some(list))
}

fn accounts_by_address(memory: &MvMemory) -> Vec<AccountNumber> {
    let accessed = |number: &AccountNumber| memory.account(*number).is_accessed();
    let prefix = |number: AccountNumber| {
        let address = memory.account(number).address;
        let head = address.0.first_chunk().expect("an address has 20 bytes");
        (u64::from_be_bytes(*head), number)
    };
    let mut sorted: Vec<(u64, AccountNumber)> = (0..memory.accounts_len() as AccountNumber)
        .into_par_iter()
        .with_min_len(1024)
        .filter(accessed)
        .map(prefix)
        .collect();
    let address = |number: AccountNumber| memory.account(number).address;
    sorted.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| address(a.1).cmp(&address(b.1))));
    sorted.into_iter().map(|(_, number)| number).collect()
}

/// The slots of each account one after the other, and where each account's begin.
fn slots_by_account(
    memory: &MvMemory,
    accounts: &[AccountNumber],
) -> (Vec<usize>, Vec<SlotNumber>) {
    let mut rank = vec![usize::MAX; memory.accounts_len()];
    for (position, number) in accounts.iter().enumerate() {
        rank[*number as usize] = position;
    }
    let accessed = || {
        (0..memory.slots_len() as SlotNumber).filter_map(|number| {
            let slot = memory.slot(number);
            slot.is_accessed().then(|| (rank[slot.account as usize], number))
        })
    };
    let mut offsets = vec![0; accounts.len() + 1];
    for (rank, _) in accessed() {
        offsets[rank + 1] += 1;
    }
    for at in 1..offsets.len() {
        offsets[at] += offsets[at - 1];
    }
    let mut next = offsets.clone();
    let mut slots = vec![0; offsets[accounts.len()]];
    for (rank, number) in accessed() {
        slots[next[rank]] = number;
        next[rank] += 1;
    }
    (offsets, slots)
}

struct Folder<'m> {
    memory: &'m MvMemory,
    end: Step,
    index: Option<&'m (dyn Fn(Step) -> u64 + Sync)>,
    marks: bool,
}

impl Folder<'_> {
    fn account(&self, number: AccountNumber, slots: &mut [SlotNumber]) -> Folded {
        let key = |number: &SlotNumber| self.memory.slot(*number).key;
        if slots.len() >= PARALLEL_SORT_MIN {
            slots.par_sort_unstable_by_key(key);
        } else {
            slots.sort_unstable_by_key(key);
        }
        let account = self.memory.account(number);
        let wiped = account.wiped_before(self.end);
        let (now, _) = account.read(self.end);
        let after = now.state();
        let storage_cleared = account.before.is_some() && wiped.is_some();
        let storage = if after.is_some() { self.storage(slots, wiped) } else { Vec::new() };
        let changed = after != account.before || storage_cleared || !storage.is_empty();
        let address = account.address;
        let change = changed.then_some(AccountChange { address, after, storage_cleared, storage });
        let had = account.before.map_or(KECCAK256_EMPTY, |before| before.code_hash);
        let hash = after.map_or(KECCAK256_EMPTY, |after| after.code_hash);
        let code = (hash != had && hash != KECCAK256_EMPTY)
            .then(|| self.memory.code(&hash).map(|code| (hash, code.original_bytes())))
            .flatten();
        Folded {
            change,
            code,
            listed: self.index.map(|index| self.list(account, slots, index)),
            marks: self.index.filter(|_| self.marks).and_then(|index| existence(account, index)),
        }
    }

    /// The slots that differ from before the block or, after a wipe, from zero.
    fn storage(&self, slots: &[SlotNumber], wiped: Option<Step>) -> Vec<(U256, U256)> {
        let changed = |number: &SlotNumber| {
            let slot = self.memory.slot(*number);
            let versions = slot.versions();
            let (at, value) = *versions.before(self.end)?;
            let stands = wiped.is_none_or(|wiped| at >= wiped);
            let before = if wiped.is_some() { U256::ZERO } else { slot.before };
            (stands && value != before).then_some((slot.key, value))
        };
        slots.iter().filter_map(changed).collect()
    }

    fn list(
        &self,
        account: &AccountEntry,
        slots: &[SlotNumber],
        index: &dyn Fn(Step) -> u64,
    ) -> AccountChanges {
        let mut listed = AccountChanges::new(account.address);
        let wipes = account.wipes();
        for number in slots {
            let slot = self.memory.slot(*number);
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
        let settled = |version: &BalanceVersion| match version {
            BalanceVersion::Set(balance) => *balance,
            BalanceVersion::Add(_) => unreachable!("a final step's amounts are settled"),
        };
        listed.balance_changes = collapse(&versions.balance, balance, index, settled)
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
    value: impl Fn(&T) -> V,
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
