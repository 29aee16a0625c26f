// Contracts, without and with sources, and what can be done with them.

import { decodeAbiParameters } from "viem";
import { accounts, equal, holds, request } from "../flow.mjs";
import { call } from "../scene.mjs";
import { install } from "../testwallet.mjs";
import * as verification from "../verification.mjs";

/** Opens the contract page of an address, as from a search. */
async function openContract(visitor, address) {
  await visitor.search(address);
  await visitor.tab("Contract");
}

export async function unverified(visitor, { ledger }) {
  const { page } = visitor;
  verification.removeCompilers();
  await visitor.menu("Contracts");
  visitor.seen.delete("/contracts");
  await visitor.see("Contracts", { shot: "contracts" });
  await visitor.tab("Source verified");
  await visitor.see("Contracts");
  await visitor.says("None of the newest contracts has a verified source");
  await visitor.tab("All");
  await visitor.follow(page.locator(`tbody a[href="/address/${ledger}"]`).first());
  await visitor.see(/^Contract 0x/);
  await visitor.tab("Contract");
  await visitor.see(/^Contract 0x/, { shot: "contract-unverified" });
  await visitor.says("not verified", "solc 0.8.37", "forge verify-contract", "There is no compiler yet", "heddle explorer solc add");
  for (const tab of ["Read", "Write"]) {
    await visitor.tab(tab);
    await visitor.see(/^Contract 0x/);
    await visitor.says("Nobody has verified this contract");
  }
  await visitor.tab("Storage");
  await visitor.see(/^Contract 0x/, { shot: "contract-storage" });
  await visitor.follow(visitor.link("those that transactions waited for"));
  await visitor.see(/^Contract 0x/, { shot: "slots-of-contract" });
  holds(/\b11\b/.test(await visitor.text()), "transactions that waited for a slot of it");
}

/** Contracts with different code, as one that is verified is so wherever its code stands. */
export async function byForge(visitor, scene) {
  const { origin } = visitor;
  await verification.addCompiler();
  for (const [verifier, path, contract, ...args] of [
    ["custom", "/api", "src/Ledger.sol:Ledger", 7],
    ["blockscout", "/api", "src/Tokens.sol:Cloth", 1_000],
    ["sourcify", "/sourcify/", "src/Tokens.sol:Beads"],
  ]) {
    const address = await verification.deployByForge(contract, ...args);
    const said = await verification.verifyByForge(verifier, origin + path, address, contract, ...args);
    holds(/successfully verified/i.test(said), `what forge says of ${verifier}`, said);
    if (contract.endsWith("Ledger")) scene.forged = address;
    await openContract(visitor, address);
    await visitor.says("Verified sources", contract.split(":")[1], "exact match");
  }
}

export async function byHardhat(visitor) {
  const { origin } = visitor;
  await verification.addCompiler();
  for (const [verifier, name, ...args] of [["etherscan", "Cloth", 2_000_000], ["blockscout", "Cards"], ["sourcify", "Beads"]]) {
    const address = await verification.deployByHardhat(name, ...args);
    const said = await verification.verifyByHardhat(verifier, origin, address, ...args);
    holds(said.includes(`Successfully verified contract ${name}`), `what Hardhat says of ${verifier}`, said);
    await openContract(visitor, address);
    await visitor.says("Verified sources", name, "exact match");
  }
}

/** The form of the page takes what forge writes down when it builds, which needs no network. */
export async function byForm(visitor) {
  const { page } = visitor;
  await verification.addCompiler();
  const address = await verification.deployByForge("src/Tokens.sol:Cards");
  await openContract(visitor, address);
  await visitor.see(/^Contract 0x/, { shot: "contract-form" });
  const verify = page.getByRole("button", { name: "Verify" });
  await page.getByLabel(/^Standard JSON/).fill("{}");
  visitor.expected = 422;
  await visitor.follow(verify);
  visitor.expected = undefined;
  await visitor.says("Not verified");
  await page.getByLabel(/^Contract/).fill("src/Tokens.sol:Cards");
  await page.getByLabel(/^Standard JSON/).fill(await verification.standardJson());
  await visitor.follow(verify);
  equal(await page.locator("p.note.bad").allInnerTexts(), [], "what the form is refused for");
  equal(visitor.path(), `/address/${address}/contract`, "where the form leads");
  await visitor.says("Verified sources", "Cards", "exact match");
}

