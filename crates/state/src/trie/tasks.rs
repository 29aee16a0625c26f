//! Sharing the changes of a trie out among threads, by the first nibbles of the keys.
//!
//! Each part is read, changed and hashed by one thread before the next one, while it is near the
//! processor; so parts pay with one thread, too.

use super::{
    NodeSource, Trie,
    draft::Drafts,
    node::{Children, Link, Node, weight},
    update::{Item, Outcome, Outcomes, Update},
};
use crate::Error;
use alloy_trie::Nibbles;
use heddle_share::share_with;
use std::{ops::Range, sync::Arc};

/// A part has as many keys as this, about: what they touch fits the processor's second cache.
const PART_KEYS: usize = 1_024;

/// Nibbles by which keys are parted, at most.
const PARTED_MAX: usize = 3;

/// Fewer keys than this are one part: starting a thread takes as long as a few dozen.
const SHARE_MIN: usize = 128;

/// What becomes of the top of a trie.
enum Plan<'a> {
    Unchanged,
    /// By the outcome of the part with this number.
    Part(usize),
    /// By those of its children; the node that is there now.
    Branch(Option<&'a Node>, Vec<Self>),
}

/// A subtree with the keys that change in it.
struct Part<'a> {
    path: Nibbles,
    link: Option<&'a Link>,
    keys: Range<usize>,
}

impl Trie {
    /// The trie after changes at `keys`, which must be sorted, each once. `items` makes the changes
    /// of a range of them, in order. Uses up to `threads` threads.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn update_with<S: NodeSource + Sync>(
        &self,
        keys: &[Nibbles],
        threads: usize,
        source: &S,
        items: impl Fn(Range<usize>) -> Result<Vec<Item>, Error> + Sync,
    ) -> Result<Self, Error> {
        debug_assert!(keys.is_sorted_by(|a, b| a < b), "keys are sorted, each once");
        let mut parts = Vec::new();
        let plan = self.plan(
            self.root.as_deref(),
            Nibbles::new(),
            keys,
            0..keys.len(),
            source,
            &mut parts,
        )?;
        let outcomes = share_with(parts.len(), threads, &|drafts: &mut Drafts, number| {
            let Part { path, link, keys } = &parts[number];
            let mut items = items(keys.clone())?;
            let mut update = Update { trie: self, source, drafts };
            Ok::<_, Error>(match update.node(*link, *path, &mut items)? {
                Outcome::New(draft) => Outcome::New(drafts.finish_below(draft, &self.memory)),
                other => {
                    drafts.finish(&self.memory);
                    other
                }
            })
        })?;
        let mut outcomes: Vec<Option<Outcome>> = outcomes.into_iter().map(Some).collect();
        let mut drafts = Drafts::default();
        let mut update = Update { trie: self, source, drafts: &mut drafts };
        let outcome = update.assemble(plan, Nibbles::new(), &mut outcomes)?;
        Ok(self.with_root(outcome, drafts))
    }

    /// Parts the keys below `path`, all of a range.
    fn plan<'a, S: NodeSource>(
        &self,
        link: Option<&'a Link>,
        path: Nibbles,
        keys: &[Nibbles],
        range: Range<usize>,
        source: &S,
        parts: &mut Vec<Part<'a>>,
    ) -> Result<Plan<'a>, Error> {
        if range.is_empty() {
            return Ok(Plan::Unchanged);
        }
        let depth = path.len();
        let min = if depth == 0 { SHARE_MIN } else { PART_KEYS };
        let ends_here = keys[range.start].len() == depth;
        let node = match link {
            _ if range.len() < min || depth == PARTED_MAX || ends_here => None,
            None => Some(None),
            Some(link) => {
                let node = self.node(link, &path, source)?;
                matches!(node, Node::Branch { .. }).then_some(Some(node))
            }
        };
        let Some(node) = node else {
            parts.push(Part { path, link, keys: range });
            return Ok(Plan::Part(parts.len() - 1));
        };
        let mut below = Vec::with_capacity(16);
        let mut start = range.start;
        for nibble in 0..16 {
            let rest = &keys[start..range.end];
            let end = start + rest.partition_point(|key| key.get(depth) <= Some(nibble));
            let mut at = path;
            at.push(nibble);
            let child = node.and_then(|node| children(node)?.get(nibble));
            below.push(self.plan(child, at, keys, start..end, source, parts)?);
            start = end;
        }
        Ok(Plan::Branch(node, below))
    }

    /// The trie that this one became.
    fn with_root(&self, outcome: Outcome, mut drafts: Drafts) -> Self {
        let root = match outcome {
            Outcome::Unchanged => self.root.clone(),
            Outcome::Gone => {
                drafts.finish(&self.memory);
                None
            }
            Outcome::New(draft) => {
                let id = drafts.push(0, draft);
                drafts.finish(&self.memory);
                Some(Arc::new(drafts.take(id)))
            }
        };
        Self { owner: self.owner, root, memory: self.memory.clone() }
    }
}

impl<S: NodeSource> Update<'_, S> {
    /// Puts the outcomes of the parts together.
    fn assemble(
        &mut self,
        plan: Plan<'_>,
        path: Nibbles,
        parts: &mut [Option<Outcome>],
    ) -> Result<Outcome, Error> {
        let (node, below) = match plan {
            Plan::Unchanged => return Ok(Outcome::Unchanged),
            Plan::Part(number) => return Ok(parts[number].take().unwrap_or(Outcome::Unchanged)),
            Plan::Branch(node, below) => (node, below),
        };
        let mut outcomes = Outcomes::none();
        for (nibble, plan) in (0..).zip(below) {
            let mut at = path;
            at.push(nibble);
            outcomes.put(nibble, self.assemble(plan, at, parts)?);
        }
        if outcomes.are_none() {
            return Ok(Outcome::Unchanged);
        }
        match node {
            Some(Node::Branch { children, value }) => {
                self.drafts.replaced += node.map_or(0, weight);
                self.join(children, value.clone(), path, outcomes)
            }
            _ => self.join(&Children::default(), None, path, outcomes),
        }
    }
}

fn children(node: &Node) -> Option<&Children> {
    match node {
        Node::Branch { children, .. } => Some(children),
        Node::Leaf(_) | Node::Extension { .. } => None,
    }
}
