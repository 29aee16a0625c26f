//! A Merkle-Patricia trie (yellow paper, appendix D) of which only what is looked at is in memory.
//!
//! Nodes never change: a change makes new ones along its path and shares the rest, so that the
//! tries of many blocks, and of blocks that compete, exist side by side. All changes of a block are
//! made in one pass: each new node is encoded and hashed once.

mod node;
mod update;

#[cfg(test)]
mod tests;

use crate::Error;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use node::{Leaf, Link, Node};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) use update::{Change, Item};

/// Where the records of nodes come from.
pub(crate) trait NodeSource: Sync {
    /// The record of the node at `path` from the root of the trie of `owner` (the trie of accounts
    /// if there is none).
    fn record(&self, owner: Option<B256>, path: &Nibbles) -> Result<Option<Vec<u8>>, Error>;
}

/// A trie.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    /// Whose storage it is.
    owner: Option<B256>,
    root: Option<Link>,
    /// Bytes in memory of all tries that came of one, roughly.
    weight: Arc<AtomicUsize>,
}

/// Records that a change made (`Some`) or did away with (`None`), by path.
pub(crate) type Records = BTreeMap<Nibbles, Option<Vec<u8>>>;

impl Trie {
    /// The trie of accounts with this root, none of which is in memory.
    pub(crate) fn accounts(root: B256) -> Self {
        Self { owner: None, root: link(root), weight: Arc::default() }
    }

    /// The trie of an account's storage: what of it is in memory, or what is stored.
    fn of_account(&self, owner: B256, root: B256, storage: Option<Link>) -> Self {
        let root =
            storage.filter(|link| link.reference.as_hash() == Some(root)).or_else(|| link(root));
        Self { owner: Some(owner), root, weight: self.weight.clone() }
    }

    /// Keccak-256 of the root node; that of the empty string if there is nothing in the trie.
    pub(crate) fn root(&self) -> B256 {
        // The root is referred to by its hash, however short it is.
        self.root.as_ref().and_then(|root| root.reference.as_hash()).unwrap_or(EMPTY_ROOT_HASH)
    }

    /// Bytes in memory of this trie and those that came of it, roughly.
    pub(crate) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    /// The storage of the account whose hashed address is `owner`; `root` is what its record says.
    pub(crate) fn storage(
        &self,
        owner: B256,
        root: B256,
        source: &impl NodeSource,
    ) -> Result<Self, Error> {
        if root == EMPTY_ROOT_HASH {
            return Ok(self.of_account(owner, root, None));
        }
        let leaf = self.leaf(&Nibbles::unpack(owner), source)?;
        Ok(self.of_account(owner, root, leaf.and_then(|leaf| leaf.storage.clone())))
    }

    /// What is at `key`.
    pub(crate) fn get(&self, key: B256, source: &impl NodeSource) -> Result<Option<Bytes>, Error> {
        Ok(self.leaf(&Nibbles::unpack(key), source)?.map(|leaf| leaf.value))
    }

    /// Reads the nodes on the way to `key` into memory.
    pub(crate) fn load(&self, key: B256, source: &impl NodeSource) -> Result<(), Error> {
        self.leaf(&Nibbles::unpack(key), source).map(drop)
    }

    fn leaf(&self, key: &Nibbles, source: &impl NodeSource) -> Result<Option<Leaf>, Error> {
        let mut found = None;
        self.walk(key, source, |node| {
            if let Node::Leaf(leaf) = node {
                found = Some(leaf.clone());
            }
        })
        .map(|is_there| found.filter(|_| is_there))
    }

    /// The records of the nodes on the way to `key`: proof of what is there, or that nothing is
    /// (EIP-1186). Nodes that are part of their parent's record are not listed.
    pub(crate) fn proof(&self, key: B256, source: &impl NodeSource) -> Result<Vec<Bytes>, Error> {
        let mut proof: Vec<Bytes> = Vec::new();
        self.walk(&Nibbles::unpack(key), source, |node| {
            let record = node.encode();
            if proof.is_empty() || record.len() >= 32 {
                proof.push(record.into());
            }
        })?;
        Ok(proof)
    }

