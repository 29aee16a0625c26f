// Reporting a price as the reporters do, and reading it as others do.

import assert from "node:assert/strict";
import { parseAbi, parseSignature, signatureToCompactSignature, type Address } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { addressOf, chain, client, listed, mined, now, user } from "./venue.js";

const feedAbi = parseAbi([
  "struct SignedObservation { uint8 seat; int192 value; uint48 observedAt; bytes32 r; bytes32 vs; }",
  "function latestRoundData() view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)",
  "function latestRound() view returns (uint256)",
  "function isStale() view returns (bool)",
  "function submit(uint32 round, uint32 attempt, SignedObservation[] observations)",
]);
const types = {
  Observation: [
    { name: "round", type: "uint32" },
    { name: "attempt", type: "uint32" },
    { name: "value", type: "int192" },
    { name: "observedAt", type: "uint48" },
  ],
} as const;

/** Reports for the next round of a feed, signed by all reporters: each saw what `values` says, in the order of seats. */
export async function report(feed: Address, values: bigint[]) {
  const last = await client.readContract({ address: feed, abi: feedAbi, functionName: "latestRound" });
  const round = Number(last) + 1;
  const observedAt = Number(await now());
  const observations = await Promise.all(values.map(async (value, seat) => {
    const account = mnemonicToAccount(listed.development.phrase, { path: listed.development.reporters[seat]!.path });
    const signature = await account.signTypedData({
      domain: { name: "Heddle PriceFeed", version: "1", chainId: chain.id, verifyingContract: feed },
      types, primaryType: "Observation",
      message: { round, attempt: 0, value, observedAt },
    });
    const { r, yParityAndS: vs } = signatureToCompactSignature(parseSignature(signature));
    return { seat, value, observedAt, r, vs };
  }));
  // The contract asks for ascending values; anybody may send the report.
  observations.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  await mined(user(9).writeContract({ address: feed, abi: feedAbi, functionName: "submit", args: [round, 0, observations] }));
}

export async function main() {
  const feed = addressOf("oracle", "ethUsd");
  const price = async () => (await client.readContract({ address: feed, abi: feedAbi, functionName: "latestRoundData" }))[1];
  assert.equal(await price(), 2_000_00000000n);
  // One of four lies: the answer is a price that an honest one saw.
  await report(feed, [2_020_00000000n, 9_999_00000000n, 2_021_00000000n, 2_022_00000000n]);
  assert.equal(await price(), 2_022_00000000n);
  assert.equal(await client.readContract({ address: feed, abi: feedAbi, functionName: "isStale" }), false);

  // The lending pool values collateral by it.
  const lendingAbi = parseAbi([
    "function accrueAll()",
    "event Synced(address indexed asset, uint256 supplyIndex, uint256 debtIndex, uint256 ratePerSecond, uint256 price)",
  ]);
  const pool = addressOf("lending", "lendingPool");
  const receipt = await mined(user(9).writeContract({ address: pool, abi: lendingAbi, functionName: "accrueAll" }));
  const logs = await client.getContractEvents({
    address: pool, abi: lendingAbi, eventName: "Synced", args: { asset: addressOf("tokens", "weth") },
    fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber,
  });
  assert.equal(logs[0]?.args.price, 2_022n * 10n ** 18n);
}
