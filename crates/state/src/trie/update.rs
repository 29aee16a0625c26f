//! Many changes of a trie in one pass: the new nodes, which are hashed afterwards.

use super::{
    NodeSource, Trie,
    draft::{Draft, Drafts},
    node::{AccountLink, Children, Leaf, Link, Node, nibbles, weight},
};
use crate::Error;
use alloy_primitives::Bytes;
use alloy_trie::Nibbles;

/// A change of what is at one key.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: Nibbles,
    pub(crate) change: Change,
}

/// What becomes of a key.
#[derive(Clone, Debug, Default)]
pub(crate) enum Change {
    /// It gets a value, and in the trie of accounts what else is known.
    Put(Box<[u8]>, AccountLink),
    /// It has none any more.
    #[default]
    Delete,
}

/// What became of a node.
pub(super) enum Outcome {
    Unchanged,
    Gone,
    /// Not waiting to be hashed yet: its parent may take it into itself.
    New(Draft),
}

/// What became of the children of a branch.
pub(super) struct Outcomes {
    /// By nibble.
    each: [Outcome; 16],
    /// Those that are gone, and those that are new: a bit for each nibble.
    gone: u16,
    new: u16,
}

/// Changes of one trie.
pub(super) struct Update<'a, S> {
    pub(super) trie: &'a Trie,
    pub(super) source: &'a S,
    pub(super) drafts: &'a mut Drafts,
}

