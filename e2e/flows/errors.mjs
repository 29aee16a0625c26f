// What the node says when something is wrong, byte by byte: clients match on codes and words.

import { encodeFunctionData, encodeErrorResult, parseGwei } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { accounts, artifact, equal, flow, holds, keys, raw, request } from "../lib/flow.mjs";

const { abi, bytecode } = artifact("Ledger");
const account = privateKeyToAccount(keys[0]);
const other = accounts[1];
let ledger;

/** What a request fails with. */
async function error(method, params) {
  const answer = await raw(method, params);
  holds(answer.error && answer.result === undefined, `${method} fails`, answer);
  return answer.error;
}

/** geth's code of a refused transaction, and anvil's. */
const refused = [-32000, -32003];

const matches = (found, code, words, what) => {
  holds([code].flat().includes(found.code), `code of ${what}`, found);
  holds(words.test(found.message), `words of ${what}`, found);
};

const sign = (fields) => account.signTransaction({
  chainId: 31337, type: "eip1559", to: other, value: 1n, gas: 21000n,
  maxFeePerGas: parseGwei("10"), maxPriorityFeePerGas: parseGwei("1"), ...fields,
});
const nonceNow = async () => Number(await request("eth_getTransactionCount", [accounts[0], "latest"]));
const call = (functionName, args = []) => ({ from: accounts[0], to: ledger, data: encodeFunctionData({ abi, functionName, args }) });

async function receipt(hash) {
  for (let round = 0; round < 500; round += 1) {
    const found = await request("eth_getTransactionReceipt", [hash]);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no receipt of ${hash}`);
}

async function deploy() {
  const data = bytecode + "7".padStart(64, "0");
  const hash = await request("eth_sendTransaction", [{ from: accounts[0], data, gas: "0x400000" }]);
  ledger = (await receipt(hash)).contractAddress;
}

async function requests() {
  matches(await error("eth_noSuchMethod", []), -32601, /method|not found|unsupported/i, "a method that is not there");
  equal((await error("eth_getBalance", ["nonsense", "latest"])).code, -32602, "code of wrong parameters");
  equal((await error("eth_getBlockByNumber", [])).code, -32602, "code of missing parameters");
  equal(await request("eth_getBlockByNumber", ["0xffffffff", false]), null, "a block that is not there");
  equal(await request("eth_getTransactionByHash", [`0x${"11".repeat(32)}`]), null, "a transaction that is not there");
  equal(await request("eth_getTransactionReceipt", [`0x${"11".repeat(32)}`]), null, "a receipt that is not there");
}

async function reverts() {
  for (const method of ["eth_call", "eth_estimateGas"]) {
    const params = (request) => (method === "eth_call" ? [request, "latest"] : [request]);
    const reason = await error(method, params(call("failWithReason")));
    matches(reason, 3, /revert.*the reason/i, `${method} with a reason`);
    equal(reason.data, encodeErrorResult({ abi: [{ type: "error", name: "Error", inputs: [{ type: "string" }] }], errorName: "Error", args: ["the reason"] }), "data of a reason");
    const custom = await error(method, params(call("withdraw", [5n])));
    matches(custom, 3, /revert/i, `${method} with a custom error`);
    equal(custom.data, encodeErrorResult({ abi, errorName: "Insufficient", args: [accounts[0], 0n, 5n] }), "data of a custom error");
    const nothing = await error(method, params(call("failWithNothing")));
    matches(nothing, 3, /revert/i, `${method} without data`);
  }
}

async function refusals() {
  const send = async (fields) => error("eth_sendRawTransaction", [await sign(fields)]);
  const nonce = await nonceNow();
  const poor = privateKeyToAccount(`0x${"44".repeat(32)}`);
  const unpaid = await poor.signTransaction({ chainId: 31337, type: "eip1559", to: other, value: 1n, gas: 21000n, maxFeePerGas: parseGwei("10"), maxPriorityFeePerGas: 1n, nonce: 0 });
  matches(await error("eth_sendRawTransaction", [unpaid]), refused, /insufficient funds/i, "no money");
  matches(await send({ nonce: 0 }), refused, /nonce too low/i, "a nonce that was used");
  matches(await send({ nonce, gas: 20000n }), refused, /intrinsic gas too low/i, "too little gas");
  const chain = await send({ nonce, chainId: 5 });
  holds(/chain/i.test(chain.message), "words of another chain", chain);
  holds((await error("eth_sendRawTransaction", ["0x1234"])).code < 0, "code of bytes that are no transaction");
}

async function replacements() {
  await request("evm_setAutomine", [false]);
  const nonce = await nonceNow();
  const first = await sign({ nonce });
  const hash = await request("eth_sendRawTransaction", [first]);
  const known = await error("eth_sendRawTransaction", [first]);
  holds(/already (known|imported)/i.test(known.message), "words of what is known", known);
  const poor = await error("eth_sendRawTransaction", [await sign({ nonce, value: 2n })]);
  holds(/replacement transaction underpriced/i.test(poor.message), "words of a poor replacement", poor);
  equal(await request("eth_getTransactionCount", [accounts[0], "pending"]), `0x${(nonce + 1).toString(16)}`, "pending nonce");
  await request("evm_setAutomine", [true]);
  await request("evm_mine", []);
  equal((await receipt(hash)).status, "0x1", "status of the first");
}

async function failedTransaction() {
  const hash = await request("eth_sendTransaction", [{ ...call("withdraw", [5n]), gas: "0x20000" }]);
  const found = await receipt(hash);
  equal([found.status, found.logs], ["0x0", []], "receipt of what reverted");
}

await flow("errors", [
  ["deploys", deploy],
  ["wrong requests", requests],
  ["calls that revert", reverts],
  ["transactions that are refused", refusals],
  ["replacements", replacements],
  ["transactions that revert", failedTransaction],
]);
