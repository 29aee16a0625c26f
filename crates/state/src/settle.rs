//! Settling a store, and deleting what nobody can read any more.

use crate::{
    Error, Version,
    entries::split_version,
    history::{oldest, root_key, stored_changes, version},
    keys::Subject,
};
use heddle_storage::{Additions, Database, Reader, Table};

/// The version before which what nobody can read was deleted.
const SWEPT: &[u8] = b"swept";

/// Subjects whose old entries are looked for at once: so many are in memory.
const SWEPT_AT_ONCE: usize = 250_000;

/// Settles a store: what was committed until now is written to its tables, and what only versions
/// could read that were forgotten is deleted there, or not written at all. Others read and commit
/// meanwhile; nobody goes back to those versions.
///
/// # Errors
///
/// The store may fail.
pub fn settle(database: &Database) -> Result<(), Error> {
    let settlement = database.settlement()?;
    let reader = settlement.reader().clone();
    let oldest = oldest(&reader)?;
    let is_superfluous =
        |table, key: &[u8], next: &[u8]| is_superseded(table, key, next, oldest).unwrap_or(false);
    settlement.finish(&is_superfluous, |additions| sweep(&reader, oldest, additions))
}

/// Whether no version that is kept reads an entry, when the next one is `next`.
fn is_superseded(table: Table, key: &[u8], next: &[u8], oldest: Version) -> Result<bool, Error> {
    Ok(match table {
        Table::AccountVersions | Table::SlotVersions | Table::TrieNodes => {
            let ((subject, _), (of_next, version)) = (split_version(key)?, split_version(next)?);
            subject == of_next && version <= oldest
        }
        _ => false,
    })
}

/// Deletes what only versions before `oldest` could read. `reader` is of the settlement that the
/// additions go with.
fn sweep(reader: &Reader, oldest: Version, additions: &mut Additions<'_>) -> Result<(), Error> {
    let mut swept = version(reader.get(Table::StateMeta, SWEPT)?)?;
    if swept >= oldest {
        return Ok(());
    }
    while swept < oldest {
        let mut subjects = Vec::new();
        while swept < oldest && subjects.len() < SWEPT_AT_ONCE {
            additions.delete(Table::StateMeta, &root_key(swept))?;
            swept = swept.next();
            subjects.extend(stored_changes(reader, swept)?);
            additions.delete(Table::StateChanges, &swept.0.to_be_bytes())?;
        }
        subjects.sort_unstable();
        subjects.dedup();
        for subjects in subjects.chunk_by(|one, other| one.table == other.table) {
            sweep_subjects(subjects, oldest, additions)?;
        }
    }
    Ok(additions.put(Table::StateMeta, SWEPT, &oldest.0.to_be_bytes())?)
}

/// Deletes the entries of subjects of one table that the oldest version does not read.
fn sweep_subjects(
    subjects: &[Subject],
    oldest: Version,
    additions: &mut Additions<'_>,
) -> Result<(), Error> {
    let Some(Subject { table, .. }) = subjects.first() else { return Ok(()) };
    let mut superfluous = Vec::new();
    let ranges = subjects.iter().map(|it| (it.at(Version(0)), it.at(oldest)));
    additions.visit(*table, ranges, &mut |mut entries| {
        // Nothing refers to a node that is gone. That an account or a slot is gone is remembered: a
        // chain that was forked from another asks that one else.
        let is_kept = |(_, entry): &(_, Vec<u8>)| !entry.is_empty() || *table != Table::TrieNodes;
        if entries.last().is_some_and(is_kept) {
            entries.pop();
        }
        superfluous.extend(entries.into_iter().map(|(key, _)| key));
    })?;
    for key in superfluous {
        additions.delete(*table, &key)?;
    }
    Ok(())
}
