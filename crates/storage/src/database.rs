//! Opening a database, and its readers and writers.

use crate::{
    Disk, Error, FileDisk, Pair, Reader, SimulatedDisk, Table, Writer,
    blocks::{Backend, Blocks},
    cursor::Merge,
    log::Log,
    reader::Base,
    segment::{Change, Gathered, Segment},
    tables::{self, Bounds, Layout},
};
use parking_lot::{Condvar, Mutex, RwLock};
use redb::{ReadableDatabase, ReadableTable, TableHandle, WriteTransaction};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// How to open a database.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Memory for what was read of the tables and for what is being written to them.
    pub cache_bytes: usize,
    /// Memory for what was committed and is not in the tables yet; the log on the disk is about as
    /// large. Whoever commits waits for the tables when it is used up.
    pub unsettled_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 512 << 20, unsettled_bytes_max: 512 << 20 }
    }
}

/// A commit of more bytes than this, or than a quarter of what may be in memory, goes to the tables
/// at once, and not to the log: an import is not kept in memory.
const LOGGED_BYTES_MAX: usize = 32 << 20;

/// Segments with fewer bytes than this are merged with their neighbours, so that there are few.
const MERGED_BYTES_MAX: usize = 4 << 20;

/// What the tables themselves keep: not one of [`Table::ALL`], and seen by this crate alone.
const META: redb::TableDefinition<'static, &'static [u8], &'static [u8]> =
    redb::TableDefinition::new("storage_meta");
/// The number of the last commit that the tables have.
const SETTLED: &[u8] = b"settled";

/// The disks that a database is on.
#[derive(Debug)]
pub struct Disks {
    /// Of the tables.
    pub tables: Box<dyn Disk>,
    /// Of the log's two parts.
    pub log: [Box<dyn Disk>; 2],
}

/// What survives a crash.
#[derive(Debug)]
enum Keeping {
    /// Nothing.
    Nothing,
    /// What was settled.
    Settled,
    /// What was committed, by the log on these disks.
    Committed([Box<dyn Disk>; 2]),
}

/// A database, shared by all that hold a clone. It is closed with the last clone, reader and writer.
#[derive(Clone, Debug)]
pub struct Database(Arc<Inner>);

/// What readers and writers hold on to.
#[derive(Debug)]
pub(crate) struct Inner {
    /// Empty while it is being opened or checked.
    current: RwLock<Option<Current>>,
    /// `None` for a database that dies with the process or can be made anew.
    log: Option<Mutex<Log>>,
    /// Empty only while it is being dropped. Locked for writing by a check alone, which does not
    /// wait for the lock, so that no one waits for long.
    engine: RwLock<Option<redb::Database>>,
    /// Whether the tables survive the process.
    durable: bool,
    blocks: Arc<Blocks>,
    options: Options,
    turns: Turns,
}

/// What a reader that is made now sees.
#[derive(Debug)]
struct Current {
    base: Arc<Base>,
    /// What the base lacks, the oldest first.
    segments: Arc<[Arc<Segment>]>,
    /// How many of them, from the first on, are being settled, and stay as they are.
    settling: usize,
    /// Bytes of all of them, roughly.
    bytes: usize,
    /// Number of the last commit that the base has.
    settled: u64,
    /// Number of the last commit.
    last: u64,
}

/// Whose turn it is.
#[derive(Debug, Default)]
struct Turns {
    taken: Mutex<Taken>,
    given_back: Condvar,
}

#[derive(Debug, Default)]
struct Taken {
    writing: bool,
    settling: bool,
}

/// The turn to write to the tables.
#[derive(Debug)]
pub(crate) struct Settling(Arc<Inner>);

/// What was committed until a moment, on its way to the tables: see [`Database::settle`].
#[derive(Debug)]
pub struct Settlement {
    reader: Reader,
    _turn: Settling,
}

