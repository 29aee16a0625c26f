//! What the protocol itself does in a block: system calls, deposits, withdrawals, rewards, the DAO.

use crate::{
    faults::{every_way, optimistic_list},
    scene::{Code, PRICE, RICH, Scene, account, beneficiary, sender},
};
use alloy_eips::{eip2935, eip4788, eip7002, eip7251};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256};
use heddle_executor::{BlockError, revm::bytecode::opcode as op};
use heddle_types::{Fork, Ommer, Withdrawal};

const GWEI: u128 = 1_000_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;

/// A block with all operations of the protocol's own, and the contracts that they call.
fn full(fork: Fork) -> Scene {
    let mut scene = Scene::new(fork);
    scene.frame.protocol_operations = true;
    scene.frame.parent_hash = Some(B256::repeat_byte(0x29));
    scene.frame.parent_beacon_block_root = Some(B256::repeat_byte(0x47));
    scene.frame.deposit_contract = account("deposits");
    let contracts = [
        (eip4788::BEACON_ROOTS_ADDRESS, &eip4788::BEACON_ROOTS_CODE),
        (eip2935::HISTORY_STORAGE_ADDRESS, &eip2935::HISTORY_STORAGE_CODE),
        (
            eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            &eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE,
        ),
        (
            eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            &eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE,
        ),
    ];
    for (address, code) in contracts {
        scene.deploy(address, code.clone());
    }
    scene
}

#[test]
fn system_calls_before_are_seen_by_transactions() {
    let mut scene = full(Fork::Osaka);
    let time = 1_700_000_000_u64;
    let data = B256::from(U256::from(time));
    let (roots, hashes) = (account("roots"), account("hashes"));
    scene.deploy(roots, Code::new().ask(eip4788::BEACON_ROOTS_ADDRESS, data.as_slice()));
    let data = B256::from(U256::from(999));
    scene.deploy(hashes, Code::new().ask(eip2935::HISTORY_STORAGE_ADDRESS, data.as_slice()));
    for index in 0..10 {
        scene.call(sender(index), if index % 2 == 0 { roots } else { hashes }, 0);
    }
    let outcome = scene.run();
    let one = U256::from(1);
    let seen = |contract| [1, 2, 3].map(|key| outcome.slot(contract, key));
    assert_eq!(seen(roots), [one, U256::from(32), B256::repeat_byte(0x47).into()]);
    assert_eq!(seen(hashes), [one, U256::from(32), B256::repeat_byte(0x29).into()]);
    // 1,700,000,000 mod 8191 = 5,623; 999 mod 8191 = 999.
    let key = time % 8191;
    assert_eq!(outcome.slot(eip4788::BEACON_ROOTS_ADDRESS, key), U256::from(time));
    let root = outcome.slot(eip4788::BEACON_ROOTS_ADDRESS, key + 8191);
    assert_eq!(root, U256::from_be_bytes([0x47; 32]));
    let parent = outcome.slot(eip2935::HISTORY_STORAGE_ADDRESS, 999);
    assert_eq!(parent, U256::from_be_bytes([0x29; 32]));
    assert!(!outcome.exists(address!("fffffffffffffffffffffffffffffffffffffffe")));
    assert!(outcome.output.requests.is_empty());
}

#[test]
fn changes_of_the_system_calls_before_are_checked_behind_many_later_ones() {
    let mut scene = full(Fork::Prague);
    // The history contract's own code stores for the system only; this one lets all others count.
    let counts = Code::new().increment(999);
    scene.deploy(eip2935::HISTORY_STORAGE_ADDRESS, counts);
    for index in 0..40 {
        scene.call(sender(index), eip2935::HISTORY_STORAGE_ADDRESS, 0);
    }
    let outcome = scene.run();
    assert_eq!(outcome.slot(eip2935::HISTORY_STORAGE_ADDRESS, 999), U256::from(41));
}

/// The data of a deposit's log: five fields of these lengths, each filled with its number.
fn deposit_log() -> Vec<u8> {
    let lengths = [48, 32, 8, 96, 8];
    let mut head = Vec::new();
    let mut tail = Vec::new();
    for (field, length) in (1..).zip(lengths) {
        head.extend(B256::from(U256::from(160 + tail.len())));
        tail.extend(B256::from(U256::from(length)));
        tail.extend(vec![field; length]);
        tail.resize(tail.len().next_multiple_of(32), 0);
    }
    [head, tail].concat()
}

