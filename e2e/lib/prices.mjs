// Reports prices on a chain that has the venue, with the keys that everybody knows.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createPublicClient, createWalletClient, getAddress, http, parseSignature, signatureToCompactSignature } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { mnemonic, rpcUrl } from "./flow.mjs";
import { command } from "./node.mjs";
import { root } from "./paths.mjs";

/** Names and addresses of the venue's contracts, as the node's program tells them. */
export function places() {
  const text = execFileSync(command()[0], ["venue", "addresses", "--json"], { encoding: "utf8" });
  const systems = Object.values(JSON.parse(text).contracts);
  const named = systems.flatMap((system) => Object.entries(system));
  return Object.fromEntries(named.map(([name, { address }]) => [name, getAddress(address)]));
}

/** Code and ABI of a contract of the venue. */
export const contract = (name) =>
  JSON.parse(readFileSync(join(root, "contracts", "artifacts", `${name}.json`), "utf8"));

export const client = createPublicClient({ transport: http(rpcUrl, { retryCount: 0 }), pollingInterval: 20 });

/** An account of the venue's own keys: `m/44'/60'/1'/0/N`. */
export const ownAccount = (number) => mnemonicToAccount(mnemonic, { path: `m/44'/60'/1'/0/${number}` });

/** Those of the four reporters, by seat. */
const reporters = [2, 3, 4, 5].map(ownAccount).sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
const feed = contract("PriceFeed");
const types = {
  Observation: [
    { name: "round", type: "uint32" },
    { name: "attempt", type: "uint32" },
    { name: "value", type: "int192" },
    { name: "observedAt", type: "uint48" },
  ],
};

/** Has all reporters of a feed sign a price, in units of 1e-8, and submits it from an account. */
export async function report(address, price, from) {
  const [last, chainId, block] = await Promise.all([
    client.readContract({ address, abi: feed.abi, functionName: "latestRoundData" }),
    client.getChainId(),
    client.getBlock({ blockTag: "pending" }),
  ]);
  const round = Number(last[0]) + 1;
  const domain = { name: "Heddle PriceFeed", version: "1", chainId, verifyingContract: address };
  const message = { round, attempt: 1, value: price, observedAt: Number(block.timestamp) };
  const observations = await Promise.all(
    reporters.map(async (reporter, seat) => {
      const signature = await reporter.signTypedData({ domain, types, primaryType: "Observation", message });
      const { r, yParityAndS: vs } = signatureToCompactSignature(parseSignature(signature));
      return { seat, value: price, observedAt: message.observedAt, r, vs };
    }),
  );
  const wallet = createWalletClient({ account: from, transport: http(rpcUrl) });
  const hash = await wallet.writeContract({
    address, abi: feed.abi, functionName: "submit", args: [round, 1, observations], chain: null, gas: 1_000_000n,
  });
  const receipt = await client.waitForTransactionReceipt({ hash });
  if (receipt.status !== "success") throw new Error(`the report of round ${round} has reverted`);
}
