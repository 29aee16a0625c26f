// What happens to a network of four validators, one kind of fault at a time. A seed decides on which
// of them, and for how long.

import { sleep } from "./flow.mjs";
import { isReady } from "./testnet.mjs";

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** What was on its way before there was no quorum arrives within this time. */
const SETTLE_MS = 1500;
/** After so long three of four have found a leader among them. */
const STALL_MS = 20_000;
/** A full disk is noticed within this time: blocks need room. */
const NOTICE_MS = 25_000;
/** A validator whose disk has room again goes on by itself within this time, or has to be restarted. */
const GOES_ON_MS = 5000;

/** One fault: what it may use, and what it finds out: what must not be, and what ought to be better. */
export class Scene {
  constructor({ net, watch, random }) {
    Object.assign(this, { net, watch, random, faults: [], weaknesses: [], blocks: 0 });
    this.all = net.validators.map(({ index }) => index);
  }

  /** Some validators, each once. */
  pick(count) {
    const rest = [...this.net.validators];
    return Array.from({ length: count }, () => rest.splice(this.random.below(rest.length), 1)[0]);
  }

  but(...validators) {
    return this.all.filter((index) => !validators.some((validator) => validator.index === index));
  }

  between(low, high) {
    return low + this.random.below(high - low);
  }

  /** For so long; how many blocks become final is noted. */
  async pass(ms) {
    const before = this.watch.last();
    await sleep(ms);
    this.blocks += this.watch.last() - before;
    return ms;
  }

  /** A quorum is there, and goes on, be it after a while. Gives how long it took at last. */
  async goOn(ms) {
    const begin = performance.now();
    const before = this.watch.last();
    await this.pass(ms);
    while (this.watch.last() === before) {
      await this.pass(100);
      const passed = performance.now() - begin;
      if (passed <= ms + STALL_MS) continue;
      this.faults.push(`no block became final within ${seconds(passed)}, although three validators hear each other`);
      return passed;
    }
    return performance.now() - begin;
  }

  /** No quorum is there, so nothing becomes final. */
  async stand(ms) {
    await sleep(SETTLE_MS);
    const before = this.watch.last();
    await sleep(ms);
    const after = this.watch.last();
    if (after !== before) this.faults.push(`blocks ${before + 1} to ${after} became final without a quorum`);
    this.hasStood = true;
    return ms + SETTLE_MS;
  }

  /** Ends the fault; from here on the way back is timed. */
  async heal(act) {
    this.healedAt = performance.now();
    this.mark = this.watch.last();
    await act();
  }
}

async function kill(scene) {
  const [victim] = scene.pick(1);
  await scene.net.murder(victim);
  const ms = await scene.goOn(scene.between(1500, 4000));
  await scene.heal(() => scene.net.revive(victim));
  return `validator ${victim.index}, down for ${seconds(ms)}`;
}

async function killTwo(scene) {
  const [one, two] = scene.pick(2);
  await Promise.all([scene.net.murder(one), sleep(scene.random.below(300)).then(() => scene.net.murder(two))]);
  const ms = await scene.stand(scene.between(500, 2000));
  await scene.heal(() => Promise.all([scene.net.revive(one), scene.net.revive(two)]));
  return `validators ${one.index} and ${two.index}, down for ${seconds(ms)}`;
}

/** All at once, as when the power of a building fails. */
async function blackout(scene) {
  const { net } = scene;
  await Promise.all(net.validators.map((validator) => net.murder(validator)));
  await sleep(scene.random.below(1000));
  await scene.heal(() => Promise.all(net.validators.map((validator) => net.revive(validator))));
  return "all four";
}

/** Once more while it starts or catches up. */
async function killAgain(scene) {
  const { net } = scene;
  const [victim] = scene.pick(1);
  const times = 2 + scene.random.below(2);
  await net.murder(victim);
  await scene.pass(scene.between(500, 2000));
  for (let time = 1; time < times; time += 1) {
    // It does not answer before it is killed, or it does.
    const started = net.revive(victim).catch(() => {});
    await scene.pass(scene.between(20, 1000));
    await net.murder(victim);
    await started;
  }
  await scene.heal(() => net.revive(victim));
  return `validator ${victim.index}, ${times} times`;
}

async function isolate(scene) {
  const { links } = scene.net;
  const [victim] = scene.pick(1);
  await links.between([victim.index], scene.but(victim), { cut: true });
  const ms = await scene.goOn(scene.between(2000, 5000));
  await scene.heal(() => links.heal());
  return `validator ${victim.index} for ${seconds(ms)}`;
}

async function split(scene) {
  const { links } = scene.net;
  const pair = scene.pick(2);
  await links.between(pair.map(({ index }) => index), scene.but(...pair), { cut: true });
  const ms = await scene.stand(scene.between(500, 2500));
  await scene.heal(() => links.heal());
  return `validators ${pair.map(({ index }) => index).join(" and ")} from the others for ${seconds(ms)}`;
}

async function oneWay(scene) {
  const { links } = scene.net;
  const [one, other] = scene.pick(2);
  const [what, from, to] = scene.random.pick([
    [`${one.index} is not heard by ${other.index}`, [one.index], [other.index]],
    [`${one.index} is heard by nobody`, [one.index], scene.but(one)],
    [`${one.index} hears nobody`, scene.but(one), [one.index]],
  ]);
  await links.set(from, to, { cut: true });
  const ms = await scene.goOn(scene.between(2000, 5000));
  await scene.heal(() => links.heal());
  return `${what} for ${seconds(ms)}`;
}

