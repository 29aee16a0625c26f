//! A Merkle-Patricia trie (yellow paper, appendix D) of which only what is looked at is in memory.
//!
//! Nodes never change: a change makes new ones along its path and shares the rest, so that the
//! tries of many blocks, and of blocks that compete, exist side by side. All changes of a block are
//! made in one pass: first the new nodes (`update`), then their hashes, many at once (`draft`), each
//! once; by as many threads as there are (`tasks`). What is to be stored of it is told by comparing
//! the trie with the one before (`difference`).

mod difference;
mod draft;
mod memory;
mod node;
mod slot;
mod tasks;
mod update;

#[cfg(test)]
mod tests;

use crate::Error;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable as _;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};
use draft::Drafts;
use node::{Children, Leaf, Link, Node, Reference, UNRECORDED_MAX};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) use difference::{Visit, difference, difference_of_accounts};
pub(crate) use memory::Memory;
pub(crate) use node::AccountLink;
pub(crate) use update::{Change, Item};
use update::{Outcome, Update};

/// Where the records of nodes come from.
pub(crate) trait NodeSource {
    /// The record of the node at `path` from the root of the trie of `owner` (the trie of accounts
    /// if there is none).
    fn record(&self, owner: Option<B256>, path: &Nibbles) -> Result<Option<Vec<u8>>, Error>;

    /// What is below `path` in the trie of `owner`, by ascending key, each putting a value: of nodes
    /// that have no records. Of more than `max` it gives one more.
    fn leaves(&self, owner: Option<B256>, path: &Nibbles, max: usize) -> Result<Vec<Item>, Error>;
}

/// A trie.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    /// Whose storage it is.
    owner: Option<B256>,
    root: Option<Arc<Link>>,
    /// Of all tries that came of one.
    memory: Arc<Memory>,
}

/// The way to a key, so far as it was gone.
struct Way<'a> {
    link: &'a Link,
    key: &'a Nibbles,
    /// Nibbles before the link.
    depth: usize,
    /// Of the node before, if a change is going to copy them and nobody had them fetched.
    copied: Option<&'a Children>,
    is_at_end: bool,
}

impl Way<'_> {
    /// Has the processor fetch what the links lead to that it fetched before.
    fn fetch(&mut self) {
        if let Some(children) = self.copied.take() {
            children.prefetch();
        }
        if !self.is_at_end {
            self.link.prefetch_node();
        }
    }

    /// One node further; the processor fetches the link meanwhile.
    fn step(&mut self, generation: u32) {
        self.link.note_use(generation);
        let (next, depth) = match self.link.in_memory() {
            Some(Node::Branch { children, .. }) => {
                if self.link.is_low() {
                    children.prefetch_links();
                    self.copied = Some(children);
                }
                (self.key.get(self.depth).and_then(|nibble| children.get(nibble)), self.depth + 1)
            }
            Some(Node::Extension { path, child }) => {
                let is_on = self.key.slice(self.depth..).starts_with(path);
                (is_on.then_some(child), self.depth + path.len())
            }
            Some(Node::Leaf(_)) | None => (None, self.depth),
        };
        match next {
            Some(next) => {
                next.prefetch();
                (self.link, self.depth) = (next, depth);
            }
            None => self.is_at_end = true,
        }
    }
}

/// Records that a change made (`Some`) or did away with (`None`), by path.
pub(crate) type Records = BTreeMap<Nibbles, Option<Vec<u8>>>;

impl Trie {
    /// The trie of accounts with this root, none of which is in memory.
    pub(crate) fn accounts(root: B256) -> Self {
        Self::accounts_within(root, Arc::default())
    }

    /// The same, with others in this memory.
    pub(crate) fn accounts_within(root: B256, memory: Arc<Memory>) -> Self {
        Self { owner: None, root: Link::root(root), memory }
    }

    /// The trie of an account's storage: what of it is in memory, or what is stored.
    fn of_account(&self, owner: B256, root: B256, known: Option<AccountLink>) -> Self {
        let root = known.unwrap_or_default().storage_with_root(root);
        Self { owner: Some(owner), root, memory: self.memory.clone() }
    }

    /// Keccak-256 of the root node; that of the empty string if there is nothing in the trie.
    pub(crate) fn root(&self) -> B256 {
        // The root is referred to by its hash, however short it is.
        self.root.as_ref().and_then(|root| root.reference.as_hash()).unwrap_or(EMPTY_ROOT_HASH)
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
        let known = self.account(&Nibbles::unpack(owner), source)?;
        Ok(self.of_account(owner, root, known))
    }

    /// What is in memory of the account with this key; `None` if there is no such account.
    pub(crate) fn account(
        &self,
        key: &Nibbles,
        source: &impl NodeSource,
    ) -> Result<Option<AccountLink>, Error> {
        self.leaf(key, source, |leaf| leaf.account.clone())
    }

