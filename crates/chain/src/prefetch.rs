//! Reading what the state root will need while the block still executes.

use crate::execution::Task;
use alloy_primitives::{Address, TxKind, U256};
use heddle_executor::revm::context::TxEnv;
use heddle_types::AccessList;
use std::thread;

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
            let view = task.state.view();
            match task.list {
                Some(list) => {
                    let (accounts, slots) = changed(list);
                    view.prefetch(accounts.take(READ_MAX), slots.take(READ_MAX));
                }
                None => {
                    let (accounts, slots) = named(transactions);
                    view.prefetch(accounts.take(READ_MAX), slots.take(READ_MAX));
                }
            }
        });
        work()
    })
}

/// What a block's access list says will change.
fn changed(
    list: &AccessList,
) -> (impl Iterator<Item = Address>, impl Iterator<Item = (Address, U256)>) {
    let slots = list.accounts.iter().flat_map(|account| {
        account.storage_changes.iter().map(|change| (account.address, change.slot))
    });
    (list.accounts.iter().map(|account| account.address), slots)
}

/// What transactions name by themselves, be it several times.
fn named(
    transactions: &[TxEnv],
) -> (impl Iterator<Item = Address>, impl Iterator<Item = (Address, U256)>) {
    let called = |transaction: &TxEnv| match transaction.kind {
        TxKind::Call(to) => Some(to),
        TxKind::Create => None,
    };
    let accounts = transactions.iter().flat_map(move |transaction| {
        let listed = transaction.access_list.iter().map(|item| item.address);
        [transaction.caller].into_iter().chain(called(transaction)).chain(listed)
    });
    let slots = transactions.iter().flat_map(|transaction| transaction.access_list.iter());
    let slots = slots.flat_map(|item| {
        item.storage_keys.iter().map(|key| (item.address, U256::from_be_bytes(key.0)))
    });
    (accounts, slots)
}
