//! Plots over hours and days.

use super::{
    PageError, amounts, blocking,
    charts::{Chart, Point, Shape},
    extract::UrlQuery,
    layout::{Page, Section},
    paths::Query,
    pieces::{self, Tab},
};
use crate::{Explorer, HourFigures, facts::View, server::Shared};
use alloy_primitives::U256;
use axum::extract::State;
use maud::{Markup, html};

/// Ranges: name, title, hours, hours of a point.
const RANGES: [(&str, &str, u64, u64); 4] = [
    ("", "One day", 24, 1),
    ("week", "One week", 168, 1),
    ("month", "30 days", 720, 24),
    ("year", "One year", 8_760, 24),
];

/// `/charts`.
pub(crate) async fn page(
    State(explorer): Shared,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Markup, PageError> {
    blocking(&explorer, move |explorer| render(explorer, &query)).await
}

fn render(explorer: &Explorer, query: &Query) -> Result<Markup, PageError> {
    let view = View::new(explorer)?;
    let wanted = query.tab.as_deref().unwrap_or_default();
    let range = RANGES.into_iter().find(|(name, ..)| *name == wanted);
    let unknown = || PageError::NotFound("There is no such range.".to_owned());
    let (name, _, hours, width) = range.ok_or_else(unknown)?;
    // By the chain's own clock, which in development may be far from ours.
    let last = view.chain.head().header.timestamp / 3_600;
    let first = last.saturating_sub(hours - 1);
    let found = view.index.hours(first, last)?;
    let points = gather(&found, first / width, last / width, width);
    let tab = |(at, title, ..): (&str, &'static str, u64, u64)| Tab {
        title,
        path: if at.is_empty() { "/charts".to_owned() } else { format!("/charts?tab={at}") },
        count: None,
        current: at == name,
    };
    let tabs: Vec<_> = RANGES.into_iter().map(tab).collect();
    let of = if width == 1 { "Hour" } else { "Day" };
    let body = html! {
        h1 { "Charts" }
        (pieces::lag(&view))
        (pieces::tabs("Range", &tabs))
        div.charts { @for plot in plots(&points, of, width) { div.card { (plot) } } }
    };
    Ok(Page::live("Charts", Section::Charts, view.head()).with(&body))
}

/// Sums of hours, by the number of the day or hour; those without blocks are zero.
fn gather(
    found: &[(u64, HourFigures)],
    first: u64,
    last: u64,
    width: u64,
) -> Vec<(u64, HourFigures)> {
    let mut all: Vec<(u64, HourFigures)> =
        (first..=last).map(|at| (at, HourFigures::default())).collect();
    for (hour, figures) in found {
        let at = (hour / width).checked_sub(first).and_then(|at| usize::try_from(at).ok());
        if let Some((_, sum)) = at.and_then(|at| all.get_mut(at)) {
            sum.blocks += figures.blocks;
            sum.transactions += figures.transactions;
            sum.failed += figures.failed;
            sum.gas_used += figures.gas_used;
            sum.burned = sum.burned.saturating_add(figures.burned);
            sum.tips = sum.tips.saturating_add(figures.tips);
            sum.base_fees = sum.base_fees.saturating_add(figures.base_fees);
            sum.transfers += figures.transfers;
            sum.contracts += figures.contracts;
        }
    }
    all
}

fn plots(points: &[(u64, HourFigures)], of: &str, width: u64) -> Vec<Markup> {
    let count = |value: u64| (value as f64, amounts::number(value));
    let ether = |wei: U256| {
        (
            wei.to_string().parse::<f64>().unwrap_or(0.0) / 1e18,
            format!("{} ETH", amounts::rounded(wei, 18)),
        )
    };
    let draw = |title: &str, shape: Shape, value: &dyn Fn(&HourFigures) -> (f64, String)| {
        let point = |(at, figures): &(u64, HourFigures)| {
            let (value, words) = value(figures);
            let date = amounts::date(at * width * 3_600);
            let at = date.get(..if width == 1 { 16 } else { 10 }).unwrap_or(&date).to_owned();
            Point { at, value, words }
        };
        let points = points.iter().map(point).collect();
        Chart { title, of, points, shape }.draw()
    };
    vec![
        draw("Transactions", Shape::Columns, &|figures| count(figures.transactions)),
        draw("Gas used", Shape::Columns, &|figures| count(figures.gas_used)),
        draw("Fees burned, ETH", Shape::Columns, &|figures| ether(figures.burned)),
        draw("Tips, ETH", Shape::Columns, &|figures| ether(figures.tips)),
        draw("Mean base fee, gwei", Shape::Line, &|figures| {
            let mean =
                figures.base_fees.checked_div(U256::from(figures.blocks)).unwrap_or_default();
            (mean.to_string().parse::<f64>().unwrap_or(0.0) / 1e9, amounts::gwei(mean))
        }),
        draw("Failed transactions, percent", Shape::Line, &|figures| {
            let share = figures.failed as f64 * 100.0 / figures.transactions.max(1) as f64;
            (share, amounts::percent(figures.failed, figures.transactions))
        }),
        draw("Token transfers", Shape::Columns, &|figures| count(figures.transfers)),
        draw("Contracts created", Shape::Columns, &|figures| count(figures.contracts)),
        draw("Blocks", Shape::Columns, &|figures| count(figures.blocks)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_sums_of_their_hours() {
        let figures = HourFigures { blocks: 2, transactions: 3, ..HourFigures::default() };
        let hours: Vec<_> = (0..72).map(|hour| (hour, figures.clone())).collect();
        let days = gather(&hours, 1, 3, 24);
        let counts: Vec<_> =
            days.iter().map(|(day, sum)| (*day, sum.blocks, sum.transactions)).collect();
        assert_eq!(counts, [(1, 48, 72), (2, 48, 72), (3, 0, 0)]);
    }
}
