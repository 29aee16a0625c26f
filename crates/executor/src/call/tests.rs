use super::*;
use crate::{MemoryAccount, MemoryState};
use alloy_primitives::{Address, Bytes, TxKind, U256, address, hex};
use alloy_rpc_types_eth::state::{AccountOverride, StateOverride, StateOverridesBuilder};
use revm::{bytecode::Bytecode, context_interface::block::BlobExcessGasAndPrice};
use std::time::{Duration, Instant};

pub(crate) const SENDER: Address = address!("1000000000000000000000000000000000000001");
pub(crate) const CONTRACT: Address = address!("2000000000000000000000000000000000000002");

/// A state with a rich sender and one contract.
pub(crate) fn state_with(code: &[u8]) -> MemoryState {
    let mut state = MemoryState::default();
    let hash = state.add_code(Bytecode::new_legacy(Bytes::copy_from_slice(code)));
    let rich = MemoryAccount { balance: U256::from(10).pow(U256::from(20)), ..Default::default() };
    state.accounts.insert(SENDER, rich);
    state.accounts.insert(CONTRACT, MemoryAccount { code_hash: hash, ..Default::default() });
    state
}

pub(crate) fn environment(fork: Fork) -> Environment {
    let block = BlockEnv {
        number: U256::from(10),
        timestamp: U256::from(1000),
        gas_limit: 30_000_000,
        basefee: 7,
        prevrandao: Some(Default::default()),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
            excess_blob_gas: 0,
            blob_gasprice: 1,
        }),
        ..BlockEnv::default()
    };
    Environment::new(fork, 1, block)
}

pub(crate) fn transaction(input: &[u8]) -> TxEnv {
    TxEnv {
        caller: SENDER,
        kind: TxKind::Call(CONTRACT),
        gas_limit: 1_000_000,
        gas_price: 10,
        data: Bytes::copy_from_slice(input),
        ..TxEnv::default()
    }
}

