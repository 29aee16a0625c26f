use super::*;
use crate::{
    Block, BlockOutput, Executor, MemoryState, Settings, Way,
    call::{
        Checks, commit,
        tests::{CONTRACT, SENDER, environment, state_with, transaction},
    },
    create_access_list,
    tracing::parity,
};
use alloy_primitives::{Address, hex, map::HashSet};
use alloy_rpc_types_trace::parity::TraceType;
use proptest::prelude::*;

/// A small program: loops, storage, memory, calls to itself, logs, a refund, an end.
fn program() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        (0_u8..4, 0_u8..3).prop_map(|(key, value)| vec![0x60, value, 0x60, key, 0x55]),
        (0_u8..4).prop_map(|key| vec![0x60, key, 0x54, 0x50]),
        (0_u8..=255).prop_map(|at| vec![0x60, 1, 0x60, at, 0x53]),
        (0_u8..=255).prop_map(|length| vec![0x60, length, 0x60, 0, 0x20, 0x50]),
        Just(hex!("60006000a0").to_vec()),
        // Calls precompiled contracts and empty accounts with all gas but 1/64.
        (1_u8..12).prop_map(|to| {
            let call = [0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x60, to, 0x5a, 0xf1];
            // A call that fails must fail the transaction: with a failure that is swallowed, less
            // gas may be enough where more is not needed.
            [&call[..], &hex!("15600357")].concat()
        }),
        Just(hex!("303150").to_vec()),
    ];
    let end = prop_oneof![
        4 => Just(vec![0x00]),
        1 => Just(hex!("60006000fd").to_vec()),
        1 => Just(vec![0xfe]),
        1 => Just(hex!("60206000f3").to_vec()),
    ];
    (prop::collection::vec(part, 0..12), end).prop_map(|(parts, end)| {
        // Jumps over an invalid instruction at 3, where failed calls go.
        let start = hex!("6005565bfe5b").to_vec();
        start.into_iter().chain(parts.into_iter().flatten()).chain(end).collect()
    })
}

fn never() -> Interrupt {
    Interrupt::never()
}

proptest! {
    #[test]
    fn an_estimate_is_enough_and_one_less_is_not(code in program(), fork in 0..2) {
        let fork = [Fork::Berlin, Fork::Prague][fork as usize];
        let state = state_with(&code);
        let environment = environment(fork).with_checks(Checks::MESSAGE);
        let tx = TxEnv { gas_limit: 0, ..transaction(&[]) };
        let exact = EstimateOptions { error_ratio: 0.0, ..EstimateOptions::default() };
        let mut overlay = Overlay::new(&state);
        let Ok(gas) = estimate_gas(&mut overlay, &environment, &tx, exact, &never()) else {
            let most = TxEnv { gas_limit: 30_000_000, ..tx };
            let outcome = call(&mut overlay, &environment, &most, &never()).unwrap();
            prop_assert!(!outcome.result.is_success());
            return Ok(());
        };
        let mut succeeds = |gas_limit| {
            let tx = TxEnv { gas_limit, ..tx.clone() };
            call(&mut overlay, &environment, &tx, &never())
                .is_ok_and(|outcome| outcome.result.is_success())
        };
        prop_assert!(succeeds(gas));
        prop_assert!(!succeeds(gas - 1));
        let quick = EstimateOptions::default();
        let quick = estimate_gas(&mut overlay, &environment, &tx, quick, &never()).unwrap();
        prop_assert!(quick >= gas && (quick - gas) as f64 <= ERROR_RATIO * quick as f64);
    }

    #[test]
    fn a_call_does_what_the_block_does(code in program(), value in 0_u64..2) {
        let state = state_with(&code);
        let environment = environment(Fork::Prague);
        let transactions: Vec<TxEnv> = (0..3)
            .map(|nonce| TxEnv { nonce, value: U256::from(value), ..transaction(&[]) })
            .collect();
        let block = Block::new(Fork::Prague, 1, environment.block.clone(), &transactions);
        let output = execute_block(&block, &state);
        let mut overlay = Overlay::new(&state);
        for (transaction, receipt) in transactions.iter().zip(&output.receipts) {
            let outcome = call(&mut overlay, &environment, transaction, &never()).unwrap();
            prop_assert_eq!(outcome.result.tx_gas_used(), receipt.gas_used);
            prop_assert_eq!(outcome.result.is_success(), receipt.success);
            prop_assert_eq!(outcome.result.logs(), &receipt.logs);
            commit(&mut overlay, &environment, &outcome).unwrap();
        }
        prop_assert_eq!(overlay.take_changes(), output.changes);
    }

    #[test]
    fn a_created_access_list_changes_nothing_but_gas(code in program()) {
        let state = state_with(&code);
        let environment = environment(Fork::Prague).with_checks(Checks::MESSAGE);
        let mut tx = transaction(&[]);
        let mut overlay = Overlay::new(&state);
        let created = create_access_list(&mut overlay, &environment, &tx, &never()).unwrap();
        let warm = |address: Address| address == SENDER || address == Address::with_last_byte(4);
        for item in &created.access_list.0 {
            prop_assert!(!warm(item.address));
            prop_assert!(item.address != CONTRACT || !item.storage_keys.is_empty());
        }
        tx.tx_type = 1;
        tx.chain_id = Some(1);
        tx.access_list = created.access_list;
        let outcome = call(&mut overlay, &environment, &tx, &never()).unwrap();
        prop_assert_eq!(outcome.result.tx_gas_used(), created.gas_used);
        prop_assert_eq!(outcome.result.is_success(), created.error.is_none());
    }

    #[test]
    fn openethereums_traces_leave_the_transaction_as_it_is(code in program()) {
        let state = state_with(&code);
        let environment = environment(Fork::Prague);
        let mut overlay = Overlay::new(&state);
        let plain = call(&mut overlay, &environment, &transaction(&[]), &never()).unwrap();
        let types = [TraceType::Trace, TraceType::VmTrace, TraceType::StateDiff];
        let types: HashSet<TraceType> = types.into_iter().collect();
        let tx = transaction(&[]);
        let (results, outcome) =
            parity::replay(&mut overlay, &environment, &tx, &types, &never()).unwrap();
        prop_assert_eq!(&outcome.result, &plain.result);
        prop_assert!(!results.trace.is_empty());
        let diff = results.state_diff.unwrap();
        prop_assert!(diff.contains_key(&SENDER));
    }
}

