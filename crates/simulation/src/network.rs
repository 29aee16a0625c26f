//! The network between nodes: who hears whom, when, and what gets lost.
//!
//! A node has one port, or two if it runs twice. What a port sends to somebody arrives in the order it
//! was sent in, after the time that the link takes, if both know each other and neither has cut off the
//! other. Bytes are not changed on the way: links are authenticated.

use crate::scenario::Chance;
use commonware_actor::{Feedback, Unreliable};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{
    BlockedSubscription, Blocker, CheckedSender, LimitedSender, Manager, Message, PeerSetUpdate,
    Provider, Receiver as Receives, Recipients, TrackedPeers,
};
use commonware_runtime::{Clock as _, IoBuf, IoBufs, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::{
    NZUsize,
    channel::{mpsc, ring},
    ordered::Set,
};
use heddle_consensus::{CHANNELS, Channels, PIECES_CHANNEL, VALIDATORS_MAX, message_bytes_max};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    num::NonZeroUsize,
    ops::AddAssign,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::Notify;

/// Sets of peers that are known at a time, as in a node.
const TRACKED_SETS: usize = 3;
/// Messages that are taken to wait for a process between two moments, at most: each part of a process
/// makes places for so many.
const CAPACITY: NonZeroUsize = NZUsize!(1_024);
/// How late a second copy of a message may come.
const COPY_TIME: Duration = Duration::from_millis(1_000);
/// How late a message may come that is overtaken.
const OVERTAKEN_TIME: Duration = Duration::from_millis(100);

/// How messages go from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// How long a message takes, at least.
    pub latency: Duration,
    /// How much longer it may take.
    pub jitter: Duration,
    /// Of a hundred messages, so many get lost.
    pub loss: u64,
}

impl Link {
    /// Whether nothing arrives.
    fn is_cut(&self) -> bool {
        self.loss >= 100
    }
}

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// They arrived.
    pub delivered: u64,
    /// They got lost on a link.
    pub lost: u64,
    /// The link was cut.
    pub cut: u64,
    /// They came a second time.
    pub duplicated: u64,
    /// Later ones could overtake them.
    pub overtaken: u64,
    /// A faulty validator did not send them.
    pub withheld: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self { delivered, lost, cut, duplicated, overtaken, withheld } = other;
        self.delivered += delivered;
        self.lost += lost;
        self.cut += cut;
        self.duplicated += duplicated;
        self.overtaken += overtaken;
        self.withheld += withheld;
    }
}

/// One of the processes of a node: there are two where a validator runs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    node: usize,
    twin: usize,
}

/// A network. Clones are the same.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    keys: Vec<PublicKey>,
    places: BTreeMap<PublicKey, usize>,
    message_max: usize,
    state: Mutex<State>,
    /// There is something to deliver sooner than it was waited for.
    wake: Notify,
}

struct State {
    clock: deterministic::Context,
    chance: Chance,
    /// By sender and receiver.
    links: Vec<Vec<Link>>,
    duplicated: u64,
    overtaken: u64,
    /// Whose pieces of blocks do not come to whom.
    withheld: BTreeSet<(usize, usize)>,
    /// Who hears the first of twins, and who the second.
    listeners: BTreeMap<Port, BTreeSet<usize>>,
    /// Who was cut off, and by whom.
    blocked: BTreeSet<(usize, usize)>,
    ports: BTreeMap<Port, PortState>,
    queue: BinaryHeap<Reverse<Delivery>>,
    next_number: u64,
    counts: Counts,
    /// Of all that arrived.
    trace: DefaultHasher,
}

