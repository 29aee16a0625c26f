//! Nodes of a trie, and their encoding (yellow paper, appendix D).

use super::slot::Slot;
use crate::{Account, prefetch::prefetch};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable as _, Header};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::encode_path_leaf};
use std::{
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// A node. Paths are the part of the key that the node itself covers.
#[derive(Debug)]
pub(super) enum Node {
    /// The end of a key.
    Leaf(Leaf),
    /// A stretch of keys without a choice.
    Extension { path: Nibbles, child: Link },
    /// A choice by one nibble. The value belongs to the key that ends here; keys that are all of
    /// one length have none.
    Branch { children: Children, value: Option<Bytes> },
}

/// The children of a branch that are there.
///
/// Most branches have a few: those that are not there take no memory.
#[derive(Debug, Default)]
pub(super) struct Children {
    /// A bit for each nibble.
    present: u16,
    /// By ascending nibble.
    links: Box<[Link]>,
}

/// The end of a key.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) path: Nibbles,
    pub(super) value: Box<[u8]>,
    /// In the trie of accounts, what is known besides the value.
    pub(super) account: AccountLink,
}

/// What is in memory of an account besides the value of its leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountLink {
    /// The account's own trie; `None` if it is empty, or nothing is known.
    pub(super) storage: Option<Arc<Link>>,
    /// Whether its storage was cleared here; `None` if that has to be read from the store.
    pub(super) cleared: Option<bool>,
}

/// A reference to a node, which is read from the store when it is first looked at.
#[derive(Debug)]
pub(super) struct Link {
    /// Its hash, or the node itself if it is shorter than one.
    pub(super) reference: Reference,
    /// How many leaves are below; 255 for that many or more, and 0 if nobody knows.
    leaves: u8,
    /// The generation in which it was last used.
    used: AtomicU32,
    node: Slot,
}

/// A node with no more leaves below has no record: what is below it is made from accounts or slots.
/// A trie of a million accounts has some 5,000 nodes with more, in place of more than a million
/// records; what it costs is to read so many accounts where one is asked for.
pub(super) const UNRECORDED_MAX: u8 = 24;

impl AccountLink {
    /// Of an account that is read from the store.
    pub(crate) fn stored(account: &Account) -> Self {
        Self::default().with_root(account.storage_root, account.storage_cleared)
    }

    /// The same account with a storage that has this root, of which it may know something.
    pub(crate) fn with_root(self, root: B256, cleared: bool) -> Self {
        Self { storage: self.storage_with_root(root), cleared: Some(cleared) }
    }

    /// The storage that has this root: what is known of it, or what is stored.
    pub(super) fn storage_with_root(self, root: B256) -> Option<Arc<Link>> {
        let known = self.storage.filter(|link| link.reference.as_hash() == Some(root));
        known.or_else(|| Link::root(root))
    }

    /// The root of the account's storage, and whether that was cleared; `None` if it has to be read
    /// from the store.
    pub(crate) fn known(&self) -> Option<(B256, bool)> {
        let root = self.storage.as_ref().and_then(|link| link.reference.as_hash());
        Some((root.unwrap_or(EMPTY_ROOT_HASH), self.cleared?))
    }
}

impl Clone for Link {
    #[inline]
    fn clone(&self) -> Self {
        let Self { reference, leaves, used, node } = self;
        let used = AtomicU32::new(used.load(Ordering::Relaxed));
        Self { reference: *reference, leaves: *leaves, used, node: node.clone() }
    }
}

impl Link {
    /// The root of a trie that is in the store; `None` if nothing is in it.
    pub(super) fn root(hash: B256) -> Option<Arc<Self>> {
        let stored = || Arc::new(Self::new(Reference::hash(hash), 0, 0, Slot::empty()));
        (hash != EMPTY_ROOT_HASH).then(stored)
    }

    /// A node that is in memory, and used in this generation.
    #[inline]
    pub(super) fn loaded(reference: Reference, node: Arc<Node>, used: u32) -> Self {
        Self::new(reference, node.leaves(), used, Slot::holding(node))
    }

    #[inline]
    const fn new(reference: Reference, leaves: u8, used: u32, node: Slot) -> Self {
        Self { reference, leaves, used: AtomicU32::new(used), node }
    }

    /// The same node, which is not in memory.
    pub(super) fn unloaded(&self) -> Self {
        Self::new(self.reference, self.leaves, 0, Slot::empty())
    }

    /// Whether the node has a record of its own in the store; `None` if nobody knows.
    pub(super) fn is_recorded(&self) -> Option<bool> {
        (self.leaves > 0).then_some(self.leaves > UNRECORDED_MAX)
    }

