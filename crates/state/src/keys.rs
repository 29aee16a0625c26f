//! Keys in the store: a subject, and behind it the version.
//!
//! No subject of a table is the beginning of another one, so that the entries of one subject lie
//! together, by version.
//!
//! Before an address, and before a slot's key, stands the beginning of its hash: accounts and slots
//! lie in the order of the trie, and those below one of its nodes side by side.

use crate::{Error, Version};
use alloy_primitives::{Address, B256, U256, keccak256};
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

/// Bytes of a hash that stand before what was hashed. That more of them are alike in two of a
/// million million accounts is unlikely; it does no harm either.
pub(crate) const HASH_BYTES: usize = 8;

/// The same in nibbles.
pub(crate) const HASH_NIBBLES: usize = 2 * HASH_BYTES;

/// Where the address begins in a subject, and where it ends.
const ADDRESS: std::ops::Range<usize> = HASH_BYTES..HASH_BYTES + 20;

/// The bytes of a hash that stand before what was hashed.
pub(crate) fn beginning(hash: &B256) -> [u8; HASH_BYTES] {
    *hash.first_chunk().expect("a hash has 32 bytes")
}

pub(crate) fn account(address: Address) -> Subject {
    hashed_account(beginning(&keccak256(address)), address)
}

/// An account of whose hashed address the beginning is known.
pub(crate) fn hashed_account(hash: [u8; HASH_BYTES], address: Address) -> Subject {
    let bytes = [&hash[..], address.as_slice()].concat();
    Subject { table: Table::AccountVersions, bytes }
}

pub(crate) fn slot(address: Address, key: U256) -> Subject {
    let key = key.to_be_bytes::<32>();
    hashed_slot(&account(address), keccak256(key), &key)
}

/// A slot of an account whose hashed key is known.
pub(crate) fn hashed_slot(account: &Subject, hash: B256, key: &[u8; 32]) -> Subject {
    let bytes = [&account.bytes[..], &hash[..HASH_BYTES], key].concat();
    Subject { table: Table::SlotVersions, bytes }
}

/// The keys between which all accounts lie whose hashed address begins with `path`, and some more
/// if that is long. Their slots lie between the same keys of their table.
pub(crate) fn accounts_below(path: &Nibbles) -> (Vec<u8>, Vec<u8>) {
    below(&[], path)
}

/// The same of the slots of an account.
pub(crate) fn slots_below(account: &Subject, path: &Nibbles) -> (Vec<u8>, Vec<u8>) {
    below(&account.bytes, path)
}

fn below(before: &[u8], path: &Nibbles) -> (Vec<u8>, Vec<u8>) {
    let path = path.slice(..path.len().min(HASH_NIBBLES));
    let bound = |nibble: u8| {
        let whole = path.iter().chain(std::iter::repeat(nibble)).take(HASH_NIBBLES);
        let hash = Nibbles::from_iter_unchecked(whole).pack();
        [before, &hash[..], &[nibble << 4 | nibble; 64]].concat()
    };
    let mut from = bound(0);
    // What is not longer than its own beginning comes before all that goes on.
    from.truncate(before.len() + HASH_BYTES);
    (from, bound(15))
}

/// A key after all versions of a subject, and before all other subjects that come after it.
pub(crate) fn behind(subject: &[u8]) -> Vec<u8> {
    [subject, &[u8::MAX; VERSION_BYTES + 1]].concat()
}

/// The account that a subject of the table of accounts is.
pub(crate) fn stored_address(subject: &[u8]) -> Result<Address, Error> {
    let address = subject.get(ADDRESS).filter(|_| subject.len() == ADDRESS.end);
    address.map(Address::from_slice).ok_or(Error::Entry("an account's key"))
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

/// The account that a subject is, or is a slot of; `None` if it is a node.
pub(crate) fn address_and_slot(
    subject: &Subject,
) -> Result<Option<(Address, Option<U256>)>, Error> {
    Ok(match subject.table {
        Table::AccountVersions => Some((stored_address(&subject.bytes)?, None)),
        Table::SlotVersions => {
            let (address, key) = stored_slot_key(&subject.bytes)?;
            Some((address, Some(key)))
        }
        _ => None,
    })
}

/// The slot that a subject of the table of slots is.
pub(crate) fn stored_slot_key(subject: &[u8]) -> Result<(Address, U256), Error> {
    let wrong = Error::Entry("a slot's key");
    let Some((account, slot)) = subject.split_at_checked(ADDRESS.end) else { return Err(wrong) };
    let Some(Ok(key)) = slot.get(HASH_BYTES..).map(<[u8; 32]>::try_from) else {
        return Err(wrong);
    };
    Ok((stored_address(account)?, U256::from_be_bytes(key)))
}

/// The slot that an entry is of, and its value.
pub(crate) fn stored_slot(subject: &[u8], entry: &[u8]) -> Result<(Address, U256, U256), Error> {
    let (address, key) = stored_slot_key(subject)?;
    Ok((address, key, slot_value(entry)?))
}

/// The value that a slot's entry holds.
pub(crate) fn slot_value(entry: &[u8]) -> Result<U256, Error> {
    U256::try_from_be_slice(entry).ok_or(Error::Entry("a slot"))
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
        let mut key = Vec::with_capacity(self.bytes.len() + VERSION_BYTES);
        self.append_at(version, &mut key);
        key
    }

    /// Appends the key of a version to what is there.
    pub(crate) fn append_at(&self, version: Version, key: &mut Vec<u8>) {
        key.extend_from_slice(&self.bytes);
        key.extend_from_slice(&version.0.to_be_bytes());
    }

    /// Appends the subject to a list of changes.
    pub(crate) fn append_to(&self, list: &mut Vec<u8>) {
        let table = TABLES.iter().position(|table| *table == self.table);
        let table = table.expect("subjects are made of the tables in the list only");
        let len = self.bytes.len();
        // Both fit: there are three tables, and the longest subject has 68 bytes.
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
