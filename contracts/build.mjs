// Compiles src/*.sol and writes artifacts/NAME.json; with --check compares instead of writing.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

/** Text of each artifact by the name of its file. */
function compile() {
  const names = readdirSync(sources).filter((name) => name.endsWith(".sol")).sort();
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(names.map((name) => [name, { content: read(join(sources, name)) }])),
    settings,
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  for (const error of output.errors ?? []) {
    console.error(error.formattedMessage);
  }
  if (output.errors?.length) {
    fail("the contracts do not compile without a warning; correct them");
  }
  return new Map(names.map((name) => [name.replace(".sol", ".json"), artifact(name, output)]));
}

/** The contract that a source is named after. */
function artifact(source, output) {
  const contractName = source.replace(".sol", "");
  const contract = output.contracts[source]?.[contractName];
  if (!contract) {
    fail(`src/${source} has no contract ${contractName}; name both alike`);
  }
  const { abi, evm } = contract;
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
  const file = join(folder, "node_modules", path);
  return existsSync(file) ? { contents: read(file) } : { error: `${path} is not installed` };
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
