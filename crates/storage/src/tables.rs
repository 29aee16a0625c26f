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
//! Runs are merged little by little, as others are written: a new run that is older than they are
//! takes in their entries in the order of the keys, and what it has taken in is taken away from them.
//! Whoever reads looks into all of them as ever.
//!
//! ```text
//! in order   least key of the page -> page
//! runs       number of the run (8 bytes, the newest has the greatest) -> bytes of its pages (8),
//!                and while it takes in others, the number of the newest of them (8)
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
    /// Of its pages, together; of a run that is being taken in, what they were before.
    bytes: u64,
    /// The newest of the runs that it is taking in: those that come behind it.
    takes_in: Option<u64>,
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
/// Numbers between one run and the next that is written: merged ones get those between, one for
/// each merge, and each merge takes runs that were written since. So there are enough as long as
/// fewer than four thousand million were written, one for each settlement.
const RUN_STEP: u64 = 1 << 32;

/// How fast runs are merged.
#[derive(Clone, Copy)]
struct Pace {
    /// Bytes of entries that are in memory.
    piece: usize,
    /// Bytes that are merged for each byte of a run that is written. More than the number of times
    /// that an entry is written: merging keeps up.
    bytes_each: u64,
    /// Bytes that are merged in any case.
    bytes_least: u64,
}

const PACE: Pace = Pace { piece: 4 << 20, bytes_each: 8, bytes_least: 8 << 20 };

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
            let (bytes, takes_in) = head.1.value().split_at(head.1.value().len().min(8));
            let takes_in = (!takes_in.is_empty()).then(|| number(takes_in)).transpose();
            let (Ok(number), Ok(bytes), Ok(takes_in)) =
                (number(head.0.value()), number(bytes), takes_in)
            else {
                return Err(StorageError::Corrupted("a run of pages has no head".to_owned()));
            };
            runs.push(Run { number, bytes, takes_in });
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
        Layout::Runs(runs) => add_run(name, table, runs, changes, PACE),
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

