// A browser that looks at pages as people with different eyes and screens do, and writes down
// everything that is wrong with each: `Visitor.see` is called on every page that a flow comes to.

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { holds } from "./flow.mjs";
import { made } from "./paths.mjs";

/** Debian's. */
const program = process.env.HEDDLE_E2E_CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const DESKTOP = { width: 1280, height: 900 };
/** A small phone that is in use. */
const PHONE = { width: 390, height: 844 };
/** Bytes of all scripts of a page, before compression: what a slow phone has to read. */
const SCRIPT_BYTES_MAX = 100_000;
/** How long a page may take, on a machine that does other things. */
const PATIENCE_MS = 20_000;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export const screenshots = join(made, "screenshots");

/** Opens a window on the pages at `origin`. */
export async function open(origin) {
  if (!existsSync(program)) {
    throw new Error(`there is no ${program}; run \`apt-get install chromium\`, or name one in HEDDLE_E2E_CHROMIUM`);
  }
  rmSync(screenshots, { recursive: true, force: true });
  mkdirSync(screenshots, { recursive: true });
  const browser = await chromium.launch({ executablePath: program, args });
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: "light", acceptDownloads: true });
  context.setDefaultTimeout(PATIENCE_MS);
  return new Visitor(origin, browser, context, await context.newPage());
}

/** One who opens pages. */
class Visitor {
  constructor(origin, browser, context, page) {
    Object.assign(this, { origin, browser, context, page });
    /** What is wrong, in words. */
    this.problems = [];
    /** Paths that have been seen. */
    this.seen = new Set();
    /** Answers that are not successes but are what was asked for: status. */
    this.expected = undefined;
    this.watch();
  }

