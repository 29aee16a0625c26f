//! A disk in memory that fails as disks do, the same way each time for the same seed.

use super::Disk;
use parking_lot::Mutex;
use std::{io, sync::Arc, task::Waker};

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// A disk in memory. Clones are the same disk, so that a test keeps one and gives away another.
/// Its siblings are other disks of the same machine: faults are counted over all of them, and a
/// crash is one of all.
///
/// What was written and not synced is lost at a crash, or survives, in part and in any order, down
/// to sectors of 512 bytes. What happens follows from the seed and the operations alone.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    machine: Arc<Mutex<State>>,
    place: usize,
}

#[derive(Debug)]
struct State {
    random: Random,
    disks: Vec<Content>,
    /// Operations that change something, until now.
    changes: u64,
    reads: u64,
    syncs: u64,
    /// The machine stops at this change.
    stop_at: Option<u64>,
    stopped: bool,
    stops_on_failure: bool,
    /// Whom to tell that the machine has stopped.
    wakers: Vec<Waker>,
    fail_write_at: Option<u64>,
    fail_sync_at: Option<u64>,
    flip_read_at: Option<u64>,
    capacity: u64,
    crash_effect: CrashEffect,
}

/// What is on one disk.
#[derive(Debug, Default)]
struct Content {
    /// What is certain to survive.
    durable: Vec<u8>,
    /// What is read.
    current: Vec<u8>,
    /// What leads from `durable` to `current`.
    unsynced: Vec<Change>,
}

/// What a crash did to the changes that were not synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashEffect {
    /// How many there were.
    pub unsynced: usize,
    /// How many left no trace.
    pub lost: usize,
    /// How many survived in part.
    pub torn: usize,
    /// Whether one survived, be it in part, that came after one that did not survive whole.
    pub reordered: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write {
        offset: u64,
        bytes: Vec<u8>,
    },
    /// A write that is certain to survive, unlike what came before it.
    SyncedWrite {
        offset: u64,
        bytes: Vec<u8>,
    },
    Resize(u64),
}

impl SimulatedDisk {
    /// An empty disk without faults.
    pub fn new(seed: u64) -> Self {
        Self::holding(Random(seed), vec![Vec::new()], 0)
    }

    /// A disk that holds these bytes, synced.
    pub fn with_bytes(seed: u64, bytes: Vec<u8>) -> Self {
        Self::holding(Random(seed), vec![bytes], 0)
    }

    /// A disk of another machine that is the same as this one, with all its siblings, synced and
    /// without faults.
    pub fn copy(&self, seed: u64) -> Self {
        let disks = self.machine.lock().disks.iter().map(|disk| disk.current.clone()).collect();
        Self::holding(Random(seed), disks, self.place)
    }

    /// Another disk of the same machine, by its place; this one has place 0 if it was made new.
    pub fn sibling(&self, place: usize) -> Self {
        let mut machine = self.machine.lock();
        if machine.disks.len() <= place {
            machine.disks.resize_with(place + 1, Content::default);
        }
        Self { machine: self.machine.clone(), place }
    }

    fn holding(random: Random, disks: Vec<Vec<u8>>, place: usize) -> Self {
        let content = |bytes: Vec<u8>| Content {
            current: bytes.clone(),
            durable: bytes,
            unsynced: Vec::new(),
        };
        let machine = Arc::new(Mutex::new(State {
            random,
            disks: disks.into_iter().map(content).collect(),
            changes: 0,
            reads: 0,
            syncs: 0,
            stop_at: None,
            stopped: false,
            stops_on_failure: false,
            wakers: Vec::new(),
            fail_write_at: None,
            fail_sync_at: None,
            flip_read_at: None,
            capacity: u64::MAX,
            crash_effect: CrashEffect::default(),
        }));
        Self { machine, place }
    }

    /// Number of writes, resizings and syncs until now.
    pub fn changes(&self) -> u64 {
        self.machine.lock().changes
    }

    /// Number of reads until now.
    pub fn reads(&self) -> u64 {
        self.machine.lock().reads
    }

    /// Number of syncs until now.
    pub fn syncs(&self) -> u64 {
        self.machine.lock().syncs
    }

    /// The machine stops in the `n`-th change from now (1 is the next): that one is done in part or
    /// not at all, and nothing after it is.
    pub fn stop_in(&self, n: u64) {
        let mut state = self.machine.lock();
        state.stop_at = Some(state.changes + n);
    }

    /// The machine stops now: nothing is written any more.
    pub fn stop(&self) {
        self.machine.lock().stop();
    }

    /// Whether the machine has stopped, of itself or in a crash.
    pub fn has_stopped(&self) -> bool {
        self.machine.lock().stopped
    }

    /// From now on the machine stops when a change fails, be it that the disk is full.
    pub fn stop_on_failure(&self) {
        self.machine.lock().stops_on_failure = true;
    }

