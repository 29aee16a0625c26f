//! The tables in the key-value store: how their pages lie there.
//!
//! In a table whose keys are written or asked for in some order, the pages lie in order, each under
//! the least key that may be in it: a change is merged into its page.
//!
//! Keys that are hashes come in no order, and would change all pages of a large table at each
//! settlement. Such a table ([`Table::is_scattered`]) has runs: all that is written at once is a run
//! of pages of its own, and runs of like size are merged, so that there are a few dozen of them and
//! each entry is written a few times only. That is a log-structured merge-tree (O'Neil et al. 1996),
//! with several runs of each size ("tiering").
//!
//! ```text
//! in order   least key of the page -> page
//! runs       number of the run (8 bytes, the newest has the greatest) -> bytes of its pages (8)
//!            number of the run, 1, least key of the page -> page
//! ```

use crate::{
    Table,
    cursor::{Cursor, Merge},
    page::{self, Draft, IsSuperfluous, PAGE_BYTES_MAX, PAGE_BYTES_MIN, take_entry},
    reader::Pair,
    segment::Change,
};
use redb::{AccessGuard, ReadableTable, StorageError};
use std::{ops::Bound, sync::Arc};

type Bytes = &'static [u8];
type Guards<'a> = (AccessGuard<'a, Bytes>, AccessGuard<'a, Bytes>);
/// Between which keys of the key-value store.
pub(crate) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);
/// A table that is written to.
pub(crate) type Open<'a> = redb::Table<'a, Bytes, Bytes>;

/// A run of pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    number: u64,
    /// Of its pages, together.
    bytes: u64,
}

/// What is known of how a table lies.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    /// In order.
    Tree,
    /// The oldest first.
    Runs(Vec<Run>),
}

/// Where the pages of a tree, or of a run, lie among the keys of its table.
enum Place {
    Tree,
    Run([u8; 9]),
}

impl Run {
    fn head(number: u64) -> [u8; 8] {
        number.to_be_bytes()
    }

    /// How large it is, in powers of [`RUNS_MERGED`].
    fn tier(self) -> u32 {
        (self.bytes / RUN_BYTES_LEAST).max(1).ilog(u64::from(RUNS_MERGED))
    }
}

/// So many runs of like size become one.
const RUNS_MERGED: u32 = 8;
/// Runs up to this size count as of like size.
const RUN_BYTES_LEAST: u64 = 64 << 10;
/// Pages that are in memory when runs are merged.
const MERGED_BYTES: usize = 4 << 20;

impl Place {
    fn of(run: Run) -> Self {
        let mut before = [1; 9];
        before[..8].copy_from_slice(&Run::head(run.number));
        Self::Run(before)
    }

    fn before(&self) -> &[u8] {
        match self {
            Self::Tree => &[],
            Self::Run(before) => before,
        }
    }

    /// The key of the page that begins with `least`.
    fn key(&self, least: &[u8]) -> Vec<u8> {
        [self.before(), least].concat()
    }

    /// The key that comes after those of all pages.
    fn end(&self) -> Option<Vec<u8>> {
        match self {
            Self::Tree => None,
            Self::Run(before) => Some([&before[..8], &[2]].concat()),
        }
    }
}

impl Layout {
    pub(crate) fn of(
        name: Table,
        table: &impl ReadableTable<Bytes, Bytes>,
    ) -> Result<Self, StorageError> {
        if !name.is_scattered() {
            return Ok(Self::Tree);
        }
        let mut runs = Vec::new();
        let mut from = Run::head(0);
        while let Some(head) = table.range::<&[u8]>(&from[..]..)?.next().transpose()? {
            let number = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).map(u64::from_be_bytes);
            let (Ok(number), Ok(bytes)) = (number(head.0.value()), number(head.1.value())) else {
                return Err(StorageError::Corrupted("a run of pages has no head".to_owned()));
            };
            runs.push(Run { number, bytes });
            from = Run::head(number.saturating_add(1));
        }
        Ok(Self::Runs(runs))
    }

    /// The oldest first.
    fn places(&self) -> Vec<Place> {
        match self {
            Self::Tree => vec![Place::Tree],
            Self::Runs(runs) => runs.iter().map(|run| Place::of(*run)).collect(),
        }
    }
}

/// The last page that may have entries up to `to`; `None` if there is none.
fn page_at<'a>(
    table: &'a impl ReadableTable<Bytes, Bytes>,
    place: &Place,
    to: &[u8],
) -> Result<Option<Guards<'a>>, StorageError> {
    let (from, to) = (place.before(), place.key(to));
    table.range::<&[u8]>(from..=&to[..])?.next_back().transpose()
}