#[derive(Default)]
struct PortState {
    /// Where messages go, by channel.
    inboxes: Vec<mpsc::UnboundedSender<Message<PublicKey>>>,
    sets: BTreeMap<u64, TrackedPeers<PublicKey>>,
    /// All that are in one of the sets.
    known: BTreeSet<usize>,
    set_subscribers: Vec<mpsc::UnboundedSender<PeerSetUpdate<PublicKey>>>,
    block_subscribers: Vec<ring::Sender<Set<PublicKey>>>,
    /// When the last message to each node arrives: later ones do not come before.
    last: BTreeMap<usize, SystemTime>,
}

/// A message on its way. Ordered by when it arrives.
struct Delivery {
    due: SystemTime,
    number: u64,
    from: Port,
    to: usize,
    channel: u64,
    message: IoBuf,
}

impl Delivery {
    fn key(&self) -> (SystemTime, u64) {
        (self.due, self.number)
    }
}

impl PartialEq for Delivery {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Delivery {}

impl PartialOrd for Delivery {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delivery {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Network {
    /// A network among nodes with these keys, on links that are all alike.
    pub fn start(
        runtime: &deterministic::Context,
        keys: Vec<PublicKey>,
        link: Link,
        seed: u64,
    ) -> Self {
        let places = keys.iter().cloned().zip(0..).collect();
        let state = State {
            clock: runtime.child("clock"),
            chance: Chance::new(seed),
            links: vec![vec![link; keys.len()]; keys.len()],
            duplicated: 0,
            overtaken: 0,
            withheld: BTreeSet::new(),
            listeners: BTreeMap::new(),
            blocked: BTreeSet::new(),
            ports: BTreeMap::new(),
            queue: BinaryHeap::new(),
            next_number: 0,
            counts: Counts::default(),
            trace: DefaultHasher::new(),
        };
        let message_max = message_bytes_max(VALIDATORS_MAX as u32);
        let (state, wake) = (Mutex::new(state), Notify::new());
        let network = Self(Arc::new(Shared { keys, places, message_max, state, wake }));
        let postman = network.clone();
        runtime.child("postman").spawn(|runtime| async move { postman.deliver(runtime).await });
        network
    }

    /// Delivers each message when it is due.
    async fn deliver(&self, runtime: deterministic::Context) {
        loop {
            let next = self.0.deliver_due(runtime.current());
            match next {
                None => self.0.wake.notified().await,
                Some(due) => {
                    commonware_macros::select! {
                        _ = runtime.sleep_until(due) => {},
                        _ = self.0.wake.notified() => {},
                    }
                }
            }
        }
    }

    /// Channels for a process that starts, by their numbers. Those of the process before it, which had
    /// the same port, hear nothing any more.
    pub fn connect(&self, node: usize, twin: usize) -> Vec<(Sender, Receiver)> {
        let port = Port { node, twin };
        let (mut channels, mut inboxes) = (Vec::new(), Vec::new());
        for channel in 0..CHANNELS {
            let (inbox, messages) = mpsc::unbounded_channel();
            inboxes.push(inbox);
            let sender = Sender { network: self.clone(), port, channel };
            channels.push((sender, Receiver(messages)));
        }
        let fresh = PortState { inboxes, ..PortState::default() };
        self.0.state.lock().ports.insert(port, fresh);
        channels
    }

    /// The same, by what consensus uses them for.
    pub fn channels(&self, node: usize, twin: usize) -> Channels<Sender, Receiver> {
        let mut channels = self.connect(node, twin).into_iter();
        let mut next = || channels.next().expect("there are as many as consensus has");
        Channels {
            votes: next(),
            certificates: next(),
            rounds: next(),
            pieces: next(),
            blocks: next(),
            transactions: next(),
            progress: next(),
            states: next(),
        }
    }

    /// What a process tells the network.
    pub fn peer(&self, node: usize, twin: usize) -> Peer {
        Peer { network: self.clone(), port: Port { node, twin } }
    }

    /// Sets the link from one node to another.
    pub fn set_link(&self, from: usize, to: usize, link: Link) {
        self.0.state.lock().links[from][to] = link;
    }