async function slow(scene) {
  const { links } = scene.net;
  const [one] = scene.pick(1);
  const [what, from, to, settings] = scene.random.pick([
    ["all, 50 to 150 ms late", scene.all, scene.all, { delayMs: 50, jitterMs: 100 }],
    [`${one.index}, 300 to 800 ms late`, [one.index], scene.but(one), { delayMs: 300, jitterMs: 500 }],
    ["all, a tenth lost", scene.all, scene.all, { lossPercent: 10 }],
    [`${one.index}, a third lost`, [one.index], scene.but(one), { lossPercent: 33 }],
    [`${one.index}, 20 kB a second`, [one.index], scene.but(one), { bytesPerSecond: 20_000 }],
    ["all, out of order, some twice", scene.all, scene.all, { jitterMs: 30, doublePercent: 10 }],
  ]);
  await links.between(from, to, settings);
  const ms = await scene.pass(scene.between(3000, 5000));
  await scene.heal(() => links.heal());
  return `${what}, for ${seconds(ms)}`;
}

async function flap(scene) {
  const { links } = scene.net;
  const times = scene.between(3, 7);
  for (let time = 0; time < times; time += 1) {
    const some = scene.pick(1 + scene.random.below(2));
    await links.between(some.map(({ index }) => index), scene.but(...some), { cut: true });
    await scene.pass(scene.between(100, 800));
    await links.heal();
    await scene.pass(scene.between(50, 500));
  }
  await scene.heal(() => {});
  return `${times} cuts`;
}

/** It holds its connections, and says nothing. */
async function pause(scene) {
  const [victim] = scene.pick(1);
  scene.net.pause(victim);
  const ms = await scene.goOn(scene.between(2000, 6000));
  await scene.heal(() => scene.net.resume(victim));
  return `validator ${victim.index} for ${seconds(ms)}`;
}

/** While two groups do not hear each other one of them dies; it comes back before the links or after. */
async function killInSplit(scene) {
  const { links } = scene.net;
  const group = scene.pick(1 + scene.random.below(2));
  const alone = group.map(({ index }) => index);
  await links.between(alone, scene.but(...group), { cut: true });
  await sleep(scene.random.below(1000));
  const victim = scene.random.pick(group.length === 1 ? scene.net.validators.filter((other) => other !== group[0]) : group);
  await scene.net.murder(victim);
  const ms = await scene.stand(scene.between(300, 1500));
  const isFirst = scene.random.chance(50);
  if (isFirst) await scene.net.revive(victim);
  await scene.heal(() => links.heal());
  if (!isFirst) await scene.heal(() => scene.net.revive(victim));
  const order = isFirst ? "before" : "after";
  return `validators ${alone.join(" and ")} from the others, ${victim.index} dead for ${seconds(ms)}, back ${order} the links`;
}

async function fullDisk(scene) {
  const { net, watch } = scene;
  const victim = net.small;
  net.newLines("full disk");
  const begin = performance.now();
  // So that it is not always the same write that fails.
  const spare = scene.random.chance(70) ? 4096 * scene.random.below(32) : 0;
  net.fill(spare);
  const said = await noticed(net, victim);
  const ms = performance.now() - begin;
  if (!said) scene.faults.push(`validator ${victim.index} said nothing of its full disk with ${spare} bytes left within ${seconds(ms)}`);
  await scene.goOn(scene.between(1500, 3000));
  let how = `ended with ${victim.end}`;
  await scene.heal(async () => {
    net.makeRoom();
    if (victim.end === undefined) {
      await sleep(GOES_ON_MS);
      how = `ended with ${victim.end} when there was room`;
      if (victim.end === undefined) {
        const goesOn = watch.reached(victim) >= scene.mark;
        how = goesOn ? "went on by itself" : "was restarted";
        if (goesOn) return;
        const ready = (await isReady(victim)) ? "says that it is ready" : "does not say that it is ready";
        scene.faults.push(`with room on its disk again a validator neither goes on nor ends, and ${ready}`);
        await net.end(victim);
      }
    }
    await net.revive(victim);
  });
  net.forgive(victim);
  const left = `${spare / 1024} kB left`;
  return `validator ${victim.index}, ${left}, after ${seconds(ms)}: ${said ?? "nothing"}; it ${how}`;
}

/** What a validator says of its full disk. */
async function noticed(net, victim) {
  const end = performance.now() + NOTICE_MS;
  const lines = [];
  while (performance.now() < end) {
    lines.push(...net.newLines("full disk").filter(({ index }) => index === victim.index).map(({ line }) => line));
    const line = lines.find((text) => /disk is full|no space left|StorageFull/i.test(text));
    if (line) return `"${line.replace(/^\S+ +/, "").slice(0, 160)}"`;
    await sleep(100);
  }
  return undefined;
}

/** Kinds of faults, how often each comes among them, and whether it cuts links. */
export const kinds = new Map([
  ["kill", { act: kill, weight: 3 }],
  ["kill-two", { act: killTwo, weight: 2 }],
  ["kill-again", { act: killAgain, weight: 2 }],
  ["blackout", { act: blackout, weight: 1 }],
  ["isolate", { act: isolate, weight: 2, cuts: true }],
  ["split", { act: split, weight: 2, cuts: true }],
  ["one-way", { act: oneWay, weight: 2, cuts: true }],
  ["slow", { act: slow, weight: 2 }],
  ["flap", { act: flap, weight: 1, cuts: true }],
  ["pause", { act: pause, weight: 2 }],
  ["kill-in-split", { act: killInSplit, weight: 2, cuts: true }],
  ["full-disk", { act: fullDisk, weight: 2 }],
]);
