// Deciding by votes, and acting at once by the council. Days pass.

import assert from "node:assert/strict";
import { encodeFunctionData, keccak256, parseAbi, toHex, zeroHash } from "viem";
import { addressOf, client, mined, pass, user } from "./venue.js";

const governorAbi = parseAbi([
  "function propose(address[] targets, uint256[] values, bytes[] calldatas, string description) returns (uint256)",
  "function hashProposal(address[] targets, uint256[] values, bytes[] calldatas, bytes32 descriptionHash) view returns (uint256)",
  "function state(uint256 proposalId) view returns (uint8)",
  "function castVote(uint256 proposalId, uint8 support) returns (uint256)",
  "function queue(address[] targets, uint256[] values, bytes[] calldatas, bytes32 descriptionHash) returns (uint256)",
  "function execute(address[] targets, uint256[] values, bytes[] calldatas, bytes32 descriptionHash) payable returns (uint256)",
]);
const councilAbi = parseAbi([
  "function propose(address target, bytes data, bytes32 salt) returns (bytes32 id)",
  "function approve(address target, bytes data, bytes32 salt) returns (bytes32 id)",
  "function execute(address target, bytes data, bytes32 salt) returns (bytes result)",
]);
const lendingAbi = parseAbi([
  "function setReserveFactor(address asset, uint16 reserveFactor)",
  "function setFrozen(address asset, bool frozen)",
  "event ReserveFactorSet(address indexed asset, uint256 reserveFactor)",
  "event FrozenSet(address indexed asset, bool frozen)",
]);

const governor = addressOf("governance", "governor");
const council = addressOf("governance", "council");
const pool = addressOf("lending", "lendingPool");
const usd = addressOf("tokens", "usd");
const DAY = 86_400;
const FOR = 1;
const SUCCEEDED = 4;
const EXECUTED = 7;

/** Holders of votes have the lending pool keep more of the interest on vUSD. */
async function decide() {
  const description = "Keep 15 % of the interest on vUSD";
  const call = encodeFunctionData({ abi: lendingAbi, functionName: "setReserveFactor", args: [usd, 1_500] });
  const actions = [[pool], [0n], [call]] as const;
  const named = [...actions, keccak256(toHex(description))] as const;
  await mined(user(0).writeContract({ address: governor, abi: governorAbi, functionName: "propose", args: [...actions, description] }));
  const id = await client.readContract({ address: governor, abi: governorAbi, functionName: "hashProposal", args: named });
  const state = () => client.readContract({ address: governor, abi: governorAbi, functionName: "state", args: [id] });

  await pass(3_601);
  for (const voter of [0, 1]) {
    await mined(user(voter).writeContract({ address: governor, abi: governorAbi, functionName: "castVote", args: [id, FOR] }));
  }
  await pass(DAY + 1);
  assert.equal(await state(), SUCCEEDED);
  await mined(user(6).writeContract({ address: governor, abi: governorAbi, functionName: "queue", args: named }));
  await pass(DAY + 1);
  // Anybody may have it done.
  const receipt = await mined(user(6).writeContract({ address: governor, abi: governorAbi, functionName: "execute", args: named }));
  assert.equal(await state(), EXECUTED);
  const block = { fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber };
  const logs = await client.getContractEvents({ address: pool, abi: lendingAbi, eventName: "ReserveFactorSet", ...block });
  assert.equal(logs[0]?.args.reserveFactor, 1_500n);
}

/** Three of the council's five members freeze a reserve. */
async function freeze() {
  const data = encodeFunctionData({ abi: lendingAbi, functionName: "setFrozen", args: [usd, true] });
  const args = [pool, data, zeroHash] as const;
  await mined(user(0).writeContract({ address: council, abi: councilAbi, functionName: "propose", args }));
  await mined(user(1).writeContract({ address: council, abi: councilAbi, functionName: "approve", args }));
  await assert.rejects(
    client.simulateContract({ account: user(1).account, address: council, abi: councilAbi, functionName: "execute", args }),
    "two are too few",
  );
  await mined(user(4).writeContract({ address: council, abi: councilAbi, functionName: "approve", args }));
  const receipt = await mined(user(4).writeContract({ address: council, abi: councilAbi, functionName: "execute", args }));
  const block = { fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber };
  const logs = await client.getContractEvents({ address: pool, abi: lendingAbi, eventName: "FrozenSet", ...block });
  assert.equal(logs[0]?.args.frozen, true);
}

export async function main() {
  await decide();
  await freeze();
}
