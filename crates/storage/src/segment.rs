//! Changes of the tables in memory: those of one commit, or of several that follow each other.
//!
//! All keys and values lie in one buffer, as they are written to the log, and for each table an
//! index of it is sorted by key. So a change costs a copy and a share of a sort.

use crate::{Error, Table};
use std::{cmp::Ordering, ops::Range};

/// The length that stands for no value: the key is taken away.
const DELETED: u32 = u32::MAX;
/// Table, length of the key, length of the value.
const HEAD: usize = 1 + 4 + 4;

/// Where a change lies.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first bytes of the key, big-endian and padded with zeros: most comparisons end here.
    prefix: u64,
    /// Of the key in the buffer; the value comes behind it.
    offset: u32,
    key_len: u32,
    /// [`DELETED`] if there is none.
    value_len: u32,
}

/// Sorted changes.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    buffer: Vec<u8>,
    tables: [Vec<Entry>; Table::ALL.len()],
    /// Number of the last commit that is in it.
    pub(crate) last: u64,
}

/// Changes that are being gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    segment: Segment,
    /// How much of each table's index is sorted.
    sorted: [usize; Table::ALL.len()],
}

/// What is known of a key: a value, or that it was taken away.
pub(crate) type Change<'a> = Option<&'a [u8]>;

impl Gathered {
    /// Adds a change. The last one of a key counts.
    pub(crate) fn add(&mut self, table: Table, key: &[u8], value: Change<'_>) {
        let Segment { buffer, tables, .. } = &mut self.segment;
        let value_len = value.map_or(DELETED, length);
        buffer.push(table as u8);
        buffer.extend_from_slice(&length(key).to_le_bytes());
        buffer.extend_from_slice(&value_len.to_le_bytes());
        let offset = length(buffer);
        buffer.extend_from_slice(key);
        buffer.extend_from_slice(value.unwrap_or_default());
        let entry = Entry { prefix: prefix(key), offset, key_len: length(key), value_len };
        tables[table as usize].push(entry);
    }

    /// Reads what another run of this process logged.
    pub(crate) fn parse(buffer: Vec<u8>) -> Result<Self, Error> {
        let damaged = || {
            let what = "a commit in the log has another form than it should".to_owned();
            Error::Damaged { offset: None, what }
        };
        let mut gathered = Self::default();
        let mut at = 0;
        while at < buffer.len() {
            let head = buffer.get(at..at + HEAD).ok_or_else(damaged)?;
            let number = |from: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| head[from + i]));
            let (key_len, value_len) = (number(1), number(5));
            let index = gathered.segment.tables.get_mut(usize::from(head[0]));
            let index = index.ok_or_else(damaged)?;
            let offset = at + HEAD;
            let value = if value_len == DELETED { 0 } else { value_len as usize };
            at = offset + key_len as usize + value;
            let key = buffer.get(offset..at).and_then(|bytes| bytes.get(..key_len as usize));
            let prefix = prefix(key.ok_or_else(damaged)?);
            index.push(Entry { prefix, offset: offset as u32, key_len, value_len });
        }
        gathered.segment.buffer = buffer;
        Ok(gathered)
    }

    /// What these changes say of a key. Quick when few came since they were sorted last.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<Change<'_>> {
        let Segment { buffer, tables, .. } = &self.segment;
        let (sorted, rest) = tables[table as usize].split_at(self.sorted[table as usize]);
        let prefix = prefix(key);
        let is_it = |entry: &&Entry| entry.prefix == prefix && entry.key(buffer) == key;
        let newest = rest
            .iter()
            .rev()
            .find(is_it)
            .or_else(|| sorted.get(first_not_below(buffer, sorted, key)).filter(is_it))?;
        Some(newest.value(buffer))
    }

    /// What goes to the log.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.segment.buffer
    }

    /// The changes in order, each key once.
    pub(crate) fn sorted(&mut self) -> &Segment {
        let Self { segment: Segment { buffer, tables, .. }, sorted } = self;
        for (index, sorted) in tables.iter_mut().zip(sorted) {
            if *sorted == index.len() {
                continue;
            }
            // Stable, so that of equal keys the last one stays last.
            index.sort_by(|a, b| compare(buffer, a, b));
            keep_last(buffer, index);
            *sorted = index.len();
        }
        &self.segment
    }

    /// The changes as those of a commit.
    pub(crate) fn into_segment(mut self, number: u64) -> Segment {
        self.sorted();
        Segment { last: number, ..self.segment }
    }
}

fn length(bytes: &[u8]) -> u32 {
    // A writer hands larger amounts to the store long before.
    u32::try_from(bytes.len()).expect("a commit in memory has less than 4 GiB")
}

