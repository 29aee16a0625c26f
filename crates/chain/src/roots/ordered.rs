//! The root of a list: of the trie that holds its values by RLP(index), as stands in a header for
//! transactions and receipts.
//!
//! The keys are known before any value is, so where each leaf hangs is, too: it shares with one of
//! its two neighbours in the order of keys all that it shares with any. So all leaves are encoded
//! and hashed first, many at a time in the lanes of the processor, then the branches that stand
//! deepest, and so on up to the root. A general trie, which is told of one key after the other,
//! has only one node to hash at a time.

use alloy_primitives::B256;
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::EMPTY_ROOT_HASH;
use heddle_keccak::keccak256_each;
use heddle_share::share;
use std::{convert::Infallible, ops::Range};

/// Nodes that are hashed together: their encodings stay near the processor.
const BATCH: usize = 256;
/// A thread more pays from so many leaves on.
const LEAVES_OF_THREAD_MIN: usize = 512;
const CHILDREN: usize = 16;

/// The root of the list of `items`, each as `encode` appends it, on up to so many threads.
pub(super) fn ordered_root<T: Sync>(
    items: &[T],
    threads: usize,
    encode: impl Fn(&T, &mut Vec<u8>) + Sync,
) -> B256 {
    if items.is_empty() {
        return EMPTY_ROOT_HASH;
    }
    let keys = Keys { count: items.len() };
    let leaves = |places: Range<usize>| {
        hash_batches(places.len(), |at, value, out| {
            let place = places.start + at;
            value.clear();
            encode(&items[keys.index_at(place)], value);
            let key = keys.at(place);
            encode_leaf(key.path(keys.leaf_start(place)..key.len, true), value, out);
        })
    };
    let threads = threads.min(items.len() / LEAVES_OF_THREAD_MIN).max(1);
    let length = items.len().div_ceil(threads);
    let parts = items.len().div_ceil(length);
    let references = share(parts, threads, |part| {
        let start = part * length;
        Ok::<_, Infallible>(leaves(start..items.len().min(start + length)))
    });
    let Ok(references) = references;
    join(keys, references.into_iter().flatten().collect())
}

/// The keys of a list, in ascending order.
#[derive(Clone, Copy, Debug)]
struct Keys {
    count: usize,
}

impl Keys {
    fn at(self, place: usize) -> Key {
        Key::of(self.index_at(place))
    }

    /// Index of the item whose key has a place: RLP(0) is 0x80, and so comes after the keys of one
    /// byte below it.
    fn index_at(self, place: usize) -> usize {
        let zero = self.count.min(0x80) - 1;
        match place {
            place if place < zero => place + 1,
            place if place == zero => 0,
            place => place,
        }
    }

    /// How many nibbles the key at a place shares with the next one, if there is one.
    fn shared_with_next(self, place: usize) -> Option<usize> {
        (place + 1 < self.count).then(|| self.at(place).shared(self.at(place + 1)))
    }

    /// Where the path of a leaf begins: after the nibble that its branch has it at. No other key
    /// shares more with it than one of its neighbours.
    fn leaf_start(self, place: usize) -> usize {
        let before = place.checked_sub(1).and_then(|before| self.shared_with_next(before));
        before.max(self.shared_with_next(place)).map_or(0, |shared| shared + 1)
    }
}

/// RLP(index) as nibbles, from the highest bits on.
#[derive(Clone, Copy, Debug)]
struct Key {
    nibbles: u128,
    len: usize,
}

/// The path of a node, encoded with hex prefix (yellow paper, appendix C).
struct Path {
    bytes: [u8; 10],
    len: usize,
}

impl Key {
    fn of(index: usize) -> Self {
        let bytes = (usize::BITS - index.leading_zeros()).div_ceil(8);
        let prefix = u128::from(EMPTY_STRING_CODE) + u128::from(bytes);
        let (encoded, bytes) = match index {
            1..0x80 => (index as u128, 1),
            _ => (prefix << (8 * bytes) | index as u128, 1 + bytes),
        };
        Self { nibbles: encoded << (128 - 8 * bytes), len: 2 * bytes as usize }
    }

    fn nibble(self, at: usize) -> u8 {
        (self.nibbles >> (124 - 4 * at)) as u8 & 0xf
    }

    /// How many nibbles it begins with that another begins with, too.
    fn shared(self, other: Self) -> usize {
        (self.nibbles ^ other.nibbles).leading_zeros() as usize / 4
    }

