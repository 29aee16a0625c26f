use super::*;
use crate::{
    MemoryAccount, MemoryState,
    call::tests::{CONTRACT, SENDER, environment, state_with, transaction},
};
use alloy_eips::eip7702::{Authorization, RecoveredAuthority, RecoveredAuthorization};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, U256, hex};
use heddle_types::Fork;
use revm::{bytecode::Bytecode, context_interface::either::Either};
use serde_json::{Value, json};

const OTHER: Address = Address::with_last_byte(0x99);

fn with_other(code: &[u8], other: &[u8]) -> MemoryState {
    let mut state = state_with(code);
    let code_hash = state.add_code(Bytecode::new_legacy(Bytes::copy_from_slice(other)));
    state.accounts.insert(OTHER, MemoryAccount { code_hash, ..Default::default() });
    state
}

fn tracer(options: Value) -> Tracer {
    Tracer::new(serde_json::from_value(options).unwrap()).unwrap()
}

fn traced(state: &MemoryState, options: Value, transaction: &TxEnv) -> Value {
    let mut overlay = Overlay::new(state);
    let (environment, never) = (environment(Fork::Prague), Interrupt::never());
    let place = TransactionPlace { block_number: Some(10), ..TransactionPlace::default() };
    let traced =
        tracer(options).trace(&mut overlay, &environment, transaction, &place, &never).unwrap();
    serde_json::from_str(traced.output.get()).unwrap()
}

fn steps(code: &[u8], gas: u64) -> Vec<Value> {
    let transaction = TxEnv { gas_limit: 21_000 + gas, ..transaction(&[]) };
    let trace = traced(&state_with(code), json!({}), &transaction);
    trace["structLogs"].as_array().unwrap().clone()
}

#[test]
fn a_failing_instruction_shows_its_error_and_cost() {
    let last = |code: &[u8], gas| steps(code, gas).pop().unwrap();
    let underflow = last(&hex!("600101"), 1000);
    assert_eq!(underflow["error"], "stack underflow (1 <=> 2)");
    assert_eq!((&underflow["gasCost"], &underflow["gas"]), (&json!(3), &json!(997)));
    let expansion = last(&hex!("610fe051"), 50); // MLOAD at 4064: 128 words
    assert_eq!(expansion["error"], "out of gas");
    assert_eq!(expansion["gasCost"], 3 + 128 * 3 + 128 * 128 / 512);
    let cold = last(&hex!("600054"), 1000);
    assert_eq!((&cold["error"], &cold["gasCost"]), (&json!("out of gas"), &json!(2100)));
    assert_eq!(cold["storage"].as_object().unwrap().len(), 1);
    let fixed = last(&hex!("6001"), 2);
    assert_eq!((&fixed["error"], &fixed["gasCost"]), (&json!("out of gas"), &json!(3)));
    // geth finds these only while it executes.
    for (code, op) in [(&hex!("fe")[..], "INVALID"), (&hex!("600356"), "JUMP")] {
        let step = last(code, 1000);
        assert_eq!((step.get("error"), &step["op"]), (None, &json!(op)));
    }
    assert_eq!(last(&hex!("0c"), 1000)["op"], "opcode 0xc not defined");
}

#[test]
fn a_limit_stops_the_log_and_not_the_transaction() {
    let code = hex!("5b600056"); // runs out of gas
    let trace = traced(&state_with(&code), json!({"limit": 500}), &transaction(&[]));
    let logs = trace["structLogs"].as_array().unwrap();
    assert!((3..10).contains(&logs.len()), "{}", logs.len());
    assert_eq!((&trace["failed"], &trace["gas"]), (&json!(true), &json!(1_000_000)));
}

#[test]
fn a_trace_that_is_too_large_is_refused_and_ends_early() {
    let state = state_with(&hex!("5b600056"));
    for kind in [json!({}), json!({"tracer": "muxTracer", "tracerConfig": {"callTracer": {}}})] {
        let mut tracer = tracer(kind);
        tracer.bytes_max = 10_000;
        let environment = environment(Fork::Prague);
        let mut overlay = Overlay::new(&state);
        let transaction = TxEnv { data: vec![1; 20_000].into(), ..transaction(&[]) };
        let result = tracer.trace(
            &mut overlay,
            &environment,
            &transaction,
            &TransactionPlace::default(),
            &Interrupt::never(),
        );
        let Err(error) = result else { panic!("it fits") };
        assert!(error.to_string().contains("larger than 10000 bytes"), "{error}");
    }
}

