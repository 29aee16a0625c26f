//! A node among validators: its key, its place on the disk, and consensus beside the chain.

use crate::{config::NodeSettings, service::write_secret};
use alloy_primitives::hex;
use heddle_chain::Chain;
use heddle_consensus::{
    BlockSettings, Host, HostError, Ledger, Mutants, Pace, Peer, PeerError, Running, Settings,
    private_key, public_key, run,
};
use heddle_pool::Pool;
use parking_lot::Mutex;
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Where validators listen for each other, if nobody says.
const PORT: u16 = 30_303;

/// Milliseconds between blocks of a network, if nobody says.
const BLOCK_TIME_MS: u64 = 200;
/// Milliseconds after which a block without transactions is made.
const IDLE_TIME_MS: u64 = 1_000;

/// The key of a validator, in the folder of its node.
const KEY_FILE: &str = "validator.key";
/// What consensus remembers, in the folder of its node.
const FOLDER: &str = "consensus";
/// Says where that folder was when it was made.
const PLACE_FILE: &str = "place";

/// Why a node does not take part in a network of validators.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValidatorError {
    #[error("the key {path} cannot be read; make one with `heddle init`")]
    Key { path: PathBuf, source: io::Error },
    #[error("the key {path} has to be 64 hexadecimal digits")]
    NoKey { path: PathBuf },
    #[error("the key {path} can be read by others; take that from them with chmod 600")]
    OpenKey { path: PathBuf },
    #[error("{peer:?} is no peer")]
    Peer { peer: String, source: PeerError },
    #[error("the folder {path} of consensus cannot be used")]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Ledger(#[from] heddle_consensus::Error),
    #[error(transparent)]
    Host(#[from] HostError),
}

/// The key in a file that nobody else can read.
fn read_key(path: &Path) -> Result<heddle_consensus::PrivateKey, ValidatorError> {
    let failed = |source| ValidatorError::Key { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.mode();
    if mode & 0o077 != 0 {
        return Err(ValidatorError::OpenKey { path: path.to_owned() });
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let key = hex::decode(text.trim()).ok().and_then(|bytes| private_key(&bytes));
    key.ok_or(ValidatorError::NoKey { path: path.to_owned() })
}

/// Writes a new key into the folder of a node, and gives its public key.
pub(crate) fn new_key(folder: &Path) -> io::Result<heddle_consensus::PublicKey> {
    use rand::RngCore as _;
    let mut bytes = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    write_secret(&folder.join(KEY_FILE), format!("{}\n", hex::encode(bytes)).as_bytes())?;
    let key = private_key(&bytes).ok_or(io::ErrorKind::InvalidData)?;
    Ok(heddle_consensus::public_key_of(&key))
}

/// Whether what consensus remembers is where it was made: a copy from a backup is another file, made
/// at another time. Snapshots of a whole disk cannot be told from it: see `--restored`.
fn is_where_it_was(folder: &Path) -> io::Result<bool> {
    let path = folder.join(PLACE_FILE);
    let is_new = !path.exists() && fs::read_dir(folder)?.next().is_none();
    if is_new {
        fs::write(&path, [])?;
    }
    let place = || -> io::Result<String> {
        let found = fs::metadata(&path)?;
        // Not all file systems know when a file was made.
        let made = found.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(format!("{} {} {}", found.dev(), found.ino(), made.map_or(0, |made| made.as_nanos())))
    };
    if is_new {
        fs::write(&path, place()?)?;
    }
    match fs::read_to_string(&path) {
        Ok(noted) => Ok(noted == place()?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts the chain, the pool and the network together.
pub(crate) fn start(
    chain: Arc<Chain>,
    pool: Arc<Mutex<Pool>>,
    settings: &NodeSettings,
    folder: &Path,
    now: u64,
) -> Result<(Arc<Ledger>, Running), ValidatorError> {
    let key = match &settings.validator_key {
        Some(path) => read_key(path)?,
        None => read_key(&folder.join(KEY_FILE))?,
    };
    let block_settings = BlockSettings {
        beneficiary: settings.coinbase.unwrap_or_default(),
        gas_limit: settings.gas_limit,
        keep_states: settings.keep_states,
    };
    let ledger = Arc::new(Ledger::new(chain, pool, block_settings, Mutants::default(), now)?);
    let parse = |peer: &String| {
        let parsed = peer.parse::<Peer>();
        parsed.map_err(|source| ValidatorError::Peer { peer: peer.clone(), source })
    };
    let peers = settings.p2p_peers.iter().flatten().map(parse).collect::<Result<Vec<_>, _>>()?;
    let follower = |text: &String| {
        let peer = text.clone();
        public_key(text).ok_or(ValidatorError::Peer { peer, source: PeerError })
    };
    let followers = settings.p2p_followers.iter().flatten().map(follower);
    let followers = followers.collect::<Result<Vec<_>, _>>()?;
    let consensus = folder.join(FOLDER);
    let failed = |source| ValidatorError::Folder { path: consensus.clone(), source };
    fs::create_dir_all(&consensus).map_err(failed)?;
    let was_restored = !is_where_it_was(&consensus).map_err(failed)?;
    let restored = settings.restored == Some(true) || was_restored;
    if restored {
        tracing::warn!(
            "what this validator has signed may not be known here; it asks the others, and signs nothing until then"
        );
    }
    let listen = settings.p2p_addr.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT));
    let milliseconds =
        |given: Option<u64>, default| Duration::from_millis(given.unwrap_or(default));
    let block_time = milliseconds(settings.block_time_ms, BLOCK_TIME_MS);
    let idle_time = milliseconds(settings.idle_time_ms, IDLE_TIME_MS).max(block_time);
    let pace = Pace { block_time, idle_time };
    let host = Host {
        key,
        listen,
        address: settings.p2p_address.clone().unwrap_or_else(|| listen.to_string()),
        peers,
        folder: consensus,
        settings: Settings { restored, followers, ..Settings::with_pace(pace) },
    };
    let running = run(host, ledger.clone())?;
    Ok((ledger, running))
}
