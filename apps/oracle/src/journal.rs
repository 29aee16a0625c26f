//! What was signed last, on the disk before it is anywhere else: who signs two different observations
//! for one round and attempt of a feed loses its bond.
//!
//! Attempts are numbered by the clock ([`crate::attempt`]), so that it suffices to remember the last
//! attempt of each feed that was signed for, whatever the round. [`Journal::record`] refuses an attempt
//! that is not later. A record is in a new file that takes the place of the old one once it is synced:
//! after a crash there is one of both, whole. What is signed is signed after that, so the older one is
//! only there if nothing newer was.
//!
//! Where there is no file yet, an attempt that has begun is not signed for: the file may have been
//! there, and lost. So even that leads to two signatures only with a clock that was turned back besides.

use crate::observation::{FeedId, Observation};
use alloy_primitives::{Address, aliases::I192};
use heddle_client::files::{self, FileError};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Bytes of a file of a journal.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 14;

/// What a journal asks of a disk.
pub trait Disk {
    /// The whole file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// What the system says, and files that are too long.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Puts a file in the place of one of the same name. When this returns, it is there after a crash;
    /// after a crash before, and after an error, it is there or the one before, whole.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn replace(&mut self, name: &str, content: &[u8]) -> io::Result<()>;
}

/// A folder that no other process uses at the same time.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The lock goes with the process, however that ends.
    _lock: File,
}

impl Folder {
    /// Opens a folder, and makes it if need be.
    ///
    /// # Errors
    ///
    /// See [`JournalError`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |error| match error {
            FileError::Locked(folder) => JournalError::InUse(folder),
            error => JournalError::Disk { path: path.to_owned(), source: io::Error::other(error) },
        };
        files::make_folder(path).map_err(failed)?;
        let lock = files::lock(path).map_err(failed)?;
        files::remove_torn(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }
}

impl Disk for Folder {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        files::read(&self.path.join(name), FILE_BYTES_MAX).map_err(io::Error::other)
    }

    fn replace(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        files::write(&self.path, name, content).map_err(io::Error::other)
    }
}

/// Why something must not be signed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk does not keep it.
    #[error("the state in {path} cannot be kept, so nothing is signed")]
    Disk {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the folder.
    #[error("another process uses the state in {0}; two reporters must not share a state or a key")]
    InUse(PathBuf),
    /// The file is not what was written.
    #[error(
        "{name} in the folder of the state cannot be read; move it away if it is lost, while this \
         is the only reporter with its key"
    )]
    Shape {
        /// The file.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The file is of another reporter, feed or chain.
    #[error(
        "{name} in the folder of the state is of reporter {reporter} on chain {chain_id}; use another folder"
    )]
    Other {
        /// The file.
        name: String,
        /// Whose it is.
        reporter: Address,
        /// Where.
        chain_id: u64,
    },
    /// It was signed for before, or may have been.
    #[error("attempt {attempt} is not later than {last}, the last that may have been signed for")]
    Signed {
        /// Asked for.
        attempt: u32,
        /// The last.
        last: u32,
    },
}

/// What is in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    reporter: Address,
    chain_id: u64,
    feed: Address,
    round: u32,
    attempt: u32,
    value: I192,
    observed_at: u64,
}

/// What may have been signed for a feed.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The last attempt.
    attempt: u32,
    /// What was recorded for it, if anything was.
    observation: Option<Observation>,
}

/// What a reporter has signed last, by feed.
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    reporter: Address,
    marks: BTreeMap<Address, Mark>,
}

fn name(feed: Address) -> String {
    format!("{feed:#x}.json")
}

impl<D: Disk> Journal<D> {
    /// The journal of a reporter on a disk.
    pub const fn new(disk: D, reporter: Address) -> Self {
        Self { disk, reporter, marks: BTreeMap::new() }
    }

    /// Reads what is there of a feed. `now` is the attempt that has begun.
    ///
    /// # Errors
    ///
    /// See [`JournalError`].
    pub fn open(&mut self, id: FeedId, now: u32) -> Result<(), JournalError> {
        let name = name(id.feed);
        let content = self.disk.read(&name).map_err(|source| disk(&name, source))?;
        let mark = match content {
            None => Mark { attempt: now, observation: None },
            Some(content) => {
                let Record { reporter, chain_id, feed, round, attempt, value, observed_at } =
                    serde_json::from_slice(&content)
                        .map_err(|source| JournalError::Shape { name: name.clone(), source })?;
                if (reporter, chain_id, feed) != (self.reporter, id.chain_id, id.feed) {
                    return Err(JournalError::Other { name, reporter, chain_id });
                }
                let observation = Some(Observation { round, attempt, value, observed_at });
                Mark { attempt, observation }
            }
        };
        self.marks.insert(id.feed, mark);
        Ok(())
    }

    /// What was recorded last of a feed, and may be signed again.
    pub fn last(&self, feed: Address) -> Option<Observation> {
        self.marks.get(&feed)?.observation
    }

    /// Records an observation, which may be signed once this has returned.
    ///
    /// # Errors
    ///
    /// See [`JournalError`]. After an error of the disk the attempt is over: what is on the disk is
    /// not known.
    pub fn record(&mut self, id: FeedId, observation: Observation) -> Result<(), JournalError> {
        let Observation { round, attempt, value, observed_at } = observation;
        // A feed that was not opened has no attempt that would be late enough.
        let last = self.marks.get(&id.feed).map_or(u32::MAX, |mark| mark.attempt);
        if attempt <= last {
            return Err(JournalError::Signed { attempt, last });
        }
        self.marks.insert(id.feed, Mark { attempt, observation: None });
        let (reporter, chain_id, feed) = (self.reporter, id.chain_id, id.feed);
        let record = Record { reporter, chain_id, feed, round, attempt, value, observed_at };
        let name = name(feed);
        let content = serde_json::to_vec(&record)
            .map_err(|source| JournalError::Shape { name: name.clone(), source })?;
        self.disk.replace(&name, &content).map_err(|source| disk(&name, source))?;
        self.marks.insert(feed, Mark { attempt, observation: Some(observation) });
        Ok(())
    }

    /// The disk, for what else must survive.
    pub const fn disk(&mut self) -> &mut D {
        &mut self.disk
    }
}

fn disk(name: &str, source: io::Error) -> JournalError {
    JournalError::Disk { path: name.into(), source }
}

#[cfg(test)]
mod tests;
