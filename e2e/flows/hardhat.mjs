// Hardhat 2 with ethers and its network helpers: its own test runner, on the node.

import { join } from "node:path";
import { equal, flow, holds, output, rpcUrl } from "../lib/flow.mjs";
import { folder } from "../lib/paths.mjs";

const hardhat = (...args) => output(process.execPath, [join(folder, "node_modules", "hardhat", "internal", "cli", "bootstrap.js"), ...args], {
  cwd: join(folder, "contracts"),
  env: { ...process.env, RPC_URL: rpcUrl, HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", NO_COLOR: "1" },
});

async function test() {
  const text = await hardhat("test", "--network", "node");
  holds(/\d+ passing/.test(text) && !/failing/.test(text), "the tests", text);
  return text.match(/\d+ passing.*/)[0];
}

async function script() {
  const text = await hardhat("run", "--no-compile", "--network", "node", "accounts.cjs");
  equal(text.split("\n").at(-1), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "first account");
}

await flow("hardhat", [
  ["runs its tests", test],
  ["runs a script", script],
]);
