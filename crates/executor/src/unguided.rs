//! Judging an access list without following it.
//!
//! The guided way reads all that a list names before it executes anything. If something of that
//! cannot be read, only execution can tell what follows: a transaction may need it, which is that
//! transaction's error, or nobody does, and then the list is wrong.

use crate::{
    AccessListError, Block, BlockError, BlockOutput, Invalid, Place, mv_memory::MvMemory, parallel,
    watch::Watch, worker::ParallelContext,
};
use alloy_eip7928::AccountChanges;
use alloy_primitives::Address;
use heddle_types::AccessList;
use revm::{DatabaseRef, Inspector};

/// Executes `block` without `list`, then compares it with what the block did.
pub(crate) fn execute<'w, DB, I>(
    block: &Block<'_>,
    state: &DB,
    list: &AccessList,
    watch: Watch<'w, I>,
    inspector: &(impl Fn(usize) -> I + Sync),
    threads: usize,
) -> Result<BlockOutput, BlockError<DB::Error>>
where
    DB: DatabaseRef<Error: 'static> + Sync,
    I: for<'a> Inspector<ParallelContext<'a, DB>> + Send,
{
    // The executor's own memory is full of the list; this happens too seldom to keep another.
    let memory = MvMemory::new();
    // A block that has a list is complete: nothing is left out of it.
    let block = Block { invalid: Invalid::Reject, ..block.clone() };
    let mut output = parallel::execute(&block, state, &memory, None, watch, inspector, threads)?;
    let made = output.access_list.take().unwrap_or_default();
    match difference(list, &made) {
        None => Ok(output),
        Some(source) => Err(BlockError::AccessList { place: Place::Block, source }),
    }
}

/// How `list` differs from the one that was made. The accounts of both are in order.
fn difference(list: &AccessList, made: &AccessList) -> Option<AccessListError> {
    let find = |list: &[AccountChanges], address: &Address| {
        list.binary_search_by_key(address, |account| account.address).ok()
    };
    let change =
        |address, field: &str| AccessListError::Change { address, field: field.to_owned() };
    for account in &made.accounts {
        let address = account.address;
        match find(&list.accounts, &address) {
            None => return Some(AccessListError::MissingAccount(address)),
            Some(at) if list.accounts[at] != *account => return Some(change(address, "something")),
            Some(_) => {}
        }
    }
    let unknown =
        list.accounts.iter().find(|account| find(&made.accounts, &account.address).is_none());
    if let Some(account) = unknown {
        return Some(AccessListError::SuperfluousAccount(account.address));
    }
    (list.marks != made.marks).then_some(AccessListError::SuperfluousChange)
}
