use super::*;
use crate::{Context, LocalServer, Settings, Signers};
use alloy_consensus::TxLegacy;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::Chain;
use heddle_producer::{Mining, Producer};
use heddle_storage::{Database, Options};
use heddle_types::Genesis;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

const SENDERS: u8 = 24;

fn keys() -> Vec<PrivateKeySigner> {
    let key = |seed| PrivateKeySigner::from_bytes(&B256::repeat_byte(seed));
    (1..=SENDERS).map(|seed| key(seed).unwrap()).collect()
}

struct Fixture {
    context: Context,
    producer: Arc<Producer>,
}

impl Fixture {
    /// A chain on which each of the keys has ether.
    fn new() -> Self {
        let balance = json!({ "balance": "0x21e19e0c9bab2400000" });
        let alloc: serde_json::Map<String, Value> =
            keys().iter().map(|key| (key.address().to_string(), balance.clone())).collect();
        let genesis: Genesis = serde_json::from_value(json!({
            "config": {
                "chainId": 31_337, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0,
                "eip158Block": 0, "byzantiumBlock": 0, "constantinopleBlock": 0,
                "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0,
                "terminalTotalDifficulty": 0, "terminalTotalDifficultyPassed": true,
                "shanghaiTime": 0
            },
            "timestamp": "0x1", "gasLimit": "0x1c9c380", "difficulty": "0x0", "alloc": alloc
        }))
        .unwrap();
        let options = Options { cache_bytes: 1 << 20, ..Options::default() };
        let database = Database::ephemeral(&std::env::temp_dir(), options).unwrap();
        let settings = heddle_chain::Settings { threads: 1, ..Default::default() };
        let chain = Arc::new(Chain::open(database, &genesis, settings).unwrap());
        let pool = Pool::new(heddle_pool::Settings::default(), heddle_pool::Context::default());
        let pool = Arc::new(Mutex::new(pool));
        let settings = heddle_producer::Settings { mining: Mining::MANUAL, ..Default::default() };
        let clock = Arc::new(|| 1_000);
        let producer = Producer::new(chain.clone(), pool.clone(), settings, clock).unwrap();
        let context = Context {
            chain,
            pool,
            signers: Signers::new(keys()),
            readiness: Arc::new(|| Ok(())),
            wake: Arc::new(|_| ()),
            dev: None,
            agreement: None,
        };
        Self { context, producer: Arc::new(producer) }
    }

    fn signed(&self, key: &PrivateKeySigner, nonce: u64) -> Bytes {
        let transaction = TxLegacy {
            chain_id: Some(31_337),
            nonce,
            gas_price: 2_000_000_000,
            gas_limit: 21_000,
            to: TxKind::Call(Address::repeat_byte(0xbb)),
            value: U256::ONE,
            input: Bytes::new(),
        };
        let signed = self.context.signers.sign_transaction(key.address(), transaction.into());
        signed.unwrap().encoded_2718().into()
    }
}

/// A sender whose last transaction was mined a moment ago is not known to the pool: its nonce must
/// not be read from a state before that block.
#[test]
fn what_comes_while_blocks_are_made_is_mined() {
    const ROUNDS: u64 = 100;
    let fixture = Fixture::new();
    let node = Node::new(fixture.context.clone(), Settings::default());
    let keys = keys();
    let unsent = AtomicUsize::new(keys.len());
    let send = |key: &PrivateKeySigner| {
        for nonce in 0..ROUNDS {
            let transaction = decode(&fixture.signed(key, nonce)).unwrap();
            let (answer, answers) = oneshot::channel();
            let group = Group { transactions: vec![transaction], bytes: 0, answer };
            add(&node, recover(&node, vec![group]));
            let answers = answers.blocking_recv().unwrap();
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        }
        unsent.fetch_sub(1, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        keys.iter().for_each(|key| drop(scope.spawn(|| send(key))));
        while unsent.load(Ordering::Relaxed) > 0 {
            fixture.producer.mine(1, None).unwrap();
        }
    });
    fixture.producer.mine(3, None).unwrap();
    let status = fixture.context.pool.lock().status();
    assert_eq!((status.pending, status.queued), (0, 0));
}

