//! Four validators on a network without faults, and a follower who is lied to.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use commonware_consensus::types::FixedEpocher;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_p2p::{Manager as _, Receiver as _, Recipients, Sender as _, TrackedPeers};
use commonware_runtime::{
    Clock as _, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{Context, Runner},
};
use commonware_utils::{NZU64, ordered::Set};
use heddle_chain::{Chain, add_system_contracts, config_with_forks};
use heddle_consensus::{
    BlockSettings, FinalityProof, FirstValidator, Ledger, Mutants, Pace, PublicKey, Settings,
    Setup, Validator, add_validators, namespace, start,
};
use heddle_pool::{Candidate, Origin, Pool};
use heddle_producer::sender_state;
use heddle_simulation::{Link, Machine, Network, NodeContext, Receiver, Sender};
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

const VALIDATORS: usize = 4;
const EPOCH_LENGTH: NonZeroU64 = NZU64!(20);
const CALM: Link =
    Link { latency: Duration::from_millis(10), jitter: Duration::from_millis(2), loss: 0 };
/// Nearer than all others.
const NEAR: Link = Link { latency: Duration::from_millis(1), jitter: Duration::ZERO, loss: 0 };

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

/// Processes on one network.
struct World {
    runtime: Context,
    network: Network,
    keys: Vec<PrivateKey>,
    genesis: Genesis,
}

impl World {
    /// The first of the keys are the validators'.
    fn new(runtime: Context, keys: u64, rich: Address) -> Self {
        let keys: Vec<_> = (0..keys).map(PrivateKey::from_seed).collect();
        let public = keys.iter().map(|key| key.public_key()).collect();
        let network = Network::start(&runtime.child("network"), public, CALM, 1);
        let genesis = genesis(&keys[..VALIDATORS], rich);
        Self { runtime, network, keys, genesis }
    }

    fn key(&self, at: usize) -> PublicKey {
        self.keys[at].public_key()
    }

    /// Starts a process on a machine.
    async fn start(&self, at: usize, machine: &Machine, settings: Settings) -> Node {
        let options = Options { cache_bytes: 1 << 20, ..Options::default() };
        let database = Database::simulated(&machine.disk(), options).expect("nothing fails here");
        let threads = heddle_chain::Settings { threads: 1, ..heddle_chain::Settings::default() };
        let chain = Chain::open(database, &self.genesis, threads).expect("nothing fails here");
        let pool = Pool::new(heddle_pool::Settings::default(), heddle_pool::Context::default());
        let (chain, pool) = (Arc::new(chain), Arc::new(Mutex::new(pool)));
        let ledger = Ledger::new(chain, pool, BlockSettings::default(), Mutants::default(), 0)
            .expect("nothing fails here");
        let ledger = Arc::new(ledger);
        let setup = Setup { key: self.keys[at].clone(), ledger: ledger.clone(), settings };
        let runtime = NodeContext::new(self.runtime.child("node"), machine.clone());
        let (channels, peer) = (self.network.channels(at, 0), self.network.peer(at, 0));
        let validator =
            start(runtime, setup, channels, peer.clone(), peer).await.expect("nothing fails here");
        Node { ledger, validator }
    }