impl Database {
    /// Opens the database in a file, or creates it. Its log lies beside it, in two files with
    /// `-log0` and `-log1` after the name.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when another process has it open, [`Error::Format`] when another version
    /// of Heddle wrote it, [`Error::Damaged`], and what the operating system refuses.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let beside = |suffix: &str| -> Result<Box<dyn Disk>, Error> {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            Ok(Box::new(FileDisk::open(Path::new(&name))?))
        };
        let tables = beside("")?;
        Self::on_disks(Disks { tables, log: [beside("-log0")?, beside("-log1")?] }, options)
    }

    /// A database in a file without a name in `folder`, which is gone when the process is.
    ///
    /// It is on the disk all the same, so that memory stays as `options` set it.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written to.
    pub fn ephemeral(folder: &Path, options: Options) -> Result<Self, Error> {
        Self::start(Box::new(FileDisk::unnamed(folder)?), Keeping::Nothing, options)
    }

    /// Opens the database in a file, or creates it, for what can be made anew. It has no log, so a
    /// commit costs no sync: it survives a crash once it was settled ([`Database::settle`]), and
    /// with it all that was committed before.
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn without_log(path: &Path, options: Options) -> Result<Self, Error> {
        Self::start(Box::new(FileDisk::open(path)?), Keeping::Settled, options)
    }

    /// Opens the database on any disks, or creates it.
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn on_disks(disks: Disks, options: Options) -> Result<Self, Error> {
        Self::start(disks.tables, Keeping::Committed(disks.log), options)
    }

    /// Opens the database on a simulated disk and its siblings, or creates it.
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn simulated(disk: &SimulatedDisk, options: Options) -> Result<Self, Error> {
        let sibling = |place| -> Box<dyn Disk> { Box::new(disk.sibling(place)) };
        Self::on_disks(Disks { tables: sibling(0), log: [sibling(1), sibling(2)] }, options)
    }

    fn start(tables: Box<dyn Disk>, keeping: Keeping, options: Options) -> Result<Self, Error> {
        let durable = !matches!(keeping, Keeping::Nothing);
        let (blocks, complete) = Blocks::open(tables)?;
        let blocks = Arc::new(blocks);
        let engine = guarded(&blocks, || {
            let backend = Backend(blocks.clone());
            let mut builder = redb::Database::builder();
            Ok(builder.set_cache_size(options.cache_bytes).create_with_backend(backend)?)
        })?;
        create_tables(&engine, &blocks, durable)?;
        let base = Base::new(guarded(&blocks, || Ok(engine.begin_read()?))?);
        let settled = guarded(&blocks, || base.settled())?;
        let (log, commits) = match keeping {
            Keeping::Nothing | Keeping::Settled => (None, Vec::new()),
            Keeping::Committed(disks) if complete => {
                let (log, commits) = Log::open(disks, settled)?;
                (Some(Mutex::new(log)), commits)
            }
            Keeping::Committed(disks) => {
                let log = blocks.guarded("begin the log of the database", || Log::create(disks))?;
                (Some(Mutex::new(log)), Vec::new())
            }
        };
        if !complete {
            blocks.complete()?;
        }
        let mut current = Current::new(base, settled);
        for (number, bytes) in commits {
            current.add(Gathered::parse(bytes)?.into_segment(number));
        }
        let engine = RwLock::new(Some(engine));
        let current = RwLock::new(Some(current));
        let turns = Turns::default();
        Ok(Self(Arc::new(Inner { current, log, engine, durable, blocks, options, turns })))
    }

    /// A snapshot of what was committed until now.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] while the database is being checked.
    pub fn reader(&self) -> Result<Reader, Error> {
        Inner::reader(&self.0)
    }

    /// Begins to write. Waits until the writer before has committed or was dropped.
    ///
    /// # Errors
    ///
    /// When an earlier write failed: then the database takes no more until it is opened anew.
    pub fn writer(&self) -> Result<Writer, Error> {
        self.0.refuse_after_failure()?;
        {
            let mut taken = self.0.turns.taken.lock();
            while taken.writing {
                self.0.turns.given_back.wait(&mut taken);
            }
            taken.writing = true;
        }
        match self.0.refuse_after_failure().and_then(|()| self.reader()) {
            Ok(reader) => Ok(Writer::new(reader, self.0.clone())),
            Err(error) => {
                self.0.end_writing();
                Err(error)
            }
        }
    }

    /// Bytes in memory, roughly, of what was committed and is not in the tables yet.
    pub fn unsettled_bytes(&self) -> usize {
        self.0.current.read().as_ref().map_or(0, |current| current.bytes)
    }

    /// Takes what was committed until now, to be written to the tables by [`Settlement::finish`].
    /// Waits until an earlier settlement has ended.
    ///
    /// # Errors
    ///
    /// When an earlier write failed.
    pub fn settlement(&self) -> Result<Settlement, Error> {
        let turn = Inner::begin_settling(&self.0)?;
        let reader = Inner::seal(&self.0)?;
        Ok(Settlement { reader, _turn: turn })
    }

    /// Writes what was committed until now to the tables, whose log and memory it needs no more.
    /// Others read and commit meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit`].
    pub fn settle(&self) -> Result<(), Error> {
        self.settlement()?.finish(Superfluous::NONE)
    }

    /// Why nothing more is written until the database is opened anew, if that is so.
    pub fn failure(&self) -> Option<Error> {
        self.0.blocks.failure()
    }

    /// Reads everything and checks it: each block against its checksum, and each page against the
    /// checksum that the page above it holds, which finds a block that is an old version of itself.
    /// The log was checked when the database was opened.
    ///
    /// `progress` is called from time to time with the number of blocks read and of all blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] with what was found first, [`Error::Busy`] when there are readers or a
    /// writer.
    pub fn verify(&self, progress: impl FnMut(u64, u64) + Send + 'static) -> Result<(), Error> {
        let _turn = Inner::begin_settling(&self.0)?;
        let Some(mut engine) = self.0.engine.try_write() else { return Err(Error::Busy) };
        let engine = engine.as_mut().expect("it is taken in drop alone");
        let mut place = self.0.current.write();
        // The engine wants no snapshot of its tables to be there.
        if place.as_ref().is_none_or(|current| Arc::strong_count(&current.base) > 1) {
            return Err(Error::Busy);
        }
        let Some(Current { base, segments, settling, bytes, settled, last }) = place.take() else {
            return Err(Error::Busy);
        };
        drop(base);
        self.0.blocks.watch(Some(Box::new(progress)));
        let sound = guarded(&self.0.blocks, || Ok(engine.check_integrity()?));
        self.0.blocks.watch(None);
        let base = guarded(&self.0.blocks, || Ok(engine.begin_read()?))?;
        let base = Arc::new(Base::new(base));
        *place = Some(Current { base, segments, settling, bytes, settled, last });
        drop(place);
        if sound? {
            return Ok(());
        }
        let what = "the pages do not fit together".to_owned();
        Err(self.0.blocks.fail(Error::Damaged { offset: None, what }))
    }
}

