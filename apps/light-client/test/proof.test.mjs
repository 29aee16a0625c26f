// Proofs, right ones and forged ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hex } from "../bytes.mjs";
import { readGenesis } from "../genesis.mjs";
import { encode } from "../rlp.mjs";
import { keccak } from "../trie.mjs";
import { checkProof, quorum } from "../verify.mjs";
import { forgeGenesis, forgeHeader, forgeProof, newKey, newKeys, varint } from "./forge.mjs";
import { client, flip, genesis, proofOf } from "./recorded.mjs";

const { chainId, hash: genesisHash, validators, epochLength } = readGenesis(genesis);
const settings = { chainId, genesisHash, validators, epochLength };
/** From epoch 2 on. */
const later = { validators: await client().validators(2) };
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
  const earlier = proofOf(16);
  const proof = { ...proofOf(17), headers: [...earlier.headers, ...proofOf(17).headers] };
  const proved = check(proof, later);
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
  refuses({ ...proof, epoch: "0x20000000000000" }, /too large/);
});

test("refuses fields that are missing or of another kind", () => {
  const proof = proofOf(3);
  for (const field of Object.keys(proof)) {
    for (const value of [undefined, null, 7, "", "0x", "zz", {}, [], [null]]) {
      refuses({ ...proof, [field]: value }, Error);
    }
  }
  refuses({ ...proof, signatures: { length: 4 } }, /there are no signatures/);
  refuses({ ...proof, headers: {} }, /there is no header/);
  for (const nothing of [undefined, null, 7, "0x"]) refuses(nothing, /there is none/);
});

test("refuses bytes that are cut off or follow", () => {
  const proof = proofOf(3);
  const shorter = (field) => ({ ...proof, [field]: proof[field].slice(0, -2) });
  const longer = (field) => ({ ...proof, [field]: `${proof[field]}00` });
  refuses(shorter("message"), /the message is cut off/);
  refuses(longer("message"), /bytes follow the message/);
  refuses(shorter("signedHash"), /31 bytes, and not 32/);
  refuses(longer("signedHash"), /33 bytes, and not 32/);
  for (const field of ["namespace", "head"]) for (const change of [shorter, longer]) refuses(change(field), Error);
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
  const proof = proofOf(17);
  refuses({ ...proof, headers: [three, seventeen] }, /number|do not follow/, later);
  refuses({ ...proof, headers: [flip(sixteen, 100), seventeen] }, /do not follow/, later);
  refuses({ ...proof, headers: [seventeen, sixteen] }, /number/, later);
  refuses({ ...proof, headers: [sixteen] }, /number|do not lead/, later);
  refuses({ ...proof, headers: [] }, /no header/, later);
});

/** A chain with validators of our own, and what proofs of it are checked with. */
function ownChain({ count = 4, epochLength = 8 } = {}) {
  const own = newKeys(count);
  const beginning = forgeGenesis(own.map(({ bytes }) => bytes), epochLength);
  const { chainId, hash } = readGenesis(beginning);
  const of = { chainId, genesisHash: hash, validators: own.map((key) => key.hex) };
  const prove = (header, { signers = own, ...about }) => forgeProof(beginning, signers, [header].flat(), about);
  return { own, of, prove };
}

test("refuses another chain, another beginning and other votes", () => {
  const proof = proofOf(3);
  refuses(proof, /no vote for a block of this chain/, { chainId: chainId + 1 });
  refuses(proof, /no vote for a block of this chain/, { genesisHash: flip(genesisHash, 31) });
  const { of, prove } = ownChain();
  assert.equal(checkProof(prove(forgeHeader(3), { height: 3 }), of).number, 3);
  for (const suffix of ["_NOTARIZE", "_NULLIFY", ""]) {
    const vote = prove(forgeHeader(3), { height: 3, suffix });
    assert.throws(() => checkProof(vote, of), /no vote for a block of this chain/);
  }
});

test("refuses headers that are none, and more than a node gives", () => {
  const { of, prove } = ownChain();
  for (const fields of [[], Buffer.alloc(40), Array(15).fill(Buffer.alloc(1)), Array(21).fill([])]) {
    assert.throws(() => checkProof(prove(encode(fields), { height: 3 }), of), /a header is none/);
  }
  const chain = [forgeHeader(1)];
  while (chain.length < 258) chain.push(forgeHeader(chain.length + 1, { parent: keccak(chain.at(-1)) }));
  assert.equal(checkProof(prove(chain.slice(0, 257), { height: 257 }), of).number, 1);
  assert.throws(() => checkProof(prove(chain, { height: 258 }), of), /too many headers/);
});

test("needs a quorum of any number of validators", () => {
  assert.deepEqual([4, 5, 6, 7, 10, 100, 128].map(quorum), [3, 4, 5, 5, 7, 67, 86]);
  for (const count of [4, 5, 6, 7, 10]) {
    const { own, of, prove } = ownChain({ count });
    const by = (signers) => prove(forgeHeader(3), { height: 3, signers });
    assert.equal(checkProof(by(own.slice(0, quorum(count))), of).signers.length, quorum(count));
    assert.throws(() => checkProof(by(own.slice(0, quorum(count) - 1)), of), /validators have signed/);
    assert.throws(() => checkProof(by([...own.slice(0, quorum(count) - 1), newKey()]), of), /no validator/);
  }
});

test("refuses a block that is not of the epoch whose validators signed", () => {
  const { of, prove } = ownChain();
  for (const [height, epoch, isRight] of [[7, 0, true], [8, 0, false], [7, 1, false], [8, 1, true], [800, 0, false]]) {
    const proof = prove(forgeHeader(height), { height, epoch });
    if (isRight) assert.equal(checkProof(proof, { ...of, epochLength: 8 }).number, height);
    else assert.throws(() => checkProof(proof, { ...of, epochLength: 8 }), /not of the epoch/);
  }
});

test("reads numbers in their shortest form only", () => {
  const { of, prove } = ownChain();
  const by = (view, round) => prove(forgeHeader(3), { height: 3, view, round });
  for (const view of [1, 127, 128, 300, 16_384, 2 ** 40]) assert.equal(checkProof(by(view), of).view, view);
  const longer = Buffer.concat([varint(0), Buffer.from([0x81, 0x00])]);
  assert.throws(() => checkProof(by(1, longer), of), /not as short as it could be/);
  const endless = Buffer.concat([varint(0), Buffer.alloc(10, 0xff), Buffer.from([1])]);
  assert.throws(() => checkProof(by(1, endless), of), /too large/);
});
