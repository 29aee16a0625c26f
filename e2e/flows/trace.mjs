// Traces: debug_* as geth has it, trace_* as Parity had it.

import { encodeFunctionData } from "viem";
import { accounts, artifact, equal, eventually, flow, holds, request } from "../lib/flow.mjs";

const { abi, bytecode } = artifact("Ledger");
let ledger;
let child;

async function send(fields) {
  const hash = await request("eth_sendTransaction", [{ from: accounts[0], gas: "0x400000", ...fields }]);
  return eventually(() => request("eth_getTransactionReceipt", [hash]), `receipt of ${hash}`);
}

const data = (functionName, args = []) => encodeFunctionData({ abi, functionName, args });
const traced = (hash, options) => request("debug_traceTransaction", options ? [hash, options] : [hash]);

async function deploy() {
  const receipt = await send({ data: bytecode + "7".padStart(64, "0") });
  ledger = receipt.contractAddress;
  const [head] = [`0x${(await request("eth_call", [{ to: ledger, data: data("child") }, "latest"])).slice(26)}`];
  child = head;
  const trace = await traced(receipt.transactionHash, { tracer: "callTracer" });
  equal([trace.type, trace.calls.map((call) => call.type)], ["CREATE", ["CREATE"]], "calls of a deployment");
  equal(trace.to, ledger, "address of the contract");
}

async function calls() {
  const good = await send({ to: ledger, data: data("callChild", [9n]) });
  const trace = await traced(good.transactionHash, { tracer: "callTracer" });
  equal([trace.from, trace.to], [accounts[0].toLowerCase(), ledger], "ends of the outer call");
  equal(BigInt(trace.gasUsed), BigInt(good.gasUsed), "gas of the outer call");
  equal(trace.calls.length, 1, "inner calls");
  equal([trace.calls[0].to, trace.calls[0].error], [child, undefined], "the inner call");
  const bad = await send({ to: ledger, data: data("callChild", [0n]) });
  equal(bad.status, "0x1", "status, though the inner call failed");
  const inner = (await traced(bad.transactionHash, { tracer: "callTracer" })).calls[0];
  equal([inner.error, inner.revertReason], ["execution reverted", "zero"], "failure of the inner call");
  const top = await traced(good.transactionHash, { tracer: "callTracer", tracerConfig: { onlyTopCall: true } });
  equal(top.calls, undefined, "inner calls of the top call alone");
  const paid = await send({ to: ledger, value: "0x5", data: data("pay", ["x"]) });
  const logs = await traced(paid.transactionHash, { tracer: "callTracer", tracerConfig: { withLog: true } });
  equal(logs.logs.length, 1, "logs in a trace");
  equal(logs.logs[0].address, ledger, "address of the log");
}

async function states() {
  const receipt = await send({ to: ledger, data: data("callChild", [11n]) });
  const before = await traced(receipt.transactionHash, { tracer: "prestateTracer" });
  const slot = `0x${"00".repeat(32)}`;
  equal(BigInt(before[child].storage[slot]), 9n, "slot before");
  const diff = await traced(receipt.transactionHash, { tracer: "prestateTracer", tracerConfig: { diffMode: true } });
  equal(BigInt(diff.pre[child].storage[slot]), 9n, "slot before, in the difference");
  equal(BigInt(diff.post[child].storage[slot]), 11n, "slot after, in the difference");
  const sender = accounts[0].toLowerCase();
  equal(diff.post[sender].nonce, (diff.pre[sender].nonce ?? 0) + 1, "nonce after");
}

async function steps() {
  const receipt = await send({ to: ledger, data: data("callChild", [12n]) });
  const trace = await traced(receipt.transactionHash);
  equal([trace.failed, BigInt(trace.gas)], [false, BigInt(receipt.gasUsed)], "outcome");
  const [first] = trace.structLogs;
  equal([first.pc, first.op, first.depth], [0, "PUSH1", 1], "first step");
  holds(trace.structLogs.some((step) => step.op === "SSTORE" && step.depth === 2), "a write inside");
}

async function ofCalls() {
  const call = { from: accounts[0], to: ledger, data: data("failWithReason") };
  const trace = await request("debug_traceCall", [call, "latest", { tracer: "callTracer" }]);
  equal([trace.error, trace.revertReason], ["execution reverted", "the reason"], "a call that reverts");
  const number = await request("eth_blockNumber", []);
  const block = await request("debug_traceBlockByNumber", [number, { tracer: "callTracer" }]);
  equal(block.length, 1, "traces of a block");
  holds(block[0].result?.type === "CALL", "the trace in a block", block);
}

async function parity() {
  const receipt = await send({ to: ledger, data: data("callChild", [13n]) });
  const traces = await request("trace_transaction", [receipt.transactionHash]);
  equal(traces.map((trace) => trace.traceAddress), [[], [0]], "addresses of the traces");
  equal(traces[0].action.callType, "call", "type of the outer call");
  const block = await request("trace_block", [receipt.blockNumber]);
  holds(block.length >= 2, "traces of the block", block);
}

await flow("trace", [
  ["deploys", deploy],
  ["calls", calls],
  ["states before and after", states],
  ["steps", steps],
  ["calls that were not sent, and blocks", ofCalls],
  ["as Parity did", parity],
]);
