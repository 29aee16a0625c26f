// Validators that have a machine each, as far as the network can tell: a namespace, links to the
// others that can be cut and slowed, and one of them a small disk of its own. Needs Linux and root.
//
// Clients reach each validator by a link that no fault touches.

import { spawn, spawnSync } from "node:child_process";
import {
  closeSync, copyFileSync, existsSync, fstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, readdirSync, rmSync,
  statfsSync, writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "./flow.mjs";
import { folder as here, made } from "./paths.mjs";
import { isReady, missing as noValidators, program } from "./testnet.mjs";

const logs = join(made, "logs");
const switchProgram = join(here, "lib", "links.py");

/** All that is left behind by a program that was killed has such a name, with the program's number. */
const PREFIX = "heddle-network-";
const OURS = new RegExp(`${PREFIX}(\\d+)-`);

/** Between validators there is no way but the links: this network is in none but their namespaces. */
const peerAddress = (index) => `10.77.0.${index + 1}`;
const P2P_PORT = 30303;
const HTTP_PORT = 8545;

/** What the small disk holds while it is not full. */
const DISK_BYTES = 4 * 2 ** 30;
/** As much of it is filled by a file when it is to be full. */
const FILLED_BYTES = 2 ** 20;


/** Why there can be no namespaces here; `undefined` if there can. */
export function missing() {
  if (process.platform !== "linux") return "only Linux has network namespaces";
  if (process.getuid() !== 0) return "only root can make network namespaces";
  if (!existsSync("/dev/net/tun")) return "there is no /dev/net/tun";
  if (spawnSync("python3", ["--version"], { stdio: "ignore" }).status !== 0) return "there is no python3";
  const name = `${PREFIX}${process.pid}-try`;
  const { error, status, stderr } = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (error) return "there is no program ip; Debian has it in iproute2";
  if (status !== 0) return `no namespace can be made: ${stderr.trim()}`;
  ip(`netns del ${name}`);
  return noValidators();
}

/** Runs `ip`, whose arguments here never hold a space. */
function ip(line, { mayFail = false } = {}) {
  const { status, stdout, stderr } = spawnSync("ip", line.split(" "), { encoding: "utf8" });
  if (status !== 0 && !mayFail) throw new Error(`ip ${line}: ${stderr.trim()}`);
  return stdout;
}

function run(name, args) {
  const { error, status, stderr } = spawnSync(name, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Ends and removes all of a program's processes, namespaces, disks and folders. */
function remove(pid) {
  const own = (name) => name.startsWith(`${PREFIX}${pid}-`);
  for (const name of ip("netns list", { mayFail: true }).split("\n").map((line) => line.split(" ")[0]).filter(own)) {
    const inside = ip(`netns pids ${name}`, { mayFail: true }).split("\n").filter(Boolean).map(Number);
    for (const process of inside) kill(process, "SIGKILL");
    // The link to the clients goes with one of its ends.
    ip(`netns del ${name}`, { mayFail: true });
  }
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n").map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((path) => path.includes(`/${PREFIX}${pid}-`))) {
    // A process that was killed a moment ago may still have files there: it is taken away all the same.
    spawnSync("umount", ["--lazy", mount], { stdio: "ignore" });
  }
  for (const name of readdirSync(tmpdir()).filter(own)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
}

/** Removes what programs left that were killed. */
function sweep() {
  const names = [...ip("netns list").split("\n"), ...readdirSync(tmpdir())];
  const owners = new Set(names.map((name) => name.match(OURS)?.[1]).filter(Boolean));
  for (const pid of owners) {
    if (Number(pid) !== process.pid && !isCampaign(pid)) remove(pid);
  }
}

/** A number may belong to another program by now. */
function isCampaign(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("network.mjs");
  } catch {
    return false;
  }
}

/** The third byte of addresses that no link of this machine has. */
function freeSubnet() {
  const used = ip("-4 -oneline address");
  for (let at = 0; at < 256; at += 1) {
    const subnet = (process.pid + at) % 256;
    if (!used.includes(` 10.78.${subnet}.`)) return subnet;
  }
  throw new Error("all addresses of 10.78.0.0/16 are used");
}

/** The links between validators, in both directions of each pair. */
class Links {
  constructor(seed, names) {
    this.program = spawn("python3", [switchProgram, `${seed}`, ...names], { stdio: ["pipe", "pipe", "inherit"] });
    this.waiting = [];
    this.isOpen = new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      this.program.on("exit", (code) => reject(new Error(`links.py ended with ${code}`)));
    });
    let text = "";
    this.program.stdout.on("data", (chunk) => {
      const lines = (text + chunk).split("\n");
      text = lines.pop();
      for (const line of lines) this.waiting.shift()(line);
    });
  }

  /** Does what is said, and gives how many packets went and did not go. */
  async tell(command) {
    const answer = new Promise((resolve) => this.waiting.push(resolve));
    this.program.stdin.write(`${JSON.stringify(command)}\n`);
    return JSON.parse(await answer);
  }

  /** Of packets from some to others; links.py lists what can be set. */
  set(from, to, settings) {
    return this.tell({ from, to, set: settings });
  }

  /** Between two groups, in both directions. */
  async between(some, others, settings) {
    await this.set(some, others, settings);
    await this.set(others, some, settings);
  }

  heal() {
    return this.tell({ heal: true });
  }
}

