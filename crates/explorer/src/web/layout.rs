//! What all pages have.

use maud::{DOCTYPE, Markup, html};

/// The part of the explorer that a page belongs to; marked in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Home,
    Blocks,
    Transactions,
    Pending,
    Tokens,
    Contracts,
    Gas,
    Charts,
    Validators,
    Slots,
    /// None of those in the navigation.
    Other,
}

/// The navigation: section, path, words.
const NAVIGATION: [(Section, &str, &str); 10] = [
    (Section::Home, "/", "Home"),
    (Section::Blocks, "/blocks", "Blocks"),
    (Section::Transactions, "/txs", "Transactions"),
    (Section::Pending, "/pending", "Pending"),
    (Section::Tokens, "/tokens", "Tokens"),
    (Section::Contracts, "/contracts", "Contracts"),
    (Section::Gas, "/gas", "Gas"),
    (Section::Charts, "/charts", "Charts"),
    (Section::Slots, "/slots", "Contention"),
    (Section::Validators, "/validators", "Validators"),
];

/// How a page begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'p> {
    /// In the window's title.
    pub(crate) title: &'p str,
    /// Marked in the navigation.
    pub(crate) section: Section,
    /// Height of the chain that the page shows: it says then how many blocks have come since.
    /// `None` for pages that new blocks do not change.
    pub(crate) head: Option<u64>,
    /// What is in the search box.
    pub(crate) query: &'p str,
}

impl<'p> Page<'p> {
    /// A page that new blocks do not change.
    pub(crate) const fn still(title: &'p str, section: Section) -> Self {
        Self { title, section, head: None, query: "" }
    }

    /// A page that shows the chain at a height.
    pub(crate) const fn live(title: &'p str, section: Section, head: u64) -> Self {
        Self { title, section, head: Some(head), query: "" }
    }

    /// A whole page around its contents, which begin with the only `h1`.
    pub(crate) fn with(self, body: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" class="no-script" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Heddle" }
                    link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/assets/style.css";
                    script src="/assets/theme.js" {}
                    script src="/assets/app.js" type="module" {}
                }
                body data-head=[self.head] {
                    a.skip href="#main" { "Skip to the contents" }
                    (top(self))
                    main id="main" tabindex="-1" { (body) }
                    div.news id="news" role="status" hidden {
                        span id="news-count" {} " · " a href="" { "load again" }
                    }
                    div.seen id="said" role="status" aria-live="polite" {}
                    (foot())
                }
            }
        }
    }
}

fn top(page: Page<'_>) -> Markup {
    html! {
        header.top {
            div.top-in {
                a.brand href="/" { (logo()) "Heddle" }
                form.search role="search" action="/search" method="get" {
                    label.seen for="q" { "Search" }
                    input id="q" name="q" type="search" maxlength="200" autocomplete="off"
                        spellcheck="false" value=(page.query)
                        placeholder="Block, transaction, address, token or name";
                    button type="submit" { "Search" }
                }
                button.plain id="theme" type="button" hidden aria-pressed="false" { "Dark" }
                nav aria-label="Main" {
                    ul {
                        @for (section, path, words) in NAVIGATION {
                            li {
                                a href=(path) aria-current=[(section == page.section).then_some("page")] {
                                    (words)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn foot() -> Markup {
    html! {
        footer {
            div {
                span { "Heddle explorer " (env!("CARGO_PKG_VERSION")) }
                a href="/api" { "API" }
                a href="/blocks" { "Blocks" }
                a href="/charts" { "Charts" }
                span { "Times are UTC. Names of tokens are what their contracts say." }
            }
        }
    }
}

/// Warp and weft, crossing.
fn logo() -> Markup {
    html! {
        svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true" focusable="false" {
            rect width="26" height="26" rx="6" fill="#2f4b9b" {}
            g fill="#f2e8d5" {
                rect x="5" y="4" width="3" height="18" rx="1.5" {}
                rect x="11.5" y="4" width="3" height="18" rx="1.5" {}
                rect x="18" y="4" width="3" height="18" rx="1.5" {}
            }
            g fill="#e2a33b" {
                rect x="3" y="8" width="7" height="3" rx="1.5" {}
                rect x="16" y="8" width="7" height="3" rx="1.5" {}
                rect x="9.5" y="15" width="7" height="3" rx="1.5" {}
            }
        }
    }
}
