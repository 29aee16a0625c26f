//! Entries for all that an access list names, made before anything is executed.
//!
//! A list tells what a block will read, so all of it can be read at once, by all threads and with
//! nothing in between: a processor, or a disk, then has many reads under way at a time, where
//! execution waits for each. The entries lie in the order of the list, so a place in the list is
//! a number, and nothing has to be entered into tables.

use crate::{
    error::read_ahead,
    guided::Listed,
    mv_memory::{AccountEntry, MvMemory, SlotEntry, UNLISTED},
    reads::Reads,
    share::Sharing,
    view::load_account,
};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use revm::DatabaseRef;

/// The entries of all that a list names, in its order; of each account first the slots that
/// change, then those that are only read.
#[derive(Debug, Default)]
pub(crate) struct Premade {
    pub(crate) accounts: Vec<AccountEntry>,
    pub(crate) slots: Vec<SlotEntry>,
}

/// Entries that are worth a thread's while.
const AT_ONCE: usize = 64;

/// Makes the entries of all that `listed` names, from the state `before` the block.
///
/// If anything cannot be read, there are none: entries are made as execution asks for them then,
/// and whoever asks for that one meets the error.
pub(crate) fn premake<DB: DatabaseRef + Sync>(
    listed: &Listed<'_>,
    memory: &MvMemory,
    before: &DB,
    sharing: Sharing<'_>,
) {
    let Premade { mut accounts, mut slots } = memory.take_spare();
    let reads = Reads { memory, listed: Some(listed) };
    let failed = AtomicBool::new(false);
    let places: Vec<u32> = (0..listed.accounts().len() as u32).collect();
    sharing.map_into(&places, AT_ONCE, &mut accounts, |place| {
        let address = listed.accounts()[*place as usize].address;
        let entry = read_ahead(|| load_account(reads, before, address, Some(*place)));
        entry.unwrap_or_else(|| {
            failed.store(true, Relaxed);
            AccountEntry::new(address, None, UNLISTED)
        })
    });
    let numbers: Vec<u32> = (0..listed.slots_len()).collect();
    sharing.map_into(&numbers, AT_ONCE, &mut slots, |number| {
        let (account, key) = listed.slot(*number);
        let address = listed.accounts()[account as usize].address;
        let value = read_ahead(|| before.storage_ref(address, key));
        let value = value.unwrap_or_else(|| {
            failed.store(true, Relaxed);
            Default::default()
        });
        SlotEntry::new(MvMemory::listed(account), key, value, *number)
    });
    if !failed.into_inner() {
        memory.set_premade(Premade { accounts, slots });
    }
}
