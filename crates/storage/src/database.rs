//! Opening a database, and its readers and writers.

use crate::{
    Disk, Error, FileDisk, Reader, Table, Writer,
    blocks::{Backend, Blocks},
};
use parking_lot::RwLock;
use redb::{ReadableDatabase, TableHandle};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// How to open a database.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Memory for what was read and for what is being written.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 256 << 20 }
    }
}

/// A database, shared by all that hold a clone. It is closed with the last clone, reader and writer.
#[derive(Clone, Debug)]
pub struct Database(Arc<Inner>);

/// What readers and writers hold on to.
#[derive(Debug)]
pub(crate) struct Inner {
    /// Empty only while it is being dropped. Locked for writing by a check alone, which does not
    /// wait for the lock, so that no one waits for long.
    engine: RwLock<Option<redb::Database>>,
    blocks: Arc<Blocks>,
    durable: bool,
}

impl Database {
    /// Opens the database in a file, or creates it.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when another process has it open, [`Error::Format`] when another version
    /// of Heddle wrote it, [`Error::Damaged`], and what the operating system refuses.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::on_disk(Box::new(FileDisk::open(path)?), options)
    }

    /// A database in a file without a name in `folder`, which is gone when the process is.
    ///
    /// It is on the disk all the same, so that memory stays as `options` set it.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written to.
    pub fn ephemeral(folder: &Path, options: Options) -> Result<Self, Error> {
        Self::start(Box::new(FileDisk::unnamed(folder)?), options, false)
    }

    /// Opens the database on any disk, or creates it.
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn on_disk(disk: Box<dyn Disk>, options: Options) -> Result<Self, Error> {
        Self::start(disk, options, true)
    }

    fn start(disk: Box<dyn Disk>, options: Options, durable: bool) -> Result<Self, Error> {
        let (blocks, complete) = Blocks::open(disk)?;
        let blocks = Arc::new(blocks);
        let engine = guarded(&blocks, || {
            let backend = Backend(blocks.clone());
            let mut builder = redb::Database::builder();
            Ok(builder.set_cache_size(options.cache_bytes).create_with_backend(backend)?)
        })?;
        let engine = RwLock::new(Some(engine));
        let database = Self(Arc::new(Inner { engine, blocks, durable }));
        database.create_tables()?;
        if !complete {
            database.0.blocks.complete()?;
        }
        Ok(database)
    }

    /// Creates the tables that are not there yet, so that a reader finds all.
    fn create_tables(&self) -> Result<(), Error> {
        let transaction = self.0.with_engine(|engine| Ok(engine.begin_read()?))?;
        let there: Vec<String> = self.0.guarded(|| {
            Ok(transaction.list_tables()?.map(|table| table.name().to_owned()).collect())
        })?;
        drop(transaction);
        if Table::ALL.iter().all(|table| there.iter().any(|name| name == table.name())) {
            return Ok(());
        }
        let mut writer = self.writer()?;
        writer.create_tables()?;
        writer.commit()
    }

    /// A snapshot of what was committed until now.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn reader(&self) -> Result<Reader, Error> {
        let transaction = self.0.with_engine(|engine| Ok(engine.begin_read()?))?;
        Ok(Reader::new(transaction, self.0.clone()))
    }

    /// Begins to write. Waits until the writer before has committed or was dropped.
    ///
    /// # Errors
    ///
    /// When an earlier write failed: then the database takes no more until it is opened anew.
    pub fn writer(&self) -> Result<Writer, Error> {
        self.0.refuse_after_failure()?;
        let transaction = self.0.with_engine(|engine| {
            let mut transaction = engine.begin_write()?;
            // In two phases and with the state of the allocator: see `blocks`. It makes opening
            // after a crash as fast as any, where redb would otherwise read everything.
            transaction.set_two_phase_commit(self.0.durable);
            transaction.set_quick_repair(self.0.durable);
            Ok(transaction)
        })?;
        Ok(Writer::new(transaction, self.0.clone()))
    }

    /// Why nothing more is written until the database is opened anew, if that is so.
    pub fn failure(&self) -> Option<Error> {
        self.0.blocks.failure()
    }

    /// Reads everything and checks it: each block against its checksum, and each page against the
    /// checksum that the page above it holds, which finds a block that is an old version of itself.
    ///
    /// `progress` is called from time to time with the number of blocks read and of all blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] with what was found first, [`Error::Busy`] when there are readers or a
    /// writer.
    pub fn verify(&self, progress: impl FnMut(u64, u64) + Send + 'static) -> Result<(), Error> {
        let Some(mut engine) = self.0.engine.try_write() else { return Err(Error::Busy) };
        let engine = engine.as_mut().expect("it is taken in drop alone");
        self.0.blocks.watch(Some(Box::new(progress)));
        let sound = guarded(&self.0.blocks, || Ok(engine.check_integrity()?));
        self.0.blocks.watch(None);
        if sound? {
            return Ok(());
        }
        let what = "the pages do not fit together".to_owned();
        Err(self.0.blocks.fail(Error::Damaged { offset: None, what }))
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
}

impl Drop for Inner {
    fn drop(&mut self) {
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
        let database = Database::on_disk(Box::new(disk), Options { cache_bytes: 1 << 20 }).unwrap();
        let caught = database.0.guarded(|| -> Result<(), redb::Error> { panic!("no such page") });
        assert!(
            matches!(&caught, Err(Error::Damaged { what, .. }) if what.contains("no such page"))
        );
        assert!(matches!(database.writer(), Err(Error::Damaged { .. })));
    }
}
