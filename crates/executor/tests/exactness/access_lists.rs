//! Wrong access lists are rejected for being wrong, and right ones never hide an invalid block.

use crate::faults::{every_way, optimistic_list};
use crate::scene::{Code, Scene, THREADS, account, executor, sender};
use alloy_eip7928::{AccountChanges, BlockAccessIndex, SlotChanges, StorageChange};
use alloy_primitives::{Address, U256};
use heddle_executor::revm::DatabaseRef;
use heddle_executor::revm::bytecode::opcode as op;
use heddle_executor::revm::context::result::InvalidTransaction;
use heddle_executor::{Block, BlockError, Invalid, MemoryState, Way};
use heddle_types::{AccessList, ExistenceMarks, Fork};

/// Following `list` must end with an error of the list, and the executor must go on.
fn rejects<DB: DatabaseRef<Error: 'static> + Sync>(
    block: &Block<'_>,
    state: &DB,
    list: &AccessList,
    healthy: (&Block<'_>, &MemoryState),
) {
    for threads in THREADS {
        let mut executor = executor(threads);
        for _ in 0..5 {
            match executor.execute(block, state, Way::Guided(list)) {
                Err(BlockError::AccessList { .. }) => {}
                Err(other) => panic!("on {threads} threads: {other}"),
                Ok(_) => panic!("accepted on {threads} threads"),
            }
        }
        assert!(executor.execute(healthy.0, healthy.1, Way::Optimistic).is_ok());
    }
}

fn entry(list: &mut AccessList, address: Address) -> &mut AccountChanges {
    let account = list.accounts.iter_mut().find(|account| account.address == address);
    account.expect("the account is listed")
}

/// Senders that call a contract each, which looks at slot 5 and does what it says.
fn led_by_a_slot() -> Scene {
    let mut scene = Scene::new(Fork::Osaka);
    let contract = account("contract");
    let asks = |code: Code| code.push(990).ops(&[op::BLOCKHASH, op::POP]);
    // With 1 in slot 5, which it never has, it asks for a block hash.
    let led = Code::new().load(5).push(1).ops(&[op::SUB]).unless(asks).increment(1);
    scene.deploy(contract, led);
    for index in 0..12 {
        scene.call(sender(index), contract, 0);
        scene.transfer(sender(index), account("somebody"), 1);
    }
    scene
}

#[test]
fn a_list_that_uses_up_the_block_s_gas_is_to_blame() {
    let mut scene = Scene::new(Fork::Osaka);
    let contract = account("contract");
    let burns = |code: Code| code.ops(&[op::INVALID]);
    scene.deploy(contract, Code::new().load(5).push(1).ops(&[op::SUB]).unless(burns));
    for index in 0..10 {
        scene.call(sender(index), contract, 0);
    }
    scene.frame.env.gas_limit = 1_500_000;
    let mut wrong = optimistic_list(&scene);
    let account = entry(&mut wrong, contract);
    account.storage_reads.clear();
    let change = StorageChange::new(BlockAccessIndex::new(0), U256::from(1));
    account.storage_changes.push(SlotChanges::new(U256::from(5), vec![change]));
    rejects(&scene.block(), &scene.state, &wrong, (&scene.block(), &scene.state));
}

#[test]
fn changes_at_the_edges_of_the_block_that_do_not_happen_are_found() {
    for changes in [1, 3, 20] {
        let mut scene = Scene::new(Fork::Osaka);
        scene.deploy(account("counter"), Code::new().increment(1));
        (0..changes).for_each(|index| scene.call(sender(index), account("counter"), 0));
        let right = optimistic_list(&scene);
        for index in [0, changes as u64 + 1, changes as u64 + 2] {
            for value in [0, 1, changes as u64] {
                let mut wrong = right.clone();
                let slot = &mut entry(&mut wrong, account("counter")).storage_changes[0].changes;
                let change = StorageChange::new(BlockAccessIndex::new(index), U256::from(value));
                slot.insert(if index == 0 { 0 } else { changes }, change);
                rejects(&scene.block(), &scene.state, &wrong, (&scene.block(), &scene.state));
            }
        }
    }
}

#[test]
fn marks_of_existence_must_be_in_canonical_form() {
    let mut scene = Scene::new(Fork::Shanghai);
    for name in ["one", "two"] {
        scene.deploy(account(name), Code::new().ops(&[op::CALLER, op::SELFDESTRUCT]));
        scene.call(sender(0), account(name), 0);
    }
    let right = optimistic_list(&scene);
    assert_eq!(right.marks.len(), 2);
    let healthy = (&scene.block(), &scene.state);
    let mut reversed = right.clone();
    reversed.marks.reverse();
    rejects(&scene.block(), &scene.state, &reversed, healthy);
    let mut superfluous = right.clone();
    let address = right.accounts[0].address;
    let empty = ExistenceMarks { address, destroyed_at: vec![], emptied_at: vec![] };
    superfluous.marks.insert(0, empty);
    superfluous.marks.sort_by_key(|marks| marks.address);
    rejects(&scene.block(), &scene.state, &superfluous, healthy);
}

#[test]
fn a_fee_recipient_that_is_not_listed_is_named() {
    let scene = led_by_a_slot();
    let mut wrong = optimistic_list(&scene);
    let recipient = scene.frame.env.beneficiary;
    wrong.accounts.retain(|account| account.address != recipient);
    for threads in THREADS {
        let result = executor(threads).execute(&scene.block(), &scene.state, Way::Guided(&wrong));
        let error = result.expect_err("an account is missing").to_string();
        assert!(error.contains(&recipient.to_string()), "{error}");
    }
}

#[test]
fn a_block_that_is_invalid_is_so_with_its_best_list_too() {
    type Spoil = fn(&mut Scene);
    let spoils: [Spoil; 4] = [
        |scene| scene.transactions[14].nonce += 1,
        |scene| scene.transactions[14].value = U256::MAX,
        |scene| scene.transactions[14].gas_price = 1,
        |scene| scene.frame.env.gas_limit = 1_000_000,
    ];
    for spoil in spoils {
        let mut scene = led_by_a_slot();
        spoil(&mut scene);
        // The list of all that can be executed of it.
        scene.frame.invalid = Invalid::Skip;
        let list = optimistic_list(&scene);
        scene.frame.invalid = Invalid::Reject;
        let mut found: Option<(usize, InvalidTransaction)> = None;
        for (way, result) in every_way(&scene.block(), &scene.state, Some(&list)) {
            match result {
                Err(BlockError::InvalidTransaction { index, reason }) => {
                    let first = found.get_or_insert_with(|| (index, reason.clone()));
                    assert_eq!(*first, (index, reason), "{way}");
                }
                other => panic!("{way}: {other:?}"),
            }
        }
        assert!(found.is_some());
    }
}
