// Checks that a block is final: `node verify.mjs URL BLOCK --genesis genesis.json`.
//
// Nothing is believed that the server at URL says. docs/light-client.md says what is proved.

import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bytesOf, hex, numberOf, small } from "./bytes.mjs";
import { readGenesis } from "./genesis.mjs";
import { decode } from "./rlp.mjs";
import { keccak } from "./trie.mjs";
import { CONTRACT, LENGTH_SLOT, keySlots, setOf, slotOf, storageRoot } from "./validators.mjs";

/** Bytes of what is voted for: three digests and how the block is cut into pieces. */
const COMMITMENT_BYTES = 100;
/** Most headers of a proof. */
const HEADERS_MAX = 257;

/** How many of so many validators have to sign. */
export const quorum = (count) => count - Math.floor((count - 1) / 3);

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

function must(condition, reason) {
  if (!condition) throw new Error(`the proof proves nothing: ${reason}`);
}

/** What is set before votes for a block of a chain to be final. */
function namespaceOf(chainId, genesisHash) {
  const id = Buffer.alloc(8);
  id.writeBigUInt64BE(BigInt(chainId));
  const genesis = bytesOf(genesisHash, "hash of the first block", 32);
  return Buffer.concat([Buffer.from("heddle"), id, genesis, Buffer.from("_FINALIZE")]);
}

/** Reads what was encoded one after the other. */
class Reader {
  constructor(bytes, what) {
    Object.assign(this, { bytes, what, at: 0 });
  }

  take(length) {
    must(this.at + length <= this.bytes.length, `${this.what} is cut off`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** A number, seven bits of it a byte, the lowest first, in the one shortest way. */
  varint() {
    let number = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const [byte] = this.take(1);
      must(shift === 0n || byte !== 0, `${this.what} has a number that is not as short as it could be`);
      number |= BigInt(byte & 127) << shift;
      if (byte < 128) return small(number, this.what);
    }
  }

  end() {
    must(this.at === this.bytes.length, `bytes follow ${this.what}`);
  }
}

/** The vote: for which round and what. */
function readMessage(bytes) {
  const reader = new Reader(bytes, "the message");
  const vote = { epoch: reader.varint(), view: reader.varint() };
  reader.varint();
  const digest = reader.take(COMMITMENT_BYTES).subarray(0, 32);
  reader.end();
  return { ...vote, digest };
}

/** What the digest of a proposal is made of: the block that it holds is all that matters here. */
function readHead(bytes) {
  const reader = new Reader(bytes, "the head");
  // The round it was proposed in; its leader; view and commitment of its parent; its parent's digest.
  reader.varint();
  reader.varint();
  reader.take(32);
  reader.varint();
  reader.take(COMMITMENT_BYTES);
  reader.take(32);
  const height = small(reader.take(8).readBigUInt64BE(), "the head");
  const hash = reader.take(32);
  // Digests of the block and of its access list.
  reader.take(64);
  reader.end();
  return { height, hash };
}

/** Whoever signed what was voted for: all have to be validators, each once, and enough of them. */
function checkSignatures(signatures, signed, validators) {
  must(Array.isArray(signatures), "there are no signatures");
  const signers = new Set();
  for (const vote of signatures) {
    const key = bytesOf(vote?.validator, "validator", 32);
    const signature = bytesOf(vote.signature, "signature", 64);
    const signer = hex(key);
    must(validators.has(signer), `${signer} is no validator of the epoch`);
    must(!signers.has(signer), `${signer} is named twice`);
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }, format: "jwk" });
    must(verify(null, signed, publicKey, signature), `the signature is not that of ${signer}`);
    signers.add(signer);
  }
  const needed = quorum(validators.size);
  must(signers.size >= needed, `${signers.size} of ${validators.size} validators have signed, and ${needed} have to`);
  return [...signers];
}

/** Follows headers from the block that is to be proved to the one that was signed. */
function checkHeaders(headers, { height, hash }) {
  must(Array.isArray(headers) && headers.length > 0, "there is no header");
  must(headers.length <= HEADERS_MAX, "there are too many headers");
  let proved;
  let parent;
  for (const [index, text] of headers.entries()) {
    const bytes = bytesOf(text, "header");
    const fields = decode(bytes);
    must(Array.isArray(fields) && fields.length > 15 && fields.every(Buffer.isBuffer), "a header is none");
    must(!parent || fields[0].equals(parent), "the headers do not follow each other");
    parent = keccak(bytes);
    const number = small(BigInt(`0x0${fields[8].toString("hex")}`), "number of a header");
    must(number === height - (headers.length - 1) + index, "a header has another number");
    proved ??= { number, hash: hex(parent), stateRoot: hex(fields[3]) };
  }
  must(parent.equals(hash), "the headers do not lead to the block that was signed");
  return proved;
}

/**
 * Checks what `heddle_finalityProof` gave, with the keys of the validators of its epoch, and gives
 * the block that is final by it. With `epochLength` the block that was signed has to be of the epoch
 * whose validators signed: those of an earlier one may have lost their keys since.
 */
