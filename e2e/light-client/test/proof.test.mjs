// Proofs, right ones and forged ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hex } from "../bytes.mjs";
import { readGenesis } from "../genesis.mjs";
import { keccak } from "../trie.mjs";
import { checkProof, quorum } from "../verify.mjs";
import { forgeGenesis, forgeHeader, forgeProof, newKey, newKeys, varint } from "./forge.mjs";
import { flip, genesis, proofOf } from "./recorded.mjs";

const { chainId, hash: genesisHash, validators, epochLength } = readGenesis(genesis);
const settings = { chainId, genesisHash, validators, epochLength };
const check = (proof, changed) => checkProof(proof, { ...settings, ...changed });
const refuses = (proof, reason, changed) => assert.throws(() => check(proof, changed), reason);

test("accepts what a network proved", () => {
  const { number, hash, epoch, view, signers, stateRoot } = check(proofOf(3));
  assert.equal(number, 3);
  assert.equal(hash, proofOf(3).signedHash);
  assert.equal(hash, hex(keccak(Buffer.from(proofOf(3).headers[0].slice(2), "hex"))));
  assert.equal(epoch, 0);
  assert.ok(view >= 3);
  assert.equal(stateRoot.length, 66);
  assert.ok(signers.length >= quorum(validators.length) && signers.every((key) => validators.includes(key)));
});

test("accepts a block by one that follows it", () => {
  const set = proofOf(16).signatures.map(({ validator }) => validator);
  const [all] = [[...new Set([...set, ...validators])].slice(0, 4)];
  const earlier = proofOf(16);
  const proof = { ...proofOf(17), headers: [...earlier.headers, ...proofOf(17).headers] };
  const proved = check(proof, { validators: all });
  assert.equal(proved.number, 16);
  assert.equal(proved.hash, earlier.signedHash);
});

test("refuses every flipped bit in every field", () => {
  const proof = proofOf(3);
  for (const field of ["signedHash", "namespace", "message", "head"]) {
    for (let at = 0; at < (proof[field].length - 2) / 2; at += 1) {
      refuses({ ...proof, [field]: flip(proof[field], at) }, Error);
    }
  }
  for (const [index, vote] of proof.signatures.entries()) {
    for (const field of ["validator", "signature"]) {
      for (let at = 0; at < (vote[field].length - 2) / 2; at += 1) {
        const signatures = proof.signatures.with(index, { ...vote, [field]: flip(vote[field], at) });
        refuses({ ...proof, signatures }, Error);
      }
    }
  }
  for (let at = 0; at < (proof.headers[0].length - 2) / 2; at += 1) {
    refuses({ ...proof, headers: [flip(proof.headers[0], at)] }, Error);
  }
});

test("refuses other numbers", () => {
  const proof = proofOf(3);
  refuses({ ...proof, epoch: "0x1" }, /of another epoch/);
  refuses({ ...proof, view: `0x${(Number(proof.view) + 1).toString(16)}` }, /of another view/);
  refuses({ ...proof, signedNumber: "0x4" }, /of another number/);
});

test("refuses fields that are missing or of another kind", () => {
  const proof = proofOf(3);
  for (const field of Object.keys(proof)) {
    for (const value of [undefined, null, 7, "", "0x", "zz", {}, [], [null]]) {
      refuses({ ...proof, [field]: value }, Error);
    }
  }
  for (const nothing of [undefined, null, 7, "0x"]) refuses(nothing, /there is none/);
});

test("refuses bytes that are cut off or follow", () => {
  const proof = proofOf(3);
  for (const field of ["namespace", "message", "head"]) {
    refuses({ ...proof, [field]: proof[field].slice(0, -2) }, Error);
    refuses({ ...proof, [field]: `${proof[field]}00` }, Error);
  }
});

test("refuses too few signatures", () => {
  const proof = proofOf(3);
  const signatures = proof.signatures.slice(0, quorum(validators.length) - 1);
  refuses({ ...proof, signatures }, /3 of 5 validators have signed, and 4 have to/);
  refuses({ ...proof, signatures: [] }, /0 of 5/);
});

test("refuses a signature twice", () => {
  const proof = proofOf(3);
  const [first, ...others] = proof.signatures;
  refuses({ ...proof, signatures: [first, first, ...others.slice(1)] }, /is named twice/);
  refuses({ ...proof, signatures: [...proof.signatures, first] }, /is named twice/);
});

test("refuses a signature under the name of another", () => {
  const proof = proofOf(3);
  const [one, two, ...others] = proof.signatures;
  const swapped = [{ ...one, signature: two.signature }, { ...two, signature: one.signature }, ...others];
  refuses({ ...proof, signatures: swapped }, /is not that of/);
});

