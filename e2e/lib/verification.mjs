// Deploys contracts and verifies their sources as users of Foundry and Hardhat do.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeAbiParameters } from "viem";
import { keys, output, rpcUrl } from "./flow.mjs";
import { command } from "./node.mjs";
import { folder, foundry, made } from "./paths.mjs";
import { serve } from "./versions.mjs";

/** Where the node looks for compilers: `run.mjs` says so to it. */
const compilers = join(made, "solc");
/** The version of `package.json`, which made all contracts. */
const VERSION = "0.8.37";

/** Fetches the compiler while the node runs. Gives what the program says. */
export function addCompiler() {
  const [heddle] = command();
  return output(heddle, ["explorer", "solc", "add", VERSION, "--explorer.solc", compilers]);
}

/** Forgets the compilers that an earlier run fetched. */
export function removeCompilers() {
  rmSync(compilers, { recursive: true, force: true });
}

const project = join(folder, "contracts");

let environment;

/** What forge runs in: it reads its list of compilers from `versions.mjs`, and finds the compiler of
 * npm where it puts those that it fetches. Nothing beyond this machine answers. */
async function forgeEnvironment() {
  const home = join(made, "home");
  const place = join(home, ".svm", VERSION);
  mkdirSync(place, { recursive: true });
  const program = `#!/bin/sh\nexec "${process.execPath}" "${join(folder, "../contracts/solc.mjs")}" "$@"\n`;
  writeFileSync(join(place, `solc-${VERSION}`), program, { mode: 0o755 });
  return { ...process.env, ...(await serve()), HOME: home, FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", NO_COLOR: "1" };
}

async function forge(...args) {
  environment ??= await forgeEnvironment();
  return output(foundry("forge"), args, { cwd: project, env: environment });
}

/** Deploys a contract, named by its file; gives its address. */
export async function deployByForge(contract, ...args) {
  const more = args.length > 0 ? ["--constructor-args", ...args.map(String)] : [];
  const text = await forge("create", contract, "--rpc-url", rpcUrl, "--private-key", keys[0], "--broadcast", ...more);
  return text.match(/Deployed to: (0x[0-9a-fA-F]{40})/)[1];
}

/** Verifies it by one of the kinds of explorers that forge knows. Gives what forge says. */
export function verifyByForge(verifier, url, address, contract, ...numbers) {
  const words = encodeAbiParameters(numbers.map(() => ({ type: "uint256" })), numbers.map(BigInt));
  const more = numbers.length > 0 ? ["--constructor-args", words] : [];
  return forge("verify-contract", address, contract, "--chain", "31337", "--verifier", verifier, "--verifier-url", url,
    "--watch", "--delay", "1", "--retries", "30", ...more);
}

/** Gives what the compiler was asked for all contracts, as forge writes it down when it builds: with
 * settings of its own that solc does not know. */
export async function standardJson() {
  const place = join(made, "forge", "build-info");
  rmSync(place, { recursive: true, force: true });
  await forge("build", "--force", "--build-info", "--build-info-path", place);
  const [name] = readdirSync(place);
  const { language, sources, settings } = JSON.parse(readFileSync(join(place, name), "utf8")).input;
  return JSON.stringify({ language, sources, settings });
}

/** A proxy that does not answer: Hardhat has to do without a network. */
const NOBODY = "http://127.0.0.1:9";

const hardhat = (environment, ...args) => output(process.execPath, [join(folder, "node_modules", "hardhat", "internal", "cli", "bootstrap.js"), ...args], {
  cwd: project,
  env: {
    ...process.env, ...environment, https_proxy: NOBODY, HTTPS_PROXY: NOBODY, RPC_URL: rpcUrl,
    HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", NO_COLOR: "1",
  },
});

/** Deploys the contract of that name; gives its address. */
export async function deployByHardhat(name, ...args) {
  const environment = { CONTRACT: name, ARGUMENTS: JSON.stringify(args) };
  return (await hardhat(environment, "run", "--network", "node", "deploy.cjs")).split("\n").at(-1);
}

/** Verifies it by one of the kinds of explorers that its plugin knows. Gives what Hardhat says. */
export function verifyByHardhat(verifier, explorer, address, ...args) {
  return hardhat({ VERIFIER: verifier, EXPLORER_URL: explorer }, "verify", "--network", "node", address, ...args.map(String));
}
