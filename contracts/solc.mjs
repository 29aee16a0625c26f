#!/usr/bin/env node
// solc-js as if it were solc, as far as forge asks: `--version` and `--standard-json`.

import { readFileSync } from "node:fs";
import solc from "solc";

const [, , ...options] = process.argv;
if (options.includes("--version")) {
  console.log("solc, the solidity compiler commandline interface");
  console.log(`Version: ${solc.version().replace(".Emscripten.clang", "")}`);
} else if (options.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error("error: this can do --version and --standard-json alone");
  process.exit(2);
}
