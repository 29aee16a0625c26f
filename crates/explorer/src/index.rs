//! What is known of blocks beyond the chain's own tables, in a store of its own.
//!
//! In: committed blocks, and their states for what only executing them tells. Out: lists by address,
//! topic and token, balances, figures ([`IndexReader`]).
//!
//! Invariants:
//!
//! 1. The index is a function of the canonical chain up to its head: whatever way led there, its
//!    contents are the same.
//! 2. All that a block changed becomes visible at once, and is undone at once.
//! 3. The index can be thrown away: nothing in it is not made from the chain.

mod block;
mod contention;
mod contract_reads;
mod courtesy;
mod draft;
mod follow;
mod keys;
mod reader;
mod records;
mod replay;
mod tokens;
mod transfers;

pub use follow::{Follower, Progress, Status};
pub use reader::{IndexReader, LogFilter, NameHit, Page, TransferEntry};
pub use records::{
    AddressFigures, BlockSummary, Class, Creation, HotSlot, HourFigures, InternalCall, Place,
    Roles, SlotFigures, Token, Transfer,
};
pub use transfers::transfers;

use alloy_primitives::B256;
use draft::Draft;
use heddle_chain::{ChainReader, CommittedBlock, StateError};
use heddle_executor::call::CallError;
use heddle_storage::{Database, Options, Table};
use keys::Key;
use std::{path::Path, sync::Arc};

/// What the records look like. An index of another format is made anew.
const FORMAT: u64 = 1;

/// Keys that are gathered before they are committed, when many blocks are waiting: some hundred
/// milliseconds of work.
const DRAFT_KEYS_MAX: usize = 10_000;

