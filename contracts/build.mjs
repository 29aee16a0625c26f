// Compiles all of src and writes artifacts/NAME.json, and build-info.json.gz; with --check compares
// instead of writing.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import solc from "solc";

const folder = fileURLToPath(new URL(".", import.meta.url));
const sources = join(folder, "src");
const artifacts = join(folder, "artifacts");
const buildInfo = join(folder, "build-info.json.gz");

// All that the code depends on, so that it is the same on every machine. The metadata would hold
// hashes of the sources, comments included.
const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "cancun",
  viaIR: false,
  metadata: { bytecodeHash: "none", appendCBOR: false },
  // What artifacts have, and what `crates/solidity` asks for when it verifies sources.
  outputSelection: {
    "*": {
      "*": [
        "abi",
        "metadata",
        "userdoc",
        "devdoc",
        "storageLayout",
        "evm.bytecode.object",
        "evm.deployedBytecode.object",
        "evm.deployedBytecode.immutableReferences",
      ],
      "": ["ast"],
    },
  },
};

/** What a contract of ours creates, though it is none of ours: path and name. */
const created = [["@openzeppelin/contracts/governance/TimelockController.sol", "TimelockController"]];

/** What anybody may use as they like, if the notice is kept. */
const licences = new Set(["MIT"]);

/** Text of each artifact by the name of its file, and that of the build info. */
function compile() {
  const paths = readdirSync(sources, { recursive: true }).filter((path) => path.endsWith(".sol")).sort();
  const own = paths.map((path) => [path, source(join(sources, path))]);
  /** All that the compiler reads, by the paths that it knows. */
  const texts = new Map(own);
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(own.map(([path, content]) => [path, { content }])),
    settings,
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: (path) => find(path, texts) }));
  // What packages are warned of is theirs to correct.
  const isOurs = ({ severity, sourceLocation }) => severity === "error" || paths.includes(sourceLocation?.file);
  const wrong = (output.errors ?? []).filter(isOurs);
  for (const { formattedMessage } of wrong) {
    console.error(formattedMessage);
  }
  if (wrong.length > 0) {
    fail("the contracts do not compile without a warning; correct them");
  }
  const compiled = paths.map((path) => [path, artifact(path, output)]).filter(([, text]) => text);
  const artifacts = new Map(compiled.map(([path, text]) => [`${basename(path, ".sol")}.json`, text]));
  if (artifacts.size < compiled.length) {
    fail("two contracts have the same name; artifacts are named by it alone");
  }
  const deployable = compiled.map(([path]) => [path, basename(path, ".sol")]);
  return { artifacts, info: info([...deployable, ...created], output, texts) };
}

/**
 * What it takes to say of deployed code that it is ours, and to show its source, without compiling
 * again: in the shape of the build info of forge and hardhat, of which it has the needed parts.
 */
function info(deployable, output, texts) {
  const contracts = {};
  const paths = new Set();
  for (const [path, name] of deployable) {
    contracts[path] = { [name]: output.contracts[path][name] };
    Object.keys(JSON.parse(contracts[path][name].metadata).sources).forEach((path) => paths.add(path));
  }
  const inputs = [...paths].sort().map((path) => [path, { content: texts.get(path) }]);
  const { outputSelection, ...rest } = settings;
  const syntax = [...paths].sort().map((path) => [path, { ast: { nodes: immutables(output.sources[path].ast) } }]);
  return `${JSON.stringify({
    solcLongVersion: solc.version(),
    input: { language: "Solidity", sources: Object.fromEntries(inputs), settings: rest },
    output: { contracts, sources: Object.fromEntries(syntax.filter(([, { ast }]) => ast.nodes.length > 0)) },
  })}\n`;
}

/** Declarations of immutable variables, which stand directly in contracts. */
function immutables({ nodes }) {
  const all = nodes.flatMap(({ nodes }) => nodes ?? []).filter(({ mutability }) => mutability === "immutable");
  return all.map(({ id, name, mutability }) => ({ id, name, mutability }));
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

/** What a source imports, a file of a package, which becomes one of `texts`. */
function find(path, texts) {
  // As foundry.toml maps them.
  const file = join(folder, "node_modules", path.replace(/^solady\//, "solady/src/"));
  if (!existsSync(file)) return { error: `${path} is not installed` };
  texts.set(path, source(file));
  return { contents: texts.get(path) };
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

function check({ artifacts: expected, info }) {
  const there = existsSync(artifacts) ? readdirSync(artifacts) : [];
  const names = new Set([...there, ...expected.keys()]);
  const isSame = (name) =>
    there.includes(name) && expected.has(name) && read(join(artifacts, name)) === expected.get(name);
  const wrong = [...names].filter((name) => !isSame(name)).map((name) => `artifacts/${name}`).sort();
  // Packed anew it would depend on the version of Node.js.
  if (!existsSync(buildInfo) || gunzipSync(readFileSync(buildInfo)).toString() !== info) {
    wrong.push(basename(buildInfo));
  }
  if (wrong.length > 0) {
    const list = wrong.map((name) => `contracts/${name}`).join(", ");
    fail(`not what contracts/src compiles to: ${list}; run \`cargo xtask contracts\` and commit`);
  }
  console.log(`contracts: ${expected.size} artifacts are what the sources compile to`);
}

function write({ artifacts: compiled, info }) {
  rmSync(artifacts, { recursive: true, force: true });
  mkdirSync(artifacts);
  for (const [name, text] of compiled) {
    writeFileSync(join(artifacts, name), text);
  }
  writeFileSync(buildInfo, gzipSync(info, { level: 9 }));
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
