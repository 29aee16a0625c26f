//! Random contracts and conflicting blocks: every way gives the same on every number of threads.
//!
//! `HEDDLE_RANDOM_BLOCKS` is the number of blocks, `HEDDLE_SEED` what they are drawn from; the same
//! seed gives the same blocks.

mod support;

use alloy_primitives::{Address, TxKind, U256};
use heddle_executor::{
    Invalid, MemoryAccount, MemoryState,
    revm::{
        bytecode::{Bytecode, opcode as op},
        context::{BlockEnv, TxEnv},
    },
};
use heddle_types::Fork;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use std::{cell::RefCell, env, fmt::Debug, str::FromStr};
use support::{
    blueprint::Blueprint,
    compare::{Executors, Work},
};

/// Transactions of a block at most.
const TRANSACTIONS_MAX: usize = 160;

/// A number from the environment.
fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().expect(name))
}

#[test]
fn every_way_gives_the_same() {
    let blocks = setting("HEDDLE_RANDOM_BLOCKS", 400);
    let seed: u64 = setting("HEDDLE_SEED", 0);
    let config = ProptestConfig {
        cases: blocks,
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..ProptestConfig::default()
    };
    let mut long_seed = [0; 32];
    long_seed[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &long_seed);
    let mut runner = TestRunner::new_with_rng(config, random);
    let executors = RefCell::new(Executors::new(&[1, 2, 3, 4, 8]));
    let total = RefCell::new(Work::default());
    let result = runner.run(&vec(any::<u8>(), 64..2200), |bytes| {
        let blueprint = Blueprint::new(&bytes, TRANSACTIONS_MAX);
        let compared = executors.borrow_mut().compare_block(&blueprint.block(), &blueprint.state);
        let failed = |error| TestCaseError::fail(format!("{:?}: {error}", blueprint.fork));
        let (_, work) = compared.map_err(failed)?;
        *total.borrow_mut() += work;
        Ok(())
    });
    let total = total.into_inner();
    println!("{blocks} blocks from seed {seed}: {total}");
    if let Err(error) = result {
        panic!("HEDDLE_SEED={seed} HEDDLE_RANDOM_BLOCKS={blocks}: {error}");
    }
    assert!(total.included > 0 && total.speculative_executions > 0, "nothing was compared");
}

/// revm takes the amount of a payment that overflows from the sender and never gives it back when
/// the call is reverted; who is paid the fee then has less than nothing. No such balance can be on
/// mainnet, but whatever revm does is the reference. Found by seed 2.
#[test]
fn follows_revm_when_a_beneficiary_sends_what_overflows_and_fails() {
    let [beneficiary, rich, sender] = [1, 2, 3].map(Address::repeat_byte);
    let mut code = vec![op::PUSH1, 0, op::DUP1, op::DUP1, op::DUP1, op::PUSH3, 16, 0, 0];
    code.push(op::PUSH20);
    code.extend_from_slice(rich.as_slice());
    code.extend([op::PUSH2, 0xff, 0xff, op::CALL, op::INVALID]);
    let mut state = MemoryState::default();
    let code_hash = state.add_code(Bytecode::new_raw(code.into()));
    let contract = MemoryAccount { code_hash, nonce: 1, ..MemoryAccount::default() };
    state.accounts.insert(beneficiary, contract);
    for (address, balance) in [(rich, U256::MAX), (sender, U256::from(1_u64 << 60))] {
        state.accounts.insert(address, MemoryAccount { balance, ..MemoryAccount::default() });
    }
    let pay = |nonce| TxEnv {
        caller: sender,
        kind: TxKind::Call(beneficiary),
        value: U256::from(1_u64 << 40),
        gas_limit: 60_000,
        gas_price: 7,
        nonce,
        chain_id: Some(1),
        ..TxEnv::default()
    };
    let blueprint = Blueprint {
        fork: Fork::SpuriousDragon,
        state,
        transactions: vec![pay(0), pay(1)],
        env: BlockEnv { beneficiary, gas_limit: 1 << 40, ..BlockEnv::default() },
        withdrawals: Vec::new(),
        ommers: Vec::new(),
        protocol_operations: false,
        invalid: Invalid::Skip,
    };
    let compared = Executors::new(&[1, 2]).compare_block(&blueprint.block(), &blueprint.state);
    let (_, work) = compared.unwrap();
    assert_eq!(work.included, 2);
}