/// The value of a key.
pub(crate) fn get(
    table: &impl ReadableTable<Bytes, Bytes>,
    layout: &Layout,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    for place in layout.places().iter().rev() {
        let Some((_, page)) = page_at(table, place, key)? else { continue };
        if let Some(change) = page::find(page.value(), key)? {
            return Ok(change.map(<[u8]>::to_vec));
        }
    }
    Ok(None)
}

/// The greatest key of a tree from `from` to `to`, both included, and its value.
pub(crate) fn last_below_or_at(
    table: &impl ReadableTable<Bytes, Bytes>,
    from: &[u8],
    to: &[u8],
) -> Result<Option<Pair>, StorageError> {
    let mut pages = table.range::<&[u8]>(..=to)?;
    while let Some((least, page)) = pages.next_back().transpose()? {
        if let Some((key, Some(value))) = page::last_below_or_at(page.value(), to)? {
            return Ok((key >= from).then(|| (key.to_vec(), value.to_vec())));
        }
        // What lies before it is less than this.
        if least.value() <= from {
            break;
        }
    }
    Ok(None)
}

/// Cursors over the entries from `from` to `to`, both included, or to the end, the oldest source
/// first. `range` gives those of a table.
pub(crate) fn cursors<'a>(
    layout: &Layout,
    range: impl Fn(Bounds<'_>) -> Result<redb::Range<'a, Bytes, Bytes>, StorageError>,
    from: &[u8],
    to: Option<&[u8]>,
) -> Result<Vec<Cursor<'a>>, StorageError> {
    let places = layout.places();
    let cursor = |place: &Place| {
        let start = place.key(from);
        let bounds = (Bound::Included(place.before()), Bound::Included(&start[..]));
        let first = range(bounds)?.next_back().transpose()?;
        let first = first.map(|(_, page)| page.value().to_vec());
        let end = match to {
            Some(to) => Some(place.key(to)),
            None => place.end(),
        };
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Included);
        Ok(Cursor::new(first, range((Bound::Excluded(&start), end))?, from, to))
    };
    places.iter().map(cursor).collect()
}

