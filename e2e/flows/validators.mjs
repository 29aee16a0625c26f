// A network of validators: clients on each of them, a validator that is killed, and two at a time.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { accounts, equal, eventually, failure, flow, hex, holds, keys, nodeTests, output, request, sleep } from "../lib/flow.mjs";
import { foundry, lightClient } from "../lib/paths.mjs";
import { Testnet } from "../lib/testnet.mjs";
import { Watch } from "../lib/watch.mjs";
import { LightClient, server } from "../../apps/light-client/verify.mjs";

/** Blocks of an epoch: so few that a run goes through several. */
const EPOCH = 20;
/** As long as nothing becomes final without a quorum. */
const STALL_MS = 5000;
/** What was on its way when validators are killed arrives within this time. */
const SETTLE_MS = 1000;
/** Until a transaction is final, or a validator has caught up: turns of a dead one are waited out. */
const FINAL_MS = 45_000;

let net;
let watch;
let validators;

const chain = (url) => defineChain({
  id: 4242,
  name: "testnet",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
});

/** viem on a validator, with the account that has the same number. */
function clients({ index, url }) {
  const account = privateKeyToAccount(keys[index]);
  const settings = { chain: chain(url), transport: http(url), pollingInterval: 50 };
  return { client: createPublicClient(settings), wallet: createWalletClient({ ...settings, account }) };
}

const finalized = async ({ url }) => Number((await request("eth_getBlockByNumber", ["finalized", false], url)).number);

/** The receipt of a transaction at a validator, as soon as its block is final there. */
const finalReceipt = (hash, validator, timeoutMs = FINAL_MS) =>
  eventually(async () => {
    const receipt = await request("eth_getTransactionReceipt", [hash], validator.url);
    return receipt && Number(receipt.blockNumber) <= (await finalized(validator)) && receipt;
  }, `${hash} is final at validator ${validator.index}`, timeoutMs);

const send = (validator, value = 1n) => clients(validator).wallet.sendTransaction({ to: accounts[(validator.index + 1) % 4], value });

/** Sends by one validator, and waits until all of some have the same receipt in a final block. */
async function transfer(from, everywhere) {
  const hash = await send(from);
  const receipts = await Promise.all(everywhere.map((validator) => finalReceipt(hash, validator)));
  for (const receipt of receipts) equal(receipt, receipts[0], `receipt of ${hash}`);
  equal(receipts[0].status, "0x1", "status");
  return receipts[0];
}

const timed = async (act) => {
  const begin = performance.now();
  await act();
  return `${Math.round(performance.now() - begin)} ms`;
};

async function start() {
  const answered = await timed(async () => {
    net = await Testnet.start("validators", { args: ["--epoch-length", `${EPOCH}`, "--block-time-ms", "200"] });
  });
  validators = net.validators;
  watch = new Watch(validators);
  const final = await timed(() => eventually(() => watch.hashes.size > 1, "a first block is final", FINAL_MS));
  return `they answer after ${answered}, and have a final block ${final} later`;
}

async function agree() {
  const genesis = JSON.parse(readFileSync(join(net.folder, "genesis.json"), "utf8"));
  equal(genesis.config.heddle, { epochLength: EPOCH }, "rules of agreement");
  const sets = [];
  for (const { url } of validators) {
    const status = await request("heddle_status", [], url);
    equal([status.isValidator, status.isSilent, status.validators], [true, false, "0x4"], "status");
    const { keys } = await request("heddle_validators", ["0x0"], url);
    holds(keys.includes(`0x${status.key}`), "the validator is in the set", keys);
    sets.push(keys);
    equal(Number(await request("eth_chainId", [], url)), 4242, "chain id");
  }
  for (const set of sets) equal(set, sets[0], "validators of epoch 0");
  equal(new Set(sets[0]).size, 4, "number of validators");
}

