// Four reporters of price feeds, real processes of `heddle oracle`, with sources that lie or tell the
// truth; one is killed again and again. What they sign and report is collected and judged.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createPublicClient, createWalletClient, decodeFunctionData, getAddress, hashTypedData, http, recoverTypedDataAddress,
  serializeSignature, sha256, toHex,
} from "viem";
import { mnemonicToAccount, privateKeyToAccount, sign } from "viem/accounts";
import { eventually, holds, keys as richKeys, mnemonic, output, request, sleep } from "./flow.mjs";
import { command as nodeCommand, start } from "./node.mjs";
import { made, root } from "./paths.mjs";

/** The oracle, a program with its first arguments. */
export const command = (process.env.HEDDLE_E2E_ORACLE || `${join(root, "target", "release", "heddle")} oracle`).split(" ");

/** Seconds of an attempt: as short as a busy machine bears. */
export const ATTEMPT = 2;
const DAY = 86_400;
const DECIMALS = 8;
/** A change of so much is news for the first feed, in 1e-4. */
const DEVIATION = 50;
/** Seconds after which the second feed is reported for, whatever the price. */
export const HEARTBEAT = 8;
/** How far honest sources are from the truth at most, in 1e-6. */
const NOISE = 300;
const BOND = 1000n * 10n ** 18n;
const REPORTERS = 4;
/** Its sources lie; the others tell the truth. */
const LIAR = 3;

const contract = (name) => JSON.parse(readFileSync(join(root, "contracts", "artifacts", `${name}.json`), "utf8"));
export const priceFeed = contract("PriceFeed");
export const registryContract = contract("ReporterRegistry");
const token = contract("FaucetToken");

const types = {
  Observation: [
    { name: "round", type: "uint32" },
    { name: "attempt", type: "uint32" },
    { name: "value", type: "int192" },
    { name: "observedAt", type: "uint48" },
  ],
};

/** Key of a reporter of `heddle dev --venue`, as crates/venue derives it. */
function venueKey(number) {
  const account = mnemonicToAccount(mnemonic, { path: `m/44'/60'/1'/0/${2 + number}` });
  return toHex(account.getHdKey().privateKey);
}

const seconds = () => Math.floor(Date.now() / 1000);
const listening = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

/** The world: a price that goes where it is told, and servers that tell it. */
class World {
  constructor(random) {
    this.random = random;
    this.price = 3000;
    this.sockets = new Map();
  }

  async open() {
    this.server = createServer((request, response) => {
      const reporter = Number(request.url.split("/")[2]);
      response.end(JSON.stringify({ data: { price: this.said(reporter), time: Date.now() } }));
    });
    // Enough of WebSocket to send text: what clients say is not read.
    this.server.on("upgrade", (request, socket) => {
      const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash("sha1").update(key).digest("base64");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
      this.sockets.set(socket, Number(request.url.split("/")[2]));
      socket.on("error", () => {});
      socket.on("data", () => {});
      socket.on("close", () => this.sockets.delete(socket));
    });
    this.port = await listening(this.server);
  }

  /** What a source of a reporter says now: text, with more digits than the feed has. */
  said(reporter) {
    if (reporter === LIAR) return this.random.pick(["1", "999999999", "-5", `${this.price * 1.5}`, `${this.price / 3}`]);
    const noise = 1 + (this.random.below(2 * NOISE + 1) - NOISE) / 1e6;
    return (this.price * noise).toFixed(10);
  }

  /** Tells all sources anew. */
  tell(files) {
    for (const [reporter, file] of files.entries()) appendFileSync(file, `${Date.now()},x,${this.said(reporter)}\n`);
    for (const [socket, reporter] of this.sockets) {
      const text = Buffer.from(JSON.stringify({ p: this.said(reporter) }));
      socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
    }
  }
}

/** Hears what reporters send to each other, as one of them. */
class Collector {
  constructor(chainId, reporters) {
    Object.assign(this, { chainId, reporters });
    this.seen = new Map();
    this.problems = [];
  }

