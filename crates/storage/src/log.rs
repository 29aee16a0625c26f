//! The log: what was committed and is not in the tables yet.
//!
//! Two files are used in turn. Commits are appended to one of them; when the tables have all that
//! it holds, and commits go to the other, it is written anew from its start.
//!
//! A file is a row of sectors of 512 bytes, which a disk writes whole or not at all:
//!
//! ```text
//! checksum (8)  number of the commit (8)  position in the record (4)  492 bytes of the record
//! ```
//!
//! A record begins with a sector of its own: length (8) and checksum (8) of the bytes of the
//! commit, then these. The checksum of a sector is keyed with its place.
//!
//! So after a crash each sector is what was written last, what was there before, or zeros. A record
//! of which some sectors are not its own was never acknowledged: there the log ends. A sector that
//! does not match its checksum is damage always, as a disk leaves none such behind by itself.

use crate::{Disk, Error};
use std::io;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const SECTOR: usize = 512;
const TAG: usize = 20;
const PAYLOAD: usize = SECTOR - TAG;
/// Length and checksum at the beginning of a record.
const RECORD_HEAD: usize = 16;
/// Read at once when the log is opened.
const READ_SECTORS: u64 = 2048;

/// The log of commits.
#[derive(Debug)]
pub(crate) struct Log {
    files: [File; 2],
    /// To which of the files is written.
    active: usize,
    /// Room for what is written, kept for the next time.
    room: Vec<u8>,
}

#[derive(Debug)]
struct File {
    disk: Box<dyn Disk>,
    /// Sectors in use.
    sectors: u64,
    /// The last commit in it; 0 when there is none.
    last: u64,
}

/// A commit that the log holds: its number and its bytes.
pub(crate) type Logged = (u64, Vec<u8>);

impl Log {
    /// Opens the log. Gives the commits after `settled`, in order.
    pub(crate) fn open(
        disks: [Box<dyn Disk>; 2],
        settled: u64,
    ) -> Result<(Self, Vec<Logged>), Error> {
        let mut found = Vec::new();
        let mut files = Vec::new();
        let mut is_whole = true;
        for disk in disks {
            let (file, commits) = File::read(disk)?;
            is_whole &= file.is_begun()?;
            files.push(file);
            found.push(commits);
        }
        let files: [File; 2] = files.try_into().expect("there are two disks");
        if !is_whole {
            let what = "its log is missing; the two files with -log0 and -log1 after the name belong \
                        to it";
            return Err(damaged(what.to_owned()));
        }
        // The one that was begun later.
        let first = |commits: &Vec<Logged>| commits.first().map_or(0, |(number, _)| *number);
        let active = usize::from(first(&found[1]) > first(&found[0]));
        let mut commits: Vec<Logged> = found.into_iter().flatten().collect();
        commits.retain(|(number, _)| *number > settled);
        commits.sort_by_key(|(number, _)| *number);
        for (number, (found, _)) in (settled + 1..).zip(&commits) {
            if *found != number {
                return Err(damaged(format!("commit {number} is missing in the log")));
            }
        }
        let mut log = Self { files, active, room: Vec::new() };
        let file = &mut log.files[active];
        if file.last <= settled {
            file.restart();
        }
        Ok((log, commits))
    }

    /// Empties the log of a database that is being created.
    pub(crate) fn create(disks: [Box<dyn Disk>; 2]) -> io::Result<Self> {
        for disk in &disks {
            disk.set_len(0)?;
            disk.sync()?;
        }
        let files = disks.map(|disk| File { disk, sectors: 0, last: 0 });
        let mut log = Self { files, active: 0, room: Vec::new() };
        // Into both, so that one that went astray is missed: see `is_begun`.
        for active in [1, 0] {
            log.active = active;
            log.append(1, &[])?;
            log.sync()?;
        }
        Ok(log)
    }

    /// Appends a commit. It survives a crash after [`Log::sync`].
    pub(crate) fn append(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let file = &mut self.files[self.active];
        fill_record(&mut self.room, file.sectors, number, bytes);
        file.disk.write_at(file.sectors * SECTOR as u64, &self.room)?;
        file.sectors += (self.room.len() / SECTOR) as u64;
        file.last = number;
        // One large commit is no reason to keep as much for good.
        self.room.shrink_to(16 << 20);
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.files[self.active].disk.sync()
    }

    /// Writes to the other file from now on, if the tables have all that it holds.
    pub(crate) fn switch(&mut self, settled: u64) {
        let other = 1 - self.active;
        if self.files[other].last <= settled {
            self.files[other].restart();
            self.active = other;
        }
    }
}

impl File {
    fn restart(&mut self) {
        (self.sectors, self.last) = (0, 0);
    }

    /// Whether anything was ever written to it, as the creation of the log does. What is written
    /// over that later leaves the first sector as it was, or new, whatever happens.
    fn is_begun(&self) -> Result<bool, Error> {
        let failed = |source| Error::from_io("read the log of the database".to_owned(), source);
        let count = self.disk.len().map_err(failed)? / SECTOR as u64;
        let mut reader = Sectors { disk: &*self.disk, count, first: 0, bytes: Vec::new() };
        Ok(reader.sector(0)?.is_some())
    }