/** Validators that agree on a chain, each at a URL, with a folder and a namespace. */
export class Network {
  /**
   * Starts a network in a temporary folder, and waits until it answers. `args` are for `heddle init`,
   * `fund` are the addresses that have ether. The last validator has the small disk.
   */
  static async start(name, { seed = 1, count = 4, args = [], fund, ether }) {
    sweep();
    mkdirSync(logs, { recursive: true });
    const net = new Network();
    const own = `${PREFIX}${process.pid}-`;
    Object.assign(net, { name, folder: mkdtempSync(join(tmpdir(), own)), ends: [] });
    // Whatever happens, nothing is left: this program may end at any step.
    process.on("exit", () => net.clear());
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));
    const indices = [...Array(count).keys()];
    net.links = new Links(seed, indices.map((index) => `heddle${process.pid}p${index}`));
    await net.links.isOpen;
    const subnet = freeSubnet();
    const out = join(net.folder, "network");
    const hosts = indices.map(peerAddress).join(",");
    const beginning = ["--validators", `${count}`, "--hosts", hosts, "--p2p.port", `${P2P_PORT}`, "--http.port", `${HTTP_PORT}`];
    const funded = fund.map((address) => `${address}=${ether}`).join(",");
    run(program, ["init", "--out", out, ...beginning, "--authority", fund[0], "--fund", funded, ...args]);
    net.validators = indices.map((index) => {
      const [address, gate] = [2, 1].map((byte) => `10.78.${subnet}.${4 * index + byte}`);
      const host = { namespace: `${own}${index}`, address, gate };
      const log = join(net.folder, `${index}.log`);
      const url = `http://${host.address}:${HTTP_PORT}`;
      return { index, ...host, url, folder: join(out, `validator-${index}`), log, read: new Map(), isUp: false };
    });
    for (const validator of net.validators) net.connect(validator);
    net.small = net.validators.at(-1);
    net.mount(net.small);
    for (const { folder } of net.validators) copyFileSync(join(out, "genesis.json"), join(folder, "genesis.json"));
    await Promise.all(net.validators.map((validator) => net.revive(validator)));
    return net;
  }

  /** Makes a validator's namespace, with a link to the others and one to the clients. */
  connect({ index, namespace, address, gate }) {
    const [peers, client, inside] = ["p", "c", "i"].map((kind) => `heddle${process.pid}${kind}${index}`);
    ip(`netns add ${namespace}`);
    ip(`-n ${namespace} link set lo up`);
    ip(`link set ${peers} netns ${namespace}`);
    ip(`-n ${namespace} address add ${peerAddress(index)}/24 dev ${peers}`);
    ip(`-n ${namespace} link set ${peers} up`);
    ip(`link add ${client} type veth peer name ${inside} netns ${namespace}`);
    ip(`address add ${gate}/30 dev ${client}`);
    ip(`link set ${client} up`);
    ip(`-n ${namespace} address add ${address}/30 dev ${inside}`);
    ip(`-n ${namespace} link set ${inside} up`);
  }

  /** Puts a validator's folder on a disk of its own, with what is in it. */
  mount({ folder }) {
    const files = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]);
    run("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=700`, "heddle-network", folder]);
    for (const [name, bytes] of files) {
      const file = openSync(join(folder, name), "w", 0o600);
      writeSync(file, bytes);
      closeSync(file);
    }
  }

  /** Ends a validator at once, as a loss of power would end it. */
  async murder(validator) {
    validator.isUp = false;
    validator.isDoomed = true;
    kill(validator.pid, "SIGKILL");
    await validator.ended;
  }

  /** Starts a validator that has ended, and waits until it answers. Gives how long that took. */
  async revive(validator, timeoutMs = 60_000) {
    const begin = performance.now();
    const log = openSync(validator.log, "a");
    const args = ["netns", "exec", validator.namespace, program, "node", "--config", "config.toml", "--http.addr", validator.address];
    const child = spawn("ip", args, { cwd: validator.folder, stdio: ["ignore", log, log] });
    closeSync(log);
    validator.pid = child.pid;
    validator.end = undefined;
    validator.isDoomed = false;
    validator.ended = new Promise((resolve) => child.on("exit", (code, signal) => {
      validator.end = code ?? signal;
      const isExpected = !validator.isUp || validator.isDoomed || this.isStopping;
      if (!isExpected) this.ends.push({ index: validator.index, end: validator.end });
      validator.isUp = false;
      resolve(validator.end);
    }));
    const last = Date.now() + timeoutMs;
    while (!(await isReady(validator))) {
      const { index, end } = validator;
      if (end !== undefined) throw new Error(`validator ${index} ended with ${end} at its start; see its log`);
      if (Date.now() > last) throw new Error(`validator ${index} does not answer within ${timeoutMs} ms; see its log`);
      await sleep(20);
    }
    // It may be killed while it starts.
    validator.isUp = !validator.isDoomed;
    return performance.now() - begin;
  }

  /** Takes the processor from a validator. Its connections stay. */
  pause(validator) {
    kill(validator.pid, "SIGSTOP");
  }

  resume(validator) {
    kill(validator.pid, "SIGCONT");
  }

  /**
   * Fills the small disk but for so many bytes. If there are none to spare, what becomes free on it
   * is taken, too, until room is made.
   */
  fill(spare = 0) {
    const { folder } = this.small;
    const { bsize, blocks, bfree } = statfsSync(folder);
    // A file that fills gigabytes would take memory, and time.
    run("mount", ["-o", `remount,size=${(blocks - bfree) * bsize + FILLED_BYTES + spare}`, folder]);
    const file = openSync(join(folder, "filler"), "a");
    const take = (bytes) => {
      try {
        return writeSync(file, Buffer.alloc(bytes, 1));
      } catch (error) {
        if (error.code === "ENOSPC") return 0;
        throw error;
      }
    };
    for (let left = FILLED_BYTES; left > 0;) {
      const taken = take(left);
      if (taken === 0) break;
      left -= taken;
    }
    const takeAll = () => {
      for (let bytes = FILLED_BYTES; bytes >= 1;) if (take(bytes) === 0) bytes = Math.floor(bytes / 4);
    };
    if (spare === 0) takeAll();
    const timer = spare === 0 ? setInterval(takeAll, 100) : undefined;
    this.filling = { file, timer };
  }

  makeRoom() {
    const { folder } = this.small;
    clearInterval(this.filling.timer);
    closeSync(this.filling.file);
    rmSync(join(folder, "filler"));
    run("mount", ["-o", `remount,size=${DISK_BYTES}`, folder]);
    this.filling = undefined;
  }

  /** Stops a validator as it should be stopped; by force if it does not end. */
  async end(validator) {
    validator.isUp = false;
    validator.isDoomed = true;
    kill(validator.pid, "SIGTERM");
    const timer = setTimeout(() => kill(validator.pid, "SIGKILL"), 10_000);
    await validator.ended;
    clearTimeout(timer);
    return validator.end;
  }

  /** That a validator ended by itself was to be expected. */
  forgive({ index }) {
    this.ends = this.ends.filter((end) => end.index !== index);
  }

  /** Lines that validators printed since the same reader asked before. */
  newLines(reader) {
    return this.validators.flatMap((validator) => {
      const from = validator.read.get(reader) ?? 0;
      const bytes = readFrom(validator.log, from);
      // The last line may not be whole yet.
      const end = bytes.lastIndexOf("\n") + 1;
      validator.read.set(reader, from + end);
      const lines = bytes.subarray(0, end).toString().split("\n").filter(Boolean);
      return lines.map((line) => ({ index: validator.index, line }));
    });
  }

  /** Stops all of them as they should be stopped, and gives how each ended. */
  async stop() {
    this.isStopping = true;
    const running = this.validators.filter(({ isUp }) => isUp);
    for (const { pid } of running) kill(pid, "SIGTERM");
    return Promise.all(running.map(({ ended }) => Promise.race([ended, sleep(20_000).then(() => "no end within 20 s")])));
  }

  /** Ends all that still runs, keeps the logs, and removes the rest. */
  clear() {
    clearInterval(this.filling?.timer);
    for (const { index, pid, end, log } of this.validators ?? []) {
      if (pid && end === undefined) kill(pid, "SIGKILL");
      if (existsSync(log)) copyFileSync(log, join(logs, `${this.name}-${index}.log`));
    }
    this.links?.program.kill("SIGKILL");
    remove(process.pid);
  }
}

function readFrom(path, position) {
  const file = openSync(path, "r");
  const bytes = Buffer.alloc(fstatSync(file).size - position);
  readSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
  return bytes;
}
