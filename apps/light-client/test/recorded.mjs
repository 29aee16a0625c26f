// What a server of a real network answered; record.mjs says how it was recorded.

import { readFileSync } from "node:fs";
import { LightClient } from "../verify.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8"));

export const genesis = read("genesis");
export const answers = read("answers");

/** The proof of a block, to be changed at will. */
export const proofOf = (number) => structuredClone(answers[`heddle_finalityProof 0x${number.toString(16)}`]);

/** Gives the answer to a request; `change` may give another one. */
export const recorded = (change = (_, answer) => answer) => async (method, params) => {
  const answer = answers[`${method} ${params.flat().join(" ")}`];
  if (!answer) throw new Error(`${method}: nothing was recorded for ${params}`);
  return change(method, structuredClone(answer), params);
};

export const client = (change) => new LightClient(genesis, recorded(change));

/** Bytes in hexadecimal digits, with one bit of one of them flipped. */
export function flip(text, at) {
  const bytes = Buffer.from(text.slice(2), "hex");
  bytes[at] ^= 1;
  return `0x${bytes.toString("hex")}`;
}
