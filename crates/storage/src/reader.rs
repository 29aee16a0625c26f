//! Reading a snapshot: the tables as they were settled last, and on top what was committed since.

use crate::{
    Error, Table,
    cursor::Merge,
    database::Inner,
    segment::{Change, Segment},
    tables::{self, Layout},
};
use redb::{ReadOnlyTable, ReadTransaction};
use std::{
    ops::Range as Positions,
    sync::{Arc, OnceLock},
};

type Bytes = &'static [u8];
/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A snapshot of the database: later commits do not change what it sees. Cheap to clone.
///
/// As long as it lives, the database reuses no room that it sees; so do not keep it for long.
#[derive(Clone)]
pub struct Reader {
    // Before the database: fields are dropped in this order.
    base: Arc<Base>,
    /// What the base lacks, the oldest first.
    segments: Arc<[Arc<Segment>]>,
    /// Number of the last commit that it sees.
    pub(crate) last: u64,
    database: Arc<Inner>,
}

/// The tables as they were settled once.
pub(crate) struct Base {
    // Before the transaction.
    tables: [OnceLock<OpenTable>; Table::ALL.len()],
    transaction: ReadTransaction,
}

/// A table that is read, and how it lies.
struct OpenTable {
    table: ReadOnlyTable<Bytes, Bytes>,
    layout: Layout,
}

impl std::fmt::Debug for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Base").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Base {
    pub(crate) fn new(transaction: ReadTransaction) -> Self {
        Self { tables: std::array::from_fn(|_| OnceLock::new()), transaction }
    }

    pub(crate) fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }

    fn table(&self, name: Table, database: &Inner) -> Result<&OpenTable, Error> {
        let place = &self.tables[name as usize];
        if let Some(opened) = place.get() {
            return Ok(opened);
        }
        let opened = database.guarded(|| {
            let table = self.transaction.open_table(name.definition())?;
            let layout = Layout::of(name, &table)?;
            Ok(OpenTable { table, layout })
        })?;
        Ok(place.get_or_init(|| opened))
    }
}

impl Reader {
    pub(crate) fn new(
        base: Arc<Base>,
        segments: Arc<[Arc<Segment>]>,
        last: u64,
        database: Arc<Inner>,
    ) -> Self {
        Self { base, segments, last, database }
    }

    pub(crate) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    fn table(&self, table: Table) -> Result<&OpenTable, Error> {
        self.base.table(table, &self.database)
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or is damaged; the same holds for the methods below.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        for segment in self.segments.iter().rev() {
            if let Some(change) = segment.get(table, key) {
                return Ok(change.map(<[u8]>::to_vec));
            }
        }
        let OpenTable { table, layout } = self.table(table)?;
        self.database.guarded(|| Ok(tables::get(table, layout, key)?))
    }

    /// The greatest key from `from` to `to`, both included, and its value.
    pub fn last_below_or_at(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> Result<Option<Pair>, Error> {
        if from > to {
            return Ok(None);
        }
        let mut newest: Option<(&[u8], Change<'_>)> = None;
        for segment in self.segments.iter().rev() {
            let last = segment.between(table, from, to).next_back();
            let Some((at, key)) = last.and_then(|at| Some((at, segment.key(table, at)?))) else {
                continue;
            };
            if newest.is_none_or(|(newest, _)| key > newest) {
                newest = Some((key, segment.change(table, at)));
            }
        }
        let open = self.table(table)?;
        if let (Layout::Tree, None | Some((_, Some(_)))) = (&open.layout, newest) {
            let above = newest.map_or(from, |(key, _)| key);
            let settled =
                self.database.guarded(|| Ok(tables::last_below_or_at(&open.table, above, to)?))?;
            let newest =
                newest.map(|(key, value)| (key.to_vec(), value.unwrap_or_default().to_vec()));
            // Of the same key the newer one counts.
            return Ok(match (settled, newest) {
                (Some(settled), Some(newest)) if settled.0 > newest.0 => Some(settled),
                (settled, None) => settled,
                (_, newest) => newest,
            });
        }
        self.range(table, from, to)?.next_back().transpose()
    }

    /// All keys from `from` to `to`, both included, in ascending order, or in descending order
    /// when read from the back.
    pub fn range(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Range, Error> {
        if from > to {
            return Ok(Range { merge: None, database: self.database.clone() });
        }
        self.merged(table, from, Some(to), |segment| segment.between(table, from, to))
    }

    /// All keys of a table.
    pub fn all(&self, table: Table) -> Result<Range, Error> {
        self.merged(table, &[], None, |segment| segment.all(table))
    }

    fn merged(
        &self,
        name: Table,
        from: &[u8],
        to: Option<&[u8]>,
        positions: impl Fn(&Segment) -> Positions<usize>,
    ) -> Result<Range, Error> {
        let OpenTable { table, layout } = self.table(name)?;
        let cursors = self.database.guarded(|| {
            Ok(tables::cursors(layout, |bounds| table.range::<&[u8]>(bounds), from, to)?)
        })?;
        let merge = Merge::new(name, cursors, self.segments.clone(), positions);
        Ok(Range { merge: Some(merge), database: self.database.clone() })
    }

    /// Number of keys of a table, all of which are read.
    pub fn count(&self, table: Table) -> Result<u64, Error> {
        self.all(table)?.try_fold(0, |count, pair| pair.map(|_| count + 1))
    }
}

/// Keys and values in order, from either end.
pub struct Range {
    /// `None` for an empty range, and after an error.
    merge: Option<Merge<'static>>,
    database: Arc<Inner>,
}

impl std::fmt::Debug for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Range").finish_non_exhaustive()
    }
}

impl Range {
    fn step(&mut self, back: bool) -> Option<Result<Pair, Error>> {
        let merge = self.merge.as_mut()?;
        let step = self.database.guarded(|| Ok(merge.next_pair(back)?));
        if step.is_err() {
            self.merge = None;
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
