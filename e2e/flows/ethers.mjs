// ethers: wallets and node accounts, factories, events over WebSocket, errors.

import { Contract, ContractFactory, HDNodeWallet, JsonRpcProvider, NonceManager, Wallet, WebSocketProvider, parseEther, verifyTypedData } from "ethers";
import { accounts, artifact, equal, eventually, failure, flow, holds, keys, mnemonic, rpcUrl, wsUrl } from "../lib/flow.mjs";

const { abi, bytecode } = artifact("Ledger");
const provider = new JsonRpcProvider(rpcUrl, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const socket = new WebSocketProvider(wsUrl);
const wallet = new Wallet(keys[0], provider);
let ledger;

async function greet() {
  equal((await provider.getNetwork()).chainId, 31337n, "chain id");
  equal(HDNodeWallet.fromPhrase(mnemonic).address, accounts[0], "first account of the mnemonic");
  const fees = await provider.getFeeData();
  holds(fees.maxFeePerGas > 0n && fees.gasPrice > 0n, "fees", fees);
  equal((await provider.getBlock("latest")).number, await provider.getBlockNumber(), "height");
}

async function send() {
  const response = await wallet.sendTransaction({ to: accounts[1], value: parseEther("0.5") });
  const receipt = await response.wait();
  equal(receipt.status, 1, "status");
  equal(receipt.gasUsed, 21000n, "gas");
  const found = await provider.getTransaction(response.hash);
  equal(found.signature.serialized.length, 132, "length of the signature");
  const byNode = await (await provider.getSigner(1)).sendTransaction({ to: accounts[0], value: 1n });
  equal((await byNode.wait()).from, accounts[1], "sender that the node signed for");
}

async function sendInARow() {
  const manager = new NonceManager(wallet);
  const sent = await Promise.all(Array.from({ length: 20 }, () => manager.sendTransaction({ to: accounts[2], value: 1n })));
  const receipts = await Promise.all(sent.map((response) => response.wait()));
  equal(receipts.every((receipt) => receipt.status === 1), true, "status of all");
}

async function deploy() {
  const contract = await new ContractFactory(abi, bytecode, wallet).deploy(3n, { value: 4n });
  await contract.waitForDeployment();
  ledger = new Contract(await contract.getAddress(), abi, wallet);
  equal(await ledger.total(), 4n, "total");
  equal((await provider.getCode(ledger.target)).length > 100, true, "code");
  const creation = await contract.deploymentTransaction().wait();
  equal(creation.contractAddress, ledger.target, "address in the receipt");
}

async function events() {
  const live = new Contract(ledger.target, abi, socket);
  const seen = [];
  const heads = [];
  await live.on("Paid", (from, amount, memo) => seen.push([from, amount, memo]));
  await socket.on("block", (number) => heads.push(number));
  const receipt = await (await ledger.pay("paid", { value: 6n })).wait();
  await eventually(() => seen.length > 0, "the event over the socket");
  equal(seen[0], [accounts[0], 6n, "paid"], "the event");
  await eventually(() => heads.includes(receipt.blockNumber), "the head over the socket");
  const found = await ledger.queryFilter(ledger.filters.Paid(accounts[0]), 0);
  equal(found.map((event) => event.args.memo), ["paid"], "events found");
  equal((await ledger.queryFilter(ledger.filters.Paid(accounts[1]), 0)).length, 0, "events of another");
  equal(receipt.logs[0].fragment.name, "Paid", "name of the log");
}

async function reverts() {
  const reason = await failure(ledger.failWithReason(), "a call that reverts");
  equal([reason.code, reason.reason], ["CALL_EXCEPTION", "the reason"], "reason");
  const custom = await failure(ledger.withdraw.staticCall(50n), "a custom error");
  equal(custom.revert?.name, "Insufficient", "name of the custom error");
  equal([...custom.revert.args], [accounts[0], 6n, 50n], "arguments of the custom error");
  const panic = await failure(ledger.failWithPanic(0n), "a panic");
  equal(panic.revert?.name, "Panic", "panic");
  const nothing = await failure(ledger.failWithNothing(), "a revert without data");
  equal(nothing.code, "CALL_EXCEPTION", "code of a revert without data");
  const estimate = await failure(ledger.withdraw.estimateGas(50n), "an estimate");
  equal(ledger.interface.parseError(estimate.data)?.name, "Insufficient", "custom error in an estimate");
  const sent = await ledger.withdraw(50n, { gasLimit: 100_000n }).then((response) => response.wait()).then(
    () => { throw new Error("a transaction that reverts: succeeded"); }, (error) => error);
  equal(sent.code, "CALL_EXCEPTION", "code of a transaction that reverts");
}

async function refusals() {
  const poor = Wallet.createRandom().connect(provider);
  const funds = await failure(poor.sendTransaction({ to: accounts[0], value: 1n, gasLimit: 21000n }), "no money");
  equal(funds.code, "INSUFFICIENT_FUNDS", "code of insufficient funds");
  const nonce = await failure(wallet.sendTransaction({ to: accounts[0], nonce: 0 }), "a nonce that was used");
  equal(nonce.code, "NONCE_EXPIRED", "code of a nonce that was used");
}

async function typedData() {
  const signer = await provider.getSigner(0);
  const domain = { name: "Heddle", chainId: 31337n, verifyingContract: ledger.target };
  const types = { Note: [{ name: "to", type: "address" }, { name: "text", type: "string" }] };
  const value = { to: accounts[1], text: "hello" };
  const signature = await signer.signTypedData(domain, types, value);
  equal(verifyTypedData(domain, types, value, signature), accounts[0], "who signed typed data");
  equal(await wallet.signTypedData(domain, types, value), signature, "the same by the wallet");
  equal(await signer.signMessage("hi"), await wallet.signMessage("hi"), "signature of a message");
}

async function batches() {
  const asked = Array.from({ length: 150 }, (_, index) => provider.getStorage(ledger.target, index % 2));
  const slots = await Promise.all(asked);
  equal(BigInt(slots[1]), 10n, "total in its slot");
}

await flow("ethers", [
  ["greets the node", greet],
  ["sends for a wallet, and for an account of the node", send],
  ["sends many in a row", sendInARow],
  ["deploys a contract", deploy],
  ["sees events over WebSocket, and finds them again", events],
  ["decodes what reverts", reverts],
  ["is told why a transaction is refused", refusals],
  ["has the node sign", typedData],
  ["sends batches", batches],
]);
