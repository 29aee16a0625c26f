// A chain that has one of everything that an explorer shows: transfers, contracts, tokens of each
// kind, failures, and a block whose transactions wait for each other.

import { encodeDeployData, encodeFunctionData, getAddress } from "viem";
import { accounts, artifact, equal, request } from "./flow.mjs";

/** Holders of the token: more than a page of a list has. */
export const HOLDERS = 40;
/** Transfers of ether: several pages of a list. */
const TRANSFERS = 60;
/** Transactions of the block in which all want the same slot. */
const CROWD = 12;

const ETHER = 10n ** 18n;
const hex = (value) => `0x${value.toString(16)}`;

/** An address that nobody has the key of. */
export const nobody = (number) => `0x${(0x5eed_0000 + number).toString(16).padStart(40, "0")}`;

/** Sends a transaction from a development account; gives its hash. */
export function send({ from = accounts[0], value = 0n, gas = 2_000_000n, ...rest }) {
  return request("eth_sendTransaction", [{ from, value: hex(value), gas: hex(gas), ...rest }]);
}

/** Sends a transaction that is included at once; gives its receipt. */
export async function include(transaction, status = "0x1") {
  const receipt = await request("eth_getTransactionReceipt", [await send(transaction)]);
  equal(receipt.status, status, "status of a transaction");
  return receipt;
}

/** A call of a contract as the data of a transaction. */
export const call = (name, functionName, args = []) =>
  encodeFunctionData({ abi: artifact(name).abi, functionName, args });

/** Creates a contract; gives the receipt. */
export function create(name, args = [], more = {}) {
  const { abi, bytecode } = artifact(name);
  return include({ data: encodeDeployData({ abi, bytecode, args }), gas: 5_000_000n, ...more });
}

/** Makes everything. Gives addresses of contracts, hashes of transactions, and numbers of blocks. */
export async function make() {
  const scene = {};
  const [owner, other] = accounts;
  for (let i = 0; i < TRANSFERS; i++) {
    scene.plain = (await include({ to: nobody(i), value: ETHER / 100n, gas: 21_000n })).transactionHash;
  }
  await tokens(scene);
  const ledger = await create("Ledger", [7n], { value: ETHER });
  scene.creation = ledger.transactionHash;
  scene.ledger = getAddress(ledger.contractAddress);
  const to = scene.ledger;
  scene.logged = (await include({ to, value: ETHER, data: call("Ledger", "pay", ["for the loom"]) })).transactionHash;
  scene.failed = (await include({ to, from: other, data: call("Ledger", "withdraw", [5n * ETHER]) }, "0x0")).transactionHash;
  scene.internal = (await include({ to, data: call("Ledger", "withdraw", [ETHER / 4n]) })).transactionHash;
  scene.caught = (await include({ to, data: call("Ledger", "callChild", [0n]) })).transactionHash;
  scene.owner = owner;
  scene.crowded = await crowd(to);
  return scene;
}

async function tokens(scene) {
  const [owner, other] = accounts;
  const of = async (name, args) => getAddress((await create(name, args)).contractAddress);
  scene.cloth = await of("Cloth", [1_000_000_000_000n]);
  scene.cards = await of("Cards", []);
  scene.beads = await of("Beads", []);
  const holders = Array.from({ length: HOLDERS }, (_, i) => nobody(i));
  await include({ to: scene.cloth, data: call("Cloth", "share", [holders, 2_500_000n]), gas: 6_000_000n });
  const move = { to: scene.cloth, data: call("Cloth", "transfer", [other, 1_234_567_890n]) };
  scene.moved = (await include(move)).transactionHash;
  await include({ to: scene.cards, data: call("Cards", "mint", [owner, 30n]), gas: 6_000_000n });
  await include({ to: scene.cards, data: call("Cards", "transferFrom", [owner, other, 3n]) });
  await include({ to: scene.beads, data: call("Beads", "mint", [owner, [1n, 2n], [50n, 60n]]) });
  await include({ to: scene.beads, data: call("Beads", "safeTransferFrom", [owner, other, 2n, 15n, "0x"]) });
}

/** A block whose transactions read and write one slot; gives its number. */
async function crowd(to) {
  await request("evm_setAutomine", [false]);
  const data = call("Ledger", "pay", ["in a crowd"]);
  for (let i = 0; i < CROWD; i++) await send({ from: accounts[i % accounts.length], to, value: 1n, data });
  await request("evm_mine");
  await request("evm_setAutomine", [true]);
  const block = await request("eth_getBlockByNumber", ["latest", false]);
  equal(block.transactions.length, CROWD, "transactions of the crowded block");
  return Number(block.number);
}