/// Creates the tables that are not there yet, so that a reader finds all.
fn create_tables(engine: &redb::Database, blocks: &Blocks, durable: bool) -> Result<(), Error> {
    let there: Vec<String> = guarded(blocks, || {
        let transaction = engine.begin_read()?;
        Ok(transaction.list_tables()?.map(|table| table.name().to_owned()).collect())
    })?;
    let mut names = Table::ALL.iter().map(|table| table.name()).chain([META.name()]);
    if names.all(|name| there.iter().any(|there| there == name)) {
        return Ok(());
    }
    guarded(blocks, || {
        let transaction = begin_write(engine, durable)?;
        for table in Table::ALL {
            transaction.open_table(table.definition())?;
        }
        // The first commit is the one with which the log begins.
        transaction.open_table(META)?.insert(SETTLED, 1_u64.to_be_bytes().as_slice())?;
        Ok(transaction.commit()?)
    })
}

fn begin_write(engine: &redb::Database, durable: bool) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = engine.begin_write()?;
    // In two phases and with the state of the allocator: see `blocks`. It makes opening after a
    // crash as fast as any, where redb would otherwise read everything.
    transaction.set_two_phase_commit(durable);
    transaction.set_quick_repair(durable);
    Ok(transaction)
}

impl Base {
    /// The number of the last commit that is in it.
    fn settled(&self) -> Result<u64, redb::Error> {
        let value = self.transaction().open_table(META)?.get(SETTLED)?;
        let bytes = value.and_then(|value| <[u8; 8]>::try_from(value.value()).ok());
        Ok(bytes.map_or(0, u64::from_be_bytes))
    }
}

impl Current {
    fn new(base: Base, last: u64) -> Self {
        let (base, segments) = (Arc::new(base), Arc::default());
        Self { base, segments, settling: 0, bytes: 0, settled: last, last }
    }

    /// Adds a commit. Small ones are merged, each only a few times.
    fn add(&mut self, segment: Segment) {
        self.last = segment.last;
        let mut segments = self.segments.to_vec();
        let mut segment = Arc::new(segment);
        while let Some(before) = segments.last().filter(|_| segments.len() > self.settling) {
            let (old, new) = (before.weight(), segment.weight());
            if old > 2 * new || old + new > MERGED_BYTES_MAX {
                break;
            }
            segment = Arc::new(before.merged(&segment));
            segments.pop();
        }
        segments.push(segment);
        self.set(segments);
    }

