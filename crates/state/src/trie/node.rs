//! Nodes of a trie, and their encoding (yellow paper, appendix D).

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable as _, Header};
use alloy_trie::{
    Nibbles,
    nodes::{RlpNode, encode_path_leaf},
};
use std::sync::{Arc, OnceLock};

/// A node. Paths are the part of the key that the node itself covers.
#[derive(Debug)]
pub(super) enum Node {
    /// The end of a key.
    Leaf(Leaf),
    /// A stretch of keys without a choice.
    Extension { path: Nibbles, child: Link },
    /// A choice by one nibble. The value belongs to the key that ends here; keys that are all of
    /// one length have none.
    Branch { children: Box<Children>, value: Option<Bytes> },
}

/// The children of a branch, by nibble.
pub(super) type Children = [Option<Link>; 16];

/// The end of a key.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) path: Nibbles,
    pub(super) value: Bytes,
    /// In the trie of accounts, the account's own trie, so far as it is in memory.
    pub(super) storage: Option<Link>,
}

/// A reference to a node, which is read from the store when it is first looked at.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Its hash, or the node itself if it is shorter than one.
    pub(super) reference: RlpNode,
    node: Arc<OnceLock<Arc<Node>>>,
}

impl Link {
    /// A node that is in the store.
    pub(super) fn stored(hash: B256) -> Self {
        Self { reference: RlpNode::word_rlp(&hash), node: Arc::default() }
    }

    /// A node that is in memory.
    pub(super) fn loaded(reference: RlpNode, node: Arc<Node>) -> Self {
        Self { reference, node: Arc::new(OnceLock::from(node)) }
    }

    /// The node, if it is in memory.
    pub(super) fn in_memory(&self) -> Option<&Arc<Node>> {
        self.node.get()
    }

    /// Keeps a node that was read, for all copies of this reference.
    pub(super) fn keep(&self, node: Arc<Node>) -> &Arc<Node> {
        self.node.get_or_init(|| node)
    }

    /// Whether the node has a record of its own in the store; else it is part of its parent's.
    pub(super) fn has_record(&self) -> bool {
        self.reference.is_hash()
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
        match self {
            Self::Leaf(Leaf { path, value, .. }) => {
                let path = encode_path_leaf(path, true);
                let payload_length = path.as_slice().length() + value.length();
                Header { list: true, payload_length }.encode(&mut out);
                path.as_slice().encode(&mut out);
                value.encode(&mut out);
            }
            Self::Extension { path, child } => {
                let path = encode_path_leaf(path, false);
                let payload_length = path.as_slice().length() + child.reference.len();
                Header { list: true, payload_length }.encode(&mut out);
                path.as_slice().encode(&mut out);
                out.extend_from_slice(&child.reference);
            }
            Self::Branch { children, value } => {
                let children = children.iter().map(Option::as_ref);
                let length = |child: Option<&Link>| child.map_or(1, |link| link.reference.len());
                let value_length = value.as_ref().map_or(1, Bytes::length);
                let payload_length = children.clone().map(length).sum::<usize>() + value_length;
                Header { list: true, payload_length }.encode(&mut out);
                for child in children {
                    match child {
                        Some(link) => out.extend_from_slice(&link.reference),
                        None => out.push(EMPTY_STRING_CODE),
                    }
                }
                match value {
                    Some(value) => value.encode(&mut out),
                    None => out.push(EMPTY_STRING_CODE),
                }
            }
        }
        out
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
                    let value = Bytes::copy_from_slice(content);
                    return Ok(Self::Leaf(Leaf { path, value, storage: None }));
                }
                let child = decode_link(raw)?.ok_or(Malformed)?;
                Ok(Self::Extension { path, child })
            }
            [children @ .., (_, value)] if children.len() == 16 => {
                let mut links = Box::new(Children::default());
                for (link, (raw, _)) in links.iter_mut().zip(children) {
                    *link = decode_link(raw)?;
                }
                let value = (!value.is_empty()).then(|| Bytes::copy_from_slice(value));
                Ok(Self::Branch { children: links, value })
            }
            _ => Err(Malformed),
        }
    }
}

fn decode_link(raw: &[u8]) -> Result<Option<Link>, Malformed> {
    if raw == [EMPTY_STRING_CODE] {
        return Ok(None);
    }
    let reference = RlpNode::from_raw(raw).ok_or(Malformed)?;
    if reference.is_hash() {
        return Ok(Some(Link { reference, node: Arc::default() }));
    }
    let node = Node::decode(raw)?;
    Ok(Some(Link::loaded(reference, Arc::new(node))))
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
    match node {
        Node::Leaf(leaf) => 160 + leaf.value.len(),
        Node::Extension { .. } => 160,
        Node::Branch { .. } => 16 * size_of::<Option<Link>>() + 16 * 32 + 64,
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
        }

        #[test]
        fn leaves_survive_encoding(key in prop::collection::vec(0_u8..16, 0..64), value in prop::collection::vec(any::<u8>(), 1..90)) {
            let path = Nibbles::from_nibbles(&key);
            let leaf = Node::Leaf(Leaf { path, value: value.clone().into(), storage: None });
            let Ok(Node::Leaf(decoded)) = Node::decode(&leaf.encode()) else { panic!("no leaf") };
            prop_assert_eq!(decoded.path, path);
            prop_assert_eq!(decoded.value, Bytes::from(value));
        }
    }
}
