//! Contracts: creation, destruction, refunds, failures, precompiles, blobs and block hashes.

use crate::scene::{BASEFEE, Code, PRICE, RICH, Scene, account, beneficiary, sender};
use alloy_primitives::{Address, B256, TxKind, U256, b256};
use heddle_executor::revm::bytecode::opcode as op;
use heddle_types::Fork;

/// Destroys itself in favour of its caller when called with 0, and stores 5 in slot 2 when called
/// with 1.
fn mortal() -> Code {
    let dies = |code: Code| code.ops(&[op::CALLER, op::SELFDESTRUCT]);
    Code::new().when(0, dies).when(1, |code| code.push(5).store(2))
}

/// Makes [`mortal`], with 7 in slot 1.
fn mortal_init() -> Vec<u8> {
    Code::new().push(7).store(1).returning(&mortal().bytes()).bytes()
}

/// Creates a [`mortal`] and stores its address, or zero, in the slot that the data names.
fn factory() -> Code {
    Code::new().create2(&mortal_init()).word().ops(&[op::SSTORE])
}

fn child() -> Address {
    account("factory").create2_from_code(B256::ZERO, mortal_init())
}

fn word(address: Address) -> U256 {
    U256::from_be_slice(address.as_slice())
}

#[test]
fn contract_is_created_and_called_in_one_block() {
    for fork in [Fork::Byzantium, Fork::Berlin, Fork::Shanghai, Fork::Osaka] {
        let mut scene = Scene::new(fork);
        let made = sender(0).create(0);
        let runtime = Code::new().increment(1).bytes();
        scene.transfer(sender(1), made, 50);
        scene.create(sender(0), Code::new().push(40).store(1).returning(&runtime));
        scene.call(sender(2), made, 0);
        scene.call(sender(3), made, 0);
        scene.transfer(sender(0), made, 0);
        let outcome = scene.run();
        // The last transfer has no gas for the code.
        assert_eq!(outcome.successes(), [true, true, true, true, false]);
        assert_eq!(outcome.slot(made, 1), U256::from(42));
        assert_eq!(outcome.nonce(made), 1);
        assert_eq!(outcome.balance(made), 50);
        assert_eq!(outcome.code(made), runtime);
        assert_eq!(outcome.nonce(sender(0)), 2);
    }
}

#[test]
fn contract_is_destroyed_and_created_again_in_one_block() {
    for fork in [Fork::Petersburg, Fork::Berlin, Fork::Shanghai] {
        let mut scene = Scene::new(fork);
        scene.deploy(account("factory"), factory());
        scene.call(sender(0), account("factory"), 10);
        scene.call(sender(1), child(), 1);
        scene.call(sender(2), account("factory"), 11);
        scene.call(sender(3), child(), 0);
        scene.transfer(sender(4), child(), 6);
        scene.call(sender(5), account("factory"), 12);
        let outcome = scene.run();
        assert_eq!(outcome.successes(), [true; 6]);
        let stored = [10, 11, 12].map(|key| outcome.slot(account("factory"), key));
        assert_eq!(stored, [word(child()), U256::ZERO, word(child())], "{fork:?}");
        assert_eq!([1, 2].map(|key| outcome.slot(child(), key)), [U256::from(7), U256::ZERO]);
        assert_eq!(outcome.balance(child()), 6);
        assert_eq!(outcome.nonce(account("factory")), 4);
        assert_eq!(outcome.code(child()), mortal().bytes());
    }
}

#[test]
fn contract_of_the_state_before_is_destroyed_with_its_storage_and_created_again() {
    let mut scene = Scene::new(Fork::Shanghai);
    scene.deploy(account("factory"), factory());
    scene.deploy(child(), mortal());
    scene.give(child(), U256::from(77));
    scene.set_slot(child(), 1, 1);
    scene.set_slot(child(), 3, 9);
    scene.call(sender(0), child(), 1);
    scene.call(sender(1), child(), 0);
    // Nobody is there any more.
    scene.call(sender(2), child(), 1);
    scene.call(sender(3), account("factory"), 10);
    let outcome = scene.run();
    let slots = [1, 2, 3].map(|key| outcome.slot(child(), key));
    assert_eq!(slots, [U256::from(7), U256::ZERO, U256::ZERO]);
    assert_eq!(outcome.balance(child()), 0);
    let cost = u128::from(outcome.gas()[1]) * u128::from(PRICE);
    assert_eq!(outcome.balance(sender(1)), RICH - cost + 77);
    let change = outcome.output.changes.accounts.iter().find(|c| c.address == child());
    assert!(change.expect("it changed").storage_cleared);
}

