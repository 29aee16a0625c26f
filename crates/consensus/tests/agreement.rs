//! Four validators in one process, on a simulated network without faults.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_p2p::simulated::{self, Link, Oracle};
use commonware_runtime::{Clock as _, Quota, Runner as _, Supervisor as _, deterministic};
use commonware_utils::{NZU32, NZU64, NZUsize, Probability, ordered::Set};
use heddle_chain::{Chain, add_system_contracts, config_with_forks};
use heddle_consensus::{
    BlockSettings, Channels, FirstValidator, Ledger, Mutants, Settings, Setup, Validator,
    add_validators, message_bytes_max, start,
};
use heddle_pool::{Candidate, Origin, Pool};
use heddle_producer::sender_state;
use heddle_storage::{Database, Options};
use heddle_types::{Fork, Genesis};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};

const VALIDATORS: u64 = 4;

fn genesis(keys: &[PrivateKey], rich: Address) -> Genesis {
    let mut genesis = Genesis {
        config: config_with_forks(4_242, Fork::Osaka),
        gas_limit: 30_000_000,
        ..Genesis::default()
    };
    genesis.alloc.entry(rich).or_default().balance = U256::from(10).pow(U256::from(24));
    add_system_contracts(&mut genesis);
    let first = keys.iter().map(|key| FirstValidator { key: key.public_key(), operator: rich });
    add_validators(&mut genesis, NZU64!(20), rich, &first.collect::<Vec<_>>());
    genesis
}

struct Node {
    ledger: Arc<Ledger>,
    validator: Validator,
}

async fn node(
    runtime: &deterministic::Context,
    oracle: &Oracle<commonware_cryptography::ed25519::PublicKey, deterministic::Context>,
    genesis: &Genesis,
    key: PrivateKey,
) -> Node {
    let database =
        Database::ephemeral(&std::env::temp_dir(), Options::default()).expect("nothing fails here");
    let settings = heddle_chain::Settings { threads: 1, ..heddle_chain::Settings::default() };
    let chain = Arc::new(Chain::open(database, genesis, settings).expect("nothing fails here"));
    let pool = Pool::new(heddle_pool::Settings::default(), heddle_pool::Context::default());
    let pool = Arc::new(Mutex::new(pool));
    let ledger = Ledger::new(chain, pool, BlockSettings::default(), Mutants::default(), 0)
        .expect("nothing fails here");
    let ledger = Arc::new(ledger);
    let control = oracle.control(key.public_key());
    let quota = Quota::per_second(NZU32!(10_000));
    let register =
        async |channel| control.register(channel, quota).await.expect("nothing fails here");
    let channels = Channels {
        votes: register(0).await,
        certificates: register(1).await,
        rounds: register(2).await,
        pieces: register(3).await,
        blocks: register(4).await,
        transactions: register(5).await,
        progress: register(6).await,
    };
    let settings = Settings { prefix: format!("{}-", key.public_key()), ..Settings::default() };
    let setup = Setup { key, ledger: ledger.clone(), settings };
    let validator =
        start(runtime.child("node"), setup, channels, oracle.manager(), control.clone())
            .await
            .expect("nothing fails here");
    Node { ledger, validator }
}

fn transfer(signer: &PrivateKeySigner, nonce: u64) -> heddle_pool::PooledTransaction {
    let tx = TxEip1559 {
        chain_id: 4_242,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(7)),
        value: U256::from(5),
        ..TxEip1559::default()
    };
    let signature = signer.sign_hash_sync(&tx.signature_hash()).expect("nothing fails here");
    let signed: TxEnvelope = tx.into_signed(signature).into();
    signed.try_into_pooled().expect("nothing fails here")
}

#[test]
fn four_validators_agree_over_several_epochs() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
    let rich = PrivateKeySigner::from_slice(&[7; 32]).expect("nothing fails here");
    let keys: Vec<_> = (0..VALIDATORS).map(PrivateKey::from_seed).collect();
    let genesis = genesis(&keys, rich.address());
    let config = deterministic::Config::default().with_seed(1);
    deterministic::Runner::new(config).start(|runtime| async move {
        let set = Set::from_iter_dedup(keys.iter().map(|key| key.public_key()));
        let (network, oracle) = simulated::Network::new_with_peers(
            runtime.child("network"),
            simulated::Config {
                max_size: message_bytes_max(VALIDATORS as u32) as u32,
                max_peers_per_set: NZUsize!(16),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(4),
            },
            set.clone(),
        )
        .await;
        network.start();
        let link = Link {
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(2),
            success_rate: Probability::new(1, 1).expect("nothing fails here"),
        };
        for a in &set {
            for b in set.iter().filter(|b| *b != a) {
                oracle
                    .add_link(a.clone(), b.clone(), link.clone())
                    .await
                    .expect("nothing fails here");
            }
        }
        let mut nodes = Vec::new();
        for key in &keys {
            nodes.push(node(&runtime, &oracle, &genesis, key.clone()).await);
        }
        for nonce in 0..50 {
            let entry = &nodes[nonce as usize % nodes.len()];
            let transaction = Candidate::recover_each(vec![transfer(&rich, nonce)], Fork::Osaka);
            let added = {
                let reader = entry.ledger.chain().reader();
                let state =
                    reader.execution_state_at(reader.head().number).expect("nothing fails here");
                let mut pool = entry.ledger.pool().lock();
                let candidate = transaction
                    .into_iter()
                    .next()
                    .expect("nothing fails here")
                    .expect("nothing fails here");
                pool.add(candidate, Origin::External, 0, |it| sender_state(&state, it))
                    .expect("nothing fails here")
            };
            entry.validator.announcer.announce(&added.promoted);
            runtime.sleep(Duration::from_millis(100)).await;
        }
        let finalized = |node: &Node| node.ledger.chain().reader().finalized().unwrap_or(0);
        while nodes.iter().any(|node| finalized(node) < 50) {
            runtime.sleep(Duration::from_millis(100)).await;
        }
        for number in 0..=50 {
            let first = nodes[0]
                .ledger
                .chain()
                .reader()
                .hash_of(number)
                .expect("nothing fails here")
                .expect("nothing fails here");
            for node in &nodes {
                assert_eq!(
                    node.ledger.chain().reader().hash_of(number).expect("nothing fails here"),
                    Some(first)
                );
            }
        }
        let state =
            nodes[0].ledger.chain().reader().execution_state_at(50).expect("nothing fails here");
        let got = state
            .account(Address::repeat_byte(7))
            .expect("nothing fails here")
            .expect("nothing fails here");
        assert_eq!(got.balance, U256::from(250));
        println!("{:?} at {:?}", nodes[0].validator.view.observations.counts(), runtime.current());
    });
}
