// A network of validators, faults one after the other, clients all the while, and what must hold
// after each. `../network.mjs` is the program.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeDeployData, keccak256 as hashOf } from "viem";
import { BANK, Client, History, Sender, accountOf, acted, bank, keysOf, lists, moved, readBank, readLists, results } from "./clients.mjs";
import { Scene, kinds } from "./faults.mjs";
import { hex, sleep } from "./flow.mjs";
import { checkBank, checkLists, checkSessions } from "./histories.mjs";
import { Network } from "./namespaces.mjs";
import { generator } from "./random.mjs";
import { Watch } from "./watch.mjs";

/** Clients of each workload. */
const CLIENTS = 4;
const ETHER = 1_000_000;
const EPOCH = 50;
/** After a fault all are in step within this time. */
const BACK_MS = 120_000;
/** As long as blocks come between faults. */
const CALM_MS = 1000;
/** Requests of a batch. */
const BATCH = 60;
/** Who gets the fees. */
const NOBODY = `0x${"00".repeat(20)}`;

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0n);
const shortened = (text) => (text.length > 500 ? `${text.slice(0, 500)}…` : text);

/** Something that must not be. */
class Violation extends Error {
  name = "VIOLATION";
}

/** Follows all final blocks; of a validator that is not to be relied upon it takes no answer for an answer. */
class FinalWatch extends Watch {
  lost(validator, error) {
    // That it has ended may be known a moment later than that it does not answer.
    setTimeout(() => {
      if (validator.isUp && validator !== this.excused) super.lost(validator, error);
    }, 500);
  }

  last() {
    return Math.max(...this.numbers.values());
  }

  first() {
    return Math.min(...this.numbers.values());
  }
}

/** Those of some names that no kind of fault has. */
export const unknownKinds = (names) => names.filter((name) => !kinds.has(name));

/** The kinds of faults of a campaign, in an order that the seed decides: each as often as its weight says. */
export function* plan(seed, wanted = [...kinds.keys()]) {
  for (let round = 0; ; round += 1) {
    const random = generator(seed * 7919 + round);
    const rest = wanted.flatMap((kind) => Array(kinds.get(kind).weight).fill(kind));
    while (rest.length > 0) yield rest.splice(random.below(rest.length), 1)[0];
  }
}

export class Campaign {
  /** `order` are the kinds of faults by cycle; it may be endless. */
  constructor({ name, seed, order, resume }) {
    Object.assign(this, { name, seed, order, resume, random: generator(seed), complaints: new Map() });
    const isKnown = resume && existsSync(resume);
    const known = isKnown ? JSON.parse(readFileSync(resume, "utf8")) : { seed, cycles: [], before: {}, weaknesses: {} };
    if (known.seed !== seed) throw new Error(`${resume} is of the seed ${known.seed}`);
    Object.assign(this, { cycles: known.cycles, before: known.before, weaknesses: known.weaknesses });
  }

  async start() {
    const accounts = Array.from({ length: 2 * CLIENTS + 1 }, (_, index) => accountOf(index));
    const args = ["--epoch-length", `${EPOCH}`, "--block-time-ms", "200"];
    this.funded = accounts.map(({ address }) => address);
    this.net = await Network.start(this.name, { seed: this.seed, args, fund: this.funded, ether: ETHER });
    this.validators = this.net.validators;
    this.watch = new FinalWatch(this.validators);
    this.history = new History();
    Object.assign(this, { checked: 0, burnt: 0n, events: [], places: new Map() });
    const common = (number) => ({
      account: accounts[number], validators: this.validators, history: this.history, random: generator(this.seed * 100 + number),
    });
    this.prober = new Sender({ name: "the prober", ...common(0) });
    const bankData = encodeDeployData({ ...bank, args: [BANK.accounts, BANK.each].map(BigInt) });
    this.contracts = { bank: await this.deploy(bankData), lists: await this.deploy(lists.bytecode) };
    this.clients = ["bank", "lists"].flatMap((kind, offset) =>
      Array.from({ length: CLIENTS }, (_, index) => {
        const name = `${kind} client ${index}`;
        return new Client({ kind, name, contracts: this.contracts, ...common(1 + offset * CLIENTS + index) });
      }));
    // A client that fails by itself is a fault of ours, or has had an answer that must not be.
    this.running = this.clients.map((client) => client.run().catch((error) => (this.failure ??= error)));
    await sleep(CALM_MS);
  }

