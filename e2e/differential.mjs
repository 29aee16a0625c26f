// Compares two nodes: `node differential.mjs [--seed N] [--blocks N] [--transactions N]
// [--transactions-total N]`.
//
// Both start from one genesis and get the same random transactions of all kinds. It compares what
// they answer (refusals, blocks, receipts, traces, proofs, calls, estimates) and lists differences.
// Those that lib/justified.mjs does not name make it fail.
// $HEDDLE_E2E_NODE is compared with $HEDDLE_E2E_REFERENCE, by default `anvil`.

import { writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { concatHex, encodeFunctionData, keccak256, toHex } from "viem";
import { Report } from "./lib/compare.mjs";
import { install } from "./lib/install.mjs";
import { justified } from "./lib/justified.mjs";
import { command, start } from "./lib/node.mjs";
import { made } from "./lib/paths.mjs";
import { generator } from "./lib/random.mjs";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    blocks: { type: "string", default: "30" },
    transactions: { type: "string", default: "8" },
    /** Makes blocks until so many transactions were taken, however many blocks that takes. */
    "transactions-total": { type: "string" },
  },
});
const GENESIS_TIME = 1_800_000_000;

install();
// These need what was installed.
const { artifact, raw } = await import("./lib/flow.mjs");
const { Workload, authorities, called, senders } = await import("./lib/workload.mjs");
const { abi } = artifact("Ledger");

/**
 * The contracts that the protocol calls do nothing here: anvil calls only that of EIP-2935, which
 * would store hashes of blocks, and these differ from the genesis on.
 */
const SYSTEM_CONTRACTS = [
  "0x000f3df6d732807ef1319fb7b8bb8522d0beac02", // EIP-4788
  "0x0000f90827f1c53a10cb7a02335b175320002935",
  "0x00000961ef480eb55e80d19ad83579a64c007002",
  "0x0000bbddc7ce488642fb579f8b00f3a590007251",
];

/** A genesis in which all forks are active, and all who send are rich. */
function writeGenesis() {
  const forks = [
    "homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock",
    "constantinopleBlock", "petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock",
    "shanghaiTime", "cancunTime", "pragueTime", "osakaTime",
  ];
  const config = Object.fromEntries(forks.map((fork) => [fork, 0]));
  const rich = [...senders, ...authorities].map(({ address }) => [address, { balance: toHex(10n ** 24n) }]);
  const touched = called.map((address) => [address, { balance: "0x1" }]);
  const system = SYSTEM_CONTRACTS.map((address) => [address, { balance: "0x0", nonce: "0x1", code: "0x00" }]);
  const genesis = {
    config: { chainId: 31337, terminalTotalDifficulty: 0, terminalTotalDifficultyPassed: true, ...config },
    nonce: "0x0", timestamp: toHex(GENESIS_TIME), extraData: "0x", gasLimit: toHex(30_000_000),
    difficulty: "0x0", mixHash: `0x${"00".repeat(32)}`, coinbase: `0x${"00".repeat(20)}`,
    baseFeePerGas: toHex(10n ** 9n), alloc: Object.fromEntries([...rich, ...touched, ...system]),
  };
  mkdirSync(made, { recursive: true });
  const path = join(made, "genesis.json");
  writeFileSync(path, JSON.stringify(genesis, null, 2));
  return path;
}

class Pair {
  constructor(nodes, report) {
    this.nodes = nodes;
    this.report = report;
    /** How many transactions of each kind were taken. */
    this.taken = new Map();
    this.refused = new Map();
  }

