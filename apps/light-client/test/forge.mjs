// A chain of our own, of which the tests have all keys: what a proof of the recorded one cannot show.

import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { hex, word } from "../bytes.mjs";
import { readGenesis } from "../genesis.mjs";
import { encode } from "../rlp.mjs";
import { EMPTY_ROOT, keccak, rootOf } from "../trie.mjs";
import { CONTRACT, LENGTH_SLOT, keySlots } from "../validators.mjs";

/** A validator's key of each kind. */
export function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const bytes = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
  return { bytes, hex: hex(bytes), privateKey };
}

export const newKeys = (count) => Array.from({ length: count }, newKey);

/** What the contract's slots hold for keys, each 32 bytes. */
function slotsOf(keys) {
  const length = word(BigInt(keys.length));
  return [[LENGTH_SLOT, length], ...keySlots(length).map((slot, index) => [slot, keys[index]])];
}

export function forgeGenesis(keys, epochLength) {
  const storage = Object.fromEntries(slotsOf(keys).map(([slot, value]) => [hex(slot), hex(value)]));
  const config = { chainId: 7, pragueTime: 0, heddle: { epochLength } };
  return { config, timestamp: "0x1", alloc: { [hex(CONTRACT)]: { balance: "0x0", storage } } };
}

/** A state with these keys in the contract: its root, and what `eth_getProof` gives for slots. */
export function forgeState(keys) {
  const storageNodes = [];
  const nodes = [];
  const storage = rootOf(slotsOf(keys).map(([slot, value]) => [slot, encode(BigInt(hex(value)))]), storageNodes);
  const root = rootOf([[CONTRACT, encode([1n, 0n, storage, keccak(Buffer.alloc(0))])]], nodes);
  const proofOf = (slots) => ({
    accountProof: nodes.map(hex),
    storageProof: slots.map(() => ({ proof: storageNodes.map(hex) })),
  });
  return { root, proofOf };
}

/** The shortest encoding, as the nodes have it. */
export function varint(number) {
  const bytes = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) + 128);
  return Buffer.from([...bytes, number]);
}

export function forgeHeader(number, { parent = Buffer.alloc(32), stateRoot = EMPTY_ROOT } = {}) {
  const hash = Buffer.alloc(32);
  const head = [parent, hash, Buffer.alloc(20), stateRoot, hash, hash, Buffer.alloc(256), 0n, BigInt(number)];
  return encode([...head, 0n, 0n, 0n, Buffer.alloc(0), hash, Buffer.alloc(8), 1n]);
}

/** A proof that is right in all ways but those that are asked for. `height` is the number of the last header. */
export function forgeProof(genesis, keys, headers, { height, epoch = 0, view = 1, suffix = "_FINALIZE", round }) {
  const { chainId, hash } = readGenesis(genesis);
  const id = Buffer.alloc(8);
  id.writeBigUInt64BE(BigInt(chainId));
  const namespace = Buffer.concat([Buffer.from("heddle"), id, Buffer.from(hash.slice(2), "hex"), Buffer.from(suffix)]);
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(height));
  const signedHash = keccak(headers.at(-1));
  const context = [varint(epoch), varint(view), Buffer.alloc(32), varint(view - 1), Buffer.alloc(100)];
  const head = Buffer.concat([...context, Buffer.alloc(32), number, signedHash, Buffer.alloc(64)]);
  const commitment = Buffer.concat([createHash("sha256").update(head).digest(), Buffer.alloc(68)]);
  const message = Buffer.concat([round ?? Buffer.concat([varint(epoch), varint(view)]), varint(view - 1), commitment]);
  const signed = Buffer.concat([varint(namespace.length), namespace, message]);
  const signatures = keys.map((key) => ({ validator: key.hex, signature: hex(sign(null, signed, key.privateKey)) }));
  const quantity = (value) => `0x${value.toString(16)}`;
  return {
    epoch: quantity(epoch), view: quantity(view), signedNumber: quantity(height), signedHash: hex(signedHash),
    namespace: hex(namespace), message: hex(message), head: hex(head), signatures, headers: headers.map(hex),
  };
}
