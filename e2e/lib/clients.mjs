// Clients of validators that fail: they send transactions over JSON-RPC, often do not learn what
// became of them, and find out later. What they saw is kept for lib/histories.mjs.

import { decodeEventLog, decodeFunctionResult, encodeFunctionData, keccak256 as hashOf, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact, sleep } from "./flow.mjs";

export const CHAIN = 4242;
const GWEI = 10n ** 9n;
/** How long a client waits for an answer, and for a transaction to be final, before it tries elsewhere. */
const ANSWER_MS = 1500;
const PATIENCE_MS = 3000;
const POLL_MS = 120;
/** Of a nonce; a client that gave up that often goes on with what it has signed. */
const RIVALS_MAX = 5;

export const bank = artifact("Bank");
export const lists = artifact("Lists");
export const BANK = { accounts: 8, each: 1000 };
/** Lists of a group; a new group begins now and then, so that lists stay short. */
const GROUP = 5;
export const keysOf = (group) => Array.from({ length: GROUP }, (_, index) => group * GROUP + index);


/** An account for each number; none has anything anywhere else. */
export const accountOf = (number) => privateKeyToAccount(toHex(BigInt(number + 1) * 0x1000_0001n, { size: 32 }));

/** Several requests at once: gives an answer for each, which is a result or an error. */
export async function ask({ url }, calls, timeoutMs = ANSWER_MS) {
  const body = JSON.stringify(calls.map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params })));
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(timeoutMs) });
  const answers = await response.json();
  if (!Array.isArray(answers)) throw new Error(`a batch is answered with ${JSON.stringify(answers).slice(0, 200)}`);
  return calls.map((_, id) => answers.find((answer) => answer.id === id));
}

/** The results of several requests, all of which must succeed. */
export async function results(validator, calls, timeoutMs = 20_000) {
  const answers = await ask(validator, calls, timeoutMs);
  return answers.map((answer, index) => {
    if (answer?.error || !answer) throw new Error(`${calls[index][0]} at validator ${validator.index}: ${JSON.stringify(answer?.error)}`);
    return answer.result;
  });
}

/** Everything that all clients saw. */
export class History {
  constructor() {
    this.transactions = [];
    this.byTag = new Map();
    this.reads = [];
    this.group = 0;
    this.counts = { final: 0, reverted: 0, unknown: 0, resolved: 0, resent: 0, rivals: 0, void: 0 };
    /** What validators said when they refused a transaction, and how often. */
    this.refusals = new Map();
  }

  /** Another transaction; its tag is a number that no other has. */
  begin(fields) {
    const transaction = { tag: this.transactions.length + 1, outcome: "open", ...fields };
    this.transactions.push(transaction);
    this.byTag.set(transaction.tag, transaction);
    return transaction;
  }

  of(kind) {
    return this.transactions.filter((transaction) => transaction.kind === kind);
  }
}

/** Signs transactions of one account, and sees each through until one of its nonce is final. */
export class Sender {
  constructor({ name, account, validators, random, history }) {
    Object.assign(this, { name, account, validators, random, history, nonce: 0 });
  }

  sign(fields, bid = 0) {
    const maxFeePerGas = (10n * GWEI * 13n ** BigInt(bid)) / 10n ** BigInt(bid);
    const fees = { type: "eip1559", maxFeePerGas, maxPriorityFeePerGas: maxFeePerGas / 10n };
    return this.account.signTransaction({ chainId: CHAIN, nonce: this.nonce, ...fees, ...fields });
  }

  /** Whether the validator took it. If nobody answers, it may have. */
  async send({ raw }, validator) {
    try {
      const [{ error }] = await ask(validator, [["eth_sendRawTransaction", [raw]]]);
      if (!error) return true;
      const said = `${error.message}`.replace(/0x[0-9a-f]+|\d+/g, "N");
      this.history.refusals.set(said, (this.history.refusals.get(said) ?? 0) + 1);
    } catch {
      // It is down, cut off, or slow.
    }
    return false;
  }

  /** The final receipt of one of some transactions, as a validator has it; `undefined` if it takes too long. */
  async waitForFinal(attempts, validator) {
    const receipts = attempts.map(({ hash }) => ["eth_getTransactionReceipt", [hash]]);
    const finalized = ["eth_getBlockByNumber", ["finalized", false]];
    const end = performance.now() + PATIENCE_MS;
    while (performance.now() < end) {
      try {
        const [{ result: block }, ...found] = await ask(validator, [finalized, ...receipts]);
        const final = Number(block.number);
        const isFinal = ({ result }) => result && Number(result.blockNumber) <= final;
        const seen = found.findIndex(isFinal);
        if (seen >= 0) {
          // Asked for at one time, the receipt may be older than what is final: of a block beside.
          const [again] = await ask(validator, [receipts[seen]]);
          if (isFinal(again)) return { attempt: attempts[seen], receipt: again.result, final };
        }
      } catch {
        return undefined;
      }
      await sleep(POLL_MS);
    }
    return undefined;
  }

  /**
   * Has something done once. `make` signs another transaction of the same nonce each time; that
   * there are several is our doing, and that one takes effect is the chain's.
   */
  async complete(make) {
    const { random, validators, history } = this;
    const attempts = [await make(0)];
    let isUnknown = false;
    const note = () => {
      if (!isUnknown) history.counts.unknown += 1;
      isUnknown = true;
    };
    let validator = random.pick(validators);
    if (!(await this.send(attempts[0], validator))) note();
    if (random.chance(10)) {
      attempts.push(await make(attempts.length));
      history.counts.rivals += 1;
      await this.send(attempts[1], random.pick(validators));
    }
    for (;;) {
      const found = await this.waitForFinal(attempts, validator);
      if (found) {
        this.nonce += 1;
        if (isUnknown) history.counts.resolved += 1;
        return { ...found, validator, others: attempts.filter((attempt) => attempt !== found.attempt) };
      }
      note();
      validator = random.pick(validators);
      if (random.chance(50) && attempts.length < RIVALS_MAX) {
        attempts.push(await make(attempts.length));
        history.counts.rivals += 1;
      } else {
        history.counts.resent += 1;
      }
      await this.send(attempts.at(-1), validator);
      // One that is down refuses at once.
      await sleep(POLL_MS);
    }
  }
}