fn execute_block(block: &Block<'_>, state: &MemoryState) -> BlockOutput {
    let settings = Settings { threads: 1, ..Settings::default() };
    Executor::new(settings).unwrap().execute(block, state, Way::Sequential).unwrap()
}

fn estimate(code: &[u8], change: impl FnOnce(&mut TxEnv)) -> Result<u64, String> {
    let state = state_with(code);
    let environment = environment(Fork::Prague).with_checks(Checks::MESSAGE);
    let mut tx = TxEnv { gas_limit: 0, ..transaction(&[]) };
    change(&mut tx);
    let mut overlay = Overlay::new(&state);
    estimate_gas(&mut overlay, &environment, &tx, EstimateOptions::default(), &never())
        .map_err(|error| error.to_string())
}

#[test]
fn failures_are_told_in_geths_words() {
    assert_eq!(estimate(&hex!("60006000fd"), |_| {}).unwrap_err(), "execution reverted");
    assert_eq!(estimate(&hex!("fe"), |_| {}).unwrap_err(), "invalid opcode: INVALID");
    let endless = hex!("5b600056");
    let message = "gas required exceeds allowance (30000000)";
    assert_eq!(estimate(&endless, |_| {}).unwrap_err(), message);
    let too_much = |tx: &mut TxEnv| tx.value = U256::from(10).pow(U256::from(20));
    assert_eq!(estimate(&[], too_much).unwrap_err(), "insufficient funds for transfer");
    let costly = |tx: &mut TxEnv| tx.gas_price = 10_u128.pow(16); // pays for 10000 gas
    let message = "gas required exceeds allowance (10000)";
    assert_eq!(estimate(&[0x00], costly).unwrap_err(), message);
}

#[test]
fn a_plain_transfer_is_not_searched_for() {
    assert_eq!(estimate(&[], |tx| tx.value = U256::ONE), Ok(TRANSFER_GAS));
}

/// Rewards before the merge, as OpenEthereum shows them.
#[test]
fn rewards_are_those_of_the_yellow_paper() {
    let ommers = [heddle_types::Ommer { number: 99, beneficiary: CONTRACT }];
    let block = alloy_rpc_types_eth::BlockNumHash { number: 100, hash: Default::default() };
    let traces = parity::reward_traces(Fork::Berlin, block, SENDER, &ommers);
    let json = serde_json::to_value(&traces).unwrap();
    assert_eq!(json[0]["action"]["value"], format!("{:#x}", 2_062_500_000_000_000_000_u64));
    assert_eq!(json[1]["action"]["value"], format!("{:#x}", 1_750_000_000_000_000_000_u64));
    assert_eq!(
        (&json[0]["type"], &json[1]["action"]["rewardType"]),
        (&"reward".into(), &"uncle".into())
    );
    assert!(parity::reward_traces(Fork::Prague, block, SENDER, &[]).is_empty());
}