  async open() {
    this.server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", async () => {
        const { feed, observations } = JSON.parse(body);
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ feed, observations: [] }));
        for (const observation of observations) await this.hear(feed, observation).catch((error) => this.problems.push(error.message));
      });
    });
    this.port = await listening(this.server);
  }

  /** Fails if its signer has signed another one for the same round and attempt. */
  async hear(feed, { round, attempt, value, observedAt, signature }) {
    const content = JSON.stringify([feed, round, attempt, value, observedAt]);
    if (this.seen.has(content + signature)) return;
    this.seen.set(content + signature, true);
    const message = { round, attempt, value: BigInt(value), observedAt };
    const signer = await recoverTypedDataAddress({
      ...this.typed(feed, message),
      signature: expanded(signature),
    });
    if (!this.reporters.includes(signer)) this.problems.push(`${content} is signed by ${signer}, who is no reporter`);
    const key = JSON.stringify([signer, feed, round, attempt]);
    const before = this.seen.get(key);
    if (before !== undefined && before !== content) this.problems.push(`${signer} has signed ${before} and ${content}`);
    this.seen.set(key, content);
  }

  typed(feed, message) {
    const domain = { name: "Heddle PriceFeed", version: "1", chainId: this.chainId, verifyingContract: getAddress(feed) };
    return { domain, types, primaryType: "Observation", message };
  }
}

/** A signature of 64 bytes (ERC-2098) in the form of 65. */
function expanded(signature) {
  const vs = BigInt(`0x${signature.slice(66)}`);
  const s = toHex(vs & ((1n << 255n) - 1n), { size: 32 });
  return serializeSignature({ r: signature.slice(0, 66), s, yParity: Number(vs >> 255n) });
}

/** A chain with two feeds, and their four reporters. */
export class Scene {
  /**
   * With feeds of its own, which change often, or with that of ether of `heddle dev --venue`, which may be
   * there already, at `url`.
   */
  constructor({ name, random, isVenue = false, url }) {
    Object.assign(this, { name, random, isVenue, url, world: new World(random), place: mkdtempSync(join(tmpdir(), "heddle-oracle-")), kills: 0 });
    process.on("exit", () => this.close());
  }

  async open() {
    // Appointing reporters takes a day.
    const args = this.isVenue ? ["--venue"] : ["--timestamp", `${seconds() - 2 * DAY}`];
    this.node = this.url ? { url: this.url, stop: () => {} } : await start(this.name, { args });
    const transport = http(this.node.url);
    const account = privateKeyToAccount(richKeys[0]);
    this.public = createPublicClient({ transport, pollingInterval: 50 });
    this.wallet = createWalletClient({ account, transport });
    this.chainId = await this.public.getChainId();
    this.keys = Array.from({ length: REPORTERS }, (_, number) => (this.isVenue ? venueKey(number) : sha256(toHex(`reporter ${number}`))));
    this.reporters = this.keys.map((key) => privateKeyToAccount(key));
    this.seats = this.reporters.map(({ address }) => address).sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
    await (this.isVenue ? this.find() : this.deploy());
    this.collector = new Collector(this.chainId, this.seats);
    await Promise.all([this.world.open(), this.collector.open()]);
    this.configure();
    this.teller = setInterval(() => this.world.tell(this.files), 100);
    for (let number = 0; number < REPORTERS; number++) this.run(number);
  }

  async send(to, { abi }, functionName, args) {
    const hash = await this.wallet.writeContract({ chain: null, address: to, abi, functionName, args });
    const receipt = await this.public.waitForTransactionReceipt({ hash });
    holds(receipt.status === "success", `${functionName} has reverted`);
  }

  async create({ abi, bytecode }, args) {
    const hash = await this.wallet.deployContract({ chain: null, abi, bytecode, args });
    const receipt = await this.public.waitForTransactionReceipt({ hash });
    return receipt.contractAddress;
  }