/// `CALL` of `OTHER` with 5 wei and no data, then `STOP`.
const CALL_OTHER: [u8; 17] = hex!("60006000600060006005609961fffff100");

#[test]
fn call_frames_are_geths() {
    // Other logs and reverts with no reason.
    let mut state = with_other(&CALL_OTHER, &hex!("60006000a060006000fd"));
    state.accounts.get_mut(&CONTRACT).unwrap().balance = U256::from(9);
    let options = json!({"tracer": "callTracer", "tracerConfig": {"withLog": true}});
    let trace = traced(&state, options, &transaction(&[]));
    let gas_used = &trace["gasUsed"];
    let child = &trace["calls"][0];
    assert_eq!(
        trace,
        json!({
            "type": "CALL", "from": SENDER, "to": CONTRACT, "value": "0x0", "input": "0x",
            "gas": "0xf4240", "gasUsed": gas_used,
            "calls": [{
                "type": "CALL", "from": CONTRACT, "to": OTHER, "value": "0x5", "input": "0x",
                "gas": "0x108fb", "gasUsed": child["gasUsed"], "error": "execution reverted",
            }],
        })
    );
    let flat = traced(&state, json!({"tracer": "flatCallTracer"}), &transaction(&[]));
    assert_eq!(flat[0]["subtraces"], 1);
    assert_eq!(flat[1]["traceAddress"], json!([0]));
    assert_eq!(flat[1]["error"], "execution reverted");
    assert_eq!(flat[1]["result"]["output"], "0x");
    assert_eq!(flat[1]["action"]["callType"], "call");
}

#[test]
fn an_error_of_a_frame_is_that_of_its_last_instruction() {
    let cases = [
        (&hex!("01")[..], "stack underflow (0 <=> 2)"),
        (&hex!("fe"), "invalid opcode: INVALID"),
        (&hex!("0c"), "invalid opcode: opcode 0xc not defined"),
        (&hex!("600356"), "invalid jump destination"),
        (&hex!("5b600056"), "out of gas"),
        (&hex!("6001600060003e"), "return data out of bounds"),
    ];
    for (code, error) in cases {
        let trace = traced(&state_with(code), json!({"tracer": "callTracer"}), &transaction(&[]));
        assert_eq!(trace["error"], error);
        assert_eq!(trace["gasUsed"], "0xf4240");
    }
}

#[test]
fn a_self_destruction_is_a_frame_even_without_balance() {
    let state = state_with(&hex!("6099ff"));
    let trace = traced(&state, json!({"tracer": "callTracer"}), &transaction(&[]));
    assert_eq!(
        trace["calls"],
        json!([{
            "type": "SELFDESTRUCT", "from": CONTRACT, "to": OTHER, "value": "0x0",
            "gas": "0x0", "gasUsed": "0x0", "input": "0x",
        }])
    );
}

#[test]
fn only_the_top_call_and_its_logs_are_kept_if_asked() {
    let mut state = with_other(&CALL_OTHER, &hex!("60006000a000"));
    state.accounts.get_mut(&CONTRACT).unwrap().balance = U256::from(9);
    let config = json!({"withLog": true, "onlyTopCall": true});
    let options = json!({"tracer": "callTracer", "tracerConfig": config});
    let trace = traced(&state, options, &transaction(&[]));
    assert_eq!((trace.get("calls"), trace.get("logs")), (None, None));
}

