//! Balances and nonces: fees, transfers, chains of them, and accounts that are empty.

use crate::scene::{BASEFEE, Code, PRICE, RICH, Scene, account, beneficiary, sender};
use alloy_primitives::{TxKind, U256};
use heddle_executor::revm::{
    bytecode::opcode as op, context::result::InvalidTransaction::LackOfFundForMaxFee,
};
use heddle_types::Fork;

const TRANSFER: u128 = 21_000;
const COST: u128 = TRANSFER * PRICE as u128;
const TIP: u128 = TRANSFER * (PRICE - BASEFEE) as u128;

/// Stores what is on the stack in the slot that the data names.
fn store_named(code: Code) -> Code {
    code.word().ops(&[op::SSTORE])
}

#[test]
fn fee_recipient_is_paid_by_every_transaction_and_read_in_between() {
    let mut scene = Scene::new(Fork::Osaka);
    let reader = account("reader");
    scene.deploy(reader, store_named(Code::new().ops(&[op::COINBASE, op::BALANCE])));
    scene.give(beneficiary(), U256::from(1000));
    for index in 0..40 {
        match index % 4 {
            0 | 1 => scene.call(sender(index), reader, 100 + index as u64),
            2 => scene.transfer(sender(index), account("somebody"), 1),
            _ => scene.transfer(sender(index), beneficiary(), 5),
        }
    }
    let outcome = scene.run();
    for index in 0..40 {
        let gifts = index as u128 / 4 * 5;
        let expected = U256::from(1000 + outcome.tips_before(index) + gifts);
        if index % 4 < 2 {
            assert_eq!(outcome.slot(reader, 100 + index as u64), expected);
        }
    }
    assert_eq!(outcome.balance(beneficiary()), 1000 + outcome.tips_before(40) + 50);
    assert_eq!(outcome.balance(account("somebody")), 10);
}

#[test]
fn fee_recipient_is_a_contract_that_is_called() {
    let mut scene = Scene::new(Fork::Cancun);
    let vault = account("vault");
    let pays_on = store_named(Code::new().ops(&[op::SELFBALANCE])).call(account("heir"), 2);
    scene.deploy(vault, pays_on.ops(&[op::POP]));
    scene.frame.env.beneficiary = vault;
    for index in 0..30 {
        scene.call(sender(index), vault, 100 + index as u64);
        scene.transfer(sender(index), account("somebody"), 1);
    }
    let outcome = scene.run();
    // The first call finds an empty vault: it can pay nothing on.
    for index in 0..30 {
        let paid_on = 2 * (index as u128).saturating_sub(1);
        let seen = outcome.slot(vault, 100 + index as u64);
        assert_eq!(seen, U256::from(outcome.tips_before(2 * index) - paid_on));
    }
    assert_eq!(outcome.balance(account("heir")), 58);
    assert_eq!(outcome.balance(vault), outcome.tips_before(60) - 58);
}

#[test]
fn fee_recipient_sends_a_chain_and_receives_transfers() {
    let mut scene = Scene::new(Fork::Osaka);
    let miner = beneficiary();
    scene.fund(miner);
    for index in 0..60 {
        scene.transfer(miner, account("shop"), 10);
        scene.transfer(sender(index), miner, 3);
        scene.transfer(miner, miner, 7);
    }
    let outcome = scene.run();
    assert_eq!(outcome.nonce(miner), 120);
    assert_eq!(outcome.balance(account("shop")), 600);
    let expected = RICH - 120 * COST + 180 * TIP - 600 + 180;
    assert_eq!(outcome.balance(miner), expected);
    assert!(outcome.work.direct_transfers > 0);
}

#[test]
fn fee_recipient_lives_on_fees_that_it_has_just_got() {
    let mut scene = Scene::new(Fork::London);
    scene.give(beneficiary(), U256::ZERO);
    for index in 0..30 {
        for round in 0..4 {
            scene.transfer(sender(index), account(format!("{index} {round}")), 1);
        }
        // Four tips make 252,000 wei: enough for one transfer, whose tip comes back.
        scene.transfer(beneficiary(), account("shop"), 1);
    }
    let outcome = scene.run();
    assert_eq!(outcome.nonce(beneficiary()), 30);
    assert_eq!(outcome.balance(account("shop")), 30);
    assert_eq!(outcome.balance(beneficiary()), 150 * TIP - 30 * COST - 30);
}