    /// Wakes `waker` once the machine has stopped. It is woken in the midst of an operation, and
    /// must not use the disk.
    pub fn wake_when_stopped(&self, waker: Waker) {
        let mut state = self.machine.lock();
        if state.stopped { waker.wake() } else { state.wakers.push(waker) }
    }

    /// From now on what chance decides follows from this seed.
    pub fn reseed(&self, seed: u64) {
        self.machine.lock().random = Random(seed);
    }

    /// Empties the disk at once and for good, as a file is whose name was removed. It counts as no
    /// change.
    pub fn discard(&self) {
        self.machine.lock().disks[self.place] = Content::default();
    }

    /// Writes `bytes`, and returns when they are certain to survive a crash. Of earlier changes it
    /// makes none certain. Counts as one change and as a sync.
    ///
    /// # Errors
    ///
    /// As a write and a sync.
    pub fn write_synced_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.machine.lock();
        state.change(self.place, Change::Write { offset, bytes: bytes.to_vec() })?;
        if state.count_sync() {
            return Err(state.failed_sync());
        }
        let unsynced = &mut state.disks[self.place].unsynced;
        unsynced.pop();
        unsynced.push(Change::SyncedWrite { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    /// The `n`-th change from now, if it is a write or resizing (else the next such), fails.
    pub fn fail_write_in(&self, n: u64) {
        let mut state = self.machine.lock();
        state.fail_write_at = Some(state.changes + n);
    }

    /// The `n`-th sync from now fails, and what it was to sync survives a crash or not.
    pub fn fail_sync_in(&self, n: u64) {
        let mut state = self.machine.lock();
        state.fail_sync_at = Some(state.syncs + n);
    }

    /// In the `n`-th read from now one bit is wrong.
    pub fn flip_read_in(&self, n: u64) {
        let mut state = self.machine.lock();
        state.flip_read_at = Some(state.reads + n);
    }

    /// From now on the machine has room for this number of bytes, on all its disks together.
    pub fn set_capacity(&self, bytes: u64) {
        self.machine.lock().capacity = bytes;
    }

    /// Changes one byte for good, as a failing medium does.
    pub fn damage(&self, offset: u64) {
        let mut state = self.machine.lock();
        let at = usize::try_from(offset).expect("the disk is in memory");
        let flip = 1 << state.random.below(8);
        let disk = &mut state.disks[self.place];
        disk.current[at] ^= flip;
        if let Some(byte) = disk.durable.get_mut(at) {
            *byte ^= flip;
        }
    }

    /// What is on the disk now.
    pub fn bytes(&self) -> Vec<u8> {
        self.machine.lock().disks[self.place].current.clone()
    }

    /// Number of bytes on this disk and its siblings.
    pub fn total_len(&self) -> u64 {
        self.machine.lock().total_len()
    }

    /// The disk as it is found, with its siblings, after a crash in this moment. These are not
    /// written to any more.
    pub fn crash(&self) -> Self {
        let mut state = self.machine.lock();
        state.stop();
        let State { random, disks, .. } = &mut *state;
        let mut effect = CrashEffect::default();
        // Now and then all survives, or nothing: chance alone would seldom have it so.
        let survivors_of_four = random.below(5);
        let mut found = Vec::with_capacity(disks.len());
        for disk in disks {
            let mut bytes = disk.durable.clone();
            for change in std::mem::take(&mut disk.unsynced) {
                if change.is_synced() {
                    survive(&mut bytes, &change, false, random);
                    continue;
                }
                effect.unsynced += 1;
                let survival = if random.below(4) < survivors_of_four {
                    let torn = survivors_of_four < 4 && random.below(4) == 0;
                    survive(&mut bytes, &change, torn, random)
                } else {
                    Survival::None
                };
                effect.count(survival);
            }
            found.push(bytes);
        }
        let disk = Self::holding(Random(state.random.next()), found, self.place);
        disk.machine.lock().crash_effect = effect;
        disk
    }

    /// What the crash did after which the disk was found like this.
    pub fn crash_effect(&self) -> CrashEffect {
        self.machine.lock().crash_effect
    }
}

impl Change {
    fn is_synced(&self) -> bool {
        matches!(self, Self::SyncedWrite { .. })
    }
}

impl CrashEffect {
    fn count(&mut self, survival: Survival) {
        self.reordered |= survival != Survival::None && self.lost + self.torn > 0;
        match survival {
            Survival::Whole => {}
            Survival::Part => self.torn += 1,
            Survival::None => self.lost += 1,
        }
    }
}

/// How much of a change there is after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Survival {
    Whole,
    Part,
    None,
}

/// Does a change, or, when it is torn, some sectors of it.
fn survive(bytes: &mut Vec<u8>, change: &Change, torn: bool, random: &mut Random) -> Survival {
    let (offset, written) = match change {
        Change::Resize(len) => {
            bytes.resize(to_index(*len), 0);
            return Survival::Whole;
        }
        Change::Write { offset, bytes } | Change::SyncedWrite { offset, bytes } => (*offset, bytes),
    };
    let end = offset + written.len() as u64;
    let (mut from, mut sectors, mut done) = (offset, 0, 0);
    while from < end {
        let to = end.min((from / SECTOR + 1) * SECTOR);
        sectors += 1;
        if !torn || random.below(2) == 0 {
            write(bytes, from, &written[to_index(from - offset)..to_index(to - offset)]);
            done += 1;
        }
        from = to;
    }
    match done {
        all if all == sectors => Survival::Whole,
        0 => Survival::None,
        _ => Survival::Part,
    }
}

fn write(bytes: &mut Vec<u8>, offset: u64, written: &[u8]) {
    let (from, to) = (to_index(offset), to_index(offset) + written.len());
    if bytes.len() < to {
        bytes.resize(to, 0);
    }
    bytes[from..to].copy_from_slice(written);
}

fn to_index(offset: u64) -> usize {
    usize::try_from(offset).expect("the disk is in memory")
}

impl State {
    /// Counts a change, and says whether the machine stops in it.
    fn count_change(&mut self) -> io::Result<bool> {
        self.refuse_when_stopped()?;
        self.changes += 1;
        if self.stop_at.is_some_and(|at| self.changes >= at) {
            self.stop();
        }
        Ok(self.stopped)
    }