  /** Writes down what the browser reports of any page. */
  watch() {
    const { page } = this;
    const note = (words) => this.note(words);
    page.on("pageerror", (error) => note(`an exception: ${error.stack ?? error}`));
    page.on("console", (message) => {
      // Chromium also says in the console what the status below says.
      const told = this.expected && message.text().includes(`status of ${this.expected}`);
      if (["error", "warning"].includes(message.type()) && !told) note(`in the console: ${message.text()}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400 && response.status() !== this.expected) {
        note(`${response.status()} of ${response.url()}`);
      }
    });
    page.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText;
      const { pathname } = new URL(request.url());
      // A page that is left closes its stream and forgets its icon, which comes after all else; and
      // a download ends the navigation that began it.
      const left = reason === "net::ERR_ABORTED" && /^\/events$|^\/assets\/icon\.svg$|\.csv$/.test(pathname);
      if (!left) note(`${reason} of ${request.url()}`);
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && url.origin !== this.origin) note(`asks others: ${url}`);
    });
  }

  /** Writes a problem of the page that is open down. */
  note(words, details = "") {
    this.problems.push({ path: this.path(), words, details });
  }

  path() {
    const { pathname, search } = new URL(this.page.url(), this.origin);
    return pathname + search;
  }

  /** Types an address, as few do: whatever can be, is reached by clicking. */
  async go(path) {
    await this.page.goto(this.origin + path, { waitUntil: "load" });
  }

  /** Clicks what leads to another page, and waits for it. */
  async follow(link) {
    await Promise.all([this.page.waitForEvent("load"), link.click()]);
  }

  link(name, within = this.page.locator("main")) {
    return within.getByRole("link", { name, exact: typeof name === "string" }).first();
  }

  /** Follows a link of the navigation. */
  async menu(name) {
    await this.follow(this.link(name, this.page.getByRole("navigation", { name: "Main" })));
  }

  /** Follows the tab of that name, whose count is not part of it. */
  async tab(name) {
    const tabs = this.page.locator("nav.tabs");
    await this.follow(tabs.getByRole("link", { name: new RegExp(`^${name}( [\\d,]+)?$`) }));
  }

  /** Writes into the search box. */
  async search(words) {
    const form = this.page.getByRole("search");
    await form.getByRole("searchbox").fill(words);
    await this.follow(form.getByRole("button", { name: "Search" }));
  }

  /** Text of the page's contents. */
  async text(selector = "main") {
    return (await this.page.locator(selector).first().innerText()).replaceAll("\u00a0", " ");
  }

  async says(...words) {
    const text = await this.text();
    for (const wanted of words) {
      const found = wanted instanceof RegExp ? wanted.test(text) : text.includes(wanted);
      holds(found, `${this.path()} says ${wanted}`, text.slice(0, 3000));
    }
  }

  /**
   * Looks at the page that is open: its heading, its scripts, whether all can use it, in light and
   * dark and on a phone. `shot` names pictures of it.
   */
  async see(heading, { shot } = {}) {
    const { page } = this;
    const title = (await page.getByRole("heading", { level: 1 }).first().innerText()).trim();
    const right = heading instanceof RegExp ? heading.test(title) : title === heading;
    holds(right, `the heading of ${this.path()} is ${heading}`, title);
    if (!this.seen.has(this.path())) {
      this.seen.add(this.path());
      await this.weigh();
      await this.judge("on a desktop, light", shot && `${shot}-desktop-light`);
      await page.emulateMedia({ colorScheme: "dark" });
      await this.judge("on a desktop, dark", shot && `${shot}-desktop-dark`, ["color-contrast"]);
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize(PHONE);
      await this.fits();
      await this.judge("on a phone", shot && `${shot}-phone`);
      await page.setViewportSize(DESKTOP);
    }
  }

  /** All problems; one that many pages have is told once, with the first of them. */
  report() {
    const found = new Map();
    for (const problem of this.problems) found.set(problem.words, [...(found.get(problem.words) ?? []), problem]);
    return [...found].map(([words, [{ path, details }, ...more]]) =>
      `${path}${more.length > 0 ? ` and ${more.length} more` : ""}: ${words} ${details}`);
  }

  /** Counts the bytes of scripts, those in the page itself among them. */
  async weigh() {
    const bytes = await this.page.evaluate(() => {
      const loaded = performance.getEntriesByType("resource");
      const scripts = loaded.filter((entry) => entry.initiatorType === "script" || /\.m?js$/.test(new URL(entry.name).pathname));
      const inline = [...document.scripts].map((script) => script.text.length);
      return [...scripts.map((entry) => entry.decodedBodySize), ...inline].reduce((sum, size) => sum + size, 0);
    });
    if (!(bytes > 0 && bytes < SCRIPT_BYTES_MAX)) this.note(`${bytes} bytes of scripts`);
  }

  /** Whether nothing sticks out to the right; what scrolls by itself does not count. */
  async fits() {
    const wide = await this.page.evaluate(() => {
      const { scrollWidth } = document.scrollingElement;
      if (scrollWidth <= innerWidth) return null;
      const inside = (element) => element.closest(".scroll, .tabs, nav, pre, [role=region]");
      const out = [...document.querySelectorAll("main *, header *, footer *")]
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !inside(element));
      return `${scrollWidth} px wide: ${out.slice(0, 3).map((element) => element.outerHTML.slice(0, 120)).join(" | ")}`;
    });
    if (wide) this.note("on a phone it is wider than the window", wide);
  }

  /** Has axe-core judge the page, and takes a picture. */
  async judge(where, shot, only) {
    if (!(await this.page.evaluate("typeof axe === 'object'"))) await this.page.evaluate(axe.source);
    const options = {
      runOnly: only ? { type: "rule", values: only } : { type: "tag", values: RULES },
      resultTypes: ["violations"],
    };
    const { violations } = await this.page.evaluate((options) => globalThis.axe.run(document, options), options);
    for (const { id, help, nodes } of violations) {
      const places = nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.replaceAll("\n", " ")}`);
      this.note(`${where}: ${id}: ${help}`, `${nodes.length} times: ${places.join(" | ")}`);
    }
    if (shot) await this.page.screenshot({ path: join(screenshots, `${shot}.png`), fullPage: true });
  }

  close() {
    return this.browser.close();
  }
}
