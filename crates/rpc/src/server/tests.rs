use super::*;
use crate::{Namespace, Signers};
use alloy_consensus::TxLegacy;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::{Attributes, Chain};
use heddle_pool::Pool;
use heddle_types::{Fork, Genesis, RecoveredTransaction};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

/// Logs a topic whenever it is called: `PUSH1 7 PUSH0 PUSH0 LOG1`.
const LOGGER: &str = "0x60075f5fa1";
const LOGGER_ADDRESS: Address = Address::repeat_byte(0xaa);

fn key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap()
}

fn context() -> Context {
    let genesis: Genesis = serde_json::from_value(json!({
        "config": {
            "chainId": 31_337, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0,
            "eip158Block": 0, "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0,
            "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0,
            "terminalTotalDifficultyPassed": true, "shanghaiTime": 0
        },
        "nonce": "0x0", "timestamp": "0x1", "extraData": "0x", "gasLimit": "0x1c9c380",
        "difficulty": "0x0", "mixHash": B256::ZERO, "coinbase": Address::ZERO,
        "alloc": {
            key().address().to_string(): { "balance": "0x21e19e0c9bab2400000" },
            LOGGER_ADDRESS.to_string(): { "balance": "0x0", "code": LOGGER }
        }
    }))
    .unwrap();
    let folder = std::env::temp_dir();
    let options =
        heddle_storage::Options { cache_bytes: 1 << 20, ..heddle_storage::Options::default() };
    let database = heddle_storage::Database::ephemeral(&folder, options).unwrap();
    let settings = heddle_chain::Settings { threads: 1, ..heddle_chain::Settings::default() };
    let chain = Chain::open(database, &genesis, settings).unwrap();
    let rules = heddle_pool::Context { fork: Fork::Shanghai, ..heddle_pool::Context::default() };
    Context {
        chain: Arc::new(chain),
        pool: Arc::new(Mutex::new(Pool::new(heddle_pool::Settings::default(), rules))),
        signers: Signers::new(vec![key()]),
        readiness: Arc::new(|| Ok(())),
        wake: Arc::new(|_| ()),
        dev: None,
        agreement: None,
    }
}

fn settings() -> Settings {
    Settings {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        namespaces: Namespace::ALL.to_vec(),
        ..Settings::default()
    }
}

fn signed(nonce: u64) -> Bytes {
    let transaction = TxLegacy {
        chain_id: Some(31_337),
        nonce,
        gas_price: 2_000_000_000,
        gas_limit: 100_000,
        to: TxKind::Call(LOGGER_ADDRESS),
        value: U256::ZERO,
        input: Bytes::new(),
    };
    let signers = Signers::new(vec![key()]);
    let signed = signers.sign_transaction(key().address(), transaction.into()).unwrap();
    signed.encoded_2718().into()
}

/// Makes a block of what the pool has.
fn mine(context: &Context) {
    let head = context.chain.reader().head().clone();
    let candidates: Vec<RecoveredTransaction> = {
        let pool = context.pool.lock();
        pool.best().map(|transaction| transaction.recovered.clone()).collect()
    };
    let attributes = Attributes {
        timestamp: head.header.timestamp + 1,
        gas_limit: head.header.gas_limit,
        ..Attributes::default()
    };
    let built = context.chain.build(head.hash, &attributes, candidates).unwrap();
    assert!(built.skipped.is_empty(), "{:?}", built.skipped);
    context.chain.commit(built.executed).unwrap();
}

struct Running {
    node: Arc<Node>,
    module: RpcModule<Node>,
}

/// The methods without a port.
fn running(settings: Settings) -> Running {
    let node = Arc::new(Node::new(context(), settings));
    crate::events::follow(&node).unwrap();
    Running { module: module(node.clone()).unwrap(), node }
}

impl Running {
    async fn ask(&self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (answer, _) = self.module.raw_json_request(&request.to_string(), 1).await.unwrap();
        serde_json::from_str(answer.get()).unwrap()
    }
}

