//! Writing versions to the store, undoing them, and forgetting old ones.

use crate::{
    Account, Error, Layer, StateView, Version,
    apply::ChangedAccount,
    entries::Entries,
    keys::{self, Subject},
    trie::{Trie, Visit},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use heddle_keccak::keccak256_fixed;
use heddle_storage::{Pair, Reader, Table, Writer};
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

pub(crate) fn version(entry: Option<Vec<u8>>) -> Result<Version, Error> {
    let Some(entry) = entry else { return Ok(Version::default()) };
    let bytes = entry.try_into().map_err(|_| Error::Entry("a version"))?;
    Ok(Version(u64::from_be_bytes(bytes)))
}

/// Begins the keys of what is known of the trie of a version; behind it stands the version.
const ROOT: &[u8] = b"root";

pub(crate) fn root_key(version: Version) -> Vec<u8> {
    [ROOT, &version.0.to_be_bytes()].concat()
}

/// What is known of the trie of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) hash: B256,
    /// Whether its nodes are stored, and those of the storage of its accounts.
    pub(crate) is_stored: bool,
}

impl Root {
    fn encode(self) -> [u8; 33] {
        let mut entry = [u8::from(self.is_stored); 33];
        entry[..32].copy_from_slice(self.hash.as_slice());
        entry
    }

    fn decode(entry: Option<Vec<u8>>) -> Result<Self, Error> {
        match entry.as_deref() {
            // Before the first version there is nothing.
            None => Ok(Self { hash: EMPTY_ROOT_HASH, is_stored: true }),
            Some([hash @ .., is_stored @ 0..=1]) if hash.len() == 32 => {
                Ok(Self { hash: B256::from_slice(hash), is_stored: *is_stored == 1 })
            }
            Some(_) => Err(Error::Entry("a root")),
        }
    }
}

pub(crate) fn root(reader: &Reader, version: Version) -> Result<Root, Error> {
    Root::decode(reader.get(Table::StateMeta, &root_key(version))?)
}

fn written_root(writer: &Writer, version: Version) -> Result<Root, Error> {
    Root::decode(writer.get(Table::StateMeta, &root_key(version))?)
}

/// The last version whose tries are stored, from `version` down.
pub(crate) fn trie_version(reader: &Reader, version: Version) -> Result<Version, Error> {
    last_with_trie(version, |version| Ok(root(reader, version)?.is_stored))
}

fn last_with_trie(
    mut version: Version,
    is_stored: impl Fn(Version) -> Result<bool, Error>,
) -> Result<Version, Error> {
    // The first version of all has its tries.
    while version.0 > 0 && !is_stored(version)? {
        version.0 -= 1;
    }
    Ok(version)
}

fn has_tries(writer: &Writer, version: Version) -> Result<bool, Error> {
    Ok(written_root(writer, version)?.is_stored)
}

/// Writes a layer as `version`, the one after the newest, with its tries.
///
/// # Errors
///
/// [`Error::Order`] if it is not the one after the newest; the store may fail.
pub fn write_layer(writer: &mut Writer, version: Version, layer: &Layer) -> Result<(), Error> {
    check_order(writer, version)?;
    let before = Version(version.0.saturating_sub(1));
    let stored = last_with_trie(before, |version| has_tries(writer, version))?;
    let mut storages: Vec<Address> = layer.changed_storages().collect();
    if stored == before {
        return write_version(writer, version, layer, Some((Since::Before(layer), storages)));
    }
    for between in (stored.0 + 1..=before.0).map(Version) {
        for subject in changes(writer, between)? {
            if let Some((address, Some(_))) = keys::address_and_slot(&subject)? {
                storages.push(address);
            }
        }
    }
    write_version(writer, version, layer, Some((Since::Stored(stored), storages)))
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
    let since = (version.0 == 0)
        .then(|| (Since::Before(layer), layer.changed_storages().collect::<Vec<_>>()));
    write_version(writer, version, layer, since)
}