    fn path(self, nibbles: Range<usize>, is_leaf: bool) -> Path {
        let mut path = Path { bytes: [0; 10], len: 1 };
        path.bytes[0] = if is_leaf { 0x20 } else { 0x00 };
        let mut start = nibbles.start;
        if nibbles.len() % 2 == 1 {
            path.bytes[0] |= 0x10 | self.nibble(start);
            start += 1;
        }
        for at in (start..nibbles.end).step_by(2) {
            path.bytes[path.len] = self.nibble(at) << 4 | self.nibble(at + 1);
            path.len += 1;
        }
        path
    }
}

impl Path {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What a node's parent holds of it: its hash as a string, or itself if that is shorter.
#[derive(Clone, Copy, Debug)]
struct Reference {
    bytes: [u8; 33],
    len: u8,
}

impl Reference {
    fn of(node: &[u8], hash: impl FnOnce() -> B256) -> Self {
        let mut bytes = [0; 33];
        if node.len() < 32 {
            bytes[..node.len()].copy_from_slice(node);
            return Self { bytes, len: node.len() as u8 };
        }
        bytes[0] = EMPTY_STRING_CODE + 32;
        bytes[1..].copy_from_slice(hash().as_slice());
        Self { bytes, len: 33 }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The hash of the node, which a root is in any case.
    fn hash(&self) -> B256 {
        match self.bytes.split_first() {
            Some((_, hash)) if self.len == 33 => B256::from_slice(hash),
            _ => alloy_primitives::keccak256(self.as_bytes()),
        }
    }
}

/// Encodes so many nodes, each by its number, and gives what their parents hold of them. `encode`
/// has a buffer of its own besides.
fn hash_batches(
    count: usize,
    mut encode: impl FnMut(usize, &mut Vec<u8>, &mut Vec<u8>),
) -> Vec<Reference> {
    let (mut own, mut bytes, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    let mut references = Vec::with_capacity(count);
    for start in (0..count).step_by(BATCH) {
        bytes.clear();
        ends.clear();
        ends.push(0);
        for at in start..count.min(start + BATCH) {
            encode(at, &mut own, &mut bytes);
            ends.push(bytes.len());
        }
        let nodes: Vec<&[u8]> = ends.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        let hashes = keccak256_each(&nodes);
        let both = nodes.iter().zip(hashes);
        references.extend(both.map(|(node, hash)| Reference::of(node, || hash)));
    }
    references
}

fn encode_leaf(path: Path, value: &[u8], out: &mut Vec<u8>) {
    let payload_length = path.as_bytes().length() + value.length();
    Header { list: true, payload_length }.encode(out);
    path.as_bytes().encode(out);
    value.encode(out);
}

/// The nodes that have no parent yet, in the order of keys. What is looked for lies apart from what
/// is found.
struct Nodes {
    /// How many nibbles the keys of each share with those of the next one; `None` for the last.
    shared: Vec<Option<u8>>,
    /// The place of the first key of each, and what its parent holds of it.
    nodes: Vec<(usize, Reference)>,
}

/// Joins leaves to branches, the deepest first, until one node is left, and gives its hash.
fn join(keys: Keys, leaves: Vec<Reference>) -> B256 {
    // A key has eighteen nibbles at most.
    let shared = |place| keys.shared_with_next(place).map(|shared| shared as u8);
    let shared: Vec<_> = (0..leaves.len()).map(shared).collect();
    let deepest = shared.iter().flatten().max().copied().unwrap_or(0);
    let mut nodes = Nodes { shared, nodes: leaves.into_iter().enumerate().collect() };
    for depth in (0..=deepest).rev() {
        let families = nodes.families(depth);
        let branches = hash_batches(families.len(), |at, _, out| {
            let children = &nodes.nodes[families[at].clone()];
            encode_branch(keys, children, usize::from(depth), out);
        });
        nodes.replace(keys, depth, &families, &branches);
    }
    nodes.nodes.first().map_or(EMPTY_ROOT_HASH, |(_, root)| root.hash())
}

impl Nodes {
    /// The runs of nodes that are children of one branch at a depth each. None of them share more,
    /// as those that did are one node by now.
    fn families(&self, depth: u8) -> Vec<Range<usize>> {
        let mut families: Vec<Range<usize>> = Vec::new();
        let with_next = self.shared.iter().enumerate().filter(|(_, it)| **it == Some(depth));
        for (at, _) in with_next {
            match families.last_mut() {
                Some(family) if family.end == at + 1 => family.end += 1,
                _ => families.push(at..at + 2),
            }
        }
        families
    }

    /// Puts branches in the place of their children.
    fn replace(
        &mut self,
        keys: Keys,
        depth: u8,
        families: &[Range<usize>],
        branches: &[Reference],
    ) {
        let ends = families.iter().skip(1).map(|next| next.start).chain([self.nodes.len()]);
        let mut at = families.first().map_or(self.nodes.len(), |first| first.start);
        for ((family, branch), end) in families.iter().zip(branches).zip(ends) {
            let (first, shared) = (self.nodes[family.start].0, self.shared[family.end - 1]);
            let shared_before = at.checked_sub(1).and_then(|before| self.shared[before]);
            // Its parent is a branch at the depth of what it shares with one of its neighbours.
            let start = shared_before.max(shared).map_or(0, |parent| parent + 1);
            let path = usize::from(start)..usize::from(depth);
            let reference =
                if path.is_empty() { *branch } else { extension(keys.at(first), path, branch) };
            (self.shared[at], self.nodes[at]) = (shared, (first, reference));
            // Those that have another parent move up.
            self.shared.copy_within(family.end..end, at + 1);
            self.nodes.copy_within(family.end..end, at + 1);
            at += 1 + (end - family.end);
        }
        self.shared.truncate(at);
        self.nodes.truncate(at);
    }
}

/// No key ends at a branch, as none begins with another: its own value is empty.
fn encode_branch(keys: Keys, children: &[(usize, Reference)], depth: usize, out: &mut Vec<u8>) {
    let full: usize = children.iter().map(|(_, child)| usize::from(child.len)).sum();
    let payload_length = full + (CHILDREN - children.len()) + 1;
    Header { list: true, payload_length }.encode(out);
    let mut next = 0;
    for (first, child) in children {
        let nibble = keys.at(*first).nibble(depth);
        out.extend((next..nibble).map(|_| EMPTY_STRING_CODE));
        out.extend_from_slice(child.as_bytes());
        next = nibble + 1;
    }
    out.extend((usize::from(next)..=CHILDREN).map(|_| EMPTY_STRING_CODE));
}

/// An extension, of which there are few.
fn extension(key: Key, path: Range<usize>, child: &Reference) -> Reference {
    let path = key.path(path, false);
    let mut out = Vec::new();
    let payload_length = path.as_bytes().length() + usize::from(child.len);
    Header { list: true, payload_length }.encode(&mut out);
    path.as_bytes().encode(&mut out);
    out.extend_from_slice(child.as_bytes());
    Reference::of(&out, || alloy_primitives::keccak256(&out))
}

#[cfg(test)]
mod tests {
    use super::ordered_root;
    use alloy_trie::root::ordered_trie_root_with_encoder;
    use proptest::prelude::*;

    fn judge(values: &[Vec<u8>]) -> alloy_primitives::B256 {
        ordered_trie_root_with_encoder(values, |value, out: &mut Vec<u8>| {
            out.extend_from_slice(value);
        })
    }

    fn root(values: &[Vec<u8>], threads: usize) -> alloy_primitives::B256 {
        ordered_root(values, threads, |value, out| out.extend_from_slice(value))
    }

    /// Values of lengths that a number tells, with every length up to a maximum among them.
    fn values(count: usize, seed: u64, length_max: usize) -> Vec<Vec<u8>> {
        let mut state = seed | 1;
        let mut next = || {
            // Marsaglia, "Xorshift RNGs".
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let value = |_| {
            let length = next() as usize % (length_max + 1);
            (0..length).map(|_| next() as u8).collect()
        };
        (0..count).map(value).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn is_that_of_a_general_trie(
            count in 0usize..300,
            seed in any::<u64>(),
            // A leaf stands in its branch if it is shorter than 32 bytes.
            length_max in prop_oneof![0usize..4, 4usize..40, 40usize..600],
            threads in 1usize..4,
        ) {
            let values = values(count, seed, length_max);
            prop_assert_eq!(root(&values, threads), judge(&values));
        }
    }

    #[test]
    fn is_that_of_a_general_trie_where_keys_become_longer() {
        let near = [0x7f, 0x80, 0x81, 0x82, 0xff, 0x100, 0x101, 0x110, 0xfff, 0x1000, 0x1001];
        for count in near {
            for length_max in [0, 1, 2, 30, 300] {
                let values = values(count, count as u64, length_max);
                for threads in [1, 2, 5] {
                    assert_eq!(root(&values, threads), judge(&values), "{count} values");
                }
            }
        }
        for count in [65_535, 65_536, 65_537, 65_552, 70_000] {
            for length_max in [2, 60] {
                let values = values(count, count as u64, length_max);
                assert_eq!(root(&values, 2), judge(&values), "{count} values");
            }
        }
    }
}
