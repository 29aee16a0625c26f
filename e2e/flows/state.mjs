// Chains that are dumped by one node and loaded by another: this node and anvil, both ways.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createPublicClient, createTestClient, createWalletClient, defineChain, http, publicActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { accounts, artifact, equal, flow, holds, keys } from "../lib/flow.mjs";
import { start } from "../lib/node.mjs";
import { made } from "../lib/paths.mjs";

const { abi, bytecode } = artifact("Ledger");
const folder = join(made, "state");
const account = privateKeyToAccount(keys[0]);
const other = accounts[1];

function clients(url) {
  const chain = defineChain({
    id: 31337,
    name: "dev",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  });
  const transport = http();
  return {
    client: createPublicClient({ chain, transport, pollingInterval: 50 }),
    wallet: createWalletClient({ account, chain, transport }),
    control: createTestClient({ chain, transport, mode: "anvil" }).extend(publicActions),
  };
}

/** Makes a few blocks, and tells what there is to find in them. */
async function live(url) {
  const { client, wallet, control } = clients(url);
  const mined = (hash) => client.waitForTransactionReceipt({ hash, timeout: 20_000 });
  const { contractAddress: ledger } = await mined(await wallet.deployContract({ abi, bytecode, args: [7n], value: 5n }));
  const paid = await mined(
    await wallet.writeContract({ address: ledger, abi, functionName: "pay", args: ["first"], value: 9n }),
  );
  const sent = await mined(await wallet.sendTransaction({ to: other, value: 12345n }));
  // Nobody has signed this one.
  const somebody = "0x00000000000000000000000000000000000000ab";
  await control.setBalance({ address: somebody, value: 10n ** 18n });
  await control.impersonateAccount({ address: somebody });
  const nobodys = await mined(
    await client.request({ method: "eth_sendTransaction", params: [{ from: somebody, to: other, value: "0x1" }] }),
  );
  await control.mine({ blocks: 2 });
  const blocks = [];
  for (let number = 0n; number <= (await client.getBlockNumber({ cacheTime: 0 })); number += 1n) {
    blocks.push(await client.getBlock({ blockNumber: number }));
  }
  return { ledger, paid, sent, nobodys, blocks };
}

/**
 * Finds all of it on another node, which goes on from there. What nobody has signed has a hash of
 * each kind of node's own.
 */
async function find(url, facts, sameKind) {
  const { client, wallet } = clients(url);
  equal(await client.getBlockNumber({ cacheTime: 0 }), BigInt(facts.blocks.length - 1), "height");
  for (const { number, hash, transactions, timestamp } of facts.blocks) {
    const block = await client.getBlock({ blockNumber: number });
    equal(block.hash, hash, `hash of block ${number}`);
    equal(block.timestamp, timestamp, `time of block ${number}`);
    if (sameKind || number !== facts.nobodys.blockNumber) {
      equal(block.transactions, transactions, `transactions of block ${number}`);
    }
    equal((await client.getBlock({ blockHash: hash })).number, number, `number of ${hash}`);
  }
  for (const name of ["paid", "sent", ...(sameKind ? ["nobodys"] : [])]) {
    const receipt = await client.getTransactionReceipt({ hash: facts[name].transactionHash });
    for (const field of ["blockHash", "status", "gasUsed", "from", "to", "cumulativeGasUsed", "type"]) {
      equal(receipt[field], facts[name][field], `${field} of ${name}`);
    }
    equal(receipt.logs.map(({ address, topics, data }) => ({ address, topics, data })),
      facts[name].logs.map(({ address, topics, data }) => ({ address, topics, data })), `logs of ${name}`);
    equal((await client.getTransaction({ hash: facts[name].transactionHash })).from, facts[name].from, `sender of ${name}`);
  }
  const logs = await client.getLogs({ address: facts.ledger, fromBlock: 0n });
  equal(logs.length, facts.paid.logs.length, "logs of the ledger");
  equal(await client.readContract({ address: facts.ledger, abi, functionName: "total" }), 14n, "total");
  const hash = await wallet.sendTransaction({ to: other, value: 1n });
  const receipt = await client.waitForTransactionReceipt({ hash, timeout: 20_000 });
  equal(receipt.blockNumber, BigInt(facts.blocks.length), "block that follows");
  const parent = (await client.getBlock({ blockNumber: receipt.blockNumber })).parentHash;
  equal(parent, facts.blocks.at(-1).hash, "what it follows");
}

/** States after earlier blocks. */
async function remember(url, facts) {
  const { client } = clients(url);
  const at = (receipt) => ({ address: facts.ledger, abi, functionName: "total", blockNumber: receipt.blockNumber });
  equal(await client.readContract(at({ blockNumber: facts.paid.blockNumber - 1n })), 5n, "total before it was paid");
  equal(await client.readContract(at(facts.paid)), 14n, "total after it was paid");
  const before = await client.getBalance({ address: other, blockNumber: facts.sent.blockNumber - 1n });
  const after = await client.getBalance({ address: other, blockNumber: facts.sent.blockNumber });
  equal(after - before, 12345n, "what arrived");
}

/** From a node `from` to a node `to`, by a file. */
const byFile = (from, to) => async () => {
  const path = join(folder, `${from ?? "own"}.json`);
  const history = ["--preserve-historical-states"];
  const one = await start("state-dump", { named: from, args: ["--dump-state", path, ...history] });
  const facts = await live(one.url).finally(one.stop);
  const two = await start("state-load", { named: to, args: ["--load-state", path] });
  try {
    await remember(two.url, facts);
    await find(two.url, facts, from === to);
  } finally {
    await two.stop();
  }
};

/** The same by RPC, to a node that has made no block. */
const byRpc = (from, to) => async () => {
  const one = await start("state-dump", { named: from });
  const [facts, dump] = await (async () => {
    const facts = await live(one.url);
    return [facts, await clients(one.url).client.request({ method: "anvil_dumpState", params: [true] })];
  })().finally(one.stop);
  const two = await start("state-load", { named: to });
  try {
    const { client } = clients(two.url);
    holds(await client.request({ method: "anvil_loadState", params: [dump] }), "it is loaded");
    await find(two.url, facts, from === to);
  } finally {
    await two.stop();
  }
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await flow("state", [
  ["from this node to itself, by file", byFile(undefined, undefined)],
  ["from anvil to this node, by file", byFile("anvil", undefined)],
  ["from this node to anvil, by file", byFile(undefined, "anvil")],
  ["from anvil to this node, by RPC", byRpc("anvil", undefined)],
  ["from this node to anvil, by RPC", byRpc(undefined, "anvil")],
]);
