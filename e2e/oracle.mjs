// Kills reporters of price feeds again and again while the price moves, and judges what they did:
// `node oracle.mjs --kills 200 --seed 1`. Status 1 says that something did not hold.

import { parseArgs } from "node:util";
import { install } from "./lib/install.mjs";

async function main() {
  const { values } = parseArgs({
    options: { kills: { type: "string", default: "200" }, seed: { type: "string", default: "1" } },
  });
  install();
  // What was installed can be read only now.
  const { ATTEMPT, Scene } = await import("./lib/oracle.mjs");
  const { sleep } = await import("./lib/flow.mjs");
  const { generator } = await import("./lib/random.mjs");
  const random = generator(Number(values.seed));
  const scene = new Scene({ name: `oracle-${values.seed}`, random });
  const begin = performance.now();
  try {
    await scene.open();
    await scene.follows("at first");
    let range = [scene.world.price, scene.world.price];
    while (scene.kills < Number(values.kills)) {
      await sleep(random.below(ATTEMPT * 750));
      await scene.kill();
      if (random.chance(50)) scene.world.price *= random.chance(50) ? 1.01 : 0.99;
      range = [Math.min(range[0], scene.world.price), Math.max(range[1], scene.world.price)];
      if (scene.kills % 20 === 0) {
        await scene.follows(`after ${scene.kills} kills`);
        console.log(`${scene.kills} kills, ${await scene.judge(range)} reports`);
      }
    }
    await scene.follows("at the end");
    const reports = await scene.judge(range);
    const { all, reverted } = await scene.transactions();
    const signed = scene.collector.seen.size / 2;
    console.log(
      `${scene.kills} kills in ${Math.round((performance.now() - begin) / 1000)} s: ${signed} observations, none signed twice; ` +
        `${reports} reports, one a round, of ${all} transactions, of which ${reverted} came too late`,
    );
    return 0;
  } catch (error) {
    console.error(`after ${scene.kills} kills of seed ${values.seed}: ${error.stack ?? error}`);
    return 1;
  }
}

process.exit(await main());
