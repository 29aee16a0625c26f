//! Filters that a client asks for what is new (`eth_newFilter` and its like).
//!
//! What happens is written into each filter as it happens, so that nothing is lost when the chain
//! is reorganised between two questions. A filter that nobody asks for is dropped after a while,
//! and one that holds too much fails at the next question instead of skipping something.

use crate::{
    Error,
    json::{Json, json},
    logs::LogSource,
};
use alloy_primitives::U128;
use alloy_rpc_types_eth::Filter;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

/// What a filter waits for.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Hashes of new blocks.
    Blocks,
    /// Logs of new blocks, and of those that left the chain.
    Logs(Box<Filter>),
    /// Transactions that the pool took up: their hashes, or all of each.
    Pending {
        /// All of each.
        full: bool,
    },
}

/// All filters.
#[derive(Debug)]
pub(crate) struct Filters {
    entries: Mutex<Entries>,
    bounds: Bounds,
}

/// How much the filters may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) filters_max: usize,
    pub(crate) results_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) lifetime: Duration,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: BTreeMap<U128, Entry>,
    /// Of the results of all filters.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    asked_at: Instant,
    results: Vec<Json>,
    bytes: usize,
    /// Something did not fit, and was left out.
    overflowed: bool,
}

impl Filters {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { entries: Mutex::default(), bounds }
    }

    /// Adds a filter.
    pub(crate) fn add(&self, kind: Kind, now: Instant) -> Result<U128, Error> {
        let mut entries = self.entries.lock();
        entries.expire(now, self.bounds.lifetime);
        if entries.by_id.len() >= self.bounds.filters_max {
            return Err(Error::TooLarge(format!(
                "there are {} filters already; uninstall some, or wait",
                self.bounds.filters_max
            )));
        }
        let id = random_id();
        let entry = Entry { kind, asked_at: now, results: Vec::new(), bytes: 0, overflowed: false };
        entries.by_id.insert(id, entry);
        Ok(id)
    }

    /// Takes away a filter; `false` when there is none of this name.
    pub(crate) fn remove(&self, id: U128) -> bool {
        self.entries.lock().remove(id)
    }

    /// What is new since the last question.
    pub(crate) fn changes(&self, id: U128, now: Instant) -> Result<Vec<Json>, Error> {
        let mut entries = self.entries.lock();
        entries.expire(now, self.bounds.lifetime);
        let Some(entry) = entries.by_id.get_mut(&id) else { return Err(not_found()) };
        if entry.overflowed {
            entries.remove(id);
            return Err(Error::TooLarge(
                "the filter was not asked for so long that it held too much; make a new one"
                    .to_owned(),
            ));
        }
        entry.asked_at = now;
        let bytes = std::mem::take(&mut entry.bytes);
        let results = std::mem::take(&mut entry.results);
        entries.bytes -= bytes;
        Ok(results)
    }

    /// The filter of a log filter, for `eth_getFilterLogs`.
    pub(crate) fn log_filter(&self, id: U128, now: Instant) -> Result<Filter, Error> {
        let mut entries = self.entries.lock();
        entries.expire(now, self.bounds.lifetime);
        let entry = entries.by_id.get_mut(&id).ok_or_else(not_found)?;
        entry.asked_at = now;
        match &entry.kind {
            Kind::Logs(filter) => Ok((**filter).clone()),
            _ => Err(not_found()),
        }
    }

    /// A block came into the chain, or left it.
    pub(crate) fn block(&self, source: LogSource<'_>, removed: bool) -> Result<(), Error> {
        let mut entries = self.entries.lock();
        let mut room = self.bounds.bytes_max.saturating_sub(entries.bytes);
        let before = room;
        for entry in entries.by_id.values_mut() {
            match &entry.kind {
                Kind::Blocks if !removed => {
                    let result = json(&source.hash)?;
                    entry.push(result, &mut room, self.bounds.results_max);
                }
                Kind::Logs(filter) => {
                    let filter = filter.clone();
                    for log in source.matching(&filter, removed) {
                        entry.push(json(&log)?, &mut room, self.bounds.results_max);
                    }
                }
                _ => {}
            }
        }
        entries.bytes += before - room;
        Ok(())
    }

    /// The pool took up a transaction.
    pub(crate) fn pending(&self, hash: &Json, transaction: &Json) {
        let mut entries = self.entries.lock();
        let mut room = self.bounds.bytes_max.saturating_sub(entries.bytes);
        let before = room;
        for entry in entries.by_id.values_mut() {
            if let Kind::Pending { full } = entry.kind {
                let result = if full { transaction } else { hash };
                entry.push(result.clone(), &mut room, self.bounds.results_max);
            }
        }
        entries.bytes += before - room;
    }

    /// Something happened to the chain that the filters will never be told of.
    pub(crate) fn lose(&self) {
        let mut entries = self.entries.lock();
        for entry in entries.by_id.values_mut() {
            entry.overflowed |= !matches!(entry.kind, Kind::Pending { .. });
        }
    }

    /// Whether a filter waits for transactions of the pool.
    pub(crate) fn wants_pending(&self) -> bool {
        let entries = self.entries.lock();
        entries.by_id.values().any(|entry| matches!(entry.kind, Kind::Pending { .. }))
    }
}