    /// The same node with less of what is below it in memory.
    pub(super) fn with_node(&self, node: Arc<Node>) -> Self {
        Self::loaded(self.reference, node, self.used())
    }

    /// The generation in which it was last used.
    #[inline]
    pub(super) fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes that it is used in this generation.
    #[inline]
    pub(super) fn note_use(&self, generation: u32) {
        // Most are noted already, and writing would take it from the caches of others.
        if self.used() != generation {
            self.used.store(generation, Ordering::Relaxed);
        }
    }

    /// A node that was just made, hashed alone.
    pub(super) fn made(node: Node) -> Self {
        Self::loaded(Reference::of(&node.encode()), Arc::new(node), 0)
    }

    /// Holds the place of a node that has no hash yet.
    #[inline]
    pub(super) fn pending() -> Self {
        Self::new(Reference::NONE, 0, 0, Slot::empty())
    }

    /// The node, if it is in memory.
    #[inline]
    pub(super) fn in_memory(&self) -> Option<&Node> {
        self.node.get()
    }

    /// Keeps a node that was read.
    pub(super) fn keep(&self, node: Arc<Node>) -> &Node {
        self.node.get_or_fill(node)
    }

    /// Whether the node is referred to by its hash; else it is part of its parent's record.
    pub(super) fn is_hashed(&self) -> bool {
        self.reference.is_hash()
    }

    /// Whether so few leaves are below that most ways part from each other here.
    #[inline]
    pub(super) fn is_low(&self) -> bool {
        self.leaves <= UNRECORDED_MAX
    }

    /// Has the processor fetch the beginning of the node with what counts the references to it.
    #[inline]
    pub(super) fn prefetch_node(&self) {
        let node = self.node.place();
        prefetch(node.cast::<u8>().wrapping_sub(2 * size_of::<usize>()));
        prefetch(node.cast::<u8>().wrapping_add(48));
    }

    /// Has the processor fetch the reference itself.
    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch(&raw const self.node);
    }
}

/// The nibbles whose bits are set, in order.
pub(super) fn nibbles(mut bits: u16) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let nibble = (bits != 0).then(|| bits.trailing_zeros() as u8);
        bits &= bits.wrapping_sub(1);
        nibble
    })
}

impl Children {
    /// The children at the nibbles whose bits are set in `present`, by ascending nibble.
    #[inline]
    pub(super) fn new(present: u16, links: Vec<Link>) -> Self {
        debug_assert_eq!(present.count_ones() as usize, links.len(), "a link for each bit");
        Self { present, links: links.into_boxed_slice() }
    }

    #[inline]
    pub(super) fn get(&self, nibble: u8) -> Option<&Link> {
        let bit = 1_u16 << nibble;
        let place = (self.present & (bit - 1)).count_ones() as usize;
        (self.present & bit != 0).then(|| &self.links[place])
    }

    /// A bit for each nibble whose child is there.
    pub(super) fn present(&self) -> u16 {
        self.present
    }

    /// The children that are there, in order; for putting in what was pending.
    #[inline]
    pub(super) fn links_mut(&mut self) -> &mut [Link] {
        &mut self.links
    }

    /// The children that are there, in order.
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// The same children with other links to them.
    pub(super) fn map(&self, mut link: impl FnMut(u8, &Link) -> Link) -> Self {
        let links =
            nibbles(self.present).zip(&self.links).map(|(nibble, old)| link(nibble, old)).collect();
        Self::new(self.present, links)
    }

    /// Has the processor fetch the links to the children.
    pub(super) fn prefetch_links(&self) {
        // A line of the cache has 64 bytes, and a link less.
        self.links.iter().for_each(|link| prefetch(ptr::from_ref(link)));
    }

    /// Has the processor fetch what copying the children, or dropping them, is going to touch: it
    /// lies all over the memory, and waiting for one after the other takes most of the time.
    #[inline]
    pub(super) fn prefetch(&self) {
        for link in &self.links {
            // Of nothing that is there, as a hint does no harm.
            prefetch(link.node.place().cast::<u8>().wrapping_sub(2 * size_of::<usize>()));
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.prefetch();
    }
}

/// What a parent's record says of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Of the node's own record; 32 if it is a hash.
    length: u8,
    bytes: [u8; 32],
}

impl Reference {
    /// To nothing.
    pub(super) const NONE: Self = Self { length: 0, bytes: [0; 32] };

    /// The first byte of a hash in RLP.
    const HASH_CODE: u8 = EMPTY_STRING_CODE + 32;

    pub(super) const fn hash(hash: B256) -> Self {
        Self { length: 32, bytes: hash.0 }
    }

    /// To a node with this record, which is hashed unless it is shorter than a hash.
    pub(super) fn of(record: &[u8]) -> Self {
        Self::short(record).unwrap_or_else(|| Self::hash(keccak256(record)))
    }