export function checkProof(proof, { chainId, genesisHash, validators, epochLength }) {
  must(proof !== null && typeof proof === "object", "there is none");
  const namespace = bytesOf(proof.namespace, "namespace");
  must(namespace.equals(namespaceOf(chainId, genesisHash)), "what is signed is no vote for a block of this chain to be final");
  const message = bytesOf(proof.message, "message");
  const { epoch, view, digest } = readMessage(message);
  must(epoch === numberOf(proof.epoch, "epoch"), "the vote is of another epoch");
  must(view === numberOf(proof.view, "view"), "the vote is of another view");
  const headBytes = bytesOf(proof.head, "head");
  must(sha256(headBytes).equals(digest), "another proposal was signed");
  const head = readHead(headBytes);
  must(head.height === numberOf(proof.signedNumber, "signed number"), "a block of another number was signed");
  must(head.hash.equals(bytesOf(proof.signedHash, "signed hash", 32)), "another block was signed");
  must(!epochLength || Math.floor(head.height / epochLength) === epoch, "the block that was signed is not of the epoch");
  // The length of the namespace stands before it as a varint; it is less than 128.
  const signed = Buffer.concat([Buffer.from([namespace.length]), namespace, message]);
  const set = new Set(validators.map((key) => hex(bytesOf(key, "key of a validator", 32))));
  const signers = checkSignatures(proof.signatures, signed, set);
  return { ...checkHeaders(proof.headers, head), epoch, view, signers };
}

/** Follows the validators of a chain from its genesis file on. `request(method, params)` asks a server. */
export class LightClient {
  constructor(genesis, request) {
    this.genesis = readGenesis(genesis);
    this.request = request;
    const { validators } = this.genesis;
    this.sets = [validators, validators];
  }

  /** Proves that a block is final: that of a number, or what the server says that a tag stands for. */
  async prove(block) {
    const named = typeof block === "number" ? `0x${block.toString(16)}` : block;
    const proof = await this.request("heddle_finalityProof", [named]);
    const epoch = numberOf(proof?.epoch, "epoch of the proof");
    const proved = this.check(proof, await this.validators(epoch));
    must(typeof block !== "number" || proved.number === block, `it is for block ${proved.number}, and not ${block}`);
    return proved;
  }

  check(proof, validators) {
    const { chainId, hash, epochLength } = this.genesis;
    return checkProof(proof, { chainId, genesisHash: hash, validators, epochLength });
  }

  /** The validators of an epoch. Those of all epochs before it are found out first. */
  async validators(epoch) {
    while (this.sets.length <= epoch) this.sets.push(await this.following());
    return this.sets[epoch];
  }

  /** The validators of the first epoch that is not known: the last block of the one before the last says so. */
  async following() {
    const epoch = this.sets.length;
    const last = (epoch - 1) * this.genesis.epochLength - 1;
    const number = `0x${last.toString(16)}`;
    const proof = await this.request("heddle_finalityProof", [number]);
    const validators = this.sets[numberOf(proof?.epoch, "epoch of the proof")];
    if (!validators) {
      throw new Error(`the server proves block ${last} by validators that follow from it; ask another one`);
    }
    const { number: proved, stateRoot } = this.check(proof, validators);
    must(proved === last, `it is for block ${proved}, and not ${last}`);
    const keys = await this.keysIn(bytesOf(stateRoot, "state root", 32), number);
    return setOf(keys) ?? this.sets[epoch - 1];
  }

  /** The keys that the contract holds in the state with a root. */
  async keysIn(stateRoot, number) {
    const read = async (slots) => {
      const proof = await this.request("eth_getProof", [hex(CONTRACT), slots.map(hex), number]);
      const nodes = (list) => Array.from(list ?? [], (node) => bytesOf(node, "node of a trie"));
      const root = storageRoot(stateRoot, nodes(proof?.accountProof));
      return slots.map((slot, index) => slotOf(root, slot, nodes(proof.storageProof?.[index]?.proof)));
    };
    const [length] = await read([LENGTH_SLOT]);
    return read(keySlots(length));
  }
}

/** Asks a server over HTTP. */
export function server(url) {
  return async (method, params) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(30_000) });
    const answer = await response.json();
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  };
}

const USAGE = "usage: node verify.mjs URL BLOCK --genesis FILE; a block is a number or a tag such as finalized";

async function main() {
  let url, block, path;
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { genesis: { type: "string" } } });
    [url, block] = positionals;
    path = values.genesis;
    if (positionals.length !== 2 || !path) throw new Error("an argument is missing");
  } catch (error) {
    console.error(`error: ${error.message}\n${USAGE}`);
    return 2;
  }
  try {
    const client = new LightClient(JSON.parse(readFileSync(path, "utf8")), server(url));
    const proved = await client.prove(/^(0x[0-9a-f]+|\d+)$/i.test(block) ? Number(block) : block);
    const { length } = await client.validators(proved.epoch);
    console.log(`block ${proved.number} is final: ${proved.hash}`);
    console.log(`${proved.signers.length} of ${length} validators signed in epoch ${proved.epoch}, view ${proved.view}`);
    return 0;
  } catch (error) {
    console.error(`error: ${error.message}`);
    return 1;
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main();
}
