// viem: sending, deploying, calling, events over WebSocket, simulation.

import {
  BaseError, ContractFunctionRevertedError, createPublicClient, createWalletClient,
  defineChain, hexToBytes, http, parseEther, parseGwei, webSocket,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { accounts, artifact, equal, eventually, failure, flow, holds, keys, rpcUrl, wsUrl } from "../lib/flow.mjs";
import { blobs, commitments, proofs } from "../lib/workload.mjs";

const { abi, bytecode } = artifact("Ledger");
const chain = defineChain({
  id: 31337,
  name: "dev",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [rpcUrl], webSocket: [wsUrl] } },
});
const account = privateKeyToAccount(keys[0]);
const client = createPublicClient({ chain, transport: http(), pollingInterval: 50 });
// A node may load KZG's trusted setup with the first blob, which takes seconds.
const wallet = createWalletClient({ account, chain, transport: http(rpcUrl, { timeout: 60_000 }) });
const socket = createPublicClient({ chain, transport: webSocket() });
const other = accounts[1];
let ledger;

const mined = async (hash) => {
  const receipt = await client.waitForTransactionReceipt({ hash, timeout: 20_000 });
  equal(receipt.status, "success", `status of ${hash}`);
  return receipt;
};

async function greet() {
  equal(await client.getChainId(), 31337, "chain id");
  equal((await wallet.getAddresses())[0], accounts[0], "first account");
  holds((await client.getBalance({ address: accounts[0] })) >= parseEther("9000"), "balance of a dev account");
  const block = await client.getBlock();
  holds(block.baseFeePerGas > 0n, "base fee");
  holds((await client.getGasPrice()) >= block.baseFeePerGas / 2n, "gas price");
  const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
  holds(history.baseFeePerGas.length >= 2, "fee history", history);
}

async function transfer() {
  const before = await client.getBalance({ address: other });
  const hash = await wallet.sendTransaction({ to: other, value: 12345n });
  const receipt = await mined(hash);
  equal(receipt.gasUsed, 21000n, "gas of a transfer");
  equal(receipt.type, "eip1559", "type");
  equal(receipt.from.toLowerCase(), accounts[0].toLowerCase(), "sender");
  equal((await client.getBalance({ address: other })) - before, 12345n, "what arrived");
  const transaction = await client.getTransaction({ hash });
  equal(transaction.blockHash, receipt.blockHash, "block of the transaction");
  equal(transaction.value, 12345n, "value");
}

async function everyType() {
  const gasPrice = (await client.getGasPrice()) * 2n;
  const accessList = [{ address: other, storageKeys: [`0x${"00".repeat(32)}`] }];
  const types = [
    ["legacy", { type: "legacy", gasPrice }],
    ["eip2930", { type: "eip2930", gasPrice, accessList }],
    ["eip1559", { type: "eip1559", accessList }],
  ];
  for (const [type, fields] of types) {
    const receipt = await mined(await wallet.sendTransaction({ to: other, value: 1n, ...fields }));
    equal(receipt.type, type, "type of the receipt");
  }
}

async function delegate() {
  const eoa = privateKeyToAccount(keys[3]);
  const delegator = createWalletClient({ account: eoa, chain, transport: http() });
  const authorization = await delegator.signAuthorization({ contractAddress: ledger, executor: "self" });
  const hash = await delegator.sendTransaction({ to: eoa.address, authorizationList: [authorization], value: 0n });
  const receipt = await mined(hash);
  equal(receipt.type, "eip7702", "type");
  const code = await client.getCode({ address: eoa.address });
  equal(code, `0xef0100${ledger.slice(2).toLowerCase()}`, "delegation");
  const reset = await delegator.signAuthorization({ contractAddress: `0x${"00".repeat(20)}`, executor: "self" });
  await mined(await delegator.sendTransaction({ to: eoa.address, authorizationList: [reset] }));
  equal(await client.getCode({ address: eoa.address }), undefined, "code after the delegation ended");
}

