// Where things are.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder `e2e`. */
export const folder = dirname(dirname(fileURLToPath(import.meta.url)));

/** The repository. */
export const root = dirname(folder);

/** Where everything that is made here lies. */
export const made = join(root, "target", "e2e");

/** The light client, which has packages of its own. */
export const lightClient = join(root, "apps", "light-client");

/** A program of Foundry: the binary itself, since a wrapper would not pass signals on. */
export function foundry(name) {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  const manifest = require.resolve(`@foundry-rs/${name}-${platform}/package.json`);
  const program = join(dirname(manifest), "bin", name);
  if (!existsSync(program)) {
    throw new Error(`there is no ${program}; delete e2e/node_modules and run again`);
  }
  return program;
}
