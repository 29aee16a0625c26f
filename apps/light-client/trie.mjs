// Merkle-Patricia tries: what a state root is the hash of. Keys are hashed, so all are equally long.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { decode, encode } from "./rlp.mjs";

export const keccak = (bytes) => Buffer.from(keccak_256(bytes));

const nothing = Buffer.alloc(0);

/** The root of a trie without entries. */
export const EMPTY_ROOT = keccak(encode(nothing));

const nibbles = (bytes) => Array.from(bytes, (byte) => [byte >> 4, byte & 15]).flat();

/**
 * What a trie with the hash `root` holds for a key, and `undefined` if it holds nothing: `nodes`
 * prove either. Throws if they do not.
 */
export function proven(root, key, nodes) {
  if (root.equals(EMPTY_ROOT)) return undefined;
  const byHash = new Map(nodes.map((node) => [keccak(node).toString("hex"), node]));
  const open = (hash) => {
    const bytes = byHash.get(hash.toString("hex"));
    if (!bytes) throw new Error("the proof lacks a node on the way from the root to the key");
    const node = decode(bytes);
    if (!Array.isArray(node)) throw new Error("the trie has a node that is none");
    return node;
  };
  let rest = nibbles(keccak(key));
  let node = open(root);
  for (;;) {
    let next;
    if (node.length === 17 && rest.length > 0) {
      next = node[rest[0]];
      rest = rest.slice(1);
    } else if (node.length === 2) {
      const { path, isLeaf } = unpack(node[0]);
      if (path.some((nibble, at) => nibble !== rest[at])) return undefined;
      rest = rest.slice(path.length);
      next = node[1];
      if (isLeaf) {
        if (rest.length > 0) throw new Error("a leaf of the trie is for a shorter key");
        return next;
      }
    } else {
      throw new Error("the trie has a node that is none");
    }
    if (next.length === 0) return undefined;
    // A node of fewer than 32 bytes stands in its parent itself.
    node = Array.isArray(next) ? next : open(next);
  }
}

/** The hash of the trie of some entries, each a key and a value. Its nodes are added to `nodes`. */
export function rootOf(entries, nodes = []) {
  if (entries.length === 0) return EMPTY_ROOT;
  const leaves = entries.map(([key, value]) => ({ path: nibbles(keccak(key)), value }));
  const root = encode(build(leaves, 0, nodes));
  nodes.push(root);
  return keccak(root);
}

/** The node for leaves whose paths are the same up to `depth`. */
function build(leaves, depth, nodes) {
  const [{ path, value }] = leaves;
  if (leaves.length === 1) return [pack(path.slice(depth), true), value];
  let shared = depth;
  while (leaves.every((leaf) => leaf.path[shared] === path[shared])) {
    shared += 1;
    if (shared > path.length) throw new Error("two entries of a trie have the same key");
  }
  if (shared > depth) return [pack(path.slice(depth, shared), false), refer(build(leaves, shared, nodes), nodes)];
  const children = Array.from({ length: 16 }, (_, nibble) => {
    const below = leaves.filter((leaf) => leaf.path[depth] === nibble);
    return below.length === 0 ? nothing : refer(build(below, depth + 1, nodes), nodes);
  });
  return [...children, nothing];
}

/** What stands for a node in its parent. */
function refer(node, nodes) {
  const bytes = encode(node);
  if (bytes.length < 32) return node;
  nodes.push(bytes);
  return keccak(bytes);
}

/** A part of a path as it stands in a node: what kind of node it is, and whether the part is odd. */
function pack(path, isLeaf) {
  const kind = isLeaf ? 2 : 0;
  const all = path.length % 2 ? [kind + 1, ...path] : [kind, 0, ...path];
  return Buffer.from(all.map((nibble) => nibble.toString(16)).join(""), "hex");
}

function unpack(bytes) {
  const all = nibbles(bytes);
  if (all.length === 0 || all[0] > 3) throw new Error("the trie has a path that is none");
  return { path: all.slice(all[0] % 2 ? 1 : 2), isLeaf: all[0] >= 2 };
}
