//! Four validators in one process, on a simulated network without faults.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use commonware_consensus::types::FixedEpocher;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_p2p::{
    Receiver as _, Recipients, Sender as _,
    simulated::{self, Link, Oracle},
};
use commonware_runtime::{
    Clock as _, Quota, Runner as _, Spawner as _, Supervisor as _, deterministic,
};
use commonware_utils::{NZU32, NZU64, NZUsize, Probability, ordered::Set};
use heddle_chain::{Chain, add_system_contracts, config_with_forks};
use heddle_consensus::{
    BlockSettings, Channels, FinalityProof, FirstValidator, Ledger, Mutants, Pace, Settings, Setup,
    Validator, add_validators, message_bytes_max, namespace, start,
};
use heddle_pool::{Candidate, Origin, Pool};
use heddle_producer::sender_state;
use heddle_storage::{Database, Options};
use heddle_types::{Fork, Genesis};
use parking_lot::Mutex;
use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const VALIDATORS: u64 = 4;
const EPOCH_LENGTH: NonZeroU64 = NZU64!(20);

fn genesis(keys: &[PrivateKey], rich: Address) -> Genesis {
    let mut genesis = Genesis {
        config: config_with_forks(4_242, Fork::Osaka),
        gas_limit: 30_000_000,
        ..Genesis::default()
    };
    genesis.alloc.entry(rich).or_default().balance = U256::from(10).pow(U256::from(24));
    add_system_contracts(&mut genesis);
    let first = keys.iter().map(|key| FirstValidator { key: key.public_key(), operator: rich });
    add_validators(&mut genesis, EPOCH_LENGTH, rich, &first.collect::<Vec<_>>());
    genesis
}

type Key = commonware_cryptography::ed25519::PublicKey;

struct Node {
    ledger: Arc<Ledger>,
    validator: Validator,
}

impl Node {
    fn finalized(&self) -> u64 {
        self.ledger.chain().reader().finalized().unwrap_or(0)
    }

    fn hash_of(&self, number: u64) -> Option<B256> {
        self.ledger.chain().reader().hash_of(number).expect("nothing fails here")
    }
}

fn database() -> Database {
    Database::ephemeral(&std::env::temp_dir(), Options::default()).expect("nothing fails here")
}

async fn register(oracle: &Oracle<Key, Context>, key: &Key, channel: u64) -> Pair {
    let quota = Quota::per_second(NZU32!(10_000));
    oracle.control(key.clone()).register(channel, quota).await.expect("nothing fails here")
}

type Context = deterministic::Context;
type Pair = (simulated::Sender<Key, Context>, simulated::Receiver<Key>);

async fn node(
    runtime: &Context,
    oracle: &Oracle<Key, Context>,
    genesis: &Genesis,
    key: PrivateKey,
    database: Database,
    settings: Settings,
) -> Node {
    let chain_settings = heddle_chain::Settings { threads: 1, ..heddle_chain::Settings::default() };
    let chain =
        Arc::new(Chain::open(database, genesis, chain_settings).expect("nothing fails here"));
    let pool = Pool::new(heddle_pool::Settings::default(), heddle_pool::Context::default());
    let pool = Arc::new(Mutex::new(pool));
    let ledger = Ledger::new(chain, pool, BlockSettings::default(), Mutants::default(), 0)
        .expect("nothing fails here");
    let ledger = Arc::new(ledger);
    let me = key.public_key();
    let channels = Channels {
        votes: register(oracle, &me, 0).await,
        certificates: register(oracle, &me, 1).await,
        rounds: register(oracle, &me, 2).await,
        pieces: register(oracle, &me, 3).await,
        blocks: register(oracle, &me, 4).await,
        transactions: register(oracle, &me, 5).await,
        progress: register(oracle, &me, 6).await,
        states: register(oracle, &me, 7).await,
    };
    let settings = Settings { prefix: format!("{me}-"), ..settings };
    let setup = Setup { key, ledger: ledger.clone(), settings };
    let (manager, control) = (oracle.manager(), oracle.control(me));
    let validator = start(runtime.child("node"), setup, channels, manager, control)
        .await
        .expect("nothing fails here");
    Node { ledger, validator }
}

/// A node for each key, on new disks.
async fn begin_each(
    runtime: &Context,
    oracle: &Oracle<Key, Context>,
    genesis: &Genesis,
    keys: &[PrivateKey],
    settings: &Settings,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for key in keys {
        let (key, settings) = (key.clone(), settings.clone());
        nodes.push(node(runtime, oracle, genesis, key, database(), settings).await);
    }
    nodes
}

/// A network without faults among these.
async fn network(runtime: &Context, keys: &[PrivateKey]) -> Oracle<Key, Context> {
    let set = Set::from_iter_dedup(keys.iter().map(|key| key.public_key()));
    let config = simulated::Config {
        max_size: message_bytes_max(VALIDATORS as u32) as u32,
        max_peers_per_set: NZUsize!(16),
        disconnect_on_block: true,
        tracked_peer_sets: NZUsize!(4),
    };
    let network = runtime.child("network");
    let (network, oracle) = simulated::Network::new_with_peers(network, config, set.clone()).await;
    network.start();
    for a in &set {
        for b in set.iter().filter(|b| *b != a) {
            link(&oracle, a, b, 10).await;
        }
    }
    oracle
}

