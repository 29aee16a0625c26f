//! A development chain, by its methods.

use super::DevControl;
use crate::{
    Context, Settings, Signers,
    args::Args,
    context::Node,
    methods::{Handler, methods},
};
use alloy_primitives::{Address, B256, U256, address, hex};
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::Chain;
use heddle_pool::Pool;
use heddle_producer::{CONSOLE_ADDRESS, Console, Mining, Producer};
use heddle_storage::{Database, Options};
use heddle_types::Genesis;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;

const SOMEBODY: Address = address!("00000000000000000000000000000000000000aa");
const CONTRACT: Address = address!("00000000000000000000000000000000000000c1");

struct Dev {
    node: Node,
    sender: Address,
    printed: Arc<Mutex<Vec<String>>>,
}

fn dev(epoch: u64) -> Dev {
    dev_with(epoch, heddle_chain::Settings { threads: 1, ..heddle_chain::Settings::default() })
}

fn dev_with(epoch: u64, settings: heddle_chain::Settings) -> Dev {
    let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap();
    let sender = key.address();
    let genesis: Genesis = serde_json::from_value(json!({
        "config": {
            "chainId": 31_337, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0,
            "eip158Block": 0, "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0,
            "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0,
            "terminalTotalDifficultyPassed": true, "shanghaiTime": 0
        },
        "timestamp": "0x1", "gasLimit": "0x1c9c380", "difficulty": "0x0",
        "alloc": {
            sender.to_string(): { "balance": "0x21e19e0c9bab2400000" },
            // Calls the console with its input, and reverts.
            CONTRACT.to_string(): { "balance": "0x0", "code": hex::encode_prefixed(hex!(
                "3660006000376000600036600073000000000000000000636F6e736F6c652e6c6f675afa60006000fd"
            ))}
        }
    }))
    .unwrap();
    let database = Database::ephemeral(
        &std::env::temp_dir(),
        Options { cache_bytes: 1 << 20, ..Options::default() },
    )
    .unwrap();
    let settings = heddle_chain::Settings { watched_account: Some(CONSOLE_ADDRESS), ..settings };
    let init_code_max = settings.code_size_max.map(|size| 2 * size as u64);
    let chain = Arc::new(Chain::open(database, &genesis, settings).unwrap());
    let settings = heddle_pool::Settings { init_code_max, ..heddle_pool::Settings::default() };
    let pool = Arc::new(Mutex::new(Pool::new(settings, heddle_pool::Context::default())));
    let printed = Arc::new(Mutex::new(Vec::new()));
    let lines = printed.clone();
    let settings = heddle_producer::Settings {
        mining: Mining::MANUAL,
        console: Some(Console::new(move |new| lines.lock().extend_from_slice(new))),
        ..heddle_producer::Settings::default()
    };
    let producer = Producer::new(chain.clone(), pool.clone(), settings, Arc::new(|| 1_000));
    let producer = Arc::new(producer.unwrap());
    let context = Context {
        chain,
        pool,
        signers: Signers::new(vec![key]),
        readiness: Arc::new(|| Ok(())),
        wake: Arc::new(|_| ()),
        dev: Some(DevControl::new(producer).with_epoch(epoch)),
        agreement: None,
    };
    Dev { node: Node::new(context, Settings::default()), sender, printed }
}

