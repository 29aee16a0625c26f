// Following the validators of a chain, and what a server that lies can do about it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readGenesis } from "../genesis.mjs";
import { LightClient, checkProof } from "../verify.mjs";
import { forgeGenesis, forgeHeader, forgeProof, forgeState, newKeys } from "./forge.mjs";
import { answers, client, flip, genesis, proofOf } from "./recorded.mjs";

const isProofOf = (params, number) => params[0] === `0x${number.toString(16)}`;

test("finds the hash of the first block, which is in what was signed", () => {
  const { hash, chainId, validators } = readGenesis(genesis);
  assert.equal(chainId, 4242);
  assert.equal(validators.length, 5);
  assert.ok(proofOf(3).namespace.includes(hash.slice(2)));
});

test("has another first block for another genesis file", () => {
  const { hash } = readGenesis(genesis);
  const address = `0x${"11".repeat(20)}`;
  const others = {
    timestamp: "0x7", gasLimit: "0x7", extraData: "0x07", coinbase: address, difficulty: "0x7", nonce: "0x7",
    mixHash: `0x${"11".repeat(32)}`, parentHash: `0x${"11".repeat(32)}`, baseFeePerGas: "0x7", number: "0x7",
    blobGasUsed: "0x20000", excessBlobGas: "0x20000", alloc: { ...genesis.alloc, [address]: { balance: "0x1" } },
  };
  for (const [field, value] of Object.entries(others)) {
    assert.notEqual(readGenesis({ ...genesis, [field]: value }).hash, hash, field);
  }
  // A slot that holds nothing is none, and zeros before a number do not count.
  const [[contract, account]] = Object.entries(genesis.alloc).filter(([, { storage }]) => storage);
  const storage = { ...account.storage, "0x7": "0x0" };
  assert.equal(readGenesis({ ...genesis, alloc: { ...genesis.alloc, [contract]: { ...account, storage } } }).hash, hash);
  for (const config of [{ ...genesis.config, heddle: undefined }, { ...genesis.config, pragueTime: undefined }]) {
    assert.throws(() => readGenesis({ ...genesis, config }), /the genesis file says nothing|no other is known here/);
  }
});

test("follows the validators into later epochs", async () => {
  const one = client();
  assert.equal((await one.prove(3)).epoch, 0);
  const proved = await one.prove(24);
  assert.equal(proved.number, 24);
  assert.equal(proved.epoch, 3);
  assert.deepEqual(one.sets.map((set) => set.length), [5, 5, 4, 4]);
  assert.ok(one.sets[2].every((key) => one.sets[0].includes(key)));
});

test("refuses validators of an epoch for a block of another", () => {
  const { chainId, hash: genesisHash, validators } = readGenesis(genesis);
  const later = proofOf(16);
  // Four of the five went on: with the set of epoch 0 three signatures are too few.
  assert.throws(() => checkProof(later, { chainId, genesisHash, validators }), /3 of 5/);
});

test("refuses a proof of another block", async () => {
  const one = client((method, answer, params) => (isProofOf(params, 17) ? proofOf(16) : answer));
  await assert.rejects(one.prove(17), /it is for block 16, and not 17/);
  const two = client((method, answer, params) => (isProofOf(params, 7) ? proofOf(3) : answer));
  await assert.rejects(two.prove(16), /it is for block 3, and not 7/);
});

test("refuses every flipped bit in a proof of what the contract holds", async () => {
  const kept = Object.entries(answers).filter(([request]) => request.startsWith("eth_getProof") && request.endsWith(" 0x7"));
  for (const [request, answer] of kept) {
    const lists = [["accountProof", answer.accountProof], ...answer.storageProof.map(({ proof }, index) => [index, proof])];
    for (const [which, nodes] of lists) {
      for (const [index, node] of nodes.entries()) {
        for (let at = 0; at < (node.length - 2) / 2; at += 37) {
          const one = client((method, found, params) => {
            if (`${method} ${params.flat().join(" ")}` !== request) return found;
            const list = which === "accountProof" ? found.accountProof : found.storageProof[which].proof;
            list[index] = flip(node, at);
            return found;
          });
          await assert.rejects(one.prove(16), /lacks a node|RLP/);
        }
      }
    }
  }
});