    fn set(&mut self, segments: Vec<Arc<Segment>>) {
        self.bytes = segments.iter().map(|segment| segment.weight()).sum();
        self.segments = segments.into();
    }
}

impl Settlement {
    /// What will have been settled.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Writes it to the tables but for what is superfluous. Of what is there already, some of what
    /// has become superfluous is taken away, and all of it sooner or later.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit`].
    pub fn finish(self, superfluous: Superfluous<'_>) -> Result<(), Error> {
        let Self { reader, _turn: turn } = self;
        let database = &turn.0;
        let transaction = database.begin_write()?;
        database.fold(&transaction, &reader, superfluous)?;
        database.clean(&transaction, superfluous)?;
        database.commit_settled(transaction, reader.last)
    }
}

/// Which entries nobody will look at.
#[derive(Clone, Copy)]
pub struct Superfluous<'a> {
    /// The tables that may have such entries.
    pub tables: &'a [Table],
    /// Whether an entry is one, by its key and the next key in its table. It says the same whenever
    /// it is asked, as one that is there may stay for long.
    pub is_superfluous: &'a dyn Fn(&[u8], &[u8]) -> bool,
}

impl Superfluous<'_> {
    /// Somebody may look at everything.
    pub const NONE: Self = Self { tables: &[], is_superfluous: &|_, _| false };
}

impl std::fmt::Debug for Superfluous<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Superfluous").field("tables", &self.tables).finish_non_exhaustive()
    }
}

/// Pages of a table that a settlement looks through for what has become superfluous, besides those
/// that it changes.
const CLEANED_PAGES: usize = 256;

/// Begins the keys of [`META`] under which it says where cleaning a table goes on; behind it stands
/// the table's name.
const CLEANED: &[u8] = b"cleaned ";

impl Drop for Settling {
    fn drop(&mut self) {
        self.0.turns.taken.lock().settling = false;
        self.0.turns.given_back.notify_all();
    }
}

impl Inner {
    fn with_engine<T>(
        &self,
        operation: impl FnOnce(&redb::Database) -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        let engine = self.engine.read();
        let engine = engine.as_ref().expect("it is taken in drop alone");
        self.guarded(|| operation(engine))
    }

    /// Runs what belongs to redb: see the function of the same name.
    pub(crate) fn guarded<T>(
        &self,
        operation: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        guarded(&self.blocks, operation)
    }

    pub(crate) fn refuse_after_failure(&self) -> Result<(), Error> {
        self.blocks.failure().map_or(Ok(()), Err)
    }

    fn reader(this: &Arc<Self>) -> Result<Reader, Error> {
        let current = this.current.read();
        let Current { base, segments, last, .. } = current.as_ref().ok_or(Error::Busy)?;
        Ok(Reader::new(base.clone(), segments.clone(), *last, this.clone()))
    }

    pub(crate) fn logged_bytes_max(&self) -> usize {
        LOGGED_BYTES_MAX.min(self.options.unsettled_bytes_max / 4)
    }

    pub(crate) fn end_writing(&self) {
        self.turns.taken.lock().writing = false;
        self.turns.given_back.notify_all();
    }

    /// Takes the turn to write to the tables.
    pub(crate) fn begin_settling(this: &Arc<Self>) -> Result<Settling, Error> {
        let mut taken = this.turns.taken.lock();
        while taken.settling {
            this.turns.given_back.wait(&mut taken);
        }
        taken.settling = true;
        drop(taken);
        let settling = Settling(this.clone());
        this.refuse_after_failure()?;
        Ok(settling)
    }

    /// Keeps what was committed until now as it is, so that it can be settled, and has what comes
    /// go to the other part of the log.
    fn seal(this: &Arc<Self>) -> Result<Reader, Error> {
        // Taken before `current`, as commits do.
        let log = this.log.as_ref().map(Mutex::lock);
        let mut current = this.current.write();
        let sealed = current.as_mut().ok_or(Error::Busy)?;
        sealed.settling = sealed.segments.len();
        if let Some(mut log) = log {
            log.switch(sealed.settled);
        }
        let Current { base, segments, last, .. } = sealed;
        Ok(Reader::new(base.clone(), segments.clone(), *last, this.clone()))
    }

