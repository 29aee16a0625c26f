// viem's test client: snapshots, mining, time, impersonation, setters, the pool.

import { createPublicClient, createTestClient, createWalletClient, http, parseEther, publicActions, walletActions } from "viem";
import { foundry } from "viem/chains";
import { privateKeyToAccount } from "viem/accounts";
import { accounts, artifact, equal, eventually, failure, flow, holds, keys, raw, rpcUrl } from "../lib/flow.mjs";

const transport = http(rpcUrl);
const test = createTestClient({ chain: foundry, mode: "anvil", transport, pollingInterval: 50 })
  .extend(publicActions)
  .extend(walletActions);
const account = privateKeyToAccount(keys[0]);
const wallet = createWalletClient({ account, chain: foundry, transport });
const [, other, third] = accounts;
const contract = artifact("Child");

async function snapshots() {
  const address = other;
  const before = await test.getBalance({ address });
  const number = await test.getBlockNumber({ cacheTime: 0 });
  const id = await test.snapshot();
  await test.setBalance({ address, value: 77n });
  await test.mine({ blocks: 3 });
  equal(await test.getBalance({ address }), 77n, "balance that was set");
  await test.revert({ id });
  equal(await test.getBalance({ address }), before, "balance after the return");
  equal(await test.getBlockNumber({ cacheTime: 0 }), number, "height after the return");
  const again = await raw("evm_revert", [id]);
  holds(again.error || again.result === false, "a snapshot serves once", again);
}

async function mining() {
  const number = await test.getBlockNumber({ cacheTime: 0 });
  await test.mine({ blocks: 10, interval: 100 });
  const head = await test.getBlock();
  equal(head.number, number + 10n, "height after ten blocks");
  const before = await test.getBlock({ blockNumber: head.number - 1n });
  equal(head.timestamp - before.timestamp, 100n, "seconds between blocks");
}

async function time() {
  const { timestamp } = await test.getBlock();
  await test.setNextBlockTimestamp({ timestamp: timestamp + 5000n });
  await test.mine({ blocks: 1 });
  equal((await test.getBlock()).timestamp, timestamp + 5000n, "the time that was set");
  await test.increaseTime({ seconds: 1000 });
  await test.mine({ blocks: 1 });
  const passed = (await test.getBlock()).timestamp - timestamp - 5000n;
  holds(passed >= 1000n && passed < 1020n, "the time that passed", passed);
  await test.setBlockTimestampInterval({ interval: 7 });
  await test.mine({ blocks: 2 });
  const head = await test.getBlock();
  const parent = await test.getBlock({ blockNumber: head.number - 1n });
  equal(head.timestamp - parent.timestamp, 7n, "the interval that was set");
  await test.removeBlockTimestampInterval();
}

async function impersonation() {
  const address = "0x00000000000000000000000000000000DeaDBeef";
  const nonce = await test.getTransactionCount({ address });
  await test.setBalance({ address, value: parseEther("1") });
  await test.impersonateAccount({ address });
  const hash = await test.sendTransaction({ account: address, to: other, value: 5n });
  const receipt = await test.waitForTransactionReceipt({ hash });
  equal(receipt.from, address.toLowerCase(), "sender");
  equal(await test.getTransactionCount({ address }), nonce + 1, "nonce of the impersonated");
  await test.stopImpersonatingAccount({ address });
  await failure(test.sendTransaction({ account: address, to: other, value: 5n }), "sending for a stranger");
  await test.setCode({ address: third, bytecode: "0x00" });
  await test.impersonateAccount({ address: third });
  await test.waitForTransactionReceipt({
    hash: await test.sendTransaction({ account: third, to: other, value: 1n }),
  });
  await test.stopImpersonatingAccount({ address: third });
  await test.setCode({ address: third, bytecode: "0x" });
}

