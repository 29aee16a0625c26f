// The differences between anvil and Heddle that are known, each with the reason why it is right.
//
// `matches` takes one difference: `what` was asked, the `path` in the answer, the values there
// (`left` is anvil's, `right` Heddle's), both whole `answers`, and for traces the `transaction` and
// its `receipt`. Each is to match as little as it can: what none matches makes the run fail.

const EMPTY_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
const BLOB_BYTES = 131_072;
/** Part of a code that calls another one by STATICCALL. */
const STATIC_CALL = "365f5f375f5f6020360360205f355afa";

const isHash = (value) => /^0x[0-9a-f]{64}$/.test(value);
const isPrecompile = (address) => address !== null && BigInt(address) <= 0x100n;
const isSending = (what) => what.startsWith("eth_sendRawTransaction, ");
const isBlock = (what) => what === "eth_getBlockByNumber" || what === "genesis";
const tracer = (name) => `debug_traceTransaction (${name})`;
const isPrestate = (what) => what.startsWith("debug_traceTransaction (prestateTracer");
const hasBlobs = ({ answers }) => Number(answers[1].result.blobGasUsed) > 0;
const isPair = (pairs, left, right) => pairs.some(([one, other]) => one === left && other === right);

/** Whether steps have different values of a name only where anvil says that they failed. */
function onlyFailedSteps(name, [left, right]) {
  const steps = right.result.structLogs;
  return left.result.structLogs.every((step, at) =>
    JSON.stringify(step[name]) === JSON.stringify(steps[at]?.[name]) || step.error !== undefined);
}

/** A value as text in which the order of names does not matter. */
function canonical(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "nothing";
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  return `{${Object.keys(value).sort().map((name) => `${name}:${canonical(value[name])}`)}}`;
}

/** Traces in Parity's form without calls of precompiles, and without what is justified elsewhere. */
function withoutPrecompiles(traces) {
  const kept = traces.filter(({ action, traceAddress }) => traceAddress.length === 0 || !isPrecompile(action.to ?? null));
  return kept.map(({ blockHash, error, result, traceAddress, ...rest }) => {
    const isChild = (other) => other.traceAddress.length === traceAddress.length + 1
      && traceAddress.every((place, at) => place === other.traceAddress[at]);
    return canonical({ ...rest, result: error === undefined ? result : "failed", subtraces: kept.filter(isChild).length });
  });
}

/** The slots of accounts in a state that are not in another. */
function slotsMissing(state, other) {
  return Object.entries(state).flatMap(([address, { storage = {} }]) =>
    Object.keys(storage).filter((slot) => other[address]?.storage?.[slot] === undefined));
}

/** Whether slots of Heddle's steps differ from anvil's only by what steps stored or showed so far. */
function onlySeenSlots([left, right]) {
  const seen = new Set();
  const word = (value) => BigInt(value).toString();
  return left.result.structLogs.every((step, at) => {
    const { op, depth, stack = [], storage = {} } = right.result.structLogs[at];
    const next = right.result.structLogs[at + 1];
    // What a list of accesses names, anvil shows only when it changes.
    if (op === "SLOAD" && next?.depth === depth) seen.add(`${word(stack.at(-1))} ${word(next.stack.at(-1))}`);
    if (op === "SSTORE" && stack.length > 1) seen.add(`${word(stack.at(-1))} ${word(stack.at(-2))}`);
    const other = Object.entries(storage).filter(([slot, value]) => step.storage?.[slot] !== value);
    const known = step.error !== undefined || other.every(([slot, value]) => seen.has(`${word(slot)} ${word(value)}`));
    Object.entries(storage).forEach(([slot, value]) => seen.add(`${word(slot)} ${word(value)}`));
    return known;
  });
}

/** How anvil and geth call one reason for a refusal. */
const REFUSALS = [
  ["transaction already imported", "already known"],
  ["failed to decode transaction", "the transaction cannot be decoded"],
  ["invalid chain id for signer", "invalid sender"],
  ["intrinsic gas too high -- tx.gas_limit > env.block.gas_limit", "transaction gas limit too high"],
];

