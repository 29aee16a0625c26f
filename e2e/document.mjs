// Writes docs/anvil-differences.md from lib/justified.mjs: `node document.mjs`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { justified } from "./lib/justified.mjs";
import { root } from "./lib/paths.mjs";

const lines = [
  "# Where Heddle answers otherwise than anvil",
  "",
  "Written by `e2e/document.mjs` from `e2e/lib/justified.mjs`, which says precisely what each line covers.",
  "`cargo xtask e2e differential` sends random transactions to both and fails at any other difference.",
  "The order in which anvil 1.7.1 and Heddle put transactions is compared where prices and tips order them alike:",
  "anvil orders by the maximum fee, Heddle by what the beneficiary gets.",
  "Empty accounts and slots that hold zero are kept out of these runs, because anvil keeps them in its state root.",
  "The contracts of EIP-4788, EIP-2935, EIP-7002 and EIP-7251 do nothing in these runs: anvil calls only that of EIP-2935.",
  "",
  "| difference | why it is so |",
  "|---|---|",
  ...justified.map(({ name, why }) => `| ${name} | ${why} |`),
  "",
];
writeFileSync(join(root, "docs", "anvil-differences.md"), lines.join("\n"));
