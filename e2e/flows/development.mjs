// What developers watch: the lines that contracts log, the pending block, and the tags.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { JsonRpcProvider } from "ethers";
import { createTestClient, defineChain, encodeFunctionData, http, parseAbi, publicActions, walletActions } from "viem";
import { accounts, equal, eventually, flow, holds } from "../lib/flow.mjs";
import { start } from "../lib/node.mjs";
import { foundry, made } from "../lib/paths.mjs";

const node = await start("development-node", { args: ["--slots-in-an-epoch", "3"] });
const chain = defineChain({
  id: 31337,
  name: "dev",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [node.url] } },
});
const client = createTestClient({ chain, transport: http(), mode: "anvil", pollingInterval: 50 })
  .extend(publicActions)
  .extend(walletActions);
const [account, other] = accounts;
const contract = "0x00000000000000000000000000000000000000c1";
const log = parseAbi(["function log(string, uint256)"]);

/** How often a line is in what the node has printed. */
const printed = (line) =>
  readFileSync(join(made, "logs", "development-node.log"), "utf8").split("\n").filter((found) => found.trim() === line).length;

async function logs() {
  // Calls the console with its input.
  const bytecode = "0x3660006000376000600036600073000000000000000000636F6e736F6c652e6c6f675afa00";
  await client.setCode({ address: contract, bytecode });
  const data = (number) => encodeFunctionData({ abi: log, functionName: "log", args: ["here: %d", number] });
  const hash = await client.sendTransaction({ account, to: contract, data: data(1n), gas: 100_000n });
  await client.waitForTransactionReceipt({ hash });
  await eventually(() => printed("here: 1") === 1, "the line of a mined transaction");
  await client.call({ account, to: contract, data: data(2n) });
  await eventually(() => printed("here: 2") === 1, "the line of a call");
  await client.estimateGas({ account, to: contract, data: data(3n) });
  await eventually(() => printed("here: 3") >= 1, "the line of an estimate");
}

async function pending() {
  await client.setAutomine(false);
  const before = await client.getBalance({ address: other });
  const hash = await client.sendTransaction({ account, to: other, value: 77n, gas: 21_000n });
  const latest = await client.getBlock();
  const block = await client.getBlock({ blockTag: "pending" });
  equal(block.number, latest.number + 1n, "number");
  equal(block.parentHash, latest.hash, "parent");
  equal(block.transactions, [hash], "transactions");
  equal((await client.getBalance({ address: other, blockTag: "pending" })) - before, 77n, "pending balance");
  equal(await client.getBalance({ address: other }), before, "balance");
  equal(await client.getBlockTransactionCount({ blockTag: "pending" }), 1, "number of transactions");
  const provider = new JsonRpcProvider(node.url, 31337, { staticNetwork: true });
  const seen = await provider.getBlock("pending", true);
  equal(seen.prefetchedTransactions[0].hash, hash, "transaction by ethers");
  const { status, stdout } = spawnSync(foundry("cast"), ["block", "pending", "--json", "--rpc-url", node.url]);
  equal(status, 0, "cast");
  equal(JSON.parse(stdout).transactions, [hash], "transactions by cast");
  await client.mine({ blocks: 1 });
  equal((await client.getBlock()).transactions, [hash], "what was mined");
  await client.setAutomine(true);
}

async function tags() {
  await client.mine({ blocks: 10 });
  const latest = await client.getBlockNumber({ cacheTime: 0 });
  equal((await client.getBlock({ blockTag: "safe" })).number, latest - 3n, "safe");
  equal((await client.getBlock({ blockTag: "finalized" })).number, latest - 6n, "finalized");
  const snapshot = await client.snapshot();
  await client.mine({ blocks: 4 });
  await client.revert({ id: snapshot });
  equal((await client.getBlock({ blockTag: "finalized" })).number, latest - 6n, "finalized after going back");
}

async function refuse() {
  const request = client.sendTransaction({ account, to: other, gas: 21_000n, gasPrice: 1n });
  const error = await request.then(() => null, (error) => error);
  holds(/max fee per gas less than block base fee/.test(error?.details), "what no block would take is refused", error);
}

await flow("development", [
  ["prints what contracts log", logs],
  ["shows the pending block", pending],
  ["names safe and finalized blocks", tags],
  ["refuses what pays less than the base fee", refuse],
  ["stops", node.stop],
]);