async function transfers() {
  const before = await clients(validators[0]).client.getBalance({ address: accounts[0] });
  const begin = performance.now();
  const times = [];
  const receipts = await Promise.all(validators.map(async (validator) => {
    const { client, wallet } = clients(validator);
    const hash = await wallet.sendTransaction({ to: accounts[(validator.index + 1) % 4], value: 12345n });
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: FINAL_MS });
    equal(receipt.status, "success", "status");
    const everywhere = await Promise.all(validators.map((other) => finalReceipt(hash, other)));
    times.push(Math.round(performance.now() - begin));
    for (const other of everywhere) equal(other, everywhere[0], `receipt of ${hash}`);
    return everywhere[0];
  }));
  for (const { blockNumber, blockHash } of receipts) {
    for (const validator of validators) {
      const { client } = clients(validator);
      const block = await client.getBlock({ blockNumber: BigInt(blockNumber) });
      equal(block.hash, blockHash, `block ${Number(blockNumber)} at validator ${validator.index}`);
      holds((await client.getBlock({ blockTag: "finalized" })).number >= block.number, "the block is final");
    }
  }
  const spent = BigInt(receipts[0].gasUsed) * BigInt(receipts[0].effectiveGasPrice);
  for (const validator of validators) {
    const balance = await clients(validator).client.getBalance({ address: accounts[0], blockTag: "finalized" });
    equal(balance, before - spent, `balance at validator ${validator.index}`);
  }
  return `final everywhere after ${times.sort((a, b) => a - b).join(", ")} ms`;
}

async function tags() {
  for (let round = 0; round < 20; round += 1) {
    for (const validator of validators) {
      const { client } = clients(validator);
      // The last one first: all of them only grow.
      const numbers = [];
      for (const blockTag of ["finalized", "safe", "latest"]) numbers.push((await client.getBlock({ blockTag })).number);
      const [final, safe, latest] = numbers;
      holds(final <= safe && safe <= latest, `tags of validator ${validator.index} in order`, numbers);
    }
  }
}

