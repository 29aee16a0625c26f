//! The traces of `trace_`, `debug_` and `ots_` tell the same of a transaction.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod support;

use alloy_primitives::{Address, Bytes, hex};
use heddle_rpc::LocalServer;
use serde_json::{Value, json};
use support::{CONTRACT, context, key, settings};

/// Sends one wei to an account, calls it without leave to change anything, creates an empty contract
/// and logs; then, if there is any input, reverts.
///
/// ```text
/// PUSH0 PUSH0 PUSH0 PUSH0 PUSH1 1 PUSH1 bb GAS CALL POP
/// PUSH0 PUSH0 PUSH1 4 PUSH0 PUSH1 bb GAS STATICCALL POP
/// PUSH0 PUSH0 PUSH0 CREATE POP
/// PUSH1 7 PUSH0 PUSH0 LOG1
/// CALLDATASIZE PUSH1 24 JUMPI STOP
/// JUMPDEST PUSH0 PUSH0 REVERT
/// ```
const CODE: Bytes = Bytes::from_static(&hex!(
    "5f5f5f5f600160bb5af150 5f5f60045f60bb5afa50 5f5f5ff050 60075f5fa1 36602457 00 5b5f5ffd"
));

struct Node {
    server: LocalServer,
}

impl Node {
    fn start() -> Self {
        Self { server: LocalServer::start(context(&CODE, true).0, settings()).unwrap() }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (_, body) = self.server.post(request.to_string().into_bytes()).await.unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(answer.get("result").is_some(), "{method}: {answer}");
        answer["result"].clone()
    }

    async fn send(&self, data: &str) -> Value {
        let request = json!([{"from": key().address(), "to": CONTRACT, "data": data,
            "gas": "0x30d40"}]);
        self.call("eth_sendTransaction", request).await
    }
}

/// What both kinds of traces tell of a frame, with its place.
fn frames_of_geth(frame: &Value, place: &[usize], frames: &mut Vec<Value>) {
    let none = Vec::new();
    let calls = frame["calls"].as_array().unwrap_or(&none);
    frames.push(json!({
        "place": place, "type": frame["type"], "from": frame["from"], "to": frame["to"],
        // A call that changes nothing has no value.
        "value": frame.get("value").unwrap_or(&json!("0x0")),
        "input": frame["input"], "calls": calls.len(), "failed": frame.get("error").is_some(),
        // The outermost frame of the one has what the transaction itself costs.
        "gas": if place.is_empty() { Value::Null } else { frame["gasUsed"].clone() },
    }));
    for (index, call) in calls.iter().enumerate() {
        frames_of_geth(call, &[place, &[index]].concat(), frames);
    }
}

fn frame_of_parity(trace: &Value) -> Value {
    let (action, result) = (&trace["action"], &trace["result"]);
    let is_create = trace["type"] == "create";
    let place = &trace["traceAddress"];
    let kind = action["callType"].as_str().unwrap_or("create").to_uppercase();
    let outermost = place.as_array().unwrap().is_empty();
    json!({
        "place": place, "type": kind, "from": action["from"],
        "to": if is_create { &result["address"] } else { &action["to"] },
        "value": action["value"],
        "input": if is_create { &action["init"] } else { &action["input"] },
        "calls": trace["subtraces"], "failed": trace.get("error").is_some(),
        "gas": if outermost { Value::Null } else { result["gasUsed"].clone() },
    })
}

