// Who the validators of an epoch are: what a contract holds, by rules that all nodes follow.

import { word } from "./bytes.mjs";
import { decode } from "./rlp.mjs";
import { keccak, proven } from "./trie.mjs";

/** Where the contract of the validators lies. */
export const CONTRACT = Buffer.from("00000000000000000000000000000000000edd1e", "hex");

/** Fewer than these do not take over: the validators of the epoch before stay. */
const VALIDATORS_MIN = 4;
/** More than these are not read. */
const VALIDATORS_MAX = 128n;

/** The slot with the number of validators. */
export const LENGTH_SLOT = word(1n);

/** The slots with the keys of the validators, given what the slot of their number holds. */
export function keySlots(length) {
  const count = BigInt(`0x${length.toString("hex")}`);
  const first = BigInt(`0x${keccak(LENGTH_SLOT).toString("hex")}`);
  // A record has two slots: the key, and who may change it.
  const at = (index) => word((first + 2n * BigInt(index)) % 2n ** 256n);
  return Array.from({ length: Number(count < VALIDATORS_MAX ? count : VALIDATORS_MAX) }, (_, index) => at(index));
}

/** The set that keys make, as hexadecimal digits; `undefined` if there are too few of them. */
export function setOf(keys) {
  const set = new Set(keys.filter(isKey).map((key) => `0x${key.toString("hex")}`));
  return set.size < VALIDATORS_MIN ? undefined : [...set].sort();
}

const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/** Whether bytes are a key of ed25519, which means a point of its curve. Nodes leave others out. */
export function isKey(bytes) {
  const y = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`) & (2n ** 255n - 1n);
  // There is a point if x² = (y² - 1) / (dy² + 1) has a root; the denominator is never zero.
  const product = (((y * y - 1n + P) % P) * ((D * y * y + 1n) % P)) % P;
  return product === 0n || power(product, (P - 1n) / 2n) === 1n;
}

function power(base, exponent) {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** The root of the contract's storage in the state with a root, by proof. */
export function storageRoot(stateRoot, nodes) {
  const account = proven(stateRoot, CONTRACT, nodes);
  return account && decode(account)[2];
}

/** What a slot of the contract holds, by proof: 32 bytes. */
export function slotOf(root, slot, nodes) {
  const value = root && proven(root, slot, nodes);
  const bytes = value ? decode(value) : Buffer.alloc(0);
  return Buffer.concat([Buffer.alloc(32 - bytes.length), bytes]);
}
