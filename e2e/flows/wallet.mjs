// `heddle wallet`: against cast, viem and Python's packages, and on the node.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { hashTypedData, parseTransaction, recoverTransactionAddress, verifyMessage, verifyTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { accounts, artifact, equal, eventually, flow, holds, keys, mnemonic, output, request, rpcUrl } from "../lib/flow.mjs";
import { python } from "../lib/install.mjs";
import { folder, foundry, root } from "../lib/paths.mjs";

/** The wallet, a program with its first arguments. */
const wallet = (process.env.HEDDLE_E2E_WALLET || `${join(root, "target", "release", "heddle")} wallet`).split(" ");
const cast = (...args) => output(foundry("cast"), args, { env: { ...process.env, ETH_RPC_URL: rpcUrl, NO_COLOR: "1" } });
const place = mkdtempSync(join(tmpdir(), "heddle-wallet-"));
process.on("exit", () => rmSync(place, { recursive: true, force: true }));
const environment = { ...process.env, ETH_RPC_URL: rpcUrl, XDG_CONFIG_HOME: join(place, "config") };
const account = privateKeyToAccount(keys[0]);
const paths = Number(process.env.HEDDLE_E2E_PATHS ?? 1000);
let signer;
let token;

/** Numbers that are the same in each run. */
const drawn = (name, bound) =>
  Number(createHash("sha256").update(name).digest().readBigUInt64BE() % BigInt(bound));

/** Runs the wallet with text on its standard input; gives status and output. */
function tried(args, input = mnemonic) {
  return new Promise((resolve, reject) => {
    const child = spawn(wallet[0], [...wallet.slice(1), ...args], { cwd: place, env: environment });
    let out = "";
    let errors = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("error", reject);
    // Some commands do not read.
    child.stdin.on("error", () => {});
    child.on("close", (status) => resolve({ status, out: out.trim(), errors }));
    child.stdin.end(input);
  });
}

async function run(args, input) {
  const { status, out, errors } = await tried(args, input);
  if (status !== 0) throw new Error(`wallet ${args.join(" ")} ended with ${status}: ${errors}`);
  return out;
}

