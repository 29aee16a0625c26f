// The explorer knows the sources of the venue, and the examples of `e2e/venue`: each client of the
// venue does what it is an example of.

import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseAbi } from "viem";
import { equal, flow, holds, output, request } from "../lib/flow.mjs";
import { command } from "../lib/node.mjs";
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

/** What the explorer calls the contract, and the function of its ABI that it must have. */
async function source(address, fn) {
  const query = new URLSearchParams({ module: "contract", action: "getsourcecode", address });
  const { result: [found] } = await (await fetch(new URL(`/api?${query}`, process.env.EXPLORER_URL))).json();
  const abi = found.ContractName === "" ? [] : JSON.parse(found.ABI);
  holds(!fn || abi.some(({ name }) => name === fn), `${address} has a function ${fn}`, found);
  return found.ContractName;
}

/** Of what is deployed, and of what contracts of the venue create later. */
async function sources() {
  const { addressOf, client, listed, mined, user } = await import(pathToFileURL(join(built, "venue.js")));
  const places = Object.values(listed.contracts).flatMap((system) => Object.values(system));
  for (const { address, contract } of places) equal(await source(address), contract, address);
  const factory = { address: addressOf("exchange", "pairFactory"), abi: parseAbi(["function createPool(address, address) returns (address)"]) };
  const call = { ...factory, functionName: "createPool", args: [addressOf("tokens", "btc"), addressOf("tokens", "venue")] };
  const { result: pool } = await client.simulateContract({ ...call, account: user(0).account });
  await mined(user(0).writeContract(call));
  equal(await source(pool, "getReserves"), "ConstantProductPool", "a pool made just now");
  const page = await (await fetch(new URL(`/address/${pool}`, process.env.EXPLORER_URL))).text();
  holds(page.includes("ConstantProductPool"), "its page says what it is");
  return `${places.length} contracts and a new pool`;
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

await flow("venue", [["compile", compile], ["sources", sources], ...EXAMPLES.map((name) => [name, () => run(name)])]);