/// Adds a run of changes, and merges some of what there is.
fn add_run(
    name: Table,
    table: &mut Open<'_>,
    mut runs: Vec<Run>,
    changes: &[(&[u8], Change<'_>)],
    pace: Pace,
) -> Result<(), StorageError> {
    let mut draft = Draft::default();
    draft.reserve(changes);
    for (key, change) in changes {
        // What is not there need not be taken away.
        if change.is_some() || !runs.is_empty() {
            draft.put(key, *change);
        }
    }
    if draft.is_empty() {
        return Ok(());
    }
    let number = runs.last().map_or(0, |run| run.number) + RUN_STEP;
    let mut run = Run { number, bytes: 0, takes_in: None };
    put_pages(table, &mut run, &draft)?;
    put_head(table, run)?;
    runs.push(run);
    let mut left = (run.bytes * pace.bytes_each).max(pace.bytes_least);
    while let Some(at) = merging(&mut runs)
        && left > 0
    {
        let newest = runs[at].takes_in.unwrap_or_default();
        let sources = runs.iter().skip(at + 1).take_while(|run| run.number <= newest).count();
        let (older, newer) = runs.split_at_mut(at + 1);
        let run = &mut older[at];
        let before = run.bytes;
        let is_done = take_in(name, table, run, &newer[..sources], at == 0, pace.piece)?;
        // What was taken away counts as well, or a table of such would never be merged.
        left = left.saturating_sub((run.bytes - before).max(pace.piece as u64));
        if is_done {
            runs.drain(at + 1..=at + sources);
        }
    }
    Ok(())
}

/// Which run takes in others: if none does and many are of like size, a new one begins to.
fn merging(runs: &mut Vec<Run>) -> Option<usize> {
    if let Some(at) = runs.iter().position(|run| run.takes_in.is_some()) {
        return Some(at);
    }
    let last = *runs.last()?;
    let alike = runs.iter().rev().take_while(|run| run.tier() <= last.tier()).count();
    if alike < RUNS_MERGED as usize {
        return None;
    }
    let at = runs.len() - alike;
    // Between the one before and the first that is taken in: see `RUN_STEP`.
    let number = runs[at].number - 1;
    runs.insert(at, Run { number, bytes: 0, takes_in: Some(last.number) });
    Some(at)
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
    let bytes = run.bytes.to_be_bytes();
    let takes_in = run.takes_in.map(u64::to_be_bytes);
    let head = [&bytes[..], takes_in.as_ref().map_or(&[], |number| &number[..])].concat();
    table.insert(&Run::head(run.number)[..], &head[..])?;
    Ok(())
}

/// Has a run take in a piece of newer ones, the oldest first, which lose it. `is_oldest` if none is
/// older than it: then what was taken away is forgotten. Whether nothing is left of them; they are
/// gone then.
fn take_in(
    name: Table,
    table: &mut Open<'_>,
    run: &mut Run,
    sources: &[Run],
    is_oldest: bool,
    piece: usize,
) -> Result<bool, StorageError> {
    let layout = Layout::Runs(sources.to_vec());
    let (mut draft, mut seen, mut next) = (Draft::default(), 0, None);
    {
        let range = |bounds: Bounds<'_>| table.range::<&[u8]>(bounds);
        let mut entries =
            Merge::new(name, cursors(&layout, range, &[], None)?, Arc::default(), |_| 0..0);
        while let Some(source) = entries.newest(false)? {
            let change = entries.change(source, false);
            if let Some(key) = entries.key(source, false) {
                if seen >= piece {
                    next = Some(key.to_vec());
                    break;
                }
                seen += key.len() + change.map_or(0, <[u8]>::len);
                if change.is_some() || !is_oldest {
                    draft.put(key, change);
                }
            }
            entries.pass(source, false);
        }
    }
    put_pages(table, run, &draft)?;
    if next.is_none() {
        run.takes_in = None;
    }
    put_head(table, *run)?;
    for (place, source) in layout.places().iter().zip(sources) {
        match &next {
            Some(next) => take_away_below(table, place, next)?,
            None => {
                let (from, to) = (Run::head(source.number), place.end().unwrap_or_default());
                table.retain_in::<&[u8], _>(&from[..]..&to[..], |_, _| false)?;
            }
        }
    }
    Ok(next.is_none())
}

/// Takes all entries below a key away from a run.
fn take_away_below(table: &mut Open<'_>, place: &Place, key: &[u8]) -> Result<(), StorageError> {
    let page = page_at(table, place, key)?.map(|(_, page)| page.value().to_vec());
    let Some(page) = page else { return Ok(()) };
    // The last one may have others as well.
    let mut kept = Draft::default();
    let mut rest = &page[..];
    while !rest.is_empty() {
        let (found, change) = take_entry(&mut rest)?;
        if found >= key {
            kept.put(found, change);
        }
    }
    let (from, to) = (place.before().to_vec(), place.key(key));
    table.retain_in::<&[u8], _>(&from[..]..=&to[..], |_, _| false)?;
    if !kept.is_empty() {
        table.insert(&to[..], kept.bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use redb::{TableDefinition, backends::InMemoryBackend};
    use std::collections::BTreeMap;

    const TABLE: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new("table");
    const NAME: Table = Table::TransactionPlaces;

    /// A run that stays small is merged again and again.
    #[test]
    fn small_runs_are_merged_as_often_as_there_are_some() {
        let database =
            redb::Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut table = transaction.open_table(TABLE).unwrap();
        for round in 0..4_000_u64 {
            let Layout::Runs(runs) = Layout::of(NAME, &table).unwrap() else { panic!() };
            assert!(runs.is_sorted_by(|one, next| one.number < next.number));
            assert!(runs.len() < 2 * RUNS_MERGED as usize);
            let key = round.to_be_bytes();
            add_run(NAME, &mut table, runs, &[(&key, Some(&[]))], PACE).unwrap();
        }
        let layout = Layout::of(NAME, &table).unwrap();
        for round in 0..4_000_u64 {
            assert!(get(&table, &layout, &round.to_be_bytes()).unwrap().is_some());
        }
    }

    /// Little is merged at a time, so that most of the time some is under way.
    #[test]
    fn runs_that_are_being_merged_hold_what_was_written() {
        let mut merged = 0;
        for seed in 0..8 {
            let random = &mut Random(seed);
            let database =
                redb::Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
            let transaction = database.begin_write().unwrap();
            let mut table = transaction.open_table(TABLE).unwrap();
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            for _ in 0..200 {
                let mut changes: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
                for _ in 0..random.below(100) {
                    let key = random.below(1_500).to_be_bytes().to_vec();
                    let value = vec![1; random.below(60) as usize];
                    let is_put = random.below(3) > 0;
                    changes.insert(key, is_put.then_some(value));
                }
                let sorted: Vec<(&[u8], Change<'_>)> =
                    changes.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
                let Layout::Runs(runs) = Layout::of(NAME, &table).unwrap() else { panic!() };
                let pace = Pace { piece: 900, bytes_each: seed % 3, bytes_least: 1 };
                add_run(NAME, &mut table, runs, &sorted, pace).unwrap();
                for (key, value) in changes {
                    match value {
                        Some(value) => drop(model.insert(key, value)),
                        None => drop(model.remove(&key)),
                    }
                }
                let layout = Layout::of(NAME, &table).unwrap();
                if let Layout::Runs(runs) = &layout {
                    merged += usize::from(runs.iter().any(|run| run.takes_in.is_some()));
                    assert!(runs.is_sorted_by_key(|run| run.number));
                }
                for _ in 0..30 {
                    let key = random.below(1_500).to_be_bytes();
                    let found = get(&table, &layout, &key).unwrap();
                    assert_eq!(found.as_ref(), model.get(&key[..]), "seed {seed}");
                }
                let range = |bounds: Bounds<'_>| table.range::<&[u8]>(bounds);
                let cursors = cursors(&layout, range, &[], None).unwrap();
                let mut all = Merge::new(NAME, cursors, Arc::default(), |_| 0..0);
                for (key, value) in &model {
                    let (found, there) = all.next_pair(false).unwrap().unwrap();
                    assert_eq!((&found, &there), (key, value), "seed {seed}");
                }
                assert!(all.next_pair(false).unwrap().is_none());
            }
        }
        assert!(merged > 400, "{merged} times runs were being merged");
    }
}
