// What flows share: steps, comparisons, and the node that they drive.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect, isDeepStrictEqual } from "node:util";
import { made } from "./paths.mjs";

/** The node under test. */
export const rpcUrl = process.env.RPC_URL ?? "http://127.0.0.1:8545";
export const wsUrl = rpcUrl.replace(/^http/, "ws");

/** The first accounts of the mnemonic that all dev nodes share. */
export const mnemonic = "test test test test test test test test test test test junk";
export const keys = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
  "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
];
export const accounts = [
  "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
  "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
  "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
];

/** ABI and code of a contract in `contracts/src`. */
export function artifact(name) {
  return JSON.parse(readFileSync(join(made, "contracts", `${name}.json`), "utf8"));
}

/** Runs steps in turn; the first that fails ends the program. */
export async function flow(name, steps) {
  for (const [title, step] of steps) {
    const start = performance.now();
    try {
      const note = await step();
      const time = `${Math.round(performance.now() - start)} ms`;
      console.log(`  ${name}: ${title} (${time})${note ? `: ${note}` : ""}`);
    } catch (error) {
      console.error(`  ${name}: ${title}: FAILED\n${brief(error?.stack ?? error)}`);
      process.exit(1);
    }
  }
  // Sockets that a client keeps open are none of our business.
  process.exit(0);
}

/** A message without the long lines that clients quote: a blob has 262,144 digits. */
function brief(text) {
  const lines = `${text}`.split("\n").slice(0, 60);
  return lines.map((line) => (line.length > 400 ? `${line.slice(0, 400)}…` : line)).join("\n");
}

export function equal(found, expected, what) {
  if (!isDeepStrictEqual(found, expected)) {
    throw new Error(`${what}: found ${inspect(found)}, expected ${inspect(expected)}`);
  }
}

export function holds(condition, what, found) {
  if (!condition) {
    throw new Error(found === undefined ? what : `${what}: found ${inspect(found, { depth: 6 })}`);
  }
}

/** What a promise fails with. */
export async function failure(promise, what) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what}: succeeded with ${inspect(result)}, expected a failure`);
}

/** Waits for a condition that an event makes true. */
export async function eventually(condition, what, timeoutMs = 10_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(20);
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const hex = (number) => `0x${number.toString(16)}`;

let nextId = 1;

/** One request, with nothing in between; gives the whole answer. */
export async function raw(method, params = [], url = rpcUrl) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: nextId++, method, params });
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body });
  return response.json();
}

/** One request that must succeed; gives its result. */
export async function request(method, params = [], url = rpcUrl) {
  const answer = await raw(method, params, url);
  if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}

/** Runs a program to its end, and gives what it printed. */
export function output(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let text = "";
    let errors = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(text.trim());
      const error = new Error(`${program} ${args.join(" ")} ended with ${code}\n${text}${errors}`);
      reject(Object.assign(error, { output: text + errors }));
    });
  });
}

/** Runs tests of Node.js, which have to pass, and says how many there are. */
export async function nodeTests(...files) {
  const text = await output(process.execPath, ["--test", ...files]);
  return `${text.match(/^. pass (\d+)$/m)?.[1]} passed`;
}