#[test]
fn many_send_to_one_account() {
    let mut scene = Scene::new(Fork::Osaka);
    for index in 0..300 {
        scene.transfer(sender(index), account("hot"), index as u64);
    }
    let outcome = scene.run();
    assert_eq!(outcome.gas(), vec![21_000; 300]);
    assert_eq!(outcome.balance(account("hot")), 299 * 300 / 2);
    assert_eq!(outcome.balance(sender(7)), RICH - COST - 7);
    assert_eq!(outcome.balance(beneficiary()), 300 * TIP);
    let last = outcome.output.receipts.last().expect("300 receipts");
    assert_eq!(last.cumulative_gas_used, 300 * 21_000);
}

#[test]
fn one_account_sends_a_chain_of_nonces() {
    let mut scene = Scene::new(Fork::Osaka);
    scene.fund(sender(0));
    scene.state.accounts.get_mut(&sender(0)).expect("just funded").nonce = 41;
    for index in 0..300 {
        scene.transfer(sender(0), account(format!("to {}", index % 9)), 2);
    }
    let outcome = scene.run();
    assert_eq!(outcome.nonce(sender(0)), 341);
    assert_eq!(outcome.balance(sender(0)), RICH - 300 * (COST + 2));
    assert_eq!(outcome.balance(account("to 0")), 68);
    assert!(outcome.work.reexecutions <= 300 * 4);
}

#[test]
fn accounts_send_to_themselves() {
    let mut scene = Scene::new(Fork::Osaka);
    for index in 0..60 {
        scene.transfer(sender(index % 20), sender(index % 20), 1_000_000);
    }
    let outcome = scene.run();
    for index in 0..20 {
        assert_eq!(outcome.balance(sender(index)), RICH - 3 * COST);
        assert_eq!(outcome.nonce(sender(index)), 3);
    }
}

#[test]
fn a_sender_may_spend_what_an_earlier_transaction_gave_it() {
    let mut scene = Scene::new(Fork::Osaka);
    let link = |number: usize| account(format!("link {number}"));
    for number in 0..100 {
        scene.give(link(number), U256::ZERO);
    }
    scene.fund(link(0));
    // Each can pay the next only with what the one before has sent.
    for number in 0..100 {
        let value = 100_000_000 - number as u64 * 1_000_000;
        scene.transfer(link(number), link(number + 1), value);
    }
    let outcome = scene.run();
    assert!(outcome.successes().iter().all(|success| *success));
    assert_eq!(outcome.balance(link(100)), 1_000_000);
    assert_eq!(outcome.balance(link(50)), 1_000_000 - COST);
    assert!(outcome.work.reexecutions <= 100 * 4);
    let built = scene.build();
    assert!(built.output.skipped.is_empty());
}

#[test]
fn a_sender_cannot_spend_what_an_earlier_transaction_took() {
    let mut scene = Scene::new(Fork::Osaka);
    let wallet = account("wallet");
    scene.give(wallet, U256::from(10 * COST));
    scene.transfer(sender(1), wallet, 5);
    scene.transfer(wallet, account("heir"), 8 * COST as u64);
    scene.transfer(wallet, account("heir"), 1);
    scene.transfer(sender(2), wallet, 1_000);
    scene.transfer(wallet, account("heir"), 1_000);
    let outcome = scene.build();
    // 10 COST + 5 - 9 COST = COST + 5, which pays for one more transfer of 1 and leaves 4.
    assert_eq!(outcome.output.skipped.len(), 1);
    assert_eq!(outcome.output.skipped[0].index, 4);
    let fee = Box::new(U256::from(COST + 1_000));
    let balance = Box::new(U256::from(1_004));
    assert_eq!(outcome.output.skipped[0].reason, LackOfFundForMaxFee { fee, balance });
    assert_eq!(outcome.balance(account("heir")), 8 * COST + 1);
    assert_eq!(outcome.nonce(wallet), 2);
}

#[test]
fn payments_that_would_overflow_are_as_revm_has_them() {
    let mut scene = Scene::new(Fork::Osaka);
    // Two tips of transfers fit into the beneficiary's account; what does not fit is lost.
    scene.give(beneficiary(), U256::MAX - U256::from(2 * TIP + 5));
    let whale = account("whale");
    scene.give(whale, U256::MAX - U256::from(10));
    for index in 0..8 {
        scene.transfer(sender(index), account("somebody"), 1);
        // Overflows: the call fails, the fee is due all the same.
        scene.send(sender(index), |tx| {
            tx.kind = TxKind::Call(whale);
            tx.value = U256::from(11);
        });
        scene.transfer(sender(index), whale, 1);
    }
    let outcome = scene.run();
    let expected: Vec<bool> = (0..24).map(|index| index % 3 != 1).collect();
    assert_eq!(outcome.successes(), expected);
    assert_eq!(outcome.account(whale).expect("it exists").balance, U256::MAX - U256::from(2));
    // The failed call costs all its gas.
    assert_eq!(outcome.gas()[1], 1_000_000);
    assert_eq!(
        outcome.account(beneficiary()).expect("it exists").balance,
        U256::MAX - U256::from(5)
    );
}