/// Why the index cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The index's own store failed.
    #[error("the store of the explorer's index failed; `heddle explorer reindex` makes it anew")]
    Store(#[from] heddle_storage::Error),
    /// The chain could not be read.
    #[error("the chain cannot be read for the explorer's index")]
    Chain(#[from] heddle_chain::Error),
    /// A state could not be read.
    #[error("the state cannot be read for the explorer's index")]
    State(#[from] StateError),
    /// A block that is in the chain could not be executed again.
    #[error("block {number} cannot be executed again for the explorer's index")]
    Replay {
        /// Its height.
        number: u64,
        /// What the executor says.
        source: Box<CallError<StateError>>,
    },
    /// A record is not what this version writes.
    #[error("{0} in the explorer's index cannot be read; `heddle explorer reindex` makes it anew")]
    Damaged(&'static str),
    /// The file of the index cannot be removed.
    #[error("the explorer's index cannot be thrown away")]
    Remove(#[source] std::io::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread for the explorer's index")]
    Thread(#[source] std::io::Error),
}

impl IndexError {
    pub(crate) fn damaged(key: &[u8]) -> Self {
        Self::Damaged(match key.first() {
            Some(&keys::BLOCK) => "a block",
            Some(&keys::TOKEN) => "a token",
            Some(&keys::CREATION) => "a contract",
            Some(&keys::BALANCE | &keys::INVENTORY) => "a balance",
            _ => "a record",
        })
    }
}

/// The index of a chain.
#[derive(Clone, Debug)]
pub struct Index {
    database: Database,
}

/// How far the index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexHead {
    /// Height of the last block that it has.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

impl Index {
    /// Opens the index in a file, or begins one there. One of another format is thrown away.
    ///
    /// # Errors
    ///
    /// The store cannot be opened.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self, IndexError> {
        let options = Options { cache_bytes, ..Options::default() };
        let index = Self { database: Database::without_log(path, options)? };
        if index.is_current()? {
            return Ok(index);
        }
        drop(index);
        Self::remove(path)?;
        let index = Self { database: Database::without_log(path, options)? };
        index.begin()?;
        Ok(index)
    }

    /// An index that is gone when the process is, in a file without a name in `folder`.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to.
    pub fn ephemeral(folder: &Path, cache_bytes: usize) -> Result<Self, IndexError> {
        let options = Options { cache_bytes, ..Options::default() };
        let index = Self { database: Database::ephemeral(folder, options)? };
        index.begin()?;
        Ok(index)
    }

    /// Throws an index away.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be removed.
    pub fn remove(path: &Path) -> Result<(), IndexError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(IndexError::Remove(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is of this format.
    fn is_current(&self) -> Result<bool, IndexError> {
        let format = self.database.reader()?.get(Table::ExplorerIndex, &format_key())?;
        Ok(format.as_deref() == Some(&FORMAT.to_be_bytes()))
    }

    fn begin(&self) -> Result<(), IndexError> {
        let mut writer = self.database.writer()?;
        writer.put(Table::ExplorerIndex, &format_key(), &FORMAT.to_be_bytes())?;
        Ok(writer.commit()?)
    }

    /// The index as it is now.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn reader(&self) -> Result<IndexReader, IndexError> {
        IndexReader::new(self.database.reader()?)
    }

    /// Brings the index nearer to the end of the chain: undoes blocks that are not in it any more,
    /// and adds some that are. `at_hand` gives blocks that need not be read. Says whether the index
    /// is at the end of `chain` now.
    ///
    /// # Errors
    ///
    /// See [`IndexError`]; the index is as it was then.
    pub fn advance(
        &self,
        chain: &ChainReader,
        at_hand: &dyn Fn(u64) -> Option<Arc<CommittedBlock>>,
    ) -> Result<bool, IndexError> {
        self.advance_by(DRAFT_KEYS_MAX, chain, at_hand)
    }

    /// The same, with no more blocks at once when so many keys are gathered.
    fn advance_by(
        &self,
        keys_max: usize,
        chain: &ChainReader,
        at_hand: &dyn Fn(u64) -> Option<Arc<CommittedBlock>>,
    ) -> Result<bool, IndexError> {
        let mut draft = Draft::new(&self.database)?;
        let mut head = head_of(|key| draft.get(key))?;
        while let Some(at) = head.filter(|head| !is_canonical(chain, *head)) {
            if !draft.undo_block(at.number)? {
                // Taken back further than anybody can: begin again.
                drop(draft);
                self.clear()?;
                return Ok(false);
            }
            head = head_of(|key| draft.get(key))?;
        }
        let end = chain.head().number;
        let mut next = head.map_or(chain.first(), |head| head.number + 1);
        while next <= end && draft.len() < keys_max {
            add(&mut draft, chain, next, at_hand)?;
            next += 1;
        }
        if let Some(forgotten) = next.checked_sub(UNDO_BLOCKS_MAX) {
            draft.forget_before(forgotten.min(chain.oldest_state()))?;
        }
        if draft.len() > 0 {
            draft.commit(&self.database)?;
        }
        Ok(next > end)
    }

    /// Takes everything out.
    fn clear(&self) -> Result<(), IndexError> {
        let reader = self.database.reader()?;
        for table in [Table::ExplorerIndex, Table::ExplorerJournal] {
            let mut writer = self.database.writer()?;
            for pair in reader.all(table)? {
                writer.delete(table, &pair?.0)?;
            }
            writer.commit()?;
        }
        self.begin()
    }

    /// Bytes that were committed and would not survive a crash.
    pub(crate) fn unsettled_bytes(&self) -> usize {
        self.database.unsettled_bytes()
    }

    /// Makes what was committed survive a crash.
    ///
    /// # Errors
    ///
    /// The store may fail.
    pub fn settle(&self) -> Result<(), IndexError> {
        Ok(self.database.settle()?)
    }
}

/// Blocks that can be undone at least, whatever states the chain keeps.
const UNDO_BLOCKS_MAX: u64 = 1024;

fn format_key() -> Vec<u8> {
    Key::new(keys::META).bytes(b"format").build()
}

fn head_key() -> Vec<u8> {
    Key::new(keys::META).bytes(b"head").build()
}

pub(crate) fn head_of(
    get: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, IndexError>,
) -> Result<Option<IndexHead>, IndexError> {
    let Some(bytes) = get(&head_key())? else { return Ok(None) };
    let mut parts = keys::Parts::of_value(&bytes);
    let head = parts.long().zip(parts.word());
    let (number, hash) = head.ok_or(IndexError::Damaged("the head"))?;
    Ok(Some(IndexHead { number, hash }))
}

fn is_canonical(chain: &ChainReader, head: IndexHead) -> bool {
    chain.hash_of(head.number).is_ok_and(|hash| hash == Some(head.hash))
}

fn add(
    draft: &mut Draft,
    chain: &ChainReader,
    number: u64,
    at_hand: &dyn Fn(u64) -> Option<Arc<CommittedBlock>>,
) -> Result<(), IndexError> {
    let hash = chain.hash_of(number)?.ok_or(IndexError::Damaged("the chain's end"))?;
    let at_hand = at_hand(number).filter(|block| block.block.hash == hash);
    let block = match at_hand {
        Some(block) => block,
        None => {
            let block = chain.committed(number)?;
            Arc::new(block.ok_or(heddle_chain::Error::NoBlock(number))?)
        }
    };
    let replay = if number > chain.first() { replay::replay(chain, &block.block)? } else { None };
    block::index_block(draft, chain.spec(), &block, replay)?;
    let value = [&number.to_be_bytes()[..], hash.as_slice()].concat();
    draft.put(head_key(), Some(value))?;
    draft.end_block(number);
    Ok(())
}
