//! A chart of lines over minutes, as SVG. Lines differ by their dashes, too, for who sees no colors.

use super::escape;
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 26.0;
const RIGHT: f64 = 10.0;
/// Horizontal lines.
const STEPS: u32 = 4;
/// Points of a line that are drawn: more than that no screen shows.
const POINTS_MAX: usize = 900;

/// A line: minutes and values.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// `$` before numbers, `%` behind them, or nothing.
    pub(super) unit: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) is_from_zero: bool,
}

impl Chart {
    /// The chart with its heading; nothing if there is nothing to show.
    pub(super) fn svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let most = all().map(|(_, value)| *value).fold(f64::MIN, f64::max);
        let least = all().map(|(_, value)| *value).fold(f64::MAX, f64::min);
        let end = all().map(|(minute, _)| *minute).fold(0.0, f64::max);
        if all().next().is_none() || (self.is_from_zero && most <= 0.0) {
            return String::new();
        }
        let least = if self.is_from_zero { least.min(0.0) } else { least };
        let (least, most) = if most > least { (least, most) } else { (least - 1.0, most + 1.0) };
        let x = |minute: f64| LEFT + minute / end.max(1e-9) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| TOP + (most - value) / (most - least) * (HEIGHT - TOP - BOTTOM);
        let mut svg = String::new();
        // What is written to a string cannot fail.
        let _ = writeln!(
            svg,
            "<h2>{0}</h2>\n<figure><figcaption>{1}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{2}\">\n<title>{2}</title>",
            escape(self.title),
            escape(self.about),
            escape(&self.told())
        );
        for step in 0..=STEPS {
            let value = least + (most - least) * f64::from(step) / f64::from(STEPS);
            let (at, text) = (y(value), self.number(value));
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0
            );
            let minute = end * f64::from(step) / f64::from(STEPS);
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{minute:.0} min</text>",
                x(minute).min(WIDTH - RIGHT - 20.0),
                HEIGHT - 8.0
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let every = line.points.len().div_ceil(POINTS_MAX).max(1);
            let points = line.points.iter().step_by(every);
            let points: Vec<String> = points
                .map(|(minute, value)| format!("{:.1},{:.1}", x(*minute), y(*value)))
                .collect();
            let at = LEFT + 180.0 * number as f64;
            let _ = writeln!(
                svg,
                "<polyline class=\"l l{number}\" points=\"{}\"/>\n<line class=\"l l{number}\" x1=\"{at}\" x2=\"{}\" y1=\"10\" y2=\"10\"/><text x=\"{}\" y=\"14\">{}</text>",
                points.join(" "),
                at + 24.0,
                at + 30.0,
                escape(&line.name)
            );
        }
        svg.push_str("</svg></figure>\n");
        svg
    }

    /// In words: where each line begins and ends, and its extremes.
    fn told(&self) -> String {
        let mut text = format!("{}.", self.title);
        for line in &self.lines {
            let values = || line.points.iter().map(|(_, value)| *value);
            let (Some(first), Some(last)) = (values().next(), values().next_back()) else {
                continue;
            };
            let (least, most) =
                (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
            let [first, last, least, most] =
                [first, last, least, most].map(|value| self.number(value));
            let _ =
                write!(text, " {}: from {first} to {last}, between {least} and {most}.", line.name);
        }
        text
    }

    fn number(&self, value: f64) -> String {
        let (scaled, letter) = match value.abs() {
            size if size >= 1e6 => (value / 1e6, "M"),
            size if size >= 1e4 => (value / 1e3, "k"),
            _ => (value, ""),
        };
        let digits = if scaled.abs() < 10.0 && scaled.fract() != 0.0 { 2 } else { 0 };
        let text = format!("{scaled:.digits$}{letter}");
        match self.unit {
            "$" => format!("${text}"),
            "%" => format!("{text} %"),
            _ => text,
        }
    }
}