impl<S: NodeSource> Update<'_, S> {
    /// Makes the changes of `items`, all below `path`, to the node of `link` there. The changes are
    /// taken out of them.
    pub(super) fn node(
        &mut self,
        link: Option<&Link>,
        path: Nibbles,
        items: &mut [Item],
    ) -> Result<Outcome, Error> {
        if items.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        let Some(link) = link else {
            return Ok(self.puts(path, items)?.map_or(Outcome::Unchanged, Outcome::New));
        };
        let node = self.trie.node(link, &path, self.source)?;
        let outcome = match node {
            Node::Leaf(leaf) => self.leaf(leaf, path, items),
            Node::Extension { path: stretch, child } => {
                self.extension(*stretch, child, path, items)
            }
            Node::Branch { children, value } => self.branch(children, value.as_ref(), path, items),
        }?;
        if !matches!(outcome, Outcome::Unchanged) {
            self.drafts.replaced += weight(node);
        }
        Ok(outcome)
    }

    fn leaf(&mut self, leaf: &Leaf, path: Nibbles, items: &mut [Item]) -> Result<Outcome, Error> {
        // Most often one account changes, and it is this one.
        if let [Item { key, change: Change::Put(value, account) }] = &mut *items
            && key.slice(path.len()..) == leaf.path
        {
            let (value, account) = (std::mem::take(value), std::mem::take(account));
            let leaf = Leaf { path: leaf.path, value, account };
            return Ok(Outcome::New(Draft::complete(Node::Leaf(leaf))));
        }
        let key = path.join(&leaf.path);
        let place = items.partition_point(|item| item.key < key);
        let is_named = items.get(place).is_some_and(|item| item.key == key);
        let new = if is_named {
            self.puts(path, items)?
        } else {
            let change = Change::Put(leaf.value.clone(), leaf.account.clone());
            let mut items: Vec<Item> = items.iter_mut().map(Item::take).collect();
            items.insert(place, Item { key, change });
            self.puts(path, &mut items)?
        };
        Ok(new.map_or(Outcome::Gone, Outcome::New))
    }

    /// A new subtree at `path` that holds what `items` put.
    fn puts(&mut self, path: Nibbles, items: &mut [Item]) -> Result<Option<Draft>, Error> {
        if items.iter().all(Item::is_put) {
            return self.fresh(path, items);
        }
        let puts = items.iter_mut().filter(|item| item.is_put());
        let mut puts: Vec<Item> = puts.map(Item::take).collect();
        self.fresh(path, &mut puts)
    }

    /// A new subtree at `path` that holds `items`, all of which put a value.
    pub(super) fn fresh(
        &mut self,
        path: Nibbles,
        items: &mut [Item],
    ) -> Result<Option<Draft>, Error> {
        let depth = path.len();
        let (first, last) = match items {
            [] => return Ok(None),
            [item] => {
                let path = item.key.slice(depth..);
                return Ok(match item.take().change {
                    Change::Put(value, account) => {
                        Some(Draft::complete(Node::Leaf(Leaf { path, value, account })))
                    }
                    Change::Delete => None,
                });
            }
            [first, .., last] => (&first.key, &last.key),
        };
        // Of sorted keys the first and the last have the least in common.
        let common = first.common_prefix_length(last);
        let stretch = first.slice(depth..common);
        let fork = path.join(&stretch);
        let outcome = self.branch(&Children::default(), None, fork, items)?;
        let Outcome::New(branch) = outcome else { return Ok(None) };
        Ok(Some(self.behind(stretch, fork, branch)))
    }

    fn extension(
        &mut self,
        stretch: Nibbles,
        child: &Link,
        path: Nibbles,
        items: &mut [Item],
    ) -> Result<Outcome, Error> {
        let end = path.join(&stretch);
        // Nothing is beside the stretch, so there is nothing to delete there.
        let mut beside: Vec<Item>;
        let items = if items.iter().all(|item| item.is_put() || item.key.starts_with(&end)) {
            items
        } else {
            let kept = items.iter_mut().filter(|it| it.is_put() || it.key.starts_with(&end));
            beside = kept.map(Item::take).collect();
            &mut beside[..]
        };
        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return Ok(Outcome::Unchanged);
        };
        let shared = |item: &Item| item.key.common_prefix_length(&end);
        let common = shared(first).min(shared(last));
        if common == end.len() {
            return Ok(match self.node(Some(child), end, items)? {
                Outcome::Unchanged => Outcome::Unchanged,
                Outcome::Gone => Outcome::Gone,
                Outcome::New(draft) => Outcome::New(self.behind(stretch, end, draft)),
            });
        }
        // The stretch is parted by a branch, below which its end goes on.
        let fork = end.slice(..common);
        let nibble = end.get(common).unwrap_or_default();
        let below = end.slice(common + 1..);
        let child = if below.is_empty() {
            child.clone()
        } else {
            Link::made(Node::Extension { path: below, child: child.clone() })
        };
        let children = Children::new(1 << nibble, vec![child]);
        match self.branch(&children, None, fork, items)? {
            Outcome::New(draft) => {
                Ok(Outcome::New(self.behind(stretch.slice(..common - path.len()), fork, draft)))
            }
            // What is put beside the stretch makes it a branch.
            other => Ok(other),
        }
    }

    /// Makes the changes of `items` to a branch at `path`.
    fn branch(
        &mut self,
        children: &Children,
        value: Option<&Bytes>,
        path: Nibbles,
        items: &mut [Item],
    ) -> Result<Outcome, Error> {
        children.prefetch();
        let depth = path.len();
        // A key that ends here is before those that go on.
        let ends_here = items.first().is_some_and(|item| item.key.len() == depth);
        let (here, mut below) = items.split_at_mut(usize::from(ends_here));
        let value = match here.first_mut() {
            Some(item) => match item.take().change {
                Change::Put(value, _) => Some(value.into()),
                Change::Delete => None,
            },
            None => value.cloned(),
        };
        let mut outcomes = Outcomes::none();
        while let Some(nibble) = below.first().and_then(|item| item.key.get(depth)) {
            let same = below.iter().take_while(|item| item.key.get(depth) == Some(nibble)).count();
            let (items, rest) = below.split_at_mut(same);
            below = rest;
            let mut at = path;
            at.push(nibble);
            outcomes.put(nibble, self.node(children.get(nibble), at, items)?);
        }
        if !ends_here && outcomes.are_none() {
            return Ok(Outcome::Unchanged);
        }
        self.join(children, value, path, outcomes)
    }

    /// The branch at `path` whose children are known.
    pub(super) fn join(
        &mut self,
        children: &Children,
        value: Option<Bytes>,
        path: Nibbles,
        mut outcomes: Outcomes,
    ) -> Result<Outcome, Error> {
        let present = children.present() & !outcomes.gone | outcomes.new;
        let count = present.count_ones() as usize;
        if count + usize::from(value.is_some()) <= 1 {
            return self.collapse(children, outcomes, value, path);
        }
        let mut links = Vec::with_capacity(count);
        let pending = self.drafts.pending();
        for nibble in nibbles(present) {
            let link = match std::mem::replace(
                &mut outcomes.each[usize::from(nibble)],
                Outcome::Unchanged,
            ) {
                Outcome::New(draft) => {
                    self.drafts.push_child(path.len() + 1, draft, links.len() as u8);
                    Link::pending()
                }
                // It was there before, as it is now.
                Outcome::Unchanged | Outcome::Gone => match children.get(nibble) {
                    Some(link) => link.clone(),
                    None => continue,
                },
            };
            links.push(link);
        }
        let node = Node::Branch { children: Children::new(present, links), value };
        Ok(Outcome::New(self.drafts.draft(node, pending)))
    }

    /// What takes the place of a branch that has one way left, or none.
    fn collapse(
        &mut self,
        children: &Children,
        outcomes: Outcomes,
        value: Option<Bytes>,
        path: Nibbles,
    ) -> Result<Outcome, Error> {
        let left = (0_u8..).zip(outcomes.each).find_map(|(nibble, outcome)| match outcome {
            Outcome::Unchanged => children.get(nibble).map(|link| (nibble, Remaining::Old(link))),
            Outcome::Gone => None,
            Outcome::New(draft) => Some((nibble, Remaining::New(draft))),
        });
        let Some((nibble, remaining)) = left else {
            let leaf = |value: Bytes| Leaf {
                path: Nibbles::new(),
                value: value.to_vec().into(),
                account: AccountLink::default(),
            };
            return Ok(value.map_or(Outcome::Gone, |value| {
                Outcome::New(Draft::complete(Node::Leaf(leaf(value))))
            }));
        };
        let stretch = Nibbles::from_nibbles([nibble]);
        let at = path.join(&stretch);
        let draft = match remaining {
            Remaining::New(draft) => self.behind(stretch, at, draft),
            Remaining::Old(link) => {
                let old = self.trie.node(link, &at, self.source)?;
                if !matches!(old, Node::Branch { .. }) {
                    self.drafts.replaced += weight(old);
                }
                let node = match old {
                    // It stays where it is, and as it is.
                    Node::Branch { .. } => Node::Extension { path: stretch, child: link.clone() },
                    Node::Leaf(leaf) => {
                        Node::Leaf(Leaf { path: stretch.join(&leaf.path), ..leaf.clone() })
                    }
                    Node::Extension { path, child } => {
                        Node::Extension { path: stretch.join(path), child: child.clone() }
                    }
                };
                Draft::complete(node)
            }
        };
        Ok(Outcome::New(draft))
    }

    /// A node that would be at `at`, reached by `stretch`: taken into one node with it where that
    /// can be.
    fn behind(&mut self, stretch: Nibbles, at: Nibbles, mut draft: Draft) -> Draft {
        if stretch.is_empty() {
            return draft;
        }
        match draft.node_mut() {
            Node::Leaf(Leaf { path, .. }) | Node::Extension { path, .. } => {
                *path = stretch.join(path);
                draft
            }
            Node::Branch { .. } => {
                let pending = self.drafts.pending();
                self.drafts.push_child(at.len(), draft, 0);
                let node = Node::Extension { path: stretch, child: Link::pending() };
                self.drafts.draft(node, pending)
            }
        }
    }
}

impl Outcomes {
    /// Where nothing happened.
    pub(super) const fn none() -> Self {
        Self { each: [const { Outcome::Unchanged }; 16], gone: 0, new: 0 }
    }

    pub(super) fn put(&mut self, nibble: u8, outcome: Outcome) {
        match outcome {
            Outcome::Unchanged => {}
            Outcome::Gone => self.gone |= 1 << nibble,
            Outcome::New(_) => self.new |= 1 << nibble,
        }
        self.each[usize::from(nibble)] = outcome;
    }

    pub(super) const fn are_none(&self) -> bool {
        self.gone | self.new == 0
    }
}

impl Item {
    fn is_put(&self) -> bool {
        matches!(self.change, Change::Put(..))
    }

    /// The item, of which the key stays.
    fn take(&mut self) -> Self {
        Self { key: self.key, change: std::mem::take(&mut self.change) }
    }
}

/// The one child that a branch has left.
enum Remaining<'a> {
    Old(&'a Link),
    New(Draft),
}
