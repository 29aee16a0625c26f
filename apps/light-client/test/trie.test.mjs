// RLP, tries and keys.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { word } from "../bytes.mjs";
import { decode, encode } from "../rlp.mjs";
import { EMPTY_ROOT, keccak, proven, rootOf } from "../trie.mjs";
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
  const zeros = (count) => "00".repeat(count);
  wrong.push(`b837${zeros(55)}`, `b90038${zeros(56)}`, `f837${zeros(55)}`, `f90038${zeros(56)}`);
  for (const text of wrong) assert.throws(() => decode(bytes(text)), /RLP/, text);
});

test("has the root that Ethereum has of nothing", () => {
  // Of more, the root of the recorded network's first state is one; client.test.mjs looks for it.
  assert.equal(EMPTY_ROOT.toString("hex"), "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
  assert.deepEqual(rootOf([]), EMPTY_ROOT);
});

test("proves what is there and what is not, and nothing without all nodes", () => {
  for (const count of [1, 2, 17, 300]) {
    const nodes = [];
    const entries = Array.from({ length: count }, (_, index) => [random("key", index), random("value", index)]);
    const root = rootOf(entries, nodes);
    for (const [key, value] of entries.slice(0, 40)) assert.deepEqual(proven(root, key, nodes), value);
    for (let index = 0; index < 40; index += 1) assert.equal(proven(root, random("other", index), nodes), undefined);
    const [[key, value]] = entries;
    // Of each node, whether the proof needs it.
    const isNeeded = (node) => {
      const others = nodes.filter((other) => other !== node);
      try {
        assert.deepEqual(proven(root, key, others), value);
        return false;
      } catch (error) {
        assert.match(error.message, /lacks a node/);
        return true;
      }
    };
    const needed = nodes.slice(-40).filter(isNeeded);
    assert.ok(needed.includes(nodes.at(-1)), "the root is needed");
    assert.ok(needed.length < 6);
  }
});

test("has one node for what all paths begin with", () => {
  const begins = (key) => keccak(key)[0] >> 4;
  const keys = Array.from({ length: 40 }, (_, index) => random("key", index));
  const alike = keys.filter((key) => begins(key) === begins(keys[0])).slice(0, 2);
  const nodes = [];
  const root = rootOf(alike.map((key) => [key, key]), nodes);
  assert.equal(decode(nodes.at(-1)).length, 2);
  assert.equal(nodes.length, 4);
  for (const key of alike) assert.deepEqual(proven(root, key, nodes), key);
  for (const key of keys) if (!alike.includes(key)) assert.equal(proven(root, key, nodes), undefined);
});

test("refuses two entries with one key", () => {
  assert.throws(() => rootOf([[word(1n), word(2n)], [word(1n), word(3n)]]), /the same key/);
});

test("tells keys from other bytes", () => {
  for (const key of newKeys(20)) assert.ok(isKey(key.bytes));
  // Of all numbers about half are of a point; these are the first ones, by another program.
  const first = Array.from({ length: 12 }, (_, number) => isKey(Buffer.from(word(BigInt(number))).reverse()));
  assert.deepEqual(first, [true, true, false, true, true, true, true, false, false, true, true, false]);
});
