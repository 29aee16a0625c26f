//! How much of tries is in memory, and giving up what was not used for long.
//!
//! Nodes are shared by the tries of many versions, so none is taken away from one that is there: a
//! trie that has less in memory is made, and what was left out of it goes with the last trie that
//! has it.

use super::{
    NodeSource, Trie,
    node::{AccountLink, Children, Leaf, Link, Node, weight},
};
use crate::Error;
use alloy_primitives::B256;
use alloy_trie::Nibbles;
use heddle_share::share;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

/// Bytes of nodes in memory, roughly, if nothing else is set: the trie of some millions of accounts.
const NODE_MEMORY_DEFAULT: usize = 2 << 30;

/// Generations for which what is not used is kept while there is room.
const AGE_MAX: u32 = 64;

/// What tries that came of each other have in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Bytes, roughly: new nodes and those that were read, less those that they took the place of.
    bytes: AtomicUsize,
    bytes_max: usize,
    /// Counts the versions that were stored; each link holds the one in which it was last used.
    generation: AtomicU32,
    /// Generations for which what is not used is kept.
    age: AtomicU32,
    /// Which part of the trie is looked through next.
    part: AtomicU32,
    /// How many nodes were read from the store.
    reads: AtomicUsize,
}

impl Memory {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            bytes_max,
            generation: AtomicU32::new(1),
            age: AtomicU32::new(AGE_MAX),
            part: AtomicU32::new(0),
            reads: AtomicUsize::new(0),
        }
    }

    /// Bytes in memory, roughly.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    /// How many nodes were read from the store.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn take_off(&self, bytes: usize) {
        let less = |before: usize| Some(before.saturating_sub(bytes));
        // It always has a new value.
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Whether half of what may be in memory is.
    fn is_half_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.bytes_max / 2
    }

    fn is_over(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.bytes_max
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(NODE_MEMORY_DEFAULT)
    }
}

/// Parts into which a trie falls, by its first two nibbles.
const PARTS: u32 = 256;

impl Trie {
    /// Begins a new generation, and returns the trie, in which as much of what was not used for
    /// long is not in memory any more as takes it below its bound. All of it must be in the store,
    /// where it is read from then.
    pub(crate) fn without_unused(&self) -> Self {
        let Memory { generation, age, part, .. } = &*self.memory;
        let now = generation.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let mut trie = self.clone();
        if !self.memory.is_over() {
            let longer = age.load(Ordering::Relaxed).saturating_mul(2).clamp(1, AGE_MAX);
            age.store(longer, Ordering::Relaxed);
            return trie;
        }
        loop {
            let kept = age.load(Ordering::Relaxed);
            for _ in 0..PARTS {
                let part = part.fetch_add(1, Ordering::Relaxed) % PARTS;
                trie.unload(&[(part >> 4) as u8, (part & 15) as u8], now.saturating_sub(kept));
                if !self.memory.is_over() {
                    return trie;
                }
            }
            if kept == 0 {
                return trie;
            }
            age.store(kept / 2, Ordering::Relaxed);
        }
    }

    /// Reads all of it into memory, with the tries of the storage of accounts if it is that of
    /// accounts, so far as half of what may be there goes, and while `go_on` says so.
    pub(crate) fn load_all(
        &self,
        threads: usize,
        source: &(impl NodeSource + Sync),
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), Error> {
        let Some(root) = self.root.as_deref() else { return Ok(()) };
        let node = self.node(root, &Nibbles::new(), source)?;
        let Node::Branch { children, .. } = node else {
            return self.load_below(root, Nibbles::new(), source, go_on).map(drop);
        };
        share(16, threads, |nibble| match children.get(nibble as u8) {
            Some(child) => {
                let path = Nibbles::from_nibbles([nibble as u8]);
                self.load_below(child, path, source, go_on)
            }
            None => Ok(true),
        })
        .map(drop)
    }

    /// The same of what is below a link; whether to go on.
    fn load_below(
        &self,
        link: &Link,
        path: Nibbles,
        source: &impl NodeSource,
        go_on: &dyn Fn() -> bool,
    ) -> Result<bool, Error> {
        if link.in_memory().is_none() && (self.memory.is_half_full() || !go_on()) {
            return Ok(false);
        }
        match self.node(link, &path, source)? {
            Node::Leaf(leaf) => {
                let key = path.join(&leaf.path);
                let storage = leaf.account.storage.as_ref().filter(|_| key.len() == 64);
                let Some(root) = storage else { return Ok(true) };
                let owner = Some(B256::from_slice(&key.pack()));
                let storage = Self { owner, root: Some(root.clone()), memory: self.memory.clone() };
                storage.load_below(root, Nibbles::new(), source, go_on)
            }
            Node::Extension { path: stretch, child } => {
                self.load_below(child, path.join(stretch), source, go_on)
            }
            Node::Branch { children, .. } => {
                for nibble in 0..16 {
                    let Some(child) = children.get(nibble) else { continue };
                    let mut at = path;
                    at.push(nibble);
                    if !self.load_below(child, at, source, go_on)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Leaves out what was last used before a generation, in a part.
    fn unload(&mut self, part: &[u8], before: u32) {
        let mut freed = 0;
        let root = self.root.as_deref().and_then(|root| within(root, part, before, &mut freed));
        if let Some(root) = root {
            self.root = Some(Arc::new(root));
        }
        self.memory.take_off(freed);
    }
}

/// The link to the node with less in memory, below the nibbles of `part` so far as there are
/// branches; `None` if nothing is left out.
fn within(link: &Link, part: &[u8], before: u32, freed: &mut usize) -> Option<Link> {
    let node = link.in_memory()?;
    if part.is_empty() && link.is_hashed() && link.used() < before {
        *freed += weight_below(node);
        return Some(link.unloaded());
    }
    let new = match node {
        Node::Leaf(leaf) => {
            let storage = leaf.account.storage.as_deref()?;
            let storage = within(storage, &[], before, freed)?;
            let cleared = leaf.account.cleared;
            let account = AccountLink { storage: Some(Arc::new(storage)), cleared };
            Node::Leaf(Leaf { account, ..leaf.clone() })
        }
        Node::Extension { path, child } => {
            Node::Extension { path: *path, child: within(child, part, before, freed)? }
        }
        Node::Branch { children, value } => {
            Node::Branch { children: fewer(children, part, before, freed)?, value: value.clone() }
        }
    };
    Some(link.with_node(Arc::new(new)))
}

fn fewer(children: &Children, part: &[u8], before: u32, freed: &mut usize) -> Option<Children> {
    let (first, rest) =
        part.split_first().map_or((None, part), |(first, rest)| (Some(*first), rest));
    let mut is_changed = false;
    let fewer = children.map(|nibble, link| {
        let is_meant = first.is_none_or(|first| first == nibble);
        let new = is_meant.then(|| within(link, rest, before, freed)).flatten();
        is_changed |= new.is_some();
        new.unwrap_or_else(|| link.clone())
    });
    is_changed.then_some(fewer)
}

/// Bytes of a node and all below it that is in memory.
fn weight_below(node: &Node) -> usize {
    let below = |link: &Link| link.in_memory().map_or(0, weight_below);
    weight(node)
        + match node {
            Node::Leaf(leaf) => leaf.account.storage.as_deref().map_or(0, below),
            Node::Extension { child, .. } => below(child),
            Node::Branch { children, .. } => children.links().iter().map(below).sum(),
        }
}