/// Makes changes, which are sorted, in a table.
pub(crate) fn change(
    name: Table,
    table: &mut Open<'_>,
    changes: &[(&[u8], Change<'_>)],
    is_superfluous: IsSuperfluous<'_>,
) -> Result<(), StorageError> {
    match Layout::of(name, table)? {
        Layout::Tree => change_tree(table, changes, is_superfluous),
        Layout::Runs(runs) => add_run(name, table, runs, changes),
    }
}

fn change_tree(
    table: &mut Open<'_>,
    mut changes: &[(&[u8], Change<'_>)],
    is_superfluous: IsSuperfluous<'_>,
) -> Result<(), StorageError> {
    while let Some((first, _)) = changes.first() {
        let mut draft = Draft::default();
        let found = page_at(table, &Place::Tree, first)?;
        // Before the first page there may be room.
        let found = found.map(|(least, page)| (least.value().to_vec(), page.value().to_vec()));
        let (least, old) = found.unwrap_or_default();
        let mut taken_in: Vec<Pair> = Vec::new();
        let mut next = key_behind(table, first)?;
        loop {
            // Few of many are: looking in the midst of them would cost more than looking at these.
            let is_behind = |(key, _): &(&[u8], Change<'_>)| {
                next.as_ref().is_some_and(|next| *key >= &next[..])
            };
            let here = changes.iter().position(is_behind).unwrap_or(changes.len());
            let (now, later) = changes.split_at(here);
            draft.merge(taken_in.last().map_or(&old, |(_, page)| page), now, is_superfluous)?;
            changes = later;
            let Some(behind) = next.take_if(|_| draft.len() < PAGE_BYTES_MIN) else { break };
            let Some(page) = table.get(&behind[..])?.map(|page| page.value().to_vec()) else {
                break;
            };
            if draft.len() + page.len() > PAGE_BYTES_MAX {
                break;
            }
            next = key_behind(table, &behind)?;
            taken_in.push((behind, page));
        }
        for (key, _) in taken_in {
            table.remove(&key[..])?;
        }
        for (at, (first, page)) in draft.pages().enumerate() {
            if at > 0 {
                table.insert(first, page)?;
            } else if page != old {
                table.insert(&least[..], page)?;
            }
        }
        if draft.is_empty() {
            table.remove(&least[..])?;
        }
    }
    Ok(())
}

/// Under which key the first page behind another key lies.
fn key_behind(
    table: &impl ReadableTable<Bytes, Bytes>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    let bounds = (Bound::Excluded(key), Bound::Unbounded);
    let next = table.range::<&[u8]>(bounds)?.next().transpose()?;
    Ok(next.map(|(least, _)| least.value().to_vec()))
}

/// Looks through some pages of a tree from `from` on and takes what is superfluous out of them. The
/// key to go on with next time.
pub(crate) fn clean(
    table: &mut Open<'_>,
    from: &[u8],
    pages: usize,
    is_superfluous: IsSuperfluous<'_>,
) -> Result<Vec<u8>, StorageError> {
    let mut seen: Vec<Pair> = Vec::new();
    // And the one behind, which may make the last entry superfluous.
    for page in table.range::<&[u8]>(from..)?.take(pages + 1) {
        let (least, page) = page?;
        seen.push((least.value().to_vec(), page.value().to_vec()));
    }
    for (at, (least, page)) in seen.iter().take(pages).enumerate() {
        let mut draft = Draft::default();
        draft.merge(page, &[], is_superfluous)?;
        if let Some((_, behind)) = seen.get(at + 1) {
            draft.precede(take_entry(&mut &behind[..])?.0, is_superfluous);
        }
        if draft.is_empty() {
            table.remove(&least[..])?;
        } else if draft.len() != page.len() {
            table.insert(&least[..], draft.bytes())?;
        }
    }
    Ok(seen.into_iter().nth(pages).map(|(least, _)| least).unwrap_or_default())
}

/// Adds a run of changes, and merges runs while there are many of like size.
fn add_run(
    name: Table,
    table: &mut Open<'_>,
    mut runs: Vec<Run>,
    changes: &[(&[u8], Change<'_>)],
) -> Result<(), StorageError> {
    let mut draft = Draft::default();
    for (key, change) in changes {
        // What is not there need not be taken away.
        if change.is_some() || !runs.is_empty() {
            draft.put(key, *change);
        }
    }
    if draft.is_empty() {
        return Ok(());
    }
    let number = runs.last().map_or(0, |run| run.number + 1);
    let mut run = Run { number, bytes: 0 };
    put_pages(table, &mut run, &draft)?;
    put_head(table, run)?;
    runs.push(run);
    loop {
        let tier = runs.last().map_or(0, |run| run.tier());
        let alike = runs.iter().rev().take_while(|run| run.tier() <= tier).count();
        if alike < RUNS_MERGED as usize {
            return Ok(());
        }
        let merged = runs.split_off(runs.len() - alike);
        let run = merge_runs(name, table, merged, runs.is_empty())?;
        runs.push(run);
    }
}

fn put_pages(table: &mut Open<'_>, run: &mut Run, draft: &Draft) -> Result<(), StorageError> {
    let place = Place::of(*run);
    for (first, page) in draft.pages() {
        table.insert(&place.key(first)[..], page)?;
        run.bytes += page.len() as u64;
    }
    Ok(())
}

fn put_head(table: &mut Open<'_>, run: Run) -> Result<(), StorageError> {
    table.insert(&Run::head(run.number)[..], &run.bytes.to_be_bytes()[..])?;
    Ok(())
}

/// One run in place of several, the oldest first, with the number of the last one: its keys are
/// taken away as they are read. `is_oldest` if none is older: then what was taken away is forgotten.
fn merge_runs(
    name: Table,
    table: &mut Open<'_>,
    merged: Vec<Run>,
    is_oldest: bool,
) -> Result<Run, StorageError> {
    let newest = merged.last().map_or(0, |run| run.number);
    // Above all, so that it is not read while it is written.
    let mut run = Run { number: newest + 1, bytes: 0 };
    let layout = Layout::Runs(merged);
    let mut from = Some(Vec::new());
    while let Some(start) = from.take() {
        let mut draft = Draft::default();
        {
            let range = |bounds: Bounds<'_>| table.range::<&[u8]>(bounds);
            let mut entries =
                Merge::new(name, cursors(&layout, range, &start, None)?, Arc::default(), |_| 0..0);
            while let Some(source) = entries.newest(false)? {
                let change = entries.change(source, false);
                if let Some(key) = entries.key(source, false) {
                    if draft.len() >= MERGED_BYTES {
                        from = Some(key.to_vec());
                        break;
                    }
                    if change.is_some() || !is_oldest {
                        draft.put(key, change);
                    }
                }
                entries.pass(source, false);
            }
        }
        put_pages(table, &mut run, &draft)?;
    }
    for place in layout.places() {
        let (from, to) = (place.before()[..8].to_vec(), place.end().unwrap_or_default());
        table.retain_in::<&[u8], _>(&from[..]..&to[..], |_, _| false)?;
    }
    put_head(table, run)?;
    Ok(run)
}