  async deploy() {
    const admin = this.wallet.account.address;
    const rpc = (method, ...params) => request(method, params, this.node.url);
    await rpc("evm_setTime", toHex(seconds() - 2 * DAY + 60));
    const bonds = await this.create(token, ["Bond", "BOND", 18]);
    const config = {
      admin, token: bonds, bondMin: BOND, fund: admin, rewardShare: 1000, appointmentDelay: DAY, unbondingDelay: 7 * DAY,
    };
    this.registry = await this.create(registryContract, [config]);
    const role = await this.public.readContract({ address: this.registry, abi: registryContract.abi, functionName: "APPOINTER_ROLE" });
    await this.send(this.registry, registryContract, "grantRole", [role, admin]);
    await this.send(bonds, token, "mint", [admin, BOND * 100n]);
    await this.send(bonds, token, "approve", [this.registry, BOND * 100n]);
    const feed = (description, heartbeat, deviationThreshold) => this.create(priceFeed, [{
      registry: this.registry, description, decimals: DECIMALS, heartbeat, staleAfter: 2 * heartbeat, deviationThreshold,
      observationAgeMax: 60, futureTolerance: 5, minAnswer: 1n, maxAnswer: 10n ** 15n,
    }]);
    this.feeds = { price: await feed("by deviation", 10 * DAY, DEVIATION), beat: await feed("by heartbeat", HEARTBEAT, 65_535) };
    for (const { address } of this.reporters) await rpc("anvil_setBalance", address, toHex(10n ** 20n));
    for (const feed of Object.values(this.feeds)) {
      for (const account of this.reporters) {
        const wallet = createWalletClient({ account, transport: http(this.node.url) });
        const hash = await wallet.writeContract({ chain: null, address: this.registry, abi: registryContract.abi, functionName: "join", args: [feed, admin] });
        await this.public.waitForTransactionReceipt({ hash });
        await this.send(this.registry, registryContract, "addBond", [feed, account.address, BOND]);
      }
      await this.send(this.registry, registryContract, "announce", [feed, this.seats]);
    }
    await rpc("evm_increaseTime", toHex(DAY + 60));
    for (const feed of Object.values(this.feeds)) await this.send(this.registry, registryContract, "appoint", [feed, this.seats]);
    await rpc("evm_setTime", toHex(seconds()));
    await rpc("evm_mine");
  }

  /** Finds the feed of ether that is there. */
  async find() {
    const places = JSON.parse(await output(nodeCommand()[0], ["venue", "addresses", "--json"]));
    const { registry, ethUsd } = places.contracts.oracle;
    this.registry = registry.address;
    this.feeds = { price: ethUsd.address };
    this.world.price = await this.answer(this.feeds.price);
  }

  /** Writes keys and configurations. */
  configure() {
    this.ports = this.reporters.map((_, number) => 20_000 + (process.pid % 4000) * 8 + number);
    this.files = this.reporters.map((_, number) => join(this.place, `${number}.csv`));
    const collector = `http://127.0.0.1:${this.collector.port}`;
    for (const number of this.reporters.keys()) {
      writeFileSync(join(this.place, `${number}.key`), this.keys[number], { mode: 0o600 });
      writeFileSync(this.files[number], "time,note,close\n");
      const peers = this.ports.filter((_, other) => other !== number).map((port) => `http://127.0.0.1:${port}`);
      const sources = `
        [[feeds.sources]]
        name = "file"
        max_age_seconds = 10
        csv = { path = "${number}.csv", column = "close", time_column = "time", time_unit = "milliseconds" }
        [[feeds.sources]]
        name = "server"
        max_age_seconds = 10
        http = { url = "http://127.0.0.1:${this.world.port}/http/${number}", pointer = "/data/price", time_pointer = "/data/time", time_unit = "milliseconds" }
        [[feeds.sources]]
        name = "stream"
        max_age_seconds = 10
        websocket = { url = "ws://127.0.0.1:${this.world.port}/ws/${number}", pointer = "/p" }`;
      const feed = (address) => `
        [[feeds]]
        address = "${address}"
        sources_min = ${number === LIAR ? 1 : 2}
        ${sources}`;
      writeFileSync(this.config(number), `
        node = "${this.node.url}"
        key = "${number}.key"
        state = "state-${number}"
        listen = "127.0.0.1:${this.ports[number]}"
        peers = ${JSON.stringify([...peers, collector])}
        attempt_seconds = ${ATTEMPT}
        slash = ${number === 0}
        ${Object.values(this.feeds).map(feed).join("\n")}`);
    }
    this.children = [];
  }