fn http(address: SocketAddr, head: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_batches_and_health_on_one_port() {
    let server = Server::start(context(), settings()).await.unwrap();
    let address = server.address();
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_nonsense"},
        {"jsonrpc": "2.0", "id": 3, "method": "eth_getBalance", "params": ["0x1"]}
    ]);
    let post = "POST / HTTP/1.1\r\nHost: localhost";
    let (status, body) = http(address, post, &batch.to_string());
    assert!(status.contains("200"), "{status}");
    let answers: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answers[0]["result"], "0x7a69");
    assert_eq!(answers[1]["error"]["code"], -32601);
    assert_eq!(answers[2]["error"]["code"], -32602);
    let (status, _) = http(address, "POST / HTTP/1.1\r\nHost: evil.example", "{}");
    assert!(status.contains("403"), "{status}");
    let (status, body) = http(address, "GET /readyz HTTP/1.1\r\nHost: localhost", "");
    assert!(status.contains("200") && body == "ok\n", "{status} {body}");
    server.stop().await;
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_goes_from_the_pool_to_its_receipt() {
    let node = running(settings());
    let account = json!([key().address(), "pending"]);
    let sent = node.ask("eth_sendRawTransaction", json!([signed(0)])).await;
    let hash = sent["result"].clone();
    assert!(hash.is_string(), "{sent}");
    let again = node.ask("eth_sendRawTransaction", json!([signed(0)])).await;
    assert_eq!(again["error"]["message"], "already known");
    assert_eq!(node.ask("eth_getTransactionCount", account).await["result"], "0x1");
    let pending = node.ask("eth_getTransactionByHash", json!([hash])).await;
    assert!(pending["result"]["blockHash"].is_null() && pending["result"]["hash"] == hash);
    assert!(node.ask("eth_getTransactionReceipt", json!([hash])).await["result"].is_null());
    mine(&node.node.context);
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["result"]["status"], "0x1", "{receipt}");
    assert_eq!(receipt["result"]["logs"][0]["logIndex"], "0x0");
    let logs = node.ask("eth_getLogs", json!([{"fromBlock": "earliest"}])).await;
    assert_eq!(logs["result"].as_array().map(Vec::len), Some(1), "{logs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_hear_of_blocks_logs_and_what_is_undone() {
    let node = running(settings());
    let module = &node.module;
    let params = |params: Value| {
        let mut array = jsonrpsee::core::params::ArrayParams::new();
        for param in params.as_array().unwrap() {
            array.insert(param).unwrap();
        }
        array
    };
    let mut heads =
        module.subscribe("eth_subscribe", params(json!(["newHeads"])), 16).await.unwrap();
    let mut logs =
        module.subscribe("eth_subscribe", params(json!(["logs", {}])), 16).await.unwrap();
    let pending = json!(["newPendingTransactions"]);
    let mut pending = module.subscribe("eth_subscribe", params(pending), 16).await.unwrap();
    let filter = node.ask("eth_newFilter", json!([{}])).await["result"].clone();
    let hash = node.ask("eth_sendRawTransaction", json!([signed(0)])).await["result"].clone();
    assert_eq!(pending.next::<Value>().await.unwrap().unwrap().0, hash);
    mine(&node.node.context);
    let (head, _) = heads.next::<Value>().await.unwrap().unwrap();
    assert_eq!(head["number"], "0x1");
    let (log, _) = logs.next::<Value>().await.unwrap().unwrap();
    assert_eq!((&log["removed"], &log["transactionHash"]), (&json!(false), &hash));
    node.node.context.chain.rewind_to(0).unwrap();
    let (log, _) = logs.next::<Value>().await.unwrap().unwrap();
    assert_eq!((&log["removed"], &log["transactionHash"]), (&json!(true), &hash));
    let changes = node.ask("eth_getFilterChanges", json!([filter])).await;
    let removed: Vec<_> =
        changes["result"].as_array().unwrap().iter().map(|log| &log["removed"]).collect();
    assert_eq!(removed, [&json!(false), &json!(true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_a_receipt_ends_in_time() {
    let node = running(settings());
    let answer = node.ask("eth_sendRawTransactionSync", json!([signed(0), "0x32"])).await;
    assert_eq!(answer["error"]["code"], 4, "{answer}");
    let context = node.node.context.clone();
    let (answer, ()) =
        tokio::join!(node.ask("eth_sendRawTransactionSync", json!([signed(1)])), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            mine(&context);
        });
    assert_eq!(answer["result"]["transactionIndex"], "0x1", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fills_in_signs_and_sends() {
    let node = running(settings());
    let transaction = json!([{"to": LOGGER_ADDRESS, "value": "0x5"}]);
    let filled = node.ask("eth_fillTransaction", transaction.clone()).await;
    assert_eq!(filled["result"]["tx"]["type"], "0x2", "{filled}");
    let sent = node.ask("eth_sendTransaction", transaction).await;
    let found = node.ask("eth_getTransactionByHash", json!([sent["result"]])).await;
    assert_eq!(found["result"]["from"], json!(key().address()), "{sent}");
    let stranger = json!([{"from": Address::repeat_byte(9), "to": LOGGER_ADDRESS}]);
    assert_eq!(node.ask("eth_sendTransaction", stranger).await["error"]["code"], -32000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_one_call_only() {
    let node = Arc::new(Node::new(context(), settings()));
    let panics: fn(&Node, &Args<'_>) -> Result<Json, Error> = |_, _| panic!("on purpose");
    for handler in [Handler::Quick(panics), Handler::Blocking(panics)] {
        let method = Method::new(("eth_test", Namespace::Eth), "", "", handler);
        let result = run(node.clone(), &method, Params::new(None)).await;
        assert!(matches!(result, Err(Error::Panicked)));
    }
    assert_eq!(node.blocking.available_permits(), node.settings.limits.blocking_max);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refuses_when_too_many_wait() {
    let mut settings = settings();
    settings.limits.blocking_max = 1;
    settings.limits.blocking_waiting_max = 1;
    let node = Arc::new(Node::new(context(), settings));
    let first = permit(&node).await.unwrap();
    let second = tokio::spawn({
        let node = node.clone();
        async move { permit(&node).await.is_ok() }
    });
    while node.waiting.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(permit(&node).await, Err(Error::Busy)));
    drop(first);
    assert!(second.await.unwrap());
}