    /// The same of many accounts. Their nodes lie all over the memory: a group is looked up step by
    /// step side by side, so that the processor waits for all of them at once.
    pub(crate) fn accounts_of(
        &self,
        keys: &[Nibbles],
        source: &impl NodeSource,
    ) -> Result<Vec<Option<AccountLink>>, Error> {
        const GROUP: usize = 24;
        let mut found = Vec::with_capacity(keys.len());
        for group in keys.chunks(GROUP) {
            let ways = self.ways(group);
            if ways.is_empty() {
                found.resize(found.len() + group.len(), None);
            }
            for Way { link, key, depth, .. } in ways {
                found.push(match link.in_memory() {
                    Some(Node::Leaf(leaf)) if leaf.path == key.slice(depth..) => {
                        Some(leaf.account.clone())
                    }
                    // It is not there, or not in memory; another may have read it by now.
                    _ => self.account(key, source)?,
                });
            }
        }
        Ok(found)
    }

    /// The ways to `keys` as far as they are in memory; none if the trie is empty.
    fn ways<'a>(&'a self, keys: &'a [Nibbles]) -> Vec<Way<'a>> {
        let Some(root) = self.root.as_deref() else { return Vec::new() };
        let generation = self.memory.generation();
        let way = |key| Way { link: root, key, depth: 0, copied: None, is_at_end: false };
        let mut ways: Vec<Way<'_>> = keys.iter().map(way).collect();
        loop {
            ways.iter_mut().for_each(Way::fetch);
            if ways.iter().all(|way| way.is_at_end) {
                return ways;
            }
            for way in ways.iter_mut().filter(|way| !way.is_at_end) {
                way.step(generation);
            }
        }
    }

    /// The trie of an account's storage of which `known` is all in memory, and `root` what its
    /// record says.
    pub(crate) fn storage_of(&self, owner: B256, root: B256, known: AccountLink) -> Self {
        self.of_account(owner, root, Some(known))
    }

    /// What is at `key`.
    #[cfg(test)]
    fn get(&self, key: B256, source: &impl NodeSource) -> Result<Option<Bytes>, Error> {
        self.leaf(&Nibbles::unpack(key), source, |leaf| Bytes::copy_from_slice(&leaf.value))
    }

    /// Reads the nodes on the way to `key` into memory.
    pub(crate) fn load(&self, key: B256, source: &impl NodeSource) -> Result<(), Error> {
        self.leaf(&Nibbles::unpack(key), source, |_| ()).map(drop)
    }

    fn leaf<T>(
        &self,
        key: &Nibbles,
        source: &impl NodeSource,
        look: impl Fn(&Leaf) -> T,
    ) -> Result<Option<T>, Error> {
        let mut found = None;
        self.walk(key, source, |node, rest| {
            if let Node::Leaf(leaf) = node
                && leaf.path == *rest
            {
                found = Some(look(leaf));
            }
        })?;
        Ok(found)
    }

    /// The records of the nodes on the way to `key`: proof of what is there, or that nothing is
    /// (EIP-1186). Nodes that are part of their parent's record are not listed.
    pub(crate) fn proof(&self, key: B256, source: &impl NodeSource) -> Result<Vec<Bytes>, Error> {
        let mut proof: Vec<Bytes> = Vec::new();
        self.walk(&Nibbles::unpack(key), source, |node, _| {
            let record = node.encode();
            if proof.is_empty() || record.len() >= 32 {
                proof.push(record.into());
            }
        })?;
        Ok(proof)
    }

    /// Shows `visit` each node on the way to `key`, with what of the key is still to come.
    fn walk(
        &self,
        key: &Nibbles,
        source: &impl NodeSource,
        mut visit: impl FnMut(&Node, &Nibbles),
    ) -> Result<(), Error> {
        let Some(mut link) = self.root.as_deref() else { return Ok(()) };
        let mut depth = 0;
        let generation = self.memory.generation();
        loop {
            link.note_use(generation);
            let node = match link.in_memory() {
                Some(node) => node,
                None => self.node(link, &key.slice(..depth), source)?,
            };
            let rest = key.slice(depth..);
            visit(node, &rest);
            let child = match node {
                Node::Extension { path, child } if rest.starts_with(path) => {
                    depth += path.len();
                    Some(child)
                }
                Node::Branch { children, .. } => {
                    depth += 1;
                    rest.first().and_then(|nibble| children.get(nibble))
                }
                Node::Leaf(_) | Node::Extension { .. } => None,
            };
            match child {
                Some(child) => link = child,
                None => return Ok(()),
            }
        }
    }