/** How revm and geth call one way to fail. */
const FAILURES = [
  ["CreateContractStartingWithEF", "invalid code: must not begin with 0xef"],
  ["CreateContractSizeLimit", "max code size exceeded"],
  ["StackUnderflow", "stack underflow (0 <=> 2)"],
  ["out of gas: invalid operand", "gas uint64 overflow"],
  ["out of gas: reach memory limit", "out of gas"],
  ["out of gas", "contract creation code storage out of gas"],
  ["CreateCollision", "contract address collision"],
  ["StateChangeDuringStaticCall", "write protection"],
];

/** How revm and Parity call one way to fail. */
const PARITY_FAILURES = [
  ["CreateContractStartingWithEF", "Invalid code"],
  ["CreateContractSizeLimit", "Out of gas"],
  ["StackUnderflow", "Stack underflow"],
  ["CreateCollision", "Contract address collision"],
  ["StateChangeDuringStaticCall", "Mutable Call In Static Context"],
];

/** How revm and geth call what ends a step; geth does not name in a step what happens in it. */
const STEP_FAILURES = [
  ["Some(OutOfGas)", "out of gas"],
  ["Some(StackUnderflow)", "stack underflow (0 <=> 2)"],
  ["Some(ReentrancySentryOOG)", "out of gas: not enough gas for reentrancy sentry"],
  ["Some(InvalidOperandOOG)", "gas uint64 overflow"],
  ["Some(MemoryLimitOOG)", "out of gas"],
  ["Some(StateChangeDuringStaticCall)", undefined],
  ["Some(InvalidJump)", undefined],
  ["Some(InvalidFEOpcode)", undefined],
];

/** Faults that anvil takes into its pool and drops, without a word, when it makes the block. */
const DROPPED_LATER = [
  ["gas above the cap", "transaction gas limit too high"],
  ["gas below its data", "intrinsic gas too low"],
  ["gas below the floor", "insufficient gas for floor data gas cost"],
];

