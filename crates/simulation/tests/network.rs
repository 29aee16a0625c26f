//! The network of the simulation: that what is to go wrong does, and nothing else.

use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_p2p::{
    Blocker as _, Manager as _, Receiver as _, Recipients, Sender as _, TrackedPeers,
};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, deterministic};
use commonware_utils::ordered::Set;
use heddle_consensus::PublicKey;
use heddle_simulation::{Link, Network, Receiver, Sender};
use std::time::{Duration, SystemTime};

const NODES: usize = 3;
const CALM: Link =
    Link { latency: Duration::from_millis(20), jitter: Duration::from_millis(5), loss: 0 };
/// Longer than any message takes.
const LONG: Duration = Duration::from_secs(3);

fn keys() -> Vec<PublicKey> {
    (0..NODES as u64).map(|seed| PrivateKey::from_seed(seed).public_key()).collect()
}

/// A network whose nodes know each other, and the first channel of each.
struct World {
    runtime: deterministic::Context,
    network: Network,
    ends: Vec<(Sender, Receiver)>,
}

/// What somebody got: when, from whom, and what.
type Got = Vec<(Duration, usize, u32)>;

impl World {
    fn new(runtime: deterministic::Context, seed: u64) -> Self {
        let network = Network::start(&runtime.child("network"), keys(), CALM, seed);
        let ends = (0..NODES).map(|node| join(&network, node, 0, &keys())).collect();
        Self { runtime, network, ends }
    }

    fn send(&mut self, from: usize, to: usize, number: u32) {
        let to = Recipients::One(keys()[to].clone());
        self.ends[from].0.send(to, number.to_be_bytes().to_vec(), false);
    }

    /// All that a node gets until nothing more can come, from a moment on.
    async fn get(&mut self, node: usize, since: SystemTime) -> Got {
        let mut got = Got::new();
        loop {
            let message = commonware_macros::select! {
                message = self.ends[node].1.recv() => message.expect("the port is ours"),
                _ = self.runtime.sleep(LONG) => return got,
            };
            let from = keys().iter().position(|key| *key == message.0).expect("it is known");
            let bytes = message.1.as_ref().try_into().expect("a number was sent");
            let after = self.runtime.current().duration_since(since).expect("time goes on");
            got.push((after, from, u32::from_be_bytes(bytes)));
        }
    }
}

/// Connects a process, which knows whom it is told of.
fn join(network: &Network, node: usize, twin: usize, known: &[PublicKey]) -> (Sender, Receiver) {
    let first = network.connect(node, twin).into_iter().next().expect("there are channels");
    let known = Set::from_iter_dedup(known.iter().cloned());
    network.peer(node, twin).track(0, TrackedPeers::primary(known));
    first
}

fn numbers(got: &Got) -> Vec<u32> {
    got.iter().map(|(.., number)| *number).collect()
}

/// Runs a test on each of some seeds.
fn each_seed<F: Future<Output = ()>>(test: impl Fn(World, SystemTime) -> F) {
    for seed in 0..20 {
        deterministic::Runner::seeded(seed).start(|runtime| async {
            let now = runtime.current();
            test(World::new(runtime, seed), now).await;
        });
    }
}

#[test]
fn messages_arrive_in_order_and_in_time() {
    each_seed(|mut world, start| async move {
        (0..50).for_each(|number| world.send(0, 1, number));
        let got = world.get(1, start).await;
        assert_eq!(numbers(&got), (0..50).collect::<Vec<_>>());
        let latest = CALM.latency + CALM.jitter + Duration::from_millis(2);
        assert!(
            got.iter().all(|(after, from, _)| {
                *from == 0 && *after >= CALM.latency && *after <= latest
            })
        );
        assert_eq!(world.network.counts().delivered, 50);
        assert!(world.get(0, start).await.is_empty() && world.get(2, start).await.is_empty());
    });
}

#[test]
fn a_link_that_is_cut_is_cut_until_it_is_set_again_and_one_way_only() {
    each_seed(|mut world, start| async move {
        world.send(0, 1, 1);
        world.network.set_link(0, 1, Link { loss: 100, ..CALM });
        (2..9).for_each(|number| world.send(0, 1, number));
        world.send(1, 0, 100);
        world.send(0, 2, 200);
        world.network.set_link(0, 1, CALM);
        world.send(0, 1, 9);
        assert_eq!(numbers(&world.get(1, start).await), [1, 9]);
        assert_eq!(numbers(&world.get(0, start).await), [100]);
        assert_eq!(numbers(&world.get(2, start).await), [200]);
        assert_eq!(world.network.counts().cut, 7);
    });
}

