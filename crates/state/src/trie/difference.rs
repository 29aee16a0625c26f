//! What is to be stored of a trie that came of another: the records of the nodes in which they
//! differ.
//!
//! Nodes with few leaves below have no records, so neither they nor what is below them is looked at.

use super::{
    NodeSource, Trie,
    node::{Link, Node, UNRECORDED_MAX},
};
use crate::Error;
use alloy_primitives::B256;
use alloy_trie::Nibbles;

/// What is shown of a difference: the owner of a trie, a path in it, and what is to be stored there,
/// or nothing if there is nothing any more.
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
    let (before, after) = (old.0.root.as_deref(), new.0.root.as_deref());
    Walk { old, new, visit }.compare(Side::at(before), Side::at(after), Nibbles::new())
}

/// The same of tries of accounts with the tries of the storage of some: all whose storage may differ
/// must be among `owners`, by their hashed addresses.
///
/// # Errors
///
/// See [`Error`]; what was shown is to be thrown away then.
pub(crate) fn difference_of_accounts<S: NodeSource, T: NodeSource>(
    old: (&Trie, &S),
    new: (&Trie, &T),
    owners: impl IntoIterator<Item = B256>,
    visit: Visit<'_>,
) -> Result<(), Error> {
    difference(old, new, visit)?;
    for owner in owners {
        let before = old.0.storage_of_leaf(owner, old.1)?;
        let after = new.0.storage_of_leaf(owner, new.1)?;
        difference((&before, old.1), (&after, new.1), visit)?;
    }
    Ok(())
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
}

impl<'a> Side<'a> {
    fn at(link: Option<&'a Link>) -> Self {
        link.map_or(Self::Nothing, Self::Node)
    }

    /// At a child, or inside of the stretch that leads to it.
    fn along(stretch: &Nibbles, child: &'a Link) -> Self {
        if stretch.is_empty() { Self::Node(child) } else { Self::Inside(*stretch, child) }
    }

    /// Whether nothing here has a record, and nothing below.
    fn is_unrecorded(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Node(link) | Self::Inside(_, link) => link.is_recorded() == Some(false),
        }
    }
}

impl<S: NodeSource, T: NodeSource> Walk<'_, S, T> {
    fn compare(&mut self, old: Side<'_>, new: Side<'_>, path: Nibbles) -> Result<(), Error> {
        match (old, new) {
            _ if old.is_unrecorded() && new.is_unrecorded() => return Ok(()),
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
        match (before, after) {
            (_, Some(after)) => {
                (self.visit)(self.new.0.owner, &path, Some(after.encode_stored()));
            }
            (Some(_), None) => (self.visit)(self.new.0.owner, &path, None),
            (None, None) => {}
        }
        for nibble in 0..16 {
            let mut at = path;
            at.push(nibble);
            self.compare(step(old, before, nibble), step(new, after, nibble), at)?;
        }
        Ok(())
    }
}

/// The node of a side, if it has a record.
fn open<'a, S: NodeSource>(
    (trie, source): (&Trie, &S),
    side: Side<'a>,
    path: &Nibbles,
) -> Result<Option<&'a Node>, Error> {
    match side {
        Side::Node(link) if link.is_recorded() != Some(false) => {
            let node = trie.node(link, path, source)?;
            Ok((node.leaves() > UNRECORDED_MAX).then_some(node))
        }
        _ => Ok(None),
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
