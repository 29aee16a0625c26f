// `heddle keeper`: in a fall of prices, killed at any moment and started again.
//
// `node flows/keeper.mjs --kills 200 --accounts 40 --seed 3` is a campaign.

import { parseArgs } from "node:util";
import { flow, hex, holds, request, sleep } from "../lib/flow.mjs";
import { Borrowers, Keeper, WAD, admin, at, liquidations, pool, send } from "../lib/lending.mjs";
import { client, contract, report } from "../lib/prices.mjs";
import { generator } from "../lib/random.mjs";

const { values } = parseArgs({
  options: { kills: { type: "string", default: "8" }, accounts: { type: "string", default: "12" }, seed: { type: "string", default: "1" } },
});
const kills = Number(values.kills);
const count = Number(values.accounts);
const { below: draw } = generator(Number(values.seed));

const TARGET = 1_050_000_000_000_000_000n;
const borrowers = new Borrowers(count, draw);
const keeper = new Keeper(draw);
let price = 0n;
/** Liquidations that were compared with what the contract would do. */
let compared = 0;

async function wait(seconds) {
  await request("evm_increaseTime", [hex(seconds)]);
  await request("evm_mine", []);
}

async function borrow() {
  price = await borrowers.borrow();
  return `${count} accounts owe vUSD for WETH at ${Number(price) / 1e8}`;
}

/** At least so many accounts have something. */
async function same(least = count) {
  const { accounts, liquidations } = await keeper.check();
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
  keeper.begin();
  for (let round = 0; ; round += 1) {
    holds(round < 60 + kills * 20, "it comes to an end", (await borrowers.underOne()).map(({ address }) => address));
    if (round % 10 === 0 && steps < 4) {
      steps += 1;
      await fall(4 + draw(4));
    }
    await wait(20 + draw(60));
    await sleep(draw(200));
    if (left > 0 && draw(2) === 0) {
      await keeper.end();
      left -= 1;
      keeper.begin();
    }
    if (steps === 4 && left === 0 && (await borrowers.underOne()).length === 0) break;
  }
  await sleep(500);
  await keeper.end();
  return `${kills} kills`;
}

async function judge() {
  const found = await keeper.judge(TARGET);
  const healths = await borrowers.healths();
  holds(healths.every((one) => one >= WAD), "nobody is under 1", healths);
  return found;
}

/** While the feed is silent nothing is liquidated; when it is back, only after the grace period. */
async function stale() {
  // The keeper is away, and auctions of other ages wait.
  for (const [index, account] of borrowers.all.entries()) {
    if (index % 4 === 0) await fall(index === 0 ? 15 : 3);
    await wait(30 + draw(60));
    if (index % 2 === 0) await send(admin, at.lendingPool, pool.abi, "flag", [account.address]);
    if (index % 3 === 0) await same();
  }
  holds(compared > 0, "liquidations are compared");
  const under = await borrowers.underOne();
  await request("evm_increaseTime", [hex(2 * 86_400)]);
  await request("evm_mine", []);
  // Somebody tells the pool that the price is gone; that it is back is up to the keeper.
  await send(admin, at.lendingPool, pool.abi, "accrueAll");
  const nonce = await keeper.transactionCount();
  keeper.begin();
  for (let round = 0; round < 10; round += 1) {
    await wait(60);
    await sleep(100);
  }
  holds((await keeper.transactionCount()) === nonce, "nothing is sent on an old price");
  await same();
  for (const feed of [at.usdUsd, at.btcUsd, at.usdbUsd]) {
    const { 1: answer } = await client.readContract({ address: feed, abi: contract("PriceFeed").abi, functionName: "latestRoundData" });
    await report(feed, answer, admin);
  }
  await report(at.ethUsd, price, admin);
  const back = (await client.getBlock()).timestamp;
  for (let round = 0; (await borrowers.underOne()).length > 0; round += 1) {
    holds(round < 200, "what fell is liquidated when the feed is back");
    await wait(60);
    await sleep(150);
  }
  await keeper.end();
  for (const { blockNumber } of await liquidations()) {
    const { timestamp } = await client.getBlock({ blockNumber });
    holds(timestamp < back - 2n * 86_400n || timestamp >= back + 600n, "no liquidation without a price, nor in the grace period", timestamp - back);
  }
  return `${under.length} accounts waited for the feed; ${compared} liquidations as the contract has them`;
}

await flow("keeper", [
  ["many borrow", borrow],
  ["the keeper has capital", () => keeper.open()],
  ["the mirror is that of the contract", same],
  ["prices fall, and the keeper is killed", crash],
  ["the mirror is still that of the contract", same],
  ["nobody was liquidated twice or too far", judge],
  ["nothing is done on an old price", stale],
  // Of accounts whose collateral is used up nothing is left.
  ["after all that the mirror is that of the contract", () => same(1)],
]);