/// Logs the data that it is called with as a deposit.
fn deposit_contract() -> Code {
    let topic = b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
    let copy = Code::new().ops(&[op::CALLDATASIZE]).push(0).push(0).ops(&[op::CALLDATACOPY]);
    copy.push(U256::from_be_bytes(topic.0)).ops(&[op::CALLDATASIZE]).push(0).ops(&[op::LOG1])
}

#[test]
fn requests_are_collected_from_logs_and_contracts() {
    let mut scene = full(Fork::Prague);
    scene.deploy(account("deposits"), deposit_contract());
    let exit = eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS;
    let merge = eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS;
    let mut asks = |index: usize, to: Address, data: Vec<u8>, value: u64| {
        scene.send(sender(index), |tx| {
            tx.kind = TxKind::Call(to);
            tx.data = data.into();
            tx.value = U256::from(value);
        });
    };
    asks(0, merge, vec![0x51; 96], 1);
    asks(1, exit, [vec![0x70; 48], vec![0, 0, 0, 0, 0, 0, 1, 2]].concat(), 1);
    asks(2, account("deposits"), deposit_log(), 0);
    // Pays no fee, so it is no request.
    asks(3, exit, vec![0x77; 56], 0);
    asks(4, exit, [vec![0x71; 48], vec![0; 8]].concat(), 1);
    asks(5, account("deposits"), deposit_log(), 0);
    let outcome = scene.run();
    let expected = [true, true, true, false, true, true];
    assert_eq!(outcome.successes(), expected);
    let deposit: Vec<u8> =
        (1..).zip([48, 32, 8, 96, 8]).flat_map(|(field, length)| vec![field; length]).collect();
    let deposits: Bytes = [vec![0], deposit.clone(), deposit].concat().into();
    let [first, second, third] = [0, 1, 4].map(sender);
    // The amount comes out with its lowest byte first.
    let exits = [
        &[1][..],
        second.as_slice(),
        &[0x70; 48],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        third.as_slice(),
        &[0x71; 48],
        &[0; 8],
    ];
    let merges = [&[2][..], first.as_slice(), &[0x51; 96]];
    let expected = [deposits, exits.concat().into(), merges.concat().into()];
    assert_eq!(outcome.output.requests, expected);
    assert_eq!(outcome.balance(exit), 2);
    // The queue is empty again: no count, no head, no tail.
    assert_eq!([0, 1, 2, 3].map(|key| outcome.slot(exit, key)), [U256::ZERO; 4]);
}

#[test]
fn a_system_contract_that_fails_ends_the_block() {
    let exit = eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS;
    let reverts = Code::new().push(0).push(0).ops(&[op::REVERT]);
    for code in [Code::new(), reverts, Code::new().ops(&[op::INVALID])] {
        let mut scene = full(Fork::Prague);
        scene.call(sender(0), account("somebody"), 0);
        let list = optimistic_list(&scene);
        scene.deploy(exit, code);
        for (way, result) in every_way(&scene.block(), &scene.state, Some(&list)) {
            let error = result.expect_err("the contract fails");
            let blamed = matches!(error, BlockError::SystemCall { address, .. } if address == exit);
            assert!(blamed, "{way}: {error}");
        }
    }
}

#[test]
fn a_deposit_of_another_layout_ends_the_block() {
    let mut scene = full(Fork::Prague);
    scene.deploy(account("deposits"), deposit_contract());
    scene.transfer(sender(0), account("somebody"), 1);
    scene.send(sender(1), |tx| {
        tx.kind = TxKind::Call(account("deposits"));
        tx.data = deposit_log()[1..].to_vec().into();
    });
    // What the contract logs is in no list: the list is that of the block without its rule.
    scene.frame.deposit_contract = account("nobody");
    let list = optimistic_list(&scene);
    scene.frame.deposit_contract = account("deposits");
    for (way, result) in every_way(&scene.block(), &scene.state, Some(&list)) {
        let error = result.expect_err("the deposit is malformed");
        assert!(matches!(error, BlockError::SystemCall { .. }), "{way}: {error}");
    }
}

fn withdrawal(address: Address, amount: u64) -> Withdrawal {
    Withdrawal { index: 0, validator_index: 0, address, amount }
}

