// Random transactions of all kinds, from a seed.

import {
  commitmentsToVersionedHashes, concatHex, encodeDeployData, encodeFunctionData, getContractAddress,
  toBlobSidecars, toBlobs, toHex,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact } from "./flow.mjs";

const ledger = artifact("Ledger");
const GWEI = 10n ** 9n;
const CHAIN = 31337;
const NOBODY = `0x${"00".repeat(20)}`;

/** A blob, with what KZG says of it: to compute that in JavaScript takes half a minute. */
export const blobs = toBlobs({ data: "0x68656464" });
export const commitments = ["0xa247425d0e51ae0fbffb9cfda66e00f1313f5cdabb116b6e237284cf3ae38f057a0357f94b644d8c24653d8a938a2621"];
export const proofs = ["0xb442899bd5adb658aa74c865353ecbd60f1f71cbee96e22e2e5cf879a2c1360f388ec2b8ee9859f47e028c9659b71457"];

/** Gives itself up to its caller. */
const selfDestruct = "0x33ff";
/** Counts in slot 0, logs, and calls a precompile. */
const busy = "0x5f546001015f5560205fa05f5f60205f60045afa5000";

const account = (number) => privateKeyToAccount(toHex(BigInt(number) * 0x1000_0001n, { size: 32 }));

/** Who sends, and who only signs authorizations. */
export const senders = [1, 2, 3, 4, 5, 6].map(account);
export const authorities = [7, 8, 9].map(account);

/** Makes transactions; it knows the nonces that were used up, and the contracts that were made. */
export class Workload {
  #random;
  #contracts = [];
  #nonces = new Map([...senders, ...authorities].map(({ address }) => [address, 0]));
  /** Who delegates itself in this block: its nonce is not known before the next. */
  #paused = new Set();
  #tip = 0n;
  /** Every address that something was sent to, or is made at. */
  touched = new Set([...senders, ...authorities].map(({ address }) => address.toLowerCase()));

  constructor(random) {
    this.#random = random;
  }