  get takenTotal() {
    return [...this.taken.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What each node answers to a request. */
  ask(method, ...params) {
    return Promise.all(this.nodes.map(({ url }) => raw(method, params, url)));
  }

  /** Asks both, compares, and gives both results. */
  async compare(context, what, method, ...params) {
    const [left, right] = await this.ask(method, ...params);
    const view = ({ error, result }) =>
      error ? { error: { code: error.code, data: error.data, message: words(error.message) } } : { result };
    this.report.compare(what, view(left), view(right), context);
    return [left.result, right.result];
  }

  /** Sends a transaction to both, and tells whether both took it. */
  async send({ kind, raw: bytes, isFollowed }, place) {
    const what = `eth_sendRawTransaction, ${kind}`;
    const [left, right] = await this.compare({ place, kind }, what, "eth_sendRawTransaction", bytes);
    const both = Boolean(left && right);
    const counts = both ? this.taken : this.refused;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    // What one node alone has would make all that comes after it differ.
    if (Boolean(left) !== Boolean(right) && !isFollowed) await this.ask("anvil_dropTransaction", left ?? right);
    return both;
  }
}

/** A message without its numbers and capitals: those may differ. */
const words = (message) => `${message}`.toLowerCase().replace(/0x[0-9a-f]+|\d+/g, "#").split(/[:(]/)[0].trim();

async function sendBlock(pair, workload, random, number) {
  const place = `block ${number}`;
  for (let count = random.below(2 * Number(options.transactions)); count >= 0 || workload.isAmidst; count -= 1) {
    const transaction = await workload.next();
    if (!transaction) break;
    if (await pair.send(transaction, place)) workload.accepted(transaction);
  }
  await pair.compare({ place }, "txpool_status", "txpool_status");
  await pair.ask("evm_setNextBlockTimestamp", toHex(GENESIS_TIME + 12 * number));
  // Blocks are never full, so the base fee would fall to nothing.
  if (number === 1 || random.chance(10)) {
    await pair.ask("anvil_setNextBlockBaseFeePerGas", toHex(1 + random.below(2_000_000_000)));
  }
  await setRandomness(pair, number);
  await pair.ask("evm_mine");
}

/** anvil makes its randomness of the parent's hash, and cannot be told another; Heddle can. */
async function setRandomness(pair, number) {
  const [reference, node] = pair.nodes;
  const { result: parent } = await raw("eth_getBlockByNumber", [toHex(number - 1), false], reference.url);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  await raw("anvil_setNextBlockPrevRandao", [keccak256(concatHex([parent.hash, toHex(bytes)]))], node.url);
}

const TRACERS = [
  ["callTracer", { tracer: "callTracer", tracerConfig: { withLog: true } }],
  ["prestateTracer", { tracer: "prestateTracer" }],
  ["prestateTracer, difference", { tracer: "prestateTracer", tracerConfig: { diffMode: true } }],
  ["4byteTracer", { tracer: "4byteTracer" }],
  // Steps are many.
  ["steps", {}, 50_000],
];

async function compareBlock(pair, number) {
  const place = `block ${number}`;
  const at = toHex(number);
  await pair.compare({ place }, "eth_getBlockByNumber", "eth_getBlockByNumber", at, false);
  const [receipts] = await pair.compare({ place }, "eth_getBlockReceipts", "eth_getBlockReceipts", at);
  for (const receipt of receipts ?? []) await compareTransaction(pair, receipt, place);
  await pair.compare({ place }, "eth_feeHistory", "eth_feeHistory", "0x1", at, [10, 50, 90]);
}

async function compareTransaction(pair, receipt, block) {
  const hash = receipt.transactionHash;
  const place = `${block}, transaction ${hash}`;
  const [transaction] = await pair.compare({ place }, "eth_getTransactionByHash", "eth_getTransactionByHash", hash);
  const context = { place, transaction, receipt };
  const traced = TRACERS.filter(([, , gasMax = Infinity]) => Number(receipt.gasUsed) <= gasMax);
  await Promise.all([
    ...traced.map(([name, config]) =>
      pair.compare(context, `debug_traceTransaction (${name})`, "debug_traceTransaction", hash, config)),
    pair.compare(context, "trace_transaction", "trace_transaction", hash),
  ]);
}

async function compareState(pair, workload, random, number) {
  const after = `state after block ${number}`;
  const slots = [0, 1, 2, 8].map((slot) => toHex(slot, { size: 32 }));
  // So many of all that there are by now that each block costs the same.
  const percent = Math.min(100, 600 / workload.touched.size);
  for (const address of workload.touched) {
    if (!random.chance(percent)) continue;
    const context = { place: `${after}, ${address}` };
    await pair.compare(context, "eth_getProof", "eth_getProof", address, slots, "latest");
    await pair.compare(context, "eth_getCode", "eth_getCode", address, "latest");
    const calls = [
      { functionName: "total", args: [] },
      { functionName: "withdraw", args: [5n] },
      { functionName: "failWithReason", args: [] },
      { functionName: "callChild", args: [1n] },
    ];
    // These store prices, which are 0 in geth and Heddle for a call that names none, but not in anvil.
    if (workload.environments.has(address)) continue;
    const data = encodeFunctionData({ abi, ...random.pick(calls) });
    const call = { from: senders[0].address, to: address, gas: toHex(1_000_000), data };
    await pair.compare(context, "eth_call", "eth_call", call, "latest");
    await pair.compare(context, "eth_estimateGas", "eth_estimateGas", call);
    await pair.compare(context, "eth_createAccessList", "eth_createAccessList", call, "latest");
  }
  const nonces = new Map();
  for (const address of workload.accounts) {
    const [count] = await pair.compare({ place: after }, "eth_getTransactionCount", "eth_getTransactionCount", address, "latest");
    nonces.set(address, Number(count));
  }
  workload.startBlock(nonces);
}

async function run(pair) {
  const random = generator(Number(options.seed));
  const workload = new Workload(random);
  await pair.ask("evm_setAutomine", false);
  await pair.ask("anvil_setCoinbase", senders[5].address);
  await pair.compare({ place: "genesis" }, "genesis", "eth_getBlockByNumber", "0x0", false);
  const total = options["transactions-total"];
  const isDone = (number) => (total ? pair.takenTotal >= Number(total) : number > Number(options.blocks));
  for (let number = 1; !isDone(number); number += 1) {
    await sendBlock(pair, workload, random, number);
    await compareBlock(pair, number);
    await compareState(pair, workload, random, number);
  }
}

const genesis = writeGenesis();
const reference = process.env.HEDDLE_E2E_REFERENCE || "anvil";
/** Both add accounts or contracts to a genesis unless they are told not to. */
const bare = (named) => (command(named)[0].includes("anvil")
  ? ["--accounts", "0", "--disable-default-create2-deployer", "--hardfork", "osaka", "--steps-tracing"]
  : ["--no-predeploys"]);
const nodes = [];
let kinds = 1;
try {
  for (const [name, named] of [["reference", reference], ["node", undefined]]) {
    nodes.push(await start(`differential-${name}`, { named, args: ["--init", genesis, ...bare(named)] }));
  }
  console.log(`seed ${options.seed}`);
  const report = new Report(justified);
  const pair = new Pair(nodes, report);
  await run(pair);
  const list = (counts) => [...counts].sort().map(([kind, count]) => `${count} ${kind}`).join(", ");
  console.log(`${pair.takenTotal} taken: ${list(pair.taken)}`);
  console.log(`refused by one or both: ${list(pair.refused)}`);
  kinds = report.print([reference, process.env.HEDDLE_E2E_NODE || "heddle dev"], join(made, "differences.json"));
} catch (error) {
  console.error(error.stack ?? error);
} finally {
  await Promise.all(nodes.map((node) => node.stop()));
}
process.exit(kinds === 0 ? 0 : 1);