    fn stop(&mut self) {
        self.stopped = true;
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }

    /// What a change that fails returns.
    fn failed(&mut self, error: io::Error) -> io::Error {
        if self.stops_on_failure {
            self.stop();
        }
        error
    }

    /// Counts a sync, and says whether it fails.
    fn count_sync(&mut self) -> bool {
        self.syncs += 1;
        let failing = self.fail_sync_at.is_some_and(|at| self.syncs >= at);
        if failing {
            self.fail_sync_at = None;
        }
        failing
    }

    fn failed_sync(&mut self) -> io::Error {
        self.failed(io::Error::other("the simulated disk failed to sync"))
    }

    fn refuse_when_stopped(&self) -> io::Result<()> {
        if self.stopped { Err(io::Error::other("the machine has stopped")) } else { Ok(()) }
    }

    fn total_len(&self) -> u64 {
        self.disks.iter().map(|disk| disk.current.len() as u64).sum()
    }

    fn change(&mut self, place: usize, change: Change) -> io::Result<()> {
        let stopping = self.count_change()?;
        let end = match &change {
            Change::Write { offset, bytes } | Change::SyncedWrite { offset, bytes } => {
                offset + bytes.len() as u64
            }
            Change::Resize(len) => *len,
        };
        let len = self.disks[place].current.len() as u64;
        if end > len && self.total_len() - len + end > self.capacity {
            return Err(self.failed(io::ErrorKind::StorageFull.into()));
        }
        if self.fail_write_at.is_some_and(|at| self.changes >= at) {
            self.fail_write_at = None;
            return Err(self.failed(io::Error::other("the simulated disk failed to write")));
        }
        let disk = &mut self.disks[place];
        match &change {
            Change::Write { offset, bytes } | Change::SyncedWrite { offset, bytes } => {
                write(&mut disk.current, *offset, bytes);
            }
            Change::Resize(len) => disk.current.resize(to_index(*len), 0),
        }
        disk.unsynced.push(change);
        if stopping { self.refuse_when_stopped() } else { Ok(()) }
    }
}

impl Disk for SimulatedDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.machine.lock().disks[self.place].current.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.machine.lock();
        state.reads += 1;
        let from = to_index(offset);
        let bytes = state.disks[self.place].current.get(from..from + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        if state.flip_read_at.is_some_and(|at| state.reads >= at) && !out.is_empty() {
            state.flip_read_at = None;
            let bit = state.random.below(out.len() as u64 * 8);
            out[to_index(bit / 8)] ^= 1 << (bit % 8);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.machine.lock().change(self.place, Change::Write { offset, bytes: bytes.to_vec() })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.machine.lock().change(self.place, Change::Resize(len))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.machine.lock();
        if state.count_change()? {
            return state.refuse_when_stopped();
        }
        let failing = state.count_sync();
        let State { disks, random, .. } = &mut *state;
        let Content { durable, unsynced, .. } = &mut disks[self.place];
        let unsynced = std::mem::take(unsynced);
        for change in &unsynced {
            // An operating system tells of a failed sync once, and forgets what it has not written.
            if !failing || change.is_synced() || random.below(2) == 0 {
                survive(durable, change, false, random);
            }
        }
        if failing { Err(state.failed_sync()) } else { Ok(()) }
    }
}

/// SplitMix64: numbers that look like chance and are the same for the same seed.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
