// cast: the command line of Foundry.

import { accounts, artifact, equal, failure, flow, holds, keys, output, rpcUrl } from "../lib/flow.mjs";
import { foundry } from "../lib/paths.mjs";

const program = foundry("cast");
const environment = { ...process.env, ETH_RPC_URL: rpcUrl, FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", NO_COLOR: "1" };
const cast = (...args) => output(program, args, { env: environment });
const json = async (...args) => JSON.parse(await cast(...args, "--json"));
const key = ["--private-key", keys[0]];
let ledger;
let paid;

async function greet() {
  equal(await cast("chain-id"), "31337", "chain id");
  holds(/^\d+$/.test(await cast("block-number")), "height");
  holds(BigInt(await cast("balance", accounts[1])) > 0n, "balance");
  holds((await cast("client")).length > 0, "version of the client");
  const block = await json("block", "latest");
  holds(block.hash.startsWith("0x"), "hash of the block", block);
  holds(BigInt(await cast("gas-price")) > 0n && BigInt(await cast("base-fee")) > 0n, "prices");
}

async function send() {
  const receipt = await json("send", accounts[1], "--value", "1gwei", ...key);
  equal(receipt.status, "0x1", "status");
  equal(BigInt(receipt.gasUsed), 21000n, "gas");
  const transaction = await json("tx", receipt.transactionHash);
  equal(BigInt(transaction.value), 10n ** 9n, "value");
  const legacy = await json("send", accounts[1], "--value", "1", "--legacy", ...key);
  equal(BigInt(legacy.type), 0n, "type of a legacy transaction");
}

async function deploy() {
  const { bytecode } = artifact("Ledger");
  const receipt = await json("send", ...key, "--value", "4", "--create", bytecode, "constructor(uint256)", "3");
  ledger = receipt.contractAddress;
  equal(await cast("call", ledger, "total()(uint256)"), "4", "total");
  equal(await cast("storage", ledger, "1"), `0x${"4".padStart(64, "0")}`, "slot of the total");
  equal((await cast("code", ledger)).startsWith("0x6080"), true, "code");
}

async function write() {
  const receipt = await json("send", ledger, "pay(string)", "hello", "--value", "6", ...key);
  paid = receipt.transactionHash;
  equal(receipt.logs.length, 1, "logs");
  const logs = await json("logs", "--address", ledger, "--from-block", "0", "Paid(address indexed,uint256,string)");
  equal(logs.length, 1, "logs found");
  equal(await cast("nonce", accounts[0]), `${Number((await json("tx", paid)).nonce) + 1}`, "nonce");
  equal(await cast("receipt", paid, "blockNumber"), `${BigInt(receipt.blockNumber)}`, "block of the receipt");
}

async function estimate() {
  holds(BigInt(await cast("estimate", ledger, "pay(string)", "x", "--value", "1", "--from", accounts[0])) > 21000n, "gas");
  const list = await cast("access-list", ledger, "total()", "--from", accounts[0]);
  holds(list.toLowerCase().includes(ledger.toLowerCase()), "access list", list);
  const proof = JSON.parse(await cast("proof", ledger, "0x1"));
  equal(BigInt(proof.storageProof[0].value), 10n, "total in the proof");
}

async function reverts() {
  const reason = await failure(cast("call", ledger, "failWithReason()"), "a call that reverts");
  holds(reason.output.includes("the reason"), "reason", reason.output);
  const sent = await failure(cast("send", ledger, "withdraw(uint256)", "99", ...key), "a transaction that reverts");
  holds(/revert|Insufficient/i.test(sent.output), "why it reverts", sent.output);
  const poor = `0x${"43".repeat(32)}`;
  const funds = await failure(cast("send", accounts[0], "--value", "1", "--private-key", poor), "no money");
  holds(/insufficient funds/i.test(funds.output), "insufficient funds", funds.output);
}

async function trace() {
  const text = await cast("run", paid, "--quick");
  holds(text.includes("Transaction successfully executed"), "a trace of the transaction", text);
  const call = await cast("call", ledger, "callChild(uint256)", "5", "--trace", "--from", accounts[0]);
  holds(/Gas|gas/.test(call), "a trace of a call", call);
  const inside = await cast("rpc", "debug_traceTransaction", paid, '{"tracer":"callTracer"}');
  equal(JSON.parse(inside).type, "CALL", "type of the outermost call");
}

async function control() {
  await cast("rpc", "anvil_setBalance", accounts[3], "0x1234");
  equal(await cast("balance", accounts[3]), `${0x1234}`, "balance that was set");
  const before = BigInt(await cast("block-number"));
  await cast("rpc", "anvil_mine", "0x3");
  equal(BigInt(await cast("block-number")), before + 3n, "height after mining");
  const unsigned = await json("send", accounts[1], "--value", "1", "--unlocked", "--from", accounts[2]);
  equal(unsigned.status, "0x1", "status of what the node signed");
  const raw = await cast("mktx", accounts[1], "--value", "2", ...key);
  const hash = JSON.parse(await cast("publish", raw));
  equal(hash.status ?? "0x1", "0x1", "status of a published transaction");
}

await flow("cast", [
  ["greets the node", greet],
  ["sends transfers", send],
  ["deploys a contract", deploy],
  ["writes to a contract, and finds its logs", write],
  ["estimates, lists accesses, proves", estimate],
  ["is told what is wrong", reverts],
  ["traces", trace],
  ["controls the node", control],
]);
