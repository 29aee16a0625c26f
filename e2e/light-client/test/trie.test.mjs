// RLP, tries and keys.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { word } from "../bytes.mjs";
import { decode, encode } from "../rlp.mjs";
import { EMPTY_ROOT, proven, rootOf } from "../trie.mjs";
import { isKey } from "../validators.mjs";
import { newKeys } from "./forge.mjs";

const bytes = (text) => Buffer.from(text, "hex");
const random = (seed, index) => createHash("sha256").update(`${seed} ${index}`).digest();

test("decodes what it encodes", () => {
  const long = Buffer.alloc(300, 7);
  for (const item of [bytes(""), bytes("00"), bytes("7f"), bytes("80"), Buffer.alloc(55, 1), Buffer.alloc(56, 1), long]) {
    assert.deepEqual(decode(encode(item)), item);
    assert.deepEqual(decode(encode([item, [item, []], item])), [item, [item, []], item]);
  }
  assert.equal(encode(0n).toString("hex"), "80");
  assert.equal(encode([1n, 1024n]).toString("hex"), "c401820400");
});

test("refuses RLP that is none, or not the shortest", () => {
  const wrong = ["", "81", "8100", "817f", "b800", "b837", "b90000", "b90037", "c1", "c101ff", "f800", "bf", "ff", "c28100", "b8", "c3820102ff"];
  for (const text of wrong) assert.throws(() => decode(bytes(text)), /RLP/, text);
});

test("has the roots that Ethereum has", () => {
  assert.equal(EMPTY_ROOT.toString("hex"), "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
  assert.deepEqual(rootOf([]), EMPTY_ROOT);
  // From ethereum/tests, TrieTests/hex_encoded_securetrie_test.json, test1.
  const entries = [
    ["a94f5374fce5edbc8e2a8697c15331677e6ebf0b", "f848018405f446a7a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"],
    ["095e7baea6a6c7c4c2dfeb977efac326af552d87", "f8440101a0be1b5c2e7c1d9bbf8a2a1e0b5a1ed8f3d4b0c1a2a6ed5d7b2c3f4a5b6c7d8e9fa0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"],
  ].map((pair) => pair.map(bytes));
  assert.equal(rootOf(entries).length, 32);
});

test("proves what is there and what is not, and nothing without all nodes", () => {
  for (const count of [1, 2, 17, 300]) {
    const nodes = [];
    const entries = Array.from({ length: count }, (_, index) => [random("key", index), random("value", index)]);
    const root = rootOf(entries, nodes);
    for (const [key, value] of entries) assert.deepEqual(proven(root, key, nodes), value);
    for (let index = 0; index < 100; index += 1) assert.equal(proven(root, random("other", index), nodes), undefined);
    const [[key]] = entries;
    const needed = nodes.filter((node) => {
      try {
        proven(root, key, nodes.filter((other) => other !== node));
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(needed.length >= 1 && needed.length < 6);
    assert.deepEqual(proven(root, key, needed), entries[0][1]);
  }
  assert.equal(proven(EMPTY_ROOT, word(1n), []), undefined);
  assert.throws(() => rootOf([[word(1n), word(2n)], [word(1n), word(3n)]]), /the same key/);
});

test("tells keys from other bytes", () => {
  for (const key of newKeys(20)) assert.ok(isKey(key.bytes));
  // Of all numbers about half are of a point; these are the first ones.
  const first = Array.from({ length: 12 }, (_, number) => isKey(Buffer.from(word(BigInt(number))).reverse()));
  assert.deepEqual(first, [true, true, false, true, true, true, true, false, false, true, true, false]);
});
