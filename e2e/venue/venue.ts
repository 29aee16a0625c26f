// What the examples share: where the venue is, who uses it, and waiting for transactions.

import { execFileSync } from "node:child_process";
import { createTestClient, createWalletClient, defineChain, http, publicActions, type Address, type Hash } from "viem";
import { mnemonicToAccount } from "viem/accounts";

type Contracts = Record<string, Record<string, { address: Address; contract: string; about: string }>>;

type Listed = {
  contracts: Contracts;
  development: { phrase: string; reporters: { seat: number; address: Address; path: `m/44'/60'/${string}` }[] };
};

/** What `heddle venue addresses --json` prints: the same for every chain that has the venue. */
const program = (process.env.HEDDLE ?? "heddle").split(" ");
export const listed: Listed = JSON.parse(
  execFileSync(program[0]!, [...program.slice(1), "venue", "addresses", "--json"], { encoding: "utf8" }),
);

/** Where a contract is. */
export function addressOf(system: string, name: string): Address {
  const place = listed.contracts[system]?.[name];
  if (!place) throw new Error(`the venue has no ${system}.${name}`);
  return place.address;
}

const url = process.env.RPC_URL ?? "http://127.0.0.1:8545";

export const chain = defineChain({
  id: 31337,
  name: "heddle dev --venue",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
});

/** Reads, and moves the time of a development chain. */
export const client = createTestClient({ chain, mode: "anvil", transport: http(), pollingInterval: 50 }).extend(
  publicActions,
);

/** An account of `heddle dev`, which signs what it sends. */
export function user(index: number) {
  const account = mnemonicToAccount(listed.development.phrase, { addressIndex: index });
  return createWalletClient({ account, chain, transport: http() });
}

/** Waits for a transaction that must succeed. */
export async function mined(sent: Promise<Hash>) {
  const receipt = await client.waitForTransactionReceipt({ hash: await sent });
  if (receipt.status !== "success") throw new Error(`${receipt.transactionHash} reverted`);
  return receipt;
}

/** UNIX seconds of the last block. */
export async function now(): Promise<bigint> {
  return (await client.getBlock()).timestamp;
}

/** Makes a block of a time in UNIX seconds on a development chain, whose clock goes on from there. */
export async function until(timestamp: number) {
  await client.setNextBlockTimestamp({ timestamp: BigInt(timestamp) });
  await client.mine({ blocks: 1 });
}

/** Lets so many seconds pass since the last block. */
export const pass = async (seconds: number) => until(Number(await now()) + seconds);

/** A time by which an order must be mined: ten minutes from the last block. */
export async function soon(): Promise<bigint> {
  return (await now()) + 600n;
}