  config(number) {
    return join(this.place, `${number}.toml`);
  }

  run(number) {
    mkdirSync(join(made, "logs"), { recursive: true });
    const log = openSync(join(made, "logs", `${this.name}-reporter-${number}.log`), "a");
    const args = [...command.slice(1), "run", this.config(number)];
    this.children[number] = spawn(command[0], args, { stdio: ["ignore", log, log] });
    const child = this.children[number];
    child.ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("exit", (code, signal) => resolve(code ?? signal));
    });
    child.ended.then((reason) => {
      if (reason !== "SIGKILL") this.failed ??= `reporter ${number} has ended with ${reason}`;
    });
  }

  /** Ends an honest reporter by `kill -9`, at whatever it is about, and starts it again. */
  async kill() {
    const number = this.random.below(LIAR);
    await this.end(number);
    if (this.random.chance(30)) await sleep(this.random.below(ATTEMPT * 1000));
    this.run(number);
  }

  /** Ends two honest reporters, so that there is no quorum, for a time. */
  async silence(ms) {
    const absent = [0, 1];
    for (const number of absent) await this.end(number);
    await sleep(ms);
    for (const number of absent) this.run(number);
  }

  async end(number) {
    this.children[number].kill("SIGKILL");
    await this.children[number].ended;
    this.kills += 1;
    if (this.failed) throw new Error(this.failed);
  }

  latest(feed) {
    return this.public.readContract({ address: feed, abi: priceFeed.abi, functionName: "latestRound" }).then(Number);
  }

  async answer(feed) {
    const [, answer] = await this.public.readContract({ address: feed, abi: priceFeed.abi, functionName: "latestRoundData" });
    return Number(answer) / 10 ** DECIMALS;
  }

  /** Waits until a feed has the price that the world has. */
  async follows(what, timeoutMs = 30_000) {
    const isNear = async () => {
      if (this.failed) throw new Error(this.failed);
      if ((await this.latest(this.feeds.price)) === 0) return false;
      return Math.abs((await this.answer(this.feeds.price)) / this.world.price - 1) < DEVIATION / 1e4;
    };
    await eventually(isNear, `${what}: the feed follows ${this.world.price}`, timeoutMs);
  }

  /** What was reported, with the observations of each report, and transactions that came to nothing. */
  async reports(feed) {
    const logs = await this.public.getContractEvents({ address: feed, abi: priceFeed.abi, eventName: "ReportAccepted", fromBlock: 0n });
    return Promise.all(logs.map(async ({ args, transactionHash, blockNumber }) => {
      const { input } = await this.public.getTransaction({ hash: transactionHash });
      const { args: [, , observations] } = decodeFunctionData({ abi: priceFeed.abi, data: input });
      const { timestamp } = await this.public.getBlock({ blockNumber });
      return { ...args, observations, time: Number(timestamp) };
    }));
  }

  /** Judges all that has happened. `range` is what the truth has been within, or says so of a time in seconds. */
  async judge(range) {
    holds(this.collector.problems.length === 0, "a reporter has signed twice", this.collector.problems);
    let observations = 0;
    for (const feed of Object.values(this.feeds)) {
      const reports = await this.reports(feed);
      reports.forEach(({ round }, index) => holds(round === index + 1, "one report for each round", { round, index }));
      for (const report of reports) this.judgeReport(report, typeof range === "function" ? range : () => range);
      observations += reports.length;
    }
    const slashed = await this.public.getContractEvents({ address: this.registry, abi: registryContract.abi, eventName: "Slashed", fromBlock: 0n });
    holds(slashed.length === 0, "nobody is slashed", slashed);
    for (const number of this.reporters.keys()) {
      const proofs = readdirSync(join(this.place, `state-${number}`)).filter((name) => name.startsWith("proof"));
      holds(proofs.length === 0, "nobody is accused", proofs);
    }
    return observations;
  }

  judgeReport({ median, observations }, range) {
    const liar = this.seats.indexOf(this.reporters[LIAR].address);
    const byHonest = observations.filter(({ seat }) => seat !== liar);
    const honest = byHonest.map(({ value }) => value);
    holds(honest.length >= 2 && observations.length >= 3, "a quorum has reported", observations);
    const least = honest.reduce((a, b) => (a < b ? a : b));
    const most = honest.reduce((a, b) => (a > b ? a : b));
    holds(median >= least && median <= most, "the answer is between honest observations", { median, honest });
    const noise = NOISE / 1e6;
    for (const { value, observedAt } of byHonest) {
      const [low, high] = range(Number(observedAt));
      const bounds = [low * (1 - noise), high * (1 + noise)].map((price) => price * 10 ** DECIMALS);
      holds(Number(value) >= bounds[0] - 1 && Number(value) <= bounds[1] + 1, "an honest observation is near the truth", { value, bounds });
    }
  }

  /** How often transactions of reporters came to nothing, and how many there were. */
  async transactions() {
    let [all, reverted] = [0, 0];
    const last = await this.public.getBlockNumber();
    for (let blockNumber = 0n; blockNumber <= last; blockNumber++) {
      const { transactions } = await this.public.getBlock({ blockNumber, includeTransactions: true });
      for (const { to, hash } of transactions) {
        if (!to || !Object.values(this.feeds).some((feed) => feed.toLowerCase() === to.toLowerCase())) continue;
        const { status } = await this.public.getTransactionReceipt({ hash });
        all += 1;
        reverted += Number(status === "reverted");
      }
    }
    return { all, reverted };
  }

  /** The liar signs two observations at once, one for each of two reporters. */
  async equivocate() {
    const feed = this.feeds.beat;
    const key = this.keys[LIAR];
    this.children[LIAR].kill("SIGKILL");
    await this.children[LIAR].ended;
    // The attempt after the next: nobody has signed for it.
    const attempt = Math.floor(seconds() / ATTEMPT) + 1;
    const round = (await this.latest(feed)) + 1;
    for (const [reporter, value] of [[0, 1n], [1, 2n]]) {
      const message = { round, attempt, value, observedAt: attempt * ATTEMPT };
      const { r, s, yParity } = await sign({ hash: hashTypedData(this.collector.typed(feed, message)), privateKey: key });
      const vs = toHex(BigInt(s) | (BigInt(yParity) << 255n), { size: 32 });
      const observation = { ...message, value: `${value}`, signature: `${r}${vs.slice(2)}` };
      const body = JSON.stringify({ feed, observations: [observation] });
      const url = `http://127.0.0.1:${this.ports[reporter]}/exchange`;
      const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
      holds(response.ok, "the observation is taken", await response.text());
    }
    const slashed = () => this.public.getContractEvents({ address: this.registry, abi: registryContract.abi, eventName: "Slashed", fromBlock: 0n });
    await eventually(async () => (await slashed()).length > 0, "the liar is slashed", 30_000);
    await sleep(2 * ATTEMPT * 1000);
    const found = await slashed();
    holds(found.length === 1 && found[0].args.reporter === this.reporters[LIAR].address, "the liar is slashed once", found);
    // What would have been seen, had a reporter signed twice before.
    holds(this.collector.problems.length > 0, "the collector has seen both");
    return `by ${found[0].args.recipient}`;
  }

  close() {
    clearInterval(this.teller);
    for (const child of this.children ?? []) child.kill("SIGKILL");
    this.node?.stop();
    rmSync(this.place, { recursive: true, force: true });
  }
}