#[test]
fn contract_of_an_earlier_transaction_outlives_selfdestruct_from_cancun_on() {
    let mut scene = Scene::new(Fork::Cancun);
    scene.deploy(account("factory"), factory());
    scene.call(sender(0), account("factory"), 10);
    scene.transfer(sender(1), account("somebody"), 6);
    scene.send(sender(1), |tx| {
        tx.kind = TxKind::Call(child());
        tx.value = U256::from(6);
        tx.data = vec![9].into();
    });
    scene.call(sender(2), child(), 1);
    scene.call(sender(3), child(), 0);
    scene.call(sender(5), account("factory"), 12);
    let outcome = scene.run();
    assert_eq!(outcome.successes(), [true; 6]);
    let stored = [10, 12].map(|key| outcome.slot(account("factory"), key));
    assert_eq!(stored, [word(child()), U256::ZERO]);
    assert_eq!([1, 2].map(|key| outcome.slot(child(), key)), [U256::from(7), U256::from(5)]);
    // Only the balance has gone.
    assert_eq!(outcome.balance(child()), 0);
    let cost = u128::from(outcome.gas()[4]) * u128::from(PRICE);
    assert_eq!(outcome.balance(sender(3)), RICH - cost + 6);
}

#[test]
fn contract_of_the_same_transaction_is_destroyed_from_cancun_on_too() {
    for fork in [Fork::Shanghai, Fork::Cancun, Fork::Osaka] {
        let mut scene = Scene::new(fork);
        // Creates, stores the address, then calls what it has created: that dies.
        let creates = factory().call(child(), 0).push(20).ops(&[op::SSTORE]);
        scene.deploy(account("factory"), creates);
        scene.call(sender(0), account("factory"), 10);
        scene.transfer(sender(1), child(), 3);
        scene.call(sender(2), account("factory"), 11);
        let outcome = scene.run();
        assert_eq!(outcome.successes(), [true; 3]);
        let stored = [10, 11].map(|key| outcome.slot(account("factory"), key));
        assert_eq!(stored, [word(child()); 2], "{fork:?}");
        assert!(!outcome.exists(child()));
        // What was sent to it in between went to who called it.
        assert_eq!(outcome.balance(account("factory")), 3);
    }
}

#[test]
fn refunds_are_capped_at_half_before_london_and_at_a_fifth_from_then_on() {
    let clears = |many: u64| (0..many).fold(Code::new(), |code, key| code.push(0).store(key));
    for (fork, gas_of_ten, gas_of_one) in [
        // 21,000, and 5,006 for each slot: 71,060 and 26,006 before the refunds, ...
        (Fork::Byzantium, 35_530, 13_003),
        (Fork::Istanbul, 35_530, 13_003),
        // ... which are 15,000 for each slot until Berlin and 4,800 since London.
        (Fork::Berlin, 35_530, 13_003),
        (Fork::London, 71_060 - 14_212, 26_006 - 4_800),
        (Fork::Osaka, 71_060 - 14_212, 26_006 - 4_800),
    ] {
        let mut scene = Scene::new(fork);
        for (name, many) in [("ten", 10), ("one", 1)] {
            scene.deploy(account(name), clears(many));
            (0..many).for_each(|key| scene.set_slot(account(name), key, 1));
            scene.send(account(format!("caller of {name}")), |tx| {
                tx.kind = TxKind::Call(account(name));
            });
        }
        let outcome = scene.run();
        assert_eq!(outcome.gas(), [gas_of_ten, gas_of_one], "{fork:?}");
        let cost = u128::from(gas_of_ten) * u128::from(PRICE);
        assert_eq!(outcome.balance(account("caller of ten")), RICH - cost);
        let tip = PRICE - if fork >= Fork::London { BASEFEE } else { 0 };
        let expected = u128::from((gas_of_ten + gas_of_one) * tip);
        assert_eq!(outcome.balance(beneficiary()), expected);
    }
}

