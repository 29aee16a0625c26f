//! The layer between the key-value store and the disk: blocks with checksums.
//!
//! ```text
//! offset 0      one sector: magic, format, state, checksum; zeros up to 4096
//! offset 4096   block 0: checksum (8 bytes), 4096 bytes; block 1; ...
//! ```
//!
//! The checksum is keyed with the number of the block, so that a block in a wrong place does not
//! match. It comes before the bytes of its block because of block 0: there redb keeps, in the
//! first 320 bytes, which of two states is the valid one, and overwrites them at each commit. With
//! the checksum before them they are in one sector of 512 bytes, which a disk writes whole or not
//! at all.
//!
//! All other blocks are written to where nothing valid is, and synced before block 0 names them
//! (`Writer` asks redb for a commit in two phases, with the state of its allocator in it). So after
//! a crash everything that redb reads is intact: a block that was torn is one that nothing names.
//! That is why a mismatch is damage always, in recovery as well.

use crate::{Disk, Error};
use parking_lot::Mutex;
use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The format that this version reads and writes.
pub(crate) const FORMAT: u32 = 4;
/// Bytes of a block as redb sees it; its pages are as large.
pub(crate) const BLOCK: usize = 4096;
const CHECKSUM: usize = 8;
/// Bytes of a block as the disk sees it.
const STORED: usize = CHECKSUM + BLOCK;
/// Where block 0 lies.
const START: u64 = 4096;
const SECTOR: usize = 512;
const MAGIC: [u8; 8] = *b"heddleDB";
/// The database is being created: nothing in it was acknowledged to anyone.
const CREATING: u32 = 1;
const COMPLETE: u32 = 2;

/// Called with the number of blocks read and of all blocks, as a check goes on.
pub(crate) type Progress = Box<dyn FnMut(u64, u64) + Send>;

/// The disk as blocks, with the failure that ended its use, if there was one.
pub(crate) struct Blocks {
    disk: Box<dyn Disk>,
    /// Whether blocks may be read that were never written: only while redb lays out a new file.
    creating: AtomicBool,
    failure: Mutex<Option<Error>>,
    reads: AtomicU64,
    progress: Mutex<Option<Progress>>,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks").field("disk", &self.disk).finish_non_exhaustive()
    }
}

impl Blocks {
    /// Looks at what is on the disk. The second value says whether it was a complete database.
    pub(crate) fn open(disk: Box<dyn Disk>) -> Result<(Self, bool), Error> {
        let failed = |source| Error::from_io("read the start of the database".to_owned(), source);
        let len = disk.len().map_err(failed)?;
        let mut sector = [0; SECTOR];
        let read = usize::try_from(len).unwrap_or(usize::MAX).min(SECTOR);
        disk.read_at(0, &mut sector[..read]).map_err(failed)?;
        let blank = sector.iter().all(|byte| *byte == 0);
        let state = if blank && len <= START { CREATING } else { state_of(&sector)? };
        let complete = state == COMPLETE;
        let blocks = Self {
            disk,
            creating: AtomicBool::new(!complete),
            failure: Mutex::new(None),
            reads: AtomicU64::new(0),
            progress: Mutex::new(None),
        };
        if !complete {
            // Whatever a creation left that did not come to its end is worth nothing.
            blocks.set_state(CREATING)?;
            blocks.guarded("cut off the database", || blocks.disk.set_len(START))?;
            blocks.guarded("sync the database", || blocks.disk.sync())?;
        }
        Ok((blocks, complete))
    }

    /// Marks the database as complete: from here on it is never created anew.
    pub(crate) fn complete(&self) -> Result<(), Error> {
        self.creating.store(false, Ordering::Release);
        self.set_state(COMPLETE)
    }

    fn set_state(&self, state: u32) -> Result<(), Error> {
        let mut sector = [0; SECTOR];
        sector[..8].copy_from_slice(&MAGIC);
        sector[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        sector[12..16].copy_from_slice(&state.to_le_bytes());
        let checksum = xxh3_64(&sector[..16]);
        sector[16..24].copy_from_slice(&checksum.to_le_bytes());
        self.guarded("write the start of the database", || self.disk.write_at(0, &sector))?;
        self.guarded("sync the database", || self.disk.sync())
    }

    /// The failure that ended the use of this disk.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.lock().clone()
    }

    /// Ends the use of this disk. The first failure counts: later ones follow from it.
    pub(crate) fn fail(&self, error: Error) -> Error {
        self.failure.lock().get_or_insert(error).clone()
    }

    /// Has `progress` called from time to time as blocks are read, until it is taken away.
    pub(crate) fn watch(&self, progress: Option<Progress>) {
        self.reads.store(0, Ordering::Relaxed);
        *self.progress.lock() = progress;
    }

    /// Does something to the disk that makes its contents uncertain when it fails.
    pub(crate) fn guarded<T>(
        &self,
        action: &str,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, Error> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        operation().map_err(|source| self.fail(Error::from_io(action.to_owned(), source)))
    }

    /// Number of whole blocks. A crash while the file grew may have left a part of one at the end,
    /// which nothing names.
    fn count(&self) -> Result<u64, Error> {
        let len = self.disk.len();
        let len = len.map_err(|source| {
            self.fail(Error::from_io("look at the database".to_owned(), source))
        })?;
        Ok(len.saturating_sub(START) / STORED as u64)
    }

