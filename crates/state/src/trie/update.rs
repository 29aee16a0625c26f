//! Many changes of a trie in one pass.

use super::{
    NodeSource, Records, StorageLink, Trie,
    node::{Children, Leaf, Link, Node, weight},
};
use crate::Error;
use alloy_primitives::{Bytes, keccak256};
use alloy_trie::{Nibbles, nodes::RlpNode};
use std::{
    sync::{Arc, atomic::Ordering},
    thread,
};

/// A change of what is at one key.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: Nibbles,
    pub(crate) change: Change,
}

/// What becomes of a key.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It gets a value, and in the trie of accounts a trie of storage.
    Put(Bytes, StorageLink),
    /// It has none any more.
    Delete,
}

/// Fewer changes than this are made by one thread: starting another takes as long as a few dozen.
const SHARE_MIN: usize = 128;

/// What became of a node.
enum Outcome {
    Unchanged,
    Gone,
    /// Not encoded yet: its parent may take it into itself.
    New(Node),
}

pub(super) fn root<S: NodeSource>(
    trie: &Trie,
    items: Vec<Item>,
    threads: usize,
    source: &S,
    records: &mut Records,
) -> Result<Option<Link>, Error> {
    let top = Nibbles::new();
    let threads = if items.len() < SHARE_MIN { 1 } else { threads };
    let mut update = Update { trie, source, records };
    match update.node(trie.root.as_ref(), top, items, threads)? {
        Outcome::Unchanged => Ok(trie.root.clone()),
        Outcome::Gone => {
            records.insert(top, None);
            Ok(None)
        }
        Outcome::New(node) => {
            let record = node.encode();
            let reference = RlpNode::word_rlp(&keccak256(&record));
            if trie.root.as_ref().is_some_and(|old| old.reference == reference) {
                return Ok(trie.root.clone());
            }
            trie.weight.fetch_add(weight(&node), Ordering::Relaxed);
            records.insert(top, Some(record));
            Ok(Some(Link::loaded(reference, Arc::new(node))))
        }
    }
}

struct Update<'a, S> {
    trie: &'a Trie,
    source: &'a S,
    records: &'a mut Records,
}

