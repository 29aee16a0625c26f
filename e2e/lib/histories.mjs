// What must hold of what clients have seen: of transfers in a bank, and of lists that transactions
// append to and read, as Elle looks at them. Pure functions; each gives what is wrong, in words.
//
// A transaction of a history:
//   tag, client        which one it is, and whose
//   slot               account and nonce; of those that share one, one takes effect at most
//   sentAt, finalAt    when it left the client first, and when it was known to be final; milliseconds
//   outcome            "final", "void" (another one with its slot is final), or "open": nobody knows
//   place              of a final one: { block, index }
//   succeeded          of a final one: whether it was not reverted
//   from, to, amount   of a transfer
//   steps, seen        of lists: { key, value }, of which value 0 reads; and { length, digest } for each
//
// A read of a final block: client, validator, at, block, and balances, or lists as [key, values].

import { concatHex, keccak256, numberToHex } from "viem";

const isEffective = ({ outcome, succeeded }) => outcome === "final" && succeeded;
const name = ({ tag, client }) => `transaction ${tag} of ${client}`;
const isBefore = (a, b) => a.block < b.block || (a.block === b.block && a.index < b.index);

/**
 * Looks at a bank. `events` are all transfers that its log tells of, up to the final block `last`:
 * { block, index, tag, from, to, amount, fromAfter, toAfter }, in the order of the chain.
 */
export function checkBank({ accounts, each, events, transactions, reads, last }) {
  const faults = [];
  const sent = new Map(transactions.map((transaction) => [transaction.tag, transaction]));
  const balances = Array(accounts).fill(each);
  const states = [{ block: -1, index: -1, balances: [...balances] }];
  const applied = new Map();
  for (const event of events) {
    const { block, index, tag, from, to, amount, fromAfter, toAfter } = event;
    balances[from] -= amount;
    balances[to] += amount;
    if (balances[from] < 0) faults.push(`account ${from} has ${balances[from]} after transaction ${tag}`);
    if (balances[from] !== fromAfter || balances[to] !== toAfter) {
      const found = `${fromAfter} and ${toAfter} in accounts ${from} and ${to}`;
      faults.push(`transaction ${tag} leaves ${found}, which should have ${balances[from]} and ${balances[to]}`);
    }
    if (applied.has(tag)) faults.push(`transaction ${tag} took effect twice, in blocks ${applied.get(tag).block} and ${block}`);
    const meant = sent.get(tag);
    if (!meant) faults.push(`nobody sent transaction ${tag}`);
    else if (`${[meant.from, meant.to, meant.amount]}` !== `${[from, to, amount]}`) faults.push(`${name(meant)} moved something else`);
    applied.set(tag, event);
    states.push({ block, index, balances: [...balances] });
  }
  faults.push(...checkEffects(transactions, applied, last));
  for (const transaction of transactions) {
    const { outcome, succeeded, place, from, amount } = transaction;
    if (outcome !== "final" || succeeded || place.block > last) continue;
    const has = stateBefore(states, (state) => isBefore(state, place)).balances[from];
    if (has >= amount) faults.push(`${name(transaction)} was reverted, but ${has} in account ${from} was enough for ${amount}`);
  }
  for (const { client, validator, block, balances: found } of reads) {
    const where = `the balances of block ${block} that ${client} read at validator ${validator}`;
    const sum = found.reduce((total, balance) => total + balance, 0);
    if (sum !== accounts * each) faults.push(`${where} are ${sum} together, not ${accounts * each}`);
    if (block > last) continue;
    const expected = stateBefore(states, (state) => state.block <= block).balances;
    if (`${found}` !== `${expected}`) faults.push(`${where} are ${found}, not ${expected}`);
  }
  return [...faults, ...checkSessions(reads)];
}

/** The last of some states in the order of the chain that fulfils what all before it do. */
function stateBefore(states, fulfils) {
  let [low, high] = [0, states.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fulfils(states[middle])) low = middle;
    else high = middle;
  }
  return states[low];
}

/** Whether that took effect which should have. `applied` has the places of what did, by tag. */
function checkEffects(transactions, applied, last) {
  const faults = [];
  const bySlot = new Map();
  for (const transaction of transactions) {
    const { tag, slot, outcome, succeeded, place } = transaction;
    const effect = applied.get(tag);
    if (effect) {
      if (bySlot.has(slot)) faults.push(`transactions ${bySlot.get(slot)} and ${tag} have one nonce, and both took effect`);
      bySlot.set(slot, tag);
      if (outcome === "void") faults.push(`${name(transaction)} took effect, although another one with its nonce is final`);
      if (outcome === "final" && !succeeded) faults.push(`${name(transaction)} took effect, although it was reverted`);
      if (outcome === "final" && (effect.block !== place.block || effect.index !== place.index)) {
        faults.push(`${name(transaction)} was final in block ${place.block}, and took effect in block ${effect.block}`);
      }
    } else if (isEffective(transaction) && place.block <= last) {
      faults.push(`${name(transaction)} was final in block ${place.block}, and is lost`);
    }
  }
  return faults;
}