  /** The accounts whose nonces have to be asked for after a block. */
  get accounts() {
    return [...this.#nonces.keys()];
  }

  /** Takes note of nonces after a block. */
  startBlock(nonces) {
    this.#nonces = nonces;
    this.#paused.clear();
  }

  /** Takes note of a transaction that was taken. */
  accepted({ sender, nonce }) {
    this.#nonces.set(sender.address, Math.max(this.#nonces.get(sender.address), nonce + 1));
  }

  /** A signed transaction, its kind, sender and nonce. */
  async next() {
    const kinds = [
      "transfer", "transfer", "deploy", "call", "call", "call", "call", "precompile", "destroy",
      "burn", "delegate", "blob", "wrong",
    ];
    const kind = this.#contracts.length === 0 ? "deploy" : this.#random.pick(kinds);
    const ready = senders.filter(({ address }) => !this.#paused.has(address));
    if (ready.length === 0) return null;
    const sender = this.#random.pick(ready);
    const fields = await this[kind](sender);
    const transaction = {
      ...this.#prices(fields), nonce: this.#nonces.get(sender.address), ...fields, chainId: CHAIN,
    };
    if (transaction.to) this.touched.add(transaction.to.toLowerCase());
    return { kind, sender, nonce: transaction.nonce, raw: await sender.signTransaction(transaction) };
  }

  /** Tips differ, so that all nodes order a block alike. */
  #prices({ type }) {
    this.#tip += 1n + BigInt(this.#random.below(1000));
    if (type === undefined && this.#random.chance(30)) {
      return { type: this.#random.pick(["legacy", "eip2930"]), gasPrice: 50n * GWEI + this.#tip };
    }
    const maxPriorityFeePerGas = GWEI + this.#tip;
    return { type: type ?? "eip1559", maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas };
  }

  transfer() {
    const known = this.#random.chance(70);
    const to = known ? this.#random.pick(senders).address : `0x${this.#random.bytes(20)}`;
    return { to, value: BigInt(this.#random.below(1_000_000)), gas: 21_000n };
  }

  deploy(sender) {
    const nonce = BigInt(this.#nonces.get(sender.address));
    const address = getContractAddress({ from: sender.address, nonce }).toLowerCase();
    this.touched.add(address);
    const which = this.#random.below(8);
    if (which === 0) {
      // Fails: its code would begin with 0xef (EIP-3541).
      return { data: "0x60ef5f5360015ff3", gas: 100_000n };
    }
    if (which < 4) {
      const runtime = which === 1 ? selfDestruct : busy;
      const size = toHex((runtime.length - 2) / 2, { size: 1 });
      this.#contracts.push({ address, isLedger: false });
      // Copies what comes after these ten bytes, and returns it.
      return { data: concatHex(["0x60", size, "0x600a5f3960", size, "0x5ff3", runtime]), gas: 300_000n };
    }
    this.#contracts.push({ address, isLedger: true });
    this.touched.add(getContractAddress({ from: address, nonce: 1n }).toLowerCase());
    const data = encodeDeployData({ ...ledger, args: [BigInt(this.#random.below(100))] });
    return { data, value: BigInt(this.#random.below(50)), gas: 2_000_000n };
  }

  call() {
    const random = this.#random;
    const { address: to, isLedger } = random.pick(this.#contracts);
    const gas = BigInt(random.pick([45_000, 60_000, 200_000]));
    if (!isLedger) return { to, data: `0x${random.bytes(random.below(40))}`, gas };
    const [functionName, args, value = 0n] = random.pick([
      ["pay", [random.bytes(random.below(60))], BigInt(random.below(900))],
      ["pay", ["short"], BigInt(random.below(900))],
      ["withdraw", [BigInt(random.below(900))]],
      ["failWithReason", []],
      ["failWithPanic", [0n]],
      ["failWithNothing", []],
      ["callChild", [BigInt(random.below(3))]],
    ]);
    const data = encodeFunctionData({ abi: ledger.abi, functionName, args });
    return { to, data, value, gas, ...this.#accessList(to) };
  }

  #accessList(address) {
    if (!this.#random.chance(20)) return {};
    const storageKeys = [0, 1, 2].map((slot) => toHex(slot, { size: 32 }));
    const empty = { address: this.#random.pick(senders).address, storageKeys: [] };
    return { type: "eip1559", accessList: [{ address, storageKeys }, empty] };
  }

  precompile() {
    const to = toHex(1 + this.#random.below(17), { size: 20 });
    return { to, data: `0x${this.#random.bytes(this.#random.below(200))}`, gas: 150_000n };
  }

  destroy() {
    const raw = this.#contracts.filter(({ isLedger }) => !isLedger);
    if (raw.length === 0) return this.transfer();
    return { to: this.#random.pick(raw).address, value: 3n, gas: 90_000n };
  }

  /** Runs out of gas. */
  burn() {
    const data = encodeFunctionData({ abi: ledger.abi, functionName: "pay", args: ["x"] });
    return { to: this.#random.pick(this.#contracts).address, data, gas: 23_000n };
  }

  async delegate(sender) {
    const itself = this.#random.chance(30);
    const authority = itself ? sender : this.#random.pick(authorities);
    if (itself) this.#paused.add(sender.address);
    // Of an account's own transaction the nonce counts before its authorizations do.
    const nonce = this.#nonces.get(authority.address) + (itself ? 1 : 0);
    const ends = this.#random.chance(30);
    const contractAddress = ends ? NOBODY : this.#random.pick(this.#contracts).address;
    const chainId = this.#random.pick([0, CHAIN, 5]);
    const authorization = await authority.signAuthorization({ contractAddress, chainId, nonce });
    const to = this.#random.pick([...senders, ...authorities]).address;
    return { type: "eip7702", to, authorizationList: [authorization], gas: 200_000n };
  }

  blob() {
    return {
      type: "eip4844", to: this.#random.pick(senders).address, gas: 40_000n, maxFeePerBlobGas: GWEI,
      blobVersionedHashes: commitmentsToVersionedHashes({ commitments }),
      sidecars: toBlobSidecars({ blobs, commitments, proofs }),
    };
  }

  /** Is refused, in one way or another. */
  wrong(sender) {
    const nonce = this.#nonces.get(sender.address);
    const low = nonce > 0 ? { nonce: this.#random.below(nonce) } : { gas: 20_000n };
    return {
      to: this.#random.pick(senders).address,
      gas: 21_000n,
      ...this.#random.pick([
        low,
        { gas: 20_000n },
        { value: 10n ** 30n },
        { gas: 40_000_000n },
        { data: `0x${"01".repeat(100)}` },
      ]),
    };
  }
}
