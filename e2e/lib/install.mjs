// Installs the clients as package-lock.json and requirements.txt pin them.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { folder, lightClient, made } from "./paths.mjs";

const environment = join(made, "venv");

/** The Python that has web3.py. */
export const python = join(environment, process.platform === "win32" ? "Scripts" : "bin", "python");

const ci = ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];

/** Installs what is not there yet, or is there in other versions. */
export function install() {
  mkdirSync(made, { recursive: true });
  once("packages", ["package.json", "package-lock.json"], join(folder, "node_modules"), () => {
    // No scripts: Foundry's packages hold their binaries, and no other needs one.
    run("npm", ci);
  });
  const own = ["package.json", "package-lock.json"].map((name) => join(relative(folder, lightClient), name));
  once("light-client", own, join(lightClient, "node_modules"), () => run("npm", [...ci, "--prefix", lightClient]));
  const compiler = ["package.json", "package-lock.json"].map((name) => join("../contracts", name));
  const place = join(folder, "../contracts");
  once("compiler", compiler, join(place, "node_modules"), () => run("npm", [...ci, "--prefix", place]));
  once("python", ["requirements.txt"], python, () => {
    run("python3", ["-m", "venv", "--clear", environment]);
    const quiet = ["--quiet", "--disable-pip-version-check"];
    run(python, ["-m", "pip", "install", ...quiet, "--no-deps", "-r", "requirements.txt"]);
  });
  once("contracts", [...contracts(), "lib/compile.mjs"], join(made, "contracts"), () => {
    run("node", ["lib/compile.mjs", join(made, "contracts")]);
  });
}

/** Files of all contracts. */
function contracts() {
  const sources = join("contracts", "src");
  return readdirSync(join(folder, sources)).sort().map((name) => join(sources, name));
}

/** Does something unless it was done with the same files. */
function once(name, sources, result, act) {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(readFileSync(join(folder, source)));
  const stamp = join(made, `${name}.stamp`);
  const wanted = hash.digest("hex");
  if (existsSync(result) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  act();
  writeFileSync(stamp, wanted);
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: folder, stdio: "inherit" });
  if (status !== 0) {
    throw new Error(`${program} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
  }
}
