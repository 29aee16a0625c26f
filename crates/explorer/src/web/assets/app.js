// What pages do besides being read: theme, copying, times, and what arrives live.
const root = document.documentElement;
const byId = (id) => document.getElementById(id);

const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const toggle = byId("theme");
const nameTheme = () => toggle?.setAttribute("aria-pressed", String(dark()));
nameTheme();
toggle?.removeAttribute("hidden");
toggle?.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* kept for this page alone */ }
  nameTheme();
});

const say = (text) => { const place = byId("said"); if (place) place.textContent = text; };

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Copied");
    button.classList.add("done");
  } catch { say("The browser does not allow copying here"); }
});

const ago = (seconds) => {
  if (seconds < 60) return `${Math.max(0, seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
};
const tick = () => {
  const now = Math.floor(Date.now() / 1000);
  for (const time of document.querySelectorAll("time[data-at]")) {
    const at = Number(time.dataset.at);
    if (at > now) continue;
    const text = ago(now - at);
    if (time.textContent !== text) time.textContent = text;
  }
};
setInterval(tick, 1000);

// Live: the home page changes; on others only a line says what is new.
const ROWS_MAX = 20;
const key = (row) => row.querySelector("th a")?.getAttribute("href");
const prepend = (body, html) => {
  if (!body || !html) return;
  const template = document.createElement("template");
  template.innerHTML = html; // rows that this server made and escaped, as the page itself
  const known = new Set([...body.children].map(key));
  const rows = [...template.content.querySelectorAll("tr")].filter((row) => !known.has(key(row)));
  for (const row of rows) row.classList.add("row-new");
  body.prepend(...rows);
  while (body.children.length > ROWS_MAX) body.lastElementChild.remove();
};
const figure = (name, text) => {
  for (const place of document.querySelectorAll(`[data-figure="${name}"]`)) place.textContent = text;
};

let first = null;
const home = byId("live-blocks");
const receive = (message) => {
  let update;
  try { update = JSON.parse(message.data); } catch { return; }
  for (const [name, text] of Object.entries(update.figures)) figure(name, text);
  const seen = Number(document.body.dataset.head ?? 0);
  if (home) {
    // What a person points at, or has the keyboard on, stays where it is.
    const held = home.closest("main").querySelector("tbody:hover, tbody:focus-within");
    if (!held && update.head > seen) {
      document.body.dataset.head = String(update.head);
      prepend(home, update.blocks);
      prepend(byId("live-transactions"), update.transactions);
      for (const [id, html] of Object.entries(update.plots)) {
        const place = byId(id);
        if (place && !place.querySelector("details[open]")) place.innerHTML = html;
      }
      tick();
    }
    return;
  }
  first ??= seen || update.head;
  const fresh = update.head - first;
  const news = byId("news");
  if (!news || fresh <= 0 || !document.body.dataset.head) return;
  news.hidden = false;
  byId("news-count").textContent = fresh === 1 ? "1 new block" : `${fresh} new blocks`;
};
let stream = null;
const open = () => {
  if (stream || document.hidden || !document.body.dataset.head) return;
  stream = new EventSource("/events");
  stream.onmessage = receive;
};
const close = () => { stream?.close(); stream = null; };
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", open);
open();