    /// All validators, on new machines.
    async fn start_validators(&self, settings: &Settings) -> Vec<Node> {
        let mut nodes = Vec::new();
        for at in 0..VALIDATORS {
            nodes.push(self.start(at, &Machine::new(at as u64), settings.clone()).await);
        }
        nodes
    }
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

/// Runs a test on a network of validators and so many others.
fn run<F: Future<Output = ()>>(others: u64, test: impl FnOnce(World, PrivateKeySigner) -> F) {
    show_logs();
    let rich = PrivateKeySigner::from_slice(&[7; 32]).expect("nothing fails here");
    Runner::seeded(1).start(|runtime| async move {
        let world = World::new(runtime, VALIDATORS as u64 + others, rich.address());
        test(world, rich).await;
    });
}

#[test]
fn four_validators_agree_over_several_epochs() {
    run(0, |world, rich| async move {
        let nodes = world.start_validators(&Settings::default()).await;
        for nonce in 0..50 {
            send(&nodes[nonce as usize % nodes.len()], &rich, nonce);
            world.runtime.sleep(Duration::from_millis(100)).await;
        }
        while nodes.iter().any(|node| node.finalized() < 50) {
            world.runtime.sleep(Duration::from_millis(100)).await;
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
        let counts = nodes[0].validator.view.observations.counts();
        println!("{counts:?} at {:?}", world.runtime.current());
    });
}

/// Answers in place of another node, and changes what it says of accounts. Nearer to who asks than all
/// others, it is believed first. Counts what it changed.
async fn lie(
    (mut sender, mut receiver): (Sender, Receiver),
    to: PublicKey,
    honest: PublicKey,
    told: Arc<AtomicU64>,
) {
    loop {
        let Ok((from, message)) = receiver.recv().await else { return };
        let mut bytes = message.as_ref().to_vec();
        if from == to {
            sender.send(Recipients::One(honest.clone()), bytes, false);
        } else if from == honest {
            // An answer with accounts; somewhere in it is a balance.
            if bytes[0] == 0x83 && bytes.len() > 60 {
                told.fetch_add(1, Ordering::Relaxed);
                let at = bytes.len() - 45;
                bytes[at] ^= 1;
            }
            sender.send(Recipients::One(to.clone()), bytes, false);
        }
    }
}

#[test]
fn a_node_that_is_far_behind_takes_over_a_state_and_believes_no_liar() {
    const HONEST: usize = 0;
    const LIAR: usize = VALIDATORS;
    const LATE: usize = VALIDATORS + 1;
    run(2, |world, rich| async move {
        let followers = vec![world.key(LIAR), world.key(LATE)];
        let settings = Settings { followers, ..Settings::default() };
        let nodes = world.start_validators(&settings).await;
        for nonce in 0..30 {
            send(&nodes[nonce as usize % nodes.len()], &rich, nonce);
            world.runtime.sleep(Duration::from_millis(100)).await;
        }
        // In the fourth epoch.
        while nodes[HONEST].finalized() < 67 {
            world.runtime.sleep(Duration::from_millis(100)).await;
        }
        for (from, to) in [(LIAR, LATE), (LATE, LIAR), (LIAR, HONEST), (HONEST, LIAR)] {
            world.network.set_link(from, to, NEAR);
        }
        let lies = Arc::new(AtomicU64::new(0));
        let states = world.network.channels(LIAR, 0).states;
        let all = Set::from_iter_dedup((0..=LATE).map(|at| world.key(at)));
        world.network.peer(LIAR, 0).track(0, TrackedPeers::primary(all));
        let lying = lie(states, world.key(LATE), world.key(HONEST), lies.clone());
        world.runtime.child("liar").spawn(|_| lying);

        let settings = Settings { state_sync_behind: Some(20), ..settings };
        let machine = Machine::new(LATE as u64);
        let follower = world.start(LATE, &machine, settings.clone()).await;
        assert!(lies.load(Ordering::Relaxed) > 0);
        assert_eq!(world.network.blocked(), [(LATE, LIAR)].into());
        let first = follower.ledger.chain().reader().first();
        assert!(first >= 60, "it began at {first}");
        let follow = async |follower: &Node, blocks: u64| {
            let goal = nodes[HONEST].finalized() + blocks;
            while follower.finalized() < goal {
                world.runtime.sleep(Duration::from_millis(100)).await;
            }
            for number in first..=goal {
                assert_eq!(follower.hash_of(number), nodes[HONEST].hash_of(number), "{number}");
            }
        };
        // Over two borders.
        follow(&follower, 45).await;
        // It was started with the state, and goes on from where it was.
        follower.validator.task.abort();
        let machine = machine.kill(1);
        drop(follower);
        world.runtime.sleep(Duration::from_millis(500)).await;
        let follower = world.start(LATE, &machine, settings).await;
        assert_eq!(follower.ledger.chain().reader().first(), first);
        follow(&follower, 25).await;
    });
}

/// A client's transactions may come to validators in another order than they follow each other: the
/// second one here comes to a validator that does not know the first one yet.
#[test]
fn what_has_waited_for_another_transaction_is_told_to_all() {
    run(0, |world, rich| async move {
        // No block comes in between.
        let pace = Pace { block_time: Duration::from_secs(2), idle_time: Duration::from_secs(2) };
        let nodes = world.start_validators(&Settings::with_pace(pace)).await;
        while nodes.iter().any(|node| node.finalized() < 2) {
            world.runtime.sleep(Duration::from_millis(20)).await;
        }
        let second = *transfer(&rich, 1).tx_hash();
        let knowing = || nodes.iter().filter(|it| it.ledger.pool().lock().get(&second).is_some());
        send(&nodes[1], &rich, 1);
        world.runtime.sleep(Duration::from_millis(200)).await;
        assert_eq!(knowing().count(), 1);
        send(&nodes[0], &rich, 0);
        world.runtime.sleep(Duration::from_millis(200)).await;
        assert_eq!(knowing().count(), nodes.len());
    });
}