    /// Of a hundred messages so many come twice from now on.
    pub fn set_duplicated(&self, percent: u64) {
        self.0.state.lock().duplicated = percent;
    }

    /// Of a hundred messages so many can be overtaken by later ones from now on.
    pub fn set_overtaken(&self, percent: u64) {
        self.0.state.lock().overtaken = percent;
    }

    /// No pieces of blocks come from one node to another.
    pub fn withhold(&self, from: usize, to: usize) {
        self.0.state.lock().withheld.insert((from, to));
    }

    /// Only these hear one of two processes of a node.
    pub fn set_listeners(&self, node: usize, twin: usize, listeners: BTreeSet<usize>) {
        self.0.state.lock().listeners.insert(Port { node, twin }, listeners);
    }

    /// Who has cut off whom, ever.
    pub fn blocked(&self) -> BTreeSet<(usize, usize)> {
        self.0.state.lock().blocked.clone()
    }

    /// What became of all messages until now.
    pub fn counts(&self) -> Counts {
        self.0.state.lock().counts
    }

    /// A number that follows from all that arrived: when, from whom, and what.
    pub fn trace(&self) -> u64 {
        self.0.state.lock().trace.finish()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("keys", &self.0.keys).finish_non_exhaustive()
    }
}

impl Shared {
    fn send(&self, port: Port, channel: u64, recipients: &[usize], message: &IoBuf) {
        assert!(message.len() <= self.message_max, "a message of {} bytes", message.len());
        let mut state = self.state.lock();
        let before = state.queue.peek().map(|first| first.0.due);
        for to in recipients {
            state.send_one(port, *to, channel, message);
        }
        let is_sooner = match (before, state.queue.peek()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(first)) => first.0.due < before,
        };
        drop(state);
        if is_sooner {
            self.wake.notify_one();
        }
    }

    /// Delivers what is due, and says when the next message is.
    fn deliver_due(&self, now: SystemTime) -> Option<SystemTime> {
        let mut state = self.state.lock();
        loop {
            let due = state.queue.peek()?.0.due;
            if due > now {
                return Some(due);
            }
            let Reverse(delivery) = state.queue.pop()?;
            state.hand_over(&delivery, &self.keys[delivery.from.node]);
        }
    }

    fn set_of(&self, nodes: impl Iterator<Item = usize>) -> Set<PublicKey> {
        Set::from_iter_dedup(nodes.map(|node| self.keys[node].clone()))
    }
}

impl State {
    fn send_one(&mut self, port: Port, to: usize, channel: u64, message: &IoBuf) {
        let hears = self.listeners.get(&port).is_none_or(|listeners| listeners.contains(&to));
        let is_known = self.ports.get(&port).is_some_and(|state| state.known.contains(&to));
        if !hears || !is_known || to == port.node {
            return;
        }
        if channel == PIECES_CHANNEL && self.withheld.contains(&(port.node, to)) {
            self.counts.withheld += 1;
            return;
        }
        let link = self.links[port.node][to];
        if link.is_cut() {
            self.counts.cut += 1;
            return;
        }
        if link.loss > 0 && self.chance.percent(link.loss) {
            self.counts.lost += 1;
            return;
        }
        let jitter = self.chance.between(0, link.jitter.as_micros() as u64);
        let mut due = self.clock.current() + link.latency + Duration::from_micros(jitter);
        if self.overtaken > 0 && self.chance.percent(self.overtaken) {
            self.counts.overtaken += 1;
            let late = self.chance.between(0, OVERTAKEN_TIME.as_micros() as u64);
            due += Duration::from_micros(late);
        } else if let Some(state) = self.ports.get_mut(&port) {
            let last = state.last.entry(to).or_insert(due);
            due = due.max(*last);
            *last = due;
        }
        self.put(port, to, channel, message.clone(), due);
        if self.duplicated > 0 && self.chance.percent(self.duplicated) {
            self.counts.duplicated += 1;
            let late = self.chance.between(0, COPY_TIME.as_micros() as u64);
            self.put(port, to, channel, message.clone(), due + Duration::from_micros(late));
        }
    }