fn refused(transaction: &TxEnv, change: impl FnOnce(&mut Environment)) -> Refusal {
    let state = state_with(&[]);
    let mut environment = environment(Fork::Prague);
    change(&mut environment);
    let mut overlay = Overlay::new(&state);
    match call(&mut overlay, &environment, transaction, &Interrupt::never()) {
        Err(CallError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

#[test]
fn refuses_in_geths_words() {
    let cases: [(TxEnv, i32, &str); 6] = [
        (
            TxEnv { nonce: 3, ..transaction(&[]) },
            codes::NONCE_TOO_HIGH,
            "nonce too high: address 0x1000000000000000000000000000000000000001, tx: 3 state: 0",
        ),
        (
            TxEnv { gas_price: 6, ..transaction(&[]) },
            codes::BASE_FEE_TOO_LOW,
            "max fee per gas less than block base fee: address \
             0x1000000000000000000000000000000000000001, maxFeePerGas: 6, baseFee: 7",
        ),
        (
            TxEnv { value: U256::from(10).pow(U256::from(20)), ..transaction(&[]) },
            codes::INSUFFICIENT_FUNDS,
            "insufficient funds for gas * price + value: address \
             0x1000000000000000000000000000000000000001 have 100000000000000000000 want \
             100000000000010000000",
        ),
        (
            TxEnv { gas_limit: 20_000, ..transaction(&[]) },
            codes::INTRINSIC_GAS,
            "intrinsic gas too low: have 20000, want 21000",
        ),
        (
            TxEnv { gas_limit: 31_000_000, ..transaction(&[]) },
            codes::BLOCK_GAS_LIMIT_REACHED,
            "gas limit reached",
        ),
        (
            TxEnv { tx_type: 2, gas_priority_fee: Some(11), ..transaction(&[]) },
            codes::INVALID_PARAMS,
            "max priority fee per gas higher than max fee per gas: address \
             0x1000000000000000000000000000000000000001, maxPriorityFeePerGas: 11, maxFeePerGas: 10",
        ),
    ];
    for (mut transaction, code, message) in cases {
        transaction.chain_id = Some(1);
        let refusal = refused(&transaction, |_| {});
        assert_eq!((refusal.code, refusal.message.as_str()), (code, message));
    }
}

#[test]
fn names_first_what_geth_would_find_first() {
    let poor = Address::with_last_byte(9);
    let transaction =
        TxEnv { caller: poor, nonce: 5, gas_limit: 0, gas_price: 1, ..transaction(&[]) };
    let code = |change: fn(&mut Checks)| refused(&transaction, |e| change(&mut e.checks)).code;
    assert_eq!(code(|_| {}), codes::NONCE_TOO_HIGH);
    assert_eq!(code(|checks| checks.nonce = false), codes::BASE_FEE_TOO_LOW);
    let paying = TxEnv { gas_price: 8, value: U256::ONE, ..transaction };
    let funds = refused(&paying, |environment| environment.checks.nonce = false);
    assert_eq!(funds.code, codes::INSUFFICIENT_FUNDS);
    let gas = refused(&paying, |environment| environment.checks = Checks::NONE);
    assert_eq!(gas.code, codes::INTRINSIC_GAS);
}

#[test]
fn a_message_needs_no_fee_and_no_nonce() {
    let state = state_with(&hex!("4860005260206000f3")); // returns BASEFEE
    let mut environment = environment(Fork::Osaka).with_checks(Checks::MESSAGE);
    let transaction = TxEnv { nonce: 77, gas_price: 0, gas_limit: 50_000_000, ..transaction(&[]) };
    let mut overlay = Overlay::new(&state);
    let never = Interrupt::never();
    let outcome = call(&mut overlay, &environment, &transaction, &never).unwrap();
    assert_eq!(U256::from_be_slice(outcome.result.output().unwrap()), U256::from(7));
    environment.waive_fees(&transaction);
    let outcome = call(&mut overlay, &environment, &transaction, &never).unwrap();
    assert_eq!(U256::from_be_slice(outcome.result.output().unwrap()), U256::ZERO);
}

/// `JUMPDEST PUSH1 0 JUMP`.
const ENDLESS: [u8; 4] = hex!("5b600056");

#[test]
fn a_deadline_ends_an_endless_loop() {
    let endless_calls = hex!("5b6000600060006000600060045af150600056");
    for code in [&ENDLESS[..], &endless_calls] {
        let state = state_with(code);
        let environment = environment(Fork::Prague).with_checks(Checks::NONE);
        let transaction = TxEnv { gas_limit: u64::MAX, gas_price: 0, ..transaction(&[]) };
        let mut overlay = Overlay::new(&state);
        let interrupt = Interrupt::at(Instant::now() + Duration::from_millis(20));
        let result = call(&mut overlay, &environment, &transaction, &interrupt);
        assert!(matches!(result, Err(CallError::Interrupted)), "{result:?}");
        let inspector = NoOpInspector;
        let interrupt = Interrupt::at(Instant::now() + Duration::from_millis(20));
        let result =
            call_inspected(&mut overlay, &environment, &transaction, &interrupt, inspector);
        assert!(matches!(result, Err(CallError::Interrupted)), "{result:?}");
    }
}

#[test]
fn a_flag_ends_an_endless_loop() {
    let state = state_with(&ENDLESS);
    let environment = environment(Fork::Prague).with_checks(Checks::NONE);
    let transaction = TxEnv { gas_limit: u64::MAX, gas_price: 0, ..transaction(&[]) };
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let interrupt = Interrupt::never().or_when(flag.clone());
    let runner = std::thread::spawn(move || {
        call(&mut Overlay::new(&state), &environment, &transaction, &interrupt).err()
    });
    flag.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(runner.join().unwrap(), Some(CallError::Interrupted)));
}

#[test]
fn memory_is_bounded_whatever_the_gas() {
    let state = state_with(&hex!("6001640100000000530000")); // MSTORE8 at 4 GiB
    let mut environment = environment(Fork::Prague).with_checks(Checks::NONE);
    environment.memory_bytes_max = 1 << 20;
    let transaction = TxEnv { gas_limit: u64::MAX, gas_price: 0, ..transaction(&[]) };
    let outcome =
        call(&mut Overlay::new(&state), &environment, &transaction, &Interrupt::never()).unwrap();
    assert!(outcome.result.is_halt(), "{:?}", outcome.result);
}

#[test]
fn a_moved_precompile_answers_at_its_new_address_alone() {
    let identity = Address::with_last_byte(4);
    let moved = Address::with_last_byte(0xaa);
    let state = state_with(&[]);
    let mut environment = environment(Fork::Prague).with_checks(Checks::MESSAGE);
    let mut overlay = Overlay::new(&state);
    let code = Bytes::from_static(&hex!("60ff60005260206000f3"));
    let mut overrides = StateOverride::default();
    overrides.insert(
        identity,
        AccountOverride { move_precompile_to: Some(moved), code: Some(code), ..Default::default() },
    );
    overlay.override_state(&overrides, &mut environment.precompiles).unwrap();
    let mut output = |to| {
        let transaction =
            TxEnv { kind: TxKind::Call(to), gas_price: 0, ..transaction(b"as it is") };
        let outcome = call(&mut overlay, &environment, &transaction, &Interrupt::never()).unwrap();
        outcome.result.into_output().unwrap()
    };
    assert_eq!(output(moved), Bytes::from_static(b"as it is"));
    assert_eq!(output(identity), Bytes::from(U256::from(0xff).to_be_bytes::<32>()));
}

#[test]
fn overrides_that_contradict_each_other_are_refused() {
    let state = state_with(&[]);
    let mut overlay = Overlay::new(&state);
    let mut attempt = |overrides: StateOverride| {
        let mut precompiles = Precompiles::new(Fork::Prague);
        overlay.override_state(&overrides, &mut precompiles).unwrap_err().to_string()
    };
    let to = |address| AccountOverride { move_precompile_to: Some(address), ..Default::default() };
    let (one, two) = (Address::with_last_byte(1), Address::with_last_byte(2));
    let map = |entries: &[(Address, AccountOverride)]| {
        StateOverridesBuilder::default().extend(entries.iter().cloned()).build()
    };
    assert_eq!(
        attempt(map(&[(CONTRACT, to(one))])),
        "account 0x2000000000000000000000000000000000000002 is not a precompile"
    );
    assert_eq!(
        attempt(map(&[(one, to(one))])),
        "account 0x0000000000000000000000000000000000000001 is already overridden"
    );
    assert_eq!(
        attempt(map(&[(one, to(CONTRACT)), (two, to(CONTRACT)), (CONTRACT, to(one))])),
        "account 0x2000000000000000000000000000000000000002 is already overridden"
    );
    let both = AccountOverride {
        state: Some(Default::default()),
        state_diff: Some(Default::default()),
        ..Default::default()
    };
    assert_eq!(
        attempt(map(&[(SENDER, both)])),
        "account 0x1000000000000000000000000000000000000001 has both 'state' and 'stateDiff'"
    );
}

#[test]
fn executed_transactions_build_on_each_other() {
    // Counts in slot 0 and returns the count.
    let state = state_with(&hex!("6000546001018060005560005260206000f3"));
    let environment = environment(Fork::Prague).with_checks(Checks::MESSAGE);
    let mut overlay = Overlay::new(&state);
    let transaction = TxEnv { gas_price: 0, ..transaction(&[]) };
    for count in 1..4 {
        let never = Interrupt::never();
        let result = execute(&mut overlay, &environment, &transaction, &never).unwrap();
        assert_eq!(U256::from_be_slice(result.output().unwrap()), U256::from(count));
    }
    let changes = overlay.take_changes();
    assert_eq!(changes.accounts.len(), 2);
    assert_eq!(changes.accounts[0].after.unwrap().nonce, 3);
    assert_eq!(changes.accounts[1].storage, [(U256::ZERO, U256::from(3))]);
    assert_eq!(overlay.take_changes(), Default::default());
}