#[test]
fn senders_are_recovered_while_a_block_has_the_pool() {
    let fixture = Fixture::new();
    let node = Node::new(fixture.context.clone(), Settings::default());
    let key = &keys()[0];
    fork(&node);
    let pool = fixture.context.pool.lock();
    let answers = [0..TOGETHER_MAX as u64, TOGETHER_MAX as u64..TOGETHER_MAX as u64 + 1];
    let answers = answers.map(|nonces| {
        let transactions = nonces.map(|nonce| decode(&fixture.signed(key, nonce)).unwrap());
        node.intake.push(transactions.collect(), 100, usize::MAX).unwrap().0
    });
    thread::scope(|scope| {
        scope.spawn(|| work(&node));
        let begin = Instant::now();
        while node.intake.queue.lock().transactions > 0 {
            assert!(begin.elapsed() < Duration::from_secs(100), "the second group waits");
            thread::yield_now();
        }
        drop(pool);
    });
    let counts = answers.map(|answers| answers.blocking_recv().unwrap().len());
    assert_eq!(counts, [TOGETHER_MAX, 1]);
}

#[test]
fn refuses_when_too_many_wait_and_goes_on_after() {
    let fixture = Fixture::new();
    let key = &keys()[0];
    let send = |nonces: std::ops::Range<u64>| -> Vec<_> {
        nonces.map(|nonce| decode(&fixture.signed(key, nonce)).unwrap()).collect()
    };
    let intake = Intake::default();
    let (_, is_first) = intake.push(send(0..3), 300, 4).unwrap();
    assert!(is_first);
    let (_, is_first) = intake.push(send(3..4), 100, 4).unwrap();
    assert!(!is_first);
    assert!(intake.push(send(4..5), 100, 4).is_none());
    assert_eq!(intake.next(true).unwrap().len(), 2);
    // Somebody is at work still, and may be given more.
    assert!(!intake.push(send(4..5), WAITING_BYTES_MAX, 4).unwrap().1);
    assert!(intake.push(send(5..6), 1, 4).is_none());
    assert_eq!(intake.next(true).unwrap().len(), 1);
    assert!(intake.next(true).is_none());
    // A request of more than may wait is taken up when nothing waits.
    assert!(intake.push(send(5..11), 100, 4).unwrap().1);
    intake.give_up();
    assert!(intake.push(send(11..12), 100, 4).unwrap().1);
}

#[test]
fn takes_up_only_so_many_together() {
    let fixture = Fixture::new();
    let transaction = decode(&fixture.signed(&keys()[0], 0)).unwrap();
    let intake = Intake::default();
    let receivers: Vec<_> = (0..5)
        .map(|_| intake.push(vec![transaction.clone(); TOGETHER_MAX / 2], 1, usize::MAX))
        .collect();
    assert!(receivers.iter().all(Option::is_some));
    let together = std::iter::from_fn(|| intake.next(true).map(|groups| groups.len()));
    assert_eq!(together.collect::<Vec<_>>(), [2, 2, 1]);
}

/// The answers to a batch are those to its calls one by one, in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_answered_as_its_calls_are() {
    let fixture = Fixture::new();
    let keys = keys();
    let send = |bytes: Bytes| ("eth_sendRawTransaction", json!([bytes]));
    let calls = [
        send(fixture.signed(&keys[0], 0)),
        send(fixture.signed(&keys[1], 0)),
        send(fixture.signed(&keys[0], 0)),
        ("txpool_status", json!([])),
        send(Bytes::new()),
        send(fixture.signed(&keys[2], 0)),
        send(Bytes::from_static(&[0xc0])),
        ("eth_sendRawTransaction", json!([])),
        ("eth_sendRawTransaction", json!(["0x0g"])),
        ("eth_nothing", json!([])),
        send(fixture.signed(&keys[0], 1)),
        ("txpool_status", json!([])),
    ];
    let request = |(id, (method, params)): (usize, &(&str, Value))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let requests: Vec<Value> = calls.iter().enumerate().map(request).collect();
    let server = LocalServer::start(fixture.context.clone(), Settings::default()).unwrap();
    let together = ask(&server, &json!(requests)).await;
    let others = Fixture::new();
    let server = LocalServer::start(others.context.clone(), Settings::default()).unwrap();
    let mut one_by_one = Vec::new();
    for request in &requests {
        one_by_one.push(ask(&server, request).await);
    }
    assert_eq!(together, json!(one_by_one));
    assert_eq!(together[11]["result"], json!({"pending": "0x4", "queued": "0x0"}));
    // A notification is not answered, and one invalid call hurts only itself.
    let mut notified = requests[0].clone();
    notified.as_object_mut().unwrap().remove("id");
    let answers = ask(&server, &json!([notified, 7, requests[11]])).await;
    assert_eq!(answers.as_array().map(Vec::len), Some(2), "{answers}");
    assert_eq!(answers[0]["error"]["code"], -32600);
    assert_eq!(answers[1], together[11]);
}

async fn ask(server: &LocalServer, request: &Value) -> Value {
    let (status, body) = server.post(request.to_string().into_bytes()).await.unwrap();
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}
