// Home, blocks and transactions.

import { accounts, equal, eventually, holds, request } from "../flow.mjs";
import { include, nobody } from "../scene.mjs";

/** A chain in which nothing has happened. */
export async function empty(visitor) {
  await visitor.see("The chain, block by block", { shot: "home-empty" });
  for (const [name, heading] of [["Transactions", "Transactions"], ["Tokens", "Tokens"], ["Contracts", "Contracts"], ["Charts", "Charts"], ["Gas", "Gas"]]) {
    await visitor.menu(name);
    await visitor.see(heading);
  }
}

export async function home(visitor) {
  // The address was seen when the chain was empty.
  visitor.seen.delete("/");
  await visitor.see("The chain, block by block", { shot: "home" });
  await visitor.says("Last block", "Median tip", "Latest blocks", "Latest transactions");
  const keyboard = visitor.page.keyboard;
  await keyboard.press("Tab");
  const focused = await visitor.page.evaluate("document.activeElement.textContent");
  equal(focused, "Skip to the contents", "what the keyboard reaches first");
  await keyboard.press("Enter");
  equal(await visitor.page.evaluate("document.activeElement.id"), "main", "where that leads");
}

/** The home page follows the chain; others say that there is more. */
export async function live(visitor) {
  const { page } = visitor;
  const height = page.locator("[data-figure=height]");
  const number = async () => Number((await height.innerText()).replaceAll(",", ""));
  const before = await number();
  await page.evaluate("window.isTheSame = true");
  const hashes = [];
  for (let i = 0; i < 3; i++) hashes.push((await include({ to: nobody(i), value: 5n })).transactionHash);
  await eventually(async () => (await number()) === before + 3, "the height on the home page");
  const latest = page.locator(`#live-transactions a[href="/tx/${hashes[2]}"]`);
  await latest.waitFor();
  await page.locator(`#live-blocks a[href="/block/${before + 3}"]`).waitFor();
  equal(await page.evaluate("window.isTheSame"), true, "the page was not loaded again");
  await visitor.follow(latest);
  await visitor.see(/^Transaction/);

  await visitor.go("/");
  await visitor.follow(page.locator("#live-blocks a").first());
  const news = page.locator("#news");
  holds(!(await news.isVisible()), "no news yet");
  await include({ to: nobody(1), value: 6n });
  await news.getByText("1 new block").waitFor();
  await include({ to: nobody(1), value: 7n });
  await news.getByText("2 new blocks").waitFor();
  await visitor.judge("with news", "block-news");
  await news.getByRole("link", { name: "load again" }).click();
  await news.waitFor({ state: "hidden" });
}

export async function blocks(visitor) {
  const { page } = visitor;
  await visitor.follow(page.locator("#live-blocks a").first());
  await visitor.see(/^Block [\d,]+$/, { shot: "block" });
  await visitor.says("Fees go to", "Base fee", "State root", "Parallel execution");
  await visitor.follow(visitor.link(/^‹ Block/));
  await visitor.follow(visitor.link(/^Block [\d,]+ ›$/));
  await visitor.follow(page.locator("dl.facts a[href^='/block/0x']"));
  await visitor.see(/^Block [\d,]+$/);
  await visitor.menu("Blocks");
  await visitor.see(/^Blocks up to/, { shot: "blocks" });
  await pages(visitor, /^Blocks up to/);
}

/** Goes on to what is older, and back. */
export async function pages(visitor, heading, older = /Older|Next/, newest = /Newest|First/) {
  const rows = visitor.page.locator("tbody th");
  const first = await rows.first().innerText();
  await visitor.follow(visitor.link(older));
  await visitor.see(heading);
  holds((await rows.first().innerText()) !== first, "another page has other rows");
  await visitor.follow(visitor.link(newest));
  equal(await rows.first().innerText(), first, "the first row of the first page");
}

const PARTS = ["Logs", "Token movements", "Calls", "State changes"];

export async function transactions(visitor, scene) {
  await visitor.menu("Transactions");
  await visitor.see("Transactions", { shot: "transactions" });
  await pages(visitor, "Transactions");
  const kinds = [
    ["plain", ["✓ success", "0.01 ETH"], "transaction-plain"],
    ["creation", ["✓ success", "Creates"], "transaction-creation"],
    ["failed", ["✗ failed", "It failed"], "transaction-failed"],
    ["moved", ["✓ success"], "transaction-token"],
    ["internal", ["✓ success"], "transaction-internal"],
    ["caught", ["✓ success"], "transaction-caught"],
    ["logged", ["✓ success"], "transaction-logged"],
  ];
  for (const [kind, words, shot] of kinds) {
    await visitor.search(scene[kind]);
    await visitor.see(/^Transaction/, { shot });
    await visitor.says(...words);
    for (const part of PARTS) {
      await visitor.tab(part);
      await visitor.see(/^Transaction/, { shot: `${shot}-${part.toLowerCase().replace(" ", "-")}` });
      await parts[`${kind} ${part}`]?.(visitor, scene);
    }
  }
}

/** What parts of transactions have to say. */
const parts = {
  "moved Token movements": (visitor) => visitor.says("CLOTH", "1,234.56789"),
  "internal Calls": (visitor) => visitor.says("withdraw", "1 call within", "0.25 ETH"),
  "internal State changes": (visitor) => visitor.says("Balance", "Slot"),
  "caught Calls": (visitor) => visitor.says("zero"),
  "logged Logs": (visitor, { ledger }) => visitor.says(ledger),
};

/** Who waited for whom in a block, and for which slots. */
export async function crowded(visitor, { crowded }) {
  await visitor.search(`${crowded}`);
  await visitor.see(/^Block/, { shot: "block-crowded" });
  await visitor.says("11 of 12 transactions read what an earlier one of the block had written");
  await visitor.follow(visitor.link("How its transactions hang together"));
  await visitor.see(/^Parallel execution/, { shot: "parallel" });
  holds((await visitor.page.locator("main svg").count()) > 0, "there is a picture");
  await visitor.follow(visitor.link("Those of many blocks"));
  await visitor.see(/^Contended slots/, { shot: "slots" });
  await visitor.follow(visitor.page.locator(`tbody a[href^="/address/"]`).first());
  await visitor.see(/^Contract/);
}

/** What a transaction that waits looks like, before and after a block has it. */
export async function included(visitor, hash) {
  await visitor.says("pending", accounts[0]);
  await request("evm_mine");
  await visitor.page.reload({ waitUntil: "load" });
  await visitor.says("✓ success");
  return hash;
}