impl Entries {
    fn remove(&mut self, id: U128) -> bool {
        let removed = self.by_id.remove(&id);
        self.bytes -= removed.as_ref().map_or(0, |entry| entry.bytes);
        removed.is_some()
    }

    fn expire(&mut self, now: Instant, lifetime: Duration) {
        let old = |entry: &Entry| now.saturating_duration_since(entry.asked_at) > lifetime;
        let ids: Vec<_> =
            self.by_id.iter().filter(|(_, entry)| old(entry)).map(|(id, _)| *id).collect();
        for id in ids {
            self.remove(id);
        }
    }
}

impl Entry {
    fn push(&mut self, result: Json, room: &mut usize, results_max: usize) {
        let bytes = result.get().len();
        if self.overflowed || self.results.len() >= results_max || bytes > *room {
            self.overflowed = true;
            return;
        }
        *room -= bytes;
        self.bytes += bytes;
        self.results.push(result);
    }
}

fn not_found() -> Error {
    Error::Refused("filter not found".to_owned())
}

/// A number that nobody can guess, so that no client takes another's results.
pub(crate) fn random_id() -> U128 {
    // The standard library seeds each state from the system's randomness; hashing hides the seed.
    let half = || u128::from(RandomState::new().hash_one(0_u8));
    U128::from((half() << 64) | half())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use heddle_types::Header;

    const BOUNDS: Bounds = Bounds {
        filters_max: 2,
        results_max: 3,
        bytes_max: 100_000,
        lifetime: Duration::from_secs(300),
    };

    fn block(filters: &Filters, hash: u8) {
        let header = Header::default();
        let hash = B256::repeat_byte(hash);
        let source = LogSource { header: &header, hash, transactions: &[], receipts: &[] };
        filters.block(source, false).unwrap();
    }

    #[test]
    fn gives_each_result_once_and_forgets_what_nobody_asks_for() {
        let filters = Filters::new(BOUNDS);
        let start = Instant::now();
        let id = filters.add(Kind::Blocks, start).unwrap();
        block(&filters, 1);
        block(&filters, 2);
        let texts: Vec<_> = filters.changes(id, start).unwrap();
        assert_eq!(texts.len(), 2);
        assert_eq!(texts[0].get(), format!("\"{}\"", B256::repeat_byte(1)));
        assert!(filters.changes(id, start).unwrap().is_empty());
        let late = start + Duration::from_secs(301);
        assert!(filters.changes(id, late).is_err());
        assert!(!filters.remove(id));
    }

    #[test]
    fn fails_instead_of_losing_a_result() {
        let filters = Filters::new(BOUNDS);
        let now = Instant::now();
        let id = filters.add(Kind::Blocks, now).unwrap();
        let other = filters.add(Kind::Pending { full: false }, now).unwrap();
        assert!(filters.add(Kind::Blocks, now).is_err(), "there are two already");
        for hash in 1..=4 {
            block(&filters, hash);
        }
        assert!(matches!(filters.changes(id, now), Err(Error::TooLarge(_))));
        assert!(filters.changes(other, now).unwrap().is_empty());
        assert_eq!(filters.entries.lock().bytes, 0);
    }
}