/// Writes a layer as `version`, the one after the newest, with its tries. `first` is the first layer
/// after the last version whose tries are stored: what it was made from is in memory, and need not
/// be read. `storages` are the accounts whose storage changed since, this layer's
/// ([`Layer::changed_storages`]) too.
///
/// # Errors
///
/// [`Error::Order`] if it is not the one after the newest; the store may fail.
pub fn write_layer_with_tries_since(
    writer: &mut Writer,
    version: Version,
    layer: &Layer,
    first: &Layer,
    storages: Vec<Address>,
) -> Result<(), Error> {
    check_order(writer, version)?;
    write_version(writer, version, layer, Some((Since::Before(first), storages)))
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

/// Writes one version, and the nodes by which its tries differ from those that are stored since
/// when; the accounts whose storage changed since are named. Without `since` no nodes.
fn write_version(
    writer: &mut Writer,
    version: Version,
    layer: &Layer,
    since: Option<(Since<'_>, Vec<Address>)>,
) -> Result<(), Error> {
    let mut list = Vec::new();
    let mut key = Vec::new();
    let mut put = |writer: &mut Writer, subject: &Subject, entry: &[u8]| {
        subject.append_to(&mut list);
        key.clear();
        subject.append_at(version, &mut key);
        writer.put(subject.table, &key, entry)
    };
    let is_stored = since.is_some();
    let mut nodes = Vec::new();
    if let Some((since, storages)) = since {
        each_node(writer, since, layer, storages, &mut |owner, path, record| {
            nodes.push((keys::node(owner, path), record.unwrap_or_default()));
        })?;
    }
    for ChangedAccount { address, hash, account, slots } in layer.accounts() {
        let subject = keys::hashed_account(*hash, *address);
        let entry = account.as_ref().map(Account::encode).unwrap_or_default();
        put(writer, &subject, &entry)?;
        let keys: Vec<[u8; 32]> = slots.iter().map(|(key, _)| key.to_be_bytes()).collect();
        for (((_, value), key), hash) in slots.iter().zip(&keys).zip(keccak256_fixed(&keys)) {
            // Trimmed, so that zero is an empty entry.
            let entry = value.to_be_bytes_trimmed_vec();
            put(writer, &keys::hashed_slot(&subject, hash, key), &entry)?;
        }
    }
    for (subject, record) in nodes {
        put(writer, &subject, &record)?;
    }
    for (hash, code) in &layer.codes {
        writer.put(Table::Codes, hash.as_slice(), code)?;
    }
    writer.put(Table::StateChanges, &version.0.to_be_bytes(), &list)?;
    let root = Root { hash: layer.root(), is_stored };
    writer.put(Table::StateMeta, &root_key(version), &root.encode())?;
    writer.put(Table::StateMeta, LATEST, &version.0.to_be_bytes())?;
    Ok(())
}

/// Shows `visit` the nodes by which the tries of a layer differ from those that are stored.
fn each_node(
    writer: &mut Writer,
    since: Since<'_>,
    layer: &Layer,
    mut storages: Vec<Address>,
    visit: Visit<'_>,
) -> Result<(), Error> {
    storages.sort_unstable();
    storages.dedup();
    let owners = storages.into_iter().map(keccak256);
    match since {
        Since::Before(first) => layer.each_node(first.before(), owners, visit),
        Since::Stored(version) => {
            let root = written_root(writer, version)?.hash;
            let stored = Stored { writer: RefCell::new(writer), version };
            layer.each_node((&Trie::accounts(root), &stored), owners, visit)
        }
    }
}

/// Nodes as of a version, as they are with what the writer has written.
struct Stored<'a> {
    /// Reading changes it.
    writer: RefCell<&'a mut Writer>,
    version: Version,
}

impl Entries for Stored<'_> {
    fn version(&self) -> Version {
        self.version
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Pair>, Error> {
        Ok(self.writer.borrow_mut().last_below_or_at(table, from, to)?)
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
        writer.delete(Table::StateMeta, &root_key(undone))?;
    }
    if to < latest {
        writer.put(Table::StateMeta, LATEST, &to.0.to_be_bytes())?;
    }
    Ok(())
}

/// Forgets all versions before `below`: they can be read and gone back to no more. If the tries of
/// `below` are not stored, what they are made from is kept, too: the versions from the last one before
/// it that has its tries. Accounts, slots and nodes that only they could read are deleted by
/// [`settle`](fn@crate::settle).
///
/// # Errors
///
/// The store may fail.
pub fn forget(writer: &mut Writer, below: Version) -> Result<(), Error> {
    let latest = version(writer.get(Table::StateMeta, LATEST)?)?;
    let oldest = version(writer.get(Table::StateMeta, OLDEST)?)?;
    let below = last_with_trie(below.min(latest), |version| has_tries(writer, version))?;
    for forgotten in (oldest.0..below.0).map(Version) {
        writer.delete(Table::StateMeta, &root_key(forgotten))?;
        writer.delete(Table::StateChanges, &forgotten.next().0.to_be_bytes())?;
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
