// The examples of `e2e/venue`: each client of the venue does what it is an example of.

import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { command } from "../lib/node.mjs";
import { flow, holds, output, request } from "../lib/flow.mjs";
import { folder } from "../lib/paths.mjs";

const EXAMPLES = ["exchange", "lending", "oracle", "insurance", "staking", "governance"];

/** Below the packages that the examples import. */
const built = join(folder, "node_modules", ".venue");

/** Checks the types, and makes JavaScript of the examples. */
async function compile() {
  const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  mkdirSync(built, { recursive: true });
  writeFileSync(join(built, "package.json"), JSON.stringify({ type: "module" }));
  const project = join(folder, "venue", "tsconfig.json");
  await output(process.execPath, [join(typescript, "bin", "tsc"), "-p", project, "--outDir", built]);
}

/** Each on the chain as it is at first: some let weeks pass. */
async function run(name) {
  const snapshot = await request("evm_snapshot");
  const { main } = await import(pathToFileURL(join(built, `${name}.js`)));
  await main();
  holds(await request("evm_revert", [snapshot]), "the chain goes back");
}

// The program alone: what follows are arguments of the node.
process.env.HEDDLE ??= command()[0];

await flow("venue", [["compile", compile], ...EXAMPLES.map((name) => [name, () => run(name)])]);
