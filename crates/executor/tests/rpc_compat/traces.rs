//! Traces of the chain's blocks.

use crate::chain::{Chain, Ready, folder};
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use heddle_executor::{
    Overlay,
    call::{self, Environment, Interrupt},
    revm::DatabaseRef,
    tracing::{Tracer, TransactionPlace},
};
use serde_json::{Value, json};

/// The requests and answers of one file of the suite.
pub(crate) fn exchanges(name: &str) -> Vec<(Value, Value)> {
    let text = std::fs::read_to_string(folder().unwrap().join(name)).unwrap();
    let mut exchanges = Vec::new();
    let mut request = Value::Null;
    for line in text.lines() {
        if let Some(line) = line.strip_prefix(">> ") {
            request = serde_json::from_str(line).unwrap();
        } else if let Some(line) = line.strip_prefix("<< ") {
            exchanges.push((request.take(), serde_json::from_str(line).unwrap()));
        }
    }
    exchanges
}

fn trace_block(chain: &Chain, block: &Ready, options: Value) -> Value {
    let options: GethDebugTracingOptions = serde_json::from_value(options).unwrap();
    let tracer = Tracer::new(options).unwrap();
    let to_execute = block.to_execute(&chain.spec);
    let environment = Environment::of(&to_execute);
    let never = Interrupt::never();
    let mut state = Overlay::new(&block.before);
    call::begin_block(&mut state, &environment, &to_execute, &never).unwrap();
    let mut entries = Vec::new();
    let mut place = TransactionPlace {
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        ..TransactionPlace::default()
    };
    for (index, transaction) in block.transactions.iter().enumerate() {
        let hash = *block.block.body.transactions[index].tx_hash();
        place.transaction_hash = Some(hash);
        place.index = Some(index as u64);
        let traced = tracer.trace(&mut state, &environment, transaction, &place, &never).unwrap();
        place.first_log += traced.outcome.result.logs().len() as u64;
        call::commit(&mut state, &environment, &traced.outcome).unwrap();
        let result: Value = serde_json::from_str(traced.output.get()).unwrap();
        entries.push(json!({ "txHash": hash, "result": result }));
    }
    let receipts = &block.output.receipts;
    let requests =
        call::end_block(&mut state, &environment, &to_execute, receipts, &never).unwrap();
    assert_eq!(requests, block.output.requests);
    assert_eq!(state.take_changes(), block.output.changes, "block {}", block.header.number);
    Value::Array(entries)
}

/// Every tracer leaves the transactions of every block as they are: the overlay changes as the
/// executor says.
#[test]
fn traced_blocks_change_what_executed_blocks_change() {
    let Some(chain) = Chain::load() else { return };
    let tracers = [
        json!({}),
        json!({"tracer": "muxTracer", "tracerConfig": {
            "callTracer": {"withLog": true}, "prestateTracer": {"diffMode": true},
            "4byteTracer": null, "flatCallTracer": {}, "noopTracer": null,
        }}),
    ];
    for options in tracers {
        for block in &chain.blocks {
            let traces = trace_block(&chain, block, options.clone());
            for (trace, receipt) in traces.as_array().unwrap().iter().zip(&block.output.receipts) {
                let gas = trace["result"].get("gas");
                assert!(gas.is_none_or(|gas| *gas == receipt.gas_used));
            }
        }
    }
    assert!(chain.head.basic_ref(chain.genesis.beneficiary).is_ok());
}

#[test]
fn struct_logs_are_those_of_the_suite() {
    let Some(chain) = Chain::load() else { return };
    for name in [
        "debug_traceBlockByNumber/trace-block-memory-encoding.io",
        "debug_traceBlockByNumber/trace-block-return-data-behavior.io",
        "debug_traceBlockByNumber/trace-block-storage-encoding.io",
        "debug_traceBlockByHash/trace-block-with-transactions.io",
    ] {
        for (request, response) in exchanges(name) {
            let params = request["params"].as_array().unwrap();
            let named = params[0].as_str().unwrap();
            let block = chain.blocks.iter().find(|block| {
                named == format!("{:#x}", block.header.number) || named == block.hash.to_string()
            });
            let options = params.get(1).cloned().unwrap_or_else(|| json!({}));
            let traces = trace_block(&chain, block.unwrap(), options);
            compare(name, &traces, &response["result"]);
        }
    }
}

/// Fails with the first entry that differs: whole traces are too long to read.
fn compare(name: &str, ours: &Value, theirs: &Value) {
    let (ours, theirs) = (ours.as_array().unwrap(), theirs.as_array().unwrap());
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let logs = |trace: &Value| trace["result"]["structLogs"].as_array().unwrap().clone();
        for (step, (ours, theirs)) in logs(ours).iter().zip(&logs(theirs)).enumerate() {
            assert_eq!(ours, theirs, "{name}, transaction {index}, step {step}");
        }
        assert_eq!(logs(ours).len(), logs(theirs).len(), "{name}, transaction {index}");
        assert_eq!(ours, theirs, "{name}, transaction {index}");
    }
}
