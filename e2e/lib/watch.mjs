// Watches all final blocks of validators all the time, and notes where they differ.

import { hex, request } from "./flow.mjs";

const INTERVAL_MS = 50;

const blockOf = (validator, block) => request("eth_getBlockByNumber", [block, false], validator.url);

export class Watch {
  /** Begins; those that are not up are left alone. */
  constructor(validators) {
    this.validators = validators;
    /** Hashes of final blocks by number, and which validator had it first. */
    this.hashes = new Map();
    /** What must not be. */
    this.faults = [];
    /** How many final blocks were seen, at all validators together. */
    this.seen = 0;
    this.numbers = new Map(validators.map((validator) => [validator, -1]));
    this.isOn = true;
    this.loops = validators.map((validator) => this.follow(validator));
  }

  /** The last final block that was seen at a validator. */
  reached(validator) {
    return this.numbers.get(validator);
  }

  /** The last one that was seen anywhere. */
  last() {
    return Math.max(...this.hashes.keys());
  }

  async follow(validator) {
    while (this.isOn) {
      try {
        if (validator.isUp) await this.look(validator);
      } catch (error) {
        // One that is killed meanwhile does not answer; one that is up has to.
        if (validator.isUp) this.lost(validator, error);
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }

  lost({ index }, error) {
    this.faults.push(`validator ${index} does not answer: ${error.message}`);
  }

  /** Looks at all final blocks that are new at a validator, not at the last alone. */
  async look(validator) {
    const before = this.reached(validator);
    const { number, hash } = await blockOf(validator, "finalized");
    const last = Number(number);
    if (last < before) this.faults.push(`block ${before} was final at validator ${validator.index}, and then only ${last}`);
    for (let at = before + 1; at <= last; at += 1) {
      this.note(validator, at, at === last ? hash : (await blockOf(validator, hex(at))).hash);
      this.numbers.set(validator, at);
    }
  }

  note({ index }, number, hash) {
    this.seen += 1;
    const known = this.hashes.get(number);
    if (!known) this.hashes.set(number, { hash, index });
    else if (known.hash !== hash) {
      this.faults.push(`block ${number} is ${known.hash} at validator ${known.index}, and ${hash} at validator ${index}`);
    }
  }

  async stop() {
    this.isOn = false;
    await Promise.all(this.loops);
  }

  /** Looks at all blocks again: what was final must be what it was. */
  async compareAll() {
    for (const validator of this.validators) {
      for (let number = 0; number <= this.reached(validator); number += 1) {
        this.note(validator, number, (await blockOf(validator, hex(number))).hash);
      }
    }
  }
}
