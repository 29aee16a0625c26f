// Swapping through pools of all kinds, and providing liquidity.

import assert from "node:assert/strict";
import { erc20Abi, maxUint256, parseAbi, parseEther, parseUnits, type Address } from "viem";
import { addressOf, client, mined, soon, user } from "./venue.js";

const routerAbi = parseAbi([
  "struct Hop { uint8 kind; address pool; address tokenOut; }",
  "struct ExactIn { address tokenIn; Hop[] path; uint256 amountIn; uint256 amountOutMin; address recipient; uint256 deadline; bool isUnwrapped; }",
  "struct ExactOut { address tokenIn; Hop[] path; uint256 amountOut; uint256 amountInMax; address recipient; uint256 deadline; bool isUnwrapped; }",
  "struct PoolKey { address tokenA; address tokenB; uint256 shardCount; uint256 shard; }",
  "struct AddLiquidity { PoolKey key; uint256 amountADesired; uint256 amountBDesired; uint256 amountAMin; uint256 amountBMin; address recipient; uint256 deadline; }",
  "struct RemoveLiquidity { PoolKey key; uint256 shares; uint256 amountAMin; uint256 amountBMin; address recipient; uint256 deadline; bool isUnwrapped; }",
  "function swapExactIn(ExactIn order) payable returns (uint256 amountOut)",
  "function swapExactOut(ExactOut order) payable returns (uint256 amountIn)",
  "function addLiquidity(AddLiquidity order) payable returns (uint256 amountA, uint256 amountB, uint256 shares)",
  "function removeLiquidity(RemoveLiquidity order) returns (uint256 amountA, uint256 amountB)",
]);
const shardedAbi = parseAbi([
  "function bestExactIn(address tokenIn, uint256 amountIn) view returns (address shard, uint256 amountOut)",
]);

/** Of pools, as the router counts them. */
const PAIR = 0;
const CONCENTRATED = 2;

const router = addressOf("exchange", "router");
const weth = addressOf("tokens", "weth");
const usd = addressOf("tokens", "usd");
const btc = addressOf("tokens", "btc");
const trader = user(1);
const me = trader.account.address;

const balance = (token: Address) =>
  client.readContract({ address: token, abi: erc20Abi, functionName: "balanceOf", args: [me] });
const approve = (token: Address) =>
  mined(trader.writeContract({ address: token, abi: erc20Abi, functionName: "approve", args: [router, maxUint256] }));

/** Sells one WETH in the shard that gives most, and takes no less than that. */
async function sellInAShard() {
  const amountIn = parseEther("1");
  const [pool, quote] = await client.readContract({
    address: addressOf("exchange", "wethUsdSharded"), abi: shardedAbi, functionName: "bestExactIn", args: [weth, amountIn],
  });
  const before = await balance(usd);
  await mined(trader.writeContract({
    address: router, abi: routerAbi, functionName: "swapExactIn",
    args: [{
      tokenIn: weth, path: [{ kind: PAIR, pool, tokenOut: usd }], amountIn, amountOutMin: quote,
      recipient: me, deadline: await soon(), isUnwrapped: false,
    }],
  }));
  assert.equal((await balance(usd)) - before, quote);
  // One ether costs 2,000; a fee of at most 1.2 % and the price of the trade itself go off.
  assert(quote > parseUnits("1970", 6) && quote < parseUnits("2000", 6), `${quote}`);
}

/** Buys a tenth of a bitcoin with ether, over two pools; what is not needed comes back. */
async function buyOverTwoPools() {
  const before = await balance(btc);
  const amountOut = parseUnits("0.1", 8);
  const amountInMax = parseEther("3.1");
  await mined(trader.writeContract({
    address: router, abi: routerAbi, functionName: "swapExactOut", value: amountInMax,
    args: [{
      tokenIn: weth,
      path: [
        { kind: CONCENTRATED, pool: addressOf("exchange", "wethUsdConcentrated"), tokenOut: usd },
        { kind: PAIR, pool: addressOf("exchange", "btcUsdPair"), tokenOut: btc },
      ],
      amountOut, amountInMax, recipient: me, deadline: await soon(), isUnwrapped: false,
    }],
  }));
  assert.equal((await balance(btc)) - before, amountOut);
}

/** Puts liquidity into the pair, and takes it out again: nothing is gained or lost but a unit. */
async function provide() {
  const key = { tokenA: weth, tokenB: usd, shardCount: 0n, shard: 0n };
  const pair = addressOf("exchange", "wethUsdPair");
  const before = await balance(weth);
  await mined(trader.writeContract({
    address: router, abi: routerAbi, functionName: "addLiquidity",
    args: [{
      key, amountADesired: parseEther("2"), amountBDesired: parseUnits("5000", 6),
      amountAMin: parseEther("1.9"), amountBMin: 0n, recipient: me, deadline: await soon(),
    }],
  }));
  const shares = await balance(pair);
  assert(shares > 0n);
  await approve(pair);
  await mined(trader.writeContract({
    address: router, abi: routerAbi, functionName: "removeLiquidity",
    args: [{ key, shares, amountAMin: 1n, amountBMin: 1n, recipient: me, deadline: await soon(), isUnwrapped: false }],
  }));
  const lost = before - (await balance(weth));
  assert(lost >= 0n && lost < 1_000_000n, `${lost}`);
}

export async function main() {
  await approve(weth);
  await approve(usd);
  await sellInAShard();
  await buyOverTwoPools();
  await provide();
}
