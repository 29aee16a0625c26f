//! A validator on a real machine: threads, files and connections.
//!
//! A crate of its own, as here all of consensus is compiled for the real runtime, which takes
//! minutes and should be done once.

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _};
use commonware_macros::select;
use commonware_p2p::{Ingress, authenticated::discovery};
use commonware_runtime::{Quota, Runner as _, Supervisor as _, tokio as real};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{Hostname, NZU32, NZUsize};
use heddle_consensus::{
    Announcer, Channels, Error, Ledger, Settings, Setup, StartError, VALIDATORS_MAX, Validator,
    View, message_bytes_max, namespace, start,
};
pub use heddle_consensus::{PrivateKey, PublicKey};
use std::{
    fmt, io, net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc, thread, time::Duration,
};
use tokio::sync::{oneshot, watch};

/// Messages that wait for a part of the network.
const MAILBOX: usize = 1_024;

/// How far clocks may be apart for validators to talk.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(5);

/// Where another validator is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its key, which it proves to have.
    pub key: PublicKey,
    /// A name or an address, and a port.
    pub address: String,
}

/// Why a text names no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a peer is written as the 64 hexadecimal digits of its key, @, and its address with port")]
pub struct PeerError;

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let (key, address) = text.split_once('@').ok_or(PeerError)?;
        let key = public_key(key).ok_or(PeerError)?;
        ingress(address).ok_or(PeerError)?;
        Ok(Self { key, address: address.to_owned() })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.key, self.address)
    }
}

/// A public key from its hexadecimal digits.
pub fn public_key(text: &str) -> Option<PublicKey> {
    let bytes = alloy_primitives::hex::decode(text).ok()?;
    PublicKey::decode(Copying(&bytes)).ok()
}

/// The public key of a private one.
pub fn public_key_of(key: &PrivateKey) -> PublicKey {
    key.public_key()
}

/// A private key from its 32 bytes.
pub fn private_key(bytes: &[u8]) -> Option<PrivateKey> {
    PrivateKey::decode(Copying(bytes)).ok()
}

fn ingress(address: &str) -> Option<Ingress> {
    if let Ok(address) = address.parse::<SocketAddr>() {
        return Some(Ingress::Socket(address));
    }
    let (host, port) = address.rsplit_once(':')?;
    Some(Ingress::Dns { host: Hostname::new(host).ok()?, port: port.parse().ok()? })
}

/// Where and with what a validator runs.
#[derive(Debug)]
pub struct Host {
    /// Its key: for votes, and to be known by to the others.
    pub key: PrivateKey,
    /// Where it is listened.
    pub listen: SocketAddr,
    /// The address, with port, that the others find it at.
    pub address: String,
    /// Some of the others; they tell of the rest.
    pub peers: Vec<Peer>,
    /// Folder for what consensus has to remember.
    pub folder: PathBuf,
    /// How it works.
    pub settings: Settings,
}

/// Why a validator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address that the others are to find it at is none.
    #[error("{0:?} is no address with a port")]
    Address(String),
    /// Its thread cannot be started.
    #[error("the thread of consensus cannot be started")]
    Thread(#[source] io::Error),
    /// Its parts cannot be put together.
    #[error("consensus cannot be started")]
    Start(#[source] Box<StartError>),
    /// It ended while it started.
    #[error("consensus ended while it started; the log says why")]
    Ended,
}

/// A validator that runs in threads of its own, until it is stopped.
#[derive(Debug)]
pub struct Running {
    /// Its public key.
    pub key: PublicKey,
    /// Tells the others of transactions.
    pub announcer: Announcer,
    /// What it can be asked.
    pub view: View,
    failed: watch::Receiver<Option<Arc<Error>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    /// Waits until it cannot go on.
    pub async fn failed(&self) -> Arc<Error> {
        let mut failed = self.failed.clone();
        let error = failed.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        // Whoever stops it has it for himself, and waits here no more: so it ended by itself, as one of
        // its parts panicked. A disk that is full is such a case.
        error.unwrap_or_else(|| Arc::new(Error::Ended))
    }

    /// Stops it.
    pub fn stop(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it had to say of a panic it has said.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop_now();
    }
}

/// Starts a validator, and waits until its parts work.
///
/// # Errors
///
/// See [`HostError`].
pub fn run(host: Host, ledger: Arc<Ledger>) -> Result<Running, HostError> {
    let dialable = ingress(&host.address).ok_or(HostError::Address(host.address.clone()))?;
    let key = host.key.public_key();
    let (tell, told) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let (fail, failed) = watch::channel(None);
    let thread = thread::Builder::new()
        .name("consensus".to_owned())
        .spawn(move || {
            let config = real::Config::new()
                .with_tcp_nodelay(Some(true))
                .with_worker_threads(2)
                .with_storage_directory(host.folder.clone());
            real::Runner::new(config).start(|runtime| async move {
                match begin(&runtime, host, ledger, dialable).await {
                    Ok(Validator { task, announcer, view }) => {
                        // Whoever waited may have gone.
                        let _ = tell.send(Ok((announcer, view)));
                        select! {
                            error = task => {
                                if let Ok(error) = error {
                                    let _ = fail.send(Some(error));
                                }
                            },
                            _ = stopped => {},
                        }
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                    }
                }
            });
        })
        .map_err(HostError::Thread)?;
    let (announcer, view) = told
        .recv()
        .map_err(|_| HostError::Ended)?
        .map_err(|error| HostError::Start(Box::new(error)))?;
    Ok(Running { key, announcer, view, failed, stop: Some(stop), thread: Some(thread) })
}

async fn begin(
    runtime: &real::Context,
    host: Host,
    ledger: Arc<Ledger>,
    dialable: Ingress,
) -> Result<Validator, StartError> {
    let namespace = namespace(&ledger.chain().reader())?;
    let bootstrappers = host.peers.iter().filter(|peer| peer.key != host.key.public_key());
    let bootstrappers: Vec<_> = bootstrappers
        .filter_map(|peer| Some((peer.key.clone(), ingress(&peer.address)?)))
        .collect();
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: host.key.clone(),
            synchrony_bound: CLOCKS_APART_MAX,
            max_handshake_age: 2 * CLOCKS_APART_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let message_max = message_bytes_max(VALIDATORS_MAX as u32) as u32;
    // Made for validators that may be on one machine: short times between attempts to connect.
    let mut config = discovery::Config::local(
        handshake,
        &[namespace.as_slice(), b"-network"].concat(),
        host.listen,
        dialable,
        bootstrappers,
        NZUsize!(2 * VALIDATORS_MAX),
        message_max,
        NZUsize!(MAILBOX),
    );
    // The epoch before, this one and the next.
    config.tracked_peer_sets = NZUsize!(3);
    let (mut network, oracle) = discovery::Network::new(runtime.child("network"), config);
    let mut register =
        |channel, each_second| network.register(channel, Quota::per_second(each_second));
    // Room is made at the start for a second's messages of as many peers as there can be.
    let channels = Channels {
        votes: register(0, NZU32!(128)),
        certificates: register(1, NZU32!(128)),
        rounds: register(2, NZU32!(64)),
        pieces: register(3, NZU32!(128)),
        blocks: register(4, NZU32!(64)),
        transactions: register(5, NZU32!(256)),
        progress: register(6, NZU32!(4)),
        states: register(7, NZU32!(128)),
    };
    let setup = Setup { key: host.key, ledger, settings: host.settings };
    // A node that is far behind talks with the others before it starts.
    network.start();
    start(runtime.child("heddle"), setup, channels, oracle.clone(), oracle).await
}
