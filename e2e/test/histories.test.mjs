// That the checks of histories find what must not be, and nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { concatHex, keccak256, numberToHex } from "viem";
import { checkBank, checkLists, checkSessions } from "../lib/histories.mjs";
import { generator } from "../lib/random.mjs";
import { Watch } from "../lib/watch.mjs";

const [ACCOUNTS, EACH, CLIENTS] = [4, 100, 3];
const LAST = 1000;

/** The chain as it should be: one transaction after the other, and clients that send at the same time. */
function run(seed, length, act) {
  const random = generator(seed);
  const transactions = [];
  const nonces = Array(CLIENTS).fill(0);
  const free = Array(CLIENTS).fill(0);
  let time = 0;
  for (let number = 0; number < length; number += 1) {
    const client = random.below(CLIENTS);
    const slot = `${client} ${nonces[client]}`;
    const place = { block: 1 + (number >> 2), index: number % 4 };
    time = Math.max(time, free[client]) + 1 + random.below(100);
    const sentAt = free[client] + random.below(time - free[client]);
    const finalAt = time + 50 + random.below(300);
    const common = { client: `client ${client}`, slot, sentAt, finalAt, outcome: "final", place, succeeded: true };
    // Some sign another one with the same nonce, and one of the two is void.
    if (random.chance(20)) {
      const isVoid = { tag: 1000 + number, outcome: "void", finalAt: undefined, place: undefined };
      transactions.push({ ...common, ...isVoid, ...act(random, undefined, 1000 + number) });
    }
    transactions.push({ ...common, tag: number + 1, ...act(random, place, number + 1) });
    nonces[client] += 1;
    free[client] = finalAt + 1;
  }
  return transactions;
}

function bank(seed = 1, length = 80) {
  const balances = Array(ACCOUNTS).fill(EACH);
  const [events, reads] = [[], []];
  const transactions = run(seed, length, (random, place, tag) => {
    const [from, to, amount] = [random.below(ACCOUNTS), random.below(ACCOUNTS), 1 + random.below(120)];
    if (!place) return { from, to, amount };
    const succeeded = balances[from] >= amount;
    if (succeeded) {
      balances[from] -= amount;
      balances[to] += amount;
      events.push({ ...place, tag, from, to, amount, fromAfter: balances[from], toAfter: balances[to] });
    }
    if (place.index === 3) {
      reads.push({ client: "client 0", validator: random.below(4), at: tag, block: place.block, balances: [...balances] });
    }
    return { from, to, amount, succeeded };
  });
  return { accounts: ACCOUNTS, each: EACH, events, transactions, reads, last: LAST };
}

function lists(seed = 1, length = 80) {
  const found = new Map([1, 2, 3].map((key) => [key, []]));
  const places = new Map();
  const reads = [];
  const transactions = run(seed, length, (random, place, tag) => {
    const steps = Array.from({ length: 1 + random.below(4) }, (_, index) => ({
      key: 1 + random.below(3),
      value: random.chance(50) ? 10 * tag + index : 0,
    }));
    if (!place) return { steps };
    places.set(tag, place);
    const seen = steps.map(({ key, value }) => {
      if (value !== 0) found.get(key).push(value);
      return look(found.get(key));
    });
    if (place.index === 3) {
      const copies = [...found].map(([key, values]) => [key, [...values]]);
      reads.push({ client: "client 0", validator: random.below(4), at: tag, block: place.block, lists: copies });
    }
    return { steps, seen };
  });
  return { transactions, lists: found, places, reads, last: LAST };
}

/** What a transaction sees of a list. */
function look(values) {
  const word = (number) => numberToHex(number, { size: 32 });
  return { length: values.length, digest: values.reduce((digest, value) => keccak256(concatHex([digest, word(value)])), word(0)) };
}

const finds = (faults, pattern) => {
  assert.ok(faults.some((fault) => pattern.test(fault)), `${pattern} is not among ${JSON.stringify(faults)}`);
};
const appends = ({ outcome, steps }) => outcome === "final" && steps.some(({ value }) => value !== 0);

