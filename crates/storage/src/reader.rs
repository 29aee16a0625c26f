//! Reading a snapshot.

use crate::{Error, Table, database::Inner};
use redb::{ReadOnlyTable, ReadTransaction};
use std::sync::{Arc, OnceLock};

type Bytes = &'static [u8];
/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A snapshot of the database: later commits do not change what it sees. Cheap to clone.
///
/// As long as it lives, the database reuses no room that it sees; so do not keep it for long.
#[derive(Clone)]
pub struct Reader(Arc<Snapshot>);

struct Snapshot {
    // Before the transaction, and that before the database: fields are dropped in this order.
    tables: [OnceLock<ReadOnlyTable<Bytes, Bytes>>; Table::ALL.len()],
    transaction: ReadTransaction,
    database: Arc<Inner>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(transaction: ReadTransaction, database: Arc<Inner>) -> Self {
        let tables = std::array::from_fn(|_| OnceLock::new());
        Self(Arc::new(Snapshot { tables, transaction, database }))
    }

    fn table(&self, table: Table) -> Result<&ReadOnlyTable<Bytes, Bytes>, Error> {
        let place = &self.0.tables[table as usize];
        if let Some(opened) = place.get() {
            return Ok(opened);
        }
        let opened =
            self.0.database.guarded(|| Ok(self.0.transaction.open_table(table.definition())?))?;
        Ok(place.get_or_init(|| opened))
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or is damaged; the same holds for the methods below.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let table = self.table(table)?;
        self.0.database.guarded(|| Ok(table.get(key)?.map(|value| value.value().to_vec())))
    }

    /// The greatest key from `from` to `to`, both included, and its value.
    pub fn last_below_or_at(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> Result<Option<Pair>, Error> {
        self.range(table, from, to)?.next_back().transpose()
    }

    /// All keys from `from` to `to`, both included, in ascending order, or in descending order
    /// when read from the back.
    pub fn range(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Range, Error> {
        let table = self.table(table)?;
        let database = self.0.database.clone();
        // redb calls an inverted range an error of the program; here it is an empty one.
        let pairs = if from > to {
            None
        } else {
            Some(database.guarded(|| Ok(table.range::<&[u8]>(from..=to)?))?)
        };
        Ok(Range { pairs, database, _snapshot: self.clone() })
    }

    /// All keys of a table.
    pub fn all(&self, table: Table) -> Result<Range, Error> {
        let table = self.table(table)?;
        let database = self.0.database.clone();
        let pairs = Some(database.guarded(|| Ok(table.range::<&[u8]>(..)?))?);
        Ok(Range { pairs, database, _snapshot: self.clone() })
    }

    /// Number of keys of a table.
    pub fn count(&self, table: Table) -> Result<u64, Error> {
        use redb::ReadableTableMetadata;
        let table = self.table(table)?;
        self.0.database.guarded(|| Ok(table.len()?))
    }
}

/// Keys and values in order, from either end.
pub struct Range {
    /// `None` after the end or an error.
    pairs: Option<redb::Range<'static, Bytes, Bytes>>,
    database: Arc<Inner>,
    _snapshot: Reader,
}

impl std::fmt::Debug for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Range").finish_non_exhaustive()
    }
}

impl Range {
    fn step(&mut self, back: bool) -> Option<Result<Pair, Error>> {
        let pairs = self.pairs.as_mut()?;
        let step = self.database.guarded(|| {
            let pair = if back { pairs.next_back() } else { pairs.next() };
            Ok(pair.transpose()?.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
        });
        if !matches!(step, Ok(Some(_))) {
            self.pairs = None;
        }
        step.transpose()
    }
}

impl Iterator for Range {
    type Item = Result<Pair, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(false)
    }
}

impl DoubleEndedIterator for Range {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(true)
    }
}
