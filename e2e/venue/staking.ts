// Earning VENUE: by shares of a pool in the farm, by locking, and by a vault. Days pass.

import assert from "node:assert/strict";
import { erc20Abi, maxUint256, parseAbi, parseEther, parseEventLogs, parseUnits, type Address } from "viem";
import { addressOf, client, mined, pass, soon, user } from "./venue.js";

const routerAbi = parseAbi([
  "struct PoolKey { address tokenA; address tokenB; uint256 shardCount; uint256 shard; }",
  "struct AddLiquidity { PoolKey key; uint256 amountADesired; uint256 amountBDesired; uint256 amountAMin; uint256 amountBMin; address recipient; uint256 deadline; }",
  "function addLiquidity(AddLiquidity order) payable returns (uint256 amountA, uint256 amountB, uint256 shares)",
]);
const farmAbi = parseAbi([
  "function stake(uint256 amount)",
  "function earned(address account) view returns (uint256)",
  "function exit() returns (uint256 reward)",
]);
const lockedAbi = parseAbi([
  "function lock(uint256 amount, uint256 term) returns (uint256 id)",
  "function earned(uint256 id) view returns (uint256)",
  "function exitEarly(uint256 id, uint256 penaltyMost) returns (uint256 amount, uint256 penalty, uint256 reward)",
  "event Locked(uint256 indexed id, address indexed owner, uint256 indexed term, uint256 amount, uint256 end, uint256 weight)",
]);
const vaultAbi = parseAbi([
  "function deposit(uint256 assets, address receiver) returns (uint256 shares)",
  "function balanceOf(address account) view returns (uint256)",
  "function convertToAssets(uint256 shares) view returns (uint256)",
  "function requestExit(uint256 shares, address owner) returns (uint256 id)",
  "function claim(uint256 id) returns (uint256 assets)",
  "event ExitRequested(uint256 indexed id, address indexed sender, address indexed owner, uint256 shares, uint256 assets, uint256 finalAt)",
]);

const venue = addressOf("tokens", "venue");
const weth = addressOf("tokens", "weth");
const usd = addressOf("tokens", "usd");
const pair = addressOf("exchange", "wethUsdPair");
const router = addressOf("exchange", "router");
const farm = addressOf("staking", "farm");
const locked = addressOf("staking", "lockedStaking");
const vault = addressOf("staking", "liquidStaking");
const staker = user(5);
const me = staker.account.address;
const DAY = 86_400;

const balance = (token: Address) =>
  client.readContract({ address: token, abi: erc20Abi, functionName: "balanceOf", args: [me] });
const approve = (token: Address, spender: Address) =>
  mined(staker.writeContract({ address: token, abi: erc20Abi, functionName: "approve", args: [spender, maxUint256] }));

/** Shares of the pool earn the whole reward as long as nobody else stakes them. */
async function farmed() {
  await approve(weth, router);
  await approve(usd, router);
  await mined(staker.writeContract({
    address: router, abi: routerAbi, functionName: "addLiquidity",
    args: [{
      key: { tokenA: weth, tokenB: usd, shardCount: 0n, shard: 0n },
      amountADesired: parseEther("1"), amountBDesired: parseUnits("2100", 6), amountAMin: 0n, amountBMin: 0n,
      recipient: me, deadline: await soon(),
    }],
  }));
  const shares = await balance(pair);
  await approve(pair, farm);
  await mined(staker.writeContract({ address: farm, abi: farmAbi, functionName: "stake", args: [shares] }));
  await pass(DAY);
  const earned = await client.readContract({ address: farm, abi: farmAbi, functionName: "earned", args: [me] });
  // Two million over 90 days.
  assert(earned >= parseEther("22222") && earned < parseEther("22300"), `${earned}`);
  const before = await balance(venue);
  await mined(staker.writeContract({ address: farm, abi: farmAbi, functionName: "exit" }));
  assert((await balance(venue)) - before >= earned);
  assert.equal(await balance(pair), shares);
}

/** Locked for half a year: it earns from the next week on, and leaving earlier costs a part. */
async function lock() {
  await approve(venue, locked);
  const amount = parseEther("1000");
  const receipt = await mined(staker.writeContract({ address: locked, abi: lockedAbi, functionName: "lock", args: [amount, 1n] }));
  const [event] = parseEventLogs({ abi: lockedAbi, eventName: "Locked", logs: receipt.logs });
  const id = event!.args.id;
  await pass(14 * DAY);
  assert((await client.readContract({ address: locked, abi: lockedAbi, functionName: "earned", args: [id] })) > 0n);
  const before = await balance(venue);
  await mined(staker.writeContract({ address: locked, abi: lockedAbi, functionName: "exitEarly", args: [id, amount] }));
  assert((await balance(venue)) > before);
}

/** A share of the vault is worth more from second to second; whoever leaves waits a week. */
async function liquid() {
  await approve(venue, vault);
  const assets = parseEther("1000");
  await mined(staker.writeContract({ address: vault, abi: vaultAbi, functionName: "deposit", args: [assets, me] }));
  const shares = await client.readContract({ address: vault, abi: vaultAbi, functionName: "balanceOf", args: [me] });
  const receipt = await mined(staker.writeContract({ address: vault, abi: vaultAbi, functionName: "requestExit", args: [shares, me] }));
  const [event] = parseEventLogs({ abi: vaultAbi, eventName: "ExitRequested", logs: receipt.logs });
  await pass(7 * DAY);
  const before = await balance(venue);
  await mined(staker.writeContract({ address: vault, abi: vaultAbi, functionName: "claim", args: [event!.args.id] }));
  const paid = (await balance(venue)) - before;
  assert.equal(paid, event!.args.assets);
  assert(assets - paid <= 1n || paid > assets, `${paid}`);
}

export async function main() {
  await farmed();
  await lock();
  await liquid();
}