test("has nothing to say of histories that are right", () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    assert.deepEqual(checkBank(bank(seed)), []);
    assert.deepEqual(checkLists(lists(seed)), []);
  }
});

test("finds a transfer that is lost", () => {
  const history = bank();
  const [event] = history.events.splice(5, 1);
  finds(checkBank(history), new RegExp(`^transaction ${event.tag} of .* is lost$`));
});

test("finds a transfer that took effect twice", () => {
  const history = bank();
  history.events.splice(6, 0, { ...history.events[5], index: history.events[5].index });
  finds(checkBank(history), /took effect twice/);
});

test("finds a transfer of which another one with its nonce took effect, too", () => {
  const history = bank();
  const other = history.transactions.find(({ outcome }) => outcome === "void");
  history.events.push({ block: 900, index: 0, fromAfter: 0, toAfter: 0, ...other });
  finds(checkBank(history), /have one nonce, and both took effect/);
  finds(checkBank(history), /although another one with its nonce is final/);
});

test("finds two of a nonce that took effect, though nobody knew of either", () => {
  const history = bank();
  const [first] = history.events;
  const meant = history.transactions.find(({ tag }) => tag === first.tag);
  meant.outcome = "open";
  history.transactions.push({ ...meant, tag: 5000 });
  history.events.splice(1, 0, { ...first, tag: 5000, index: first.index + 1 });
  finds(checkBank(history), /have one nonce, and both took effect/);
});

test("finds a sum that is not what it was", () => {
  const history = bank();
  history.reads[3].balances[1] += 1;
  finds(checkBank(history), /are 401 together, not 400/);
});

test("finds balances that belong to another block", () => {
  const history = bank();
  history.reads[3].balances = history.reads[8].balances;
  finds(checkBank(history), /the balances of block 4 that client 0 read/);
});

test("finds a transfer that leaves other balances than it should", () => {
  const history = bank();
  history.events[4].toAfter += 1;
  finds(checkBank(history), /which should have/);
});

test("finds a transfer that was reverted without reason", () => {
  const history = bank();
  const index = history.transactions.findIndex(({ outcome, succeeded, amount }) => outcome === "final" && succeeded && amount < 20);
  const transaction = history.transactions[index];
  transaction.succeeded = false;
  history.events = history.events.filter(({ tag }) => tag !== transaction.tag);
  finds(checkBank(history), /was reverted, but/);
});

test("finds a transfer that nobody sent", () => {
  const history = bank();
  history.transactions = history.transactions.filter(({ tag }) => tag !== history.events[2].tag);
  finds(checkBank(history), /^nobody sent transaction/);
});

test("finds an append that is lost", () => {
  const history = lists();
  history.lists.get(2).splice(3, 1);
  finds(checkLists(history), /^list 2 has lost \d+ of transaction/);
});

test("finds a transaction with appends that is lost from list and log", () => {
  const history = lists();
  const { tag, steps } = history.transactions.findLast(appends);
  history.places.delete(tag);
  for (const { key, value } of steps) history.lists.set(key, history.lists.get(key).filter((other) => other !== value));
  finds(checkLists(history), /is lost$/);
});

test("finds an append that is there twice", () => {
  const history = lists();
  history.lists.get(1).push(history.lists.get(1)[0]);
  finds(checkLists(history), /^list 1 has \d+ twice$/);
});

test("finds an append of a transaction that has no effect", () => {
  const history = lists();
  history.transactions.push({ tag: 7777, client: "client 9", slot: "9 0", sentAt: 0, outcome: "void", steps: [{ key: 1, value: 99_999 }] });
  history.lists.get(1).push(99_999);
  finds(checkLists(history), /which took no effect$/);
});

test("finds two orders of one list, as of a fork", () => {
  const history = lists();
  const [first, second] = history.lists.get(3);
  history.lists.get(3).splice(0, 2, second, first);
  finds(checkLists(history), /which are not the first of/);
});

