//! Transfers that are foreseen, and what comes between.

use crate::scene::{Code, RICH, Scene, account, sender};
use alloy_primitives::{TxKind, U256};
use heddle_executor::revm::{bytecode::opcode as op, context::result::InvalidTransaction};
use heddle_types::Fork;

#[test]
fn a_contract_reads_balances_between_the_transfers_that_make_them() {
    let mut scene = Scene::new(Fork::Osaka);
    let (shop, clerk) = (account("shop"), account("clerk"));
    scene.give(shop, U256::from(1_000));
    // Stores the shop's balance in the slot that it is called with.
    let look = Code::new().address(shop).ops(&[op::BALANCE]).word().ops(&[op::SSTORE]);
    scene.deploy(clerk, look);
    for round in 0..40 {
        for customer in 0..10 {
            scene.transfer(sender(10 * round + customer), shop, 1 + customer as u64);
        }
        scene.call(account("auditor"), clerk, round as u64);
    }
    let outcome = scene.run();
    for round in 0..40 {
        assert_eq!(outcome.slot(clerk, round), U256::from(1_000 + 55 * (round + 1)));
    }
    assert_eq!(outcome.balance(shop), 1_000 + 55 * 40);
    assert!(outcome.work.direct_transfers >= 400, "{:?}", outcome.work);
}

#[test]
fn a_transfer_runs_the_code_that_was_put_at_its_recipient_before() {
    let mut scene = Scene::new(Fork::Osaka);
    let maker = account("maker");
    let made = maker.create(0);
    let runtime = Code::new().increment(1).ops(&[op::CALLVALUE]).store(2).bytes();
    scene.transfer(sender(0), made, 5);
    scene.create(maker, Code::new().returning(&runtime).bytes());
    for number in 1..4 {
        scene.transfer(sender(number), made, 7);
        // Too little for the code.
        scene.send(sender(number), |tx| {
            tx.kind = TxKind::Call(made);
            tx.value = U256::from(9);
            tx.gas_limit = 200_000;
        });
    }
    let outcome = scene.run();
    let expected = [true, true, false, true, false, true, false, true];
    assert_eq!(outcome.successes(), expected);
    assert_eq!(outcome.balance(made), 5 + 3 * 9);
    assert_eq!(outcome.slot(made, 1), U256::from(3));
    assert_eq!(outcome.slot(made, 2), U256::from(9));
}

#[test]
fn transfers_after_one_that_is_left_out_are_left_out_too() {
    let mut scene = Scene::new(Fork::Osaka);
    scene.frame.env.gas_limit = 10_000_000;
    scene.deploy(account("contract"), vec![op::STOP]);
    scene.transfer(sender(0), account("friend"), 1);
    // It does not fit the block, so it is never executed.
    scene.call(sender(0), account("contract"), 0);
    scene.transactions[1].gas_limit = 10_000_000;
    for _ in 0..5 {
        scene.transfer(sender(0), account("friend"), 1);
        scene.transfer(sender(1), sender(0), 1);
    }
    let outcome = scene.build();
    let skipped = &outcome.output.skipped;
    assert_eq!(skipped.len(), 6);
    assert_eq!(skipped[0].reason, InvalidTransaction::CallerGasLimitMoreThanBlock);
    for (place, skipped) in skipped[1..].iter().enumerate() {
        assert_eq!(skipped.index, 2 + 2 * place);
        let tx = 2 + place as u64;
        assert_eq!(skipped.reason, InvalidTransaction::NonceTooHigh { tx, state: 1 });
    }
    assert_eq!(outcome.nonce(sender(0)), 1);
    assert_eq!(outcome.balance(account("friend")), 1);
    assert_eq!(outcome.nonce(sender(1)), 5);
}

#[test]
fn a_block_without_room_leaves_out_the_transfers_at_its_end() {
    let mut scene = Scene::new(Fork::Osaka);
    scene.frame.env.gas_limit = 30 * 21_000 + 20_999;
    for number in 0..50 {
        scene.transfer(sender(number), account("shop"), 3);
    }
    let outcome = scene.build();
    let left_out: Vec<_> = outcome.output.skipped.iter().map(|skipped| skipped.index).collect();
    assert_eq!(left_out, (30..50).collect::<Vec<_>>());
    assert_eq!(outcome.balance(account("shop")), 90);
    assert!(!outcome.output.changes.accounts.iter().any(|change| change.address == sender(40)));
    assert_eq!(outcome.balance(sender(40)), RICH);
}
