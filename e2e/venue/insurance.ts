// Insuring against a dry week, and being paid for it. Fourteen days pass.

import assert from "node:assert/strict";
import { erc20Abi, maxUint256, parseAbi, parseUnits } from "viem";
import { report } from "./oracle.js";
import { addressOf, client, mined, until, user } from "./venue.js";

const abi = parseAbi([
  "function terms(uint256 series) view returns (uint128 payout, uint128 premium, uint40 salesEnd, uint40 start, uint40 end, uint64 threshold)",
  "function buy(uint256 series, uint256 count, address holder)",
  "function record(uint256 time, uint32 round)",
  "function claim(uint256 series, address holder) returns (uint256 amount)",
  "function available(uint256 series) view returns (uint256)",
]);

const insurance = addressOf("insurance", "rainfallInsurance");
const gauge = addressOf("oracle", "rainfall");
const usd = addressOf("tokens", "usd");
const farmer = user(3);
const me = farmer.account.address;
const SERIES = 0n;

const balance = () => client.readContract({ address: usd, abi: erc20Abi, functionName: "balanceOf", args: [me] });

export async function main() {
  const [payout, premium, , start, end, threshold] = await client.readContract({
    address: insurance, abi, functionName: "terms", args: [SERIES],
  });
  const free = await client.readContract({ address: insurance, abi, functionName: "available", args: [SERIES] });
  await mined(farmer.writeContract({ address: usd, abi: erc20Abi, functionName: "approve", args: [insurance, maxUint256] }));
  const before = await balance();
  await mined(farmer.writeContract({ address: insurance, abi, functionName: "buy", args: [SERIES, 3n, me] }));
  assert.equal(before - (await balance()), 3n * premium);
  assert.equal(await client.readContract({ address: insurance, abi, functionName: "available", args: [SERIES] }), free - 3n);

  // The gauge is read when the period begins and when it ends: less rain than the threshold.
  await until(start);
  await report(gauge, [480_000n, 480_000n, 480_010n, 480_010n]);
  await mined(farmer.writeContract({ address: insurance, abi, functionName: "record", args: [BigInt(start), 2] }));
  await until(end);
  const fell = threshold - 1n;
  await report(gauge, [480_010n + fell, 480_010n + fell, 480_010n + fell, 480_020n + fell]);
  await mined(farmer.writeContract({ address: insurance, abi, functionName: "record", args: [BigInt(end), 3] }));

  // Anybody may have the series settled and the policies paid.
  await mined(user(4).writeContract({ address: insurance, abi, functionName: "claim", args: [SERIES, me] }));
  assert.equal((await balance()) - before, 3n * (payout - premium));
  assert.equal(payout, parseUnits("100", 6));
}
