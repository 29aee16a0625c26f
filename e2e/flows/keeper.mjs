// `heddle keeper`: in a fall of prices, killed at any moment and started again.
//
// `node flows/keeper.mjs --kills 200 --accounts 40 --seed 3` is a campaign.

import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createWalletClient, encodeFunctionData, http, parseAbi, parseEther } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { equal, flow, hex, holds, mnemonic, output, request, rpcUrl, sleep } from "../lib/flow.mjs";
import { command } from "../lib/node.mjs";
import { client, contract, places, report } from "../lib/prices.mjs";
import { generator } from "../lib/random.mjs";

const { values } = parseArgs({
  options: { kills: { type: "string", default: "8" }, accounts: { type: "string", default: "12" }, seed: { type: "string", default: "1" } },
});
const kills = Number(values.kills);
const count = Number(values.accounts);
const { below: draw } = generator(Number(values.seed));

/** The keeper, a program with its first arguments. */
const program = (process.env.HEDDLE_E2E_KEEPER || `${command()[0]} keeper`).split(" ");
const place = mkdtempSync(join(tmpdir(), "heddle-keeper-"));
process.on("exit", () => rmSync(place, { recursive: true, force: true }));

const at = places();
const { abi: poolAbi } = contract("LendingPool");
const pool = { address: at.lendingPool, abi: poolAbi };
const erc20 = parseAbi([
  "function approve(address, uint256) returns (bool)",
  "function balanceOf(address) view returns (uint256)",
  "function mint(address, uint256)",
  "function deposit() payable",
]);
const admin = mnemonicToAccount(mnemonic, { addressIndex: 9 });
const keeper = mnemonicToAccount(mnemonic, { addressIndex: 8 });
const WAD = 10n ** 18n;
const TARGET = 1_050_000_000_000_000_000n;
const borrowers = Array.from({ length: count }, (_, index) => mnemonicToAccount(mnemonic, { addressIndex: 1000 + index }));
let child;
let price = 0n;
/** Liquidations that were compared with what the contract would do. */
let compared = 0;
const config = join(place, "keeper.toml");

async function send(account, address, abi, functionName, args = [], value = 0n) {
  const wallet = createWalletClient({ account, transport: http(rpcUrl) });
  const hash = await wallet.sendTransaction({ to: address, data: encodeFunctionData({ abi, functionName, args }), value, chain: null });
  const receipt = await client.waitForTransactionReceipt({ hash });
  holds(receipt.status === "success", `${functionName} succeeds`);
}

const health = (account) => client.readContract({ ...pool, functionName: "healthFactor", args: [account.address] });

async function underOne() {
  const all = await Promise.all(borrowers.map(health));
  return borrowers.filter((_, index) => all[index] < WAD);
}

async function wait(seconds) {
  await request("evm_increaseTime", [hex(seconds)]);
  await request("evm_mine", []);
}

/** Lends each borrower a part of what the collateral allows, up to nearly all of it. */
async function borrow() {
  const state = await client.readContract({ ...pool, functionName: "reserveState", args: [at.weth] });
  price = state.price / 10n ** 10n;
  for (const account of borrowers) {
    await request("anvil_setBalance", [account.address, hex(parseEther("1000"))]);
    const ether = BigInt(1 + draw(40));
    await send(account, at.weth, erc20, "deposit", [], ether * WAD);
    await send(account, at.weth, erc20, "approve", [at.lendingPool, 2n ** 256n - 1n]);
    await send(account, at.lendingPool, poolAbi, "supply", [at.weth, ether * WAD, account.address]);
    await send(account, at.lendingPool, poolAbi, "setCollateral", [at.weth, true]);
    // WAD of ether times 1e-8 dollars, to 1e-6 dollars.
    const owed = (ether * price * BigInt(65 + draw(15))) / 100n / 100n;
    await send(account, at.lendingPool, poolAbi, "borrow", [at.usd, owed, account.address, account.address]);
  }
  return `${count} accounts owe vUSD for WETH at ${Number(price) / 1e8}`;
}

function configure() {
  writeFileSync(join(place, "key"), `0x${Buffer.from(keeper.getHdKey().privateKey).toString("hex")}`);
  chmodSync(join(place, "key"), 0o600);
  writeFileSync(config, `
    rpc_url = "${rpcUrl}"
    pool = "${at.lendingPool}"
    state = "state"
    key = "key"
    gas_asset = "${at.weth}"
    router = "${at.router}"
    profit_min = "0.5"
    poll_interval_ms = 20
    [[capital]]
    asset = "${at.usd}"
    [[sale]]
    asset = "${at.weth}"
    keep = "1000"
    path = [{ kind = "pair", pool = "${at.wethUsdPair}", token_out = "${at.usd}" }]
    loss_max = 2000
  `);
}

function begin() {
  child = spawn(program[0], [...program.slice(1), "run", config, "--sell", "--seed", `${draw(1000)}`], { stdio: ["ignore", "ignore", "pipe"] });
  child.stderr.on("data", (chunk) => process.env.HEDDLE_E2E_VERBOSE && process.stderr.write(chunk));
  child.ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)));
}

/** Ends it by `kill -9`. */
async function end() {
  holds(child.exitCode === null, "the keeper has not ended by itself", child.exitCode);
  child.kill("SIGKILL");
  equal(await child.ended, "SIGKILL", "how the keeper ends");
}

