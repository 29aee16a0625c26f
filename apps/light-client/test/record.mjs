// Records what a server answers while blocks are proved: `node record.mjs URL GENESIS BLOCK... > FILE`.
//
// The fixtures are of blocks 3, 16, 17 and 24 of a network of five with `--epoch-length 8`, one of whose
// validators was removed through the contract in epoch 0, so that there are four from epoch 2 on.

import { readFileSync } from "node:fs";
import { LightClient, server } from "../verify.mjs";

const [url, path, ...blocks] = process.argv.slice(2);
const ask = server(url);
const answers = {};
const request = async (method, params) => {
  const result = await ask(method, params);
  answers[`${method} ${params.flat().join(" ")}`] = result;
  return result;
};
const client = new LightClient(JSON.parse(readFileSync(path, "utf8")), request);
for (const block of blocks) {
  const { number, hash, epoch } = await client.prove(Number(block));
  console.error(`block ${number} of epoch ${epoch} is final: ${hash}`);
}
console.log(JSON.stringify(answers, null, 1));