async function carry() {
  const kzg = {
    blobToKzgCommitment: () => hexToBytes(commitments[0]),
    computeBlobKzgProof: () => hexToBytes(proofs[0]),
  };
  const hash = await wallet.sendTransaction({
    to: other,
    blobs,
    kzg,
    maxFeePerBlobGas: parseGwei("30"),
  });
  const receipt = await mined(hash);
  equal(receipt.type, "eip4844", "type");
  equal(receipt.blobGasUsed, 131072n, "blob gas");
  holds((await client.getBlobBaseFee()) >= 1n, "blob base fee");
}

async function deploy() {
  const hash = await wallet.deployContract({ abi, bytecode, args: [7n], value: 5n });
  const receipt = await mined(hash);
  ledger = receipt.contractAddress;
  holds((await client.getCode({ address: ledger })).length > 100, "code of the contract");
  equal(await client.readContract({ address: ledger, abi, functionName: "total" }), 5n, "total");
  const [, , id] = await client.readContract({ address: ledger, abi, functionName: "environment" });
  equal(id, 31337n, "chain id in the contract");
}

async function write() {
  const { request, result } = await client.simulateContract({
    account, address: ledger, abi, functionName: "pay", args: ["first"], value: 9n,
  });
  equal(result, undefined, "result of pay");
  const receipt = await mined(await wallet.writeContract(request));
  equal(receipt.logs.length, 1, "number of logs");
  const events = await client.getContractEvents({
    address: ledger, abi, eventName: "Paid", fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber,
  });
  equal(events[0].args, { from: accounts[0], amount: 9n, memo: "first" }, "the event");
  const none = await client.getContractEvents({
    address: ledger, abi, eventName: "Paid", args: { from: other }, fromBlock: 0n,
  });
  equal(none.length, 0, "events of another");
}

async function watch() {
  const seen = { logs: [], heads: [], pending: [] };
  const stop = [
    socket.watchContractEvent({ address: ledger, abi, eventName: "Paid", onLogs: (l) => seen.logs.push(...l) }),
    socket.watchBlocks({ onBlock: (block) => seen.heads.push(block.number) }),
    socket.watchPendingTransactions({ onTransactions: (h) => seen.pending.push(...h) }),
  ];
  // Subscriptions have no answer that viem tells of: let a block show that they are there.
  const poke = async () => {
    await mined(await wallet.sendTransaction({ to: other, value: 1n }));
    return seen.heads.length > 0 && seen.pending.length > 0;
  };
  await eventually(poke, "subscriptions");
  const hash = await wallet.writeContract({ address: ledger, abi, functionName: "pay", args: ["live"], value: 3n });
  const { blockNumber } = await mined(hash);
  await eventually(() => seen.logs.length > 0, "the event over the socket");
  await eventually(() => seen.heads.includes(blockNumber), "the head over the socket");
  await eventually(() => seen.pending.includes(hash), "the pending transaction over the socket");
  equal(seen.logs[0].args.memo, "live", "memo of the event");
  equal(seen.logs[0].transactionHash, hash, "transaction of the event");
  stop.forEach((end) => end());
}

async function reverts() {
  const call = (functionName, args = []) =>
    client.simulateContract({ account, address: ledger, abi, functionName, args });
  const cause = async (promise) => {
    const error = await failure(promise, "a call that reverts");
    holds(error instanceof BaseError, "an error of viem", error);
    return error.walk((inner) => inner instanceof ContractFunctionRevertedError);
  };
  equal((await cause(call("failWithReason"))).reason, "the reason", "reason");
  const custom = await cause(call("withdraw", [100n]));
  equal(custom.data.errorName, "Insufficient", "name of the custom error");
  equal(custom.data.args, [accounts[0], 12n, 100n], "arguments of the custom error");
  const panic = await cause(call("failWithPanic", [0n]));
  equal(panic.data.args, [0x12n], "panic code");
  const estimate = await failure(
    client.estimateContractGas({ account, address: ledger, abi, functionName: "failWithReason" }), "estimate");
  holds(String(estimate).includes("the reason"), "reason in an estimate", estimate);
}

