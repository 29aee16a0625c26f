//! Reading a snapshot: the tables as they were settled last, and on top what was committed since.

use crate::{
    Error, Table,
    database::Inner,
    segment::{Change, Segment},
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
    tables: [OnceLock<ReadOnlyTable<Bytes, Bytes>>; Table::ALL.len()],
    transaction: ReadTransaction,
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

    fn table(&self, table: Table, database: &Inner) -> Result<&ReadOnlyTable<Bytes, Bytes>, Error> {
        let place = &self.tables[table as usize];
        if let Some(opened) = place.get() {
            return Ok(opened);
        }
        let opened = database.guarded(|| Ok(self.transaction.open_table(table.definition())?))?;
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

    fn table(&self, table: Table) -> Result<&ReadOnlyTable<Bytes, Bytes>, Error> {
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
        let table = self.table(table)?;
        self.database.guarded(|| Ok(table.get(key)?.map(|value| value.value().to_vec())))
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
        let base = self.table(table)?;
        // redb calls an inverted range an error of the program; here it is an empty one.
        if from > to {
            return Ok(Range::new(self.clone(), table, None, |_| 0..0));
        }
        let pairs = self.database.guarded(|| Ok(base.range::<&[u8]>(from..=to)?))?;
        Ok(Range::new(self.clone(), table, Some(pairs), |segment| segment.between(table, from, to)))
    }

    /// All keys of a table.
    pub fn all(&self, table: Table) -> Result<Range, Error> {
        let base = self.table(table)?;
        let pairs = self.database.guarded(|| Ok(base.range::<&[u8]>(..)?))?;
        Ok(Range::new(self.clone(), table, Some(pairs), |segment| segment.all(table)))
    }

    /// Number of keys of a table. Takes time in proportion to what was committed lately.
    pub fn count(&self, table: Table) -> Result<u64, Error> {
        use redb::ReadableTableMetadata;
        let base = self.table(table)?;
        let mut count = self.database.guarded(|| Ok(base.len()?))?;
        let mut newer: Vec<(&[u8], Change<'_>)> = Vec::new();
        for segment in self.segments.iter().rev() {
            let entries = segment.all(table).filter_map(|at| {
                segment.key(table, at).map(|key| (key, segment.change(table, at)))
            });
            newer.extend(entries);
        }
        // Stable, and the newest came first.
        newer.sort_by_key(|(key, _)| *key);
        newer.dedup_by_key(|(key, _)| *key);
        for (key, change) in newer {
            let was_there = self.database.guarded(|| Ok(base.get(key)?.is_some()))?;
            match (was_there, change.is_some()) {
                (false, true) => count += 1,
                (true, false) => count -= 1,
                _ => {}
            }
        }
        Ok(count)
    }
}

/// Keys and values in order, from either end.
pub struct Range {
    /// Of the settled tables. `None` for an empty range, and after an error.
    pairs: Option<redb::Range<'static, Bytes, Bytes>>,
    /// What was read of them and not given yet, from the front and from the back.
    ends: [Option<Pair>; 2],
    /// What is left of each segment.
    left: Vec<Positions<usize>>,
    table: Table,
    reader: Reader,
}

impl std::fmt::Debug for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Range").finish_non_exhaustive()
    }
}

impl Range {
    fn new(
        reader: Reader,
        table: Table,
        pairs: Option<redb::Range<'static, Bytes, Bytes>>,
        positions: impl Fn(&Segment) -> Positions<usize>,
    ) -> Self {
        let left = reader.segments.iter().map(|segment| positions(segment)).collect();
        Self { pairs, ends: [None, None], left, table, reader }
    }

    /// The next pair of the settled tables from one end.
    fn settled(&mut self, back: bool) -> Result<Option<&Pair>, Error> {
        let (own, other) = (usize::from(back), usize::from(!back));
        if self.ends[own].is_none() {
            let next = match &mut self.pairs {
                None => None,
                Some(pairs) => self.reader.database.guarded(|| {
                    let pair = if back { pairs.next_back() } else { pairs.next() };
                    let pair = pair.transpose()?;
                    Ok(pair.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
                })?,
            };
            // At last both ends meet.
            self.ends[own] = next.or_else(|| self.ends[other].take());
        }
        Ok(self.ends[own].as_ref())
    }

    /// The position of the next key of a segment from one end.
    fn place_in(&self, segment: usize, back: bool) -> Option<usize> {
        let left = &self.left[segment];
        (!left.is_empty()).then(|| if back { left.end - 1 } else { left.start })
    }

    fn step(&mut self, back: bool) -> Result<Option<Pair>, Error> {
        loop {
            let segments = self.reader.segments.clone();
            let table = self.table;
            let key = |range: &Self, at: usize| {
                let position = range.place_in(at, back)?;
                segments[at].key(table, position)
            };
            let comes_first = |a: &[u8], b: &[u8]| if back { a > b } else { a < b };
            let mut first: Option<&[u8]> = None;
            for at in 0..segments.len() {
                if let Some(key) = key(self, at)
                    && first.is_none_or(|first| comes_first(key, first))
                {
                    first = Some(key);
                }
            }
            let settled = self.settled(back)?.map(|(key, _)| key.as_slice());
            let in_settled = match (settled, first) {
                (None, None) => return Ok(None),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(settled), Some(first)) => !comes_first(first, settled),
            };
            let in_segments = match (self.ends[usize::from(back)].as_ref(), first) {
                (_, None) => None,
                (Some((settled, _)), Some(first)) if in_settled && settled != first => None,
                (_, first) => first,
            };
            let settled = self.ends[usize::from(back)].take_if(|_| in_settled);
            let Some(first) = in_segments else { return Ok(settled) };
            // The newest one that has the key says what is there.
            let mut change: Option<Change<'_>> = None;
            for at in (0..segments.len()).rev() {
                if key(self, at) != Some(first) {
                    continue;
                }
                if let (None, Some(position)) = (change, self.place_in(at, back)) {
                    change = Some(segments[at].change(table, position));
                }
                let left = &mut self.left[at];
                if back { left.end -= 1 } else { left.start += 1 }
            }
            if let Some(value) = change.flatten() {
                return Ok(Some((first.to_vec(), value.to_vec())));
            }
        }
    }

    fn step_or_end(&mut self, back: bool) -> Option<Result<Pair, Error>> {
        let step = self.step(back);
        if step.is_err() {
            self.pairs = None;
            self.ends = [None, None];
            self.left.iter_mut().for_each(|left| left.start = left.end);
        }
        step.transpose()
    }
}

impl Iterator for Range {
    type Item = Result<Pair, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step_or_end(false)
    }
}

impl DoubleEndedIterator for Range {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step_or_end(true)
    }
}
