// Validators in network namespaces: each main kind of fault once, while clients send and read, and
// what all of them saw is checked. `../network.mjs` does it for hours.

import { join } from "node:path";
import { flow, nodeTests } from "../lib/flow.mjs";
import { Campaign } from "../lib/campaign.mjs";
import { folder } from "../lib/paths.mjs";

const KINDS = ["kill", "isolate", "split", "one-way", "slow", "pause", "kill-two", "full-disk"];

const campaign = new Campaign({ name: "network", seed: 1, order: KINDS.values() });

/** That the checks find what must not be; no network is needed. */
const testChecks = () => nodeTests(join(folder, "test", "histories.test.mjs"));

async function finish() {
  await campaign.finish();
  const weaknesses = Object.keys(campaign.weaknesses).map((weakness) => `; what ought to be better: ${weakness}`);
  return campaign.summary().split("\n").slice(0, 3).join("; ") + weaknesses.join("");
}

await flow("network", [
  ["the checks of histories pass their own tests", testChecks],
  ["four validators start, each in its namespace, and clients begin", () => campaign.start()],
  ...KINDS.map((kind) => [kind, async () => (await campaign.cycle()).replace(/^ *\d+ +\S+ +/, "")]),
  ["all that clients saw can be, and is the same at all validators", finish],
]);