#[test]
fn every_transaction_conflicts_with_the_one_before() {
    let mut scene = Scene::new(Fork::Osaka);
    let counter = account("counter");
    scene.deploy(counter, Code::new().increment(1));
    for index in 0..300 {
        scene.call(sender(index), counter, 0);
    }
    let outcome = scene.run();
    assert_eq!(outcome.slot(counter, 1), U256::from(300));
    // First store to a zero slot: 22,100 + 2,100 less; see `increment` for the rest.
    assert_eq!(outcome.gas()[0] - outcome.gas()[1], 17_100);
    // Whatever is stale is executed again once, on each of four numbers of threads.
    assert!(outcome.work.reexecutions <= 300 * 4);
}

#[test]
fn empty_accounts_that_are_touched_are_cleared_from_spurious_dragon_on() {
    let (empty, fresh, poker) = (account("empty"), account("fresh"), account("poker"));
    for fork in [Fork::Tangerine, Fork::SpuriousDragon, Fork::Osaka] {
        let mut scene = Scene::new(fork);
        scene.give(empty, U256::ZERO);
        scene.give(account("untouched"), U256::ZERO);
        let poke = Code::new().call(empty, 0).store(1).call(fresh, 0).store(2);
        scene.deploy(poker, poke);
        scene.call(sender(0), poker, 0);
        scene.send(sender(1), |tx| tx.kind = TxKind::Call(account("called")));
        // Touched again after it was cleared, then filled.
        scene.call(sender(2), poker, 0);
        scene.transfer(sender(3), account("called"), 9);
        let outcome = scene.run();
        assert_eq!(outcome.successes(), [true; 4]);
        let kept = fork < Fork::SpuriousDragon;
        assert_eq!(outcome.exists(empty), kept, "{fork:?}");
        assert_eq!(outcome.exists(fresh), kept, "{fork:?}");
        assert!(outcome.exists(account("untouched")));
        assert_eq!(outcome.balance(account("called")), 9);
    }
}

#[test]
fn a_beneficiary_that_is_paid_nothing_is_touched_all_the_same() {
    for fork in [Fork::Tangerine, Fork::SpuriousDragon, Fork::London, Fork::Osaka] {
        for existed in [false, true] {
            let mut scene = Scene::new(fork);
            scene.frame.env.basefee = 0;
            if existed {
                scene.give(beneficiary(), U256::ZERO);
            }
            for index in 0..6 {
                scene.send(sender(index), |tx| {
                    tx.gas_price = 0;
                    tx.kind = TxKind::Call(account("somebody"));
                    tx.value = U256::from(1);
                });
            }
            let outcome = scene.run();
            assert_eq!(outcome.exists(beneficiary()), fork < Fork::SpuriousDragon, "{fork:?}");
            assert_eq!(outcome.balance(account("somebody")), 6);
            assert_eq!(outcome.balance(sender(0)), RICH - 1);
        }
    }
}

#[test]
fn an_empty_block_does_nothing() {
    let scene = Scene::new(Fork::Osaka);
    let outcome = scene.run();
    assert!(outcome.output.receipts.is_empty());
    assert!(outcome.output.changes.accounts.is_empty());
    assert_eq!(outcome.output.gas_used, 0);
    assert!(outcome.output.access_list.expect("the list is recorded").accounts.is_empty());
}

#[test]
fn a_block_may_hold_100_000_transactions() {
    const COUNT: usize = 100_000;
    let mut scene = Scene::new(Fork::Osaka);
    scene.frame.env.gas_limit = u64::MAX;
    let senders: Vec<_> = (0..1000).map(sender).collect();
    senders.iter().for_each(|sender| scene.fund(*sender));
    for index in 0..COUNT {
        let mut tx = scene.blank(senders[index % 1000]);
        tx.nonce = (index / 1000) as u64;
        tx.kind = TxKind::Call(if index % 3 == 0 { account("hot") } else { senders[index / 100] });
        tx.value = U256::from(1);
        tx.gas_limit = 21_000;
        scene.transactions.push(tx);
    }
    let outcome = scene.run_on(&[2]);
    assert_eq!(outcome.output.receipts.len(), COUNT);
    assert_eq!(outcome.output.gas_used, COUNT as u64 * 21_000);
    assert_eq!(outcome.balance(account("hot")), 33_334);
    assert_eq!(outcome.balance(beneficiary()), COUNT as u128 * TIP);
    assert!(senders.iter().all(|sender| outcome.nonce(*sender) == 100));
}
