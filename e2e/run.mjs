// Drives a dev node with the clients that people use: `node run.mjs [FLOW...] [-- OPTION...]`.
//
// It installs the pinned clients, starts $HEDDLE_E2E_NODE (by default the release build of this
// repository; `anvil` is the one of package.json) anew for each flow, and fails if any flow does.
// Two flows run at a time, as most of a flow is waiting; what one prints begins with its name.

import { spawn } from "node:child_process";
import { basename, join } from "node:path";
import { install, python } from "./lib/install.mjs";
import { folder, made } from "./lib/paths.mjs";
import { command, start } from "./lib/node.mjs";
import { missing as noNamespaces } from "./lib/namespaces.mjs";
import { missing } from "./lib/testnet.mjs";

/** Options of a node whose explorer a flow asks: names to show, and where the flow puts a compiler. */
const explorer = ["--explorer.labels", join(folder, "labels.toml"), "--explorer.solc", join(made, "solc")];

/** Each has its own node, so that none sees what another left behind. Those that need all of the machine run alone. */
const flows = new Map([
  ["errors", { file: "errors.mjs" }],
  ["viem", { file: "viem.mjs" }],
  ["viem-control", { file: "viem-control.mjs" }],
  ["ethers", { file: "ethers.mjs" }],
  ["trace", { file: "trace.mjs" }],
  ["cast", { file: "cast.mjs" }],
  ["forge", { file: "forge.mjs" }],
  ["hardhat", { file: "hardhat.mjs" }],
  ["state", { file: "state.mjs" }],
  ["development", { file: "development.mjs" }],
  ["wallet", { file: "wallet.mjs" }],
  ["oracle", { file: "oracle.mjs", startsNodes: true }],
  ["keeper", { file: "keeper.mjs", nodeArgs: ["--venue"] }],
  ["crash", { file: "crash.mjs", nodeArgs: ["--venue", "--block-time", "1"] }],
  ["guard", { file: "guard.mjs", nodeArgs: ["--venue"] }],
  ["web3py", { file: "web3py.py", program: python }],
  ["explorer", { file: "explorer.mjs", explorer, timeoutMs: 600_000, isAlone: true }],
  ["burst", { file: "burst.mjs", isAlone: true }],
  ["venue", { file: "venue.mjs", explorer: ["--venue"] }],
  ["scenario", { file: "scenario.mjs", startsNodes: true }],
  ["validators", { file: "validators.mjs", startsNodes: true, skip: missing, timeoutMs: 480_000, isAlone: true }],
  ["network", { file: "network.mjs", startsNodes: true, skip: noNamespaces, timeoutMs: 300_000, isAlone: true }],
  ["agreement", { file: "../differential.mjs", args: ["--seed", "1", "--transactions-total", "100"], startsNodes: true }],
]);

/** Flows at a time. */
const AT_ONCE = 2;

/** No flow takes longer unless something hangs, or it says so. */
const TIMEOUT_MS = 240_000;

/** With options of its own a flow is a campaign. */
const CAMPAIGN_TIMEOUT_MS = 4 * 3_600_000;

async function runFlow(name, options) {
  const {
    file, args = [], program = process.execPath, startsNodes = false, explorer, nodeArgs = explorer, skip,
    timeoutMs = options.length > 0 ? CAMPAIGN_TIMEOUT_MS : TIMEOUT_MS,
  } = flows.get(name);
  const reason = nodeArgs && basename(command()[0]) === "anvil" ? "anvil has no explorer and no venue" : skip?.();
  if (reason) {
    console.log(`${name}: skipped: ${reason}`);
    return { name, passed: true, seconds: 0 };
  }
  const node = startsNodes ? undefined : await start(name, { args: nodeArgs });
  if (node) console.log(`${name}: the node answers after ${node.startMs} ms`);
  const begin = performance.now();
  const environment = { ...process.env, ...(node && { RPC_URL: node.url }) };
  if (explorer) {
    try {
      environment.EXPLORER_URL = await node.explorer();
    } catch (error) {
      await node.stop();
      throw error;
    }
  }
  const passed = await new Promise((resolve) => {
    const child = spawn(program, [join(folder, "flows", file), ...args, ...options], {
      cwd: folder,
      env: environment,
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
    // The group: a flow starts programs itself.
    const timer = setTimeout(() => {
      console.error(`${name}: not done within ${timeoutMs} ms`);
      process.kill(-child.pid, "SIGKILL");
    }, timeoutMs);
    child.on("error", (error) => {
      console.error(`${name}: cannot start ${program}: ${error.message}`);
      resolve(false);
    });
    child.on("exit", (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
  await node?.stop();
  return { name, passed, seconds: (performance.now() - begin) / 1000 };
}

async function main(given) {
  const end = given.includes("--") ? given.indexOf("--") : given.length;
  const [wanted, options] = [given.slice(0, end), given.slice(end + 1)];
  const unknown = wanted.filter((name) => !flows.has(name));
  if (unknown.length > 0) {
    console.error(`error: no flow ${unknown.join(", ")}; there are ${[...flows.keys()].join(", ")}`);
    return 2;
  }
  install();
  const names = wanted.length > 0 ? wanted : [...flows.keys()];
  const results = [];
  const work = async (queue) => {
    for (let place = queue.shift(); place !== undefined; place = queue.shift()) {
      const name = names[place];
      try {
        results[place] = await runFlow(name, options);
      } catch (error) {
        console.error(`${name}: ${error.message}`);
        results[place] = { name, passed: false, seconds: 0 };
      }
    }
  };
  const places = [...names.keys()];
  const isAlone = (place) => flows.get(names[place]).isAlone === true;
  const shared = places.filter((place) => !isAlone(place));
  await Promise.all(Array.from({ length: AT_ONCE }, () => work(shared)));
  await work(places.filter(isAlone));
  console.log();
  for (const { name, passed, seconds } of results) {
    console.log(`${passed ? "ok    " : "FAILED"} ${name} (${seconds.toFixed(1)} s)`);
  }
  const failed = results.filter((result) => !result.passed);
  console.log(`e2e: ${results.length - failed.length} of ${results.length} flows passed`);
  return failed.length === 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
