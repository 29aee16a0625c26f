//! Plots as SVG, each with a table that says the same.

use super::pieces;
use maud::{Markup, html};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 150.0;
/// Room for the words at the left, and below.
const LEFT: f64 = 58.0;
const BELOW: f64 = 18.0;
const ABOVE: f64 = 8.0;

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A line through them.
    Line,
    /// A column for each.
    Columns,
}

/// A value, and what it is the value of.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// A block or an hour.
    pub(crate) at: String,
    /// How high it stands.
    pub(crate) value: f64,
    /// The value in words.
    pub(crate) words: String,
}

/// A plot.
#[derive(Clone, Debug)]
pub(crate) struct Chart<'c> {
    /// What is plotted, with its unit.
    pub(crate) title: &'c str,
    /// What the points are: `Block`, `Hour`.
    pub(crate) of: &'c str,
    /// In order.
    pub(crate) points: Vec<Point>,
    /// How it is drawn.
    pub(crate) shape: Shape,
}

impl Chart<'_> {
    /// The plot and its table.
    pub(crate) fn draw(&self) -> Markup {
        html! {
            figure.chart {
                figcaption { (self.title) }
                @if self.points.is_empty() {
                    p.quiet { "Nothing yet." }
                } @else {
                    (self.svg())
                    (self.table())
                }
            }
        }
    }

    fn svg(&self) -> Markup {
        let top = round_up(self.points.iter().map(|point| point.value).fold(0.0, f64::max));
        let height = |value: f64| ABOVE + (HEIGHT - ABOVE - BELOW) * (1.0 - value.max(0.0) / top);
        let (first, last) = (self.points.first(), self.points.last());
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.summary()) {
                title { (self.title) }
                desc { (self.summary()) }
                @for part in [0.0, 0.5, 1.0] {
                    line.grid x1=(LEFT) x2=(WIDTH) y1=(short(height(top * part))) y2=(short(height(top * part))) {}
                    text x=(LEFT - 6.0) y=(short(height(top * part) + 4.0)) text-anchor="end" {
                        (label(top * part))
                    }
                }
                @match self.shape {
                    Shape::Line => (self.line(&height)),
                    Shape::Columns => (self.columns(&height)),
                }
                @if let Some(first) = first {
                    text x=(LEFT) y=(HEIGHT - 3.0) { (first.at) }
                }
                @if let Some(last) = last.filter(|_| self.points.len() > 1) {
                    text x=(WIDTH) y=(HEIGHT - 3.0) text-anchor="end" { (last.at) }
                }
            }
        }
    }

    fn place(&self, index: usize) -> f64 {
        let steps = self.points.len().saturating_sub(1).max(1) as f64;
        LEFT + (WIDTH - LEFT) * index as f64 / steps
    }

    fn line(&self, height: &dyn Fn(f64) -> f64) -> Markup {
        let mut path = String::new();
        for (index, point) in self.points.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let (x, y) = (short(self.place(index)), short(height(point.value)));
            path.push_str(&format!("{letter}{x} {y}"));
        }
        let end = short(self.place(self.points.len().saturating_sub(1)));
        let ground = short(height(0.0));
        html! {
            path.area d={ (path) "L" (end) " " (ground) "L" (LEFT) " " (ground) "Z" } {}
            path.plot d=(path) {}
        }
    }

    fn columns(&self, height: &dyn Fn(f64) -> f64) -> Markup {
        let step = (WIDTH - LEFT) / self.points.len().max(1) as f64;
        let width = (step * 0.78).clamp(0.6, 40.0);
        html! {
            @for (index, point) in self.points.iter().enumerate() {
                rect.column x=(short(LEFT + step * index as f64)) y=(short(height(point.value)))
                    width=(short(width)) height=(short(height(0.0) - height(point.value))) {
                    title { (point.at) ": " (point.words) }
                }
            }
        }
    }

    fn summary(&self) -> String {
        let highest = self.points.iter().max_by(|a, b| a.value.total_cmp(&b.value));
        let lowest = self.points.iter().min_by(|a, b| a.value.total_cmp(&b.value));
        match (self.points.first(), self.points.last(), lowest, highest) {
            (Some(first), Some(last), Some(lowest), Some(highest)) => format!(
                "{}, from {} to {}: lowest {}, highest {}, last {}",
                self.title, first.at, last.at, lowest.words, highest.words, last.words
            ),
            _ => self.title.to_owned(),
        }
    }

    fn table(&self) -> Markup {
        html! {
            details.data {
                summary { "Figures" span.seen { " of " (self.title) } }
                (pieces::scroll(self.title, &html! {
                    table {
                        caption.seen { (self.title) }
                        thead { tr { th scope="col" { (self.of) } th.n scope="col" { "Value" } } }
                        tbody {
                            @for point in self.points.iter().rev() {
                                tr { th scope="row" { (point.at) } td.n { (point.words) } }
                            }
                        }
                    }
                }))
            }
        }
    }
}

/// The next number that is 1, 2 or 5 and zeros.
fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(value)
}

fn short(value: f64) -> String {
    format!("{value:.1}")
}

fn label(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 1e12 => return format!("{v:.0e}"),
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e4 => (v / 1e3, "k"),
        v if v > 0.0 && v < 0.01 => return format!("{v:.0e}"),
        v => (v, ""),
    };
    let digits = format!("{scaled:.2}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_values_make_a_plot_with_numbers_alone() {
        for values in [
            vec![],
            vec![0.0],
            vec![1.0, f64::NAN, 3.0],
            vec![f64::INFINITY, 1e300],
            vec![1e-20; 400],
        ] {
            let points = values
                .iter()
                .map(|value| Point { at: "1".to_owned(), value: *value, words: "x".to_owned() })
                .collect::<Vec<_>>();
            for shape in [Shape::Line, Shape::Columns] {
                let chart = Chart { title: "Gas", of: "Block", points: points.clone(), shape };
                let drawn = chart.draw().into_string();
                assert!(!drawn.contains("<script") && drawn.contains("Gas"));
            }
        }
    }
}
