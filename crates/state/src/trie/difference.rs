//! What is to be stored of a trie that came of another: the records of the nodes in which they
//! differ.

use super::{
    NodeSource, Trie, link,
    node::{Leaf, Link, Node},
};
use crate::Error;
use alloy_primitives::B256;
use alloy_rlp::Decodable as _;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};
use std::{collections::BTreeMap, sync::Arc};

/// What is shown of a difference: the owner of a trie, a path in it, and the record there, or
/// nothing if there is none any more.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(Option<B256>, &Nibbles, Option<Vec<u8>>);

/// Shows `visit` each record by which the trie `new` differs from `old`. Each comes from its source
/// so far as it is not in memory.
///
/// What both share is skipped, so it takes as long as what differs is large.
///
/// # Errors
///
/// See [`Error`]; what was shown is to be thrown away then.
pub(crate) fn difference<S: NodeSource, T: NodeSource>(
    old: (&Trie, &S),
    new: (&Trie, &T),
    visit: Visit<'_>,
) -> Result<(), Error> {
    walk(old, new, false, visit).map(drop)
}

/// The same of tries of accounts with the tries of their storage.
///
/// # Errors
///
/// See [`Error`]; what was shown is to be thrown away then.
pub(crate) fn difference_of_accounts<S: NodeSource, T: NodeSource>(
    old: (&Trie, &S),
    new: (&Trie, &T),
    visit: Visit<'_>,
) -> Result<(), Error> {
    for (owner, [before, after]) in walk(old, new, true, visit)? {
        let storage =
            |trie: &Trie, root| Trie { owner: Some(owner), root, memory: trie.memory.clone() };
        let (before, after) = (storage(old.0, before), storage(new.0, after));
        difference((&before, old.1), (&after, new.1), visit)?;
    }
    Ok(())
}

/// Roots of the storage of accounts whose leaves differ, before and after, by hashed address.
type Storages = BTreeMap<B256, [Option<Arc<Link>>; 2]>;

fn walk<S: NodeSource, T: NodeSource>(
    old: (&Trie, &S),
    new: (&Trie, &T),
    of_accounts: bool,
    visit: Visit<'_>,
) -> Result<Storages, Error> {
    let mut walk = Walk { old, new, visit, of_accounts, storages: Storages::new() };
    let (before, after) = (old.0.root.as_deref(), new.0.root.as_deref());
    walk.compare(Side::at(before), Side::at(after), Nibbles::new())?;
    Ok(walk.storages)
}

/// What of a trie is at a path.
#[derive(Clone, Copy)]
enum Side<'a> {
    Nothing,
    Node(&'a Link),
    /// Inside an extension: what of it is still to come, and what it leads to.
    Inside(Nibbles, &'a Link),
}

struct Walk<'a, S, T> {
    old: (&'a Trie, &'a S),
    new: (&'a Trie, &'a T),
    visit: Visit<'a>,
    of_accounts: bool,
    storages: Storages,
}

impl<'a> Side<'a> {
    fn at(link: Option<&'a Link>) -> Self {
        link.map_or(Self::Nothing, Self::Node)
    }

    fn has_record(&self) -> bool {
        matches!(self, Self::Node(link) if link.has_record())
    }

    /// At a child, or inside of the stretch that leads to it.
    fn along(stretch: &Nibbles, child: &'a Link) -> Self {
        if stretch.is_empty() { Self::Node(child) } else { Self::Inside(*stretch, child) }
    }
}

impl<S: NodeSource, T: NodeSource> Walk<'_, S, T> {
    fn compare(&mut self, old: Side<'_>, new: Side<'_>, path: Nibbles) -> Result<(), Error> {
        match (old, new) {
            (Side::Nothing, Side::Nothing) => return Ok(()),
            (Side::Node(old), Side::Node(new)) if old.reference == new.reference => return Ok(()),
            (Side::Inside(old, from), Side::Inside(new, to))
                if old == new && from.reference == to.reference =>
            {
                return Ok(());
            }
            _ => {}
        }
        let before = open(self.old, old, &path)?;
        let after = open(self.new, new, &path)?;
        match after {
            Some(node) if new.has_record() => {
                (self.visit)(self.new.0.owner, &path, Some(node.encode()));
            }
            _ if old.has_record() => (self.visit)(self.new.0.owner, &path, None),
            _ => {}
        }
        self.note_storage(0, before, &path)?;
        self.note_storage(1, after, &path)?;
        for nibble in 0..16 {
            let mut at = path;
            at.push(nibble);
            self.compare(step(old, before, nibble), step(new, after, nibble), at)?;
        }
        Ok(())
    }

    /// Remembers the storage of an account's leaf: the one that is to be compared with it may be
    /// anywhere below.
    fn note_storage(
        &mut self,
        side: usize,
        node: Option<&Node>,
        at: &Nibbles,
    ) -> Result<(), Error> {
        let (Some(Node::Leaf(leaf)), true) = (node, self.of_accounts) else { return Ok(()) };
        let key = at.join(&leaf.path);
        let storage = storage(leaf).ok_or(Error::Node { owner: None, path: *at })?;
        if let (Some(storage), 64) = (storage, key.len()) {
            let owner = B256::from_slice(&key.pack());
            self.storages.entry(owner).or_default()[side] = Some(storage);
        }
        Ok(())
    }
}

fn open<'a, S: NodeSource>(
    (trie, source): (&Trie, &S),
    side: Side<'a>,
    path: &Nibbles,
) -> Result<Option<&'a Node>, Error> {
    match side {
        Side::Node(link) => trie.node(link, path, source).map(Some),
        Side::Nothing | Side::Inside(..) => Ok(None),
    }
}

/// One nibble further.
fn step<'a>(side: Side<'a>, node: Option<&'a Node>, nibble: u8) -> Side<'a> {
    let along = |stretch: &Nibbles, child: &'a Link| match stretch.first() {
        Some(first) if first == nibble => Side::along(&stretch.slice(1..), child),
        _ => Side::Nothing,
    };
    match (side, node) {
        (Side::Inside(stretch, child), _) => along(&stretch, child),
        (Side::Node(_), Some(Node::Extension { path, child })) => along(path, child),
        (Side::Node(_), Some(Node::Branch { children, .. })) => Side::at(children.get(nibble)),
        _ => Side::Nothing,
    }
}

/// The root of the storage that an account's leaf names: `Some(None)` if it is empty, `None` if the
/// leaf is no account.
fn storage(leaf: &Leaf) -> Option<Option<Arc<Link>>> {
    let account = TrieAccount::decode(&mut &leaf.value[..]).ok()?;
    let known = leaf.account.storage.as_ref();
    let root = account.storage_root;
    let known = known.filter(|link| link.reference.as_hash() == Some(root));
    Some((root != EMPTY_ROOT_HASH).then(|| known.cloned()).flatten().or_else(|| link(root)))
}
