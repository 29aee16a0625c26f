//! A node among validators: its key, its place on the disk, and consensus beside the chain.

use crate::{
    config::NodeSettings,
    service::{write_secret, write_whole},
};
use alloy_primitives::hex;
use heddle_chain::Chain;
use heddle_consensus::{BlockSettings, Ledger, Memory, Mutants, Pace, Settings, View};
use heddle_host::{
    Host, HostError, Peer, PeerError, Running, private_key, public_key, public_key_of, run,
};
use heddle_pool::Pool;
use parking_lot::Mutex;
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, UNIX_EPOCH},
};

/// Where validators listen for each other, if nobody says.
const PORT: u16 = 30_303;

/// Milliseconds between blocks of a network, if nobody says.
const BLOCK_TIME_MS: u64 = 200;
/// Milliseconds after which a block without transactions is made.
const IDLE_TIME_MS: u64 = 1_000;

/// Blocks that a node has to be behind to take over a state, if nobody says.
const STATE_SYNC_BEHIND: u64 = 1_024;

/// The key of a validator, in the folder of its node.
const KEY_FILE: &str = "validator.key";
/// What consensus remembers, in the folder of its node.
const FOLDER: &str = "consensus";
/// Says where that folder was when it was made.
const PLACE_FILE: &str = "place";
/// There if the folder was copied: when this validator votes again, once that is known.
const SILENCE_FILE: &str = "silence";

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
    Ok(public_key_of(&key))
}

/// What a validator knows of what it has signed: a folder that is not where it was made, as one from
/// a backup is another file, made at another time, may be older than that. Snapshots of a whole disk
/// cannot be told from it: for that there is `--restored`. `said` is what the operator says.
fn memory(folder: &Path, said: Option<bool>) -> io::Result<Memory> {
    let (place, silence) = (folder.join(PLACE_FILE), folder.join(SILENCE_FILE));
    let is_new = fs::read_dir(folder)?.next().is_none();
    let noted = match fs::read_to_string(&place) {
        Ok(noted) => Some(noted),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let is_elsewhere = !is_new && noted.is_none_or(|noted| Ok(noted) != here(&place).map_err(drop));
    let was_copied = said.unwrap_or(is_elsewhere);
    if is_new || is_elsewhere || said == Some(false) {
        if was_copied {
            // Before the folder counts as being at its place, so that no crash makes this forgotten.
            write_whole(&silence, b"")?;
        }
        fs::remove_file(&place).or_else(absent)?;
        fs::write(&place, [])?;
        fs::write(&place, here(&place)?)?;
    }
    if said == Some(false) {
        fs::remove_file(&silence).or_else(absent)?;
    } else if said == Some(true) && !is_elsewhere {
        write_whole(&silence, b"")?;
    }
    match fs::read_to_string(&silence) {
        Ok(text) => {
            let mut numbers = text.split_whitespace().map(str::parse);
            Ok(match (numbers.next(), numbers.next()) {
                (Some(Ok(epoch)), Some(Ok(view))) => Memory::KnownAfter(epoch, view),
                _ => Memory::Unknown,
            })
        }
        Err(error) => absent(error).map(|()| Memory::Whole),
    }
}

/// A file that is not there is no failure.
fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// What tells a file from its copies.
fn here(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    // Not all file systems know when a file was made.
    let made = found.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Ok(format!("{} {} {}", found.dev(), found.ino(), made.map_or(0, |made| made.as_nanos())))
}

/// Writes down from which view on a validator votes again, when the others have told it.
fn remember_silence(view: View, file: PathBuf) {
    let wait = move || {
        while view.is_silent() {
            thread::sleep(Duration::from_millis(200));
        }
        if let Some((epoch, number)) = view.silent_until() {
            let written = write_whole(&file, format!("{epoch} {number}\n").as_bytes());
            if let Err(error) = written {
                tracing::error!(%error, "it cannot be written down when this validator votes again");
            }
        }
    };
    let thread = thread::Builder::new().name("silence".to_owned()).spawn(wait);
    if let Err(error) = thread {
        tracing::error!(%error, "a thread cannot be started");
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
    let began = chain.reader().head().header.timestamp;
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
    let memory = memory(&consensus, settings.restored).map_err(failed)?;
    if memory == Memory::Unknown {
        tracing::warn!(
            "what this validator has signed may not be known here; it asks the others, and signs nothing until then"
        );
    }
    let listen =
        settings.p2p_addr.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT));
    let milliseconds =
        |given: Option<u64>, default| Duration::from_millis(given.unwrap_or(default));
    let block_time = milliseconds(settings.block_time_ms, BLOCK_TIME_MS);
    let idle_time = milliseconds(settings.idle_time_ms, IDLE_TIME_MS).max(block_time);
    let pace = Pace { block_time, idle_time };
    let behind = settings.state_sync_behind.unwrap_or(STATE_SYNC_BEHIND);
    // Nobody is that far ahead on a chain that began just now: nobody has to be asked.
    let age = now.saturating_sub(began).saturating_mul(1_000);
    let is_old = u128::from(age) >= u128::from(behind).saturating_mul(block_time.as_millis());
    let state_sync_behind = Some(behind).filter(|behind| *behind > 0 && is_old);
    let host = Host {
        key,
        listen,
        address: settings.p2p_address.clone().unwrap_or_else(|| listen.to_string()),
        peers,
        folder: consensus,
        settings: Settings { memory, followers, state_sync_behind, ..Settings::with_pace(pace) },
    };
    let silence = host.folder.join(SILENCE_FILE);
    let running = run(host, ledger.clone())?;
    if memory == Memory::Unknown {
        remember_silence(running.view.clone(), silence);
    }
    Ok((ledger, running))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }

    #[test]
    fn a_copied_folder_is_not_trusted_until_the_others_have_told() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        fs::create_dir(&first).unwrap();
        assert_eq!(memory(&first, None).unwrap(), Memory::Whole);
        assert_eq!(memory(&first, None).unwrap(), Memory::Whole);
        copy(&first, &second);
        assert_eq!(memory(&second, None).unwrap(), Memory::Unknown);
        // It crashes before anybody has told.
        assert_eq!(memory(&second, None).unwrap(), Memory::Unknown);
        fs::write(second.join(SILENCE_FILE), "3 17\n").unwrap();
        assert_eq!(memory(&second, None).unwrap(), Memory::KnownAfter(3, 17));
        assert_eq!(memory(&first, None).unwrap(), Memory::Whole);
    }

    #[test]
    fn the_operator_may_know_better() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        fs::create_dir(&first).unwrap();
        memory(&first, None).unwrap();
        copy(&first, &second);
        assert_eq!(memory(&second, Some(false)).unwrap(), Memory::Whole);
        assert_eq!(memory(&second, None).unwrap(), Memory::Whole);
        assert_eq!(memory(&first, Some(true)).unwrap(), Memory::Unknown);
        assert_eq!(memory(&first, None).unwrap(), Memory::Unknown);
    }
}