/** A client with one of the two workloads. */
export class Client extends Sender {
  constructor({ kind, contracts, ...rest }) {
    super(rest);
    Object.assign(this, { kind, contracts, isOn: true });
  }

  async run() {
    while (this.isOn) {
      if (this.random.chance(25)) await this.read();
      else await this.transact();
      await sleep(this.random.below(200));
    }
  }

  async transact() {
    const slot = `${this.account.address} ${this.nonce}`;
    const { attempt, receipt, final, validator, others } = await this.complete(async (bid) => {
      const transaction = this.history.begin({ client: this.name, slot, kind: this.kind });
      const call = this.kind === "bank" ? this.move(transaction) : this.act(transaction);
      const raw = await this.sign({ to: this.contracts[this.kind], gas: 600_000n, ...call }, bid);
      transaction.sentAt = performance.now();
      return { raw, hash: hashOf(raw), transaction };
    });
    const succeeded = receipt.status === "0x1";
    const place = { block: Number(receipt.blockNumber), index: Number(receipt.transactionIndex) };
    const { hash, transaction } = attempt;
    Object.assign(transaction, { outcome: "final", succeeded, place, finalAt: performance.now(), hash, blockHash: receipt.blockHash });
    if (succeeded && this.kind === "lists") transaction.seen = seen(receipt.logs[0]);
    for (const other of others) Object.assign(other.transaction, { outcome: "void", hash: other.hash });
    const { counts } = this.history;
    counts.final += 1;
    counts.reverted += Number(!succeeded);
    counts.void += others.length;
    const read = { client: this.name, validator: validator.index, at: performance.now(), block: final };
    this.history.reads.push({ ...read, kind: "receipt" });
  }

  move(transaction) {
    const { random } = this;
    const from = random.below(BANK.accounts);
    const to = (from + 1 + random.below(BANK.accounts - 1)) % BANK.accounts;
    // Now and then more than there is.
    Object.assign(transaction, { from, to, amount: 1 + random.below(random.chance(10) ? 2 * BANK.each : 200) });
    const args = [transaction.tag, from, to, transaction.amount].map(BigInt);
    return { data: encodeFunctionData({ abi: bank.abi, functionName: "move", args }) };
  }

  act(transaction) {
    const { random } = this;
    const { group } = this.history;
    const steps = Array.from({ length: 1 + random.below(4) }, (_, index) => ({
      key: random.pick(keysOf(group)),
      value: random.chance(50) ? 10 * transaction.tag + index : 0,
    }));
    Object.assign(transaction, { group, steps });
    const args = [BigInt(transaction.tag), steps.map(({ key, value }) => ({ key: BigInt(key), value: BigInt(value) }))];
    return { data: encodeFunctionData({ abi: lists.abi, functionName: "act", args }) };
  }

  /** Reads the last final block of a validator. One that does not answer is no news. */
  async read() {
    const { random, history } = this;
    const validator = random.pick(this.validators);
    const { group } = history;
    let found;
    try {
      if (this.kind === "bank") found = await readBank(validator, this.contracts.bank, "finalized");
      else found = await readLists(validator, this.contracts.lists, keysOf(group), "finalized");
    } catch (error) {
      if (!error.isAnswer) return;
      throw error;
    }
    history.reads.push({ client: this.name, validator: validator.index, at: performance.now(), kind: this.kind, group, ...found });
  }
}

async function call(validator, to, contract, functionName, args, block) {
  const data = encodeFunctionData({ abi: contract.abi, functionName, args });
  const [{ result, error }] = await ask(validator, [["eth_call", [{ to, data }, block]]], 5000);
  if (error) {
    const message = `validator ${validator.index} does not read ${block}: ${JSON.stringify(error)}`;
    throw Object.assign(new Error(message), { isAnswer: true });
  }
  return decodeFunctionResult({ abi: contract.abi, functionName, data: result });
}

/** All balances in a block, and its number. */
export async function readBank(validator, address, block) {
  const [number, balances] = await call(validator, address, bank, "all", [], block);
  return { block: Number(number), balances: balances.map(Number) };
}

/** What lists hold in a block, and its number. */
export async function readLists(validator, address, keys, block) {
  const [number, found] = await call(validator, address, lists, "read", [keys.map(BigInt)], block);
  return { block: Number(number), lists: keys.map((key, index) => [key, found[index].map(Number)]) };
}

const placeOf = ({ blockNumber, transactionIndex }) => ({ block: Number(blockNumber), index: Number(transactionIndex) });

/** What a log of the bank tells, with its place. */
export function moved(log) {
  const { args } = decodeEventLog({ abi: bank.abi, data: log.data, topics: log.topics });
  return { ...placeOf(log), ...Object.fromEntries(Object.entries(args).map(([name, value]) => [name, Number(value)])) };
}

/** The tag of a log of the lists, with its place. */
export function acted(log) {
  return [Number(log.topics[1]), placeOf(log)];
}

function seen(log) {
  const { args } = decodeEventLog({ abi: lists.abi, data: log.data, topics: log.topics });
  return args.lengths.map((length, index) => ({ length: Number(length), digest: args.digests[index] }));
}
