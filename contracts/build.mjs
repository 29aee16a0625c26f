// Compiles all of src and writes artifacts/NAME.json; with --check compares instead of writing.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const folder = fileURLToPath(new URL(".", import.meta.url));
const sources = join(folder, "src");
const artifacts = join(folder, "artifacts");

// All that the code depends on, so that it is the same on every machine. The metadata would hold
// hashes of the sources, comments included.
const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "cancun",
  viaIR: false,
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

/** What anybody may use as they like, if the notice is kept. */
const licences = new Set(["MIT"]);

/** Text of each artifact by the name of its file. */
function compile() {
  const paths = readdirSync(sources, { recursive: true }).filter((path) => path.endsWith(".sol")).sort();
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(paths.map((path) => [path, { content: source(join(sources, path)) }])),
    settings,
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  // What packages are warned of is theirs to correct.
  const isOurs = ({ severity, sourceLocation }) => severity === "error" || paths.includes(sourceLocation?.file);
  const wrong = (output.errors ?? []).filter(isOurs);
  for (const { formattedMessage } of wrong) {
    console.error(formattedMessage);
  }
  if (wrong.length > 0) {
    fail("the contracts do not compile without a warning; correct them");
  }
  const compiled = paths.map((path) => [`${basename(path, ".sol")}.json`, artifact(path, output)]);
  const artifacts = new Map(compiled.filter(([, text]) => text));
  if (artifacts.size < compiled.filter(([, text]) => text).length) {
    fail("two contracts have the same name; artifacts are named by it alone");
  }
  return artifacts;
}

/** The contract that a source is named after; `undefined` if it is nothing that can be deployed. */
function artifact(path, output) {
  const contractName = basename(path, ".sol");
  const contract = output.contracts[path]?.[contractName];
  if (!contract) {
    fail(`src/${path} has no contract ${contractName}; name both alike`);
  }
  const { abi, evm } = contract;
  const canBeCalled = abi.some(({ type }) => type !== "error" && type !== "event");
  if (evm.bytecode.object === "" || !canBeCalled) {
    return undefined;
  }
  const content = {
    contractName,
    compiler: solc.version(),
    evmVersion: settings.evmVersion,
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** What a source imports: files of packages. */
function find(path) {
  // As foundry.toml maps them.
  const file = join(folder, "node_modules", path.replace(/^solady\//, "solady/src/"));
  return existsSync(file) ? { contents: source(file) } : { error: `${path} is not installed` };
}

/** The text of a source, which says under what licence it is. */
function source(path) {
  const text = read(path);
  const licence = /SPDX-License-Identifier: *(.*)/.exec(text)?.[1].trim();
  if (!licences.has(licence)) {
    fail(`${path} is under ${licence ?? "no licence"}; what is shipped is under MIT`);
  }
  return text;
}

function check(expected) {
  const there = existsSync(artifacts) ? readdirSync(artifacts) : [];
  const names = new Set([...there, ...expected.keys()]);
  const isSame = (name) =>
    there.includes(name) && expected.has(name) && read(join(artifacts, name)) === expected.get(name);
  const wrong = [...names].filter((name) => !isSame(name)).sort();
  if (wrong.length > 0) {
    const list = wrong.map((name) => `contracts/artifacts/${name}`).join(", ");
    fail(`not what contracts/src compiles to: ${list}; run \`cargo xtask contracts\` and commit`);
  }
  console.log(`contracts: ${expected.size} artifacts are what the sources compile to`);
}

function write(compiled) {
  rmSync(artifacts, { recursive: true, force: true });
  mkdirSync(artifacts);
  for (const [name, text] of compiled) {
    writeFileSync(join(artifacts, name), text);
  }
  console.log(`contracts: wrote ${compiled.size} artifacts`);
}

function read(path) {
  return readFileSync(path, "utf8");
}

function fail(reason) {
  console.error(`error: ${reason}`);
  process.exit(1);
}

const wrongArguments = process.argv.slice(2).filter((argument) => argument !== "--check");
if (wrongArguments.length > 0) {
  fail(`unknown argument ${wrongArguments[0]}; only --check is known`);
}
(process.argv.includes("--check") ? check : write)(compile());
