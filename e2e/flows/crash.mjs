// A crash in real time: the prices of the scenario `cascade-recorded`, four reporters of `heddle oracle`
// that tell them to the chain, one of which lies, and a `heddle keeper`. Each is killed at any moment, and
// for a while there are too few reporters.
//
// `node flows/crash.mjs --kills 200 --accounts 40 --seed 3` is a campaign.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encodeFunctionData, getAddress, parseEther, toHex } from "viem";
import { equal, eventually, flow, holds, request, rpcUrl, sleep } from "../lib/flow.mjs";
import { Borrowers, Keeper, WAD, admin, at, liquidations, pool, send } from "../lib/lending.mjs";
import { Scene } from "../lib/oracle.mjs";
import { root } from "../lib/paths.mjs";
import { client, contract } from "../lib/prices.mjs";
import { generator } from "../lib/random.mjs";

const { values } = parseArgs({
  options: { kills: { type: "string", default: "8" }, accounts: { type: "string", default: "12" }, seed: { type: "string", default: "1" } },
});
const kills = Number(values.kills);
const count = Number(values.accounts);
const random = generator(Number(values.seed));

/** Seconds after which the pool takes a price no more. */
const STALE_AFTER = 16;
/** Seconds without liquidations when the price is back, and in which a discount grows. */
const [GRACE, AUCTION] = [10, 20];
/** By how much the price moves to and fro besides, in 1e-4: so that it is told although little happens. */
const NOISE = 60;
const TARGET = 1_250_000_000_000_000_000n;
/** How long there are too few reporters: longer than a price holds. */
const SILENCE_MS = 24_000;
/** Kills of which one is such a silence. */
const SILENCE_EVERY = 50;
/** How long a source may repeat what it was told, and an attempt take, in seconds. */
const DELAY = 14;

const borrowers = new Borrowers(count, random.below);
const keeper = new Keeper(random.below);
const scene = new Scene({ name: `crash-${values.seed}`, random, isVenue: true, url: rpcUrl });
/** What the price has been, with the time in seconds. */
const told = [];

function move(price) {
  scene.world.price = price;
  told.push([Date.now() / 1000, price]);
}

/** What the price was within when somebody may have seen what he signed at a time. */
function range(time) {
  const first = told.findLastIndex(([at]) => at <= time - DELAY);
  const seen = told.slice(Math.max(first, 0)).filter(([at], index) => index === 0 || at <= time + 2).map(([, price]) => price);
  return [Math.min(...seen), Math.max(...seen)];
}

/** Does something as the venue's governance. */
async function govern(functionName, args) {
  await request("anvil_setBalance", [at.timelock, toHex(parseEther("1"))]);
  await request("anvil_impersonateAccount", [at.timelock]);
  await send({ address: at.timelock, type: "json-rpc" }, at.lendingPool, contract("Configurator").abi, functionName, args);
}

/** Terms that suit a crash of minutes. */
async function hurry() {
  await govern("setBreaker", [at.weth, 2000, 1]);
  await govern("setTerms", [{
    targetHealth: TARGET, valueMin: 100n * WAD, auctionDuration: AUCTION, grace: GRACE, keptShare: 500, flashFee: 5,
    insuranceFund: at.timelock, backstopShare: 5000, syncGap: 0, paused: false, launched: true,
  }]);
  // That prices hold for less than a day would have to be announced a week ahead. The slot has, from its
  // low end, feed, decimals, and seconds as a uint32.
  const data = encodeFunctionData({ abi: pool.abi, functionName: "reserveAt", args: [0n] });
  const { accessList } = await request("eth_createAccessList", [{ to: at.lendingPool, data }]);
  const slots = accessList.flatMap(({ address, storageKeys }) => (getAddress(address) === at.lendingPool ? storageKeys : []));
  const values = await Promise.all(slots.map((slot) => request("eth_getStorageAt", [at.lendingPool, slot])));
  const place = values.findIndex((value) => value.endsWith(at.ethUsd.slice(2).toLowerCase()));
  const shift = 168n;
  const changed = (BigInt(values[place]) & ~(0xffff_ffffn << shift)) | (BigInt(STALE_AFTER) << shift);
  await request("anvil_setStorageAt", [at.lendingPool, slots[place], toHex(changed, { size: 32 })]);
  const { heartbeat } = await client.readContract({ ...pool, functionName: "reserveAt", args: [0n] });
  equal(heartbeat, STALE_AFTER, "how long a price holds");
}

