//! The report as one HTML page that needs nothing else: no script, no style, no picture of another
//! place.

use super::{
    Line, Report,
    plot::{Curve, Merge, distribution, escape, over_time},
};
use crate::load::check::Check;
use std::fmt::Write as _;

/// Readable in light and in dark, as the reader's system has it.
const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1d2430;--back:#fff;--weak:#66707f;--grid:#d8dde4;\
--c0:#0b6bcb;--c1:#c2410c;--c2:#15803d;--bad:#b91c1c}\
@media(prefers-color-scheme:dark){:root{--text:#e6e9ee;--back:#14181f;--weak:#9aa4b2;\
--grid:#333b47;--c0:#5eb0ff;--c1:#ff9a5c;--c2:#5fd38a;--bad:#ff7b7b}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);\
max-width:780px;margin:2em auto;padding:0 1em}\
h1{font-size:1.5em}h2{font-size:1.1em;margin:1.6em 0 .3em}\
table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;text-align:left;\
border-bottom:1px solid var(--grid);vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:var(--bad);font-weight:600}\
svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--weak)}.end{text-anchor:end}\
.middle{text-anchor:middle}.grid{stroke:var(--grid)}polyline{fill:none;stroke-width:1.8}\
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}rect{fill:var(--c0)}\
.wide{overflow-x:auto}";

/// Rows of the table of seconds; a longer run has sums of several seconds.
const ROWS_MAX: usize = 120;

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let title = format!("Load: {} {}", report.transactions, report.workload);
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title>\
         <style>{STYLE}</style></head><body><h1>{0}</h1>",
        escape(&title)
    );
    summary(&mut html, report);
    plots(&mut html, report);
    seconds(&mut html, &report.seconds);
    html + "</body></html>\n"
}

fn summary(html: &mut String, report: &Report) {
    html.push_str("<table>");
    for (name, value) in report.rows() {
        // Addresses of nodes are no links: the page shall not lead anywhere.
        let value = escape(&value).replace("http://", "");
        let _ = write!(html, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    let troubles = report.rejections.iter().map(|it| ("rejected", it));
    for (name, (what, count)) in troubles.chain(report.troubles.iter().map(|it| ("trouble", it))) {
        let what = escape(what).replace("http://", "");
        let _ =
            write!(html, "<tr><th class=\"bad\">{name}</th><td>{count} times: {what}</td></tr>");
    }
    html.push_str("</table><h2>What must hold</h2><table>");
    for Check { name, holds, detail } in &report.checks {
        let (class, verdict) = if *holds { ("", "holds") } else { ("bad", "differs") };
        let _ = write!(
            html,
            "<tr><td class=\"{class}\">{verdict}</td><td>{name}</td><td>{}</td></tr>",
            escape(detail)
        );
    }
    html.push_str("</table>");
}

fn plots(html: &mut String, report: &Report) {
    let curve = |name, value: fn(&Line) -> f64| Curve {
        name,
        values: report.seconds.iter().map(value).collect(),
    };
    let mut plot = |title: &str, svg: String| {
        let _ = write!(html, "<h2>{title}</h2>{svg}");
    };
    let title = "Transactions a second";
    let curves = [
        curve("accepted", |line| line.accepted as f64),
        curve("mined", |line| line.mined as f64),
        curve("rejected", |line| line.rejected as f64),
    ];
    plot(title, over_time(title, "", &curves, Merge::Mean));
    let title = "Latency, from when a transaction was due until its block was seen";
    let curves =
        [curve("median", |line| line.p50_ms), curve("99th percentile", |line| line.p99_ms)];
    plot(title, over_time(title, "ms", &curves, Merge::Largest));
    let title = "Distribution of the latency";
    plot(title, distribution(title, "ms", &report.latency_buckets));
    let mut size = |title: &str, name, sizes: Vec<Option<u64>>| {
        if sizes.iter().any(Option::is_some) {
            let values = sizes.into_iter().map(|bytes| mebibytes(bytes.unwrap_or_default()));
            let curve = Curve { name, values: values.collect() };
            plot(title, over_time(title, "MiB", &[curve], Merge::Largest));
        }
    };
    let lines = || report.seconds.iter();
    size("Memory of the node", "resident", lines().map(|line| line.resident_bytes).collect());
    let disk = lines().map(|line| line.disk_bytes).collect();
    size("The node's folder on the disk", "bytes of all files", disk);
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn seconds(html: &mut String, lines: &[Line]) {
    let share = lines.len().div_ceil(ROWS_MAX).max(1);
    html.push_str("<h2>Second by second</h2><div class=\"wide\"><table><tr>");
    for name in [
        "second",
        "sent",
        "accepted",
        "rejected",
        "mined",
        "p50 ms",
        "p99 ms",
        "memory MiB",
        "disk MiB",
    ] {
        let _ = write!(html, "<th class=\"n\">{name}</th>");
    }
    html.push_str("</tr>");
    for (number, part) in lines.chunks(share).enumerate() {
        let sum = |of: fn(&Line) -> u64| part.iter().map(of).sum::<u64>().to_string();
        let largest =
            |of: fn(&Line) -> f64| format!("{:.1}", part.iter().map(of).fold(0.0, f64::max));
        let size = |of: fn(&Line) -> Option<u64>| {
            let bytes = part.iter().rev().find_map(of);
            bytes.map_or("–".to_owned(), |bytes| format!("{:.1}", mebibytes(bytes)))
        };
        let cells = [
            (number * share).to_string(),
            sum(|line| line.sent),
            sum(|line| line.accepted),
            sum(|line| line.rejected),
            sum(|line| line.mined),
            largest(|line| line.p50_ms),
            largest(|line| line.p99_ms),
            size(|line| line.resident_bytes),
            size(|line| line.disk_bytes),
        ];
        html.push_str("<tr>");
        for cell in cells {
            let _ = write!(html, "<td class=\"n\">{cell}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</table></div>");
}
