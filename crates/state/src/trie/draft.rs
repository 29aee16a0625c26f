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
///
/// The node is where it stays from the beginning: moving it costs more than making it.
pub(super) struct Draft {
    node: Arc<Node>,
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

/// New nodes of one or more tries. To be used again, as it keeps the memory that it took.
#[derive(Default)]
pub(super) struct Drafts {
    /// By depth, which is the number of nibbles before a node. At depth zero are roots.
    levels: Vec<Vec<Draft>>,
    pending: Vec<Pending>,
    /// Links to what was hashed last, by depth.
    finished: Vec<Vec<Link>>,
    records: Records,
    /// Bytes of the nodes in whose place new ones are.
    pub(super) replaced: usize,
}

impl Draft {
    /// A node whose children, if any, are known.
    pub(super) fn complete(node: Node) -> Self {
        Self { node: Arc::new(node), pending: 0..0 }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// The node, of which all children are known.
    pub(super) fn into_node(self) -> Arc<Node> {
        self.node
    }

    pub(super) fn node_mut(&mut self) -> &mut Node {
        Arc::get_mut(&mut self.node).expect("no link leads to a draft")
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

    /// Where the children begin that are pushed from now on.
    pub(super) fn pending(&self) -> u32 {
        self.pending.len() as u32
    }

    /// The same for a child of a node that is drafted next, with its place among those that are
    /// there.
    pub(super) fn push_child(&mut self, depth: usize, draft: Draft, place: u8) {
        let child = self.push(depth, draft);
        self.pending.push(Pending { place, child });
    }

    /// A node whose new children were pushed from `start` on.
    pub(super) fn draft(&self, node: Node, start: u32) -> Draft {
        Draft { node: Arc::new(node), pending: start..self.pending() }
    }

    /// Hashes all that wait; they are to be taken then. They count in `memory`.
    pub(super) fn finish(&mut self, memory: &Memory) {
        self.finished.iter_mut().for_each(Vec::clear);
        self.finished.resize_with(self.levels.len(), Vec::new);
        let mut added = 0;
        let generation = memory.generation();
        for depth in (0..self.levels.len()).rev() {
            let mut drafts = std::mem::take(&mut self.levels[depth]);
            for batch in drafts.chunks_mut(BATCH) {
                self.records.clear();
                for draft in batch {
                    self.resolve(draft);
                    self.records.push(&draft.node);
                    added += weight(&draft.node);
                }
                // A root is referred to by its hash, however short it is.
                self.records.refer(depth == 0);
            }
            let loaded = drafts.drain(..).zip(self.records.references.drain(..));
            let link =
                |(draft, reference): (Draft, _)| Link::loaded(reference, draft.node, generation);
            self.finished[depth].extend(loaded.map(link));
            self.levels[depth] = drafts;
        }
        self.pending.clear();
        memory.add(added);
        memory.take_off(std::mem::take(&mut self.replaced));
    }

    /// The link to a draft that was hashed last; each is taken once.
    pub(super) fn take(&mut self, id: DraftId) -> Link {
        let place = &mut self.finished[usize::from(id.depth)][id.index as usize];
        std::mem::replace(place, Link::pending())
    }

    /// Hashes all that wait but the root of the part, `draft`, which another part may take in.
    pub(super) fn finish_below(&mut self, mut draft: Draft, memory: &Memory) -> Draft {
        let range = draft.pending.clone();
        let pending = self.pending[range.start as usize..range.end as usize].to_vec();
        self.finish(memory);
        for Pending { place, child } in pending {
            put(draft.node_mut(), place, self.take(child));
        }
        Draft { node: draft.node, pending: 0..0 }
    }

    /// Puts in the links to the children.
    fn resolve(&mut self, draft: &mut Draft) {
        let pending = draft.pending.start as usize..draft.pending.end as usize;
        if pending.is_empty() {
            return;
        }
        let node = draft.node_mut();
        for place in pending {
            let Pending { place, child } = self.pending[place];
            put(node, place, self.take(child));
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

/// Records behind each other.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// To these, and to those before.
    references: Vec<Reference>,
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

    fn refer(&mut self, are_roots: bool) {
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
        self.references.extend(records.iter().map(|record| {
            match is_hashed(record).then(|| hashes.next()).flatten() {
                Some(hash) => Reference::hash(*hash),
                None => Reference::of(record),
            }
        }));
    }
}
