//! Writing, all or nothing.

use crate::{Error, Pair, Table, database::Inner};
use redb::{ReadableTable, WriteTransaction};
use std::{collections::BTreeMap, mem, sync::Arc};

/// How many bytes of keys and values a writer gathers before it hands them to redb. Gathered and
/// sorted they cost less than one by one; the limit keeps a large import from filling the memory.
const GATHERED_BYTES_MAX: usize = 16 << 20;

/// Changes that [`Writer::commit`] makes at once. Dropped before, it has changed nothing.
pub struct Writer {
    /// Empty only while it is being dropped or committed.
    transaction: Option<WriteTransaction>,
    /// What was put (or, without a value, deleted) and redb has not got yet.
    gathered: [BTreeMap<Vec<u8>, Option<Vec<u8>>>; Table::ALL.len()],
    gathered_bytes: usize,
    database: Arc<Inner>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("gathered_bytes", &self.gathered_bytes)
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn new(transaction: WriteTransaction, database: Arc<Inner>) -> Self {
        let gathered = std::array::from_fn(|_| BTreeMap::new());
        Self { transaction: Some(transaction), gathered, gathered_bytes: 0, database }
    }

    pub(crate) fn create_tables(&mut self) -> Result<(), Error> {
        let transaction = self.transaction();
        self.database.guarded(|| {
            for table in Table::ALL {
                transaction.open_table(table.definition())?;
            }
            Ok(())
        })
    }

    fn transaction(&self) -> &WriteTransaction {
        self.transaction.as_ref().expect("it is taken in commit and drop alone")
    }

    /// Gives a key a value.
    ///
    /// # Errors
    ///
    /// When the database cannot be written to; the same holds for the methods below.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.gather(table, key, Some(value.to_vec()))
    }

    /// Takes a key away, if it is there.
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Error> {
        self.gather(table, key, None)
    }

    fn gather(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) -> Result<(), Error> {
        self.gathered_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.gathered[table as usize].insert(key.to_vec(), value);
        if self.gathered_bytes > GATHERED_BYTES_MAX { self.hand_over() } else { Ok(()) }
    }

    /// Hands redb what was gathered, in order.
    fn hand_over(&mut self) -> Result<(), Error> {
        self.database.refuse_after_failure()?;
        for table in Table::ALL {
            let changes = mem::take(&mut self.gathered[table as usize]);
            if changes.is_empty() {
                continue;
            }
            let transaction = self.transaction();
            self.database.guarded(|| {
                let mut table = transaction.open_table(table.definition())?;
                for (key, value) in &changes {
                    match value {
                        Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                        None => drop(table.remove(key.as_slice())?),
                    }
                }
                Ok(())
            })?;
        }
        self.gathered_bytes = 0;
        Ok(())
    }

    /// The value of a key, with what this writer has done.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if let Some(value) = self.gathered[table as usize].get(key) {
            return Ok(value.clone());
        }
        let transaction = self.transaction();
        self.database.guarded(|| {
            let table = transaction.open_table(table.definition())?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    /// All keys from `from` to `to`, both included, in ascending order, with what this writer has
    /// done. They are gathered in memory: ask for what is known to be small.
    pub fn range(&mut self, table: Table, from: &[u8], to: &[u8]) -> Result<Vec<Pair>, Error> {
        self.take(table, from, to, |pairs| {
            pairs.map(|pair| Ok(owned(pair?))).collect::<Result<Vec<Pair>, redb::StorageError>>()
        })
        .map(Option::unwrap_or_default)
    }

    /// The greatest key from `from` to `to`, both included, and its value, with what this writer
    /// has done.
    pub fn last_below_or_at(
        &mut self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> Result<Option<Pair>, Error> {
        self.take(table, from, to, |pairs| {
            pairs.next_back().map(|pair| Ok(owned(pair?))).transpose()
        })
        .map(Option::flatten)
    }

    fn take<T>(
        &mut self,
        table: Table,
        from: &[u8],
        to: &[u8],
        take: impl FnOnce(
            &mut redb::Range<'_, &'static [u8], &'static [u8]>,
        ) -> Result<T, redb::StorageError>,
    ) -> Result<Option<T>, Error> {
        if from > to {
            return Ok(None);
        }
        self.hand_over()?;
        let transaction = self.transaction();
        self.database.guarded(|| {
            let table = transaction.open_table(table.definition())?;
            let mut pairs = table.range::<&[u8]>(from..=to)?;
            Ok(Some(take(&mut pairs)?))
        })
    }

    /// Makes all changes at once. When it returns without an error they survive a crash.
    ///
    /// # Errors
    ///
    /// After an error it is not known whether the changes are on the disk, and the database takes
    /// no more until it is opened anew.
    pub fn commit(mut self) -> Result<(), Error> {
        self.hand_over()?;
        let transaction = self.transaction.take().expect("it is taken in commit and drop alone");
        self.database.guarded(|| Ok(transaction.commit()?))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            // Nothing was promised; an error has been remembered where it counts.
            let _ = self.database.guarded(|| Ok(transaction.abort()?));
        }
    }
}

type Guards<'a> = (redb::AccessGuard<'a, &'static [u8]>, redb::AccessGuard<'a, &'static [u8]>);

fn owned((key, value): Guards<'_>) -> Pair {
    (key.value().to_vec(), value.value().to_vec())
}