impl<S: NodeSource> Update<'_, S> {
    /// Makes the changes of `items`, all below `path`, to the node of `link` there.
    fn node(
        &mut self,
        link: Option<&Link>,
        path: Nibbles,
        mut items: Vec<Item>,
        threads: usize,
    ) -> Result<Outcome, Error> {
        if items.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        let Some(link) = link else {
            items.retain(|item| matches!(item.change, Change::Put(..)));
            return self
                .fresh(path, items)
                .map(|node| node.map_or(Outcome::Unchanged, Outcome::New));
        };
        let node = self.trie.node(link, &path, self.source)?;
        match &*node {
            Node::Leaf(leaf) => self.leaf(leaf, path, items),
            Node::Extension { path: stretch, child } => {
                self.extension(*stretch, child, path, items)
            }
            Node::Branch { children, value } => {
                self.branch(children, value.as_ref(), path, items, threads)
            }
        }
    }

    fn leaf(&mut self, leaf: &Leaf, path: Nibbles, mut items: Vec<Item>) -> Result<Outcome, Error> {
        let key = path.join(&leaf.path);
        let place = items.partition_point(|item| item.key < key);
        let is_named = items.get(place).is_some_and(|item| item.key == key);
        if !is_named {
            let change = Change::Put(leaf.value.clone(), StorageLink(leaf.storage.clone()));
            items.insert(place, Item { key, change });
        }
        items.retain(|item| matches!(item.change, Change::Put(..)));
        Ok(self.fresh(path, items)?.map_or(Outcome::Gone, Outcome::New))
    }

    /// A new subtree at `path` that holds `items`, all of which put a value.
    fn fresh(&mut self, path: Nibbles, items: Vec<Item>) -> Result<Option<Node>, Error> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(None) };
        let depth = path.len();
        if items.len() == 1 {
            let rest = first.key.slice(depth..);
            let leaf = items.into_iter().find_map(|item| match item.change {
                Change::Put(value, StorageLink(storage)) => {
                    Some(Leaf { path: rest, value, storage })
                }
                Change::Delete => None,
            });
            return Ok(leaf.map(Node::Leaf));
        }
        // Of sorted keys the first and the last have the least in common.
        let common = first.key.common_prefix_length(&last.key);
        let stretch = first.key.slice(depth..common);
        let fork = path.join(&stretch);
        let outcome = self.branch(&Children::default(), None, fork, items, 1)?;
        let Outcome::New(branch) = outcome else { return Ok(None) };
        Ok(Some(self.behind(stretch, fork, None, branch)))
    }

    fn extension(
        &mut self,
        stretch: Nibbles,
        child: &Link,
        path: Nibbles,
        mut items: Vec<Item>,
    ) -> Result<Outcome, Error> {
        let end = path.join(&stretch);
        // Nothing is beside the stretch, so there is nothing to delete there.
        items.retain(|item| item.key.starts_with(&end) || matches!(item.change, Change::Put(..)));
        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return Ok(Outcome::Unchanged);
        };
        let shared = |item: &Item| item.key.common_prefix_length(&end);
        let common = shared(first).min(shared(last));
        if common == end.len() {
            return Ok(match self.node(Some(child), end, items, 1)? {
                Outcome::Unchanged => Outcome::Unchanged,
                Outcome::Gone => {
                    self.erase(Some(child), end);
                    Outcome::Gone
                }
                Outcome::New(node) => Outcome::New(self.behind(stretch, end, Some(child), node)),
            });
        }
        // The stretch is parted by a branch, below which its end goes on.
        let fork = path.join(&stretch.slice(..common - path.len()));
        let nibble = end.get_unchecked(common);
        let below = end.slice(common + 1..);
        let old = if below.is_empty() {
            child.clone()
        } else {
            let node = Node::Extension { path: below, child: child.clone() };
            let mut at = fork;
            at.push(nibble);
            self.write(at, None, node)
        };
        let mut children = Children::default();
        children[usize::from(nibble)] = Some(old);
        let Outcome::New(branch) = self.branch(&children, None, fork, items, 1)? else {
            return Ok(Outcome::Unchanged);
        };
        Ok(Outcome::New(self.behind(stretch.slice(..common - path.len()), fork, None, branch)))
    }

    fn branch(
        &mut self,
        children: &Children,
        value: Option<&Bytes>,
        path: Nibbles,
        items: Vec<Item>,
        threads: usize,
    ) -> Result<Outcome, Error> {
        let depth = path.len();
        let mut value = value.cloned();
        let mut below: [Vec<Item>; 16] = Default::default();
        let mut is_changed = false;
        for item in items {
            match item.key.get(depth) {
                Some(nibble) => below[usize::from(nibble)].push(item),
                None => {
                    is_changed = true;
                    value = match item.change {
                        Change::Put(new, _) => Some(new),
                        Change::Delete => None,
                    };
                }
            }
        }
        let outcomes = self.children(children, path, below, threads)?;
        is_changed |= outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Unchanged));
        if !is_changed {
            return Ok(Outcome::Unchanged);
        }
        let remains = |(child, outcome): (&Option<Link>, &Outcome)| match outcome {
            Outcome::Unchanged => child.is_some(),
            Outcome::Gone => false,
            Outcome::New(_) => true,
        };
        let count = children.iter().zip(&outcomes).filter(|pair| remains(*pair)).count();
        if count + usize::from(value.is_some()) <= 1 {
            return self.collapse(children, outcomes, value, path);
        }
        let mut links = Box::new(Children::default());
        for (nibble, outcome) in (0..).zip(outcomes) {
            let old = children[usize::from(nibble)].as_ref();
            links[usize::from(nibble)] = self.child(old, path, nibble, outcome);
        }
        Ok(Outcome::New(Node::Branch { children: links, value }))
    }

    /// Makes the changes of each child.
    fn children(
        &mut self,
        children: &Children,
        path: Nibbles,
        below: [Vec<Item>; 16],
        threads: usize,
    ) -> Result<Vec<Outcome>, Error> {
        let at = |nibble: u8| {
            let mut at = path;
            at.push(nibble);
            at
        };
        if threads <= 1 {
            let each = (0..).zip(below).map(|(nibble, items)| {
                self.node(children[usize::from(nibble)].as_ref(), at(nibble), items, 1)
            });
            return each.collect();
        }
        let (trie, source) = (self.trie, self.source);
        let work = |nibbles: Vec<(u8, Vec<Item>)>| {
            let mut records = Records::new();
            let mut update = Update { trie, source, records: &mut records };
            let each = nibbles.into_iter().map(|(nibble, items)| {
                let child = children[usize::from(nibble)].as_ref();
                Ok((nibble, update.node(child, at(nibble), items, 1)?))
            });
            let outcomes = each.collect::<Result<Vec<_>, Error>>()?;
            Ok((outcomes, records))
        };
        let mut shares: Vec<Vec<(u8, Vec<Item>)>> = (0..threads.min(16)).map(|_| vec![]).collect();
        // Hashed keys are spread evenly, so each thread gets as many children.
        for ((nibble, items), share) in (0..).zip(below).zip((0..shares.len()).cycle()) {
            shares[share].push((nibble, items));
        }
        let done: Vec<Result<_, Error>> = thread::scope(|scope| {
            let mine = shares.pop().unwrap_or_default();
            let others: Vec<_> =
                shares.into_iter().map(|share| scope.spawn(|| work(share))).collect();
            let mine = work(mine);
            let joined = others.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            joined.chain([mine]).collect()
        });
        let mut outcomes: Vec<Outcome> = (0..16).map(|_| Outcome::Unchanged).collect();
        for part in done {
            let (part, records) = part?;
            self.records.extend(records);
            for (nibble, outcome) in part {
                outcomes[usize::from(nibble)] = outcome;
            }
        }
        Ok(outcomes)
    }

    /// What takes the place of a branch that has one way left, or none.
    fn collapse(
        &mut self,
        children: &Children,
        outcomes: Vec<Outcome>,
        value: Option<Bytes>,
        path: Nibbles,
    ) -> Result<Outcome, Error> {
        let mut left = None;
        for (nibble, outcome) in (0_u8..).zip(outcomes) {
            let old = children[usize::from(nibble)].as_ref();
            let mut at = path;
            at.push(nibble);
            match (outcome, old) {
                (Outcome::Unchanged, None) => {}
                (Outcome::Gone, old) => self.erase(old, at),
                (Outcome::Unchanged, Some(link)) => {
                    let node = self.trie.node(link, &at, self.source)?;
                    left = Some((nibble, at, old, Remaining::Old(link, node)));
                }
                (Outcome::New(node), old) => left = Some((nibble, at, old, Remaining::New(node))),
            }
        }
        let Some((nibble, at, old, remaining)) = left else {
            let leaf = |value| Leaf { path: Nibbles::new(), value, storage: None };
            return Ok(value.map_or(Outcome::Gone, |value| Outcome::New(Node::Leaf(leaf(value)))));
        };
        let stretch = Nibbles::from_nibbles([nibble]);
        let node = match remaining {
            Remaining::New(node) => self.behind(stretch, at, old, node),
            Remaining::Old(link, node) => match &*node {
                // It stays where it is, and as it is.
                Node::Branch { .. } => Node::Extension { path: stretch, child: link.clone() },
                Node::Leaf(leaf) => self.behind(stretch, at, old, Node::Leaf(leaf.clone())),
                Node::Extension { path, child } => {
                    let node = Node::Extension { path: *path, child: child.clone() };
                    self.behind(stretch, at, old, node)
                }
            },
        };
        Ok(Outcome::New(node))
    }

    /// `node`, which would be at `at`, reached by `stretch`: taken into one node with it where that
    /// can be. `old` is what was at `at`.
    fn behind(&mut self, stretch: Nibbles, at: Nibbles, old: Option<&Link>, node: Node) -> Node {
        if stretch.is_empty() {
            return node;
        }
        match node {
            Node::Leaf(leaf) => {
                self.erase(old, at);
                Node::Leaf(Leaf { path: stretch.join(&leaf.path), ..leaf })
            }
            Node::Extension { path, child } => {
                self.erase(old, at);
                Node::Extension { path: stretch.join(&path), child }
            }
            branch @ Node::Branch { .. } => {
                Node::Extension { path: stretch, child: self.write(at, old, branch) }
            }
        }
    }

    fn child(
        &mut self,
        old: Option<&Link>,
        path: Nibbles,
        nibble: u8,
        outcome: Outcome,
    ) -> Option<Link> {
        let mut at = path;
        at.push(nibble);
        match outcome {
            Outcome::Unchanged => old.cloned(),
            Outcome::Gone => {
                self.erase(old, at);
                None
            }
            Outcome::New(node) => Some(self.write(at, old, node)),
        }
    }

    /// Encodes a node that stays at `at`, in the place of `old`.
    fn write(&mut self, at: Nibbles, old: Option<&Link>, node: Node) -> Link {
        let record = node.encode();
        let reference = RlpNode::from_rlp(&record);
        if let Some(old) = old
            && old.reference == reference
        {
            // A leaf may have got the trie of its storage into memory; that is worth nothing to
            // others, as the storage is the same.
            return old.clone();
        }
        if reference.is_hash() {
            self.records.insert(at, Some(record));
        } else {
            self.erase(old, at);
        }
        self.trie.weight.fetch_add(weight(&node), Ordering::Relaxed);
        Link::loaded(reference, Arc::new(node))
    }

    /// Does away with the record of `old` at `at`.
    fn erase(&mut self, old: Option<&Link>, at: Nibbles) {
        if old.is_some_and(Link::has_record) {
            self.records.insert(at, None);
        }
    }
}

/// The one child that a branch has left.
enum Remaining<'a> {
    Old(&'a Link, Arc<Node>),
    New(Node),
}
