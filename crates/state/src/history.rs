//! Writing versions to the store, undoing them, and forgetting old ones.

use crate::{
    Account, Error, Layer, StateView, Version,
    apply::ChangedAccount,
    keys::{self, Subject},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use heddle_storage::{Reader, Table, Writer};
use heddle_types::{AccountChange, AccountState, ChangeSet, Genesis, GenesisAccount};
use std::collections::BTreeMap;

/// The oldest version that is kept.
const OLDEST: &[u8] = b"oldest";
/// The newest version.
const LATEST: &[u8] = b"latest";

pub(crate) fn oldest(reader: &Reader) -> Result<Version, Error> {
    version(reader.get(Table::StateMeta, OLDEST)?)
}

/// The newest version in the store.
///
/// # Errors
///
/// The store may fail.
pub fn latest(reader: &Reader) -> Result<Version, Error> {
    version(reader.get(Table::StateMeta, LATEST)?)
}

fn version(entry: Option<Vec<u8>>) -> Result<Version, Error> {
    let Some(entry) = entry else { return Ok(Version::default()) };
    let bytes = entry.try_into().map_err(|_| Error::Entry("a version"))?;
    Ok(Version(u64::from_be_bytes(bytes)))
}

/// Writes a layer as `version`, the one after the newest.
///
/// # Errors
///
/// [`Error::Order`] if it is not the one after the newest; the store may fail.
pub fn write_layer(writer: &mut Writer, version: Version, layer: &Layer) -> Result<(), Error> {
    let newest = writer.get(Table::StateMeta, LATEST)?;
    let next = match newest {
        None => Version(0),
        newest => self::version(newest)?.next(),
    };
    if version != next {
        return Err(Error::Order { asked: version, next });
    }
    let mut entries: BTreeMap<Subject, Vec<u8>> = BTreeMap::new();
    for ChangedAccount { address, account, slots } in layer.accounts() {
        let entry = account.as_ref().map(Account::encode).unwrap_or_default();
        entries.insert(keys::account(*address), entry);
        for (key, value) in slots {
            // Trimmed, so that zero is an empty entry.
            entries.insert(keys::slot(*address, *key), value.to_be_bytes_trimmed_vec());
        }
    }
    layer.each_node(&mut |owner, path, record| {
        entries.insert(keys::node(owner, path), record.unwrap_or_default());
    })?;
    for (hash, code) in &layer.codes {
        writer.put(Table::Codes, hash.as_slice(), code)?;
    }
    let mut list = Vec::new();
    for (subject, entry) in &entries {
        writer.put(subject.table, &subject.at(version), entry)?;
        subject.append_to(&mut list);
    }
    writer.put(Table::StateChanges, &version.0.to_be_bytes(), &list)?;
    writer.put(Table::StateMeta, LATEST, &version.0.to_be_bytes())?;
    Ok(())
}

/// Undoes all versions after `to`.
///
/// # Errors
///
/// [`Error::Pruned`] if `to` is not kept any more, [`Error::Future`] if it is not there yet; the
/// store may fail.
pub fn unwind(writer: &mut Writer, to: Version) -> Result<(), Error> {
    let oldest = version(writer.get(Table::StateMeta, OLDEST)?)?;
    if to < oldest {
        return Err(Error::Pruned { asked: to, oldest });
    }
    let latest = version(writer.get(Table::StateMeta, LATEST)?)?;
    if to > latest {
        return Err(Error::Future { asked: to, latest });
    }
    for undone in (to.0 + 1..=latest.0).rev().map(Version) {
        for subject in changes(writer, undone)? {
            writer.delete(subject.table, &subject.at(undone))?;
        }
        writer.delete(Table::StateChanges, &undone.0.to_be_bytes())?;
    }
    if to < latest {
        writer.put(Table::StateMeta, LATEST, &to.0.to_be_bytes())?;
    }
    Ok(())
}

/// Forgets all versions before `below`: what only they can read is deleted.
///
/// # Errors
///
/// The store may fail.
pub fn prune(writer: &mut Writer, below: Version) -> Result<(), Error> {
    let latest = version(writer.get(Table::StateMeta, LATEST)?)?;
    let oldest = version(writer.get(Table::StateMeta, OLDEST)?)?;
    let below = below.min(latest);
    let mut superfluous = Vec::new();
    for kept in (oldest.0 + 1..=below.0).map(Version) {
        for subject in changes(writer, kept)? {
            let first = subject.at(Version(0));
            let key = subject.at(kept);
            // Pruning that went on before has left one at most.
            let before = subject.at(Version(kept.0 - 1));
            if let Some((old, _)) = writer.last_below_or_at(subject.table, &first, &before)? {
                superfluous.push((subject.table, old));
            }
            // Nothing refers to a node that is gone. That an account or a slot is gone is
            // remembered: a chain that was forked from another asks that one else.
            let is_gone = writer.get(subject.table, &key)?.is_some_and(|entry| entry.is_empty());
            if is_gone && subject.table == Table::TrieNodes {
                superfluous.push((subject.table, key));
            }
        }
        superfluous.push((Table::StateChanges, kept.0.to_be_bytes().to_vec()));
    }
    for (table, key) in superfluous {
        writer.delete(table, &key)?;
    }
    if below > oldest {
        writer.put(Table::StateMeta, OLDEST, &below.0.to_be_bytes())?;
    }
    Ok(())
}

/// What a version wrote.
fn changes(writer: &Writer, version: Version) -> Result<Vec<Subject>, Error> {
    let damaged = Error::Entry("the list of a version's changes");
    let Some(list) = writer.get(Table::StateChanges, &version.0.to_be_bytes())? else {
        return Err(damaged);
    };
    let mut list = &list[..];
    let mut subjects = Vec::new();
    while !list.is_empty() {
        let Some(subject) = Subject::take_from(&mut list) else { return Err(damaged) };
        subjects.push(subject);
    }
    Ok(subjects)
}

/// Writes the accounts of a genesis as version 0 and returns the root. The store must hold no
/// state yet; `reader` is a snapshot of it.
///
/// # Errors
///
/// The store may fail.
pub fn write_genesis(
    reader: Reader,
    writer: &mut Writer,
    genesis: &Genesis,
    threads: usize,
) -> Result<B256, Error> {
    let empty = StateView::new(reader, Version(0))?;
    let layer = empty.apply(&genesis_changes(&genesis.alloc), threads)?;
    write_layer(writer, Version(0), &layer)?;
    Ok(layer.root())
}

fn genesis_changes(alloc: &BTreeMap<Address, GenesisAccount>) -> ChangeSet {
    let mut changes = ChangeSet::default();
    for (address, account) in alloc {
        let code = account.code.clone().unwrap_or_default();
        let code_hash = keccak256(&code);
        if !code.is_empty() {
            changes.codes.push((code_hash, code));
        }
        let slots = account.storage.iter().flatten();
        let storage = slots
            .map(|(key, value)| (U256::from_be_bytes(key.0), U256::from_be_bytes(value.0)))
            .filter(|(_, value)| !value.is_zero())
            .collect();
        let nonce = account.nonce.unwrap_or_default();
        changes.accounts.push(AccountChange {
            address: *address,
            after: Some(AccountState { balance: account.balance, nonce, code_hash }),
            storage_cleared: false,
            storage,
        });
    }
    changes.codes.sort_unstable_by_key(|(hash, _)| *hash);
    changes.codes.dedup_by_key(|(hash, _)| *hash);
    changes
}
