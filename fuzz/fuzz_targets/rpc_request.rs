//! Any bytes, as the body of a request or as the arguments of a method: they are answered by the
//! rules of JSON-RPC, and nothing panics.
//!
//! The first byte chooses the method, or the whole body. The methods of a development chain are left
//! out: what they change would make an input depend on those before it.

#![cfg_attr(feature = "link", no_main)]

#[path = "../../crates/rpc/tests/support/mod.rs"]
mod support;

use alloy_primitives::Bytes;
use heddle_rpc::{LocalServer, Method, Namespace, methods};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::{cell::LazyCell, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// What an answer's error must not say: that the node is at fault.
const INTERNAL: i64 = -32_603;
/// What the transport says of a subscription over HTTP, with the same code.
const OF_THE_TRANSPORT: &str = "Internal error";

/// Whether the method says the same to the same arguments.
fn is_pure(method: &&Method) -> bool {
    !matches!(method.namespace, Namespace::Dev) && !method.name.starts_with("eth_send")
}

struct Target {
    runtime: Runtime,
    server: LocalServer,
    methods: Vec<&'static Method>,
}

impl Target {
    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the system starts a thread");
        let mut settings = support::settings();
        settings.namespaces.retain(|namespace| *namespace != Namespace::Dev);
        settings.limits.call_timeout = Duration::from_secs(1);
        settings.limits.trace_timeout = Duration::from_secs(1);
        // `PUSH0 CALLDATALOAD PUSH0 SSTORE PUSH1 7 PUSH0 PUSH0 LOG1`.
        let code = Bytes::from_static(&[0x5f, 0x35, 0x5f, 0x55, 0x60, 0x07, 0x5f, 0x5f, 0xa1]);
        let (context, producer) = support::context(&code, false);
        producer.mine(3, None).expect("empty blocks can be made");
        let server = {
            let _guard = runtime.enter();
            LocalServer::start(context, settings).expect("it needs no port")
        };
        Self { runtime, server, methods: methods().filter(is_pure).collect() }
    }

    fn body(&self, bytes: &[u8]) -> Vec<u8> {
        let Some((first, rest)) = bytes.split_first() else { return Vec::new() };
        let Some(method) = usize::from(*first).checked_sub(1) else { return rest.to_vec() };
        let name = self.methods[method % self.methods.len()].name;
        let head = format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"{name}\",\"params\":");
        [head.as_bytes(), rest, b"}"].concat()
    }
}

thread_local! {
    static TARGET: LazyCell<Target> = LazyCell::new(Target::new);
}

/// Holds one answer to the rules.
fn check(answer: &Value) {
    let error = &answer["error"];
    assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
    if !error.is_null() {
        let code = error["code"].as_i64().expect("an error has a code");
        let message = error["message"].as_str().expect("an error has a message");
        assert!(code != INTERNAL || message == OF_THE_TRANSPORT, "{answer}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    TARGET.with(|target| {
        let body = target.body(bytes);
        let (status, answer) =
            target.runtime.block_on(target.server.post(body)).expect("there is an answer");
        if status != 200 || answer.is_empty() {
            assert!([200, 400, 413].contains(&status), "{status}");
            return;
        }
        match serde_json::from_slice(&answer).expect("the answer is JSON") {
            Value::Array(answers) => answers.iter().for_each(check),
            answer => check(&answer),
        }
    });
});

#[cfg(not(feature = "link"))]
fn main() {}
