//! Curves as SVG, drawn without any help from elsewhere.

use std::fmt::Write as _;

/// Points of a curve; a longer run is drawn with the means, or the largest, of neighbours.
const POINTS_MAX: usize = 400;

// Sizes in the units of the drawing.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;

/// Marks on the axis of values.
const MARKS: usize = 4;

/// A curve: its name, which is in the legend, and its values, one a second.
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    pub(super) values: Vec<f64>,
}

/// How neighbours become one point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Merge {
    Mean,
    Largest,
}

/// Curves over time.
pub(super) fn over_time(title: &str, unit: &str, curves: &[Curve<'_>], merge: Merge) -> String {
    let seconds = curves.iter().map(|curve| curve.values.len()).max().unwrap_or_default();
    let of_all = curves.iter().flat_map(|curve| curve.values.iter().copied());
    let top = nice(of_all.fold(0.0, f64::max));
    let mut svg = begin(title, unit, top);
    let x = |second: f64| LEFT + (WIDTH - LEFT - RIGHT) * second / (seconds.max(2) - 1) as f64;
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value / top);
    for (place, curve) in curves.iter().enumerate() {
        let share = curve.values.len().div_ceil(POINTS_MAX).max(1);
        let points: String = curve
            .values
            .chunks(share)
            .enumerate()
            .map(|(number, part)| {
                let value = match merge {
                    Merge::Mean => part.iter().sum::<f64>() / part.len() as f64,
                    Merge::Largest => part.iter().copied().fold(0.0, f64::max),
                };
                let middle = number as f64 * share as f64 + (part.len() - 1) as f64 / 2.0;
                format!("{:.1},{:.1} ", x(middle), y(value))
            })
            .collect();
        let _ = write!(svg, r#"<polyline class="c{place}" points="{}"/>"#, points.trim_end());
        let left = LEFT + 8.0 + 150.0 * place as f64;
        let _ = write!(
            svg,
            r#"<line class="c{place}" x1="{left}" x2="{}" y1="{TOP}" y2="{TOP}"/>"#,
            left + 18.0
        );
        let _ = write!(
            svg,
            r#"<text x="{}" y="{}">{}</text>"#,
            left + 24.0,
            TOP + 4.0,
            escape(curve.name)
        );
    }
    for part in 0..=4 {
        let second = (seconds.max(2) - 1) as f64 * f64::from(part) / 4.0;
        axis_mark(&mut svg, x(second), &format!("{} s", number(second)));
    }
    svg + "</svg>"
}

/// How many there are of each size; the sizes grow by a constant factor.
pub(super) fn distribution(title: &str, unit: &str, buckets: &[(f64, u64)]) -> String {
    let top = nice(buckets.iter().map(|(_, count)| *count as f64).fold(0.0, f64::max));
    let mut svg = begin(title, "", top);
    let width = (WIDTH - LEFT - RIGHT) / buckets.len().max(1) as f64;
    for (place, (_, count)) in buckets.iter().enumerate() {
        let height = (HEIGHT - TOP - BOTTOM) * *count as f64 / top;
        let (left, up) = (LEFT + width * place as f64, HEIGHT - BOTTOM - height);
        let _ = write!(
            svg,
            r#"<rect x="{left:.1}" y="{up:.1}" width="{:.1}" height="{height:.1}"/>"#,
            width * 0.9
        );
        if place % 12 == 11 {
            axis_mark(&mut svg, left + width, &format!("{} {unit}", number(buckets[place].0)));
        }
    }
    svg + "</svg>"
}

fn begin(title: &str, unit: &str, top: f64) -> String {
    let title = escape(title);
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}"><title>{title}</title>"#
    );
    for mark in 0..=MARKS {
        let value = top * mark as f64 / MARKS as f64;
        let y = TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - mark as f64 / MARKS as f64);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/>"#,
            WIDTH - RIGHT
        );
        let text = format!("{} {unit}", number(value));
        let _ = write!(
            svg,
            r#"<text class="end" x="{}" y="{:.1}">{}</text>"#,
            LEFT - 6.0,
            y + 4.0,
            text.trim_end()
        );
    }
    svg
}

fn axis_mark(svg: &mut String, x: f64, text: &str) {
    let y = HEIGHT - BOTTOM + 18.0;
    let _ = write!(svg, r#"<text class="middle" x="{x:.1}" y="{y}">{}</text>"#, text.trim_end());
}

/// The next number that begins with 1, 2, 4 or 8: it can be divided by the marks.
fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0];
    steps.iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(10.0 * power)
}

/// A number in few letters.
pub(super) fn number(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e4 => (value / 1e3, "k"),
        value => (value, ""),
    };
    let text = if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// Text in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.25, 12.5, 1_500.0, 20_000.0, 2_500_000.0].map(number);
        assert_eq!(shown, ["0", "0.25", "12.5", "1500", "20k", "2.5M"]);
    }

    proptest! {
        #[test]
        fn the_scale_is_little_above_the_largest(value in 1e-3_f64..1e12) {
            let top = nice(value);
            prop_assert!(top >= value * 0.999_999 && top <= value * 2.001, "{top} for {value}");
        }

        #[test]
        fn every_point_is_inside(values in prop::collection::vec(0.0_f64..1e6, 0..2_000)) {
            let svg = over_time("a", "", &[Curve { name: "b", values }], Merge::Largest);
            let (_, rest) = svg.split_once(r#"points=""#).unwrap();
            let (points, _) = rest.split_once('"').unwrap();
            prop_assert!(points.split_whitespace().count() <= POINTS_MAX);
            for point in points.split_whitespace() {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                prop_assert!((LEFT - 0.1..=WIDTH).contains(&x) && (TOP - 0.1..=HEIGHT).contains(&y));
            }
        }
    }
}
