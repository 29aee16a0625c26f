// Thousands of transfers at a time under automatic mining: each must be mined, with no help.
//
// anvil leaves some of them pending for ever (foundry issue 10122).

import http from "node:http";
import { mnemonicToAccount } from "viem/accounts";
import { flow, holds, mnemonic, request, rpcUrl } from "../lib/flow.mjs";

const count = Number(process.env.HEDDLE_E2E_BURST ?? 6000);
const senders = Array.from({ length: 10 }, (_, addressIndex) => mnemonicToAccount(mnemonic, { addressIndex }));
/** Nothing was mined for that long: nothing will be. */
const STALL_MS = 15_000;

const nonceOf = async (account, tag) => Number(await request("eth_getTransactionCount", [account.address, tag]));

/** Transfers of each sender, by nonce. */
async function sign() {
  const each = count / senders.length;
  return Promise.all(senders.map(async (sender, index) => {
    const first = await nonceOf(sender, "latest");
    const to = senders[(index + 1) % senders.length].address;
    const transfers = [];
    for (let nonce = first; nonce < first + each; nonce += 1) {
      transfers.push(await sender.signTransaction({
        chainId: 31337, type: "eip1559", nonce, to, value: 1n, gas: 21000n,
        maxFeePerGas: 100_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n,
      }));
    }
    return transfers;
  }));
}

function post(agent, body) {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = http.request(rpcUrl, { agent, method: "POST", headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve(JSON.parse(text)));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Sends over one connection, one after the other: by nonce, the senders in turn. */
async function connection(bySender) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let id = 0;
  for (let nonce = 0; nonce < (bySender[0]?.length ?? 0); nonce += 1) {
    for (const transfers of bySender) {
      id += 1;
      const body = { jsonrpc: "2.0", id, method: "eth_sendRawTransaction", params: [transfers[nonce]] };
      const answer = await post(agent, JSON.stringify(body));
      if (answer.error) throw new Error(`a transfer is refused: ${JSON.stringify(answer.error)}`);
    }
  }
  agent.destroy();
}

async function burst(connections) {
  const signed = await sign();
  const goal = await Promise.all(senders.map((sender) => nonceOf(sender, "latest")));
  const wanted = goal.reduce((sum, nonce) => sum + nonce, 0) + count;
  const begin = performance.now();
  const shares = Array.from({ length: connections }, (_, at) => signed.filter((_, index) => index % connections === at));
  await Promise.all(shares.map(connection));
  const sentMs = performance.now() - begin;
  let before = -1;
  let changed = performance.now();
  for (;;) {
    const nonces = await Promise.all(senders.map((sender) => nonceOf(sender, "latest")));
    const now = nonces.reduce((sum, nonce) => sum + nonce, 0);
    if (now === wanted) break;
    if (now !== before) {
      before = now;
      changed = performance.now();
    }
    if (performance.now() - changed > STALL_MS) {
      const status = await request("txpool_status", []);
      throw new Error(`${wanted - now} of ${count} are not mined, and none was for ${STALL_MS} ms; the pool says ${JSON.stringify(status)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const seconds = (performance.now() - begin) / 1000;
  const status = await request("txpool_status", []);
  holds(Number(status.pending) === 0, "nothing is pending at the end", status);
  return `sent in ${(sentMs / 1000).toFixed(1)} s, mined in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second`;
}

await flow("burst", [1, 5, 8].map((connections) => [
  `${count} transfers over ${connections} connection${connections > 1 ? "s" : ""}`,
  () => burst(connections),
]));
