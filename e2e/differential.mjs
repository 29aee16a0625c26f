// Compares two nodes: `node differential.mjs [--seed N] [--blocks N] [--transactions N]`.
//
// Both start from one genesis and get the same random transactions of all kinds. It compares what
// they answer (refusals, blocks, receipts, traces, proofs, calls, estimates) and lists differences.
// $HEDDLE_E2E_NODE is compared with $HEDDLE_E2E_REFERENCE, by default `anvil`.

import { writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encodeFunctionData, toHex } from "viem";
import { Report } from "./lib/compare.mjs";
import { install } from "./lib/install.mjs";
import { command, start } from "./lib/node.mjs";
import { made } from "./lib/paths.mjs";
import { generator } from "./lib/random.mjs";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    blocks: { type: "string", default: "30" },
    transactions: { type: "string", default: "8" },
  },
});
const GENESIS_TIME = 1_800_000_000;

install();
// These need what was installed.
const { artifact, raw } = await import("./lib/flow.mjs");
const { Workload, authorities, senders } = await import("./lib/workload.mjs");
const { abi } = artifact("Ledger");

/** A genesis in which all forks are active, and all who send are rich. */
function writeGenesis() {
  const forks = [
    "homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock",
    "constantinopleBlock", "petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock",
    "shanghaiTime", "cancunTime", "pragueTime", "osakaTime",
  ];
  const config = Object.fromEntries(forks.map((fork) => [fork, 0]));
  const rich = [...senders, ...authorities].map(({ address }) => [address, { balance: toHex(10n ** 24n) }]);
  const genesis = {
    config: { chainId: 31337, terminalTotalDifficulty: 0, terminalTotalDifficultyPassed: true, ...config },
    nonce: "0x0", timestamp: toHex(GENESIS_TIME), extraData: "0x", gasLimit: toHex(30_000_000),
    difficulty: "0x0", mixHash: `0x${"00".repeat(32)}`, coinbase: `0x${"00".repeat(20)}`,
    baseFeePerGas: toHex(10n ** 9n), alloc: Object.fromEntries(rich),
  };
  mkdirSync(made, { recursive: true });
  const path = join(made, "genesis.json");
  writeFileSync(path, JSON.stringify(genesis, null, 2));
  return path;
}

/** What depends on values that every node chooses for itself. */
const OWN = new Set([
  "blockHash", "hash", "parentHash", "mixHash", "extraData", "size", "totalDifficulty", "nonce",
]);
const without = (value, names = OWN) =>
  value && Object.fromEntries(Object.entries(value).filter(([name]) => !names.has(name)));

class Pair {
  constructor(nodes, report) {
    this.nodes = nodes;
    this.report = report;
    /** How many transactions of each kind were taken. */
    this.taken = new Map();
  }

  /** What each node answers to a request. */
  ask(method, ...params) {
    return Promise.all(this.nodes.map(({ url }) => raw(method, params, url)));
  }

  /** Asks both, compares, and gives what the first one answered. */
  async compare(context, what, change, method, ...params) {
    const [left, right] = await this.ask(method, ...params);
    const view = ({ error, result }) =>
      error ? { error: { code: error.code, data: error.data, message: words(error.message) } } : { result: change(result) };
    this.report.compare(what, view(left), view(right), context);
    return left.result;
  }
}