/** At least so many accounts have something. */
async function same(least = count) {
  const text = await output(program[0], [...program.slice(1), "check", config, "--liquidations", "--json"]);
  const { accounts, liquidations, differing } = JSON.parse(text);
  equal(differing, [], "accounts whose health or liquidation differs from the contract's");
  holds(accounts >= least, "all accounts are compared", accounts);
  compared += liquidations;
  return `${accounts} accounts, ${liquidations} liquidations`;
}

async function fall(percent) {
  price = (price * BigInt(100 - percent)) / 100n;
  await report(at.ethUsd, price, admin);
}

/** Prices fall, minutes pass, and the keeper is killed all the time, until nobody is under 1. */
async function crash() {
  let left = kills;
  let steps = 0;
  begin();
  for (let round = 0; ; round += 1) {
    holds(round < 60 + kills * 20, "it comes to an end", (await underOne()).map(({ address }) => address));
    if (round % 10 === 0 && steps < 4) {
      steps += 1;
      await fall(4 + draw(4));
    }
    await wait(20 + draw(60));
    await sleep(draw(200));
    if (left > 0 && draw(2) === 0) {
      await end();
      left -= 1;
      begin();
    }
    if (steps === 4 && left === 0 && (await underOne()).length === 0) break;
  }
  await sleep(500);
  await end();
  return `${kills} kills`;
}

/** What events and receipts say. */
async function judge() {
  const logs = await client.getContractEvents({ ...pool, eventName: "Liquidated", fromBlock: 0n });
  holds(logs.length > 0, "somebody was liquidated");
  for (const { args: { account, liquidator, liquidation } } of logs) {
    equal(liquidator, keeper.address, "who liquidates");
    holds(liquidation.healthBefore < WAD, `${account} was under 1`, liquidation.healthBefore);
    if (liquidation.reason === 0) {
      const { healthAfter } = liquidation;
      holds(healthAfter >= TARGET - WAD / 10_000n && healthAfter < TARGET + WAD / 1000n, `${account} is at the target`, healthAfter);
    }
  }
  const all = await Promise.all(borrowers.map(health));
  holds(all.every((one) => one >= WAD), "nobody is under 1", all);
  let sent = 0;
  for (let number = 0n; number <= (await client.getBlockNumber()); number += 1n) {
    const block = await client.getBlock({ blockNumber: number, includeTransactions: true });
    for (const transaction of block.transactions.filter(({ from }) => from.toLowerCase() === keeper.address.toLowerCase())) {
      const receipt = await client.getTransactionReceipt({ hash: transaction.hash });
      equal(receipt.status, "success", `transaction ${transaction.nonce} of the keeper`);
      sent += 1;
    }
  }
  const liquidated = new Set(logs.map(({ args }) => args.account)).size;
  return `${logs.length} liquidations of ${liquidated} accounts, ${sent} transactions, none in vain`;
}

/** While the feed is silent nothing is liquidated; when it is back, only after the grace period. */
async function stale() {
  // The keeper is away, and auctions of other ages wait.
  for (const [index, account] of borrowers.entries()) {
    if (index % 4 === 0) await fall(index === 0 ? 15 : 3);
    await wait(30 + draw(60));
    if (index % 2 === 0) await send(admin, at.lendingPool, poolAbi, "flag", [account.address]);
    if (index % 3 === 0) await same();
  }
  holds(compared > 0, "liquidations are compared");
  const under = await underOne();
  await request("evm_increaseTime", [hex(2 * 86_400)]);
  await request("evm_mine", []);
  // Somebody tells the pool that the price is gone; that it is back is up to the keeper.
  await send(admin, at.lendingPool, poolAbi, "accrueAll");
  const nonce = await client.getTransactionCount({ address: keeper.address });
  begin();
  for (let round = 0; round < 10; round += 1) {
    await wait(60);
    await sleep(100);
  }
  equal(await client.getTransactionCount({ address: keeper.address }), nonce, "transactions on an old price");
  await same();
  for (const feed of [at.usdUsd, at.btcUsd, at.usdbUsd]) {
    const { 1: answer } = await client.readContract({ address: feed, abi: contract("PriceFeed").abi, functionName: "latestRoundData" });
    await report(feed, answer, admin);
  }
  await report(at.ethUsd, price, admin);
  const back = (await client.getBlock()).timestamp;
  for (let round = 0; (await underOne()).length > 0; round += 1) {
    holds(round < 200, "what fell is liquidated when the feed is back");
    await wait(60);
    await sleep(150);
  }
  await end();
  const logs = await client.getContractEvents({ ...pool, eventName: "Liquidated", fromBlock: 0n });
  for (const { blockNumber } of logs) {
    const { timestamp } = await client.getBlock({ blockNumber });
    holds(timestamp < back - 2n * 86_400n || timestamp >= back + 600n, "no liquidation without a price, nor in the grace period", timestamp - back);
  }
  return `${under.length} accounts waited for the feed; ${compared} liquidations as the contract has them`;
}

await flow("keeper", [
  ["many borrow", borrow],
  ["the keeper has capital", async () => {
    configure();
    await request("anvil_setBalance", [keeper.address, hex(parseEther("1000"))]);
    await send(admin, at.usd, erc20, "mint", [keeper.address, 200_000n * 10n ** 6n]);
  }],
  ["the mirror is that of the contract", same],
  ["prices fall, and the keeper is killed", crash],
  ["the mirror is still that of the contract", same],
  ["nobody was liquidated twice or too far", judge],
  ["nothing is done on an old price", stale],
  // Of accounts whose collateral is used up nothing is left.
  ["after all that the mirror is that of the contract", () => same(1)],
]);
