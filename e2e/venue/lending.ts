// Borrowing dollars against ether, and paying them back.

import assert from "node:assert/strict";
import { erc20Abi, maxUint256, parseAbi, parseEther, parseUnits } from "viem";
import { addressOf, client, mined, user } from "./venue.js";

const abi = parseAbi([
  "function supply(address asset, uint256 amount, address account)",
  "function setCollateral(address asset, bool isCollateral)",
  "function borrow(address asset, uint256 amount, address account, address to)",
  "function repay(address asset, uint256 amount, address account) returns (uint256)",
  "function withdraw(address asset, uint256 amount, address to) returns (uint256)",
  "function maxBorrow(address account, address asset) view returns (uint256)",
  "function healthFactor(address account) view returns (uint256)",
  "function debtOf(address account, address asset) view returns (uint256)",
  "function supplyOf(address account, address asset) view returns (uint256)",
]);

const pool = addressOf("lending", "lendingPool");
const weth = addressOf("tokens", "weth");
const usd = addressOf("tokens", "usd");
const borrower = user(2);
const me = borrower.account.address;

const read = (functionName: "maxBorrow" | "debtOf" | "supplyOf", asset: typeof usd) =>
  client.readContract({ address: pool, abi, functionName, args: [me, asset] });
const health = () => client.readContract({ address: pool, abi, functionName: "healthFactor", args: [me] });

export async function main() {
  for (const token of [weth, usd]) {
    await mined(borrower.writeContract({ address: token, abi: erc20Abi, functionName: "approve", args: [pool, maxUint256] }));
  }
  const amount = parseEther("10");
  await mined(borrower.writeContract({ address: pool, abi, functionName: "supply", args: [weth, amount, me] }));
  await mined(borrower.writeContract({ address: pool, abi, functionName: "setCollateral", args: [weth, true] }));
  // Ten ether at 2,000 and a loan-to-value of 80 %.
  const most = await read("maxBorrow", usd);
  assert(most > parseUnits("15999", 6) && most <= parseUnits("16000", 6), `${most}`);

  await mined(borrower.writeContract({ address: pool, abi, functionName: "borrow", args: [usd, parseUnits("8000", 6), me, me] }));
  // 20,000 times the threshold of 83 %, over 8,000.
  assert((await health()) / 10n ** 14n >= 20_740n && (await health()) / 10n ** 14n <= 20_760n, `${await health()}`);
  await assert.rejects(
    client.simulateContract({ account: me, address: pool, abi, functionName: "borrow", args: [usd, most, me, me] }),
    "more than the collateral is good for",
  );

  await mined(borrower.writeContract({ address: pool, abi, functionName: "repay", args: [usd, maxUint256, me] }));
  assert.equal(await read("debtOf", usd), 0n);
  assert.equal(await health(), maxUint256);
  await mined(borrower.writeContract({ address: pool, abi, functionName: "withdraw", args: [weth, maxUint256, me] }));
  assert.equal(await read("supplyOf", weth), 0n);
}
