//! Writing versions to the store, undoing them, and forgetting old ones.

use crate::{
    Account, Error, Layer, StateView, Version,
    apply::ChangedAccount,
    keys::{self, Subject},
    trie::{NodeSource, Trie, Visit},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use heddle_storage::{Reader, Table, Writer};
use heddle_types::{AccountChange, AccountState, ChangeSet, Genesis, GenesisAccount};
use std::{cell::RefCell, collections::BTreeMap};

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

/// Begins the keys of versions whose tries are not stored; behind it stands the version, and the
/// value is the root.
const BARE: &[u8] = b"bare";

fn bare(version: Version) -> Vec<u8> {
    [BARE, &version.0.to_be_bytes()].concat()
}

/// The root of a version whose tries are not stored; `None` if they are.
pub(crate) fn bare_root(reader: &Reader, version: Version) -> Result<Option<B256>, Error> {
    let root = reader.get(Table::StateMeta, &bare(version))?;
    root.map(|root| B256::try_from(&root[..]).map_err(|_| Error::Entry("a root"))).transpose()
}

/// The last version whose tries are stored, from `version` down.
pub(crate) fn trie_version(reader: &Reader, version: Version) -> Result<Version, Error> {
    last_with_trie(version, |version| Ok(bare_root(reader, version)?.is_some()))
}

fn last_with_trie(
    mut version: Version,
    is_bare: impl Fn(Version) -> Result<bool, Error>,
) -> Result<Version, Error> {
    // The first version of all has its tries.
    while version.0 > 0 && is_bare(version)? {
        version.0 -= 1;
    }
    Ok(version)
}

fn is_bare(writer: &Writer, version: Version) -> Result<bool, Error> {
    Ok(writer.get(Table::StateMeta, &bare(version))?.is_some())
}

/// Writes a layer as `version`, the one after the newest, with its tries.
///
/// # Errors
///
/// [`Error::Order`] if it is not the one after the newest; the store may fail.
pub fn write_layer(writer: &mut Writer, version: Version, layer: &Layer) -> Result<(), Error> {
    check_order(writer, version)?;
    let before = Version(version.0.saturating_sub(1));
    let since = match last_with_trie(before, |version| is_bare(writer, version))? {
        stored if stored == before => Since::Before(layer),
        stored => Since::Stored(stored),
    };
    write_version(writer, version, layer, Some(since))
}

/// Writes a layer as `version`, the one after the newest, without the nodes of its tries.
///
/// It can be read, proved and gone back to all the same: its tries are made anew, from the last
/// version that has them and what changed since, if someone asks for them. So the nodes of many
/// versions are written once, with the last of them ([`write_layer_with_tries_since`]).
///
/// # Errors
///
/// [`Error::Order`] if it is not the one after the newest; the store may fail.
pub fn write_bare_layer(writer: &mut Writer, version: Version, layer: &Layer) -> Result<(), Error> {
    check_order(writer, version)?;
    // The first version of all has its tries: all others are made from such a one.
    let since = (version.0 == 0).then_some(Since::Before(layer));
    write_version(writer, version, layer, since)
}

/// Writes a layer as `version`, the one after the newest, with its tries. `first` is the first layer
/// after the last version whose tries are stored: what it was made from is in memory, and need not
/// be read.
///
/// # Errors
///
/// [`Error::Order`] if it is not the one after the newest; the store may fail.
pub fn write_layer_with_tries_since(
    writer: &mut Writer,
    version: Version,
    layer: &Layer,
    first: &Layer,
) -> Result<(), Error> {
    check_order(writer, version)?;
    write_version(writer, version, layer, Some(Since::Before(first)))
}

fn check_order(writer: &Writer, version: Version) -> Result<(), Error> {
    let newest = writer.get(Table::StateMeta, LATEST)?;
    let next = match newest {
        None => Version(0),
        newest => self::version(newest)?.next(),
    };
    if version == next { Ok(()) } else { Err(Error::Order { asked: version, next }) }
}

/// Which tries are the last that are stored.
#[derive(Clone, Copy)]
enum Since<'a> {
    /// Those that the layer was made from; they are in memory for the most part.
    Before(&'a Layer),
    /// Those of a version before that.
    Stored(Version),
}

/// Writes one version, and the nodes by which its tries differ from those that are stored; without
/// `since`, none.
fn write_version(
    writer: &mut Writer,
    version: Version,
    layer: &Layer,
    since: Option<Since<'_>>,
) -> Result<(), Error> {
    let mut entries: BTreeMap<Subject, Vec<u8>> = BTreeMap::new();
    for ChangedAccount { address, account, slots } in layer.accounts() {
        let entry = account.as_ref().map(Account::encode).unwrap_or_default();
        entries.insert(keys::account(*address), entry);
        for (key, value) in slots {
            // Trimmed, so that zero is an empty entry.
            entries.insert(keys::slot(*address, *key), value.to_be_bytes_trimmed_vec());
        }
    }
    match since {
        Some(since) => each_node(writer, since, layer, &mut |owner, path, record| {
            entries.insert(keys::node(owner, path), record.unwrap_or_default());
        })?,
        None => writer.put(Table::StateMeta, &bare(version), layer.root().as_slice())?,
    }
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

/// Shows `visit` the nodes by which the tries of a layer differ from those that are stored.
fn each_node(
    writer: &mut Writer,
    since: Since<'_>,
    layer: &Layer,
    visit: Visit<'_>,
) -> Result<(), Error> {
    match since {
        Since::Before(first) => layer.each_node(first.before(), visit),
        Since::Stored(version) => {
            let stored = Stored { writer: RefCell::new(writer), version };
            let root = stored.record(None, &Nibbles::new())?.map_or(EMPTY_ROOT_HASH, keccak256);
            layer.each_node((&Trie::accounts(root), &stored), visit)
        }
    }
}

/// Nodes as of a version, as they are with what the writer has written.
struct Stored<'a> {
    /// Reading changes it.
    writer: RefCell<&'a mut Writer>,
    version: Version,
}

impl NodeSource for Stored<'_> {
    fn record(&self, owner: Option<B256>, path: &Nibbles) -> Result<Option<Vec<u8>>, Error> {
        let subject = keys::node(owner, path);
        let (from, to) = (subject.at(Version(0)), subject.at(self.version));
        let last = self.writer.borrow_mut().last_below_or_at(subject.table, &from, &to)?;
        Ok(last.map(|(_, record)| record).filter(|record| !record.is_empty()))
    }
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
        writer.delete(Table::StateMeta, &bare(undone))?;
    }
    if to < latest {
        writer.put(Table::StateMeta, LATEST, &to.0.to_be_bytes())?;
    }
    Ok(())
}

/// Forgets all versions before `below`: what only they can read is deleted. If the tries of `below`
/// are not stored, what they are made from is kept, too: the versions from the last one before it
/// that has its tries.
///
/// # Errors
///
/// The store may fail.
pub fn prune(writer: &mut Writer, below: Version) -> Result<(), Error> {
    let latest = version(writer.get(Table::StateMeta, LATEST)?)?;
    let oldest = version(writer.get(Table::StateMeta, OLDEST)?)?;
    let below = last_with_trie(below.min(latest), |version| is_bare(writer, version))?;
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
        superfluous.push((Table::StateMeta, bare(kept)));
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
    subjects(writer.get(Table::StateChanges, &version.0.to_be_bytes())?)
}

/// What a stored version wrote.
pub(crate) fn stored_changes(reader: &Reader, version: Version) -> Result<Vec<Subject>, Error> {
    subjects(reader.get(Table::StateChanges, &version.0.to_be_bytes())?)
}

fn subjects(list: Option<Vec<u8>>) -> Result<Vec<Subject>, Error> {
    let damaged = Error::Entry("the list of a version's changes");
    let Some(list) = list else { return Err(damaged) };
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
