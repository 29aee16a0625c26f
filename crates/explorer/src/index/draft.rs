//! Changes of the index on their way to the store, with what it takes to undo them.

use super::{
    IndexError,
    keys::{Key, Parts},
};
use alloy_primitives::Bytes;
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use heddle_storage::{Database, Reader, Table};
use std::collections::{BTreeMap, btree_map::Entry};

const INDEX: Table = Table::ExplorerIndex;
const JOURNAL: Table = Table::ExplorerJournal;

/// Journals that are thrown away at a time.
const FORGOTTEN_MAX: usize = 1024;

/// Changes by several blocks that become visible at once.
///
/// What a block changed is written down beside it, with what was there before, so that the block can
/// be undone without knowing it: development chains forget blocks that they take back.
#[derive(Debug)]
pub(crate) struct Draft {
    before: Reader,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    journals: BTreeMap<u64, Option<Vec<u8>>>,
    /// What the block that is being worked on found.
    undo: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// A key, and what it held before.
#[derive(Debug, RlpEncodable, RlpDecodable)]
struct Undo {
    key: Bytes,
    there: bool,
    value: Bytes,
}

impl Draft {
    pub(crate) fn new(database: &Database) -> Result<Self, IndexError> {
        Ok(Self {
            before: database.reader()?,
            changes: BTreeMap::new(),
            journals: BTreeMap::new(),
            undo: BTreeMap::new(),
        })
    }

    /// Keys that will be written.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.clone()),
            None => Ok(self.before.get(INDEX, key)?),
        }
    }

    pub(crate) fn record<T: Decodable>(&self, key: &[u8]) -> Result<Option<T>, IndexError> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        super::records::decode(&bytes).map(Some).ok_or_else(|| IndexError::damaged(key))
    }

    /// Sets a key that holds nothing yet.
    pub(crate) fn add(&mut self, key: Key, value: &[u8]) {
        let key = key.build();
        self.undo.entry(key.clone()).or_insert(None);
        self.changes.insert(key, Some(value.to_vec()));
    }

    /// Sets a key, whatever it holds.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), IndexError> {
        if !self.undo.contains_key(&key) {
            let before = self.get(&key)?;
            self.undo.insert(key.clone(), before);
        }
        self.changes.insert(key, value);
        Ok(())
    }

    pub(crate) fn put_record(
        &mut self,
        key: Vec<u8>,
        record: &impl Encodable,
    ) -> Result<(), IndexError> {
        self.put(key, Some(alloy_rlp::encode(record)))
    }

    /// All of a block is there.
    pub(crate) fn end_block(&mut self, number: u64) {
        let undo = std::mem::take(&mut self.undo);
        let list: Vec<Undo> = undo
            .into_iter()
            .map(|(key, value)| Undo {
                key: key.into(),
                there: value.is_some(),
                value: value.unwrap_or_default().into(),
            })
            .collect();
        self.journals.insert(number, Some(alloy_rlp::encode(&list)));
    }

    /// Puts everything back as it was before a block. `false` if it is not known any more.
    pub(crate) fn undo_block(&mut self, number: u64) -> Result<bool, IndexError> {
        let journal = match self.journals.entry(number) {
            Entry::Occupied(mut journal) => journal.insert(None),
            Entry::Vacant(place) => {
                place.insert(None);
                self.before.get(JOURNAL, &number.to_be_bytes())?
            }
        };
        let Some(journal) = journal else { return Ok(false) };
        let list: Vec<Undo> =
            super::records::decode(&journal).ok_or(IndexError::Damaged("a journal"))?;
        for Undo { key, there, value } in list {
            self.changes.insert(key.into(), there.then(|| value.into()));
        }
        Ok(true)
    }

    /// Forgets how to undo the blocks before `end`.
    pub(crate) fn forget_before(&mut self, end: u64) -> Result<(), IndexError> {
        let Some(last) = end.checked_sub(1) else { return Ok(()) };
        let (from, to) = (0_u64.to_be_bytes(), last.to_be_bytes());
        for pair in self.before.range(JOURNAL, &from, &to)?.take(FORGOTTEN_MAX) {
            if let Some(number) = Parts::of_value(&pair?.0).long() {
                self.journals.entry(number).or_insert(None);
            }
        }
        Ok(())
    }

    pub(crate) fn commit(self, database: &Database) -> Result<(), IndexError> {
        let Self { changes, journals, before, .. } = self;
        drop(before);
        let mut writer = database.writer()?;
        for (key, value) in changes {
            match value {
                Some(value) => writer.put(INDEX, &key, &value)?,
                None => writer.delete(INDEX, &key)?,
            }
        }
        for (number, journal) in journals {
            match journal {
                Some(journal) => writer.put(JOURNAL, &number.to_be_bytes(), &journal)?,
                None => writer.delete(JOURNAL, &number.to_be_bytes())?,
            }
        }
        Ok(writer.commit()?)
    }
}