    /// Reads whole blocks.
    fn read_blocks(&self, first: u64, count: usize) -> Result<Vec<u8>, Error> {
        let offset = offset_of(first);
        let mut stored = vec![0; count * STORED];
        self.disk.read_at(offset, &mut stored).map_err(|source| {
            let missing = source.kind() == io::ErrorKind::UnexpectedEof;
            self.fail(if missing {
                let what = "the file ends before this block".to_owned();
                Error::Damaged { offset: Some(offset), what }
            } else {
                Error::from_io(format!("read {count} blocks at offset {offset}"), source)
            })
        })?;
        let mut blocks = Vec::with_capacity(count * BLOCK);
        for (number, stored) in (first..).zip(stored.chunks_exact(STORED)) {
            let (checksum, bytes) = stored.split_at(CHECKSUM);
            self.check(number, checksum, bytes)?;
            blocks.extend_from_slice(bytes);
        }
        self.report(count as u64)?;
        Ok(blocks)
    }

    fn check(&self, number: u64, checksum: &[u8], bytes: &[u8]) -> Result<(), Error> {
        if checksum == checksum_of(number, bytes).to_le_bytes() {
            return Ok(());
        }
        let unwritten = checksum == [0; CHECKSUM] && bytes.iter().all(|byte| *byte == 0);
        if unwritten && self.creating.load(Ordering::Acquire) {
            return Ok(());
        }
        let what = format!(
            "block {number} {}",
            if unwritten { "was never written" } else { "does not match its checksum" }
        );
        Err(self.fail(Error::Damaged { offset: Some(offset_of(number)), what }))
    }

    fn report(&self, count: u64) -> Result<(), Error> {
        let before = self.reads.fetch_add(count, Ordering::Relaxed);
        // Not at each block: a caller writes a line or draws a bar.
        const STEP: u64 = 1024;
        if before / STEP != (before + count) / STEP
            && let Some(progress) = self.progress.lock().as_mut()
        {
            progress(before + count, self.count()?);
        }
        Ok(())
    }

    fn write_blocks(&self, first: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut stored = Vec::with_capacity(bytes.len() / BLOCK * STORED);
        for (number, bytes) in (first..).zip(bytes.chunks_exact(BLOCK)) {
            stored.extend_from_slice(&checksum_of(number, bytes).to_le_bytes());
            stored.extend_from_slice(bytes);
        }
        self.guarded("write to the database", || self.disk.write_at(offset_of(first), &stored))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let (first, skip) = split(offset);
        let count = (skip + out.len()).div_ceil(BLOCK);
        let blocks = self.read_blocks(first, count)?;
        out.copy_from_slice(&blocks[skip..skip + out.len()]);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let (first, skip) = split(offset);
        if skip == 0 && bytes.len().is_multiple_of(BLOCK) {
            return self.write_blocks(first, bytes);
        }
        // redb writes whole pages, but for its header.
        let count = (skip + bytes.len()).div_ceil(BLOCK);
        let mut blocks = self.read_blocks(first, count)?;
        blocks[skip..skip + bytes.len()].copy_from_slice(bytes);
        self.write_blocks(first, &blocks)
    }
}

/// The state that a first sector tells.
fn state_of(sector: &[u8; SECTOR]) -> Result<u32, Error> {
    let damaged = |what: &str| Error::Damaged { offset: Some(0), what: what.to_owned() };
    if sector[..8] != MAGIC {
        return Err(damaged("the file does not begin as a database of Heddle does"));
    }
    if sector[16..24] != xxh3_64(&sector[..16]).to_le_bytes() {
        return Err(damaged("the start of the file does not match its checksum"));
    }
    let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| sector[at + i]));
    let (format, state) = (number(8), number(12));
    if format != FORMAT {
        return Err(Error::Format { found: format, known: FORMAT });
    }
    if state != CREATING && state != COMPLETE {
        return Err(damaged("the start of the file tells a state that there is not"));
    }
    Ok(state)
}

/// Never 0, which stands for a block that was never written.
fn checksum_of(number: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, number).max(1)
}

const fn offset_of(number: u64) -> u64 {
    START + number * STORED as u64
}

/// The block that an offset of redb's is in, and where in it.
const fn split(offset: u64) -> (u64, usize) {
    (offset / BLOCK as u64, (offset % BLOCK as u64) as usize)
}

/// The blocks as redb uses them.
#[derive(Debug)]
pub(crate) struct Backend(pub(crate) std::sync::Arc<Blocks>);

/// redb passes an error of the backend on as it is; what it was in truth `Blocks` remembers.
fn to_io(error: Error) -> io::Error {
    io::Error::other(error)
}

impl redb::StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.count().map_err(to_io)? * BLOCK as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out).map_err(to_io)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let stored = offset_of(len.div_ceil(BLOCK as u64));
        let resized = self.0.guarded("resize the database", || self.0.disk.set_len(stored));
        resized.map_err(to_io)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.guarded("sync the database", || self.0.disk.sync()).map_err(to_io)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data).map_err(to_io)
    }
}