    /// To a node whose record is shorter than a hash.
    pub(super) fn short(record: &[u8]) -> Option<Self> {
        let mut bytes = [0; 32];
        bytes.get_mut(..record.len()).filter(|_| record.len() < 32)?.copy_from_slice(record);
        Some(Self { length: record.len() as u8, bytes })
    }

    #[inline]
    pub(super) const fn is_hash(&self) -> bool {
        self.length == 32
    }

    pub(super) fn as_hash(&self) -> Option<B256> {
        self.is_hash().then_some(B256::new(self.bytes))
    }

    #[inline]
    fn encoded_length(&self) -> usize {
        usize::from(self.length) + usize::from(self.is_hash())
    }

    #[inline]
    fn encode_to(&self, out: &mut Vec<u8>) {
        if self.is_hash() {
            // Most are, and a copy of known length calls nothing.
            let mut encoded = [Self::HASH_CODE; 33];
            encoded[1..].copy_from_slice(&self.bytes);
            out.extend_from_slice(&encoded);
        } else {
            out.extend_from_slice(&self.bytes[..usize::from(self.length)]);
        }
    }

    fn decode(raw: &[u8]) -> Option<Self> {
        match raw {
            [Self::HASH_CODE, hash @ ..] => Some(Self::hash(B256::try_from(hash).ok()?)),
            record => Self::short(record),
        }
    }
}

/// A record that is no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<alloy_rlp::Error> for Malformed {
    fn from(_: alloy_rlp::Error) -> Self {
        Self
    }
}

impl Node {
    /// The node's RLP.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }

    /// Appends the node's RLP.
    #[inline]
    pub(super) fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Leaf(Leaf { path, value, .. }) => {
                let path = encode_path_leaf(path, true);
                let payload_length = path.as_slice().length() + value[..].length();
                Header { list: true, payload_length }.encode(out);
                path.as_slice().encode(out);
                value[..].encode(out);
            }
            Self::Extension { path, child } => {
                let path = encode_path_leaf(path, false);
                let payload_length = path.as_slice().length() + child.reference.encoded_length();
                Header { list: true, payload_length }.encode(out);
                path.as_slice().encode(out);
                child.reference.encode_to(out);
            }
            Self::Branch { children, value } => {
                let links = children.links.iter().map(|link| link.reference.encoded_length());
                let absent = 16 - children.links.len();
                let value_length = value.as_ref().map_or(1, Bytes::length);
                let payload_length = links.sum::<usize>() + absent + value_length;
                out.reserve(payload_length + 4);
                Header { list: true, payload_length }.encode(out);
                let mut links = children.links.iter();
                for nibble in 0..16 {
                    match (children.present >> nibble & 1 == 1).then(|| links.next()).flatten() {
                        Some(link) => link.reference.encode_to(out),
                        None => out.push(EMPTY_STRING_CODE),
                    }
                }
                match value {
                    Some(value) => value.encode(out),
                    None => out.push(EMPTY_STRING_CODE),
                }
            }
        }
    }

    /// How many leaves are below; 255 for that many or more. All children must be known.
    pub(super) fn leaves(&self) -> u8 {
        let sum = |sum: u8, link: &Link| sum.saturating_add(link.leaves);
        match self {
            Self::Leaf(_) => 1,
            Self::Extension { child, .. } => child.leaves,
            Self::Branch { children, value } => {
                children.links.iter().fold(u8::from(value.is_some()), sum)
            }
        }
    }

    /// What the store keeps of the node: its RLP, and behind it for each child that is there how
    /// many leaves are below it.
    pub(super) fn encode_stored(&self) -> Vec<u8> {
        let mut out = self.encode();
        match self {
            Self::Leaf(_) => {}
            Self::Extension { child, .. } => out.push(child.leaves),
            Self::Branch { children, .. } => {
                out.extend(children.links.iter().map(|link| link.leaves));
            }
        }
        out
    }

    /// What the store has of a node: its RLP, and the rest.
    pub(super) fn split_stored(stored: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
        let mut payload = stored;
        let header = Header::decode(&mut payload)?;
        let length = stored.len() - payload.len() + header.payload_length;
        stored.split_at_checked(length).ok_or(Malformed)
    }

    /// The node that the store has, by the two parts of it.
    pub(super) fn decode_stored(record: &[u8], leaves: &[u8]) -> Result<Self, Malformed> {
        let mut node = Self::decode(record)?;
        let links = match &mut node {
            Self::Leaf(_) => &mut [],
            Self::Extension { child, .. } => std::slice::from_mut(child),
            Self::Branch { children, .. } => children.links_mut(),
        };
        if links.len() != leaves.len() || leaves.contains(&0) {
            return Err(Malformed);
        }
        for (link, leaves) in links.iter_mut().zip(leaves) {
            link.leaves = *leaves;
        }
        Ok(node)
    }

    /// The node that a record holds.
    pub(super) fn decode(record: &[u8]) -> Result<Self, Malformed> {
        let mut record = record;
        let node = Self::decode_from(&mut record)?;
        if record.is_empty() { Ok(node) } else { Err(Malformed) }
    }

    fn decode_from(record: &mut &[u8]) -> Result<Self, Malformed> {
        let mut payload = Header::decode_bytes(record, true)?;
        let mut items = Vec::with_capacity(17);
        while !payload.is_empty() {
            let rest = payload;
            let header = Header::decode(&mut payload)?;
            let content = rest.len() - payload.len();
            payload = payload.get(header.payload_length..).ok_or(Malformed)?;
            items.push((
                &rest[..rest.len() - payload.len()],
                &rest[content..rest.len() - payload.len()],
            ));
        }
        match items.as_slice() {
            [(_, path), (raw, content)] => {
                let (path, is_leaf) = decode_path(path)?;
                if is_leaf {
                    let (value, account) = (Box::from(*content), AccountLink::default());
                    return Ok(Self::Leaf(Leaf { path, value, account }));
                }
                let child = decode_link(raw)?.ok_or(Malformed)?;
                Ok(Self::Extension { path, child })
            }
            [children @ .., (_, value)] if children.len() == 16 => {
                let (mut present, mut links) = (0, Vec::with_capacity(16));
                for (nibble, (raw, _)) in children.iter().enumerate() {
                    if let Some(link) = decode_link(raw)? {
                        present |= 1 << nibble;
                        links.push(link);
                    }
                }
                let value = (!value.is_empty()).then(|| Bytes::copy_from_slice(value));
                Ok(Self::Branch { children: Children::new(present, links), value })
            }
            _ => Err(Malformed),
        }
    }
}

