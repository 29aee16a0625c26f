// Tokens of the three kinds, their holders and items.

import { equal, holds } from "../flow.mjs";
import { HOLDERS } from "../scene.mjs";
import { pages } from "./chain.mjs";

export async function fungible(visitor, { owner }) {
  const { page } = visitor;
  await visitor.menu("Tokens");
  visitor.seen.delete("/tokens");
  await visitor.see("Tokens", { shot: "tokens" });
  await visitor.says("Woven Cloth", "Punched Cards", "Glass Beads", "ERC-20", "ERC-721", "ERC-1155");
  await visitor.follow(visitor.link("Woven Cloth"));
  await visitor.see(/^Woven Cloth \(CLOTH\)/, { shot: "token-erc20" });
  await visitor.says("1,000,000", "Total supply");
  await pages(visitor, /^Woven Cloth/);
  await visitor.tab("Holders");
  await visitor.see(/^Woven Cloth/, { shot: "token-holders" });
  const first = page.locator("tbody th a").first();
  equal(await first.getAttribute("href"), `/address/${owner}`, "who holds most");
  await pages(visitor, /^Woven Cloth/);
  const count = await page.locator("nav.tabs a", { hasText: "Holders" }).innerText();
  // Those who got the same amount, the owner, and another account.
  equal(Number(count.match(/\d+/)[0]), HOLDERS + 2, "holders");
}

export async function items(visitor) {
  await visitor.menu("Tokens");
  await visitor.follow(visitor.link("Punched Cards"));
  await visitor.see(/^Punched Cards \(CARD\)/, { shot: "token-erc721" });
  await visitor.tab("Holders");
  await visitor.see(/^Punched Cards/);
  await visitor.tab("Items");
  await visitor.see(/^Punched Cards/, { shot: "token-items" });
  await pages(visitor, /^Punched Cards/);
  await visitor.follow(visitor.link("#3"));
  await visitor.see(/^Item 3 of/, { shot: "item" });
  await visitor.says("Weavers' treasury", "A punched card", "One row of a pattern");
  holds((await visitor.page.locator("tbody tr").count()) === 2, "a card that was made and moved");
}

export async function several(visitor) {
  await visitor.menu("Tokens");
  await visitor.follow(visitor.link("Glass Beads"));
  await visitor.see(/^Glass Beads/, { shot: "token-erc1155" });
  await visitor.tab("Holders");
  await visitor.see(/^Glass Beads/);
  await visitor.tab("Transfers");
  await visitor.follow(visitor.link("#2"));
  await visitor.see(/^Item 2 of/, { shot: "item-erc1155" });
  await visitor.says("45", "15", "Glass bead");
}