    fn put(&mut self, from: Port, to: usize, channel: u64, message: IoBuf, due: SystemTime) {
        let number = self.next_number;
        self.next_number += 1;
        self.queue.push(Reverse(Delivery { due, number, from, to, channel, message }));
    }

    fn hand_over(&mut self, delivery: &Delivery, key: &PublicKey) {
        let Delivery { from, to, channel, message, .. } = delivery;
        let (from, to) = (from.node, *to);
        if self.blocked.contains(&(from, to)) || self.blocked.contains(&(to, from)) {
            return;
        }
        for twin in 0..2 {
            let Some(port) = self.ports.get(&Port { node: to, twin }) else { continue };
            if !port.known.contains(&from) {
                continue;
            }
            let Some(inbox) = port.inboxes.get(*channel as usize) else { continue };
            // The process may be gone.
            if inbox.send((key.clone(), message.clone())).is_ok() {
                self.counts.delivered += 1;
                (delivery.key(), from, to, twin, channel).hash(&mut self.trace);
                message.as_ref().hash(&mut self.trace);
            }
        }
    }
}

/// Sends messages of one channel for one process.
#[derive(Clone, Debug)]
pub struct Sender {
    network: Network,
    port: Port,
    channel: u64,
}

/// Messages with those whom they go to.
#[derive(Debug)]
pub struct Checked<'a> {
    sender: &'a Sender,
    recipients: Vec<usize>,
}

impl LimitedSender for Sender {
    type PublicKey = PublicKey;
    type Checked<'a> = Checked<'a>;

    /// Nobody is kept from sending as much as there is.
    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Checked<'_>, SystemTime> {
        let shared = &self.network.0;
        let recipients = match recipients {
            Recipients::All => {
                let state = shared.state.lock();
                let known = state.ports.get(&self.port).map(|port| port.known.iter().copied());
                known.into_iter().flatten().filter(|node| *node != self.port.node).collect()
            }
            Recipients::Some(keys) => {
                keys.iter().filter_map(|key| shared.places.get(key)).copied().collect()
            }
            Recipients::One(key) => shared.places.get(&key).copied().into_iter().collect(),
        };
        Ok(Checked { sender: self, recipients })
    }
}

impl CheckedSender for Checked<'_> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        let keys = &self.sender.network.0.keys;
        self.recipients.iter().map(|node| keys[*node].clone()).collect()
    }

    fn send(self, message: impl Into<IoBufs> + Send, _: bool) -> Unreliable<Feedback> {
        let Sender { network, port, channel } = self.sender;
        network.0.send(*port, *channel, &self.recipients, &message.into().coalesce());
        Unreliable::Outcome(Feedback::Ok)
    }
}

/// Receives messages of one channel for one process.
#[derive(Debug)]
pub struct Receiver(mpsc::UnboundedReceiver<Message<PublicKey>>);

/// Another process has the port now.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("another process has the port now")]
pub struct Disconnected;

impl Receives for Receiver {
    type Error = Disconnected;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, Disconnected> {
        self.0.recv().await.ok_or(Disconnected)
    }

    fn capacity(&self) -> NonZeroUsize {
        CAPACITY
    }
}

/// What a process tells the network: whom it knows, and whom it cuts off.
#[derive(Clone, Debug)]
pub struct Peer {
    network: Network,
    port: Port,
}