fn prefix(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = key.len().min(8);
    first[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(first)
}

fn compare(buffer: &[u8], a: &Entry, b: &Entry) -> Ordering {
    a.prefix.cmp(&b.prefix).then_with(|| a.key(buffer).cmp(b.key(buffer)))
}

/// Position of the first key of a sorted index that is not below `key`.
fn first_not_below(buffer: &[u8], index: &[Entry], key: &[u8]) -> usize {
    let prefix = prefix(key);
    index.partition_point(|entry| {
        entry.prefix < prefix || entry.prefix == prefix && entry.key(buffer) < key
    })
}

/// Of neighbours with the same key only the last one stays.
fn keep_last(buffer: &[u8], index: &mut Vec<Entry>) {
    let mut kept = 0;
    for at in 0..index.len() {
        let is_last = index.get(at + 1).is_none_or(|next| {
            next.prefix != index[at].prefix || next.key(buffer) != index[at].key(buffer)
        });
        if is_last {
            index[kept] = index[at];
            kept += 1;
        }
    }
    index.truncate(kept);
}

impl Entry {
    fn key<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        let from = self.offset as usize;
        &buffer[from..from + self.key_len as usize]
    }

    fn value<'a>(&self, buffer: &'a [u8]) -> Change<'a> {
        let from = self.offset as usize + self.key_len as usize;
        (self.value_len != DELETED).then(|| &buffer[from..from + self.value_len as usize])
    }
}

impl Segment {
    /// Bytes in memory, roughly.
    pub(crate) fn weight(&self) -> usize {
        self.buffer.len() + self.entries() * size_of::<Entry>()
    }

    /// Number of changes.
    pub(crate) fn entries(&self) -> usize {
        self.tables.iter().map(Vec::len).sum()
    }

    /// What this segment says of a key.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<Change<'_>> {
        let index = &self.tables[table as usize];
        let at = self.first_not_below(table, key);
        let entry = index.get(at).filter(|entry| entry.key(&self.buffer) == key)?;
        Some(entry.value(&self.buffer))
    }

    /// Position of the first key that is not below `key`.
    fn first_not_below(&self, table: Table, key: &[u8]) -> usize {
        first_not_below(&self.buffer, &self.tables[table as usize], key)
    }

    /// Positions of the keys from `from` to `to`, both included.
    pub(crate) fn between(&self, table: Table, from: &[u8], to: &[u8]) -> Range<usize> {
        let start = self.first_not_below(table, from);
        let end = self.first_not_below(table, to);
        let is_named = self.key(table, end).is_some_and(|key| key == to);
        start..(end + usize::from(is_named)).max(start)
    }

    /// Adds what it says of each key of a table to a list, with the first bytes of the key.
    pub(crate) fn list<'a>(&'a self, table: Table, list: &mut Vec<(u64, &'a [u8], Change<'a>)>) {
        let entries = &self.tables[table as usize];
        let entry =
            |entry: &Entry| (entry.prefix, entry.key(&self.buffer), entry.value(&self.buffer));
        list.extend(entries.iter().map(entry));
    }

    /// Positions of all keys.
    pub(crate) fn all(&self, table: Table) -> Range<usize> {
        0..self.tables[table as usize].len()
    }

    pub(crate) fn key(&self, table: Table, at: usize) -> Option<&[u8]> {
        Some(self.tables[table as usize].get(at)?.key(&self.buffer))
    }

    pub(crate) fn change(&self, table: Table, at: usize) -> Change<'_> {
        self.tables[table as usize].get(at)?.value(&self.buffer)
    }

    /// One segment in place of two, of which `self` is the older one.
    pub(crate) fn merged(&self, newer: &Self) -> Self {
        let mut merged = Gathered::default();
        let bytes = self.buffer.len() + newer.buffer.len();
        merged.segment.buffer.reserve(bytes);
        for table in Table::ALL {
            let (mut old, mut new) = (self.all(table), newer.all(table));
            while let Some(key) = [self.key(table, old.start), newer.key(table, new.start)]
                .into_iter()
                .flatten()
                .min()
            {
                let is_old = self.key(table, old.start) == Some(key);
                let is_new = newer.key(table, new.start) == Some(key);
                let change = if is_new {
                    newer.change(table, new.start)
                } else {
                    self.change(table, old.start)
                };
                merged.add(table, key, change);
                old.start += usize::from(is_old);
                new.start += usize::from(is_new);
            }
            merged.sorted[table as usize] = merged.segment.tables[table as usize].len();
        }
        Self { last: newer.last, ..merged.segment }
    }
}