/** A message without its numbers and capitals: those may differ. */
const words = (message) => `${message}`.toLowerCase().replace(/0x[0-9a-f]+|\d+/g, "#").split(/[:(]/)[0].trim();

const asIs = (value) => value;

async function sendBlock(pair, workload, random, number) {
  for (let count = random.below(2 * Number(options.transactions)); count >= 0; count -= 1) {
    const transaction = await workload.next();
    if (!transaction) break;
    const context = `block ${number}, a ${transaction.kind}`;
    const hash = await pair.compare(context, `eth_sendRawTransaction of a ${transaction.kind}`, asIs,
      "eth_sendRawTransaction", transaction.raw);
    if (hash) {
      workload.accepted(transaction);
      pair.taken.set(transaction.kind, (pair.taken.get(transaction.kind) ?? 0) + 1);
    }
  }
  await pair.compare(`block ${number}`, "txpool_status", asIs, "txpool_status");
  await pair.ask("evm_setNextBlockTimestamp", toHex(GENESIS_TIME + 12 * number));
  await pair.ask("evm_mine");
}

async function compareBlock(pair, number) {
  const context = `block ${number}`;
  const at = toHex(number);
  const block = await pair.compare(context, "eth_getBlockByNumber", (found) => without(found), "eth_getBlockByNumber", at, false);
  const receipts = (found) => found?.map((receipt) => without({ ...receipt, logs: receipt.logs.map((log) => without(log)) }));
  await pair.compare(context, "eth_getBlockReceipts", receipts, "eth_getBlockReceipts", at);
  for (const hash of block?.transactions ?? []) {
    const place = `${context}, transaction ${hash}`;
    await pair.compare(place, "eth_getTransactionByHash", (found) => without(found, new Set(["blockHash"])), "eth_getTransactionByHash", hash);
    const tracers = [
      ["callTracer", { tracer: "callTracer", tracerConfig: { withLog: true } }],
      ["prestateTracer", { tracer: "prestateTracer" }],
      ["prestateTracer, difference", { tracer: "prestateTracer", tracerConfig: { diffMode: true } }],
      ["4byteTracer", { tracer: "4byteTracer" }],
    ];
    for (const [name, config] of tracers) {
      await pair.compare(place, `debug_traceTransaction (${name})`, asIs, "debug_traceTransaction", hash, config);
    }
    const traces = (found) => found?.map((trace) => without(trace));
    await pair.compare(place, "trace_transaction", traces, "trace_transaction", hash);
  }
  await pair.compare(context, "eth_feeHistory", asIs, "eth_feeHistory", "0x1", at, [10, 50, 90]);
}

async function compareState(pair, workload, random, number) {
  const context = `state after block ${number}`;
  const slots = [0, 1, 2].map((slot) => toHex(slot, { size: 32 }));
  for (const address of workload.touched) {
    if (!random.chance(30)) continue;
    const place = `${context}, ${address}`;
    await pair.compare(place, "eth_getProof", asIs, "eth_getProof", address, slots, "latest");
    await pair.compare(place, "eth_getCode", asIs, "eth_getCode", address, "latest");
    const calls = [
      { functionName: "total", args: [] },
      { functionName: "withdraw", args: [5n] },
      { functionName: "failWithReason", args: [] },
      { functionName: "callChild", args: [1n] },
    ];
    const call = { from: senders[0].address, to: address, data: encodeFunctionData({ abi, ...random.pick(calls) }) };
    await pair.compare(place, "eth_call", asIs, "eth_call", call, "latest");
    await pair.compare(place, "eth_estimateGas", asIs, "eth_estimateGas", call);
    await pair.compare(place, "eth_createAccessList", asIs, "eth_createAccessList", call, "latest");
  }
  const nonces = new Map();
  for (const address of workload.accounts) {
    const count = await pair.compare(context, "eth_getTransactionCount", asIs, "eth_getTransactionCount", address, "latest");
    nonces.set(address, Number(count));
  }
  workload.startBlock(nonces);
}

async function run(pair) {
  const random = generator(Number(options.seed));
  const workload = new Workload(random);
  await pair.ask("evm_setAutomine", false);
  await pair.ask("anvil_setCoinbase", senders[5].address);
  await pair.compare("genesis", "genesis", (block) => block?.stateRoot, "eth_getBlockByNumber", "0x0", false);
  for (let number = 1; number <= Number(options.blocks); number += 1) {
    await sendBlock(pair, workload, random, number);
    await compareBlock(pair, number);
    await compareState(pair, workload, random, number);
  }
}

const genesis = writeGenesis();
const reference = process.env.HEDDLE_E2E_REFERENCE || "anvil";
/** anvil adds accounts and a contract to a genesis unless it is told not to. */
const bare = (named) => (command(named)[0].includes("anvil")
  ? ["--accounts", "0", "--disable-default-create2-deployer", "--hardfork", "osaka"] : []);
const nodes = [];
let kinds = 1;
try {
  for (const [name, named] of [["reference", reference], ["node", undefined]]) {
    nodes.push(await start(`differential-${name}`, { named, args: ["--init", genesis, ...bare(named)] }));
  }
  console.log(`seed ${options.seed}, ${options.blocks} blocks`);
  const report = new Report();
  const pair = new Pair(nodes, report);
  await run(pair);
  console.log(`taken: ${[...pair.taken].sort().map(([kind, count]) => `${count} ${kind}`).join(", ")}`);
  kinds = report.print([reference, process.env.HEDDLE_E2E_NODE || "heddle dev"]);
} catch (error) {
  console.error(error.stack ?? error);
} finally {
  await Promise.all(nodes.map((node) => node.stop()));
}
process.exit(kinds === 0 ? 0 : 1);