#[test]
fn failed_transactions_change_nothing_but_nonce_and_fee() {
    let mut scene = Scene::new(Fork::Osaka);
    let ends = [("revert", op::REVERT), ("invalid", op::INVALID), ("loop", op::JUMP)];
    for (name, end) in ends {
        let starts = Code::new().ops(&[op::JUMPDEST]).push(1).store(1).push(1).store(2);
        let ends = if end == op::REVERT { starts.push(0) } else { starts };
        scene.deploy(account(name), ends.push(0).ops(&[end]));
        scene.set_slot(account(name), 2, 8);
        scene.send(account(format!("caller of {name}")), |tx| {
            tx.kind = TxKind::Call(account(name));
            tx.value = U256::from(12);
            tx.gas_limit = 100_000;
        });
        // Sees what the failed one has left.
        scene.call(account(format!("caller of {name}")), account(name), 0);
    }
    let outcome = scene.run();
    assert_eq!(outcome.successes(), [false; 6]);
    // 21,000, 1 + 22,106 + 5,006 for the stores, 6 for the arguments.
    assert_eq!(outcome.gas()[0], 21_000 + 1 + 22_106 + 5_006 + 6);
    assert_eq!([2, 4].map(|index| outcome.gas()[index]), [100_000; 2]);
    assert_eq!([3, 5].map(|index| outcome.gas()[index]), [1_000_000; 2]);
    for (name, _) in ends {
        let slots = [1, 2].map(|key| outcome.slot(account(name), key));
        assert_eq!(slots, [U256::ZERO, U256::from(8)]);
        assert_eq!(outcome.balance(account(name)), 0);
        assert_eq!(outcome.nonce(account(format!("caller of {name}"))), 2);
    }
    let cost = 1_100_000 * u128::from(PRICE);
    assert_eq!(outcome.balance(account("caller of invalid")), RICH - cost);
}

#[test]
fn a_failed_inner_call_takes_back_only_its_own_changes() {
    let mut scene = Scene::new(Fork::Osaka);
    let (inner, outer) = (account("inner"), account("outer"));
    let undone = Code::new().increment(1).call(account("heir"), 1);
    scene.deploy(inner, undone.push(0).push(0).ops(&[op::REVERT]));
    scene.give(outer, U256::from(100));
    let body = Code::new().increment(1).call(inner, 5).store(2);
    scene.deploy(outer, body.call(account("heir"), 2).store(3));
    scene.give(outer, U256::from(100));
    for index in 0..10 {
        scene.call(sender(index), outer, 0);
    }
    let outcome = scene.run();
    assert_eq!(outcome.successes(), [true; 10]);
    let slots = [1, 2, 3].map(|key| outcome.slot(outer, key));
    assert_eq!(slots, [U256::from(10), U256::ZERO, U256::from(1)]);
    assert_eq!(outcome.slot(inner, 1), U256::ZERO);
    assert_eq!([outer, inner, account("heir")].map(|a| outcome.balance(a)), [80, 0, 20]);
}