export const justified = [
  {
    name: "root of the genesis",
    why: "anvil's first header claims an empty state, whatever the genesis file holds",
    matches: ({ what, path, left, right }) =>
      what === "genesis" && path === "result.stateRoot" && left === EMPTY_ROOT && isHash(right),
  },
  {
    name: "hashes of blocks",
    why: "they follow from the root of the genesis",
    matches: ({ what, path, left, right }) =>
      ((isBlock(what) && (path === "result.hash" || path === "result.parentHash")) || path.endsWith("].blockHash")
        || path === "result.blockHash") && isHash(left) && isHash(right),
  },
  {
    name: "total difficulty",
    why: "the execution APIs have none any more, and clients do without",
    matches: ({ what, path, left, right }) =>
      isBlock(what) && path === "result.totalDifficulty" && left === "0x0" && right === undefined,
  },
  {
    name: "size of a block",
    why: "anvil leaves out the list of withdrawals, which is one byte, and counts blobs, which are in no block",
    matches: ({ what, path, left, right, ...rest }) => {
      if (!isBlock(what) || path !== "result.size") return false;
      return hasBlobs(rest) ? Number(left) > Number(right) + BLOB_BYTES : Number(right) === Number(left) + 1;
    },
  },
  {
    name: "transactions root of a block with blobs",
    why: "anvil makes it of the transactions with their blobs, EIP-4844 of those without",
    matches: ({ what, path, ...rest }) => isBlock(what) && path === "result.transactionsRoot" && hasBlobs(rest),
  },
  {
    name: "blob gas price in receipts of other types",
    why: "the execution APIs have it in receipts of transactions with blobs only",
    matches: ({ what, path, right, answers }) =>
      what === "eth_getBlockReceipts" && path === "result[].blobGasPrice" && right === undefined
      && answers[1].result.every((receipt) => (receipt.type === "0x3") === ("blobGasPrice" in receipt)),
  },
  {
    name: "time in receipts",
    why: "the execution APIs have it in logs, not in receipts",
    matches: ({ what, path, left, right }) =>
      what === "eth_getBlockReceipts" && path === "result[].blockTimestamp" && typeof left === "number" && right === undefined,
  },
  {
    name: "blobs of mined transactions",
    why: "a transaction of the chain has hashes of its blobs only, by the execution APIs",
    matches: ({ what, path, right, answers }) =>
      what === "eth_getTransactionByHash" && ["result.blobs", "result.commitments", "result.proofs"].includes(path)
      && right === undefined && answers[1].result.type === "0x3",
  },
  {
    name: "code of refused transactions",
    why: "-32000 is geth's, so it is what clients meet on all networks; viem and ethers look at the words for both",
    matches: ({ what, path, left, right }) =>
      isSending(what) && path === "error.code" && left === -32003 && right === -32000,
  },
  {
    name: "code of what is no transaction",
    why: "-32000 is geth's for bytes that are hex, but no transaction",
    matches: ({ what, path, left, right }) =>
      what === "eth_sendRawTransaction, no transaction" && path === "error.code" && left === -32602 && right === -32000,
  },
  {
    name: "words of refusals",
    why: "ours begin as geth's do, for clients look for those",
    matches: ({ what, path, left, right }) =>
      isSending(what) && path === "error.message" && isPair(REFUSALS, left, right),
  },
  {
    name: "invalid transactions that anvil takes, and drops later",
    why: "no block can have them; geth refuses them at once, and a client is told why",
    matches: ({ what, path, answers: [left, right] }) =>
      ["error", "result"].includes(path) && isHash(left.result) && right.error?.code === -32000
      && DROPPED_LATER.some(([kind, message]) => what.endsWith(`, ${kind}`) && right.error.message === message),
  },
  {
    name: "which of two faults is named",
    why: "geth looks at a transaction before it looks at the balance of its sender, anvil the other way round",
    matches: ({ what, path, left, right }) =>
      isSending(what) && path === "error.message" && left === "insufficient funds for gas * price + value"
      && DROPPED_LATER.some(([kind, message]) => what.endsWith(`, ${kind}`) && right === message),
  },
  {
    name: "replacements that pay a wei more",
    why: "geth asks for a tenth more, and software that is tried on a development chain meets that rule elsewhere",
    matches: ({ what, path, answers: [left, right] }) =>
      what === "eth_sendRawTransaction, replaced by a wei" && ["error", "result"].includes(path) && isHash(left.result)
      && right.error?.code === -32000 && right.error.message === "replacement transaction underpriced",
  },
  {
    name: "gas of the outermost call",
    why: "geth gives the transaction's gas limit, anvil what is left of it when the code begins",
    matches: ({ what, path, left, right, transaction }) =>
      what === tracer("callTracer") && path === "result.gas" && right === transaction.gas && Number(left) < Number(right),
  },
  {
    name: "gas used by the outermost call, or by all steps",
    why: "geth gives that of the transaction; anvil adds that of the transactions before it in the block",
    matches: ({ what, path, left, right, receipt }) =>
      ((what === tracer("callTracer") && path === "result.gasUsed") || (what === tracer("steps") && path === "result.gas"))
      && Number(right) === Number(receipt.gasUsed) && Number(left) === Number(receipt.cumulativeGasUsed),
  },
  {
    name: "words of failures in calls",
    why: "ours are geth's",
    matches: ({ what, path, left, right }) =>
      what === tracer("callTracer") && path.endsWith("error") && isPair(FAILURES, left, right),
  },
  {
    name: "words of failures in trace_transaction",
    why: "ours are Parity's",
    matches: ({ what, path, left, right }) =>
      what === "trace_transaction" && path === "result[].error" && isPair(PARITY_FAILURES, left, right),
  },
  {
    name: "calls of precompiles in trace_transaction",
    why: "Parity leaves those within a transaction out",
    matches: ({ what, answers: [left, right] }) =>
      what === "trace_transaction" && withoutPrecompiles(left.result).join() === withoutPrecompiles(right.result).join()
      && left.result.length > right.result.length,
  },
  {
    name: "reverted creations in trace_transaction",
    why: "there is no contract at the address that it would have had; the reverted data are told as those of a call",
    matches: ({ what, path, left, right, answers }) =>
      what === "trace_transaction" && ((["result[].result.address", "result[].result.code"].includes(path) && right === undefined)
        || (path === "result[].result.output" && left === undefined))
      && answers[1].result.some(({ type, error }) => type === "create" && error === "Reverted"),
  },
  {
    name: "indices of logs in calls",
    why: "geth counts the logs of the block, anvil those of the transaction",
    matches: ({ what, path, left, right, receipt }) =>
      what === tracer("callTracer") && /logs\[\]\.index$/.test(path) && receipt.logs.length > 0
      && Number(right) - Number(left) === Number(receipt.logs[0].logIndex),
  },
  {
    name: "ends of contracts in calls",
    why: "geth names who ends, and who gets how much; anvil does not if the contract is of the same transaction",
    matches: ({ what, path, left, right }) =>
      what === tracer("callTracer") && right !== undefined
      && ((/calls\[\]\.(to|value)$/.test(path) && left === undefined) || (/calls\[\]\.from$/.test(path) && BigInt(left) === 0n)),
  },
  {
    name: "accounts that are made and end in one transaction",
    why: "geth keeps in the state before it what such an account had",
    matches: ({ what, path, left, right }) =>
      what === tracer("prestateTracer, difference") && path === "result.pre.*" && left === undefined
      && JSON.stringify(Object.keys(right)) === '["balance"]',
  },
  {
    name: "signatures of creations and precompiles",
    why: "geth counts neither, for code and input of a precompile begin with no signature",
    matches: ({ what, left, right, transaction, answers }) =>
      what === tracer("4byteTracer") && left === 1 && right === undefined
      && (transaction.to === null || isPrecompile(transaction.to)
        // What the code that is called busy asks of the precompile.
        || Object.keys(answers[0].result).every((key) => key in answers[1].result || key === "0x00000000-28")),
  },
  {
    name: "accounts that are not there",
    why: "geth leaves out of the state before a transaction what does not exist in it",
    matches: ({ what, path, left, right }) =>
      isPrestate(what) && ["result.*", "result.pre.*"].includes(path) && right === undefined && left.balance === "0x0"
      && left.nonce === undefined && left.code === undefined && Object.values(left.storage ?? {}).every((value) => BigInt(value) === 0n),
  },
  {
    name: "accounts that sign authorizations",
    why: "geth looks at all of them, also at those whose authorization is not valid",
    matches: ({ what, path, left, right, transaction }) =>
      isPrestate(what) && path === "result.*" && left === undefined && right?.balance !== undefined && transaction.type === "0x4",
  },
  {
    name: "accounts to which a transaction delegates",
    why: "geth looks at them before the authorizations apply",
    matches: ({ what, path, left, right, transaction, answers }) =>
      isPrestate(what) && path === "result.*" && right === undefined && transaction.type === "0x4"
      && Object.keys(answers[0].result).every((address) =>
        address in answers[1].result || transaction.authorizationList.some((one) => one.address === address)),
  },
  {
    name: "hashes of codes in prestates",
    why: "geth gives them since 1.16",
    matches: ({ what, path, left, right }) =>
      isPrestate(what) && path.endsWith(".codeHash") && left === undefined && isHash(right),
  },
  {
    name: "slots that failed steps name",
    why: "geth looks only at what a step reads or writes in the end, not at one that has too little gas",
    matches: ({ what, path, right, answers: [left, other] }) =>
      what === tracer("prestateTracer") && right === undefined && ["result.*.storage", "result.*.storage.*"].includes(path)
      && slotsMissing(left.result, other.result).length === 1,
  },
  {
    name: "slots that static calls would store",
    why: "geth looks at such a step before it finds that it is forbidden",
    matches: ({ what, path, left, answers: [other, { result }] }) =>
      what === tracer("prestateTracer") && left === undefined && ["result.*.storage", "result.*.storage.*"].includes(path)
      && Object.values(result).some(({ code = "" }) => code.includes(STATIC_CALL)) && slotsMissing(result, other.result).length === 1,
  },
  {
    name: "hashes of blocks on the stack",
    why: "they follow from the root of the genesis",
    matches: ({ what, path, left, right, answers }) => {
      const [one, other] = answers.map(({ result }) => result?.structLogs ?? []);
      return what === tracer("steps") && path === "result.structLogs[].stack[]" && other.some(({ stack }, at) =>
        other[at - 1]?.op === "BLOCKHASH" && stack.at(-1) === right && one[at].stack.at(-1) === left);
    },
  },
  {
    name: "refunds of nothing",
    why: "geth leaves a refund of 0 out of a step",
    matches: ({ what, path, left, right }) =>
      what === tracer("steps") && path === "result.structLogs[].refund" && left === 0 && right === undefined,
  },
  {
    name: "refunds for authorizations",
    why: "geth counts them in each step (EIP-7702), anvil does not",
    matches: ({ what, path, left, right, transaction }) =>
      what === tracer("steps") && path === "result.structLogs[].refund" && right - left === 12_500 && transaction.type === "0x4",
  },
  {
    name: "failures of steps",
    why: "ours are geth's: its words, and only for what fails before the step",
    matches: ({ what, path, left, right }) =>
      what === tracer("steps") && path === "result.structLogs[].error" && isPair(STEP_FAILURES, left, right),
  },
  {
    name: "costs of failed steps",
    why: "geth gives the cost that could not be paid, anvil what was left",
    matches: ({ what, path, answers }) =>
      what === tracer("steps") && path === "result.structLogs[].gasCost" && onlyFailedSteps("gasCost", answers),
  },
  {
    name: "slots in steps",
    why: "geth gives also those of earlier calls of the transaction, those of a step that fails, and what is stored where it is already, and what is read where an access list names it",
    matches: ({ what, path, answers }) =>
      what === tracer("steps") && path.startsWith("result.structLogs[].storage") && onlySeenSlots(answers),
  },
  {
    name: "failures of calls other than reverts",
    why: "geth answers -32000 and its own words",
    matches: ({ what, path, answers: [left, right] }) =>
      ["eth_call", "eth_estimateGas"].includes(what) && ["error.code", "error.message"].includes(path)
      && left.error.code === -32603 && right.error.code === -32000 && left.error.message.startsWith("evm error "),
  },
  {
    name: "estimates of calls that no gas suffices for",
    why: "geth answers -32000 and its own words",
    matches: ({ what, path, answers: [left, right] }) =>
      what === "eth_estimateGas" && ["error.code", "error.message"].includes(path) && left.error.code === -32003
      && right.error.code === -32000 && left.error.message === "out of gas" && right.error.message === "gas required exceeds allowance",
  },
  {
    name: "estimates",
    why: "geth stops when 1.5 % remain uncertain, which takes half as many executions",
    matches: ({ what, path, left, right }) =>
      what === "eth_estimateGas" && path === "result" && Number(right) > Number(left) && 0.985 * Number(right) < Number(left),
  },
  {
    name: "access lists of calls that fail",
    why: "geth answers with the list and the failure beside it, as the execution APIs say",
    matches: ({ what, path, answers: [left, right] }) =>
      what === "eth_createAccessList" && ["error", "result"].includes(path)
      && (left.error?.code === 3 || left.error?.message.startsWith("evm error ")) && typeof right.result?.error === "string",
  },
  {
    name: "order of access lists",
    why: "an access list is a set",
    matches: ({ what, path, answers }) => {
      if (what !== "eth_createAccessList" || !path.startsWith("result.accessList[]")) return false;
      const sorted = answers.map(({ result }) => JSON.stringify(result.accessList.map((item) => JSON.stringify(item)).sort()));
      return sorted[0] === sorted[1];
    },
  },
  {
    name: "proofs of slots of accounts without storage",
    why: "an empty trie has no node, and geth gives none; anvil gives the encoding of nothing",
    matches: ({ what, path, answers: [left, right] }) =>
      what === "eth_getProof" && path === "result.storageProof[].proof.length" && right.result.storageHash === EMPTY_ROOT
      && left.result.storageProof.every(({ proof }) => proof.length === 1 && proof[0] === "0x80"),
  },
];