async fn link(oracle: &Oracle<Key, Context>, from: &Key, to: &Key, milliseconds: u64) {
    let link = Link {
        latency: Duration::from_millis(milliseconds),
        jitter: Duration::from_millis(milliseconds / 5),
        success_rate: Probability::new(1, 1).expect("nothing fails here"),
    };
    oracle.add_link(from.clone(), to.clone(), link).await.expect("nothing fails here");
}

/// Sends a transfer by one of the nodes.
fn send(entry: &Node, rich: &PrivateKeySigner, nonce: u64) {
    let transaction = Candidate::recover_each(vec![transfer(rich, nonce)], Fork::Osaka);
    let candidate = transaction.into_iter().next().expect("nothing fails here");
    let candidate = candidate.expect("nothing fails here");
    let reader = entry.ledger.chain().reader();
    let state = reader.execution_state_at(reader.head().number).expect("nothing fails here");
    let mut pool = entry.ledger.pool().lock();
    let added = pool
        .add(candidate, Origin::External, 0, |it| sender_state(&state, it))
        .expect("nothing fails here");
    drop(pool);
    entry.validator.announcer.announce(&added.promoted);
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

/// Each final block has a proof, and nothing can be changed in it.
async fn check_proofs(node: &Node) {
    let reader = node.ledger.chain().reader();
    let namespace = namespace(&reader).expect("nothing fails here");
    let epocher = FixedEpocher::new(EPOCH_LENGTH);
    let view = &node.validator.view;
    for number in 1..=50 {
        let proof = view.finality_proof(number).await.expect("the block is final");
        let keys = view.validators(proof.epoch).expect("its validators are known");
        let validators = Set::from_iter_dedup(keys);
        let check = |proof: &FinalityProof| proof.check(&namespace, &epocher, &validators);
        let hash = reader.hash_of(number).expect("nothing fails here");
        assert_eq!(check(&proof).ok(), hash);

        let longer = FixedEpocher::new(NZU64!(1_000));
        let in_one_epoch = proof.check(&namespace, &longer, &validators);
        assert_eq!(in_one_epoch.is_ok(), proof.epoch == 0, "all blocks are of epoch 0 then");
        assert!(proof.check(b"heddle", &epocher, &validators).is_err());

        let changed = |change: fn(&mut FinalityProof)| {
            let mut proof = proof.clone();
            change(&mut proof);
            check(&proof)
        };
        assert!(changed(|it| it.epoch += 1).is_err());
        assert!(changed(|it| it.message[0] ^= 1).is_err());
        assert!(changed(|it| it.head.hash.0[0] ^= 1).is_err());
        assert!(changed(|it| it.signatures.truncate(2)).is_err());
        assert!(changed(|it| it.signatures[0].signature[5] ^= 1).is_err());
        assert!(changed(|it| it.headers.clear()).is_err());
        assert!(changed(|it| it.headers[0][40] ^= 1).is_err());
    }
}

fn show_logs() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
}

