//! States that fail: the error names the place, and the executor goes on.

use crate::{
    faults::{Broken, Fault, Faulty, Manner, every_way, optimistic_list},
    scene::{Code, Scene, THREADS, account, beneficiary, executor, sender},
};
use alloy_primitives::{Address, U256};
use heddle_executor::{BlockError, BlockOutput, Place, Way, revm::bytecode::opcode as op};
use heddle_types::{AccessList, Fork, Withdrawal};

/// The first transaction that needs what fails in these tests.
const NEEDS: usize = 12;

/// A block of transfers and calls, of which those from [`NEEDS`] on read a special account, slot,
/// code or block hash.
fn scene(fork: Fork) -> Scene {
    let mut scene = Scene::new(fork);
    let reader = account("reader");
    let reads = |code: Code| {
        let code = code.load(77).ops(&[op::POP]).push(990).ops(&[op::BLOCKHASH, op::POP]);
        let code = code.address(account("special")).ops(&[op::BALANCE, op::POP]);
        code.call(account("callee"), 0).ops(&[op::POP])
    };
    scene.deploy(reader, Code::new().increment(1).when(1, reads));
    scene.deploy(account("callee"), Code::new().increment(1));
    for index in 0..30 {
        match index % 3 {
            0 => scene.call(sender(index), reader, u64::from(index >= NEEDS)),
            1 => scene.transfer(sender(index), account("somebody"), 1),
            _ => scene.transfer(sender(index - 1), sender(index), 1),
        }
    }
    scene
}

fn callee_code(scene: &Scene) -> alloy_primitives::B256 {
    scene.state.accounts[&account("callee")].code_hash
}

/// The place of the error that the state's failure leads to.
fn place_of(result: Result<BlockOutput, BlockError<Broken>>, manner: Manner) -> Place {
    match (result.expect_err("the state fails"), manner) {
        (BlockError::Database { place, source: Broken }, Manner::Error) => place,
        (BlockError::Panic { place, message }, Manner::Panic) => {
            assert_eq!(message, "the disk is on fire");
            place
        }
        (error, manner) => panic!("{error} for {manner:?}"),
    }
}

/// Every way ends with an error at `place`, and the state is left alone from then on.
fn fails_at(scene: &Scene, fault: Fault, place: Place) {
    let list = optimistic_list(scene);
    for manner in [Manner::Error, Manner::Panic] {
        let state = Faulty::new(&scene.state, fault, manner);
        for (way, result) in every_way(&scene.block(), &state, Some(&list)) {
            assert_eq!(place_of(result, manner), place, "{way}: {fault:?} {manner:?}");
        }
    }
}

#[test]
fn a_state_that_fails_ends_the_block_at_the_transaction_that_needs_it() {
    let scene = scene(Fork::Shanghai);
    let code = callee_code(&scene);
    for fault in [
        Fault::Account(account("special")),
        Fault::Account(account("callee")),
        Fault::Slot(account("reader"), U256::from(77)),
        Fault::Code(code),
        Fault::BlockHash(990),
    ] {
        fails_at(&scene, fault, Place::Transaction(NEEDS));
    }
    fails_at(&scene, Fault::Slot(account("reader"), U256::from(1)), Place::Transaction(0));
    fails_at(&scene, Fault::Account(account("reader")), Place::Transaction(0));
    fails_at(&scene, Fault::Account(account("somebody")), Place::Transaction(1));
    fails_at(&scene, Fault::Account(sender(9)), Place::Transaction(9));
    fails_at(&scene, Fault::Account(sender(5)), Place::Transaction(5));
}

#[test]
fn a_beneficiary_that_cannot_be_read_ends_the_block_at_the_first_transaction() {
    let mut scene = scene(Fork::Shanghai);
    fails_at(&scene, Fault::Account(beneficiary()), Place::Transaction(0));
    // Nobody needs it in a block without transactions.
    scene.transactions.clear();
    let state = Faulty::new(&scene.state, Fault::Account(beneficiary()), Manner::Panic);
    for (way, result) in every_way(&scene.block(), &state, Some(&AccessList::default())) {
        assert!(result.is_ok(), "{way}");
    }
}

#[test]
fn operations_of_the_protocol_that_cannot_read_are_named() {
    let mut scene = scene(Fork::Shanghai);
    scene.frame.protocol_operations = true;
    let paid = account("validator");
    scene.withdrawals = vec![Withdrawal { index: 0, validator_index: 0, address: paid, amount: 1 }];
    fails_at(&scene, Fault::Account(paid), Place::After);
    let mut scene = self::scene(Fork::Cancun);
    scene.frame.protocol_operations = true;
    scene.frame.parent_beacon_block_root = Some(alloy_primitives::B256::repeat_byte(1));
    let roots = alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
    scene.deploy(roots, alloy_eips::eip4788::BEACON_ROOTS_CODE.clone());
    fails_at(&scene, Fault::Account(roots), Place::Before);
    // The ring buffer's place for the time.
    let slot = U256::from(1_700_000_000_u64 % 8191);
    fails_at(&scene, Fault::Slot(roots, slot), Place::Before);
}

