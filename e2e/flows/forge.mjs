// forge: a script that broadcasts, and a test on a fork of the node.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { artifact, equal, flow, holds, keys, output, request, rpcUrl } from "../lib/flow.mjs";
import { folder, foundry, made } from "../lib/paths.mjs";
import { decodeFunctionResult, encodeFunctionData } from "viem";

const { abi } = artifact("Ledger");
const environment = { ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", NO_COLOR: "1" };
const forge = (...args) => output(foundry("forge"), args, { cwd: join(folder, "contracts"), env: environment });

async function script() {
  const key = BigInt(keys[0]).toString();
  await forge("script", "script/Deploy.s.sol", "--rpc-url", rpcUrl, "--broadcast", "--slow",
    "--sig", "run(uint256)", key);
  const path = join(made, "forge", "broadcast", "Deploy.s.sol", "31337", "run-latest.json");
  const { receipts, transactions } = JSON.parse(readFileSync(path, "utf8"));
  equal(receipts.map((receipt) => receipt.status), ["0x1", "0x1", "0x1"], "status of what was broadcast");
  const ledger = transactions[0].contractAddress;
  const data = encodeFunctionData({ abi, functionName: "total" });
  const result = await request("eth_call", [{ to: ledger, data }, "latest"]);
  equal(decodeFunctionResult({ abi, functionName: "total", data: result }), 7n, "total on the node");
}

async function fork() {
  const text = await forge("test", "--fork-url", rpcUrl, "--match-contract", "ForkedTest");
  holds(text.includes("1 passed"), "a test on a fork", text);
}

await flow("forge", [
  ["runs a script that broadcasts", script],
  ["tests on a fork of the node", fork],
]);