#[test]
fn four_validators_agree_over_several_epochs() {
    show_logs();
    let rich = PrivateKeySigner::from_slice(&[7; 32]).expect("nothing fails here");
    let keys: Vec<_> = (0..VALIDATORS).map(PrivateKey::from_seed).collect();
    let genesis = genesis(&keys, rich.address());
    let config = deterministic::Config::default().with_seed(1);
    deterministic::Runner::new(config).start(|runtime| async move {
        let oracle = network(&runtime, &keys).await;
        let nodes = begin_each(&runtime, &oracle, &genesis, &keys, &Settings::default()).await;
        for nonce in 0..50 {
            send(&nodes[nonce as usize % nodes.len()], &rich, nonce);
            runtime.sleep(Duration::from_millis(100)).await;
        }
        while nodes.iter().any(|node| node.finalized() < 50) {
            runtime.sleep(Duration::from_millis(100)).await;
        }
        for number in 0..=50 {
            let first = nodes[0].hash_of(number);
            assert!(first.is_some());
            for node in &nodes {
                assert_eq!(node.hash_of(number), first);
            }
        }
        check_proofs(&nodes[0]).await;
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

/// Answers in place of another node, and changes what it says of accounts. Nearer to who asks than all
/// others, it is believed first. Whether it changed anything.
async fn lie(to: Key, mut own: Pair, honest: Key, told: Arc<AtomicU64>) {
    loop {
        let Ok((from, message)) = own.1.recv().await else { return };
        let mut bytes = message.as_ref().to_vec();
        if from == to {
            own.0.send(Recipients::One(honest.clone()), bytes, false);
        } else if from == honest {
            // An answer with accounts; somewhere in it is a balance.
            if bytes[0] == 0x83 && bytes.len() > 60 {
                told.fetch_add(1, Ordering::Relaxed);
                let at = bytes.len() - 45;
                bytes[at] ^= 1;
            }
            own.0.send(Recipients::One(to.clone()), bytes, false);
        }
    }
}

#[test]
fn a_node_that_is_far_behind_takes_over_a_state_and_believes_no_liar() {
    show_logs();
    let rich = PrivateKeySigner::from_slice(&[7; 32]).expect("nothing fails here");
    let keys: Vec<_> = (0..VALIDATORS + 2).map(PrivateKey::from_seed).collect();
    let (validators, late) = keys.split_at(VALIDATORS as usize);
    let (validators, late) = (validators.to_vec(), late.to_vec());
    let genesis = genesis(&validators, rich.address());
    let followers = late.iter().map(|key| key.public_key()).collect::<Vec<_>>();
    let settings = Settings { followers, ..Settings::default() };
    let config = deterministic::Config::default().with_seed(2);
    deterministic::Runner::new(config).start(|runtime| async move {
        let oracle = network(&runtime, &keys).await;
        let nodes = begin_each(&runtime, &oracle, &genesis, &validators, &settings).await;
        for nonce in 0..30 {
            send(&nodes[nonce as usize % nodes.len()], &rich, nonce);
            runtime.sleep(Duration::from_millis(100)).await;
        }
        // In the fourth epoch.
        while nodes[0].finalized() < 67 {
            runtime.sleep(Duration::from_millis(100)).await;
        }
        let (liar, late) = (late[0].public_key(), late[1].clone());
        let me = late.public_key();
        for (a, b) in [(&liar, &me), (&me, &liar), (&liar, &keys[0].public_key())] {
            oracle.remove_link(a.clone(), b.clone()).await.expect("nothing fails here");
            link(&oracle, a, b, 1).await;
        }
        let back = (keys[0].public_key(), liar.clone());
        oracle.remove_link(back.0.clone(), back.1.clone()).await.expect("nothing fails here");
        link(&oracle, &back.0, &back.1, 1).await;
        let lies = Arc::new(AtomicU64::new(0));
        let own = register(&oracle, &liar, 7).await;
        let lying = lie(me.clone(), own, keys[0].public_key(), lies.clone());
        runtime.child("liar").spawn(|_| lying);

        let settings = Settings { state_sync_behind: Some(20), ..settings };
        let stored = database();
        let begin = async |database: Database, settings: Settings| {
            node(&runtime, &oracle, &genesis, late.clone(), database, settings).await
        };
        let follower = begin(stored.clone(), settings.clone()).await;
        assert!(lies.load(Ordering::Relaxed) > 0);
        let blocked = oracle.blocked().await.expect("nothing fails here");
        assert_eq!(blocked, vec![(me.clone(), liar)]);
        let first = follower.ledger.chain().reader().first();
        assert!(first >= 60, "it began at {first}");
        let follow = async |follower: &Node, blocks: u64| {
            let goal = nodes[0].finalized() + blocks;
            while follower.finalized() < goal {
                runtime.sleep(Duration::from_millis(100)).await;
            }
            for number in first..=goal {
                assert_eq!(follower.hash_of(number), nodes[0].hash_of(number), "{number}");
            }
        };
        // Over two borders.
        follow(&follower, 45).await;
        // It was started with the state, and goes on from where it was.
        follower.validator.task.abort();
        drop(follower);
        runtime.sleep(Duration::from_millis(500)).await;
        let follower = begin(stored, settings.clone()).await;
        assert_eq!(follower.ledger.chain().reader().first(), first);
        follow(&follower, 25).await;
    });
}

/// A client's transactions may come to validators in another order than they follow each other: the
/// second one here comes to a validator that does not know the first one yet.
#[test]
fn what_has_waited_for_another_transaction_is_told_to_all() {
    show_logs();
    let rich = PrivateKeySigner::from_slice(&[7; 32]).expect("nothing fails here");
    let keys: Vec<_> = (0..VALIDATORS).map(PrivateKey::from_seed).collect();
    let genesis = genesis(&keys, rich.address());
    let config = deterministic::Config::default().with_seed(1);
    deterministic::Runner::new(config).start(|runtime| async move {
        let oracle = network(&runtime, &keys).await;
        // No block comes in between.
        let pace = Pace { block_time: Duration::from_secs(2), idle_time: Duration::from_secs(2) };
        let settings = Settings::with_pace(pace);
        let nodes = begin_each(&runtime, &oracle, &genesis, &keys, &settings).await;
        while nodes.iter().any(|node| node.finalized() < 2) {
            runtime.sleep(Duration::from_millis(20)).await;
        }
        let second = *transfer(&rich, 1).tx_hash();
        let knowing = || nodes.iter().filter(|it| it.ledger.pool().lock().get(&second).is_some());
        send(&nodes[1], &rich, 1);
        runtime.sleep(Duration::from_millis(200)).await;
        assert_eq!(knowing().count(), 1);
        send(&nodes[0], &rich, 0);
        runtime.sleep(Duration::from_millis(200)).await;
        assert_eq!(knowing().count(), nodes.len());
    });
}
