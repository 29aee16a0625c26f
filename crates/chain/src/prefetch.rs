//! Reading what the state root will need while the block still executes.

use crate::execution::Task;
use alloy_primitives::{Address, TxKind, U256};
use heddle_executor::revm::context::TxEnv;
use heddle_types::AccessList;
use std::{collections::BTreeSet, thread};

/// Blocks with fewer transactions than this are over before another thread has begun.
const TRANSACTIONS_MIN: usize = 32;
/// Accounts that are read ahead for one block, and as many slots: what fits into memory beside the
/// block, several times what a block of today touches.
const READ_MAX: usize = 20_000;

/// Runs `work`; meanwhile another thread reads what the block names beforehand: senders,
/// recipients, and its access lists.
pub(crate) fn with_prefetch<T>(task: &Task<'_>, work: impl FnOnce() -> T) -> T {
    let transactions = &task.input.transactions;
    if task.threads < 2 || transactions.len() < TRANSACTIONS_MIN {
        return work();
    }
    thread::scope(|scope| {
        // Without another thread it goes on all the same, only later.
        let reading = thread::Builder::new().name("prefetch".to_owned());
        let _ = reading.spawn_scoped(scope, || {
            let (accounts, slots) = match task.list {
                Some(list) => changed(list),
                None => named(transactions),
            };
            task.state.view().prefetch(&accounts, &slots);
        });
        work()
    })
}

type Named = (Vec<Address>, Vec<(Address, U256)>);

/// What a block's access list says will change.
fn changed(list: &AccessList) -> Named {
    let accounts = list.accounts.iter().take(READ_MAX);
    let slots = accounts.clone().flat_map(|account| {
        account.storage_changes.iter().map(|change| (account.address, change.slot))
    });
    (accounts.map(|account| account.address).collect(), slots.take(READ_MAX).collect())
}

/// What transactions name by themselves.
fn named(transactions: &[TxEnv]) -> Named {
    let mut accounts = BTreeSet::new();
    let mut slots = BTreeSet::new();
    for transaction in transactions {
        if accounts.len() >= READ_MAX || slots.len() >= READ_MAX {
            break;
        }
        accounts.insert(transaction.caller);
        if let TxKind::Call(to) = transaction.kind {
            accounts.insert(to);
        }
        for item in transaction.access_list.iter() {
            let key = |key: &alloy_primitives::B256| (item.address, U256::from_be_bytes(key.0));
            slots.extend(item.storage_keys.iter().map(key));
        }
    }
    (accounts.into_iter().collect(), slots.into_iter().collect())
}
