//! New nodes that have no hash yet, and hashing them.
//!
//! A node's hash needs those of its children. So nodes wait by their depth, of however many tries,
//! until all are made; then the deepest are hashed, many at once, and so on up.

use super::{
    Memory,
    node::{Link, Node, Reference, weight},
};
use alloy_primitives::B256;
use heddle_keccak::Lanes;
use std::{ops::Range, sync::Arc};

/// Nodes that are encoded and hashed at once: enough to fill all lanes, and few enough that the
/// records stay near the processor.
const BATCH: usize = 256;

/// A new node. The links to new children are to be put in yet.
pub(super) struct Draft {
    pub(super) node: Node,
    /// Which, in the list of pending links.
    pending: Range<u32>,
}

/// The place of a child whose hash is not known.
#[derive(Clone, Copy)]
struct Pending {
    /// Among the children that are there.
    place: u8,
    child: DraftId,
}

/// Which draft.
#[derive(Clone, Copy)]
pub(super) struct DraftId {
    depth: u8,
    index: u32,
}

/// New nodes of one or more tries.
#[derive(Default)]
pub(super) struct Drafts {
    /// By depth, which is the number of nibbles before a node. At depth zero are roots.
    levels: Vec<Vec<Draft>>,
    pending: Vec<Pending>,
    /// Bytes of the nodes in whose place new ones are.
    pub(super) replaced: usize,
}

/// Links to what was drafted.
pub(super) struct Finished(Vec<Vec<Link>>);

impl Draft {
    /// A node whose children, if any, are known.
    pub(super) fn complete(node: Node) -> Self {
        Self { node, pending: 0..0 }
    }
}

impl Drafts {
    /// Lets a node wait that stays where it is, `depth` nibbles from the root.
    pub(super) fn push(&mut self, depth: usize, draft: Draft) -> DraftId {
        if self.levels.len() <= depth {
            self.levels.resize_with(depth + 1, Vec::new);
        }
        let level = &mut self.levels[depth];
        level.push(draft);
        // Keys have 64 nibbles, and memory ends before four thousand million nodes.
        DraftId { depth: depth as u8, index: (level.len() - 1) as u32 }
    }

    /// A node with new children: which, and their places among those that are there.
    pub(super) fn draft(
        &mut self,
        node: Node,
        children: impl Iterator<Item = (u8, DraftId)>,
    ) -> Draft {
        let start = self.pending.len() as u32;
        self.pending.extend(children.map(|(place, child)| Pending { place, child }));
        Draft { node, pending: start..self.pending.len() as u32 }
    }

    /// Hashes all that wait. They count in `memory`.
    pub(super) fn finish(&mut self, memory: &Memory) -> Finished {
        let mut finished = Finished(self.levels.iter().map(|_| Vec::new()).collect());
        let mut added = 0;
        let generation = memory.generation();
        for depth in (0..self.levels.len()).rev() {
            let mut drafts = std::mem::take(&mut self.levels[depth]);
            let mut links = Vec::with_capacity(drafts.len());
            let mut records = Records::default();
            for batch in drafts.chunks_mut(BATCH) {
                records.clear();
                for draft in batch {
                    self.resolve(draft, &mut finished);
                    records.push(&draft.node);
                    added += weight(&draft.node);
                }
                // A root is referred to by its hash, however short it is.
                records.references(depth == 0, &mut links);
            }
            let loaded = drafts.into_iter().zip(links);
            let link = |(draft, reference): (Draft, _)| {
                Link::loaded(reference, Arc::new(draft.node), generation)
            };
            finished.0[depth] = loaded.map(link).collect();
        }
        self.pending.clear();
        memory.add(added);
        memory.take_off(std::mem::take(&mut self.replaced));
        finished
    }

    /// Hashes all that wait but the root of the part, `draft`, which another part may take in.
    pub(super) fn finish_below(&mut self, mut draft: Draft, memory: &Memory) -> Draft {
        let range = draft.pending.clone();
        let pending = self.pending[range.start as usize..range.end as usize].to_vec();
        let mut finished = self.finish(memory);
        for Pending { place, child } in pending {
            put(&mut draft.node, place, finished.take(child));
        }
        Draft::complete(draft.node)
    }

    /// Puts in the links to the children.
    fn resolve(&self, draft: &mut Draft, finished: &mut Finished) {
        let pending = draft.pending.start as usize..draft.pending.end as usize;
        for Pending { place, child } in &self.pending[pending] {
            put(&mut draft.node, *place, finished.take(*child));
        }
    }
}

fn put(node: &mut Node, place: u8, link: Link) {
    match node {
        Node::Branch { children, .. } => children.links_mut()[usize::from(place)] = link,
        Node::Extension { child, .. } => *child = link,
        Node::Leaf(_) => {}
    }
}

impl Finished {
    /// The link to a draft; each is taken once.
    pub(super) fn take(&mut self, id: DraftId) -> Link {
        let place = &mut self.0[usize::from(id.depth)][id.index as usize];
        std::mem::replace(place, Link::pending())
    }
}

/// Records behind each other.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, node: &Node) {
        node.encode_to(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    fn references(&self, are_roots: bool, references: &mut Vec<Reference>) {
        let mut start = 0;
        let records = self.ends.iter().map(|&end| {
            let record = &self.bytes[start..end];
            start = end;
            record
        });
        let records: Vec<&[u8]> = records.collect();
        let is_hashed = |record: &&[u8]| are_roots || record.len() >= 32;
        let hashed: Vec<&[u8]> = records.iter().copied().filter(|it| is_hashed(it)).collect();
        let mut hashes = vec![B256::ZERO; hashed.len()];
        Lanes::best().hash(&hashed, &mut hashes);
        let mut hashes = hashes.iter();
        references.extend(records.iter().map(|record| {
            match is_hashed(record).then(|| hashes.next()).flatten() {
                Some(hash) => Reference::hash(*hash),
                None => Reference::of(record),
            }
        }));
    }
}