#[test]
fn precompiles_answer_and_one_of_them_errs() {
    let mut scene = Scene::new(Fork::Osaka);
    let mut modexp = [0; 99];
    (modexp[31], modexp[63], modexp[95]) = (1, 1, 1);
    modexp[96..].copy_from_slice(&[3, 4, 50]); // 3^4 mod 50 = 31
    let sha256_of_nothing =
        b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let mut identity = [0; 32];
    identity[31] = 99;
    let one = U256::from(1);
    let cases: [(&str, u8, &[u8], [U256; 3]); 7] = [
        ("ecrecover of nonsense", 1, &[1; 128], [one, U256::ZERO, U256::ZERO]),
        ("sha256", 2, &[], [one, U256::from(32), sha256_of_nothing.into()]),
        ("identity", 4, &identity, [one, U256::from(32), U256::from(99)]),
        // One byte is written to the start of a word.
        ("modexp", 5, &modexp, [one, one, U256::from(31) << 248]),
        ("bn254 pairing of nothing", 8, &[], [one, U256::from(32), one]),
        ("bn254 pairing of a bad length", 8, &[1; 7], [U256::ZERO; 3]),
        ("blake2f of a bad length", 9, &[1; 7], [U256::ZERO; 3]),
    ];
    for (name, precompile, data, _) in cases {
        let to = Address::with_last_byte(precompile);
        scene.deploy(account(name), Code::new().ask(to, data));
        scene.call(sender(precompile.into()), account(name), 0);
    }
    // A transaction's own recipient can be one; this one takes the ether.
    scene.send(sender(50), |tx| {
        tx.kind = TxKind::Call(Address::with_last_byte(4));
        tx.value = U256::from(17);
    });
    // And this one errs: the ether stays, the gas is gone.
    scene.send(sender(51), |tx| {
        tx.kind = TxKind::Call(Address::with_last_byte(9));
        tx.value = U256::from(17);
    });
    let outcome = scene.run();
    for (name, _, _, expected) in cases {
        let found = [1, 2, 3].map(|key| outcome.slot(account(name), key));
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(outcome.successes()[7..], [true, false]);
    assert_eq!(outcome.gas()[7..], [21_000 + 15, 1_000_000]);
    assert_eq!(outcome.balance(Address::with_last_byte(4)), 17);
    assert_eq!(outcome.balance(Address::with_last_byte(9)), 0);
    assert_eq!(outcome.balance(sender(51)), RICH - 1_000_000 * u128::from(PRICE));
}

#[test]
fn block_hashes_of_the_last_256_blocks_are_seen() {
    let mut scene = Scene::new(Fork::Osaka);
    for number in 700..1000 {
        scene.state.block_hashes.insert(number, B256::from(U256::from(number)));
    }
    let reader = account("reader");
    let reads = Code::new().word().ops(&[op::BLOCKHASH]);
    scene.deploy(reader, reads.word().ops(&[op::SSTORE]));
    let asked = [999, 998, 745, 744, 743, 1000, 1001];
    for (index, number) in asked.into_iter().enumerate() {
        scene.call(sender(index), reader, number);
    }
    let outcome = scene.run();
    let found = asked.map(|number| outcome.slot(reader, number));
    assert_eq!(found, [999, 998, 745, 744, 0, 0, 0].map(U256::from));
}

#[test]
fn blob_transactions_pay_for_blobs_and_show_their_hashes() {
    let mut scene = Scene::new(Fork::Cancun);
    scene.frame.blob_gas_limit = 6 << 17;
    let reader = account("reader");
    scene.deploy(reader, Code::new().push(1).ops(&[op::BLOBHASH]).store(1));
    let hash = |last: u8| {
        let mut hash = B256::with_last_byte(last);
        hash[0] = 1;
        hash
    };
    for index in 0..4 {
        scene.send(sender(index), |tx| {
            tx.tx_type = 3;
            tx.kind = TxKind::Call(reader);
            tx.gas_price = 100;
            tx.gas_priority_fee = Some(2);
            tx.max_fee_per_blob_gas = 5;
            tx.blob_hashes = vec![hash(1); index];
            tx.blob_hashes.push(hash(30 + index as u8));
        });
        scene.transfer(sender(index), account("somebody"), 1);
    }
    let outcome = scene.build();
    // 1 + 2 + 3 blobs fit, the four of the last do not; its sender's next nonce is too high.
    let skipped: Vec<_> = outcome.output.skipped.iter().map(|skipped| skipped.index).collect();
    assert_eq!(skipped, [6, 7]);
    assert_eq!(outcome.output.blob_gas_used, 6 << 17);
    assert_eq!(outcome.slot(reader, 1), U256::from_be_bytes(hash(1).0));
    // A blob's gas costs 1 wei here; nobody gets it.
    let gas = u128::from(outcome.gas()[2]);
    let expected = RICH - gas * 9 - (2 << 17) - 210_000 - 1;
    assert_eq!(outcome.balance(sender(1)), expected);
    let blobs: u64 = [0, 2, 4].iter().map(|index| outcome.gas()[*index]).sum();
    assert_eq!(outcome.balance(beneficiary()), u128::from(blobs) * 2 + 3 * 63_000);
}
