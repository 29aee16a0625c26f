// The first block, from a genesis file: its hash is in what validators sign.

import { bytesOf, hex, small, word } from "./bytes.mjs";
import { decode, encode } from "./rlp.mjs";
import { CONTRACT, LENGTH_SLOT, keySlots, setOf } from "./validators.mjs";
import { EMPTY_ROOT, keccak, rootOf } from "./trie.mjs";

const ZEROS = Buffer.alloc(32);
const EMPTY_LIST = keccak(encode([]));
/** Of no requests (EIP-7685): the SHA-256 of nothing. */
const EMPTY_REQUESTS = Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex");

const GAS_LIMIT_DEFAULT = 4_712_388n;
const BASE_FEE_DEFAULT = 1_000_000_000n;

/**
 * What a genesis file says: the chain's id, the hash of the first block, how many blocks an epoch
 * has, and the validators of the first two epochs.
 */
export function readGenesis(genesis) {
  const { config } = genesis;
  const epochLength = config?.heddle?.epochLength;
  if (!Number.isSafeInteger(epochLength) || epochLength < 2) {
    throw new Error("the genesis file says nothing of validators: config.heddle.epochLength is missing");
  }
  const accounts = accountsOf(genesis);
  const contract = accounts.get(CONTRACT.toString("hex"));
  const slot = (at) => contract?.storage.get(at.toString("hex")) ?? ZEROS;
  const validators = setOf(keySlots(slot(LENGTH_SLOT)).map(slot));
  if (!validators) throw new Error("the genesis file names too few validators");
  const hash = hex(keccak(encode(header(genesis, stateRoot(accounts)))));
  return { chainId: small(quantity(config.chainId), "chain id"), hash, epochLength, validators };
}

/** A number as genesis files have it: in digits of either kind, or as a number of JSON. */
function quantity(value, otherwise = 0n) {
  if (value === undefined || value === null) return otherwise;
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new Error(`the genesis file has the number ${value}, which JavaScript does not read exactly`);
  }
  return BigInt(value);
}

/** Accounts by their address, without 0x and in small letters as all keys here. */
function accountsOf({ alloc = {} }) {
  const plain = (text, length) => bytesOf(text.startsWith("0x") ? text : `0x${text}`, `${text} in the genesis file`, length);
  // Slots may be written without the zeros before them.
  const slotWord = (text) => word(BigInt(text.startsWith("0x") ? text : `0x${text}`));
  const accounts = Object.entries(alloc).map(([address, { nonce, balance, code = "0x", storage }]) => {
    const slots = Object.entries(storage ?? {}).map(([at, value]) => [slotWord(at).toString("hex"), slotWord(value)]);
    const account = { nonce: quantity(nonce), balance: quantity(balance), code: plain(code), storage: new Map(slots) };
    return [plain(address, 20).toString("hex"), account];
  });
  return new Map(accounts);
}

function stateRoot(accounts) {
  const entries = Array.from(accounts, ([address, { nonce, balance, code, storage }]) => {
    const filled = [...storage].filter(([, value]) => !value.equals(ZEROS));
    const slots = filled.map(([at, value]) => [Buffer.from(at, "hex"), encode(BigInt(hex(value)))]);
    return [Buffer.from(address, "hex"), encode([nonce, balance, rootOf(slots), keccak(code)])];
  });
  return rootOf(entries);
}

/** The fields of the first header. Chains of validators that begin before Prague are not known here. */
function header(genesis, root) {
  const { config } = genesis;
  const timestamp = quantity(genesis.timestamp);
  const isActive = (time) => time !== undefined && time !== null && quantity(time) <= timestamp;
  if (!isActive(config.pragueTime) || isActive(config.amsterdamTime)) {
    throw new Error("the first block of this genesis file is not of Prague or Osaka; no other is known here");
  }
  const bytes = (name, length) => (genesis[name] ? bytesOf(genesis[name], `${name} in the genesis file`, length) : Buffer.alloc(length ?? 0));
  const gasLimit = quantity(genesis.gasLimit);
  return [
    bytes("parentHash", 32),
    EMPTY_LIST,
    bytes("coinbase", 20),
    root,
    EMPTY_ROOT,
    EMPTY_ROOT,
    Buffer.alloc(256),
    quantity(genesis.difficulty),
    quantity(genesis.number),
    gasLimit === 0n ? GAS_LIMIT_DEFAULT : gasLimit,
    0n,
    timestamp,
    bytes("extraData"),
    bytes("mixHash", 32),
    word(quantity(genesis.nonce)).subarray(24),
    quantity(genesis.baseFeePerGas, BASE_FEE_DEFAULT),
    EMPTY_ROOT,
    quantity(genesis.blobGasUsed),
    quantity(genesis.excessBlobGas),
    ZEROS,
    EMPTY_REQUESTS,
  ];
}