fn frames_of_parity(traces: &Value) -> Vec<Value> {
    traces.as_array().unwrap().iter().map(frame_of_parity).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parity_and_geth_trace_the_same_calls() {
    let node = Node::start();
    for (data, fails) in [("0x", false), ("0x01", true)] {
        let hash = node.send(data).await;
        let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"] == "0x0", fails);
        let tracer = json!({"tracer": "callTracer"});
        let geth = node.call("debug_traceTransaction", json!([hash, tracer])).await;
        let mut expected = Vec::new();
        frames_of_geth(&geth, &[], &mut expected);
        assert_eq!(expected.len(), 4, "{geth}");
        let traces = node.call("trace_transaction", json!([hash])).await;
        assert_eq!(frames_of_parity(&traces), expected);

        let number = receipt["blockNumber"].clone();
        assert_eq!(node.call("trace_block", json!([number])).await, traces);
        let path = json!([hash, ["0x1"]]);
        assert_eq!(node.call("trace_get", path).await, traces[2]);
        let replayed = node.call("trace_replayTransaction", json!([hash, ["trace"]])).await;
        assert_eq!(frames_of_parity(&replayed["trace"]), expected);
        let kinds = json!([number, ["trace", "stateDiff"]]);
        let block = node.call("trace_replayBlockTransactions", kinds).await;
        assert_eq!(block[0]["transactionHash"], hash);
        assert_eq!(frames_of_parity(&block[0]["trace"]), expected);
        // What the block changed, and what geth says that it changed.
        let tracer = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
        let diff = node.call("debug_traceTransaction", json!([hash, tracer])).await;
        let of_sender =
            |value: &Value| value[json!(key().address()).as_str().unwrap().to_lowercase()].clone();
        let balance = of_sender(&block[0]["stateDiff"])["balance"]["*"].clone();
        assert_eq!(balance["from"], of_sender(&diff["pre"])["balance"]);
        assert_eq!(balance["to"], of_sender(&diff["post"])["balance"]);

        let ots = node.call("ots_traceTransaction", json!([hash])).await;
        let kinds: Vec<_> = ots.as_array().unwrap().iter().map(|frame| &frame["type"]).collect();
        let expected: Vec<_> = expected.iter().map(|frame| &frame["type"]).collect();
        assert_eq!(kinds, expected);
        let moved = node.call("ots_getInternalOperations", json!([hash])).await;
        // What a transaction that failed would have moved is told, too.
        assert_eq!(moved.as_array().unwrap().len(), 2, "{moved}");
        let error = node.call("ots_getTransactionError", json!([hash])).await;
        assert_eq!(error, "0x");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_traced_as_it_would_be_in_a_block() {
    let node = Node::start();
    let call = json!({"from": key().address(), "to": CONTRACT, "gas": "0x30d40"});
    let traced = node.call("trace_call", json!([call, ["trace"]])).await;
    let tracer = json!({"tracer": "callTracer"});
    let geth = node.call("debug_traceCall", json!([call, "latest", tracer])).await;
    let mut expected = Vec::new();
    frames_of_geth(&geth, &[], &mut expected);
    assert_eq!(frames_of_parity(&traced["trace"]), expected);
    let many = json!([[[call, ["trace"]], [call, ["trace"]]]]);
    let many = node.call("trace_callMany", many).await;
    assert_eq!(many[0], traced);
    // The second one creates another contract.
    let created = |result: &Value| result["trace"][3]["result"]["address"].clone();
    assert!(created(&many[0]).is_string());
    assert_ne!(created(&many[0]), created(&many[1]));
    let bundles = json!([[{"transactions": [call, {"to": CONTRACT, "data": "0x01"}]}]]);
    let results = node.call("eth_callMany", bundles).await;
    assert_eq!(results[0][0], json!({"value": "0x"}));
    assert!(results[0][1]["error"].as_str().unwrap().contains("revert"), "{results}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_finds_calls_by_who_takes_part() {
    let node = Node::start();
    for _ in 0..3 {
        node.send("0x").await;
    }
    let find = async |filter: Value| {
        let found = node.call("trace_filter", json!([filter])).await;
        found.as_array().unwrap().clone()
    };
    let all = find(json!({"fromBlock": "0x1", "toBlock": "0x3"})).await;
    assert_eq!(all.len(), 12);
    let from = find(json!({"fromBlock": "0x1", "fromAddress": [key().address()]})).await;
    assert_eq!(from.len(), 3);
    let to = json!({"fromBlock": "0x2", "toAddress": [Address::with_last_byte(0xbb)]});
    assert_eq!(find(to).await.len(), 4);
    let page = find(json!({"fromBlock": "0x1", "after": 2, "count": 3})).await;
    assert_eq!(page, all[2..5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn otterscan_finds_its_way() {
    let node = Node::start();
    let hashes = [node.send("0x").await, node.send("0x01").await, node.send("0x").await];
    let sender = key().address();
    let details = node.call("ots_getBlockDetails", json!([2])).await;
    assert_eq!(details["block"]["transactionCount"], "0x1", "{details}");
    let page = node.call("ots_getBlockTransactions", json!([2, 0, 25])).await;
    assert_eq!(page["fullblock"]["transactions"][0]["hash"], hashes[1]);
    assert_eq!(page["receipts"][0]["status"], "0x0");
    let by_nonce = json!([sender, 1]);
    assert_eq!(node.call("ots_getTransactionBySenderAndNonce", by_nonce).await, hashes[1]);
    assert_eq!(node.call("ots_hasCode", json!([CONTRACT, "latest"])).await, true);
    assert_eq!(node.call("ots_hasCode", json!([sender, "latest"])).await, false);
    let all = node.call("ots_searchTransactionsBefore", json!([sender, 0, 25])).await;
    let found: Vec<_> = all["txs"].as_array().unwrap().iter().map(|tx| &tx["hash"]).collect();
    assert_eq!(found, [&hashes[2], &hashes[1], &hashes[0]]);
    let after = node.call("ots_searchTransactionsAfter", json!([sender, 1, 25])).await;
    let found: Vec<_> = after["txs"].as_array().unwrap().iter().map(|tx| &tx["hash"]).collect();
    assert_eq!(found, [&hashes[2], &hashes[1]]);
    // The init code of a contract whose code is one byte.
    let create = json!([{"from": sender, "data": "0x60015f5360015ff3", "gas": "0x30d40"}]);
    let hash = node.call("eth_sendTransaction", create).await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    let creator = node.call("ots_getContractCreator", json!([receipt["contractAddress"]])).await;
    assert_eq!((&creator["hash"], &creator["creator"]), (&hash, &json!(sender)), "{creator}");
}
