//! Small pieces that pages are made of.

use super::{amounts, text};
use crate::facts::{NameSource, View};
use alloy_primitives::{Address, B256};
use maud::{Markup, html};

/// A link to an address: its name if it has one, else its beginning and end; with a copy button.
pub(crate) fn address(view: &View<'_>, address: Address) -> Markup {
    html! { (address_link(view, address)) (copy(&address.to_string(), "address")) }
}

/// The same without a button, for lists in lists.
pub(crate) fn address_link(view: &View<'_>, address: Address) -> Markup {
    let full = address.to_string();
    html! {
        a href={ "/address/" (full) } title=(full) {
            @match view.name(address) {
                Some(name) => bdi.label { (text::name(&name.text)) @if name.source == NameSource::Token { span.quiet { " token" } } },
                None => span.hash { (ends(&full, 8, 6)) },
            }
        }
    }
}

/// A whole address, its name behind it.
pub(crate) fn address_full(view: &View<'_>, address: Address) -> Markup {
    let full = address.to_string();
    html! {
        a.hash.wrap href={ "/address/" (full) } { (full) }
        (copy(&full, "address"))
        @if let Some(name) = view.name(address) {
            " " span.badge.kind { bdi { (text::name(&name.text)) } (name.source.words()) }
        }
    }
}

/// A short link to a transaction.
pub(crate) fn transaction(hash: B256) -> Markup {
    let full = hash.to_string();
    html! { a.hash href={ "/tx/" (full) } title=(full) { (ends(&full, 10, 6)) } }
}

/// A link to a block.
pub(crate) fn block(number: u64) -> Markup {
    html! { a href={ "/block/" (number) } { (amounts::number(number)) } }
}

/// A whole hash, with a copy button.
pub(crate) fn hash(hash: B256) -> Markup {
    let full = hash.to_string();
    html! { span.hash.wrap { (full) } (copy(&full, "hash")) }
}

/// The beginning and the end of a text of ASCII.
pub(crate) fn ends(full: &str, head: usize, tail: usize) -> String {
    match (full.get(..head), full.len().checked_sub(tail).and_then(|at| full.get(at..))) {
        (Some(begin), Some(end)) if full.len() > head + tail => format!("{begin}…{end}"),
        _ => full.to_owned(),
    }
}

/// A button that copies a text.
pub(crate) fn copy(value: &str, what: &str) -> Markup {
    html! {
        button.copy type="button" data-copy=(value) aria-label={ "Copy " (what) " " (ends(value, 10, 4)) } title="Copy" {
            svg width="11" height="11" viewBox="0 0 12 12" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" {
                rect x="4" y="4" width="7" height="7" rx="1.5" {}
                path d="M8 4V2.5A1.5 1.5 0 0 0 6.5 1h-4A1.5 1.5 0 0 0 1 2.5v4A1.5 1.5 0 0 0 2.5 8H4" {}
            }
        }
    }
}

/// When something was, seen from now.
pub(crate) fn time(view: &View<'_>, seconds: u64) -> Markup {
    let date = amounts::date(seconds);
    let iso = format!("{}Z", date.replace(' ', "T"));
    let words = match view.now.checked_sub(seconds) {
        Some(ago) => amounts::ago(ago),
        None => date.clone(),
    };
    html! { time datetime=(iso) title={ (date) " UTC" } data-at=(seconds) { (words) } }
}

/// When something was, in full.
pub(crate) fn time_full(view: &View<'_>, seconds: u64) -> Markup {
    html! { (amounts::date(seconds)) " UTC " span.quiet { "(" (time(view, seconds)) ")" } }
}

/// How much of something is used, as a bar and in percent.
pub(crate) fn bar(used: u64, limit: u64) -> Markup {
    let width = if limit == 0 { 0.0 } else { (used as f64 / limit as f64).min(1.0) * 60.0 };
    html! {
        span.quiet { (amounts::percent(used, limit)) }
        svg.bar width="60" height="6" viewBox="0 0 60 6" aria-hidden="true" focusable="false" {
            rect.track width="60" height="6" rx="3" {}
            rect.fill width=(format!("{width:.1}")) height="6" rx="3" {}
        }
    }
}

