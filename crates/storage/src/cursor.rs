//! Walking through the entries of pages, and through several sources of entries at once.

use crate::{
    Table,
    page::take_entry,
    reader::Pair,
    segment::{Change, Segment},
};
use redb::StorageError;
use std::{mem, ops::Range, sync::Arc};

type Bytes = &'static [u8];

/// The entries of pages between two keys, from either end.
pub(crate) struct Cursor<'a> {
    /// The page with the first keys, which the others come after.
    first: Option<Vec<u8>>,
    pages: redb::Range<'a, Bytes, Bytes>,
    from: Vec<u8>,
    /// `None` for all to the end.
    to: Option<Vec<u8>>,
    /// What was loaded at the front, and at the back.
    ends: [Loaded; 2],
}

/// A page whose entries are known.
#[derive(Default)]
struct Loaded {
    bytes: Vec<u8>,
    entries: Vec<Place>,
    /// Entries that were not taken yet.
    left: Range<usize>,
}

/// Where in its page an entry lies.
struct Place {
    key: Range<usize>,
    /// `None` if the key was taken away.
    value: Option<Range<usize>>,
}

impl<'a> Cursor<'a> {
    /// `pages` come after the one that has the entries from `from` on, if there is one.
    pub(crate) fn new(
        first: Option<Vec<u8>>,
        pages: redb::Range<'a, Bytes, Bytes>,
        from: &[u8],
        to: Option<&[u8]>,
    ) -> Self {
        let ends = [Loaded::default(), Loaded::default()];
        Self { first, pages, from: from.to_vec(), to: to.map(<[u8]>::to_vec), ends }
    }

    /// Loads the next page at one end, if it is needed.
    fn fill(&mut self, back: bool) -> Result<(), StorageError> {
        while self.ends[usize::from(back)].left.is_empty() {
            let first = if back { None } else { self.first.take() };
            let page = match first {
                Some(page) => Some(page),
                None => {
                    let next = if back { self.pages.next_back() } else { self.pages.next() };
                    next.transpose()?.map(|(_, page)| page.value().to_vec())
                }
            };
            let page = if back { page.or_else(|| self.first.take()) } else { page };
            let Some(page) = page else {
                // At last both ends meet.
                self.ends[usize::from(back)] = mem::take(&mut self.ends[usize::from(!back)]);
                return Ok(());
            };
            self.ends[usize::from(back)] = Loaded::new(page, &self.from, self.to.as_deref())?;
        }
        Ok(())
    }

    fn key(&self, back: bool) -> Option<&[u8]> {
        let end = &self.ends[usize::from(back)];
        end.place(back).map(|place| &end.bytes[place.key.clone()])
    }

    fn change(&self, back: bool) -> Change<'_> {
        let end = &self.ends[usize::from(back)];
        let value = end.place(back)?.value.clone()?;
        Some(&end.bytes[value])
    }

    fn advance(&mut self, back: bool) {
        step(&mut self.ends[usize::from(back)].left, back);
    }
}

impl Loaded {
    fn new(bytes: Vec<u8>, from: &[u8], to: Option<&[u8]>) -> Result<Self, StorageError> {
        let mut entries = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (key, change) = take_entry(&mut rest)?;
            if key < from {
                continue;
            }
            if to.is_some_and(|to| key > to) {
                break;
            }
            let end = bytes.len() - rest.len();
            let value = end - change.map_or(0, <[u8]>::len)..end;
            entries.push(Place {
                key: value.start - key.len()..value.start,
                value: change.map(|_| value),
            });
        }
        let left = 0..entries.len();
        Ok(Self { bytes, entries, left })
    }

    fn place(&self, back: bool) -> Option<&Place> {
        end_of(&self.left, back).and_then(|at| self.entries.get(at))
    }
}

fn end_of(left: &Range<usize>, back: bool) -> Option<usize> {
    (!left.is_empty()).then(|| if back { left.end - 1 } else { left.start })
}

fn step(left: &mut Range<usize>, back: bool) {
    if back { left.end -= 1 } else { left.start += 1 }
}

/// Several sources of entries as one, from either end. Of those that have a key the newest one says
/// what there is.
pub(crate) struct Merge<'a> {
    table: Table,
    /// In the tables, the oldest first.
    cursors: Vec<Cursor<'a>>,
    /// Newer than those, the oldest first.
    segments: Arc<[Arc<Segment>]>,
    /// What is left of each segment.
    left: Vec<Range<usize>>,
}

impl<'a> Merge<'a> {
    pub(crate) fn new(
        table: Table,
        cursors: Vec<Cursor<'a>>,
        segments: Arc<[Arc<Segment>]>,
        positions: impl Fn(&Segment) -> Range<usize>,
    ) -> Self {
        let left = segments.iter().map(|segment| positions(segment)).collect();
        Self { table, cursors, segments, left }
    }

    fn len(&self) -> usize {
        self.cursors.len() + self.segments.len()
    }

    /// The next key of a source from one end.
    pub(crate) fn key(&self, source: usize, back: bool) -> Option<&[u8]> {
        match source.checked_sub(self.cursors.len()) {
            None => self.cursors[source].key(back),
            Some(at) => self.segments[at].key(self.table, end_of(&self.left[at], back)?),
        }
    }

    /// What a source says of its next key.
    pub(crate) fn change(&self, source: usize, back: bool) -> Change<'_> {
        match source.checked_sub(self.cursors.len()) {
            None => self.cursors[source].change(back),
            Some(at) => self.segments[at].change(self.table, end_of(&self.left[at], back)?),
        }
    }

    /// The newest of the sources that have the next key of all from one end.
    pub(crate) fn newest(&mut self, back: bool) -> Result<Option<usize>, StorageError> {
        for cursor in &mut self.cursors {
            cursor.fill(back)?;
        }
        let comes_first = |a: &[u8], b: &[u8]| if back { a > b } else { a < b };
        let mut first: Option<(usize, &[u8])> = None;
        for source in (0..self.len()).rev() {
            if let Some(key) = self.key(source, back)
                && first.is_none_or(|(_, first)| comes_first(key, first))
            {
                first = Some((source, key));
            }
        }
        Ok(first.map(|(source, _)| source))
    }

    /// Goes on from the key of the source that [`Merge::newest`] told, in all sources.
    pub(crate) fn pass(&mut self, newest: usize, back: bool) {
        for source in 0..newest {
            if self.key(source, back) == self.key(newest, back) {
                self.advance(source, back);
            }
        }
        self.advance(newest, back);
    }

    fn advance(&mut self, source: usize, back: bool) {
        match source.checked_sub(self.cursors.len()) {
            None => self.cursors[source].advance(back),
            Some(at) => step(&mut self.left[at], back),
        }
    }

    /// The next key that is there from one end, with its value.
    pub(crate) fn next_pair(&mut self, back: bool) -> Result<Option<Pair>, StorageError> {
        while let Some(source) = self.newest(back)? {
            let pair = self.key(source, back).zip(self.change(source, back));
            let pair = pair.map(|(key, value)| (key.to_vec(), value.to_vec()));
            self.pass(source, back);
            if pair.is_some() {
                return Ok(pair);
            }
        }
        Ok(None)
    }
}
