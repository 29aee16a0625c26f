// `heddle scenario`: a crash, small and twice the same; and prices that nobody may lose by.

import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { equal, flow, holds, output } from "../lib/flow.mjs";
import { command } from "../lib/node.mjs";
import { made } from "../lib/paths.mjs";

const report = join(made, "scenario", "cascade.html");

/** The figures of a replay; the program fails by itself where contract and expectation differ. */
async function replay(name, positions, ...options) {
  const text = await output(command()[0], [
    "scenario", "run", name, "--positions", String(positions), "--json", ...options,
  ]);
  const figures = JSON.parse(text);
  for (const engine of figures.engines) {
    const where = `${name}, ${engine.engine}`;
    equal(engine.positions, positions, `positions of ${where}`);
    holds(engine.solvent_every_block, `${where}: tills, debts and deficit cover all claims in every block`, engine);
    equal([engine.mispredicted, engine.liquidations_missed], [0, 0], `${where}: what was expected of the contract`);
  }
  // How fast the machine was is the one thing that differs.
  for (const engine of figures.engines) {
    delete engine.megagas_per_second;
    delete engine.parallel_speedup;
  }
  return Object.assign(figures, Object.fromEntries(figures.engines.map((engine) => [engine.engine, engine])));
}

let first;

await flow("scenario", [
  ["a crash", async () => {
    rmSync(report, { force: true });
    mkdirSync(join(made, "scenario"), { recursive: true });
    first = await replay("cascade", 200, "--report", report);
    holds(first.waterfall.liquidations > 0, "somebody is liquidated", first.waterfall);
    equal(first.waterfall.flat_accounts_touched, 0, "accounts with health of at least 1 that lost something");
    holds(first.waterfall.bad_debt <= first.naive.bad_debt, "no more bad debt than the naive way's", first);
    return `${first.waterfall.liquidations} and ${first.naive.liquidations} liquidations`;
  }],
  ["its report needs nothing but itself", () => {
    holds(existsSync(report), "the report is there");
    const page = readFileSync(report, "utf8");
    holds(page.includes("<svg"), "it has charts");
    holds(!/(src|href)="(https?:)?\/\//.test(page), "it asks for nothing elsewhere");
  }],
  ["the same again", async () => equal(await replay("cascade", 200, "--no-explorer"), first, "all figures and roots")],
  ["a price that is wrong for a minute", async () => {
    const { waterfall } = await replay("bad-print", 100, "--no-explorer");
    equal([waterfall.liquidations, waterfall.bad_debt, waterfall.flat_accounts_touched], [0, 0, 0], "nobody loses");
  }],
]);
