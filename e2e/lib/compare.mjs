// Finds where two answers differ, and counts differences by what they are about.

import { writeFileSync } from "node:fs";

/** Where two values differ: `[path, left, right]`; places in lists are not told apart. */
export function* differences(left, right, path = "") {
  if (left === right) return;
  const both = (test) => test(left) && test(right);
  if (both(Array.isArray)) {
    if (left.length !== right.length) yield [`${path}.length`, left.length, right.length];
    for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
      yield* differences(left[at], right[at], `${path}[]`);
    }
  } else if (both((value) => value !== null && typeof value === "object" && !Array.isArray(value))) {
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      // Addresses and slots are not told apart, either.
      const name = key.startsWith("0x") ? "*" : key;
      yield* differences(left[key], right[key], path ? `${path}.${name}` : name);
    }
  } else {
    yield [path, left, right];
  }
}

const short = (value) => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};

/** All differences found so far. */
export class Report {
  #justifications;
  #found = new Map();
  #justified = new Map();
  compared = 0;

  /** `justifications` says which differences are known, and why they are right. */
  constructor(justifications = []) {
    this.#justifications = justifications;
  }

  /** Compares two answers about something; `context.place` says where, should they differ. */
  compare(what, left, right, context) {
    this.compared += 1;
    for (const [path, ...values] of differences(left, right)) {
      const difference = { what, path, left: values[0], right: values[1], answers: [left, right], ...context };
      const known = this.#justifications.find(({ matches }) => matches(difference));
      if (known) {
        this.#justified.set(known, (this.#justified.get(known) ?? 0) + 1);
        continue;
      }
      const key = path ? `${what}: ${path}` : what;
      const entry = this.#found.get(key) ?? { count: 0, place: context.place, values, answers: [left, right] };
      entry.count += 1;
      this.#found.set(key, entry);
    }
  }

  /** How many kinds of differences there are that nothing justifies; prints all, and writes the
   * answers that showed them to a file. */
  print(names, file) {
    const total = [...this.#justified.values()].reduce((sum, count) => sum + count, 0);
    console.log(`justified: ${total} differences`);
    for (const known of this.#justifications.filter((one) => this.#justified.has(one))) {
      console.log(`  ${this.#justified.get(known)} ${known.name}: ${known.why}`);
    }
    console.log(`not justified: ${this.#found.size} kinds`);
    for (const [key, { count, place, values }] of [...this.#found].sort()) {
      console.log(`  ${key}: ${count} times, first at ${place}`);
      values.forEach((value, at) => console.log(`    ${names[at]}: ${short(value)}`));
    }
    if (this.#found.size > 0) {
      writeFileSync(file, JSON.stringify(Object.fromEntries(this.#found), null, 2));
      console.log(`whole answers: ${file}`);
    }
    console.log(`${this.compared} answers compared, ${this.#found.size} kinds of differences`);
    return this.#found.size;
  }
}
