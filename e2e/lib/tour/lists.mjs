// Addresses, the pool, figures, search, and what goes wrong.

import { readFileSync } from "node:fs";
import { accounts, equal, holds, request } from "../flow.mjs";
import { nobody, send } from "../scene.mjs";
import { included, pages } from "./chain.mjs";

const TABS = ["Internal calls", "ERC-20 transfers", "ERC-721 transfers", "ERC-1155 transfers", "Tokens held", "Items"];

export async function addresses(visitor, scene) {
  await visitor.search(scene.moved);
  await visitor.follow(visitor.page.locator(`dl.facts a[href="/address/${scene.owner}"]`));
  await visitor.see(/^Address/, { shot: "address" });
  await pages(visitor, /^Address/);
  const download = await save(visitor, "Download as CSV");
  holds(download.split("\n").length > 70, "lines of transactions", download.slice(0, 400));
  holds(/^hash,block,/.test(download), "the head of the table", download.slice(0, 200));
  for (const tab of TABS) {
    await visitor.tab(tab);
    await visitor.see(/^Address/, { shot: tab === "Tokens held" ? "address-tokens" : undefined });
  }
  await visitor.search(scene.ledger);
  await visitor.see(/^Contract/, { shot: "address-contract" });
  await visitor.tab("Logs");
  await visitor.see(/^Contract/);
  await visitor.tab("Internal calls");
  await visitor.see(/^Contract/);
  const calls = await save(visitor, "Download as CSV");
  holds(calls.includes("CALL"), "internal calls in the download", calls.slice(0, 400));
  await visitor.search(nobody(99_999));
  await visitor.see(/^Address/);
}

/** Clicks a link to a file; gives its text. */
async function save(visitor, name) {
  const [download] = await Promise.all([visitor.page.waitForEvent("download"), visitor.link(name).click()]);
  return readFileSync(await download.path(), "utf8");
}

export async function waiting(visitor) {
  await visitor.menu("Pending");
  await visitor.see("Pending transactions");
  await request("evm_setAutomine", [false]);
  const hash = await send({ to: nobody(3), value: 8n });
  const [, , , later] = accounts;
  const queued = await send({ from: later, to: nobody(4), value: 9n, nonce: "0x999" });
  await visitor.page.reload({ waitUntil: "load" });
  visitor.seen.delete("/pending");
  await visitor.see("Pending transactions", { shot: "pending" });
  await visitor.page.locator(`a[href="/tx/${queued}"]`).first().waitFor();
  await visitor.follow(visitor.page.locator(`a[href="/tx/${queued}"]`).first());
  await visitor.see(/^Transaction/, { shot: "transaction-queued" });
  await visitor.says("queued", "no block can include it yet");
  await visitor.menu("Pending");
  await visitor.follow(visitor.page.locator(`a[href="/tx/${hash}"]`).first());
  await visitor.see(/^Transaction/, { shot: "transaction-pending" });
  await included(visitor, hash);
  await request("anvil_dropTransaction", [queued]);
  await request("evm_setAutomine", [true]);
}

export async function figures(visitor) {
  const { page } = visitor;
  await visitor.menu("Gas");
  visitor.seen.delete("/gas");
  await visitor.see("Gas", { shot: "gas" });
  await visitor.says("Low tip", "Usual tip");
  await visitor.menu("Charts");
  visitor.seen.delete("/charts");
  await visitor.see("Charts", { shot: "charts" });
  holds((await page.locator("main svg").count()) > 0, "there are charts");
  await visitor.menu("Validators");
  await visitor.see("Validators", { shot: "validators" });
  holds((await page.locator("tbody tr").count()) > 0, "there is a validator");
}

/** What can be searched for, what is found, and where that is. */
export async function search(visitor, scene) {
  const { hash } = await request("eth_getBlockByNumber", ["0x1", false]);
  const [, treasury] = accounts;
  const found = [
    ["1", /^Block 1$/, "/block/1"],
    [hash, /^Block 1$/, `/block/${hash}`],
    [scene.plain, /^Transaction/, `/tx/${scene.plain}`],
    [scene.owner, /^Address/, `/address/${scene.owner}`],
    [scene.owner.toLowerCase().slice(2), /^Address/, `/address/${scene.owner}`],
    ["Woven Cl", /^Woven Cloth/, `/token/${scene.cloth}`],
    ["CARD", /^Punched Cards/, `/token/${scene.cards}`],
    ["weavers' treasury", /^Address/, `/address/${treasury}`],
  ];
  for (const [words, heading, path] of found) {
    await visitor.search(words);
    await visitor.see(heading);
    equal(visitor.path(), path, `where ${words} leads`);
  }
  await visitor.search("neither warp nor weft");
  await visitor.see(/^Search/, { shot: "search-nothing" });
  await visitor.says("Nothing was found");
  await visitor.search("<script>alert(1)</script>");
  await visitor.see(/^Search/);
  // One digit of a checksum is in the wrong case.
  await visitor.search(scene.owner.replace("f39Fd6", "f39fd6"));
  await visitor.says("checksum");
  await visitor.see(/^Search/, { shot: "search" });
}

export async function themes(visitor) {
  const { page } = visitor;
  const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const light = await background();
  const button = page.locator("#theme");
  equal(await button.getAttribute("aria-pressed"), "false", "whether it is dark");
  await button.click();
  equal(await button.getAttribute("aria-pressed"), "true", "whether it is dark now");
  const dark = await background();
  holds(dark !== light, "dark has another background", dark);
  await visitor.menu("Blocks");
  equal(await background(), dark, "the background of the next page");
  await page.locator("#theme").click();
  equal(await background(), light, "the background after going back");
  await page.evaluate("localStorage.clear()");
}

/** Wrong addresses say what is wrong. */
export async function missing(visitor, { cloth }) {
  for (const [path, status, heading] of [
    ["/nowhere", 404, "Not found"],
    ["/block/999999999", 404, "Not found"],
    [`/tx/0x${"12".repeat(32)}`, 404, "Not found"],
    [`/token/${nobody(1)}`, 404, "Not found"],
    [`/token/${cloth}/99`, 404, "Not found"],
    ["/address/0x12", 400, "That is no address of a page"],
    ["/blocks?before=x", 400, "That is no address of a page"],
  ]) {
    visitor.expected = status;
    const response = await visitor.page.goto(visitor.origin + path);
    equal(response.status(), status, `status of ${path}`);
    await visitor.see(heading, { shot: path === "/nowhere" ? "not-found" : undefined });
    visitor.expected = undefined;
  }
}