    /// Reads the commits that a file holds.
    fn read(disk: Box<dyn Disk>) -> Result<(Self, Vec<Logged>), Error> {
        let failed = |source| Error::from_io("read the log of the database".to_owned(), source);
        // A part of a sector at the end was never written whole.
        let count = disk.len().map_err(failed)? / SECTOR as u64;
        let mut file = Self { disk, sectors: 0, last: 0 };
        let mut commits: Vec<Logged> = Vec::new();
        let mut reader = Sectors { disk: &*file.disk, count, first: 0, bytes: Vec::new() };
        while let Some((number, bytes, sectors)) =
            reader.record(file.sectors, commits.last().map(|(number, _)| number + 1))?
        {
            file.sectors += sectors;
            commits.push((number, bytes));
        }
        file.last = commits.last().map_or(0, |(number, _)| *number);
        Ok((file, commits))
    }
}

/// Reads sectors in large pieces.
struct Sectors<'a> {
    disk: &'a dyn Disk,
    count: u64,
    first: u64,
    bytes: Vec<u8>,
}

/// A sector that matches its checksum.
struct Sector<'a> {
    number: u64,
    position: u32,
    payload: &'a [u8],
}

impl Sectors<'_> {
    /// The record that begins at a sector: number, bytes, and how many sectors it takes. `None`
    /// where the log ends.
    fn record(
        &mut self,
        start: u64,
        expected: Option<u64>,
    ) -> Result<Option<(u64, Vec<u8>, u64)>, Error> {
        let count = self.count;
        let Some(first) = self.sector(start)? else { return Ok(None) };
        let number = first.number;
        if first.position != 0 || number == 0 || expected.is_some_and(|expected| expected != number)
        {
            return Ok(None);
        }
        let word =
            |at: usize| u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| first.payload[at + i]));
        let (length, checksum) = (word(0), word(8));
        let total = length.saturating_add(RECORD_HEAD as u64);
        let sectors = total.div_ceil(PAYLOAD as u64);
        if start.saturating_add(sectors) > count {
            return Ok(None);
        }
        // It fits the file, so it fits the memory as well as what was written did.
        let mut bytes = Vec::with_capacity(total as usize + PAYLOAD);
        bytes.extend_from_slice(first.payload);
        for position in 1..sectors {
            let sector = self.sector(start + position)?;
            let own = sector
                .filter(|sector| sector.number == number && u64::from(sector.position) == position);
            let Some(own) = own else { return Ok(None) };
            bytes.extend_from_slice(own.payload);
        }
        bytes.truncate(total as usize);
        bytes.drain(..RECORD_HEAD);
        // Sectors of an earlier attempt at the same commit can be among its own.
        Ok((xxh3_64(&bytes) == checksum).then_some((number, bytes, sectors)))
    }

    /// A sector; `None` if nothing was ever written there.
    fn sector(&mut self, at: u64) -> Result<Option<Sector<'_>>, Error> {
        if at >= self.count {
            return Ok(None);
        }
        let held = (self.bytes.len() / SECTOR) as u64;
        if at < self.first || at >= self.first + held {
            let sectors = READ_SECTORS.min(self.count - at);
            self.bytes.resize(sectors as usize * SECTOR, 0);
            let failed = |source| Error::from_io("read the log of the database".to_owned(), source);
            self.disk.read_at(at * SECTOR as u64, &mut self.bytes).map_err(failed)?;
            self.first = at;
        }
        let from = (at - self.first) as usize * SECTOR;
        let bytes = &self.bytes[from..from + SECTOR];
        let (checksum, content) = bytes.split_at(8);
        if checksum != checksum_of(at, content).to_le_bytes() {
            if bytes.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let what = format!("sector {at} of the log does not match its checksum");
            return Err(Error::Damaged { offset: Some(at * SECTOR as u64), what });
        }
        let number = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| content[i]));
        let position = u32::from_le_bytes([8, 9, 10, 11].map(|i| content[i]));
        Ok(Some(Sector { number, position, payload: &content[TAG - 8..] }))
    }
}

/// Makes the sectors of a record that begins at sector `first`.
fn fill_record(out: &mut Vec<u8>, first: u64, number: u64, bytes: &[u8]) {
    let total = RECORD_HEAD + bytes.len();
    let sectors = total.div_ceil(PAYLOAD);
    // What is there of a record before is written over.
    out.resize(sectors * SECTOR, 0);
    let mut rest = bytes;
    for (position, sector) in out.chunks_exact_mut(SECTOR).enumerate() {
        let (checksum, content) = sector.split_at_mut(8);
        content[..8].copy_from_slice(&number.to_le_bytes());
        content[8..12].copy_from_slice(&(position as u32).to_le_bytes());
        let mut payload = &mut content[TAG - 8..];
        if position == 0 {
            payload[..8].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            payload[8..16].copy_from_slice(&xxh3_64(bytes).to_le_bytes());
            payload = &mut payload[RECORD_HEAD..];
        }
        let (now, later) = rest.split_at(rest.len().min(payload.len()));
        payload[..now.len()].copy_from_slice(now);
        payload[now.len()..].fill(0);
        rest = later;
        checksum.copy_from_slice(&checksum_of(first + position as u64, content).to_le_bytes());
    }
}

/// Never 0, so that a sector that was never written does not match.
fn checksum_of(sector: u64, content: &[u8]) -> u64 {
    xxh3_64_with_seed(content, sector).max(1)
}

fn damaged(what: String) -> Error {
    Error::Damaged { offset: Some(0), what }
}
