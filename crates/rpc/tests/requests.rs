//! Whatever arguments a method gets, it answers, in time and by the rules of JSON-RPC.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod support;

use alloy_primitives::{B256, Bytes};
use heddle_rpc::{LocalServer, Method, methods};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use std::time::Duration;
use support::{CONTRACT, context, key, settings};

/// Arguments that each method is tried with.
const CASES: u32 = 24;

/// More than any limit of time that the settings below have.
const PATIENCE: Duration = Duration::from_secs(30);

/// Arguments as they could be, by their names in the table.
fn honest(parameter: &str) -> Vec<Value> {
    let parameter = parameter.trim_matches(['[', ']', ' ']);
    let call = json!({"from": key().address(), "to": CONTRACT, "data": "0x01", "gas": "0x186a0"});
    let address = json!(key().address());
    let words: Vec<Value> = match parameter {
        "address" | "account" | "owner" | "spender" | "token" => vec![address, json!(CONTRACT)],
        "address or addresses" => vec![address.clone(), json!([address, CONTRACT])],
        "hash" | "parent hash" | "versioned hash" | "32 bytes" => vec![json!(B256::ZERO)],
        "block" | "newest block" => {
            vec![json!("latest"), json!("0x1"), json!({"blockNumber": "0x0"})]
        }
        "call" | "transaction" => vec![call],
        "filter" => {
            vec![json!({"fromBlock": "0x0"}), json!({"address": CONTRACT, "topics": [null]})]
        }
        "kinds" => vec![json!(["trace"]), json!(["trace", "vmTrace", "stateDiff"])],
        "calls with kinds" => vec![json!([[call, ["trace"]], [call, ["stateDiff"]]])],
        "bundles" => vec![json!([{"transactions": [call, call]}])],
        "blocks" => vec![json!({"blockStateCalls": [{"calls": [call]}]}), json!("0x2")],
        "options" => {
            vec![json!({"tracer": "callTracer"}), json!({"tracer": "prestateTracer"}), json!({})]
        }
        "state overrides" => {
            vec![json!({CONTRACT.to_string(): {"balance": "0x1", "code": "0x00"}})]
        }
        "block overrides" => vec![json!({"number": "0x5", "time": "0xffffffffffffffff"})],
        "yes or no" | "full" => vec![json!(true), json!(false)],
        "slots" => vec![json!(["0x0", B256::ZERO])],
        "slots by address" => vec![json!({CONTRACT.to_string(): ["0x0"]})],
        "percentiles" => vec![json!([0, 50.5, 100])],
        "path" => vec![json!([]), json!(["0x0"])],
        _ => vec![json!("0x1"), json!(2), json!("0x"), json!("latest"), json!("0x00ff")],
    };
    words
}

/// The text of an argument that is anything.
fn anything() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON knows no others", |value| value.is_finite())
            .prop_map(|value| value.to_string()),
        Just("123456789012345678901234567890".to_owned()),
        "[a-z]{0,12}".prop_map(|text| format!("\"{text}\"")),
        "0x[0-9a-fA-F]{0,80}".prop_map(|text| format!("\"{text}\"")),
        Just(format!("\"0x{}\"", "f".repeat(64))),
        Just(format!("\"0x{}\"", "f".repeat(16))),
        Just(format!("\"0x{}\"", "00".repeat(100_000))),
        Just("\"\\ud83d\\ude00\\u0000\"".to_owned()),
    ];
    let names = [
        "from",
        "to",
        "data",
        "gas",
        "value",
        "blockHash",
        "blockNumber",
        "fromBlock",
        "toBlock",
        "address",
        "topics",
        "tracer",
        "tracerConfig",
        "transactions",
        "nonce",
        "maxFeePerGas",
        "accessList",
        "authorizationList",
        "blobVersionedHashes",
        "type",
    ];
    let name = prop::sample::select(names.to_vec());
    let nested = leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((name.clone(), inner), 0..4).prop_map(|pairs| {
                let pairs: Vec<_> =
                    pairs.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    });
    let deep = (0_usize..3, 100_usize..20_000).prop_map(|(kind, depth)| {
        let (open, inner, close) =
            [("[", "1", "]"), ("{\"a\":", "1", "}"), ("[{\"a\":", "1", "}]")][kind];
        [open.repeat(depth), inner.to_owned(), close.repeat(depth)].concat()
    });
    prop_oneof![20 => nested, 1 => deep]
}

