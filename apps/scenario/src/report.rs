//! A page with the charts of a scenario: one file, without scripts and without anything from the
//! network, readable in light and dark, with a table for whoever cannot see the charts.

mod chart;

use crate::{
    command::rows,
    figures::Summary,
    file::Scenario,
    replay::{Outcome, Record},
};
use chart::{Chart, Line};

const STYLE: &str = include_str!("report/style.css");

/// A chart of one figure of each engine.
struct Figure {
    title: &'static str,
    about: &'static str,
    unit: &'static str,
    value: fn(&Record) -> f64,
    /// Whether what is shown is the sum of all blocks until then.
    is_sum: bool,
}

const FIGURES: [Figure; 9] = [
    Figure {
        title: "Liquidations",
        about: "Accounts that were liquidated, in each block.",
        unit: "",
        value: |r| r.liquidations as f64,
        is_sum: false,
    },
    Figure {
        title: "Accounts under water or close to it",
        about: "Health under 1, before liquidators act.",
        unit: "",
        value: |r| r.under as f64,
        is_sum: false,
    },
    Figure {
        title: "Discount paid",
        about: "What liquidators got beyond what they repaid, from the beginning.",
        unit: "$",
        value: |r| r.discount,
        is_sum: true,
    },
    Figure {
        title: "Insurance fund and backstop",
        about: "What is left in both.",
        unit: "$",
        value: |r| r.fund + r.backstop,
        is_sum: false,
    },
    Figure {
        title: "Deficit",
        about: "Lost to suppliers, and not covered.",
        unit: "$",
        value: |r| r.deficit,
        is_sum: false,
    },
    Figure {
        title: "Debts over their collateral",
        about: "What would be lost if all were settled at once.",
        unit: "$",
        value: |r| r.shortfall,
        is_sum: false,
    },
    Figure {
        title: "Utilisation",
        about: "Part of the supplied dollars that is lent.",
        unit: "%",
        value: |r| r.utilisation * 100.0,
        is_sum: false,
    },
    Figure {
        title: "Gas",
        about: "Million gas of each block.",
        unit: "",
        value: |r| r.gas as f64 / 1e6,
        is_sum: false,
    },
    Figure {
        title: "Contention",
        about: "Gas of a block over that of its longest chain of transactions that wait for each other: how many cores it could use.",
        unit: "",
        value: |r| r.speedup.unwrap_or(0.0),
        is_sum: false,
    },
];

/// The page.
pub fn page(scenario: &Scenario, summary: &Summary, outcomes: &[Outcome]) -> String {
    let title = escape(&scenario.name);
    let mut body = format!(
        "<h1>{title}</h1>\n<p>{}</p>\n<p class=\"dim\">Seed {}; {} blocks of {} seconds; {} positions.</p>\n",
        escape(&scenario.about),
        summary.seed,
        scenario.time.blocks(),
        scenario.time.block_seconds,
        scenario.positions.count,
    );
    body.push_str(&table(summary));
    body.push_str(&takeover(summary));
    body.push_str(&prices(outcomes));
    for figure in &FIGURES {
        body.push_str(&compared(figure, outcomes));
    }
    body.push_str(&hottest(outcomes));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn table(summary: &Summary) -> String {
    let mut text =
        "<h2>Figures</h2>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">figure</th>"
            .to_owned();
    for figures in &summary.engines {
        text.push_str(&format!("<th scope=\"col\">{}</th>", figures.engine));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for (name, value) in rows() {
        text.push_str(&format!("<tr><th scope=\"row\">{name}</th>"));
        for figures in &summary.engines {
            text.push_str(&format!("<td>{}</td>", escape(&value(figures))));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
    if let Some(ratio) = summary.bad_debt_ratio {
        text.push_str(&format!(
            "<p>The waterfall's bad debt is {ratio:.3} of the naive way's.</p>\n"
        ));
    }
    text
}

fn takeover(summary: &Summary) -> String {
    let Some(takeover) = &summary.takeover else { return String::new() };
    let mut text = format!(
        "<h2>Takeover</h2>\n<p>The attacker has {} % of the votes.</p>\n<ul>\n",
        takeover.votes_percent
    );
    for line in crate::command::takeover(takeover) {
        text.push_str(&format!("<li>{}</li>\n", escape(&line)));
    }
    text.push_str("</ul>\n");
    text
}

fn prices(outcomes: &[Outcome]) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let line = |name: &str, value: fn(&Record) -> f64| Line {
        name: name.to_owned(),
        points: first.records.iter().map(|record| (record.minute, value(record))).collect(),
    };
    Chart {
        title: "Price",
        about: "Of the collateral, in dollars: outside, as the lending pool has it, and where it is sold.",
        unit: "$",
        lines: vec![
            line("outside", |r| r.outside),
            line("oracle", |r| r.oracle),
            line(&format!("exchange, {}", first.engine.name()), |r| r.pool),
        ],
        is_from_zero: false,
    }
    .svg()
}

fn compared(figure: &Figure, outcomes: &[Outcome]) -> String {
    let lines = outcomes.iter().map(|outcome| {
        let mut sum = 0.0;
        let points = outcome.records.iter().map(|record| {
            let value = (figure.value)(record);
            sum += value;
            (record.minute, if figure.is_sum { sum } else { value })
        });
        Line { name: outcome.engine.name().to_owned(), points: points.collect() }
    });
    let (title, about, unit) = (figure.title, figure.about, figure.unit);
    Chart { title, about, unit, lines: lines.collect(), is_from_zero: true }.svg()
}

fn hottest(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.hot.is_empty()) {
        text.push_str(&format!(
            "<h2>Slots that transactions waited for: {}</h2>\n<div class=\"wide\"><table>\n<thead><tr>\
             <th scope=\"col\">contract</th><th scope=\"col\">slot</th><th scope=\"col\">waits</th></tr></thead>\n<tbody>\n",
            outcome.engine.name()
        ));
        for (address, slot, waits) in &outcome.hot {
            text.push_str(&format!(
                "<tr><td><code>{address}</code></td><td><code>{slot}</code></td><td>{waits}</td></tr>\n"
            ));
        }
        text.push_str("</tbody></table></div>\n");
    }
    text
}

/// Text that means nothing in HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
