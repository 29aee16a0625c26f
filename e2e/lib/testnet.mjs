// Starts a network of validators, and kills and starts single ones of it.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { command } from "./node.mjs";
import { made } from "./paths.mjs";

/** The program that runs validators: $HEDDLE_E2E_VALIDATORS, or that of the node under test. */
export const program = process.env.HEDDLE_E2E_VALIDATORS || command()[0];

const logs = join(made, "logs");

/** Why there can be no network here; `undefined` if there can. */
export function missing() {
  if (basename(program) === "anvil") return "anvil has no validators";
  const { error, status } = spawnSync(program, ["testnet", "--help"], { stdio: "ignore" });
  if (error) return `cannot run ${program}: ${error.message}`;
  return status === 0 ? undefined : `${program} has no command testnet`;
}

/** Validators that agree on a chain, each at a URL and with a folder. */
export class Testnet {
  /** Starts a network on free ports in a temporary folder, and waits until it answers. */
  static async start(name, { count = 4, args = [] } = {}) {
    const net = new Testnet();
    mkdirSync(logs, { recursive: true });
    Object.assign(net, { name, folder: mkdtempSync(join(tmpdir(), "heddle-e2e-")), log: join(logs, `${name}.log`) });
    // Whatever happens, nothing is left: this program may end at any step.
    process.on("exit", () => net.clear());
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
    const first = await freePorts(2 * count);
    const where = ["--datadir", net.folder, "--http.port", `${first}`, "--p2p.port", `${first + count}`];
    const log = openSync(net.log, "w");
    net.starter = spawn(program, ["testnet", "--validators", `${count}`, ...where, ...args], { stdio: ["ignore", log, log] });
    net.ended = new Promise((resolve) => {
      net.starter.on("error", (error) => resolve(`cannot start ${program}: ${error.message}`));
      net.starter.on("exit", (code, signal) => resolve(`${program} testnet ended with ${code ?? signal}`));
    });
    const reason = await Promise.race([net.listen(count).then(() => null), net.ended]);
    if (reason !== null) throw new Error(`${reason}; see ${net.log}`);
    return net;
  }

  /** Reads where the validators are, once all of them answer. */
  async listen(count) {
    const end = Date.now() + 120_000;
    for (;;) {
      const text = readFileSync(this.log, "utf8");
      const found = [...text.matchAll(/^ +validator-(\d+) +(http:\S+) +process (\d+)/gm)];
      if (found.length === count) {
        this.validators = found.map(([, index, url, pid]) => ({ index: Number(index), url, pid: Number(pid), isUp: true }));
        return;
      }
      if (Date.now() > end) throw new Error(`the network does not start; see ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  folderOf({ index }) {
    return join(this.folder, `validator-${index}`);
  }

  /** Ends a validator at once, as a loss of power would end it. */
  async murder(validator) {
    validator.isUp = false;
    process.kill(validator.pid, "SIGKILL");
    if (validator.ended) await validator.ended;
    while (isRunning(validator.pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Starts a validator that was ended, and waits until it answers. */
  async revive(validator, timeoutMs = 60_000) {
    const log = openSync(join(this.folderOf(validator), "node.log"), "a");
    const config = join(this.folderOf(validator), "config.toml");
    const child = spawn(program, ["node", "--config", config], { stdio: ["ignore", log, log] });
    validator.pid = child.pid;
    validator.ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
    const end = Date.now() + timeoutMs;
    while (!(await isReady(validator))) {
      if (child.exitCode !== null) throw new Error(`validator ${validator.index} ended with ${child.exitCode}; see its log`);
      if (Date.now() > end) throw new Error(`validator ${validator.index} does not answer within ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    validator.isUp = true;
  }

  /** Stops all of them as they should be stopped, and tells how each program that was started here ended. */
  async stop() {
    const own = this.validators.filter(({ ended, isUp }) => ended && isUp);
    for (const { pid } of own) process.kill(pid, "SIGTERM");
    const ends = await Promise.all(own.map(({ ended }) => ended));
    this.starter.kill("SIGTERM");
    await this.ended;
    return [...ends, this.starter.exitCode ?? this.starter.signalCode];
  }

  /** Ends all that still runs, keeps the logs, and deletes the folder. */
  clear() {
    this.starter?.kill("SIGKILL");
    for (const pid of runningIn(this.folder)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    for (const [index, path] of this.logs().entries()) copyFileSync(path, join(logs, `${this.name}-${index}.log`));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the validators print goes there. */
  logs() {
    return readdirSync(this.folder).sort().map((name) => join(this.folder, name, "node.log")).filter(existsSync);
  }

  /** Lines of the validators' logs that match. */
  logged(pattern) {
    const lines = this.logs().flatMap((path) => readFileSync(path, "utf8").split("\n"));
    return lines.filter((line) => pattern.test(line));
  }
}

/** The processes whose settings lie in a folder. A number alone may belong to another program by now. */
function runningIn(folder) {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.map(Number).filter((pid) => pid !== process.pid && commandOf(pid).includes(`${folder}/`));
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}

/** One that has ended and was not waited for has no command any more. */
const isRunning = (pid) => commandOf(pid) !== "";

/** Whether a validator says that it serves. */
export async function isReady({ url }) {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

/** The first of some ports in a row that nobody uses now, below those that programs get without asking. */
async function freePorts(count) {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 20_000);
    const isFree = await Promise.all(Array.from({ length: count }, (_, index) => canListen(first + index)));
    if (isFree.every(Boolean)) return first;
  }
}

function canListen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