async function cast() {
  const environment = { ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", NO_COLOR: "1" };
  for (const { index, url } of validators) {
    const run = (...args) => output(foundry("cast"), args, { env: { ...environment, ETH_RPC_URL: url } });
    const json = async (...args) => JSON.parse(await run(...args, "--json"));
    const poor = `0x${"00".repeat(19)}${(0xe0 + index).toString(16)}`;
    equal(await run("chain-id"), "4242", "chain id");
    equal(await run("balance", poor), "0", "balance before");
    const sent = await json("send", poor, "--value", "1gwei", "--private-key", keys[index]);
    equal([sent.status, BigInt(sent.gasUsed)], ["0x1", 21000n], "status and gas");
    const { blockHash, blockNumber } = await finalReceipt(sent.transactionHash, validators[index]);
    const receipt = await json("receipt", sent.transactionHash);
    equal([receipt.blockHash, receipt.blockNumber], [blockHash, blockNumber], "block of the receipt");
    equal((await json("block", `${Number(blockNumber)}`)).hash, blockHash, "hash of the block");
    holds(Number((await json("block", "finalized")).number) >= Number(blockNumber), "a final block");
    equal(await run("balance", poor), "1000000000", "balance after");
  }
}

async function killOne() {
  const [, victim] = validators;
  const others = validators.filter((validator) => validator !== victim);
  await net.murder(victim);
  await failure(request("eth_chainId", [], victim.url), "a request to the one that was killed");
  const times = [];
  // More than there are validators: the turn of the dead one comes.
  for (let round = 0; round < 6; round += 1) {
    times.push(await timed(() => transfer(others[round % 3], others)));
  }
  const goal = await finalized(others[0]);
  const begin = performance.now();
  await net.revive(victim);
  const answered = Math.round(performance.now() - begin);
  await eventually(async () => (await finalized(victim)) >= goal, "the one that was killed has caught up", FINAL_MS);
  const caughtUp = Math.round(performance.now() - begin);
  const hashes = await Promise.all(validators.map(({ url }) => request("eth_getBlockByNumber", [hex(goal), false], url)));
  for (const { hash } of hashes) equal(hash, hashes[0].hash, `block ${goal}`);
  await transfer(victim, validators);
  return `final without it after ${times.join(", ")}; it answers after ${answered} ms, has caught up after ${caughtUp} ms`;
}

async function killTwo() {
  const [one, two, ...others] = [validators[1], validators[2], validators[0], validators[3]];
  await Promise.all([net.murder(one), net.murder(two)]);
  await sleep(SETTLE_MS);
  const before = await Promise.all(others.map(finalized));
  const hash = await send(others[0]);
  const end = Date.now() + STALL_MS;
  let answers = 0;
  while (Date.now() < end) {
    equal(await Promise.all(others.map(finalized)), before, "final blocks without a quorum");
    for (const { url } of others) {
      holds(Number(await request("eth_blockNumber", [], url)) >= before[0], "height");
      holds(BigInt(await request("eth_getBalance", [accounts[0], "latest"], url)) > 0n, "balance");
      equal((await request("heddle_status", [], url)).validators, "0x4", "status");
      answers += 3;
    }
    await sleep(100);
  }
  const begin = performance.now();
  await Promise.all([net.revive(one), net.revive(two)]);
  const answered = Math.round(performance.now() - begin);
  const receipts = await Promise.all(validators.map((validator) => finalReceipt(hash, validator)));
  for (const receipt of receipts) equal(receipt, receipts[0], "receipt of what was sent meanwhile");
  const goesOn = Math.round(performance.now() - begin);
  const times = [];
  for (const validator of validators) times.push(await timed(() => transfer(validator, validators)));
  return `${answers} answers meanwhile; they answer after ${answered} ms, final after ${goesOn} ms, then after ${times.join(", ")}`;
}

/** Away for so long that each validator is the first to lead in an epoch that is over when it hears of it. */
async function stayAway() {
  const [, , , victim] = validators;
  const others = validators.filter((validator) => validator !== victim);
  await net.murder(victim);
  const begins = Math.floor((await finalized(others[0])) / EPOCH);
  const away = await timed(async () => {
    while ((await finalized(others[0])) < (begins + 4) * EPOCH + 5) await transfer(others[0], others);
  });
  await net.revive(victim);
  const last = await finalized(others[0]);
  const caughtUp = await timed(() => eventually(() => watch.reached(victim) >= last, "it has caught up", FINAL_MS));
  await transfer(victim, validators);
  return `away for ${away}, has caught up with block ${last} after ${caughtUp}`;
}

async function prove() {
  const file = join(net.folder, "genesis.json");
  const genesis = JSON.parse(readFileSync(file, "utf8"));
  await eventually(() => validators.every((validator) => watch.reached(validator) >= 4 * EPOCH), "four epochs", FINAL_MS);
  const last = Math.min(...validators.map((validator) => watch.reached(validator)));
  const blocks = [1, EPOCH - 1, EPOCH, 2 * EPOCH - 1, 2 * EPOCH, 3 * EPOCH + 5, last];
  const epochs = new Set();
  let headers = 0;
  for (const { index, url } of validators) {
    const client = new LightClient(genesis, server(url));
    for (const number of blocks) {
      const proved = await client.prove(number);
      equal(proved.hash, watch.hashes.get(number).hash, `block ${number} by validator ${index}`);
      epochs.add(proved.epoch);
    }
    holds((await client.prove("finalized")).number >= last, "the last final block");
    headers += (await request("heddle_finalityProof", [hex(1)], url)).headers.length;
  }
  holds(epochs.size >= 4, "several epochs", epochs);
  const other = { ...genesis, config: { ...genesis.config, chainId: 4243 } };
  const foreign = await failure(new LightClient(other, server(validators[0].url)).prove(1), "a proof for another chain");
  holds(foreign.message.includes("no vote for a block of this chain"), "why it is refused", foreign.message);
  const text = await output(process.execPath, [join(lightClient, "verify.mjs"), validators[3].url, `${EPOCH}`, "--genesis", file]);
  holds(text.startsWith(`block ${EPOCH} is final: ${watch.hashes.get(EPOCH).hash}\n`), "what is printed", text);
  return `${blocks.length} blocks of ${epochs.size} epochs by each; ${headers} headers for block 1`;
}

/** What tests the light client without a network. */
const testLightClient = () =>
  nodeTests(...["client", "proof", "trie"].map((name) => join(lightClient, "test", `${name}.test.mjs`)));

async function finish() {
  for (const { url } of validators) equal(await request("heddle_equivocations", [], url), [], "equivocations");
  await eventually(() => validators.every((validator) => watch.reached(validator) === watch.last()), "all reach the same block", FINAL_MS);
  await watch.stop();
  await watch.compareAll();
  equal(watch.faults, [], "final blocks that differ");
  equal(net.logged(/panicked|^\S+ ERROR /), [], "what the validators complained of");
  for (const end of await net.stop()) equal(end, 0, "status of a program that was stopped");
  // While consensus stops, its parts say that others have stopped already.
  equal(net.logged(/panicked/), [], "panics");
  return `${watch.hashes.size} final blocks, ${watch.seen} seen at validators`;
}

await flow("validators", [
  ["the light client passes its own tests", testLightClient],
  ["four validators start", start],
  ["they know each other", agree],
  ["transfers through each are final everywhere, with viem", transfers],
  ["tags are in order", tags],
  ["cast on each", cast],
  ["one is killed, and comes back", killOne],
  ["two are killed, nothing is final without them, and they come back", killTwo],
  ["one is away for four epochs, and catches up", stayAway],
  ["the light client proves blocks of several epochs", prove],
  ["nobody has voted twice, and no final block ever differed", finish],
]);