#[test]
fn the_dao_s_accounts_that_cannot_be_read_are_named() {
    let mut scene = Scene::new(Fork::Homestead);
    scene.frame.dao_fork = true;
    scene.transfer(sender(0), account("somebody"), 1);
    let drained = alloy_primitives::address!("b3fb0e5aba0e20e5c49d252dfd30e102b171a425");
    fails_at(&scene, Fault::Account(drained), Place::Before);
}

#[test]
fn a_state_that_breaks_at_any_read_ends_the_block_in_order() {
    let scene = scene(Fork::Shanghai);
    let list = optimistic_list(&scene);
    let reads = {
        let state = Faulty::new(&scene.state, Fault::Nothing, Manner::Error);
        executor(1).execute(&scene.block(), &state, Way::Sequential).expect("nothing fails");
        state.reads()
    };
    for threads in THREADS {
        let mut executor = executor(threads);
        for first in 0..reads {
            let manner = if first % 2 == 0 { Manner::Error } else { Manner::Panic };
            for way in [Way::Sequential, Way::Optimistic, Way::Guided(&list)] {
                let state = Faulty::new(&scene.state, Fault::Read(first), manner);
                let place = place_of(executor.execute(&scene.block(), &state, way), manner);
                assert!(matches!(place, Place::Transaction(_)), "{place}");
                // Nobody is left who reads.
                let reads = state.reads();
                let healthy = executor.execute(&scene.block(), &scene.state, way);
                assert!(healthy.is_ok());
                assert_eq!(state.reads(), reads);
            }
        }
    }
}

#[test]
fn a_read_along_a_wrong_path_does_not_fail_the_block() {
    let mut scene = Scene::new(Fork::Osaka);
    let visitor = account("visitor");
    let open = |code: Code| code.push(1).store(2);
    let works = Code::new().push(0x4_0000).push(0).ops(&[op::KECCAK256, op::POP]);
    let look = |code: Code| code.address(account("special")).ops(&[op::BALANCE, op::POP]);
    // Called with 1 it hashes for a while, then sets slot 2; with 0 it reads the special account
    // unless slot 2 is set. Transactions that call one contract wait for each other, so the second
    // goes through a porter.
    let code = Code::new().when(1, |code| open(code.ops(&works.bytes())));
    scene.deploy(visitor, code.when(0, |code| code.load(2).unless(look)));
    scene.deploy(account("porter"), Code::new().call(visitor, 0).ops(&[op::POP]));
    scene.call(sender(0), visitor, 1);
    scene.call(sender(1), account("porter"), 0);
    let healthy = scene.run();
    assert_eq!(healthy.successes(), [true, true]);
    assert_eq!(healthy.slot(visitor, 2), U256::from(1));
    let mut speculated = 0;
    for manner in [Manner::Error, Manner::Panic] {
        for threads in [2, 3, 8] {
            let mut executor = executor(threads);
            for _ in 0..40 {
                let fault = Fault::Account(account("special"));
                let state = Faulty::new(&scene.state, fault, manner);
                let output = executor.execute(&scene.block(), &state, Way::Optimistic);
                let output = output.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(output.changes, healthy.output.changes);
                speculated += state.failures();
            }
        }
    }
    assert!(speculated > 0, "no transaction ran ahead of the one that opens the gate");
}

#[test]
fn a_candidate_that_is_left_out_unread_does_not_fail_the_block() {
    let mut scene = Scene::new(Fork::Osaka);
    scene.frame.env.gas_limit = 100_000;
    scene.frame.invalid = heddle_executor::Invalid::Skip;
    scene.transfer(sender(0), account("somebody"), 1);
    scene.call(sender(1), account("special"), 1);
    scene.transfer(sender(2), account("somebody"), 1);
    for manner in [Manner::Error, Manner::Panic] {
        for address in [account("special"), sender(1)] {
            let state = Faulty::new(&scene.state, Fault::Account(address), manner);
            for (way, result) in every_way(&scene.block(), &state, None) {
                let output = result.unwrap_or_else(|error| panic!("{way}: {error}"));
                assert_eq!(output.skipped.len(), 1, "{way}");
                assert_eq!(output.receipts.len(), 2, "{way}");
            }
        }
    }
}

#[test]
fn a_list_that_names_what_cannot_be_read_and_is_not_needed_is_wrong() {
    let scene = scene(Fork::Shanghai);
    let mut list = optimistic_list(&scene);
    let superfluous = account("superfluous");
    let at = list.accounts.partition_point(|listed| listed.address < superfluous);
    list.accounts.insert(at, empty_entry(superfluous));
    for manner in [Manner::Error, Manner::Panic] {
        let state = Faulty::new(&scene.state, Fault::Account(superfluous), manner);
        for threads in THREADS {
            let result = executor(threads).execute(&scene.block(), &state, Way::Guided(&list));
            let error = result.expect_err("the list is wrong");
            assert!(matches!(error, BlockError::AccessList { .. }), "{error}");
        }
    }
}

fn empty_entry(address: Address) -> alloy_eip7928::AccountChanges {
    alloy_eip7928::AccountChanges::new(address)
}