    /// Shows `visit` each node on the way to `key`, and says whether the key is there.
    fn walk(
        &self,
        key: &Nibbles,
        source: &impl NodeSource,
        mut visit: impl FnMut(&Node),
    ) -> Result<bool, Error> {
        let mut next = self.root.clone();
        let mut depth = 0;
        while let Some(link) = next.take() {
            let node = self.node(&link, &key.slice(..depth), source)?;
            visit(&node);
            let rest = key.slice(depth..);
            match &*node {
                Node::Leaf(leaf) => return Ok(leaf.path == rest),
                Node::Extension { path, child } if rest.starts_with(path) => {
                    depth += path.len();
                    next = Some(child.clone());
                }
                Node::Extension { .. } => {}
                Node::Branch { children, value } => match rest.first() {
                    Some(nibble) => {
                        depth += 1;
                        next = children[usize::from(nibble)].clone();
                    }
                    None => return Ok(value.is_some()),
                },
            }
        }
        Ok(false)
    }

    /// The node that `link` at `path` refers to.
    fn node(
        &self,
        link: &Link,
        path: &Nibbles,
        source: &impl NodeSource,
    ) -> Result<Arc<Node>, Error> {
        if let Some(node) = link.in_memory() {
            return Ok(node.clone());
        }
        let damaged = || Error::Node { owner: self.owner, path: *path };
        let record = source.record(self.owner, path)?.ok_or_else(damaged)?;
        if Some(keccak256(&record)) != link.reference.as_hash() {
            return Err(damaged());
        }
        let node = Arc::new(Node::decode(&record).map_err(|_| damaged())?);
        self.weight.fetch_add(node::weight(&node), Ordering::Relaxed);
        Ok(link.keep(node).clone())
    }

    /// The trie after `items`, which must be sorted by key, each key once; the records that it made
    /// or did away with are added to `records`. Uses up to `threads` threads.
    ///
    /// # Errors
    ///
    /// See [`Error`]; `records` is to be thrown away then.
    pub(crate) fn update(
        &self,
        items: Vec<Item>,
        threads: usize,
        source: &impl NodeSource,
        records: &mut Records,
    ) -> Result<Self, Error> {
        debug_assert!(items.is_sorted_by(|a, b| a.key < b.key), "keys are sorted, each once");
        let root = update::root(self, items, threads, source, records)?;
        Ok(Self { owner: self.owner, root, weight: self.weight.clone() })
    }

    /// The root, to be kept with the account's leaf.
    pub(crate) fn into_storage(self) -> StorageLink {
        StorageLink(self.root)
    }
}

/// The trie of an account's storage, kept with its leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct StorageLink(Option<Link>);

/// The reference to a stored root.
fn link(root: B256) -> Option<Link> {
    (root != EMPTY_ROOT_HASH).then(|| Link::stored(root))
}

/// The root of a trie that starts empty and gets `changes` in order, one at a time: a value for a
/// key, or nothing in its place. Keys may be of any length up to 32 bytes.
///
/// It exists for conformance tests of the trie itself.
///
/// # Errors
///
/// None can occur; the type is that of tries that are stored.
pub fn root_after<'a>(
    changes: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<B256, Error> {
    let mut store = Records::new();
    let mut trie = Trie::accounts(EMPTY_ROOT_HASH);
    for (key, value) in changes {
        let change = match value {
            Some(value) if !value.is_empty() => {
                Change::Put(Bytes::copy_from_slice(value), StorageLink::default())
            }
            _ => Change::Delete,
        };
        let mut records = Records::new();
        let item = Item { key: Nibbles::unpack(key), change };
        trie = trie.update(vec![item], 1, &store, &mut records)?;
        store.extend(records);
    }
    Ok(trie.root())
}

impl NodeSource for Records {
    fn record(&self, _: Option<B256>, path: &Nibbles) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.get(path).cloned().flatten())
    }
}
