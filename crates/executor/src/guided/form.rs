//! Whether an access list is in canonical form, and a first look at what it says.

use super::{AccessListError, MANY_SLOTS, head};
use crate::{share::Sharing, steps::Steps};
use alloy_eip7928::{AccountChanges, BalanceChange, CodeChange, NonceChange, StorageChange};
use alloy_primitives::{Address, U256};
use heddle_types::{AccessList, Fork};

/// What a list says of one account, as far as it fits into little more than a cache line. Of most
/// accounts it is all there is to say.
#[derive(Debug)]
pub(super) struct Brief {
    /// The only balance that it gets, ...
    pub(super) balance: U256,
    /// ... the only nonce, ...
    pub(super) nonce: u64,
    /// ... and at which indices; [`NEVER`], or [`OFTEN`] if there are more.
    pub(super) balance_at: u32,
    pub(super) nonce_at: u32,
    /// Where its slots begin if the slots of all accounts are counted.
    pub(super) start: u32,
    /// How many of its slots change, ...
    pub(super) changed: u32,
    /// ... and how many are only read.
    pub(super) read: u32,
    changes: u32,
    /// Whether a code is deployed there.
    pub(super) has_codes: bool,
    in_form: bool,
}

/// In place of an index: there is no change.
pub(super) const NEVER: u32 = u32::MAX;
/// In place of an index: there are several changes.
pub(super) const OFTEN: u32 = u32::MAX - 1;

/// More slots, or changes of one account, no block can make: their numbers would not fit.
const MAX: usize = 1 << 30;

/// What there is to know of a list in canonical form.
pub(super) struct Form {
    pub(super) briefs: Vec<Brief>,
    /// The first bytes of the accounts' addresses.
    pub(super) heads: Vec<u64>,
    /// How many changes the list holds.
    pub(super) changes: usize,
}

/// Checks that a list is in canonical form.
pub(super) fn check(
    list: &AccessList,
    fork: Fork,
    steps: &Steps,
    sharing: Sharing<'_>,
) -> Result<Form, AccessListError> {
    let wrong = |address, what| Err(AccessListError::Malformed(address, what));
    let mut places: Vec<usize> = (0..list.accounts.len()).collect();
    let (mut briefs, heads) = sharing.map_pairs(&mut places, 256, |place| {
        let listed = &list.accounts[*place];
        (brief(listed, steps), head(&listed.address))
    });
    for (at, pair) in heads.windows(2).enumerate() {
        let ascending =
            pair[0] < pair[1] || list.accounts[at].address < list.accounts[at + 1].address;
        if !ascending {
            let address = list.accounts[at + 1].address;
            return wrong(address, "accounts are not in ascending order");
        }
    }
    let (mut changes, mut slots) = (0, 0);
    for (brief, listed) in briefs.iter_mut().zip(&list.accounts) {
        if !brief.in_form {
            account_in_form(listed, steps)?;
        }
        changes += brief.changes as usize;
        brief.start = slots as u32;
        slots += brief.changed as usize + brief.read as usize;
        if slots >= MAX {
            return wrong(listed.address, "the list names more slots than a block can touch");
        }
    }
    if fork >= Fork::Cancun && !list.marks.is_empty() {
        let address = list.marks[0].address;
        return wrong(address, "marks of existence have no meaning from Cancun on");
    }
    for pair in list.marks.windows(2) {
        if pair[0].address >= pair[1].address {
            return wrong(pair[1].address, "marks are not in ascending order");
        }
    }
    for marks in &list.marks {
        if marks.destroyed_at.is_empty() && marks.emptied_at.is_empty() {
            return wrong(marks.address, "a mark marks nothing");
        }
        for indices in [&marks.destroyed_at, &marks.emptied_at] {
            changes += in_order(marks.address, steps, indices.iter().copied())?;
        }
    }
    Ok(Form { briefs, heads, changes })
}

fn brief(listed: &AccountChanges, steps: &Steps) -> Brief {
    let changes = account_in_form(listed, steps).ok().filter(|changes| *changes < MAX);
    let (balance_at, balance) = only(&listed.balance_changes);
    let (nonce_at, nonce) = only(&listed.nonce_changes);
    let few = |len: usize| len.min(MAX) as u32;
    Brief {
        balance: balance.map_or(U256::ZERO, |change| change.post_balance),
        nonce: nonce.map_or(0, |change| change.new_nonce),
        balance_at,
        nonce_at,
        start: 0,
        changed: few(listed.storage_changes.len()),
        read: few(listed.storage_reads.len()),
        changes: changes.unwrap_or_default() as u32,
        has_codes: !listed.code_changes.is_empty(),
        in_form: changes.is_some(),
    }
}

impl Brief {
    /// Whether so many slots change that they have a directory.
    pub(super) const fn has_many_slots(&self) -> bool {
        self.changed as usize >= MANY_SLOTS
    }
}

/// The only one of a location's changes, and at which index.
pub(super) fn only<C: Indexed>(changes: &[C]) -> (u32, Option<&C>) {
    match changes {
        [] => (NEVER, None),
        // An index that is too large makes the list malformed.
        [only] => (only.index() as u32, Some(only)),
        _ => (OFTEN, None),
    }
}

/// Whether what a list says of one account is in form; returns how many changes it has.
fn account_in_form(listed: &AccountChanges, steps: &Steps) -> Result<usize, AccessListError> {
    let address = listed.address;
    let wrong = |what| Err(AccessListError::Malformed(address, what));
    let ascending = listed.storage_changes.is_sorted_by(|a, b| a.slot < b.slot)
        && listed.storage_reads.is_sorted_by(|a, b| a < b);
    if !ascending {
        return wrong("slots are not in ascending order");
    }
    let mut changes = in_order(address, steps, listed.balance_changes.iter().map(indexed))?
        + in_order(address, steps, listed.nonce_changes.iter().map(indexed))?
        + in_order(address, steps, listed.code_changes.iter().map(indexed))?;
    for changed in &listed.storage_changes {
        if changed.changes.is_empty() {
            return wrong("a changed slot has no changes");
        }
        if listed.storage_reads.binary_search(&changed.slot).is_ok() {
            return wrong("a slot is listed both as read and as changed");
        }
        changes += in_order(address, steps, changed.changes.iter().map(indexed))?;
    }
    Ok(changes)
}

/// Checks the indices of one location's changes, and counts them.
fn in_order(
    address: Address,
    steps: &Steps,
    indices: impl Iterator<Item = u64>,
) -> Result<usize, AccessListError> {
    let mut last = None;
    let mut count = 0;
    for index in indices {
        if last.is_some_and(|last| last >= index) {
            return Err(AccessListError::Malformed(address, "changes are not in ascending order"));
        }
        if steps.of_index(index).is_none() {
            return Err(AccessListError::Malformed(address, "an index is beyond the block"));
        }
        last = Some(index);
        count += 1;
    }
    Ok(count)
}

/// A change in an access list.
pub(super) trait Indexed {
    fn index(&self) -> u64;
}

macro_rules! indexed {
    ($($change:ty),*) => {
        $(impl Indexed for $change {
            fn index(&self) -> u64 {
                self.block_access_index.get()
            }
        })*
    };
}

indexed!(BalanceChange, NonceChange, CodeChange, StorageChange);

pub(super) fn indexed(change: &impl Indexed) -> u64 {
    change.index()
}