    pub(crate) fn begin_write(&self) -> Result<WriteTransaction, Error> {
        self.refuse_after_failure()?;
        self.with_engine(|engine| begin_write(engine, self.durable))
    }

    /// Makes the changes of a segment in the tables.
    pub(crate) fn apply(
        &self,
        transaction: &WriteTransaction,
        segment: &Segment,
    ) -> Result<(), Error> {
        self.refuse_after_failure()?;
        self.fold_segments(transaction, &[segment], Superfluous::NONE)
    }

    /// Makes the changes in the tables that a reader sees and they lack, but for what is
    /// superfluous.
    pub(crate) fn fold(
        &self,
        transaction: &WriteTransaction,
        reader: &Reader,
        superfluous: Superfluous<'_>,
    ) -> Result<(), Error> {
        let segments: Vec<&Segment> = reader.segments().iter().map(|segment| &**segment).collect();
        self.fold_segments(transaction, &segments, superfluous)
    }

    fn fold_segments(
        &self,
        transaction: &WriteTransaction,
        segments: &[&Segment],
        superfluous: Superfluous<'_>,
    ) -> Result<(), Error> {
        for name in Table::ALL {
            let changes = newest(segments, name);
            if changes.is_empty() {
                continue;
            }
            let is_asked = superfluous.tables.contains(&name);
            let is_superfluous =
                |key: &[u8], next: &[u8]| is_asked && (superfluous.is_superfluous)(key, next);
            self.guarded(|| {
                let mut table = transaction.open_table(name.definition())?;
                Ok(tables::change(name, &mut table, &changes, &is_superfluous)?)
            })?;
        }
        Ok(())
    }

