//! Mirrors on the disk, so that a restart and a reorganisation read few blocks again.

use crate::mirror::{Head, Mirror};
use alloy_primitives::Address;
use heddle_client::{
    At, Node, RpcError,
    files::{self, FileError, failed},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Blocks from one checkpoint to the next.
pub const INTERVAL: u64 = 128;
/// How many are kept: the blocks of a reorganisation that does not begin from the first block.
const KEPT: usize = 4;
/// Bytes of one: some 200 of each account, a million accounts.
const BYTES_MAX: u64 = 256 << 20;
/// Changes with what is written.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Checkpoint<M> {
    format: u32,
    chain_id: u64,
    pool: Address,
    mirror: M,
}

/// The checkpoints of a pool.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    chain_id: u64,
    pool: Address,
    saved: Option<u64>,
    is_reader: bool,
}

impl Checkpoints {
    /// Those in a folder, which is made if it is not there. A reader changes none: another process may be
    /// at work.
    ///
    /// # Errors
    ///
    /// See [`FileError`].
    pub fn open(
        folder: &Path,
        chain_id: u64,
        pool: Address,
        is_reader: bool,
    ) -> Result<Self, FileError> {
        files::make_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), chain_id, pool, saved: None, is_reader })
    }

    /// Writes the mirror if the last one is [`INTERVAL`] blocks old.
    ///
    /// # Errors
    ///
    /// See [`FileError`].
    pub fn save_if_due(&mut self, mirror: &Mirror) -> Result<(), FileError> {
        let number = mirror.head.number;
        if self.saved.is_some_and(|saved| number < saved.saturating_add(INTERVAL)) {
            return Ok(());
        }
        self.save(mirror)
    }

    /// Writes the mirror, and removes what is too old.
    ///
    /// # Errors
    ///
    /// See [`FileError`].
    pub fn save(&mut self, mirror: &Mirror) -> Result<(), FileError> {
        let Head { number, .. } = mirror.head;
        if self.is_reader {
            return Ok(());
        }
        let checkpoint =
            Checkpoint { format: FORMAT, chain_id: self.chain_id, pool: self.pool, mirror };
        let name = format!("{number:020}.json");
        let shape = |source| FileError::Shape {
            path: self.folder.join(&name),
            consequence: "all blocks are read again",
            source,
        };
        let bytes = serde_json::to_vec(&checkpoint).map_err(shape)?;
        files::write(&self.folder, &name, &bytes)?;
        self.saved = Some(number);
        for old in self.list()?.iter().skip(KEPT) {
            fs::remove_file(old).map_err(failed(old))?;
        }
        Ok(())
    }

    /// The newest mirror that is as of a block of the node's chain. Those of blocks that are none any more
    /// are removed, and so is what cannot be read: all of it can be made again.
    ///
    /// # Errors
    ///
    /// If the node does not answer, or the system refuses.
    pub fn newest(&mut self, node: &Node) -> Result<Option<Mirror>, CheckpointError> {
        self.saved = None;
        for path in self.list()? {
            let mirror = self.load(&path)?;
            if let Some(mirror) = mirror
                && is_of_chain(node, mirror.head)?
            {
                self.saved = Some(mirror.head.number);
                return Ok(Some(mirror));
            }
            if !self.is_reader {
                fs::remove_file(&path).map_err(failed(&path))?;
            }
        }
        Ok(None)
    }

    fn load(&self, path: &Path) -> Result<Option<Mirror>, FileError> {
        let Some(bytes) = files::read(path, BYTES_MAX)? else { return Ok(None) };
        let Ok(found) = serde_json::from_slice::<Checkpoint<Mirror>>(&bytes) else {
            return Ok(None);
        };
        let is_ours =
            (found.format, found.chain_id, found.pool) == (FORMAT, self.chain_id, self.pool);
        Ok(is_ours.then_some(found.mirror))
    }

    /// The newest first.
    fn list(&self) -> Result<Vec<PathBuf>, FileError> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed(&self.folder))? {
            let path = entry.map_err(failed(&self.folder))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort_unstable_by(|a, b| b.cmp(a));
        Ok(paths)
    }
}

/// Why there is no checkpoint to go on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The files.
    #[error(transparent)]
    File(#[from] FileError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// Whether the chain of a node has a block.
fn is_of_chain(node: &Node, head: Head) -> Result<bool, RpcError> {
    match node.block(At::Number(head.number)) {
        Ok(block) => Ok(block.hash == head.hash),
        // It has fewer blocks.
        Err(RpcError::Shape { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
