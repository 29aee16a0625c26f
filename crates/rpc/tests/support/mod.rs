//! A small development chain behind a server.

#![allow(dead_code, reason = "each test uses a part")]

use alloy_primitives::{Address, B256, Bytes};
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::Chain;
use heddle_pool::Pool;
use heddle_producer::{Mining, Producer};
use heddle_rpc::{Context, DevControl, Namespace, Settings, Signers};
use heddle_types::Genesis;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;

/// Where a contract is that does what a fuzzer or a test asks for.
pub(crate) const CONTRACT: Address = Address::repeat_byte(0xaa);

/// The account that has money, and whose key the node has.
pub(crate) fn key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).expect("it is below the order of the curve")
}

/// A chain that makes a block for each transaction, or none if that is not wanted. `code` is the
/// code of [`CONTRACT`].
pub(crate) fn context(code: &Bytes, automatic: bool) -> (Context, Arc<Producer>) {
    let zero = json!(0);
    let mut config = json!({"chainId": 31_337, "terminalTotalDifficulty": 0,
        "terminalTotalDifficultyPassed": true, "shanghaiTime": 0});
    for block in [
        "homestead",
        "eip150",
        "eip155",
        "eip158",
        "byzantium",
        "constantinople",
        "petersburg",
        "istanbul",
        "berlin",
        "london",
    ] {
        config[format!("{block}Block")] = zero.clone();
    }
    let genesis: Genesis = serde_json::from_value(json!({
        "config": config, "nonce": "0x0", "timestamp": "0x1", "extraData": "0x",
        "gasLimit": "0x1c9c380", "difficulty": "0x0", "mixHash": B256::ZERO,
        "coinbase": Address::ZERO,
        "alloc": {
            key().address().to_string(): { "balance": "0x21e19e0c9bab2400000" },
            CONTRACT.to_string(): { "balance": "0x64", "nonce": "0x1", "code": code }
        }
    }))
    .expect("it is a genesis");
    let options =
        heddle_storage::Options { cache_bytes: 1 << 20, ..heddle_storage::Options::default() };
    let database = heddle_storage::Database::ephemeral(&std::env::temp_dir(), options)
        .expect("the folder of temporary files can be written to");
    let settings = heddle_chain::Settings { threads: 1, ..heddle_chain::Settings::default() };
    let chain = Arc::new(Chain::open(database, &genesis, settings).expect("the genesis is sound"));
    let pool = Pool::new(heddle_pool::Settings::default(), heddle_pool::Context::default());
    let pool = Arc::new(Mutex::new(pool));
    let settings = heddle_producer::Settings {
        mining: if automatic { Mining::AUTOMATIC } else { Mining::MANUAL },
        ..heddle_producer::Settings::default()
    };
    // The clock stands still: nothing depends on when it runs.
    let clock = Arc::new(|| 1_700_000_000);
    let producer = Producer::new(chain.clone(), pool.clone(), settings, clock);
    let producer = Arc::new(producer.expect("the chain can be built on"));
    let maker = producer.clone();
    let context = Context {
        chain,
        pool,
        signers: Signers::new(vec![key()]),
        readiness: Arc::new(|| Ok(())),
        wake: Arc::new(move |_| {
            // What cannot be mined stays in the pool.
            let _ = maker.transaction_arrived();
        }),
        dev: Some(DevControl::new(producer.clone())),
        agreement: None,
    };
    (context, producer)
}

/// Settings with all methods on a free port.
pub(crate) fn settings() -> Settings {
    Settings {
        address: ([127, 0, 0, 1], 0).into(),
        namespaces: Namespace::ALL.to_vec(),
        ..Settings::default()
    }
}
