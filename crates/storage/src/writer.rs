//! Writing, all or nothing.

use crate::{
    Error, Pair, Reader, Superfluous, Table,
    database::{Inner, Settling},
    segment::Gathered,
    tables::{self, Layout},
};
use redb::WriteTransaction;
use std::{mem, sync::Arc};

/// Changes that [`Writer::commit`] makes at once. Dropped before, it has changed nothing.
pub struct Writer {
    /// What the tables have by the time it began.
    before: Reader,
    /// What was done since.
    gathered: Gathered,
    /// There once the changes were too many for the log.
    direct: Option<Direct>,
    database: Arc<Inner>,
}

/// Changes on their way to the tables.
struct Direct {
    /// Empty only while it is being dropped or committed.
    transaction: Option<WriteTransaction>,
    _settling: Settling,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// The caller has got the turn to write, which the writer gives back.
    pub(crate) fn new(before: Reader, database: Arc<Inner>) -> Self {
        Self { before, gathered: Gathered::default(), direct: None, database }
    }

    /// Gives a key a value.
    ///
    /// # Errors
    ///
    /// When the database cannot be written to; the same holds for the methods below.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.gather(table, key, Some(value))
    }

    /// Takes a key away, if it is there.
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Error> {
        self.gather(table, key, None)
    }

    fn gather(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        self.gathered.add(table, key, value);
        if self.gathered.bytes().len() > self.database.logged_bytes_max() {
            self.hand_over()
        } else {
            Ok(())
        }
    }

    /// Gives the store what was gathered, in order.
    fn hand_over(&mut self) -> Result<(), Error> {
        let mut gathered = mem::take(&mut self.gathered);
        let direct = match &mut self.direct {
            Some(direct) => direct,
            None => {
                let settling = Inner::begin_settling(&self.database)?;
                // What was committed before comes first.
                let transaction = self.database.begin_write()?;
                self.database.fold(&transaction, &self.before, Superfluous::NONE)?;
                self.direct.insert(Direct { transaction: Some(transaction), _settling: settling })
            }
        };
        let transaction = direct.transaction();
        self.database.apply(transaction, gathered.sorted())
    }

    /// The value of a key, with what this writer has done.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if let Some(change) = self.gathered.get(table, key) {
            return Ok(change.map(<[u8]>::to_vec));
        }
        let Some(direct) = &self.direct else { return self.before.get(table, key) };
        let transaction = direct.transaction();
        self.database.guarded(|| {
            let open = transaction.open_table(table.definition())?;
            Ok(tables::get(&open, &Layout::of(table, &open)?, key)?)
        })
    }

    /// All keys from `from` to `to`, both included, in ascending order, with what this writer has
    /// done. They are gathered in memory: ask for what is known to be small.
    pub fn range(&mut self, table: Table, from: &[u8], to: &[u8]) -> Result<Vec<Pair>, Error> {
        if from > to {
            return Ok(Vec::new());
        }
        let before: Vec<Pair> = match &self.direct {
            None => self.before.range(table, from, to)?.collect::<Result<_, _>>()?,
            Some(direct) => self.database.range(direct.transaction(), table, from, to)?,
        };
        let own = self.gathered.sorted();
        let mut pairs = Vec::with_capacity(before.len());
        let mut before = before.into_iter().peekable();
        for at in own.between(table, from, to) {
            let Some(key) = own.key(table, at) else { break };
            while let Some(pair) = before.next_if(|(before, _)| before.as_slice() < key) {
                pairs.push(pair);
            }
            before.next_if(|(before, _)| before == key);
            pairs.extend(own.change(table, at).map(|value| (key.to_vec(), value.to_vec())));
        }
        pairs.extend(before);
        Ok(pairs)
    }

    /// The greatest key from `from` to `to`, both included, and its value, with what this writer
    /// has done.
    pub fn last_below_or_at(
        &mut self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> Result<Option<Pair>, Error> {
        if from > to {
            return Ok(None);
        }
        let mut before: Box<dyn Iterator<Item = Result<Pair, Error>>> = match &self.direct {
            None => Box::new(self.before.range(table, from, to)?.rev()),
            Some(direct) => {
                let pairs = self.database.range(direct.transaction(), table, from, to)?;
                Box::new(pairs.into_iter().rev().map(Ok))
            }
        };
        let mut next = before.next().transpose()?;
        let own = self.gathered.sorted();
        for at in own.between(table, from, to).rev() {
            let Some(key) = own.key(table, at) else { break };
            if next.as_ref().is_some_and(|(before, _)| before.as_slice() > key) {
                break;
            }
            if let Some(value) = own.change(table, at) {
                return Ok(Some((key.to_vec(), value.to_vec())));
            }
            if next.as_ref().is_some_and(|(before, _)| before == key) {
                next = before.next().transpose()?;
            }
        }
        Ok(next)
    }

    /// Makes all changes at once. When it returns without an error they survive a crash.
    ///
    /// # Errors
    ///
    /// After an error it is not known whether the changes are on the disk, and the database takes
    /// no more until it is opened anew.
    pub fn commit(mut self) -> Result<(), Error> {
        if self.direct.is_none() {
            let gathered = mem::take(&mut self.gathered);
            return Inner::commit(&self.database, gathered);
        }
        self.hand_over()?;
        let transaction = self.direct.as_mut().and_then(|direct| direct.transaction.take());
        let transaction = transaction.expect("it is taken in commit and drop alone");
        self.database.commit_direct(transaction, self.before.last + 1)
    }
}

impl Direct {
    fn transaction(&self) -> &WriteTransaction {
        self.transaction.as_ref().expect("it is taken in commit and drop alone")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(transaction) = self.direct.as_mut().and_then(|d| d.transaction.take()) {
            // Nothing was promised; an error has been remembered where it counts.
            let _ = self.database.guarded(|| Ok(transaction.abort()?));
        }
        self.database.end_writing();
    }
}