async function open() {
  await scene.open();
  const price = scene.world.price;
  // What the venue begins with.
  told.push([0, price]);
  move(price * 1.006);
  await scene.follows("at first");
  await borrowers.borrow();
  await hurry();
  return `${count} accounts owe vUSD for WETH at ${price}`;
}

async function same() {
  const { accounts, liquidations } = await keeper.check();
  return `${accounts} accounts, ${liquidations} liquidations`;
}

/** The hour of the scenario in as many seconds as the kills need. */
async function crash() {
  const file = readFileSync(join(root, "apps", "scenario", "scenarios", "cascade-recorded.csv"), "utf8");
  const path = file.trim().split("\n").slice(1).map((line) => Number(line.split(",")[1]));
  const [begin, duration] = [Date.now(), 20_000 + kills * 2_000];
  let ofKeeper = 0;
  const first = scene.world.price;
  const teller = setInterval(() => {
    const place = Math.min(path.length - 1, Math.floor(((Date.now() - begin) / duration) * path.length));
    const noise = 1 + (random.below(2 * NOISE + 1) - NOISE) / 1e4;
    move((first * path[place] * noise) / path[0]);
  }, 500);
  keeper.begin();
  for (let kill = 1; kill <= kills || Date.now() < begin + duration; ) {
    await sleep(random.below(2_500));
    if (kill > kills) continue;
    if (kill % SILENCE_EVERY === Math.min(SILENCE_EVERY, kills) >> 1) {
      const noticed = sleep(SILENCE_MS - 3_000).then(() => send(admin, at.lendingPool, pool.abi, "accrueAll"));
      await Promise.all([scene.silence(SILENCE_MS), noticed]);
      kill += 2;
    } else if (random.chance(50)) {
      await scene.kill();
      kill += 1;
    } else {
      await keeper.end();
      keeper.begin();
      ofKeeper += 1;
      kill += 1;
    }
  }
  clearInterval(teller);
  await scene.follows("at the end");
  await eventually(async () => (await borrowers.underOne()).length === 0, "nobody is under 1", (GRACE + 2 * AUCTION + 30) * 1000);
  await keeper.end();
  return `${scene.kills} kills of reporters, ${ofKeeper} of the keeper, in ${Math.round((Date.now() - begin) / 1000)} s`;
}

/** The last of events that came before another one. */
const lastBefore = (events, { blockNumber, logIndex }) =>
  events.findLast((event) => event.blockNumber < blockNumber || (event.blockNumber === blockNumber && event.logIndex < logIndex));

/** No liquidation on a price that is too old, nor within the time of grace after one. */
async function judgePrices() {
  const events = (of, eventName) => client.getContractEvents({ ...of, eventName, fromBlock: 0n });
  const feed = { address: scene.feeds.price, abi: contract("PriceFeed").abi };
  const [answers, refused, resumed] = await Promise.all([
    events(feed, "AnswerUpdated"), events(pool, "PriceRefused"), events(pool, "PriceResumed"),
  ]);
  holds(refused.length > 0 && resumed.length > 0, "the price was missed, and came back", { refused, resumed });
  let oldest = 0;
  for (const liquidation of await liquidations()) {
    const { timestamp } = await client.getBlock({ blockNumber: liquidation.blockNumber });
    const age = Number(timestamp - lastBefore(answers, liquidation).args.updatedAt);
    holds(age <= STALE_AFTER, "the price of a liquidation is not stale", age);
    oldest = Math.max(oldest, age);
    const from = lastBefore(resumed, liquidation)?.args.liquidationsFrom ?? 0n;
    holds(timestamp >= from, "no liquidation in the time of grace", { timestamp, from });
  }
  return `the price was missed ${refused.length} times; the oldest one that somebody was liquidated on had ${oldest} s`;
}

async function judgeReporters() {
  const reports = await scene.judge(range);
  equal(scene.failed, undefined, "a reporter that has ended by itself");
  const { all, reverted } = await scene.transactions();
  return `${reports} reports of ${all} transactions, ${reverted} came too late`;
}

await flow("crash", [
  ["many borrow on a price that reporters tell", open],
  ["the keeper has capital", () => keeper.open()],
  ["prices fall, and reporters and keeper are killed", crash],
  ["the mirror is that of the contract", same],
  ["nobody was liquidated twice or too far", () => keeper.judge(TARGET)],
  ["nobody was liquidated on an old price", judgePrices],
  ["one report a round, all near the truth, nobody signed twice", judgeReporters],
]);