#[test]
fn withdrawals_are_paid_after_the_transactions() {
    for fork in [Fork::Shanghai, Fork::Cancun, Fork::Osaka] {
        let mut scene = full(fork);
        let (fresh, rich) = (account("fresh"), account("rich"));
        scene.give(rich, U256::from(5));
        let reader = account("reader");
        scene.deploy(reader, Code::new().address(fresh).ops(&[op::BALANCE]).store(1));
        scene.call(sender(0), reader, 0);
        scene.transfer(sender(1), rich, 5);
        scene.withdrawals = vec![
            withdrawal(fresh, 3),
            withdrawal(account("nothing"), 0),
            withdrawal(beneficiary(), 4),
            withdrawal(rich, 1),
            withdrawal(fresh, 0),
            withdrawal(fresh, 2),
            withdrawal(sender(0), u64::MAX),
        ];
        let outcome = scene.run();
        assert_eq!(outcome.balance(fresh), 5 * GWEI);
        assert_eq!(outcome.slot(reader, 1), U256::ZERO);
        assert!(!outcome.exists(account("nothing")));
        assert_eq!(outcome.balance(beneficiary()), outcome.tips_before(2) + 4 * GWEI);
        assert_eq!(outcome.balance(rich), 10 + GWEI);
        let cost = u128::from(outcome.gas()[0] * PRICE);
        assert_eq!(outcome.balance(sender(0)), RICH - cost + u128::from(u64::MAX) * GWEI);
    }
}

#[test]
fn an_empty_account_that_withdraws_nothing_is_cleared_and_may_come_back() {
    for fork in [Fork::Shanghai, Fork::Cancun] {
        let mut scene = full(fork);
        for name in ["gone", "back"] {
            scene.give(account(name), U256::ZERO);
        }
        scene.withdrawals = vec![withdrawal(account("gone"), 0), withdrawal(account("back"), 0)];
        scene.withdrawals.push(withdrawal(account("back"), 5));
        let outcome = scene.run();
        assert!(!outcome.exists(account("gone")));
        assert_eq!(outcome.balance(account("back")), 5 * GWEI);
    }
}

#[test]
fn a_block_without_transactions_has_withdrawals() {
    let mut scene = full(Fork::Osaka);
    scene.withdrawals = vec![withdrawal(account("fresh"), 3), withdrawal(beneficiary(), 4)];
    let outcome = scene.run();
    assert_eq!(outcome.balance(account("fresh")), 3 * GWEI);
    assert_eq!(outcome.balance(beneficiary()), 4 * GWEI);
}

#[test]
fn miners_are_rewarded_for_the_block_and_its_ommers_before_the_merge() {
    for (fork, reward) in [
        (Fork::Frontier, 5 * ETHER),
        (Fork::SpuriousDragon, 5 * ETHER),
        (Fork::Byzantium, 3 * ETHER),
        (Fork::Petersburg, 2 * ETHER),
        (Fork::London, 2 * ETHER),
        (Fork::Merge, 0),
    ] {
        let mut scene = full(fork);
        scene.transfer(sender(0), account("somebody"), 1);
        let ommer = |number, name| Ommer { number, beneficiary: account(name) };
        scene.ommers = vec![ommer(999, "young"), ommer(994, "old"), ommer(998, "young")];
        let outcome = scene.run();
        let tip = if fork >= Fork::London { 63_000 } else { 210_000 };
        assert_eq!(outcome.balance(beneficiary()), tip + reward + 3 * (reward / 32), "{fork:?}");
        let eighth = reward / 8;
        assert_eq!(outcome.balance(account("young")), (7 + 6) * eighth);
        assert_eq!(outcome.balance(account("old")), 2 * eighth);
    }
}

#[test]
fn the_dao_s_balances_are_moved_before_the_first_transaction() {
    let (first, second) = (
        address!("d4fe7bc31cedb7bfb8a345f31e668033056b2728"),
        address!("b3fb0e5aba0e20e5c49d252dfd30e102b171a425"),
    );
    let refund = address!("bf4ed7b27f1d666546e30d74d50d173d20bca754");
    let mut scene = full(Fork::Homestead);
    scene.frame.dao_fork = true;
    scene.give(first, U256::from(100));
    scene.give(second, U256::from(20));
    scene.give(refund, U256::from(3));
    let reader = account("reader");
    let reads = Code::new().address(first).ops(&[op::BALANCE]).store(1);
    scene.deploy(reader, reads.address(refund).ops(&[op::BALANCE]).store(2));
    scene.set_slot(reader, 1, 9);
    for index in 0..12 {
        scene.transfer(sender(index), refund, 1);
    }
    scene.call(sender(20), reader, 0);
    scene.transfer(sender(21), first, 4);
    let outcome = scene.run();
    assert_eq!([first, second, refund].map(|a| outcome.balance(a)), [4, 0, 135]);
    assert_eq!(outcome.slot(reader, 1), U256::ZERO);
    assert_eq!(outcome.slot(reader, 2), U256::from(135));
    let reward = 5 * ETHER + outcome.gas().iter().map(|gas| u128::from(gas * PRICE)).sum::<u128>();
    assert_eq!(outcome.balance(beneficiary()), reward);
}