impl Dev {
    fn ask(&self, name: &str, params: Value) -> Value {
        let answer = self.try_ask(name, params);
        answer.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn try_ask(&self, name: &str, params: Value) -> Result<Value, crate::Error> {
        let method = methods().find(|method| method.name == name).unwrap();
        let (Handler::Quick(run) | Handler::Blocking(run)) = method.handler else {
            panic!("{name} is of another kind")
        };
        let params = params.to_string();
        let answer = run(&self.node, &Args::new(Some(&params))?)?;
        Ok(serde_json::from_str(answer.get()).unwrap())
    }

    fn number_of(&self, tag: &str) -> u64 {
        let block = self.ask("eth_getBlockByNumber", json!([tag, false]));
        serde_json::from_value::<U256>(block["number"].clone()).unwrap().to()
    }

    fn send(&self, value: u64) -> Value {
        let value = U256::from(value);
        let request = json!([{"from": self.sender, "to": SOMEBODY, "value": value}]);
        self.ask("eth_sendTransaction", request)
    }
}

#[test]
fn pending_is_the_block_that_would_be_made() {
    let dev = dev(32);
    assert_eq!(dev.number_of("pending"), 1);
    let hash = dev.send(7);
    let block = dev.ask("eth_getBlockByNumber", json!(["pending", false]));
    assert_eq!(block["transactions"], json!([hash]));
    assert_eq!(dev.ask("eth_getBlockTransactionCountByNumber", json!(["pending"])), json!("0x1"));
    let transaction = dev.ask("eth_getTransactionByBlockNumberAndIndex", json!(["pending", "0x0"]));
    assert_eq!(transaction["hash"], hash);
    assert_eq!(dev.ask("eth_getBlockReceipts", json!(["pending"]))[0]["gasUsed"], json!("0x5208"));
    let balance = |tag: &str| dev.ask("eth_getBalance", json!([SOMEBODY, tag]));
    assert_eq!((balance("pending"), balance("latest")), (json!("0x7"), json!("0x0")));
    let count = |tag: &str| dev.ask("eth_getTransactionCount", json!([dev.sender, tag]));
    assert_eq!((count("pending"), count("latest")), (json!("0x1"), json!("0x0")));
    // NUMBER, returned by code that makes a contract.
    let number = json!({"data": "0x4360005260206000f3"});
    let call = |tag: &str| dev.ask("eth_call", json!([number, tag]));
    assert_eq!(call("pending"), json!(B256::with_last_byte(1)));
    assert_eq!(call("latest"), json!(B256::ZERO));
    let traced = dev.try_ask("debug_traceBlockByNumber", json!(["pending"])).unwrap_err();
    assert!(traced.to_string().contains("not in the chain"), "{traced}");
    // It is the block that is made then.
    dev.ask("evm_mine", json!([]));
    assert_eq!(dev.ask("eth_getBlockByNumber", json!(["0x1", false]))["hash"], block["hash"]);
    let again = dev.ask("eth_getBlockByNumber", json!(["pending", false]));
    assert_eq!((&again["parentHash"], &again["transactions"]), (&block["hash"], &json!([])));
}

#[test]
fn safe_and_finalized_are_so_far_behind_and_go_back_with_the_chain() {
    let dev = dev(4);
    let tags = || (dev.number_of("safe"), dev.number_of("finalized"));
    assert_eq!(tags(), (0, 0));
    dev.ask("anvil_mine", json!(["0x3"]));
    assert_eq!(tags(), (0, 0));
    let snapshot = dev.ask("evm_snapshot", json!([]));
    dev.ask("anvil_mine", json!(["0x9"]));
    assert_eq!(tags(), (8, 4));
    // What is called final is undone all the same.
    dev.ask("anvil_reorg", json!([10, []]));
    assert_eq!(tags(), (8, 4));
    dev.ask("anvil_rollback", json!([1]));
    assert_eq!(tags(), (7, 3));
    dev.ask("evm_revert", json!([snapshot]));
    assert_eq!(tags(), (0, 0));
}

#[test]
fn calls_and_estimates_print_what_is_logged_once() {
    let dev = dev(32);
    let input = format!("0xf82c50f1{}", hex::encode(B256::with_last_byte(5)));
    let call = json!([{"from": dev.sender, "to": CONTRACT, "data": input}]);
    let printed = || std::mem::take(&mut *dev.printed.lock());
    for method in ["eth_call", "eth_estimateGas", "eth_sendTransaction"] {
        assert!(dev.try_ask(method, call.clone()).is_err(), "{method}");
        assert_eq!(printed(), ["5"], "{method}");
    }
    dev.ask("hardhat_setLoggingEnabled", json!([false]));
    assert!(dev.try_ask("eth_call", call).is_err());
    dev.send(1);
    assert!(printed().is_empty());
}

#[test]
fn contracts_may_be_larger_where_the_chain_says_so() {
    // Returns 25,000 bytes of zeros as the contract's code, and costs a little less than 6 million.
    let request = |dev: &Dev| json!([{"from": dev.sender, "data": "0x6161a86000f3"}]);
    let strict = dev(32);
    assert!(strict.try_ask("eth_estimateGas", request(&strict)).is_err());
    let settings = heddle_chain::Settings::default();
    let lenient = dev_with(32, heddle_chain::Settings { code_size_max: Some(30_000), ..settings });
    let hash = lenient.ask("eth_sendTransaction", request(&lenient));
    lenient.ask("evm_mine", json!([]));
    let receipt = lenient.ask("eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], json!("0x1"));
    let code = lenient.ask("eth_getCode", json!([receipt["contractAddress"], "latest"]));
    assert_eq!(code.as_str().unwrap().len(), 2 + 2 * 25_000);
    let traced = lenient.ask("debug_traceTransaction", json!([hash, {"tracer": "callTracer"}]));
    assert_eq!(traced.get("error"), None);
}