function file(name, content) {
  const path = join(place, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** Does something for each of many, several at a time. */
async function each(many, act) {
  const rest = many[Symbol.iterator]();
  const worker = async () => {
    for (const one of rest) await act(one);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function peers() {
  const env = { ...process.env, WALLET_PROGRAM: JSON.stringify(wallet) };
  return output(python, [join(folder, "flows", "wallet.py")], { env });
}

async function addresses() {
  const phrase = await run(["new", "--words", "18"]);
  equal(phrase.split(" ").length, 18, "words");
  const index = (name) => `${drawn(name, 2 ** 31)}${drawn(`${name}'`, 2) ? "'" : ""}`;
  const wanted = Array.from({ length: paths }, (_, at) =>
    at % 2 ? `m/44'/60'/0'/0/${at}` : `m/44'/60'/${index(`a${at}`)}/${index(`b${at}`)}/${index(`c${at}`)}`);
  const lines = await run(["derive", ...wanted.flatMap((path) => ["--path", path])], phrase);
  const found = new Map(lines.split("\n").map((line) => line.split(" ")));
  await each(wanted, async (path) => {
    const expected = await cast("wallet", "address", "--mnemonic", phrase, "--mnemonic-derivation-path", path);
    equal(found.get(path), expected, path);
  });
  const xpub = await run(["xpub"], phrase);
  const watched = await run(["address", "--xpub", xpub, "--count", "50"], "");
  const own = await run(["derive", "--count", "50"], phrase);
  const only = (text) => text.split("\n").map((line) => line.split(" ")[1]);
  equal(only(watched), only(own), "addresses of the xpub");
  const hardened = await tried(["address", "--xpub", xpub, "--path", "m/0'"], "");
  equal(hardened.status, 2, "status of a hardened path below an xpub");
  return `${paths} paths`;
}

async function keystores() {
  const password = file("password", "a long pässword\n");
  const listed = [];
  for (const at of [0, 1]) {
    await run(["keystore", "--path", `m/44'/60'/0'/0/${at}`, "--out", join(place, `store${at}`), "--password-file", password]);
    equal(await cast("wallet", "address", "--keystore", join(place, `store${at}`), "--password", "a long pässword"), accounts[at], "cast reads");
    listed.push(accounts[at]);
  }
  mkdirSync(join(place, "casts"));
  await cast("wallet", "import", "other", "--private-key", keys[2], "--keystore-dir", join(place, "casts"), "--unsafe-password", "a long pässword");
  const store = join(place, "casts", readdirSync(join(place, "casts"))[0]);
  const message = ["sign-message", "--message", "x", "--password-file", password];
  const signed = JSON.parse(await run(["--json", ...message, "--keystore", store], ""));
  equal(signed.address, accounts[2].toLowerCase(), "address of cast's keystore");
  equal((await tried([...message.slice(0, 3), "--keystore", store, "--password-file", file("wrong", "wrong")])).status, 2, "wrong password");
  equal((await tried(["keystore", "--out", join(place, "store0"), "--password-file", password])).status, 2, "writing over a file");
  const list = (await run(["list", place], "")).split("\n").map((line) => line.split(" ")[0]);
  equal(list, listed, "list");
}

const typedData = {
  types: {
    EIP712Domain: [{ name: "name", type: "string" }, { name: "chainId", type: "uint256" }, { name: "verifyingContract", type: "address" }],
    Order: [{ name: "maker", type: "address" }, { name: "amounts", type: "uint256[]" }, { name: "legs", type: "Leg[]" }, { name: "memo", type: "bytes" }],
    Leg: [{ name: "token", type: "address" }, { name: "share", type: "int64" }],
  },
  primaryType: "Order",
  domain: { name: "Loom", chainId: 31337, verifyingContract: accounts[3] },
  message: { maker: accounts[0], amounts: ["1", "340282366920938463463374607431768211456"], legs: [{ token: accounts[1], share: -7 }], memo: "0x00ff" },
};

async function messages() {
  for (const message of ["hello", "naïve ✓\n", ""]) {
    const signature = await run(["sign-message", "--message", message]);
    equal(signature, await account.signMessage({ message }), "signature of a message");
    holds(await verifyMessage({ address: accounts[0], message, signature }), "viem verifies");
    await cast("wallet", "verify", "--address", accounts[0], message, signature);
    await run(["verify", "--address", accounts[0], "--message", message, "--signature", signature]);
    const other = await tried(["verify", "--address", accounts[1], "--message", message, "--signature", signature]);
    equal(other.status, 1, "status for another's signature");
  }
  const data = file("typed.json", typedData);
  const signed = JSON.parse(await run(["--json", "sign-typed-data", "--data", data]));
  equal(signed.hash, hashTypedData(typedData), "hash of typed data");
  equal(signed.signature, await account.signTypedData(typedData), "signature of typed data");
  holds(await verifyTypedData({ ...typedData, address: accounts[0], signature: signed.signature }), "viem verifies");
  equal(await cast("wallet", "sign", "--data", "--from-file", data, "--private-key", keys[0]), signed.signature, "cast signs the same");
  await run(["verify", "--address", accounts[0], "--typed-data", data, "--signature", signed.signature]);
}

async function transactions() {
  const to = accounts[1];
  const base = { nonce: 7, gas: 100_000n, value: 5n, to, data: "0x1234" };
  const fees = { chainId: 31337, maxFeePerGas: 9n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n };
  const accessList = [{ address: accounts[2], storageKeys: [`0x${"01".repeat(32)}`] }];
  const delegate = { chainId: 31337, nonce: 8, contractAddress: accounts[3] };
  const authorization = await account.signAuthorization(delegate);
  const signed = JSON.parse(await run(["sign-authorization", "--delegate", accounts[3], "--chain-id", "31337", "--nonce", "8"]));
  equal([signed.r, signed.s, Number(signed.yParity)].map((one) => BigInt(one)), [authorization.r, authorization.s, authorization.yParity].map((one) => BigInt(one)), "authorization");
  const all = [
    { ...base, type: "legacy", gasPrice: 10n ** 10n },
    { ...base, type: "legacy", gasPrice: 10n ** 10n, chainId: 31337 },
    { ...base, type: "legacy", gasPrice: 1n, chainId: 1, to: undefined },
    { ...base, type: "eip2930", gasPrice: 10n ** 10n, chainId: 31337, accessList },
    { ...base, ...fees, type: "eip1559", accessList },
    { ...base, ...fees, type: "eip4844", blobVersionedHashes: [`0x01${"ab".repeat(31)}`], maxFeePerBlobGas: 3n },
    { ...base, ...fees, type: "eip7702", authorizationList: [authorization] },
  ];
  const numbers = { legacy: "0x0", eip2930: "0x1", eip1559: "0x2", eip4844: "0x3", eip7702: "0x4" };
  const quantity = (value) => (typeof value === "bigint" || typeof value === "number" ? `0x${value.toString(16)}` : value);
  for (const one of all) {
    const fields = Object.fromEntries(Object.entries(one).filter(([, value]) => value !== undefined).map(([name, value]) => [name, quantity(value)]));
    fields.type = numbers[one.type];
    const args = ["sign-transaction", "--transaction"];
    if (one.authorizationList) {
      delete fields.authorizationList;
      args.unshift("--json");
      args.push(file("transaction.json", fields), "--delegate", accounts[3]);
    } else {
      args.unshift("--json");
      args.push(file("transaction.json", fields));
    }
    const { raw, hash } = JSON.parse(await run(args));
    equal(raw, await account.signTransaction(one), `bytes of ${one.type}`);
    equal(parseTransaction(raw).nonce, 7, `nonce of ${one.type}`);
    equal(await recoverTransactionAddress({ serializedTransaction: raw }), accounts[0], `sender of ${one.type}`);
    equal(await cast("keccak", raw), hash, `hash of ${one.type}`);
    await run(["verify", "--address", accounts[0], "--transaction", raw]);
  }
  return `${all.length} forms`;
}

async function send() {
  await run(["contacts", "add", "bob", accounts[1]]);
  equal(await run(["contacts", "list"]), `bob ${accounts[1]}`, "contacts");
  const before = BigInt(await request("eth_getBalance", [accounts[1], "latest"]));
  const sent = JSON.parse(await run(["--json", "send", "--to", "bob", "--value", "1.5", "--chain-id", "31337"]));
  holds(sent.succeeded, "the transfer succeeds", sent);
  equal(BigInt(await request("eth_getBalance", [accounts[1], "latest"])) - before, 15n * 10n ** 17n, "received");
  equal(BigInt((await request("eth_getTransactionByHash", [sent.hash])).type), 2n, "type");
  for (const [refused, ...args] of [["another chain", "--chain-id", "1"], ["a fee", "--fee-max", "1wei"]]) {
    const nonce = await request("eth_getTransactionCount", [accounts[0], "latest"]);
    equal((await tried(["send", "--to", "bob", "--value", "1", ...args])).status, 2, `status for ${refused}`);
    equal(await request("eth_getTransactionCount", [accounts[0], "latest"]), nonce, "nonce");
  }
}

async function transfer() {
  const { bytecode } = artifact("Token");
  const deployed = JSON.parse(await cast("send", "--json", "--private-key", keys[0], "--create", bytecode, "constructor(uint256)", "5000000"));
  token = deployed.contractAddress;
  const balance = (who) => cast("call", token, "balanceOf(address)(uint256)", who);
  const args = ["token-transfer", "--token", token, "--to", "bob"];
  holds(JSON.parse(await run(["--json", ...args, "--amount", "1.25"])).succeeded, "the transfer succeeds");
  equal((await balance(accounts[1])).split(" ")[0], "1250000", "tokens received");
  for (const amount of ["3.7500001", "4", "0.0000001"]) {
    equal((await tried([...args, "--amount", amount])).status, 2, `status for ${amount}`);
  }
  equal((await balance(accounts[0])).split(" ")[0], "3750000", "tokens left");
}

async function find() {
  const phrase = await run(["new", "--words", "12"]);
  const lines = (await run(["derive", "--count", "60"], phrase)).split("\n").map((line) => line.split(" "));
  // The second is found just within the gap of the first, the third lies behind it.
  for (const at of [3, 23, 44]) await run(["send", "--to", lines[at][1], "--value", "7wei"]);
  const found = async (args, input) => (await run(["--json", "discover", ...args], input)).split("\n").map((line) => JSON.parse(line).address.toLowerCase());
  const expected = (...places) => places.map((at) => lines[at][1].toLowerCase());
  equal(await found([], phrase), expected(3, 23), "found");
  equal(await found(["--gap", "21"], phrase), expected(3, 23, 44), "found with a larger gap");
  equal(await found(["--xpub", await run(["xpub"], phrase)], ""), expected(3, 23), "found of the xpub");
}

async function isolated() {
  const socket = join(place, "run", "signer.sock");
  const policy = ["--chain-id", "31337", "--allow-to", "bob", "--allow-token", token, "--value-max", "2", "--total-max", "4", "--allow-messages"];
  signer = spawn(wallet[0], [...wallet.slice(1), "signer", "--socket", socket, "--count", "2", ...policy], { cwd: place, env: environment });
  process.on("exit", () => signer.kill("SIGKILL"));
  signer.stdin.end(mnemonic);
  let ready = "";
  signer.stdout.on("data", (chunk) => (ready += chunk));
  signer.stderr.resume();
  await eventually(() => ready.split("\n").length > 2, "the signer is ready", 20_000);
  const limits = readFileSync(`/proc/${signer.pid}/limits`, "utf8");
  holds(/Max core file size +0 +0 /.test(limits), "no core dumps", limits);
  holds(!readFileSync(`/proc/${signer.pid}/cmdline`, "utf8").includes("junk"), "no secret in the list of processes");
  const key = ["--signer", socket, "--from", accounts[0]];
  const sent = JSON.parse(await run(["--json", "send", "--to", "bob", "--value", "1.5", ...key], ""));
  holds(sent.succeeded, "the signer's transfer succeeds", sent);
  holds(JSON.parse(await run(["--json", "token-transfer", "--token", token, "--to", "bob", "--amount", "0.5", ...key], "")).succeeded, "tokens");
  equal(await run(["sign-message", "--message", "hi", ...key], ""), await account.signMessage({ message: "hi" }), "signature");
  const refused = [
    ["send", "--to", accounts[2], "--value", "1"],
    ["send", "--to", "bob", "--value", "2.1"],
    ["token-transfer", "--token", token, "--to", accounts[2], "--amount", "0.5"],
    ["sign-typed-data", "--data", join(place, "typed.json")],
    ["sign-authorization", "--delegate", accounts[3], "--chain-id", "31337", "--nonce", "0"],
  ];
  for (const args of refused) equal((await tried([...args, ...key], "")).status, 2, `status of ${args.join(" ")}`);
  await run(["send", "--to", "bob", "--value", "2", ...key], "");
  const total = await tried(["send", "--to", "bob", "--value", "1", ...key], "");
  holds(total.status === 2 && total.errors.includes("total"), "no more than the total", total);
  equal((await tried(["sign-message", "--message", "x", "--signer", socket], "")).status, 2, "two accounts and none named");
  signer.kill("SIGTERM");
}

async function backup() {
  const phrase = await run(["new"]);
  const shares = (await run(["shamir", "split", "--groups", "2of3,1of1", "--group-threshold", "2"], phrase)).split("\n");
  equal(shares.length, 4, "shares");
  equal(await run(["shamir", "combine"], `${shares[2]}\n${shares[3]}\n${shares[0]}\n`), phrase, "combined");
  equal((await tried(["shamir", "combine"], `${shares[2]}\n${shares[3]}\n`)).status, 2, "status with too few");
}

await flow("wallet", [
  ["mnemonics and shares are those of Python's packages", peers],
  ["addresses are cast's", addresses],
  ["keystores", keystores],
  ["messages and typed data", messages],
  ["transactions of all types", transactions],
  ["sending ether", send],
  ["transferring tokens", transfer],
  ["finding used accounts", find],
  ["the signer", isolated],
  ["Shamir backup", backup],
]);