/// Whether a transaction succeeded. Said in words, as colours alone say nothing to many.
pub(crate) fn status(success: bool) -> Markup {
    if success {
        html! { span.badge.good { "✓ success" } }
    } else {
        html! { span.badge.bad { "✗ failed" } }
    }
}

/// A kind of something.
pub(crate) fn kind(words: &str) -> Markup {
    html! { span.badge.kind { (words) } }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// Of words.
    Text(&'static str),
    /// Of figures, which stand at the right.
    Number(&'static str),
}

/// A table with rows (`tr`), in a region that scrolls. `empty` stands there if there are none.
pub(crate) fn table(
    caption: &str,
    columns: &[Column],
    rows: &[Markup],
    empty_text: &str,
) -> Markup {
    table_with_id(caption, columns, rows, empty_text, None)
}

/// The same, whose body a script finds by its id. It is there also without rows.
pub(crate) fn table_with_id(
    caption: &str,
    columns: &[Column],
    rows: &[Markup],
    empty_text: &str,
    id: Option<&str>,
) -> Markup {
    if rows.is_empty() && id.is_none() {
        return html! { h2.seen { (caption) } (empty(empty_text)) };
    }
    scroll(
        caption,
        &html! {
            table {
                caption { (caption) }
                thead {
                    tr {
                        @for column in columns {
                            @match column {
                                Column::Text(words) => th scope="col" { (words) },
                                Column::Number(words) => th.n scope="col" { (words) },
                            }
                        }
                    }
                }
                tbody id=[id] { @for row in rows { (row) } }
            }
        },
    )
}

/// A region that scrolls, also by keyboard.
pub(crate) fn scroll(label: &str, contents: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (contents) } }
}

/// Says that there is nothing.
pub(crate) fn empty(words: &str) -> Markup {
    html! { p.empty { (words) } }
}

/// Links to the newest part of a list and to what is older than what is shown.
pub(crate) fn pager(newest: Option<String>, older: Option<String>) -> Markup {
    pager_named(newest.map(|to| ("Newest", to)), older.map(|to| ("Older", to)))
}

/// The same for lists in other orders, with words of their own.
pub(crate) fn pager_named(first: Option<(&str, String)>, next: Option<(&str, String)>) -> Markup {
    if first.is_none() && next.is_none() {
        return html! {};
    }
    html! {
        nav.pager aria-label="Pages" {
            @if let Some((words, to)) = first { a href=(to) { "« " (words) } }
            @if let Some((words, to)) = next { a.end href=(to) rel="next" { (words) " ›" } }
        }
    }
}

/// A view of a thing beside others.
#[derive(Clone, Debug)]
pub(crate) struct Tab {
    /// What it is called.
    pub(crate) title: &'static str,
    /// Where it is.
    pub(crate) path: String,
    /// How many things it shows, if that is known.
    pub(crate) count: Option<u64>,
    /// Whether it is what is shown.
    pub(crate) current: bool,
}

/// Tabs, which are links.
pub(crate) fn tabs(label: &str, tabs: &[Tab]) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            ul {
                @for tab in tabs {
                    li {
                        a href=(tab.path) aria-current=[tab.current.then_some("page")] {
                            (tab.title)
                            @if let Some(count) = tab.count { " " span.count { (amounts::number(count)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Names and values of a thing, one below the other. Those without a value are left out.
pub(crate) fn facts(rows: Vec<(&str, Option<Markup>)>) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in rows {
                @if let Some(value) = value { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// Says how far the index is behind, if it is, or that it has stopped.
pub(crate) fn lag(view: &View<'_>) -> Markup {
    let behind = view.behind();
    html! {
        @if let Some(failure) = &view.status.failure {
            p.note.bad role="status" { "The index has stopped: " (failure) }
        } @else if behind > 1 {
            p.note.wait role="status" {
                "The index is " (amounts::number(behind)) " blocks behind the chain: lists by "
                "address and token do not show the newest yet."
            }
        }
    }
}
