//! Follows the events, and remembers on the disk what was seen and is not told yet.
//!
//! A step reads some blocks, and writes their alerts and its new place as one file; only then are alerts
//! told, and forgotten once they are taken. So a process that ends anywhere tells again, and loses nothing.

use crate::{
    alert::{Alert, State},
    config::{Config, Contract},
    words::words,
};
use alloy_primitives::B256;
use heddle_client::{
    At, Log, LogFilter, Node, RpcError,
    files::{self, FileError},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    fs::File,
    path::{Path, PathBuf},
};

/// Most blocks whose events are asked for at once.
const STEP_MAX: u64 = 2_000;
/// Places that are remembered, for reorganisations: the last blocks, one for each step.
const PLACES_MAX: usize = 256;
/// Alerts that wait to be told, at most; no further blocks are read meanwhile.
const OUTBOX_MAX: usize = 10_000;
/// Bytes of the file: each alert has some kilobytes at most.
const BYTES_MAX: u64 = 256 << 20;
const FILE: &str = "guard.json";

/// Why a guard cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The state is of another chain.
    #[error(
        "{path} is of chain {found}, but the node's is {wanted}; give each chain its own folder"
    )]
    Chain {
        /// The file.
        path: PathBuf,
        /// Of the file.
        found: u64,
        /// Of the node.
        wanted: u64,
    },
}

/// A block up to which all is seen, and what was said since the place before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    number: u64,
    hash: B256,
    alerts: Vec<Alert>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    chain_id: u64,
    /// The oldest first.
    places: VecDeque<Place>,
    /// The first block if there is no place.
    first: u64,
    outbox: VecDeque<Alert>,
}

/// Follows the events of contracts.
#[derive(Debug)]
pub struct Watch {
    node: Node,
    contracts: Vec<Contract>,
    folder: PathBuf,
    step: u64,
    seen: Seen,
    /// Keeps other processes away.
    _lock: File,
}

impl Watch {
    /// Goes on where an earlier process has ended.
    ///
    /// # Errors
    ///
    /// See [`WatchError`].
    pub fn open(node: Node, config: &Config) -> Result<Self, WatchError> {
        let folder = config.state.clone();
        files::make_folder(&folder)?;
        let lock = files::lock(&folder)?;
        files::remove_torn(&folder)?;
        let chain_id = node.chain_id()?;
        let seen = read(&folder.join(FILE), chain_id)?;
        let seen = seen.unwrap_or(Seen { chain_id, first: config.from_block, ..Seen::default() });
        let contracts = config.contract.clone();
        Ok(Self { node, contracts, folder, step: STEP_MAX, seen, _lock: lock })
    }

    /// Alerts that wait to be told, the oldest first.
    pub fn outbox(&self) -> &VecDeque<Alert> {
        &self.seen.outbox
    }

    /// The last block that was seen.
    pub fn block(&self) -> Option<u64> {
        self.seen.places.back().map(|place| place.number)
    }

    /// Reads the next blocks. Gives whether there are more.
    ///
    /// # Errors
    ///
    /// See [`WatchError`]; a later call goes on.
    pub fn advance(&mut self) -> Result<bool, WatchError> {
        if self.seen.outbox.len() >= OUTBOX_MAX {
            return Ok(false);
        }
        let latest = self.node.block(At::Latest)?;
        if self.roll_back(latest.number)? {
            return Ok(true);
        }
        let next = self.block().map_or(self.seen.first, |number| number.saturating_add(1));
        if latest.number < next {
            return Ok(false);
        }
        let to = latest.number.min(next.saturating_add(self.step - 1));
        let hash = self.node.block(At::Number(to))?.hash;
        let addresses = self.contracts.iter().map(|contract| contract.address).collect();
        let filter = LogFilter { addresses, kinds: Vec::new(), from: next, to };
        let logs = match self.node.logs(&filter) {
            Ok(logs) => logs,
            Err(error) if next == to => return Err(error.into()),
            // Too many at once, it may be.
            Err(_) => {
                self.step = (self.step / 2).max(1);
                return Ok(true);
            }
        };
        // Events of blocks that are still the same are of one chain.
        if self.node.block(At::Number(to))?.hash != hash {
            return Ok(true);
        }
        self.step = self.step.saturating_mul(2).min(STEP_MAX);
        let alerts: Vec<Alert> = logs.iter().filter_map(|log| self.alert(log)).collect();
        self.seen.outbox.extend(alerts.iter().cloned());
        self.seen.places.push_back(Place { number: to, hash, alerts });
        while self.seen.places.len() > PLACES_MAX {
            self.seen.places.pop_front();
        }
        self.write()?;
        Ok(to < latest.number)
    }

    /// Forgets the first so many alerts of the outbox: they were taken.
    ///
    /// # Errors
    ///
    /// See [`WatchError`]; they are told again then.
    pub fn told(&mut self, count: usize) -> Result<(), WatchError> {
        if count == 0 {
            return Ok(());
        }
        self.seen.outbox.drain(..count.min(self.seen.outbox.len()));
        self.write()
    }

    /// Recalls what was said of blocks that are none of the chain any more. Gives whether there was any.
    fn roll_back(&mut self, latest: u64) -> Result<bool, WatchError> {
        let mut undone = Vec::new();
        while let Some(place) = self.seen.places.back() {
            let is_there = place.number <= latest
                && self.node.block(At::Number(place.number))?.hash == place.hash;
            if is_there {
                break;
            }
            undone.extend(self.seen.places.pop_back());
        }
        let Some(oldest) = undone.last() else { return Ok(false) };
        if self.seen.places.is_empty() {
            // As far back as is remembered: no place is of more blocks.
            self.seen.first = self.seen.first.max(oldest.number.saturating_sub(STEP_MAX));
        }
        tracing::warn!(blocks = undone.len(), "a reorganisation undid blocks");
        for place in &undone {
            let recalled = place.alerts.iter().rev().map(Alert::recalled);
            self.seen.outbox.extend(recalled);
        }
        self.write()?;
        Ok(true)
    }

    fn alert(&self, log: &Log) -> Option<Alert> {
        let contract = self.contracts.iter().find(|one| one.address == log.address)?;
        let (severity, event, text) = words(contract.kind, log)?;
        let id = format!("{}:{}:{}", self.seen.chain_id, log.transaction_hash, log.log_index);
        Some(Alert {
            id,
            state: State::Raised,
            severity,
            text,
            source: contract.name.clone(),
            contract: log.address,
            event: event.to_owned(),
            block: log.block_number.to(),
            block_hash: log.block_hash,
            transaction: log.transaction_hash,
        })
    }

    fn write(&self) -> Result<(), WatchError> {
        let bytes = serde_json::to_vec(&self.seen).map_err(|source| shape(&self.folder, source))?;
        Ok(files::write(&self.folder, FILE, &bytes)?)
    }
}

fn shape(path: &Path, source: serde_json::Error) -> FileError {
    let consequence = "all events since from_block are told again";
    FileError::Shape { path: path.to_owned(), consequence, source }
}

fn read(path: &Path, wanted: u64) -> Result<Option<Seen>, WatchError> {
    let Some(bytes) = files::read(path, BYTES_MAX)? else { return Ok(None) };
    let seen: Seen = serde_json::from_slice(&bytes).map_err(|source| shape(path, source))?;
    if seen.chain_id != wanted {
        return Err(WatchError::Chain { path: path.to_owned(), found: seen.chain_id, wanted });
    }
    Ok(Some(seen))
}