/** What is shown of a contract that forge verified. */
export async function verified(visitor, { forged }) {
  await visitor.menu("Contracts");
  await visitor.tab("Source verified");
  visitor.seen.delete(visitor.path());
  await visitor.see("Contracts", { shot: "contracts-verified" });
  holds(await visitor.page.locator(`tbody a[href="/address/${forged}"]`).count() === 1, "the verified contract in the list");
  equal(await visitor.page.locator("tbody tr").count(), await visitor.page.locator("tbody .badge.good").count(), "rows, all of which are verified");
  await openContract(visitor, forged);
  await visitor.see(/^Contract 0x/, { shot: "contract-verified" });
  await visitor.says("Verified sources", "Ledger", "exact match", "0.8.37", "Constructor arguments", "seed", "Immutable child",
    "error Insufficient(address who, uint256 have, uint256 want);");
  await visitor.tab("Storage");
  await visitor.see(/^Contract 0x/, { shot: "contract-storage-verified" });
  await visitor.says("balanceOf", "total");
}

/** Reads a value, writes by a wallet, and reads again. */
export async function used(visitor, { forged }) {
  const { page } = visitor;
  const asked = await install(visitor.context, accounts[2]);
  await openContract(visitor, forged);
  await visitor.tab("Read");
  await visitor.see(/^Contract 0x/, { shot: "contract-read" });
  const own = accounts[2];
  equal(await read(visitor, "balanceOf", own), "0", "the balance before");

  await visitor.tab("Write");
  const wallet = page.locator("#wallet");
  const connect = wallet.getByRole("button", { name: "Connect Test wallet" });
  await connect.waitFor();
  await visitor.see(/^Contract 0x/, { shot: "contract-write" });
  await connect.click();
  await wallet.getByText(own, { exact: false }).waitFor();
  const form = page.locator("details.function", { has: page.locator("summary", { hasText: /^pay\(/ }) });
  await form.locator("summary").click();
  await form.getByLabel(/^Value/).fill("1.5");
  await form.getByLabel(/^memo/).fill("by the page");
  await form.getByRole("button", { name: /^Send/ }).click();
  const link = form.locator("[data-outcome] a");
  await link.waitFor();
  await visitor.judge("after a transaction was sent", "contract-sent", ["color-contrast", "label"]);
  const sent = asked.find(({ method }) => method === "eth_sendTransaction").params[0];
  equal(sent.data, call("Ledger", "pay", ["by the page"]), "the calldata that the wallet got");
  equal(BigInt(sent.value), 1_500_000_000_000_000_000n, "the value that the wallet got");
  await visitor.follow(link);
  await visitor.see(/^Transaction/, { shot: "transaction-decoded" });
  await visitor.says("✓ success", "1.5 ETH", "pay", "by the page");
  await visitor.tab("Logs");
  await visitor.see(/^Transaction/, { shot: "transaction-decoded-logs" });
  await visitor.says("Paid", "memo", "by the page");

  await openContract(visitor, forged);
  await visitor.tab("Read");
  equal(await read(visitor, "balanceOf", own), "1500000000000000000", "the balance after");
  const data = call("Ledger", "balanceOf", [own]);
  const [balance] = decodeAbiParameters([{ type: "uint256" }], await request("eth_call", [{ to: forged, data }, "latest"]));
  equal(balance, 1_500_000_000_000_000_000n, "the balance that the node says");
  await refused(visitor, forged);
}

/** Calls a function that reads, and gives its answer. */
async function read(visitor, name, argument) {
  const { page } = visitor;
  const form = () => page.locator("details.function", { has: page.locator("summary", { hasText: new RegExp(`^${name}\\(`) }) });
  await form().locator("summary").click();
  await form().locator("input:not([type=hidden])").first().fill(argument);
  await visitor.follow(form().getByRole("button", { name: /^Call/ }));
  await visitor.see(/^Contract 0x/);
  const answer = await form().locator(".answer .mono").first().innerText();
  return answer.replaceAll(",", "");
}

/** A transaction that fails says why, by the names of the sources. */
async function refused(visitor, forged) {
  const data = call("Ledger", "withdraw", [3n]);
  const hash = await request("eth_sendTransaction", [{ from: accounts[1], to: forged, data, gas: "0x30d40" }]);
  await visitor.search(hash);
  await visitor.see(/^Transaction/, { shot: "transaction-failed-decoded" });
  await visitor.says("✗ failed", "Insufficient", "want");
}