/** Who asks one validator for its final block never gets an older one than before. */
export function checkSessions(reads) {
  const faults = [];
  const sessions = new Map();
  for (const { client, validator, block } of [...reads].sort((a, b) => a.at - b.at)) {
    const session = `${client} at validator ${validator}`;
    const before = sessions.get(session) ?? -1;
    if (block < before) faults.push(`${session}: block ${before} was final, and then only ${block}`);
    sessions.set(session, Math.max(before, block));
  }
  return faults;
}

/** The digest of each beginning of a list, from that of the empty one on. */
function digests(values) {
  const found = [numberToHex(0, { size: 32 })];
  for (const value of values) found.push(keccak256(concatHex([found.at(-1), numberToHex(value, { size: 32 })])));
  return found;
}

/**
 * Looks at lists. `lists` is a map of what the final block `last` holds, by key. `places` are those
 * of all transactions that the log tells of up to there, by tag.
 */
export function checkLists({ transactions, lists, places, reads, last }) {
  const faults = checkEffects(transactions, places, last);
  const sent = new Map(transactions.map((transaction) => [transaction.tag, transaction]));
  for (const tag of places.keys()) if (!sent.has(tag)) faults.push(`nobody sent transaction ${tag}`);
  const writers = new Map();
  for (const transaction of transactions) {
    for (const { key, value } of transaction.steps) if (value !== 0) writers.set(`${key} ${value}`, transaction);
  }
  const writerOf = (key, value) => writers.get(`${key} ${value}`);
  const there = new Set();
  for (const [key, values] of lists) {
    for (const value of values) {
      if (there.has(`${key} ${value}`)) faults.push(`list ${key} has ${value} twice`);
      there.add(`${key} ${value}`);
      const writer = writerOf(key, value);
      if (!writer) faults.push(`list ${key} has ${value}, which nobody appended`);
      else if (!places.has(writer.tag)) faults.push(`list ${key} has ${value} of ${name(writer)}, which took no effect`);
    }
  }
  for (const transaction of transactions) {
    if (!isEffective(transaction) || transaction.place.block > last) continue;
    for (const { key, value } of transaction.steps) {
      if (value !== 0 && !there.has(`${key} ${value}`)) faults.push(`list ${key} has lost ${value} of ${name(transaction)}`);
    }
  }
  faults.push(...checkSeen(transactions, lists, writerOf, last));
  for (const { client, validator, block, lists: found } of reads) {
    if (block > last) continue;
    for (const [key, values] of found) {
      const expected = (lists.get(key) ?? []).filter((value) => places.get(writerOf(key, value)?.tag)?.block <= block);
      if (`${values}` !== `${expected}`) {
        faults.push(`list ${key} of block ${block} that ${client} read at validator ${validator} is ${values}, not ${expected}`);
      }
    }
  }
  faults.push(...checkSessions(reads));
  // Of lists that are no lists of what was sent, an order says nothing.
  return faults.length > 0 ? faults : checkOrder(transactions, lists, writerOf, last);
}

/** Whether each transaction saw the beginning of what lists hold at last, and its own values in it. */
function checkSeen(transactions, lists, writerOf, last) {
  const faults = [];
  const digestsOf = new Map([...lists].map(([key, values]) => [key, digests(values)]));
  for (const transaction of transactions) {
    if (!isEffective(transaction) || transaction.place.block > last) continue;
    const own = new Map();
    for (const [index, { key, value }] of transaction.steps.entries()) {
      const { length, digest } = transaction.seen[index];
      const values = lists.get(key) ?? [];
      if ((digestsOf.get(key) ?? digests([]))[length] !== digest) {
        faults.push(`${name(transaction)} saw ${length} values in list ${key}, which are not the first of ${values}`);
        continue;
      }
      if (value !== 0 && values[length - 1] !== value) {
        faults.push(`${name(transaction)} appended ${value} to list ${key}, and did not see it`);
      }
      const expected = own.has(key) ? own.get(key) + Number(value !== 0) : length;
      if (length !== expected) {
        faults.push(`${name(transaction)} saw ${length} values in list ${key} where its own steps left ${expected}`);
      }
      own.set(key, length);
      const writer = length > 0 && writerOf(key, values[length - 1]);
      const isAmidst = writer && writer !== transaction && writerOf(key, values[length]) === writer;
      if (value === 0 && isAmidst) faults.push(`${name(transaction)} saw list ${key} in the midst of ${name(writer)}`);
    }
  }
  return faults;
}