test("refuses proofs of what the contract holds that lack a part", async () => {
  const without = (change) => client((method, answer) => (method === "eth_getProof" ? change(answer) : answer)).prove(16);
  await assert.rejects(without((answer) => ({ ...answer, accountProof: answer.accountProof.slice(0, -1) })), /lacks a node/);
  await assert.rejects(without((answer) => ({ ...answer, storageProof: [] })), /lacks a node/);
  await assert.rejects(without((answer) => ({ ...answer, storageProof: answer.storageProof.toReversed().slice(0, 1) })), /lacks a node/);
  await assert.rejects(without(() => null), /lacks a node/);
  await assert.rejects(without(() => ({ accountProof: [7] })), /no bytes/);
});

/** A chain with epochs of two blocks: what the contract holds after block 1 is for epoch 2. */
function ownChain(first, after) {
  const own = forgeGenesis(first.map(({ bytes }) => bytes), 2);
  const state = forgeState(after);
  const one = forgeHeader(1, { stateRoot: state.root });
  const proofs = new Map([["0x1", forgeProof(own, first, [one], { height: 1 })]]);
  const request = async (method, params) => (method === "eth_getProof" ? state.proofOf(params[1]) : proofs.get(params[0]));
  return { own, proofs, client: new LightClient(own, request) };
}

test("takes over the validators that the contract holds", async () => {
  const [first, second] = [newKeys(4), newKeys(7)];
  const { own, proofs, client } = ownChain(first, second.map(({ bytes }) => bytes));
  proofs.set("0x4", forgeProof(own, second.slice(0, 5), [forgeHeader(4)], { height: 4, epoch: 2 }));
  assert.equal((await client.prove(4)).signers.length, 5);
  proofs.set("0x5", forgeProof(own, first, [forgeHeader(5)], { height: 5, epoch: 2 }));
  await assert.rejects(client.prove(5), /is no validator of the epoch/);
});

test("keeps the validators if the contract holds too few", async () => {
  const [first, second] = [newKeys(4), newKeys(3)];
  // No point of the curve has this number; the same key twice counts once.
  const noKey = Buffer.from("02".padEnd(64, "0"), "hex");
  const keys = [...second.map(({ bytes }) => bytes), noKey, second[0].bytes];
  const { client } = ownChain(first, keys);
  assert.deepEqual(await client.validators(2), first.map((key) => key.hex).sort());
});

test("leaves keys out that are none", async () => {
  const [first, second] = [newKeys(4), newKeys(4)];
  const noKey = Buffer.from("02".padEnd(64, "0"), "hex");
  const { client } = ownChain(first, [noKey, ...second.map(({ bytes }) => bytes)]);
  assert.deepEqual(await client.validators(2), second.map((key) => key.hex).sort());
});

test("does not believe validators that follow from what they sign", async () => {
  const [first, second] = [newKeys(4), newKeys(4)];
  const { own, proofs, client } = ownChain(first, second.map(({ bytes }) => bytes));
  const headers = [forgeHeader(1)];
  proofs.set("0x1", forgeProof(own, second, headers, { height: 1, epoch: 2 }));
  await assert.rejects(client.prove(1), /by validators that follow from it; ask another one/);
});

test("tells on the command line", async (context) => {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { id, method, params } = JSON.parse(text);
    const result = answers[`${method} ${params.flat().join(" ")}`];
    const answer = result ? { result } : { error: { code: -32000, message: "block 99 is not final yet" } };
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  const path = (name) => fileURLToPath(new URL(name, import.meta.url));
  const run = (...args) => new Promise((resolve) => {
    const child = spawn(process.execPath, [path("../verify.mjs"), ...args]);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("close", (status) => resolve({ status, output }));
  });
  const right = await run(url, "16", "--genesis", path("fixtures/genesis.json"));
  assert.equal(right.status, 0, right.output);
  assert.ok(right.output.includes(`block 16 is final: ${proofOf(16).signedHash}\n3 of 4 validators signed in epoch 2`), right.output);
  const early = await run(url, "99", "--genesis", path("fixtures/genesis.json"));
  assert.deepEqual(early, { status: 1, output: "error: heddle_finalityProof: block 99 is not final yet\n" });
  assert.equal((await run(url)).status, 2);
  assert.equal((await run(url, "1", "--genesis", path("fixtures/none.json"))).status, 1);
});