test("finds different final blocks at two validators", () => {
  const watch = new Watch([]);
  watch.note({ index: 0 }, 7, "0xaa");
  watch.note({ index: 1 }, 7, "0xaa");
  assert.deepEqual(watch.faults, []);
  watch.note({ index: 2 }, 7, "0xbb");
  finds(watch.faults, /^block 7 is 0xaa at validator 0, and 0xbb at validator 2$/);
});

test("finds a read of another fork", () => {
  const history = lists();
  history.reads[4].lists[0][1].push(123);
  finds(checkLists(history), /^list 1 of block 5 that client 0 read/);
});

test("finds a validator whose final block is older than before", () => {
  const read = (at, validator, block) => ({ client: "one", validator, at, block });
  assert.deepEqual(checkSessions([read(1, 0, 5), read(2, 1, 4), read(3, 0, 5)]), []);
  assert.deepEqual(checkSessions([read(1, 0, 5), read(3, 0, 4)]), ["one at validator 0: block 5 was final, and then only 4"]);
});

/** Transactions at one time on lists that hold at last what is given. Steps are [key, value, what was read]. */
function small(final, ...of) {
  const transactions = of.map((steps, index) => ({
    tag: index + 1, client: `client ${index}`, slot: `${index} 0`, sentAt: 0, finalAt: 100, outcome: "final", succeeded: true,
    place: { block: 1, index }, steps: steps.map(([key, value]) => ({ key, value })), seen: steps.map(([, , read]) => look(read)),
  }));
  const places = new Map(transactions.map(({ tag, place }) => [tag, place]));
  return { transactions, lists: new Map(final), places, reads: [], last: LAST };
}

test("finds a cycle of writes (G0)", () => {
  const history = small([[1, [11, 21]], [2, [22, 12]]], [[1, 11, [11]], [2, 12, [22, 12]]], [[1, 21, [11, 21]], [2, 22, [22]]]);
  finds(checkLists(history), /no order .*: 1 -ww 1-> 2 -ww 2-> 1$/);
});

test("finds a cycle of writes and reads (G1c)", () => {
  const history = small([[1, [11]], [2, [22]]], [[1, 11, [11]], [2, 0, [22]]], [[2, 22, [22]], [1, 0, [11]]]);
  finds(checkLists(history), /no order .*: 1 -wr 1-> 2 -wr 2-> 1$/);
});

test("finds two that each did not see the other, as with write skew (G2)", () => {
  const history = small([[1, [11]], [2, [22]]], [[1, 11, [11]], [2, 0, []]], [[2, 22, [22]], [1, 0, []]]);
  finds(checkLists(history), /no order .*: 1 -rw 2-> 2 -rw 1-> 1$/);
});

test("finds a read in the midst of a transaction (G1b)", () => {
  const history = small([[1, [11, 12]]], [[1, 11, [11]], [1, 12, [11, 12]]], [[1, 0, [11]]]);
  finds(checkLists(history), /saw list 1 in the midst of transaction 1/);
});

test("finds a read that misses what was final before it was sent", () => {
  const history = small([[1, [11]]], [[1, 11, [11]]], [[1, 0, []]]);
  assert.deepEqual(checkLists(history), []);
  Object.assign(history.transactions[1], { sentAt: 100, finalAt: 150 });
  assert.deepEqual(checkLists(history), []);
  Object.assign(history.transactions[1], { sentAt: 101, finalAt: 150 });
  finds(checkLists(history), /no order .*: 1 -time-> 2 -rw 1-> 1$/);
});

test("finds a longer cycle among many", () => {
  const history = lists(3, 400);
  assert.deepEqual(checkLists(history), []);
  const readers = history.transactions.filter(({ outcome, steps }) => outcome === "final" && steps.every(({ value }) => value === 0));
  const late = readers.at(-1);
  late.seen = late.steps.map(() => look([]));
  finds(checkLists(history), /no order of transactions explains/);
});