fn decode_link(raw: &[u8]) -> Result<Option<Link>, Malformed> {
    if raw == [EMPTY_STRING_CODE] {
        return Ok(None);
    }
    let reference = Reference::decode(raw).ok_or(Malformed)?;
    if reference.is_hash() {
        return Ok(Some(Link::new(reference, 0, 0, Slot::empty())));
    }
    let node = Node::decode(raw)?;
    Ok(Some(Link::loaded(reference, Arc::new(node), 0)))
}

/// The inverse of the hex-prefix encoding (yellow paper, appendix C).
fn decode_path(encoded: &[u8]) -> Result<(Nibbles, bool), Malformed> {
    let (first, rest) = encoded.split_first().ok_or(Malformed)?;
    if first & 0xc0 != 0 || rest.len() > 32 {
        return Err(Malformed);
    }
    let is_odd = first & 0x10 != 0;
    let mut path = Nibbles::new();
    match (is_odd, rest.len()) {
        (true, ..32) => path.push(first & 0x0f),
        (false, _) if first & 0x0f == 0 => {}
        _ => return Err(Malformed),
    }
    path.extend(&Nibbles::unpack(rest));
    Ok((path, first & 0x20 != 0))
}

/// Bytes of memory that a node takes, roughly; for bounding what is kept.
pub(super) fn weight(node: &Node) -> usize {
    // The counts of the references, and what an allocator adds.
    const COUNTED: usize = size_of::<Node>() + 32;
    match node {
        Node::Leaf(leaf) => COUNTED + leaf.value.len() + 16,
        Node::Extension { .. } => COUNTED,
        Node::Branch { children, .. } => COUNTED + children.links.len() * size_of::<Link>() + 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_that_are_no_nodes_are_refused() {
        for record in [&[][..], &[0x80], &[0xc0], &[0xc1, 0x80], &[0xc2, 0x80, 0x80], &[0xff; 9]] {
            assert!(Node::decode(record).is_err(), "{record:?}");
        }
    }

    proptest! {
        #[test]
        fn decoding_never_panics(record in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Node::decode(&record);
            if let Ok((record, leaves)) = Node::split_stored(&record) {
                let _ = Node::decode_stored(record, leaves);
            }
        }

        #[test]
        fn leaves_survive_encoding(key in prop::collection::vec(0_u8..16, 0..64), value in prop::collection::vec(any::<u8>(), 1..90)) {
            let path = Nibbles::from_nibbles(&key);
            let leaf = Node::Leaf(Leaf { path, value: value.clone().into(), account: AccountLink::default() });
            let Ok(Node::Leaf(decoded)) = Node::decode(&leaf.encode()) else { panic!("no leaf") };
            prop_assert_eq!(decoded.path, path);
            prop_assert_eq!(decoded.value.into_vec(), value);
        }
    }
}