/**
 * Whether all of it could have happened one after the other, in an order that time does not forbid.
 * Edges are the dependencies of Adya: ww, wr and rw, and what was final before another was sent.
 */
function checkOrder(transactions, lists, writerOf, last) {
  const graph = new Map();
  const add = (from, to, label) => {
    if (from === undefined || to === undefined || from === to) return;
    if (!graph.has(from)) graph.set(from, new Map());
    if (!graph.get(from).has(to)) graph.get(from).set(to, label);
  };
  for (const [key, values] of lists) {
    const tags = values.map((value) => writerOf(key, value).tag);
    for (let index = 1; index < tags.length; index += 1) add(tags[index - 1], tags[index], `ww ${key}`);
  }
  const known = transactions.filter((transaction) => isEffective(transaction) && transaction.place.block <= last);
  for (const { tag, steps, seen } of known) {
    for (const [index, { key, value }] of steps.entries()) {
      if (value !== 0) continue;
      const at = (position) => {
        const values = lists.get(key) ?? [];
        return position in values ? writerOf(key, values[position]).tag : undefined;
      };
      add(at(seen[index].length - 1), tag, `wr ${key}`);
      add(tag, at(seen[index].length), `rw ${key}`);
    }
  }
  addTime(known, add);
  const cycle = findCycle(graph);
  if (!cycle) return [];
  // Points in time stand between what was final and what was sent later.
  const tags = cycle.filter((tag) => typeof tag === "number");
  const first = cycle.indexOf(Math.min(...tags));
  const turned = [...cycle.slice(first), ...cycle.slice(0, first), cycle[first]];
  const label = (index) => graph.get(turned[index]).get(turned[index + 1]);
  const told = turned.map((tag, index) => (index === cycle.length ? `${tag}` : `${tag} -${label(index)}->`));
  return [`no order of transactions explains what they saw: ${told.filter((text) => !text.startsWith("time")).join(" ")}`];
}

/** Edges from what was final to all that was sent later: by points in time, as pairs would be too many. */
function addTime(transactions, add) {
  const moments = transactions.flatMap(({ tag, sentAt, finalAt }) => [
    { tag, at: sentAt, isEnd: false },
    { tag, at: finalAt, isEnd: true },
  ]);
  // What begins in the moment in which another ends may have come before it.
  moments.sort((a, b) => a.at - b.at || a.isEnd - b.isEnd);
  let point;
  for (const [index, { tag, isEnd }] of moments.entries()) {
    if (isEnd) {
      const next = `time ${index}`;
      add(point, next, "time");
      add(tag, next, "time");
      point = next;
    } else {
      add(point, tag, "time");
    }
  }
}

/** A shortest cycle through one of the nodes that are on any; Tarjan's components, without recursion. */
function findCycle(graph) {
  const [numbers, lows, onStack, stack] = [new Map(), new Map(), new Set(), []];
  const enter = (node) => {
    numbers.set(node, numbers.size);
    lows.set(node, numbers.get(node));
    stack.push(node);
    onStack.add(node);
    return { node, rest: (graph.get(node) ?? new Map()).keys() };
  };
  for (const start of graph.keys()) {
    if (numbers.has(start)) continue;
    const path = [enter(start)];
    while (path.length > 0) {
      const { node, rest } = path.at(-1);
      const { value: next, done } = rest.next();
      if (!done) {
        if (!numbers.has(next)) path.push(enter(next));
        else if (onStack.has(next)) lows.set(node, Math.min(lows.get(node), numbers.get(next)));
        continue;
      }
      path.pop();
      if (path.length > 0) lows.set(path.at(-1).node, Math.min(lows.get(path.at(-1).node), lows.get(node)));
      if (lows.get(node) !== numbers.get(node)) continue;
      const component = new Set(stack.splice(stack.lastIndexOf(node)));
      for (const member of component) onStack.delete(member);
      if (component.size > 1) return shortestCycle(graph, node, component);
    }
  }
  return undefined;
}

function shortestCycle(graph, start, component) {
  const from = new Map();
  const queue = [start];
  for (const node of queue) {
    for (const next of (graph.get(node) ?? new Map()).keys()) {
      if (next === start) {
        const cycle = [node];
        while (cycle[0] !== start) cycle.unshift(from.get(cycle[0]));
        return cycle;
      }
      if (!component.has(next) || from.has(next)) continue;
      from.set(next, node);
      queue.push(next);
    }
  }
  throw new Error("each node of a component is on a cycle");
}