/// The text of `params`: each argument honest or not, some missing, some too many.
fn params(method: &Method) -> impl Strategy<Value = String> + use<> {
    let names: Vec<&str> = method.parameters.split(',').filter(|name| !name.is_empty()).collect();
    let arguments: Vec<_> = names
        .into_iter()
        .map(|name| {
            let honest: Vec<String> = honest(name).iter().map(Value::to_string).collect();
            prop_oneof![3 => prop::sample::select(honest), 2 => anything()].boxed()
        })
        .collect();
    let count = arguments.len();
    (arguments, vec(anything(), 0..3), 0..count + 2).prop_map(
        move |(mut arguments, surplus, left)| {
            if left <= count && left % 3 == 1 {
                arguments.truncate(left);
            } else if left > count {
                arguments.extend(surplus);
            }
            format!("[{}]", arguments.join(","))
        },
    )
}

/// Whether this is a code of JSON-RPC, of the execution APIs, or of a method's own specification.
fn is_known(code: i64) -> bool {
    // A revert; EIP-7966; JSON-RPC and EIP-1474; eth_simulateV1. That the node is at fault is none.
    matches!(code, 3 | 4 | -32_768..=-32_000 | -38_026..=-38_010) && code != -32_603
}

fn check_answer(text: &str) -> Result<(), String> {
    let answer: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let well_formed = answer["jsonrpc"] == "2.0"
        && answer.get("id").is_some()
        && answer.get("result").is_some() != answer.get("error").is_some();
    let error = &answer["error"];
    let sound = error.is_null()
        || (error["message"].is_string() && error["code"].as_i64().is_some_and(is_known));
    if well_formed && sound { Ok(()) } else { Err(text.chars().take(2_000).collect()) }
}

struct Asker {
    runtime: tokio::runtime::Runtime,
    server: LocalServer,
}

impl Asker {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut settings = settings();
        let limits = &mut settings.limits;
        limits.sync_timeout = Duration::from_millis(20);
        limits.call_timeout = Duration::from_secs(1);
        limits.trace_timeout = Duration::from_secs(1);
        // `PUSH0 CALLDATALOAD PUSH0 SSTORE PUSH1 7 PUSH0 PUSH0 LOG1`.
        let code = Bytes::from_static(&[0x5f, 0x35, 0x5f, 0x55, 0x60, 0x07, 0x5f, 0x5f, 0xa1]);
        let _guard = runtime.enter();
        let server = LocalServer::start(context(&code, true).0, settings).unwrap();
        drop(_guard);
        Self { runtime, server }
    }

    fn ask(&self, body: &[u8]) -> Result<(u16, String), String> {
        let answer =
            async { tokio::time::timeout(PATIENCE, self.server.post(body.to_vec())).await };
        let answer = self.runtime.block_on(answer).map_err(|_| "there is no answer".to_owned())?;
        let (status, body) = answer.map_err(|error| error.to_string())?;
        Ok((status, String::from_utf8(body).map_err(|error| error.to_string())?))
    }
}

#[test]
fn every_method_answers_whatever_it_is_asked() {
    let asker = Asker::new();
    // Over HTTP the server itself refuses subscriptions.
    for method in methods().filter(|method| !method.name.ends_with("subscribe")) {
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        });
        let checked = runner.run(&params(method), |params| {
            let name = method.name;
            let body = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"{name}\",\"params\":{params}}}"
            );
            let (status, text) = asker.ask(body.as_bytes()).map_err(TestCaseError::fail)?;
            prop_assert_eq!(status, 200, "{}", text);
            check_answer(&text).map_err(TestCaseError::fail)
        });
        if let Err(error) = checked {
            let text: String = error.to_string().chars().take(4_000).collect();
            panic!("{}: {text}", method.name);
        }
    }
}

#[test]
fn bodies_that_are_no_requests_are_answered() {
    let asker = Asker::new();
    let mut runner =
        TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let body = prop_oneof![
        vec(any::<u8>(), 0..200),
        anything().prop_map(String::into_bytes),
        vec(anything(), 0..5).prop_map(|items| format!("[{}]", items.join(",")).into_bytes()),
        (anything(), anything(), anything()).prop_map(|(id, method, params)| {
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":{method},\"params\":{params}}}")
                .into_bytes()
        }),
    ];
    let checked = runner.run(&body, |body| {
        let (status, text) = asker.ask(&body).map_err(TestCaseError::fail)?;
        prop_assert!([200, 400].contains(&status), "{} {}", status, text);
        // A notification is not answered; a batch by an array.
        if status == 200 && !text.is_empty() && !text.starts_with('[') {
            check_answer(&text).map_err(TestCaseError::fail)?;
        }
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{}", error.to_string().chars().take(4_000).collect::<String>());
    }
}