  async deploy(data) {
    const { receipt } = await this.prober.complete(async (bid) => this.attempt({ data, gas: 2_000_000n }, bid));
    if (receipt.status !== "0x1") throw new Error("a contract cannot be made");
    // Known at all validators before anybody asks for it.
    await this.until(() => this.watch.first() >= Number(receipt.blockNumber), "the contract is final everywhere");
    return receipt.contractAddress;
  }

  async attempt(fields, bid) {
    const raw = await this.prober.sign(fields, bid);
    return { raw, hash: hashOf(raw) };
  }

  /** Waits for what has to come, unless something goes wrong before. */
  async until(condition, what, timeoutMs = BACK_MS) {
    const end = performance.now() + timeoutMs;
    while (!condition()) {
      this.look();
      if (performance.now() > end) throw new Violation(`${what}: not within ${seconds(timeoutMs)}`);
      await sleep(20);
    }
  }

  /** Fails at what must not be, as soon as it is known. */
  look() {
    const { watch, net } = this;
    if (this.failure) throw this.failure;
    if (watch.faults.length > 0) throw new Violation(watch.faults.join("\n"));
    const ends = net.ends.map(({ index, end }) => `validator ${index} ended by itself, with ${end}`);
    if (ends.length > 0) throw new Violation(ends.join("\n"));
  }

  /** The next fault, and all that must hold after it. Gives a line that tells of it. */
  async cycle() {
    const number = this.cycles.length + 1;
    const kind = this.order.next().value;
    const { net, watch, history } = this;
    const { act, cuts } = kinds.get(kind);
    history.group += 1;
    const before = history.counts.final;
    const scene = new Scene({ net, watch, random: generator(this.seed * 100_003 + number) });
    if (kind === "full-disk") watch.excused = net.small;
    await net.links.tell({ count: true });
    const note = await act(scene);
    const { carried, dropped } = await net.links.tell({ count: true });
    if (cuts && dropped === 0) scene.faults.push("no packet was lost, so nothing was cut");
    if (scene.faults.length > 0) throw new Violation(`${kind}: ${note}\n${scene.faults.join("\n")}`);
    for (const weakness of scene.weaknesses) this.weaknesses[weakness] = (this.weaknesses[weakness] ?? 0) + 1;
    const after = () => Math.round(performance.now() - scene.healedAt);
    await this.until(() => watch.last() > scene.mark, `${kind}: ${note}: a block is final again`);
    const finalMs = after();
    await this.until(() => watch.first() > scene.mark, `${kind}: ${note}: all are in step`);
    const stepMs = after();
    watch.excused = undefined;
    const probeMs = await this.probe();
    await sleep(CALM_MS);
    await this.check();
    this.listen(kind);
    this.cycles.push({ kind, finalMs, stepMs, probeMs });
    this.save();
    const parts = [
      note,
      scene.hasStood ? "nothing final meanwhile" : `${scene.blocks} blocks meanwhile`,
      ...(dropped > 0 ? [`${dropped} of ${carried + dropped} packets lost`] : []),
      `final again after ${finalMs} ms, all in step after ${stepMs} ms, a transfer final everywhere in ${probeMs} ms`,
      `block ${this.checked}, ${history.counts.final - before} transactions`,
    ];
    return `${`${number}`.padStart(5)} ${kind.padEnd(13)} ${parts.join("; ")}`;
  }

  /** Any validator takes a transfer, and all have it in the same final block. */
  async probe() {
    const begin = performance.now();
    const transfer = { to: this.funded[1], value: 1n, gas: 21_000n };
    const { receipt } = await this.prober.complete((bid) => this.attempt(transfer, bid));
    await this.until(() => this.watch.first() >= Number(receipt.blockNumber), "a transfer is final everywhere");
    await this.checkReceipts([{ hash: receipt.transactionHash, blockHash: receipt.blockHash, tag: "of the probe" }]);
    return Math.round(performance.now() - begin);
  }

