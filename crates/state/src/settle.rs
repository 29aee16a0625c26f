//! Settling a store, without what nobody can read any more.

use crate::{Error, Version, entries::split_version, history::oldest};
use heddle_storage::{Database, Superfluous, Table};

/// The tables whose entries are of a version.
const VERSIONED: [Table; 3] = [Table::AccountVersions, Table::SlotVersions, Table::TrieNodes];

/// Settles a store: what was committed until now is written to its tables. What only versions could
/// read that were forgotten is not, or is deleted there sooner or later. Others read and commit
/// meanwhile; nobody goes back to those versions.
///
/// # Errors
///
/// The store may fail.
pub fn settle(database: &Database) -> Result<(), Error> {
    let settlement = database.settlement()?;
    let oldest = oldest(settlement.reader())?;
    let is_superfluous =
        |key: &[u8], next: &[u8]| is_superseded(key, next, oldest).unwrap_or(false);
    Ok(settlement.finish(Superfluous { tables: &VERSIONED, is_superfluous: &is_superfluous })?)
}

/// Whether no version that is kept reads an entry, when the next one is `next`.
fn is_superseded(key: &[u8], next: &[u8], oldest: Version) -> Result<bool, Error> {
    let ((subject, _), (of_next, version)) = (split_version(key)?, split_version(next)?);
    Ok(subject == of_next && version <= oldest)
}
