// `heddle oracle`: four reporters, of which one lies and one is killed, keep two feeds right.

import { equal, eventually, flow, holds, output, sleep } from "../lib/flow.mjs";
import { generator } from "../lib/random.mjs";
import { ATTEMPT, HEARTBEAT, Scene, command } from "../lib/oracle.mjs";

const random = generator(1);
const scene = new Scene({ name: "oracle", random });
const KILLS = 8;
let [low, high] = [3000, 3000];

function move(price) {
  scene.world.price = price;
  [low, high] = [Math.min(low, price), Math.max(high, price)];
}

async function begin() {
  await scene.open();
  await scene.follows("at first");
  await eventually(async () => (await scene.latest(scene.feeds.beat)) > 0, "the second feed answers", 20_000);
}

async function still() {
  const before = await scene.latest(scene.feeds.price);
  const beats = await scene.latest(scene.feeds.beat);
  await sleep(2.5 * HEARTBEAT * 1000);
  equal(await scene.latest(scene.feeds.price), before, "reports while little changes");
  holds((await scene.latest(scene.feeds.beat)) - beats >= 1, "the heartbeat is kept");
  const times = (await scene.reports(scene.feeds.beat)).map(({ time }) => time);
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  holds(gaps.every((gap) => gap >= HEARTBEAT && gap <= HEARTBEAT + 5 * ATTEMPT), "gaps between heartbeats", gaps);
  return `gaps of ${gaps.join(", ")} s`;
}

async function moves() {
  for (const price of [3030, 2950, 2000, 4000]) {
    move(price);
    await scene.follows("after a move");
  }
}

async function killed() {
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(random.below(ATTEMPT * 1000));
    await scene.kill();
    if (random.chance(50)) move(scene.world.price * (random.chance(50) ? 1.01 : 0.99));
  }
  await scene.follows("after kills");
}

async function judged() {
  const reports = await scene.judge([low, high]);
  const { all, reverted } = await scene.transactions();
  return `${reports} reports of ${all} transactions, ${reverted} came too late`;
}

async function commands() {
  const lines = await output(command[0], [...command.slice(1), "observe", scene.config(0), "--json"]);
  const [first] = lines.split("\n").map((line) => JSON.parse(line));
  equal(first.sources.map(({ name, isOutlier }) => [name, isOutlier]), [["file", false], ["server", false], ["stream", false]], "sources");
  holds(Math.abs(first.value / scene.world.price - 1) < 0.001, "the value", first.value);
  const status = await output(command[0], [...command.slice(1), "status", scene.config(0)]);
  holds(status.includes("4 of 4 reporters, 3 needed; this one has seat"), "status", status);
}

/** The feed of ether that `heddle dev --venue` has, by the reporters that it has. */
async function venue() {
  scene.close();
  const venue = new Scene({ name: "oracle-venue", random, isVenue: true });
  await venue.open();
  const before = { round: await venue.latest(venue.feeds.price), price: venue.world.price };
  venue.world.price *= 1.02;
  await eventually(async () => (await venue.latest(venue.feeds.price)) > before.round, "a report", 30_000);
  await venue.follows("the feed of ether");
  await venue.kill();
  venue.world.price *= 0.97;
  await venue.follows("after a kill");
  return `from ${before.price} to ${await venue.answer(venue.feeds.price)}`;
}

await flow("oracle", [
  ["feeds answer for the first time", begin],
  ["a report by the heartbeat alone while the price stands", still],
  ["a report when the price moves", moves],
  [`reporters are killed ${KILLS} times`, killed],
  ["one report a round, all between honest observations, nobody signed twice", judged],
  ["observe and status", commands],
  ["who signs twice is slashed once", () => scene.equivocate()],
  ["the feed of ether of a development venue", venue],
]);
