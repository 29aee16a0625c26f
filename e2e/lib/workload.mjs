// Random transactions of all kinds, from a seed.

import {
  commitmentsToVersionedHashes, concatHex, encodeDeployData, encodeFunctionData, getContractAddress,
  getCreate2Address, keccak256, numberToHex, pad, parseSignature, toBlobSidecars, toBlobs, toHex, toRlp,
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

/** Takes calldata, whose first word is an address, and calls that with the rest. */
const forwards = (operation, value = "") =>
  `0x365f5f375f5f602036036020${value}5f355a${operation}6001015f553d5f5f3e3d5ff3`;
/** Codes that need no compiler, by what they do. */
const runtimes = {
  selfDestruct: "0x33ff",
  /** Counts in slot 0, logs, and calls a precompile. */
  busy: "0x5f546001015f5560205fa05f5f60205f60045afa5000",
  /** Stores what it sees of the block. */
  environment:
    "0x435f55426001554460025541600355486004554a600555466006554560075560014303401560010160085532600a5547600101600b55431e600c5500",
  /** Counts in transient storage, then in slot 0. */
  transient: "0x5f5c600101805f5d5f5500",
  call: forwards("f1", "34"),
  callCode: forwards("f2", "34"),
  delegateCall: forwards("f4"),
  staticCall: forwards("fa"),
  loop: "0x5b5f56",
  invalid: "0xfe",
  stackUnderflow: "0x01",
  badJump: "0x60ff56",
  hugeMemory: "0x600163ffffffff52",
  revertWithData: "0x5f355f5260205ffd",
};
/** Code that makes a contract which gives itself up to its caller. */
const childCreation = "0x6133ff5f526002601ef3";
/** Makes a child with CREATE2, and calls it, which destroys it, with the gas that it is told. */
const factoryRuntime = concatHex(["0x69", childCreation, "0x5f525f35600a601634f55f5f5f5f5f85602035f1505f5500"]);
/**
 * The codes that accounts delegate to, and that contracts run as their own. anvil keeps the slots
 * that such code would have set, had it not failed: none of these sets a slot but the first, which
 * is never zero afterwards.
 */
const DELEGATED = new Set([
  "selfDestruct", "busy", "transient", "loop", "invalid", "stackUnderflow", "badJump", "hugeMemory", "revertWithData",
]);
/** Codes that end a creation in failure. */
const failingCreations = [
  "0x60ef5f5360015ff3", // Its code would begin with 0xef (EIP-3541).
  "0x5f5ffd",
  "0xfe",
  "0x5b5f56",
  "0x6120005ff3", // Its code costs more gas than there is.
  "0x6160015ff3", // Its code is too long (EIP-170).
];

const account = (number) => privateKeyToAccount(toHex(BigInt(number) * 0x1000_0001n, { size: 32 }));

/** Who sends, and who only signs authorizations. */
export const senders = [1, 2, 3, 4, 5, 6].map(account);
export const authorities = [7, 8, 9].map(account);
/** Accounts without code that are called, and are to have a wei: precompiles and their neighbours. */
export const called = [...Array(20).keys(), 0x100].map((number) => toHex(number, { size: 20 }));

/**
 * Makes transactions; it knows the nonces that were used up, and the contracts that were made.
 *
 * anvil keeps in its tries what is empty: accounts (EIP-161) that were called or where a creation
 * failed, and slots that hold zero. So that the roots of both nodes are the same, such accounts get
 * a wei, from the genesis or from the next transaction of the same block, and no code writes zero.
 */
export class Workload {
  #random;
  #contracts = [];
  #factories = [];
  #nonces = new Map([...senders, ...authorities].map(({ address }) => [address, 0]));
  /** Who delegates itself in this block: its nonce is not known before the next. */
  #paused = new Set();
  /** What follows from the transaction that was given last. */
  #following = [];
  /** The ranks of the prices of this block. */
  #ranks = new Set();
  #blobs = 0;
  /** Every address that something was sent to, or is made at. */
  touched = new Set([...senders, ...authorities].map(({ address }) => address.toLowerCase()));

  /** The contracts that store what they see of block and transaction. */
  environments = new Set();

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
    this.#ranks.clear();
    this.#blobs = 0;
  }

  /** Takes note of a transaction that was taken. */
  accepted({ sender, nonce }) {
    this.#nonces.set(sender.address, Math.max(this.#nonces.get(sender.address), nonce + 1));
  }

  /** Whether what was given last has to be followed by more in the same block. */
  get isAmidst() {
    return this.#following.length > 0;
  }

  /** A signed transaction, its kind, sender and nonce. */
  async next() {
    if (this.isAmidst) return this.#following.shift();
    const kinds = [
      "transfer", "transfer", "deploy", "deploy", "call", "call", "call", "call", "call", "create2", "precompile",
      "destroy", "burn", "delegate", "blob", "replaced", "ahead", "refused",
      "refused", "refused",
    ];
    const kind = this.#contracts.length < 3 ? "deploy" : this.#random.pick(kinds);
    const ready = senders.filter(({ address }) => !this.#paused.has(address));
    if (ready.length === 0) return null;
    const sender = this.#random.pick(ready);
    const made = await this[kind](sender);
    const [first, ...rest] = Array.isArray(made) ? made : [await this.#signed(kind, sender, made)];
    this.#following = rest;
    return first;
  }

  async #signed(kind, sender, fields) {
    const prices = fields.gasPrice || fields.maxFeePerGas ? {} : this.#prices(fields);
    const nonce = this.#nonces.get(sender.address);
    const transaction = { chainId: CHAIN, nonce, ...prices, ...fields };
    if (transaction.to) this.touched.add(transaction.to.toLowerCase());
    const named = kind === "transfer" || kind === "call" ? `${kind} (${transaction.type})` : kind;
    return { kind: named, sender, nonce: transaction.nonce, raw: await sender.signTransaction(transaction) };
  }

  /**
   * A price that differs by 3 gwei at least from all others of the block. Tips are less than 2 gwei
   * below prices, and so is what base fees leave of them: the order by price is that by tips.
   */
  #price(low = 0, high = 2000) {
    let rank;
    do rank = low + this.#random.below(high - low); while (this.#ranks.has(rank));
    this.#ranks.add(rank);
    return 10n * GWEI + 3n * GWEI * BigInt(rank);
  }

  #prices({ type }) {
    if (type === undefined && this.#random.chance(30)) {
      return { type: this.#random.pick(["legacy", "eip2930"]), gasPrice: this.#price() };
    }
    const small = BigInt(this.#random.below(Number(GWEI)));
    // One of a block may pay less than all others, and the base fee tells how much.
    if (this.#random.chance(10) && !this.#ranks.has("cheap")) {
      this.#ranks.add("cheap");
      return { type: type ?? "eip1559", maxFeePerGas: 5n * GWEI, maxPriorityFeePerGas: small };
    }
    const maxFeePerGas = this.#price();
    return { type: type ?? "eip1559", maxFeePerGas, maxPriorityFeePerGas: maxFeePerGas - small };
  }

  transfer() {
    const known = this.#random.chance(70);
    const to = known ? this.#random.pick(senders).address : `0x${this.#random.bytes(20)}`;
    return { to, value: BigInt(1 + this.#random.below(1_000_000)), gas: 21_000n };
  }

  deploy(sender) {
    const nonce = BigInt(this.#nonces.get(sender.address));
    const address = getContractAddress({ from: sender.address, nonce }).toLowerCase();
    this.touched.add(address);
    if (this.#random.chance(10)) {
      return this.#thenAWei(sender, "failing creation", { data: this.#random.pick(failingCreations), gas: 100_000n }, address);
    }
    if (this.#random.chance(60)) {
      const name = this.#random.pick(["factory", ...Object.keys(runtimes)]);
      const list = name === "factory" ? this.#factories : this.#contracts;
      list.push({ address, name });
      if (name === "environment") this.environments.add(address);
      const runtime = runtimes[name] ?? factoryRuntime;
      const size = toHex((runtime.length - 2) / 2, { size: 1 });
      // Copies what comes after these ten bytes, and returns it.
      return { data: concatHex(["0x60", size, "0x600a5f3960", size, "0x5ff3", runtime]), gas: 300_000n };
    }
    this.#contracts.push({ address, name: "ledger" });
    this.touched.add(getContractAddress({ from: address, nonce: 1n }).toLowerCase());
    const data = encodeDeployData({ ...ledger, args: [BigInt(1 + this.#random.below(100))] });
    return { data, value: BigInt(1000 + this.#random.below(50)), gas: 2_000_000n };
  }

  /** A transaction, and one that gives a wei to an account which it may leave empty. */
  async #thenAWei(sender, kind, fields, address) {
    const nonce = this.#nonces.get(sender.address) + 1;
    const wei = { to: address, value: 1n, gas: 60_000n, nonce };
    return [await this.#signed(kind, sender, fields), await this.#signed("wei", sender, wei)];
  }

  create2(sender) {
    if (this.#factories.length === 0) return this.transfer();
    const { address: from } = this.#random.pick(this.#factories);
    const salt = toHex(this.#random.below(20), { size: 32 });
    const address = getCreate2Address({ from, salt, bytecode: childCreation }).toLowerCase();
    const data = concatHex([salt, toHex(this.#random.pick([0, 100_000]), { size: 32 })]);
    const gas = BigInt(this.#random.pick([60_000, 200_000]));
    const value = BigInt(this.#random.below(3));
    return this.#thenAWei(sender, "create2", { to: from, data, gas, value }, address);
  }

  call() {
    const { address: to, name } = this.#random.pick(this.#contracts);
    const gas = BigInt(this.#random.pick([45_000, 60_000, 200_000, 500_000]));
    if (name === "ledger") return { to, ...this.#ledgerCall(), gas, ...this.#accessList(to) };
    // Who pays the ledger nothing has it write a zero.
    const value = BigInt(1 + this.#random.below(900));
    return { to, data: this.#rawData(name), value, gas, ...this.#accessList(to) };
  }

  /** Calldata for any of the codes: an address and what to send to it. */
  #rawData(name) {
    const isOwn = name === "callCode" || name === "delegateCall";
    const targets = isOwn ? this.#contracts.filter((contract) => DELEGATED.has(contract.name)) : this.#contracts;
    const address = targets.length === 0 ? this.#random.pick(called) : this.#random.pick(targets).address;
    return concatHex([pad(address, { size: 32 }), this.#ledgerCall().data]);
  }

  #ledgerCall() {
    const random = this.#random;
    const [functionName, args, value = 0n] = random.pick([
      ["pay", [random.bytes(random.below(60))], BigInt(100_000 + random.below(900))],
      ["pay", ["short"], BigInt(100_000 + random.below(900))],
      ["withdraw", [BigInt(1 + random.below(900))]],
      ["failWithReason", []],
      ["failWithPanic", [0n]],
      ["failWithNothing", []],
      ["callChild", [BigInt(random.below(3))]],
      ["environment", []],
    ]);
    return { data: encodeFunctionData({ abi: ledger.abi, functionName, args }), value };
  }

  #accessList(address) {
    if (!this.#random.chance(20)) return {};
    const storageKeys = [0, 1, 2].map((slot) => toHex(slot, { size: 32 }));
    const empty = { address: this.#random.pick(senders).address, storageKeys: [] };
    return { type: "eip1559", accessList: [{ address, storageKeys }, empty] };
  }

  precompile() {
    const to = this.#random.pick(called);
    return { to, data: `0x${this.#random.bytes(this.#random.below(200))}`, gas: 150_000n };
  }

  destroy() {
    const raw = this.#contracts.filter(({ name }) => name !== "ledger");
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
    // Who sends must not give away what it has.
    const codes = this.#contracts.filter(({ name }) => DELEGATED.has(name) && !(itself && name === "selfDestruct"));
    const contractAddress = ends || codes.length === 0 ? NOBODY : this.#random.pick(codes).address;
    const chainId = this.#random.pick([0, CHAIN, 5]);
    const authorization = await authority.signAuthorization({ contractAddress, chainId, nonce });
    const to = this.#random.pick([...senders, ...authorities]).address;
    return { type: "eip7702", to, value: 1n, authorizationList: [authorization], gas: 200_000n };
  }

  blob(sender) {
    // To check a blob takes long, and which of too many a block takes is a node's own choice.
    if (this.#random.chance(70) || this.#blobs === 6) return this.transfer(sender);
    this.#blobs += 1;
    return {
      type: "eip4844", to: this.#random.pick([...senders, ...this.#contracts]).address, value: 1n, gas: 400_000n,
      maxFeePerBlobGas: GWEI, blobVersionedHashes: commitmentsToVersionedHashes({ commitments }),
      sidecars: toBlobSidecars({ blobs, commitments, proofs }),
    };
  }

  /** A transaction takes the place of another: not by paying a wei more, nor by paying less. */
  async replaced(sender) {
    const nonce = this.#nonces.get(sender.address);
    const low = this.#price(0, 500);
    const high = this.#price(1100, 2000);
    const paying = (kind, gasPrice) =>
      this.#signed(kind, sender, { ...this.transfer(), type: "legacy", nonce, gasPrice });
    return [
      await paying("replaced", low),
      { ...await paying("replaced by a wei", low + 1n), isFollowed: true },
      await paying("replacement", high),
      await paying("replaced by less", high - 1n),
    ];
  }

  /** A transaction comes before the one that it has to follow. */
  async ahead(sender) {
    const nonce = this.#nonces.get(sender.address);
    const at = (kind, number) => this.#signed(kind, sender, { ...this.transfer(), nonce: number });
    return [await at("ahead", nonce + 1), await at("gap filled", nonce)];
  }

  /** What is wrong on purpose, by its name. */
  #faults(sender) {
    const random = this.#random;
    const nonce = this.#nonces.get(sender.address);
    const priced = { type: "eip1559", maxFeePerGas: 5n * GWEI, maxPriorityFeePerGas: 1n };
    return {
      "nonce too low": { nonce: nonce > 0 ? random.below(nonce) : nonce, gas: nonce > 0 ? 21_000n : 20_000n },
      "gas below 21,000": { gas: 20_000n },
      "gas below its data": { data: `0x${"01".repeat(100)}` },
      "gas below the floor": { data: `0x${"01".repeat(1000)}`, gas: 50_000n },
      "value above balance": { value: 10n ** 30n },
      "gas above the cap": { gas: 17_000_000n },
      "gas above the block's": { gas: 40_000_000n },
      "fee below base fee": { ...priced, maxFeePerGas: 1n },
      "of another chain": { ...priced, chainId: 5 },
      "init code too long": { to: undefined, data: `0x${"00".repeat(49_153)}`, gas: 5_000_000n },
    };
  }

  /** Is refused, in one way or another. */
  async refused(sender) {
    const to = this.#random.pick(senders).address;
    const faults = this.#faults(sender);
    const kind = this.#random.pick([...Object.keys(faults), "known", "tip above fee", "no transaction"]);
    if (kind === "known") {
      const known = await this.#signed("known", sender, { to, gas: 21_000n });
      return [{ ...known, kind: "transfer" }, known];
    }
    const nonce = this.#nonces.get(sender.address);
    if (kind === "no transaction") return [{ kind, sender, nonce, raw: `0x02${this.#random.bytes(50)}` }];
    if (kind === "tip above fee") return [{ kind, sender, nonce, raw: await tipAboveFee(sender, to, nonce) }];
    return [await this.#signed(kind, sender, { to, gas: 21_000n, ...faults[kind] })];
  }
}

/** Clients refuse to sign a tip above the fee, so this one is signed by hand. */
async function tipAboveFee(sender, to, nonce) {
  const [fee, tip] = [5n * GWEI, 6n * GWEI];
  const number = (value) => (value ? numberToHex(value) : "0x");
  const fields = [number(CHAIN), number(nonce), number(tip), number(fee), number(21_000), to, "0x", "0x", []];
  const hash = keccak256(concatHex(["0x02", toRlp(fields)]));
  const { r, s, yParity } = parseSignature(await sender.sign({ hash }));
  const trimmed = (word) => numberToHex(BigInt(word));
  return concatHex(["0x02", toRlp([...fields, number(yParity), trimmed(r), trimmed(s)])]);
}
