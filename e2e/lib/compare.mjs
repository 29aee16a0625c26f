// Finds where two answers differ, and counts differences by what they are about.

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

/** All differences found so far. */
export class Report {
  #found = new Map();
  compared = 0;

  /** Compares two answers about something; `context` says where, should they differ. */
  compare(what, left, right, context) {
    this.compared += 1;
    let same = true;
    for (const [path, ...values] of differences(left, right)) {
      same = false;
      const key = path ? `${what}: ${path}` : what;
      const entry = this.#found.get(key) ?? { count: 0, context, values };
      entry.count += 1;
      this.#found.set(key, entry);
    }
    return same;
  }

  /** How many kinds of differences there are; prints each with its first case. */
  print(names) {
    const short = (value) => {
      const text = JSON.stringify(value) ?? "nothing";
      return text.length > 200 ? `${text.slice(0, 200)}…` : text;
    };
    for (const [key, { count, context, values }] of [...this.#found].sort()) {
      console.log(`${key}: ${count} times, first at ${context}`);
      values.forEach((value, at) => console.log(`    ${names[at]}: ${short(value)}`));
    }
    console.log(`${this.compared} answers compared, ${this.#found.size} kinds of differences`);
    return this.#found.size;
  }
}