test("refuses a signer who is no validator", () => {
  const proof = proofOf(3);
  const [{ validator }] = proof.signatures;
  const others = validators.filter((key) => key !== validator);
  refuses(proof, /is no validator of the epoch/, { validators: others });
});

test("refuses headers that do not follow each other", () => {
  const [three, sixteen, seventeen] = [3, 16, 17].map((number) => proofOf(number).headers[0]);
  const set = { validators: validators.filter((key) => key !== genesisKey()) };
  const proof = proofOf(17);
  refuses({ ...proof, headers: [three, seventeen] }, /number|do not follow/, set);
  refuses({ ...proof, headers: [flip(sixteen, 100), seventeen] }, /do not follow/, set);
  refuses({ ...proof, headers: [seventeen, sixteen] }, /number/, set);
  refuses({ ...proof, headers: [sixteen] }, /number|do not lead/, set);
  refuses({ ...proof, headers: [] }, /no header/, set);
});

/** The key that was removed in epoch 0: its slot was the first. */
function genesisKey() {
  const signers = [16, 17, 24].flatMap((number) => proofOf(number).signatures.map(({ validator }) => validator));
  return validators.find((key) => !signers.includes(key));
}

test("refuses another chain, another beginning and other votes", () => {
  const proof = proofOf(3);
  refuses(proof, /no vote for a block of this chain/, { chainId: chainId + 1 });
  refuses(proof, /no vote for a block of this chain/, { genesisHash: flip(genesisHash, 31) });
  const own = newKeys(4);
  const beginning = forgeGenesis(own.map(({ bytes }) => bytes), 8);
  const about = { ...readGenesis(beginning), validators: own.map((key) => key.hex) };
  const of = { chainId: about.chainId, genesisHash: about.hash, validators: about.validators };
  const header = forgeHeader(3);
  assert.equal(checkProof(forgeProof(beginning, own, [header], { height: 3 }), of).number, 3);
  for (const suffix of ["_NOTARIZE", "_NULLIFY", ""]) {
    const vote = forgeProof(beginning, own, [header], { height: 3, suffix });
    assert.throws(() => checkProof(vote, of), /no vote for a block of this chain/);
  }
});

test("needs a quorum of any number of validators", () => {
  assert.deepEqual([4, 5, 6, 7, 10, 100, 128].map(quorum), [3, 4, 5, 5, 7, 67, 86]);
  for (const count of [4, 5, 6, 7, 10]) {
    const own = newKeys(count);
    const beginning = forgeGenesis(own.map(({ bytes }) => bytes), 8);
    const { chainId, hash } = readGenesis(beginning);
    const of = { chainId, genesisHash: hash, validators: own.map((key) => key.hex) };
    const by = (signers) => forgeProof(beginning, signers, [forgeHeader(3)], { height: 3 });
    assert.equal(checkProof(by(own.slice(0, quorum(count))), of).signers.length, quorum(count));
    assert.throws(() => checkProof(by(own.slice(0, quorum(count) - 1)), of), /validators have signed/);
    assert.throws(() => checkProof(by([...own.slice(0, quorum(count) - 1), newKey()]), of), /no validator/);
  }
});

test("refuses a block that is not of the epoch whose validators signed", () => {
  const own = newKeys(4);
  const beginning = forgeGenesis(own.map(({ bytes }) => bytes), 8);
  const { chainId, hash, epochLength } = readGenesis(beginning);
  const of = { chainId, genesisHash: hash, validators: own.map((key) => key.hex), epochLength };
  for (const [height, epoch, isRight] of [[7, 0, true], [8, 0, false], [7, 1, false], [8, 1, true], [800, 0, false]]) {
    const proof = forgeProof(beginning, own, [forgeHeader(height)], { height, epoch });
    if (isRight) assert.equal(checkProof(proof, of).number, height);
    else assert.throws(() => checkProof(proof, of), /not of the epoch/);
  }
});

test("reads numbers in their shortest form only", () => {
  const own = newKeys(4);
  const beginning = forgeGenesis(own.map(({ bytes }) => bytes), 100_000);
  const { chainId, hash } = readGenesis(beginning);
  const of = { chainId, genesisHash: hash, validators: own.map((key) => key.hex) };
  const by = (view, round) => forgeProof(beginning, own, [forgeHeader(3)], { height: 3, view, round });
  for (const view of [1, 127, 128, 300, 16_384, 2 ** 40]) assert.equal(checkProof(by(view), of).view, view);
  const longer = Buffer.concat([varint(0), Buffer.from([0x81, 0x00])]);
  assert.throws(() => checkProof(by(1, longer), of), /a number that is none/);
  const endless = Buffer.concat([varint(0), Buffer.alloc(10, 0xff)]);
  assert.throws(() => checkProof(by(1, endless), of), /a number that is none/);
});