async function estimateAndList() {
  const gas = await client.estimateContractGas({ account, address: ledger, abi, functionName: "pay", args: ["x"], value: 1n });
  holds(gas > 30_000n && gas < 100_000n, "gas", gas);
  const data = abi.find((item) => item.name === "total") && "0x2ddbd13a";
  const { accessList } = await client.createAccessList({ account, to: ledger, data });
  equal(accessList.length, 1, "accounts in the access list");
  equal(accessList[0].storageKeys.length, 1, "slots in the access list");
  const proof = await client.getProof({ address: ledger, storageKeys: [accessList[0].storageKeys[0]] });
  equal(proof.storageProof[0].value, 17n, "total in the proof");
  holds(proof.accountProof.length > 0, "an account proof");
}

async function overrides() {
  const slot = `0x${"1".padStart(64, "0")}`;
  const total = await client.readContract({
    address: ledger, abi, functionName: "total",
    stateOverride: [{ address: ledger, stateDiff: [{ slot, value: `0x${"ff".padStart(64, "0")}` }] }],
  });
  equal(total, 255n, "total with an override");
  equal(await client.readContract({ address: ledger, abi, functionName: "total" }), 17n, "total without");
}

async function simulate() {
  const blocks = await client.simulateBlocks({
    blocks: [
      {
        blockOverrides: { number: (await client.getBlockNumber({ cacheTime: 0 })) + 1n },
        stateOverrides: [{ address: other, balance: parseEther("2") }],
        calls: [
          { account: other, to: ledger, value: 100n, data: "0x" },
          { account: other, to: ledger, abi, functionName: "withdraw", args: [1n] },
        ],
      },
      { calls: [{ account: other, to: ledger, abi, functionName: "total" }] },
    ],
  });
  // No gap before the first: viem cannot read the blocks that fill one.
  holds(blocks.length >= 2, "simulated blocks", blocks.length);
  const [first, second] = blocks.filter((block) => block.calls.length > 0);
  equal(first.calls.map((call) => call.status), ["success", "failure"], "status of the calls");
  equal(second.calls[0].result, 117n, "total in the next block");
  const { results } = await client.simulateCalls({
    account: other,
    calls: [
      { to: ledger, abi, functionName: "pay", args: ["simulated"], value: 2n },
      { to: ledger, abi, functionName: "balanceOf", args: [other] },
    ],
  });
  equal(results[0].logs.length, 1, "logs of a simulated call");
  equal(results[1].result, 2n, "balance after a simulated call");
}

async function batches() {
  const batched = createPublicClient({ chain, transport: http(rpcUrl, { batch: { wait: 5 } }) });
  const numbers = await Promise.all(Array.from({ length: 60 }, (_, index) =>
    index % 2 ? batched.getBalance({ address: ledger }) : batched.getTransactionCount({ address: accounts[0] })));
  equal(numbers[1], 17n, "balance in a batch");
  equal(new Set(numbers).size, 2, "different answers in a batch");
}

async function refusals() {
  const poor = createWalletClient({ account: privateKeyToAccount(`0x${"42".repeat(32)}`), chain, transport: http() });
  const funds = await failure(poor.sendTransaction({ to: other, value: 1n }), "sending without money");
  holds(/insufficient funds|exceeds the balance/i.test(String(funds)), "insufficient funds", funds);
  const fields = { to: other, value: 1n, gas: 21000n, nonce: 0 };
  const nonce = await failure(wallet.sendTransaction(fields), "a nonce that was used");
  holds(/nonce/i.test(String(nonce)) && /low/i.test(String(nonce)), "nonce too low", nonce);
}

await flow("viem", [
  ["greets the node", greet],
  ["sends a transfer", transfer],
  ["sends every type of transaction", everyType],
  ["deploys a contract", deploy],
  ["writes to a contract, and finds its events", write],
  ["sees events, heads and pending transactions over WebSocket", watch],
  ["decodes what reverts", reverts],
  ["estimates, lists accesses, proves", estimateAndList],
  ["calls with overrides", overrides],
  ["simulates blocks and calls", simulate],
  ["delegates an account (EIP-7702)", delegate],
  ["sends blobs (EIP-4844)", carry],
  ["sends batches", batches],
  ["is told why a transaction is refused", refusals],
]);