#[test]
fn of_a_hundred_messages_so_many_get_lost() {
    each_seed(|mut world, start| async move {
        world.network.set_link(0, 1, Link { loss: 25, ..CALM });
        (0..2_000).for_each(|number| world.send(0, 1, number));
        let got = numbers(&world.get(1, start).await);
        assert!(got.is_sorted() && (1_350..1_650).contains(&got.len()), "{}", got.len());
        assert_eq!(world.network.counts().lost + got.len() as u64, 2_000);
    });
}

#[test]
fn a_slow_link_is_slow() {
    each_seed(|mut world, start| async move {
        let latency = Duration::from_millis(400);
        world.network.set_link(0, 1, Link { latency, ..CALM });
        world.send(0, 1, 0);
        let got = world.get(1, start).await;
        assert!(got.len() == 1 && got[0].0 >= latency);
    });
}

#[test]
fn some_come_twice_and_some_are_overtaken() {
    each_seed(|mut world, start| async move {
        world.network.set_duplicated(20);
        (0..500).for_each(|number| world.send(0, 1, number));
        let mut got = numbers(&world.get(1, start).await);
        let twice = world.network.counts().duplicated;
        assert!((50..150).contains(&twice) && got.len() as u64 == 500 + twice);
        got.sort_unstable();
        got.dedup();
        assert_eq!(got.len(), 500);

        world.network.set_duplicated(0);
        world.network.set_overtaken(20);
        (0..500).for_each(|number| world.send(1, 2, number));
        let mut got = numbers(&world.get(2, start).await);
        assert!(!got.is_sorted() && world.network.counts().overtaken >= 50);
        got.sort_unstable();
        assert_eq!(got, (0..500).collect::<Vec<_>>());
    });
}

#[test]
fn who_is_not_known_or_was_cut_off_is_not_heard() {
    each_seed(|mut world, start| async move {
        // The second does not know the third, which knows it.
        world.ends[1] = join(&world.network, 1, 0, &keys()[..2]);
        world.send(2, 1, 1);
        world.send(1, 2, 2);
        assert!(world.get(1, start).await.is_empty() && world.get(2, start).await.is_empty());
        world.network.peer(0, 0).block(keys()[1].clone());
        world.send(0, 1, 3);
        world.send(1, 0, 4);
        assert!(world.get(1, start).await.is_empty() && world.get(0, start).await.is_empty());
        assert_eq!(world.network.blocked().into_iter().collect::<Vec<_>>(), [(0, 1)]);
        let mut blocked = world.network.peer(0, 0).blocked();
        assert_eq!(blocked.try_recv().ok(), Some(Set::from_iter_dedup([keys()[1].clone()])));
    });
}

#[test]
fn twins_hear_all_and_are_heard_by_some() {
    each_seed(|mut world, start| async move {
        let (mut second, mut heard) = join(&world.network, 0, 1, &keys());
        world.network.set_listeners(0, 0, [1].into());
        world.network.set_listeners(0, 1, [2].into());
        world.send(1, 0, 1);
        assert_eq!(numbers(&world.get(0, start).await), [1]);
        assert_eq!(heard.recv().await.expect("it is open").1.as_ref(), 1_u32.to_be_bytes());
        world.ends[0].0.send(Recipients::All, 10_u32.to_be_bytes().to_vec(), false);
        second.send(Recipients::All, 20_u32.to_be_bytes().to_vec(), false);
        assert_eq!(numbers(&world.get(1, start).await), [10]);
        assert_eq!(numbers(&world.get(2, start).await), [20]);
    });
}

#[test]
fn pieces_are_withheld_from_whom_they_are() {
    each_seed(|world, _| async move {
        let mut nodes = Vec::new();
        for node in 0..NODES {
            nodes.push(world.network.connect(node, 0));
            let known = TrackedPeers::primary(Set::from_iter_dedup(keys()));
            world.network.peer(node, 0).track(0, known);
        }
        world.network.withhold(0, 1);
        for (sender, _) in &mut nodes[0] {
            sender.send(Recipients::All, vec![0; 4], false);
        }
        world.runtime.sleep(LONG).await;
        let counts = world.network.counts();
        assert_eq!((counts.withheld, counts.delivered), (1, 2 * nodes[0].len() as u64 - 1));
    });
}

#[test]
fn the_same_seed_is_the_same_network() {
    let trace = |seed| {
        deterministic::Runner::seeded(seed).start(|runtime| async move {
            let start = runtime.current();
            let mut world = World::new(runtime, seed);
            world.network.set_link(0, 1, Link { loss: 30, ..CALM });
            (0..100).for_each(|number| world.send(0, 1, number));
            let got = world.get(1, start).await;
            (world.network.trace(), got)
        })
    };
    for seed in 0..10 {
        assert_eq!(trace(seed), trace(seed));
        assert_ne!(trace(seed).0, trace(seed + 1).0);
    }
}