async function setters() {
  const address = "0x1000000000000000000000000000000000000001";
  await test.setNonce({ address, nonce: 9 });
  equal(await test.getTransactionCount({ address }), 9, "nonce that was set");
  await test.setCode({ address, bytecode: contract.deployedBytecode });
  equal(await test.getCode({ address }), contract.deployedBytecode, "code that was set");
  const slot = `0x${"00".repeat(32)}`;
  await test.setStorageAt({ address, index: slot, value: `0x${"2a".padStart(64, "0")}` });
  equal(await test.readContract({ address, abi: contract.abi, functionName: "value" }), 42n, "slot that was set");
  await test.setCoinbase({ address: third });
  await test.setNextBlockBaseFeePerGas({ baseFeePerGas: 123456789n });
  await test.mine({ blocks: 1 });
  const head = await test.getBlock();
  equal(head.baseFeePerGas, 123456789n, "base fee that was set");
  equal(head.miner.toLowerCase(), third.toLowerCase(), "beneficiary that was set");
  await test.setBlockGasLimit({ gasLimit: 25_000_000n });
  await test.mine({ blocks: 1 });
  equal((await test.getBlock()).gasLimit, 25_000_000n, "gas limit that was set");
}

async function pool() {
  equal(await test.getAutomine(), true, "automatic mining at first");
  await test.setAutomine(false);
  const nonce = await test.getTransactionCount({ address: accounts[0] });
  const send = (fields) => wallet.sendTransaction({ to: other, value: 1n, gas: 21000n, ...fields });
  const hashes = [];
  for (const gap of [0, 1, 2, 4]) hashes.push(await send({ nonce: nonce + gap }));
  equal(await test.getTxpoolStatus(), { pending: 3, queued: 1 }, "status of the pool");
  await test.dropTransaction({ hash: hashes[2] });
  equal(await test.getTxpoolStatus(), { pending: 2, queued: 1 }, "status after the drop");
  equal(await test.getTransactionCount({ address: accounts[0], blockTag: "pending" }), nonce + 2, "pending nonce");
  const content = await test.getTxpoolContent();
  const mine = Object.entries(content.pending).find(([of]) => of.toLowerCase() === accounts[0].toLowerCase());
  equal(Object.keys(mine[1]), [`${nonce}`, `${nonce + 1}`], "nonces in the pool");
  const inspected = await test.inspectTxpool();
  holds(JSON.stringify(inspected.pending).includes("1 wei + 21000 gas"), "a line on a transaction", inspected);
  const pending = await test.getTransaction({ hash: hashes[0] });
  equal(pending.blockNumber, null, "block of a pending transaction");
  const underpriced = await failure(send({ nonce, value: 2n, maxFeePerGas: pending.maxFeePerGas, maxPriorityFeePerGas: pending.maxPriorityFeePerGas }), "a poor replacement");
  holds(/underpriced/i.test(String(underpriced)), "replacement transaction underpriced", underpriced);
  const replacement = await send({
    nonce, value: 2n,
    maxFeePerGas: pending.maxFeePerGas * 2n,
    maxPriorityFeePerGas: pending.maxPriorityFeePerGas * 2n + 1n,
  });
  await test.mine({ blocks: 1 });
  const receipts = await Promise.all([replacement, hashes[1]].map((hash) => test.getTransactionReceipt({ hash })));
  equal(receipts.map((receipt) => receipt.transactionIndex), [0, 1], "places in the block");
  await failure(test.getTransactionReceipt({ hash: hashes[0] }), "a receipt of what was replaced");
  await test.setAutomine(true);
  await send({ nonce: nonce + 2 });
  await eventually(async () => (await test.getTransactionCount({ address: accounts[0] })) === nonce + 3, "automatic mining again");
}

async function intervals() {
  await test.setAutomine(false);
  await test.setIntervalMining({ interval: 1 });
  const hash = await wallet.sendTransaction({ to: other, value: 1n });
  await test.waitForTransactionReceipt({ hash, timeout: 10_000 });
  await test.setIntervalMining({ interval: 0 });
  await test.setAutomine(true);
}

async function dumps() {
  const address = "0x2000000000000000000000000000000000000002";
  await test.setBalance({ address, value: 31n });
  const state = await test.dumpState();
  await test.setBalance({ address, value: 32n });
  await test.loadState({ state });
  equal(await createPublicClient({ chain: foundry, transport }).getBalance({ address }), 31n, "balance after loading");
}

await flow("viem-control", [
  ["returns to a snapshot", snapshots],
  ["mines blocks", mining],
  ["travels in time", time],
  ["impersonates", impersonation],
  ["sets accounts and the next block", setters],
  ["holds transactions in the pool", pool],
  ["mines at intervals", intervals],
  ["dumps and loads the state", dumps],
]);
