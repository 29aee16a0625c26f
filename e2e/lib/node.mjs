// Starts the node under test, and ends it.

import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { foundry, made, root } from "./paths.mjs";

/** The dev node that this repository builds. */
const own = `${join(root, "target", "release", "heddle")} dev`;

/**
 * What to start: $HEDDLE_E2E_NODE, a program with its arguments. `anvil` is the one that
 * package.json names. `--port` and what a flow asks for come after it.
 */
export function command(named = process.env.HEDDLE_E2E_NODE || own) {
  const words = named.split(" ").filter(Boolean);
  return words[0] === "anvil" ? [foundry("anvil"), ...words.slice(1)] : words;
}

/** Starts a node on a free port, and waits until it answers. What it prints goes to a file. */
export async function start(name, { args = [], named } = {}) {
  const [program, ...first] = command(named);
  const port = await freePort();
  mkdirSync(join(made, "logs"), { recursive: true });
  const path = join(made, "logs", `${name}.log`);
  const log = openSync(path, "w");
  const child = spawn(program, [...first, "--port", `${port}`, ...args], { stdio: ["ignore", log, log] });
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(`cannot start ${program}: ${error.message}`));
    child.on("exit", (code, signal) => resolve(`${program} ended with ${code ?? signal}`));
  });
  const url = `http://127.0.0.1:${port}`;
  const node = { url, pid: child.pid, explorer: () => explorer(path), stop: () => stop(child, ended) };
  const begin = performance.now();
  const answered = waitForAnswer(url, 30_000);
  const reason = await Promise.race([answered.then(() => null), ended]);
  if (reason !== null) {
    throw new Error(`${reason}; see ${path}, and build the node or set HEDDLE_E2E_NODE`);
  }
  return { ...node, startMs: Math.round(performance.now() - begin) };
}

/** Where a node that has started says that its explorer is. */
async function explorer(path, timeoutMs = 10_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = readFileSync(path, "utf8").match(/^Explorer:\s+(http:\S+)$/m);
    if (found) return found[1];
    if (Date.now() > end) throw new Error(`the node does not say where its explorer is; see ${path}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function stop(child, ended) {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

async function waitForAnswer(url, timeoutMs) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json" };
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      const answer = await (await fetch(url, { method: "POST", headers, body })).json();
      if (answer.result) return;
    } catch {
      // Nobody listens yet.
    }
    if (Date.now() > end) throw new Error(`the node does not answer at ${url} within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A port that nobody uses now. Another program may take it in between, which then shows. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
