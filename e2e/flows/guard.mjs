// `heddle guard`: killed at any moment, with a webhook that fails and a chain that is reorganised.
//
// `node flows/guard.mjs --kills 200 --seed 3` is a campaign.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createWalletClient, encodeFunctionData, http, keccak256, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { equal, eventually, flow, holds, mnemonic, request, rpcUrl, sleep } from "../lib/flow.mjs";
import { command } from "../lib/node.mjs";
import { client, contract, places } from "../lib/prices.mjs";
import { generator } from "../lib/random.mjs";

const { values } = parseArgs({ options: { kills: { type: "string", default: "8" }, seed: { type: "string", default: "1" } } });
const kills = Number(values.kills);
const { below: draw, pick } = generator(Number(values.seed));

/** The guard, a program with its first arguments. */
const program = (process.env.HEDDLE_E2E_GUARD || `${command()[0]} guard`).split(" ");
const place = mkdtempSync(join(tmpdir(), "heddle-guard-"));
process.on("exit", () => rmSync(place, { recursive: true, force: true }));
const config = join(place, "guard.toml");

const at = places();
const council = { address: at.council, abi: contract("SecurityCouncil").abi };
const members = [0, 1, 2, 3, 4].map((addressIndex) => mnemonicToAccount(mnemonic, { addressIndex }));
/** All that the webhook was told, in its order. */
const told = [];
let refusals = 0;
let child;

/** Takes alerts, refuses some, and takes some without saying so. */
const receiver = createServer((incoming, answer) => {
  let text = "";
  incoming.on("data", (chunk) => (text += chunk));
  incoming.on("end", () => {
    const chance = draw(10);
    if (chance === 0) {
      refusals += 1;
      answer.writeHead(500).end();
      return;
    }
    told.push(JSON.parse(text));
    if (chance === 1) return incoming.socket.destroy();
    answer.writeHead(204).end();
  });
});

async function configure() {
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const webhook = `http://127.0.0.1:${receiver.address().port}/`;
  writeFileSync(config, `rpc_url = "${rpcUrl}"\nstate = "state"\nwebhook = "${webhook}"\npoll_interval_ms = 20\n`);
}

function begin() {
  child = spawn(program[0], [...program.slice(1), "run", config], { stdio: ["ignore", "ignore", "pipe"] });
  child.stderr.on("data", (chunk) => process.env.HEDDLE_E2E_VERBOSE && process.stderr.write(chunk));
  child.ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)));
}

async function end() {
  holds(child.exitCode === null, "the guard has not ended by itself", child.exitCode);
  child.kill("SIGKILL");
  equal(await child.ended, "SIGKILL", "how the guard ends");
}

async function send(account, functionName, args) {
  const wallet = createWalletClient({ account, transport: http(rpcUrl) });
  const data = encodeFunctionData({ abi: council.abi, functionName, args });
  const hash = await wallet.sendTransaction({ to: at.council, data, chain: null });
  const { status } = await client.waitForTransactionReceipt({ hash });
  equal(status, "success", functionName);
}

let proposals = 0;

/** The council proposes to pause lending, and approves some of that. */
async function propose() {
  proposals += 1;
  const reason = keccak256(toHex(`reason ${proposals}`));
  const data = encodeFunctionData({ abi: contract("PauseGuardian").abi, functionName: "pause", args: [at.lendingPool, reason] });
  const action = [at.pauseGuardian, data, keccak256(toHex(`salt ${proposals} ${Date.now()}`))];
  const first = draw(5);
  await send(members[first], "propose", action);
  for (let next = 1; next <= draw(3); next += 1) await send(members[(first + next) % 5], "approve", action);
}

async function mishaps() {
  begin();
  let left = kills;
  let reorganisations = 0;
  while (left > 0 || reorganisations < 2) {
    const snapshot = draw(4) === 0 ? await request("evm_snapshot") : undefined;
    for (let count = 1 + draw(3); count > 0; count -= 1) await propose();
    await sleep(draw(150));
    if (draw(2) === 0) {
      await end();
      left -= 1;
      if (draw(3) === 0) await propose();
      begin();
    }
    if (snapshot) {
      // So that there is something to recall, in most cases.
      if (draw(3) > 0) await catchesUp();
      await request("evm_revert", [snapshot]);
      reorganisations += 1;
      await propose();
    }
  }
  return `${kills} kills, ${reorganisations} reorganisations, ${proposals} proposals`;
}

const key = ({ id, blockHash }) => `${id} ${blockHash}`;

/** What is on the chain now, by the node. */
async function expected() {
  const logs = await client.getLogs({ address: at.council, fromBlock: 0n });
  return new Set(logs.map((log) => `31337:${log.transactionHash}:${log.logIndex} ${log.blockHash}`));
}

/** What holds by what the webhook was told: the last word on each event of each block counts. */
function held() {
  const last = new Map();
  for (const alert of told.filter(({ contract: from }) => from.toLowerCase() === at.council.toLowerCase())) last.set(key(alert), alert.state);
  return new Set([...last].filter(([, state]) => state === "raised").map(([name]) => name));
}

async function isCaughtUp() {
  const [wanted, found] = [await expected(), held()];
  return wanted.size === found.size && [...wanted].every((one) => found.has(one));
}

/** Waits for it, and says what is missing or should have been recalled if it does not come. */
async function catchesUp() {
  try {
    await eventually(isCaughtUp, "the webhook knows just what is on the chain", 60_000);
  } catch (error) {
    const [wanted, found] = [await expected(), held()];
    equal([...found].filter((one) => !wanted.has(one)), [], "alerts that are not recalled");
    equal([...wanted].filter((one) => !found.has(one)), [], "events that nobody was told of");
    throw error;
  }
}

async function compared() {
  await catchesUp();
  await end();
  const recalled = told.filter(({ state }) => state === "recalled").length;
  holds(recalled > 0, "what was undone is recalled");
  return `${told.length} alerts, ${recalled} recalled, ${refusals} refusals`;
}

function words() {
  const events = new Set(told.map(({ event }) => event));
  for (const event of ["RoleGranted", "Proposed", "Approved", "SetAppointed", "ReserveAdded", "Launched"]) {
    holds(events.has(event), `${event} was told of`, [...events]);
  }
  const { text, severity } = told.find(({ event }) => event === "Proposed");
  holds(text.includes("pause(address,bytes32) of pauseGuardian"), "a proposal is told in words", text);
  equal(severity, "warning", "how much a proposal matters");
}

await flow("guard", [
  ["a webhook listens", configure],
  ["the council acts, the guard is killed, blocks are undone", mishaps],
  ["the webhook knows what is on the chain", compared],
  ["alerts are in words", words],
]);