  /** All that must hold of what is final at every validator by now. */
  async check(groups = [this.history.group - 1, this.history.group]) {
    this.look();
    const { history, watch, validators } = this;
    const { transactions, reads } = history;
    const last = watch.first();
    // Whoever is asked says the same: blocks with the same hash hold the same, if they are read rightly.
    const [one, other] = [validators[last % validators.length], validators[(last + 1) % validators.length]];
    const faults = await this.readLogs(one, last);
    for (const validator of validators) {
      const found = await readBank(validator, this.contracts.bank, hex(last));
      reads.push({ client: "the check", validator: validator.index, at: performance.now(), kind: "bank", ...found });
    }
    const transfers = { transactions: ofKind(transactions, "bank"), reads: ofKind(reads, "bank") };
    faults.push(...checkBank({ ...BANK, ...transfers, events: this.events, last }));
    faults.push(...(await this.checkGroups(other, groups, last)));
    faults.push(...checkSessions(reads), ...(await this.checkEther(other, last)));
    if (faults.length > 0) throw new Violation([...new Set(faults)].slice(0, 20).map(shortened).join("\n"));
    const settled = transactions.filter(({ outcome, place, isChecked }) => outcome === "final" && !isChecked && place.block <= last);
    await this.checkReceipts(settled);
    for (const transaction of settled) transaction.isChecked = true;
    for (const validator of validators) {
      const [proofs] = await results(validator, [["heddle_equivocations", []]]);
      if (proofs.length > 0) throw new Violation(`validator ${validator.index} has proofs of two votes: ${JSON.stringify(proofs)}`);
    }
    this.checked = last;
  }

  /** What transactions logged since the last time. */
  async readLogs(validator, last) {
    const filter = { fromBlock: hex(this.checked + 1), toBlock: hex(last), address: Object.values(this.contracts) };
    if (this.checked === last) return [];
    const [logs] = await results(validator, [["eth_getLogs", [filter]]]);
    for (const log of logs) {
      if (log.address === this.contracts.bank) {
        this.events.push(moved(log));
      } else {
        const [tag, place] = acted(log);
        if (this.history.byTag.get(tag)?.kind !== "lists") return [`nobody sent transaction ${tag}`];
        const before = this.places.get(tag);
        if (before) return [`transaction ${tag} took effect twice, in blocks ${before.block} and ${place.block}`];
        this.places.set(tag, place);
      }
    }
    return [];
  }

  /** Looks at the lists of some groups. No transaction is in two. */
  async checkGroups(validator, groups, last) {
    const found = [];
    for (const group of groups) {
      found.push(...(await readLists(validator, this.contracts.lists, keysOf(group), hex(last))).lists);
    }
    const inGroups = ({ group }) => groups.includes(group);
    const transactions = ofKind(this.history.transactions, "lists").filter(inGroups);
    const logged = transactions.filter(({ tag }) => this.places.has(tag));
    const places = new Map(logged.map(({ tag }) => [tag, this.places.get(tag)]));
    const reads = ofKind(this.history.reads, "lists").filter(inGroups);
    return checkLists({ transactions, lists: new Map(found), places, reads, last });
  }

  /** The ether of all accounts is that of the first block, less the base fees. */
  async checkEther(validator, last) {
    const numbers = Array.from({ length: last - this.checked }, (_, index) => this.checked + 1 + index);
    const headers = await this.inBatches(validator, numbers.map((number) => ["eth_getBlockByNumber", [hex(number), false]]));
    for (const { baseFeePerGas, gasUsed } of headers) this.burnt += BigInt(baseFeePerGas) * BigInt(gasUsed);
    const { alloc } = JSON.parse(readFileSync(join(this.net.folder, "network", "genesis.json"), "utf8"));
    const first = sum(Object.values(alloc).map(({ balance }) => BigInt(balance ?? 0)));
    const known = [...Object.keys(alloc), ...this.funded, ...Object.values(this.contracts), NOBODY];
    const owners = [...new Set(known.map((address) => address.toLowerCase()))];
    const balances = await this.inBatches(validator, owners.map((address) => ["eth_getBalance", [address, hex(last)]]));
    const [total, expected] = [sum(balances.map(BigInt)), first - this.burnt];
    if (total === expected) return [];
    return [`all accounts have ${total} wei together in block ${last}, not ${expected}, which is ${first} less the base fees`];
  }

  async inBatches(validator, calls) {
    const found = [];
    for (let at = 0; at < calls.length; at += BATCH) found.push(...(await results(validator, calls.slice(at, at + BATCH))));
    return found;
  }

  /** What was final for a client is in the same block at all validators. */
  async checkReceipts(transactions) {
    const calls = transactions.map(({ hash }) => ["eth_getTransactionReceipt", [hash]]);
    for (const validator of this.validators) {
      const receipts = await this.inBatches(validator, calls);
      for (const [index, { tag, blockHash }] of transactions.entries()) {
        const found = receipts[index]?.blockHash;
        if (found === blockHash) continue;
        throw new Violation(`transaction ${tag} was final in block ${blockHash}, and is in ${found} at validator ${validator.index}`);
      }
    }
  }

