// The explorer's pages in a browser, from the home page on, as somebody new to it would find them.

import { eventually, flow, holds, request } from "../lib/flow.mjs";
import { open } from "../lib/browser.mjs";
import { make } from "../lib/scene.mjs";
import * as chain from "../lib/tour/chain.mjs";
import * as contracts from "../lib/tour/contracts.mjs";
import * as lists from "../lib/tour/lists.mjs";
import * as tokens from "../lib/tour/tokens.mjs";

const origin = process.env.EXPLORER_URL;
if (!origin) {
  console.error("error: EXPLORER_URL is not set; run `cargo xtask e2e explorer`");
  process.exit(2);
}

let visitor;
let scene;

/** Waits until the index has what the chain has. */
async function indexed() {
  await eventually(async () => {
    const page = await (await fetch(`${origin}/`)).text();
    return />up to date</.test(page);
  }, "the index is up to date", 60_000);
}

/** A step that begins at the home page, with an index that is up to date. What fails is reported
 * at the end, with what is wrong with pages: no step needs what another did. */
const fromHome = (step) => async () => {
  const before = visitor.problems.length;
  try {
    await indexed();
    await visitor.go("/");
    await step(visitor, scene);
  } catch (error) {
    visitor.note(error.stack);
    await restore();
  }
  const found = visitor.problems.length - before;
  return found ? `${found} PROBLEMS` : undefined;
};

/** What a step that failed may have left. */
async function restore() {
  visitor.expected = undefined;
  await request("evm_setAutomine", [true]);
  await request("evm_mine");
}

const steps = [
  ["an empty chain", fromHome(chain.empty)],
  ["home", fromHome(chain.home)],
  ["what happens is shown as it happens", fromHome(chain.live)],
  ["blocks", fromHome(chain.blocks)],
  ["transactions of each kind", fromHome(chain.transactions)],
  ["a crowded block", fromHome(chain.crowded)],
  ["addresses", fromHome(lists.addresses)],
  ["tokens", fromHome(tokens.fungible)],
  ["items", fromHome(tokens.items)],
  ["several of each", fromHome(tokens.several)],
  ["what waits", fromHome(lists.waiting)],
  ["gas, charts, validators", fromHome(lists.figures)],
  ["search", fromHome(lists.search)],
  ["themes", fromHome(lists.themes)],
  ["what is not there", fromHome(lists.missing)],
  ["contracts", fromHome(contracts.unverified)],
  ["sources verified by forge", fromHome(contracts.byForge)],
  ["sources verified by Hardhat", fromHome(contracts.byHardhat)],
  ["sources verified by the page", fromHome(contracts.byForm)],
  ["what verification shows", fromHome(contracts.verified)],
  ["a contract is read and written", fromHome(contracts.used)],
];

await flow("explorer", [
  ["opens a browser", async () => { visitor = await open(origin); }],
  steps[0],
  ["makes a chain to look at", async () => { scene = await make(); }],
  ...steps.slice(1),
  ["closes the browser", async () => {
    await visitor.close();
    const problems = visitor.report();
    for (const problem of problems) console.error(`  explorer: ${problem}`);
    holds(problems.length === 0, `${problems.length} problems, above`);
    holds(visitor.seen.size >= 60, "pages seen", visitor.seen.size);
    return `${visitor.seen.size} pages seen`;
  }],
]);