    /// Takes some of what is superfluous out of the tables.
    fn clean(
        &self,
        transaction: &WriteTransaction,
        superfluous: Superfluous<'_>,
    ) -> Result<(), Error> {
        for name in superfluous.tables.iter().filter(|table| !table.is_scattered()) {
            self.guarded(|| {
                let mut meta = transaction.open_table(META)?;
                let mut table = transaction.open_table(name.definition())?;
                let key = [CLEANED, name.name().as_bytes()].concat();
                let from = meta.get(&key[..])?.map(|from| from.value().to_vec());
                let from = from.unwrap_or_default();
                let next =
                    tables::clean(&mut table, &from, CLEANED_PAGES, superfluous.is_superfluous)?;
                if next != from {
                    meta.insert(&key[..], &next[..])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// All pairs from `from` to `to` with what a transaction has done.
    pub(crate) fn range(
        &self,
        transaction: &WriteTransaction,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> Result<Vec<Pair>, Error> {
        self.guarded(|| {
            let open = transaction.open_table(table.definition())?;
            let layout = Layout::of(table, &open)?;
            let range = |bounds: Bounds<'_>| open.range::<&[u8]>(bounds);
            let cursors = tables::cursors(&layout, range, from, Some(to))?;
            let mut merge = Merge::new(table, cursors, Arc::default(), |_| 0..0);
            let mut pairs = Vec::new();
            while let Some(pair) = merge.next_pair(false)? {
                pairs.push(pair);
            }
            Ok(pairs)
        })
    }

    /// Commits through the log.
    pub(crate) fn commit(this: &Arc<Self>, gathered: Gathered) -> Result<(), Error> {
        Self::wait_for_room(this)?;
        this.refuse_after_failure()?;
        let mut log = this.log.as_ref().map(Mutex::lock);
        let number = this.current.read().as_ref().ok_or(Error::Busy)?.last + 1;
        if let Some(log) = &mut log {
            let append = || log.append(number, gathered.bytes()).and_then(|()| log.sync());
            this.blocks.guarded("write the log of the database", append)?;
        }
        let segment = gathered.into_segment(number);
        this.current.write().as_mut().ok_or(Error::Busy)?.add(segment);
        Ok(())
    }

    /// Waits until there is room for what is committed next. Who finds that nobody makes room makes
    /// it.
    fn wait_for_room(this: &Arc<Self>) -> Result<(), Error> {
        let is_full = || {
            let current = this.current.read();
            current.as_ref().is_some_and(|current| current.bytes > this.options.unsettled_bytes_max)
        };
        while is_full() {
            let mut taken = this.turns.taken.lock();
            if taken.settling {
                this.turns.given_back.wait(&mut taken);
                drop(taken);
                this.refuse_after_failure()?;
                continue;
            }
            drop(taken);
            Database(this.clone()).settle()?;
        }
        Ok(())
    }

    /// Commits what is in the tables already, with all that was committed until `last`.
    fn commit_settled(&self, transaction: WriteTransaction, last: u64) -> Result<(), Error> {
        let base = self.commit_tables(transaction, last)?;
        let mut current = self.current.write();
        let current = current.as_mut().ok_or(Error::Busy)?;
        let left = current.segments[current.settling..].to_vec();
        current.base = base;
        (current.settling, current.settled) = (0, last);
        current.set(left);
        Ok(())
    }

    /// Commits changes that did not go through the log, as commit number `last`.
    pub(crate) fn commit_direct(
        &self,
        transaction: WriteTransaction,
        last: u64,
    ) -> Result<(), Error> {
        let base = self.commit_tables(transaction, last)?;
        // The log goes on after this number, so at the start of a file: within one, all follow.
        if let Some(log) = &self.log {
            log.lock().switch(last);
        }
        let mut current = self.current.write();
        let current = current.as_mut().ok_or(Error::Busy)?;
        // Nobody else has committed: the writer had the turn.
        current.base = base;
        (current.settling, current.settled, current.last) = (0, last, last);
        current.set(Vec::new());
        Ok(())
    }

    fn commit_tables(&self, transaction: WriteTransaction, last: u64) -> Result<Arc<Base>, Error> {
        self.guarded(|| {
            transaction.open_table(META)?.insert(SETTLED, last.to_be_bytes().as_slice())?;
            Ok(transaction.commit()?)
        })?;
        let transaction = self.with_engine(|engine| Ok(engine.begin_read()?))?;
        Ok(Arc::new(Base::new(transaction)))
    }
}

/// What the segments, of which the last is the newest, say of each key of a table, in order.
fn newest<'a>(segments: &[&'a Segment], table: Table) -> Vec<(&'a [u8], Change<'a>)> {
    let count = segments.iter().map(|segment| segment.all(table).len()).sum();
    let mut changes = Vec::with_capacity(count);
    segments.iter().rev().for_each(|segment| segment.list(table, &mut changes));
    // Stable, and the newest came first. Each segment is sorted already.
    changes.sort_by(|(prefix, key, _), (of_other, other, _)| {
        prefix.cmp(of_other).then_with(|| key.cmp(other))
    });
    changes.dedup_by(|(prefix, key, _), (of_other, other, _)| prefix == of_other && key == other);
    changes.into_iter().map(|(_, key, change)| (key, change)).collect()
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The snapshot first.
        drop(self.current.get_mut().take());
        if let Some(engine) = self.engine.get_mut().take() {
            // Closing only saves the next opening some work; a failure costs nothing.
            let _ = guarded(&self.blocks, || Ok(engine.close()?));
        }
    }
}

/// Runs what belongs to redb, and tells its errors as ours.
///
/// redb may panic on bytes that it did not write. The checksums keep those away from it; should
/// one get through all the same, the process goes on, and the database does not.
fn guarded<T>(
    blocks: &Blocks,
    operation: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(match (blocks.failure(), error) {
            (Some(failure), _) => failure,
            (None, redb::Error::Corrupted(what)) => {
                blocks.fail(Error::Damaged { offset: None, what })
            }
            (None, redb::Error::TransactionInProgress) => Error::Busy,
            (None, error) => Error::Engine(Arc::new(error)),
        }),
        Err(panic) => {
            let what = format!("the key-value store panicked: {}", message(panic.as_ref()));
            Err(blocks.fail(Error::Damaged { offset: None, what }))
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimulatedDisk;

    #[test]
    fn a_panic_of_the_engine_ends_the_database_and_not_the_process() {
        let disk = SimulatedDisk::new(1);
        let options = Options { cache_bytes: 1 << 20, ..Options::default() };
        let database = Database::simulated(&disk, options).unwrap();
        let caught = database.0.guarded(|| -> Result<(), redb::Error> { panic!("no such page") });
        assert!(
            matches!(&caught, Err(Error::Damaged { what, .. }) if what.contains("no such page"))
        );
        assert!(matches!(database.writer(), Err(Error::Damaged { .. })));
    }
}
