// Borrowers of the venue's lending pool, and the keeper that liquidates them, a real process.

import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWalletClient, encodeFunctionData, http, parseAbi, parseEther } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { equal, hex, holds, mnemonic, output, request, rpcUrl } from "./flow.mjs";
import { command } from "./node.mjs";
import { client, contract, places } from "./prices.mjs";

/** The keeper, a program with its first arguments. */
const program = (process.env.HEDDLE_E2E_KEEPER || `${command()[0]} keeper`).split(" ");
export const at = places();
export const pool = { address: at.lendingPool, abi: contract("LendingPool").abi };
export const WAD = 10n ** 18n;
/** More than any of the calls here needs. */
const GAS = 1_500_000n;

const erc20 = parseAbi([
  "function approve(address, uint256) returns (bool)",
  "function mint(address, uint256)",
  "function deposit() payable",
]);
export const admin = mnemonicToAccount(mnemonic, { addressIndex: 9 });
const keeper = mnemonicToAccount(mnemonic, { addressIndex: 8 });

export async function send(account, address, abi, functionName, args = [], value = 0n) {
  const wallet = createWalletClient({ account, transport: http(rpcUrl) });
  const data = encodeFunctionData({ abi, functionName, args });
  // An estimate is too low where the first one of a block has more to do.
  const hash = await wallet.sendTransaction({ to: address, data, value, gas: GAS, chain: null });
  const receipt = await client.waitForTransactionReceipt({ hash });
  holds(receipt.status === "success", `${functionName} succeeds`);
}

/** Accounts that owe vUSD for WETH. */
export class Borrowers {
  constructor(count, draw) {
    this.draw = draw;
    this.all = Array.from({ length: count }, (_, index) => mnemonicToAccount(mnemonic, { addressIndex: 1000 + index }));
  }

  /** Lends each a part of what the collateral allows, up to nearly all of it; gives the price in 1e-8. */
  async borrow() {
    const state = await client.readContract({ ...pool, functionName: "reserveState", args: [at.weth] });
    const price = state.price / 10n ** 10n;
    const loans = this.all.map((account) => ({ account, ether: BigInt(1 + this.draw(40)), percent: BigInt(65 + this.draw(15)) }));
    // All at once: a chain that makes a block now and then is not waited for by each.
    const each = (step) => Promise.all(loans.map(step));
    await each(({ account }) => request("anvil_setBalance", [account.address, hex(parseEther("1000"))]));
    await each(({ account, ether }) => send(account, at.weth, erc20, "deposit", [], ether * WAD));
    await each(({ account }) => send(account, at.weth, erc20, "approve", [at.lendingPool, 2n ** 256n - 1n]));
    await each(({ account, ether }) => send(account, at.lendingPool, pool.abi, "supply", [at.weth, ether * WAD, account.address]));
    await each(({ account }) => send(account, at.lendingPool, pool.abi, "setCollateral", [at.weth, true]));
    await each(({ account, ether, percent }) => {
      // WAD of ether times 1e-8 dollars, to 1e-6 dollars.
      const owed = (ether * price * percent) / 100n / 100n;
      return send(account, at.lendingPool, pool.abi, "borrow", [at.usd, owed, account.address, account.address]);
    });
    return price;
  }

  healths() {
    return Promise.all(this.all.map(({ address }) => client.readContract({ ...pool, functionName: "healthFactor", args: [address] })));
  }

  async underOne() {
    const healths = await this.healths();
    return this.all.filter((_, index) => healths[index] < WAD);
  }
}

/** A keeper with capital, which sells what it gets. */
export class Keeper {
  constructor(draw) {
    this.draw = draw;
    this.address = keeper.address;
    this.place = mkdtempSync(join(tmpdir(), "heddle-keeper-"));
    this.config = join(this.place, "keeper.toml");
    process.on("exit", () => {
      this.child?.kill("SIGKILL");
      rmSync(this.place, { recursive: true, force: true });
    });
  }

  async open() {
    writeFileSync(join(this.place, "key"), `0x${Buffer.from(keeper.getHdKey().privateKey).toString("hex")}`);
    chmodSync(join(this.place, "key"), 0o600);
    writeFileSync(this.config, `
      rpc_url = "${rpcUrl}"
      pool = "${at.lendingPool}"
      state = "state"
      key = "key"
      gas_asset = "${at.weth}"
      router = "${at.router}"
      profit_min = "0.5"
      poll_interval_ms = 20
      [[capital]]
      asset = "${at.usd}"
      [[sale]]
      asset = "${at.weth}"
      keep = "1000"
      path = [{ kind = "pair", pool = "${at.wethUsdPair}", token_out = "${at.usd}" }]
      loss_max = 2000
    `);
    await request("anvil_setBalance", [keeper.address, hex(parseEther("1000"))]);
    await send(admin, at.usd, erc20, "mint", [keeper.address, 200_000n * 10n ** 6n]);
  }

  begin() {
    const args = [...program.slice(1), "run", this.config, "--sell", "--seed", `${this.draw(1000)}`];
    this.child = spawn(program[0], args, { stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr.on("data", (chunk) => process.env.HEDDLE_E2E_VERBOSE && process.stderr.write(chunk));
    this.child.ended = new Promise((resolve) => this.child.on("exit", (code, signal) => resolve(signal ?? code)));
  }

  /** Ends it by `kill -9`. */
  async end() {
    holds(this.child.exitCode === null, "the keeper has not ended by itself", this.child.exitCode);
    this.child.kill("SIGKILL");
    equal(await this.child.ended, "SIGKILL", "how the keeper ends");
  }

  /** Compares what it makes of the chain with what the contract says: how many accounts and liquidations. */
  async check() {
    const text = await output(program[0], [...program.slice(1), "check", this.config, "--liquidations", "--json"]);
    const { accounts, liquidations, differing } = JSON.parse(text);
    equal(differing, [], "accounts whose health or liquidation differs from the contract's");
    return { accounts, liquidations };
  }

  transactionCount() {
    return client.getTransactionCount({ address: this.address });
  }

  /** What events and receipts say of all that it did: nobody liquidated twice or too far, nothing in vain. */
  async judge(target) {
    const logs = await liquidations();
    holds(logs.length > 0, "somebody was liquidated");
    for (const { args: { account, liquidator, liquidation } } of logs) {
      equal(liquidator, this.address, "who liquidates");
      holds(liquidation.healthBefore < WAD, `${account} was under 1`, liquidation.healthBefore);
      if (liquidation.reason === 0) {
        const { healthAfter } = liquidation;
        holds(healthAfter >= target - WAD / 10_000n && healthAfter < target + WAD / 1000n, `${account} is at the target`, healthAfter);
      }
    }
    let sent = 0;
    for (let number = 0n; number <= (await client.getBlockNumber()); number += 1n) {
      const block = await client.getBlock({ blockNumber: number, includeTransactions: true });
      for (const transaction of block.transactions.filter(({ from }) => from.toLowerCase() === this.address.toLowerCase())) {
        const receipt = await client.getTransactionReceipt({ hash: transaction.hash });
        equal(receipt.status, "success", `transaction ${transaction.nonce} of the keeper`);
        sent += 1;
      }
    }
    const accounts = new Set(logs.map(({ args }) => args.account)).size;
    return `${logs.length} liquidations of ${accounts} accounts, ${sent} transactions, none in vain`;
  }
}

/** All events of liquidations. */
export const liquidations = () => client.getContractEvents({ ...pool, eventName: "Liquidated", fromBlock: 0n });
