//! Keys in the store: a subject, and behind it the version.
//!
//! No subject of a table is the beginning of another one, so that the entries of one subject lie
//! together, by version.

use crate::{Error, Version};
use alloy_primitives::{Address, B256, U256};
use alloy_trie::Nibbles;
use heddle_storage::Table;

/// Bytes of a version at the end of a key.
pub(crate) const VERSION_BYTES: usize = 8;

/// The subject of a table's entries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    pub(crate) table: Table,
    pub(crate) bytes: Vec<u8>,
}

/// Tables whose keys end with a version, by their number in lists of changes.
const TABLES: [Table; 3] = [Table::AccountVersions, Table::SlotVersions, Table::TrieNodes];

pub(crate) fn account(address: Address) -> Subject {
    Subject { table: Table::AccountVersions, bytes: address.to_vec() }
}

pub(crate) fn slot(address: Address, key: U256) -> Subject {
    let bytes = [address.as_slice(), &key.to_be_bytes::<32>()].concat();
    Subject { table: Table::SlotVersions, bytes }
}

/// The length of the path stands before it: paths that begin alike would lie among each other's
/// versions otherwise.
pub(crate) fn node(owner: Option<B256>, path: &Nibbles) -> Subject {
    let mut bytes = Vec::with_capacity(67);
    // The trie of accounts comes before all storage, whose owners are hashes.
    bytes.push(u8::from(owner.is_some()));
    bytes.extend_from_slice(owner.as_ref().map_or(&[], |owner| owner.as_slice()));
    bytes.push(u8::try_from(path.len()).expect("a path has at most 64 nibbles"));
    bytes.extend_from_slice(&path.pack());
    Subject { table: Table::TrieNodes, bytes }
}

/// The account that a subject is, or is a slot of.
pub(crate) fn address_and_slot(subject: &Subject) -> Result<(Address, Option<U256>), Error> {
    let damaged = Error::Entry("a subject in the list of a version's changes");
    let bytes = &subject.bytes[..];
    match subject.table {
        Table::AccountVersions => {
            Address::try_from(bytes).map(|it| (it, None)).map_err(|_| damaged)
        }
        Table::SlotVersions => match bytes.split_first_chunk::<20>() {
            Some((address, key)) if key.len() == 32 => {
                Ok((Address::from(*address), Some(U256::from_be_slice(key))))
            }
            _ => Err(damaged),
        },
        // Such a version writes no nodes.
        _ => Err(damaged),
    }
}

/// The slot that an entry is of, and its value.
pub(crate) fn stored_slot(subject: &[u8], entry: &[u8]) -> Result<(Address, U256, U256), Error> {
    let parts = subject.split_first_chunk::<20>();
    let (address, key) = parts.ok_or(Error::Entry("a slot's key"))?;
    let key = <[u8; 32]>::try_from(key).map_err(|_| Error::Entry("a slot's key"))?;
    Ok((Address::from(*address), U256::from_be_bytes(key), slot_value(entry)?))
}

/// The value that a slot's entry holds.
pub(crate) fn slot_value(entry: &[u8]) -> Result<U256, Error> {
    U256::try_from_be_slice(entry).ok_or(Error::Entry("a slot"))
}

/// The keys between which the entries of addresses lie that begin with `first`.
pub(crate) fn beginning_with(first: u8) -> (Vec<u8>, Vec<u8>) {
    // Longer than the longest key.
    (vec![first], [vec![first], vec![u8::MAX; 64]].concat())
}

/// The keys between which the nodes of a trie lie.
pub(crate) fn nodes_of(owner: Option<B256>) -> (Vec<u8>, Vec<u8>) {
    match owner {
        None => (vec![0], vec![1]),
        Some(owner) => {
            let from = [&[1], owner.as_slice()].concat();
            // No path is as long.
            let to = [&from[..], &[u8::MAX]].concat();
            (from, to)
        }
    }
}

/// Where in the trie of `owner` the node of a subject is.
pub(crate) fn path_of_node(owner: Option<B256>, subject: &[u8]) -> Result<Nibbles, Error> {
    let start = 1 + owner.map_or(0, |owner| owner.len());
    let path = subject.get(start..).and_then(|rest| {
        let (&length, packed) = rest.split_first()?;
        let nibbles = (packed.len() <= 32).then(|| Nibbles::unpack(packed))?;
        (usize::from(length) <= nibbles.len()).then(|| nibbles.slice(..usize::from(length)))
    });
    path.ok_or(Error::Entry("a node's key"))
}

impl Subject {
    pub(crate) fn at(&self, version: Version) -> Vec<u8> {
        [&self.bytes[..], &version.0.to_be_bytes()].concat()
    }

    /// Appends the subject to a list of changes.
    pub(crate) fn append_to(&self, list: &mut Vec<u8>) {
        let table = TABLES.iter().position(|table| *table == self.table);
        let table = table.expect("subjects are made of the tables in the list only");
        let len = self.bytes.len();
        // Both fit: there are three tables, and the longest subject has 67 bytes.
        list.push(table as u8);
        list.push(len as u8);
        list.extend_from_slice(&self.bytes);
    }

    /// Takes the first subject from a list of changes.
    pub(crate) fn take_from(list: &mut &[u8]) -> Option<Self> {
        let (&[table, len], rest) = list.split_first_chunk::<2>()?;
        let (bytes, rest) = rest.split_at_checked(usize::from(len))?;
        *list = rest;
        Some(Self { table: *TABLES.get(usize::from(table))?, bytes: bytes.to_vec() })
    }
}