impl PortState {
    /// The newest set, and all of the sets together.
    fn update(&self, shared: &Shared) -> Option<PeerSetUpdate<PublicKey>> {
        let (index, latest) = self.sets.last_key_value()?;
        let union = |keys: fn(&TrackedPeers<PublicKey>) -> &Set<PublicKey>| {
            let keys = self.sets.values().flat_map(move |set| keys(set).iter());
            keys.filter_map(|key| shared.places.get(key)).copied().collect::<BTreeSet<_>>()
        };
        let (primary, secondary) = (union(|set| &set.primary), union(|set| &set.secondary));
        let rest = secondary.difference(&primary).copied();
        let all = TrackedPeers::new(shared.set_of(primary.iter().copied()), shared.set_of(rest));
        Some(PeerSetUpdate { index: *index, latest: latest.clone(), all })
    }
}

impl Provider for Peer {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        let state = self.network.0.state.lock();
        state.ports.get(&self.port)?.sets.get(&id).cloned()
    }

    async fn subscribe(&mut self) -> mpsc::UnboundedReceiver<PeerSetUpdate<PublicKey>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = &self.network.0;
        let mut state = shared.state.lock();
        if let Some(port) = state.ports.get_mut(&self.port) {
            if let Some(update) = port.update(shared) {
                // It is received from below.
                let _ = sender.send(update);
            }
            port.set_subscribers.push(sender);
        }
        receiver
    }
}

impl Manager for Peer {
    fn track<R>(&mut self, id: u64, peers: R) -> Feedback
    where
        R: Into<TrackedPeers<PublicKey>> + Send,
    {
        let TrackedPeers { primary, secondary } = peers.into();
        let is_other = |key: &&PublicKey| primary.position(*key).is_none();
        let secondary = Set::from_iter_dedup(secondary.iter().filter(is_other).cloned());
        let shared = &self.network.0;
        let mut state = shared.state.lock();
        let Some(port) = state.ports.get_mut(&self.port) else { return Feedback::Closed };
        if port.sets.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Feedback::Ok;
        }
        port.sets.insert(id, TrackedPeers::new(primary, secondary));
        while port.sets.len() > TRACKED_SETS {
            port.sets.pop_first();
        }
        if let Some(update) = port.update(shared) {
            let PeerSetUpdate { all, .. } = &update;
            let keys = all.primary.iter().chain(all.secondary.iter());
            port.known = keys.filter_map(|key| shared.places.get(key)).copied().collect();
            port.set_subscribers.retain(|subscriber| subscriber.send(update.clone()).is_ok());
        }
        Feedback::Ok
    }
}

impl Blocker for Peer {
    type PublicKey = PublicKey;

    fn block(&mut self, peer: PublicKey) -> Feedback {
        let shared = &self.network.0;
        let Some(whom) = shared.places.get(&peer).copied() else { return Feedback::Ok };
        // As in a node, where nobody is a peer of its own. A validator that was restored may propose again
        // in a view that it led before, unsigned, and then see the certificate of what it proposed first.
        if whom == self.port.node {
            return Feedback::Ok;
        }
        let mut state = shared.state.lock();
        if state.blocked.insert((self.port.node, whom)) {
            let blocked = shared.set_of(blocked_by(&state.blocked, self.port.node));
            for twin in 0..2 {
                let port = Port { node: self.port.node, twin };
                if let Some(port) = state.ports.get_mut(&port) {
                    port.block_subscribers.retain(|it| it.send_lossy(blocked.clone()));
                }
            }
        }
        Feedback::Ok
    }

    fn blocked(&mut self) -> BlockedSubscription<PublicKey> {
        let (sender, receiver) = ring::channel(NZUsize!(1));
        let shared = &self.network.0;
        let mut state = shared.state.lock();
        let blocked = shared.set_of(blocked_by(&state.blocked, self.port.node));
        sender.send_lossy(blocked);
        if let Some(port) = state.ports.get_mut(&self.port) {
            port.block_subscribers.push(sender);
        }
        receiver
    }
}

fn blocked_by(blocked: &BTreeSet<(usize, usize)>, node: usize) -> impl Iterator<Item = usize> {
    blocked.iter().filter(move |(by, _)| *by == node).map(|(_, whom)| *whom)
}