    /// The node that `link` at `path` refers to.
    fn node<'a>(
        &self,
        link: &'a Link,
        path: &Nibbles,
        source: &impl NodeSource,
    ) -> Result<&'a Node, Error> {
        if let Some(node) = link.in_memory() {
            return Ok(node);
        }
        self.memory.count_read();
        let damaged = || Error::Node { owner: self.owner, path: *path };
        let is_recorded = link.is_recorded();
        let stored = match is_recorded {
            Some(false) => None,
            Some(true) | None => source.record(self.owner, path)?,
        };
        let node = match stored {
            Some(stored) => {
                let (record, leaves) = Node::split_stored(&stored).map_err(|_| damaged())?;
                if Some(keccak256(record)) != link.reference.as_hash() {
                    return Err(damaged());
                }
                Arc::new(Node::decode_stored(record, leaves).map_err(|_| damaged())?)
            }
            None if is_recorded == Some(true) => return Err(damaged()),
            None => self.node_of_leaves(link, path, source)?,
        };
        self.memory.add(node::weight(&node));
        Ok(link.keep(node))
    }

    /// The node that `link` at `path` refers to, made from what is below it.
    fn node_of_leaves(
        &self,
        link: &Link,
        path: &Nibbles,
        source: &impl NodeSource,
    ) -> Result<Arc<Node>, Error> {
        let damaged = || Error::Node { owner: self.owner, path: *path };
        let max = usize::from(UNRECORDED_MAX);
        let mut items = source.leaves(self.owner, path, max)?;
        let mut drafts = Drafts::default();
        let mut update = Update { trie: self, source, drafts: &mut drafts };
        let draft = if items.len() <= max { update.fresh(*path, &mut items)? } else { None };
        let draft = drafts.finish_below(draft.ok_or_else(damaged)?, &self.memory);
        let record = draft.node().encode();
        // A root is referred to by its hash, however short it is.
        let is_it = match link.reference.as_hash() {
            Some(hash) => keccak256(&record) == hash,
            None => Reference::of(&record) == link.reference,
        };
        if is_it { Ok(draft.into_node()) } else { Err(damaged()) }
    }

    /// The trie after `items`, which must be sorted by key, each key once. Uses up to `threads`
    /// threads.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn update(
        &self,
        items: &[Item],
        threads: usize,
        source: &(impl NodeSource + Sync),
    ) -> Result<Self, Error> {
        let keys: Vec<Nibbles> = items.iter().map(|item| item.key).collect();
        self.update_with(&keys, threads, source, |range| Ok(items[range].to_vec()))
    }

    /// Each trie after its items, as [`Trie::update`] does it for one, by one thread: nodes of
    /// different tries are hashed side by side.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn update_each<'a>(
        tries: impl Iterator<Item = (&'a mut Self, &'a mut Vec<Item>)>,
        source: &impl NodeSource,
    ) -> Result<(), Error> {
        let mut drafts = Drafts::default();
        let mut changed = Vec::new();
        let mut memory = None;
        for (trie, items) in tries {
            memory.get_or_insert_with(|| trie.memory.clone());
            let mut update = Update { trie, source, drafts: &mut drafts };
            match update.node(trie.root.as_deref(), Nibbles::new(), items)? {
                Outcome::Unchanged => {}
                Outcome::Gone => trie.root = None,
                Outcome::New(draft) => changed.push((drafts.push(0, draft), trie)),
            }
        }
        let Some(memory) = memory else { return Ok(()) };
        drafts.finish(&memory);
        for (id, trie) in changed {
            trie.root = Some(Arc::new(drafts.take(id)));
        }
        Ok(())
    }

    /// The trie of the storage that the leaf of an account names; an empty one if there is no such
    /// account.
    fn storage_of_leaf(&self, owner: B256, source: &impl NodeSource) -> Result<Self, Error> {
        let at = Nibbles::unpack(owner);
        let root = self.leaf(&at, source, |leaf| {
            let account = TrieAccount::decode(&mut &leaf.value[..]).ok()?;
            Some((account.storage_root, leaf.account.clone()))
        })?;
        match root {
            None => Ok(self.of_account(owner, EMPTY_ROOT_HASH, None)),
            Some(Some((root, known))) => Ok(self.of_account(owner, root, Some(known))),
            Some(None) => Err(Error::Node { owner: None, path: at }),
        }
    }

    /// To be kept with the account's leaf: the trie, and whether the storage was cleared.
    pub(crate) fn into_account(self, cleared: bool) -> AccountLink {
        AccountLink { storage: self.root, cleared: Some(cleared) }
    }
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
    let mut trie = Trie::accounts(EMPTY_ROOT_HASH);
    for (key, value) in changes {
        let change = match value {
            Some(value) if !value.is_empty() => Change::Put(value.into(), AccountLink::default()),
            _ => Change::Delete,
        };
        let item = Item { key: Nibbles::unpack(key), change };
        trie = trie.update(&[item], 1, &Nowhere)?;
    }
    Ok(trie.root())
}

#[cfg(test)]
impl Trie {
    /// Adds to `records` those by which this trie differs from `before`.
    fn add_records(&self, before: &Self, store: &impl NodeSource, records: &mut Records) {
        difference((before, store), (self, store), &mut |_, path, record| {
            records.insert(*path, record);
        })
        .expect("all of both is in memory or in the store");
    }
}

/// Where nothing is: of tries all of which are in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nowhere;

impl NodeSource for Nowhere {
    fn record(&self, _: Option<B256>, _: &Nibbles) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }

    fn leaves(&self, _: Option<B256>, _: &Nibbles, _: usize) -> Result<Vec<Item>, Error> {
        Ok(Vec::new())
    }
}