  /** Takes note of what validators complain of. None panics, unless its disk is full. */
  listen(kind) {
    for (const { index, line } of this.net.newLines("campaign")) {
      if (/panicked/.test(line) && kind !== "full-disk") throw new Violation(`validator ${index}: ${line}`);
      if (!/panicked|^\S+ +(ERROR|WARN) /.test(line)) continue;
      const said = `${kind}: ${line.replace(/^\S+ +/, "").replace(/0x[0-9a-f]+|[0-9a-f]{8,}|\d+/g, "N").slice(0, 200)}`;
      this.complaints.set(said, (this.complaints.get(said) ?? 0) + 1);
    }
  }

  /** Lets clients end what they have begun, looks at everything once more, and stops all. */
  async finish() {
    const { watch, net, clients, history } = this;
    for (const client of clients) client.isOn = false;
    let isDone = false;
    Promise.all(this.running).then(() => (isDone = true));
    await this.until(() => isDone, "what clients have sent is final");
    const mark = watch.last();
    await this.until(() => watch.first() > mark, "all are in step");
    await watch.stop();
    await watch.compareAll();
    await this.check([...Array(history.group + 1).keys()]);
    await this.checkReceipts(history.transactions.filter(({ outcome }) => outcome === "final"));
    const open = history.transactions.filter(({ outcome }) => outcome === "open");
    if (open.length > 0) throw new Violation(`nobody knows what became of ${open.length} transactions`);
    for (const end of await net.stop()) if (end !== 0) throw new Violation(`a validator that was stopped ended with ${end}`);
    this.save();
  }

  /** What was counted, in this run and those that it goes on from. */
  totals() {
    const { history, watch } = this;
    const reads = history.reads.filter(({ kind }) => kind !== "receipt").length;
    const found = { networks: 1, blocks: this.checked, seen: watch.seen, reads, ...history.counts };
    return Object.fromEntries(Object.entries(found).map(([name, count]) => [name, count + (this.before[name] ?? 0)]));
  }

  save() {
    const { resume, seed, weaknesses, cycles } = this;
    if (resume) writeFileSync(resume, `${JSON.stringify({ seed, before: this.totals(), weaknesses, cycles })}\n`);
  }

  summary() {
    const { networks, blocks, seen, final, reverted, unknown, resolved, resent, rivals, void: others, reads } = this.totals();
    const lines = [
      `${this.cycles.length} cycles on ${networks} networks: ${blocks} final blocks, ${seen} seen at validators`,
      `${final} transactions final (${reverted} reverted), ${unknown} of them unknown for a while, ${resolved} of those resolved`,
      `${resent} times sent again, ${rivals} times another with the same nonce, and ${others} void; ${reads} reads of final blocks`,
      "recovery in ms: final again p50/p90/max, all in step p50/p90/max",
    ];
    for (const kind of new Set(this.cycles.map((cycle) => cycle.kind))) {
      const of = this.cycles.filter((cycle) => cycle.kind === kind);
      const times = [of.map(({ finalMs }) => finalMs), of.map(({ stepMs }) => stepMs)];
      lines.push(`  ${kind.padEnd(14)}${`${of.length}`.padStart(4)}  ${times.map(spread).join("  ")}`);
    }
    const counted = (title, counts) => {
      const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 30);
      lines.push(title, ...most.map(([said, count]) => `${`${count}`.padStart(7)}  ${said}`));
    };
    counted("what ought to be better:", Object.entries(this.weaknesses));
    counted("refused transactions:", this.history.refusals);
    counted("what validators complained of:", this.complaints);
    return lines.join("\n");
  }

  /** Where each validator stands, for whoever has to find out what went wrong. */
  async stand() {
    return Promise.all(this.validators.map(async (validator) => {
      const state = validator.isUp ? "up" : `down (${validator.end})`;
      const asked = results(validator, [["heddle_status", []]], 2000);
      const status = await asked.then(([found]) => JSON.stringify(found), (error) => error.message);
      return `validator ${validator.index} is ${state}, with block ${this.watch.reached(validator)} final: ${status}`;
    }));
  }
}

const ofKind = (items, wanted) => items.filter(({ kind }) => kind === wanted);

/** The middle, nine tenths, and the most. */
function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return `${at(0.5)}/${at(0.9)}/${sorted.at(-1)}`.padStart(18);
}