#[test]
fn prestate_and_differences_are_geths() {
    let mut state = state_with(&hex!("600160005560025450")); // slot 0 = 1, reads slot 2
    state.accounts.get_mut(&CONTRACT).unwrap().storage.insert(U256::from(2), U256::from(3));
    let zero = format!("{:#066x}", 0);
    let two = format!("{:#066x}", 2);
    let pre = traced(&state, json!({"tracer": "prestateTracer"}), &transaction(&[]));
    let contract = format!("{CONTRACT:?}");
    let sender = format!("{SENDER:?}");
    assert_eq!(pre[&contract]["storage"], json!({ &zero: zero, two: format!("{:#066x}", 3) }));
    assert_eq!(pre[&sender], json!({"balance": "0x56bc75e2d63100000"}));
    assert_eq!(pre[&contract]["code"], "0x600160005560025450");
    let config = json!({"diffMode": true});
    let options = json!({"tracer": "prestateTracer", "tracerConfig": config});
    let diff = traced(&state, options, &transaction(&[]));
    assert_eq!(diff["post"][&contract], json!({"storage": {zero: format!("{:#066x}", 1)}}));
    assert_eq!(diff["pre"][&contract].get("storage"), None);
    assert_eq!(diff["post"][&sender]["nonce"], 1);
    // The beneficiary was nobody before.
    let nobody = format!("{:?}", Address::ZERO);
    assert!(diff["post"].get(&nobody).is_some() && diff["pre"].get(&nobody).is_none());
}

#[test]
fn a_delegation_that_ends_shows_a_hash_and_no_code() {
    let mut state = state_with(&[]);
    let code_hash = state.add_code(Bytecode::new_eip7702(CONTRACT));
    let delegated = MemoryAccount { code_hash, nonce: 1, ..Default::default() };
    state.accounts.insert(OTHER, delegated);
    let ends = Authorization { chain_id: U256::ZERO, address: Address::ZERO, nonce: 1 };
    let ends = RecoveredAuthorization::new_unchecked(ends, RecoveredAuthority::Valid(OTHER));
    let transaction =
        TxEnv { tx_type: 4, authorization_list: vec![Either::Right(ends)], ..transaction(&[]) };
    let options = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
    let diff = traced(&state, options, &transaction);
    let other = format!("{OTHER:?}");
    assert_eq!(diff["post"][&other], json!({"nonce": 2, "codeHash": KECCAK256_EMPTY}));
}

#[test]
fn selectors_are_counted_with_the_length_of_their_arguments() {
    let trace = traced(
        &state_with(&[]),
        json!({"tracer": "4byteTracer"}),
        &transaction(&hex!("01020304ffffff")),
    );
    assert_eq!(trace, json!({"0x01020304-3": 1}));
}

#[test]
fn a_tracer_in_javascript_is_refused_by_name() {
    let options = serde_json::from_value(json!({"tracer": "{fault: 1}"})).unwrap();
    assert!(Tracer::new(options).unwrap_err().to_string().contains("not supported"));
}

#[test]
fn reads_durations_as_go_writes_them() {
    assert_eq!(parse_duration("1m30s").unwrap(), Duration::from_secs(90));
    assert_eq!(parse_duration("1.5s").unwrap(), Duration::from_millis(1500));
    for wrong in ["", "5", "s", "-1s", "1d"] {
        assert!(parse_duration(wrong).is_err(), "{wrong}");
    }
}

/// Calls nested as deep as they go must fit the stack of a server's thread.
#[test]
fn the_deepest_calls_can_be_written() {
    // Calls itself with all gas.
    let code = hex!("60006000600060006000305af100");
    let mut state_deep = state_with(&[]);
    let code_hash = state_deep.add_code(Bytecode::new_legacy(Bytes::copy_from_slice(&code)));
    state_deep.accounts.get_mut(&CONTRACT).unwrap().code_hash = code_hash;
    let run = move || {
        let mut environment = environment(Fork::Prague);
        environment.checks = crate::call::Checks::NONE;
        let transaction = TxEnv { gas_limit: u64::MAX / 2, gas_price: 0, ..transaction(&[]) };
        let place = TransactionPlace::default();
        let mut overlay = Overlay::new(&state_deep);
        let never = Interrupt::never();
        tracer(json!({"tracer": "callTracer"}))
            .trace(&mut overlay, &environment, &transaction, &place, &never)
            .unwrap()
            .output
            .get()
            .matches("\"type\"")
            .count()
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    assert!(thread.join().unwrap() > 1000);
}
