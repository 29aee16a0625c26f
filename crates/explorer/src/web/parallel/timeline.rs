//! Transactions over threads, drawn.
//!
//! What is smaller than a cell of the drawing is drawn together with its neighbours, so that a block
//! of any size is a drawing of a bounded one.

use super::{hash_of, time};
use crate::web::{
    amounts,
    pieces::{self, Column},
};
use heddle_executor::{Schedule, Span, SpanKind};
use heddle_types::RecoveredBlock;
use maud::{Markup, html};
use std::fmt::Write as _;

/// Units of the drawing: pixels, where it is shown as it is.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const LANE: f64 = 22.0;
const BELOW: f64 = 22.0;
/// Threads that are drawn.
const LANES_MAX: usize = 64;
/// Cells of all lanes: there are at most twice as many marks.
const CELLS_MAX: usize = 1_500;
/// Rows of the table that says the same.
const ROWS_MAX: usize = 200;

/// Kinds: class of the colour, pattern, words. Each has a pattern of its own, as colours alone say
/// nothing to many.
const KINDS: [(SpanKind, &str, &str, &str); 7] = [
    (SpanKind::Speculative, "good-work", "", "ahead of its turn, and that stood"),
    (
        SpanKind::Discarded,
        "lost-work",
        "M0 0L6 6M-1 5L1 7M5 -1L7 1",
        "ahead of its turn, and in vain",
    ),
    (SpanKind::InTurn, "turn-work", "M0 3H6", "in its turn"),
    (SpanKind::Direct, "plain-work", "M3 0V6", "plain transfers, foreseen"),
    (SpanKind::Guided, "guided-work", "M0 6L6 0M-1 1L1 -1M5 7L7 5", "by the access list"),
    (SpanKind::Sequential, "turn-work", "", "one after the other"),
    (SpanKind::LeftOut, "lost-work", "M0 3H6M3 0V6", "a candidate that was left out"),
];

/// Spans of one thread and kind that are drawn as one.
#[derive(Clone, Debug, PartialEq)]
struct Mark {
    lane: usize,
    kind: SpanKind,
    from: f64,
    to: f64,
    /// The first and the last transaction.
    first: u64,
    last: u64,
    count: u64,
    start: u64,
    /// Nanoseconds in the spans themselves.
    duration: u64,
}

/// The drawing, its legend, and a table.
pub(super) fn card(block: &RecoveredBlock, schedule: &Schedule) -> Markup {
    html! {
        section.card {
            h2 { "Timeline" }
            @if schedule.spans.is_empty() {
                p.quiet { "No transaction was executed." }
            } @else {
                (pieces::scroll("Timeline", &drawing(schedule)))
                (legend(schedule))
                @if usize::from(schedule.threads) > LANES_MAX { p.quiet { "The first " (LANES_MAX) " threads are drawn." } }
                @if schedule.spans_left_out > 0 { p.quiet { (amounts::number(schedule.spans_left_out)) " more spans were not recorded." } }
                details.data { summary { "The same as a table" } (table(block, schedule)) }
            }
        }
    }
}

fn lanes(schedule: &Schedule) -> usize {
    usize::from(schedule.threads).clamp(1, LANES_MAX)
}

/// What is drawn, the lanes one after the other.
fn marks(schedule: &Schedule) -> Vec<Mark> {
    let lanes = lanes(schedule);
    let cell = ((lanes as f64 * (WIDTH - LEFT)) / CELLS_MAX as f64).max(1.0);
    let scale = (WIDTH - LEFT) / schedule.wall.max(1) as f64;
    let place = |at: u64| LEFT + (at as f64 * scale).min(WIDTH - LEFT);
    let mut spans: Vec<&Span> =
        schedule.spans.iter().filter(|span| usize::from(span.thread) < lanes).collect();
    spans.sort_by_key(|span| (span.thread, span.start));
    let mut marks: Vec<Mark> = Vec::new();
    for span in spans {
        let mark = Mark {
            lane: span.thread.into(),
            kind: span.kind,
            from: place(span.start),
            to: place(span.end()),
            first: span.transaction.into(),
            last: u64::from(span.transaction) + u64::from(span.count.saturating_sub(1)),
            count: span.count.into(),
            start: span.start,
            duration: span.duration,
        };
        match marks.last_mut() {
            Some(before) if before.lane == mark.lane && mark.to - before.from <= cell => {
                before.add(&mark);
            }
            _ => marks.push(mark),
        }
    }
    marks
}

impl Mark {
    /// Takes a later one in. Work in vain shows, however small it is.
    fn add(&mut self, other: &Self) {
        if !other.kind.is_final() {
            self.kind = other.kind;
        }
        self.to = self.to.max(other.to);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
        self.duration = self.duration.saturating_add(other.duration);
    }

    fn words(&self) -> String {
        let mut words = String::new();
        let what = words_of(self.kind);
        // Writing to a string does not fail.
        let _ = match self.count {
            0 | 1 => write!(words, "Transaction {}: {what}", self.first),
            count => write!(
                words,
                "{count} executions of transactions {} to {}: {what}",
                self.first, self.last
            ),
        };
        let _ = write!(
            words,
            ", thread {}, from {}, {}",
            self.lane,
            time(self.start),
            time(self.duration)
        );
        words
    }
}

fn words_of(kind: SpanKind) -> &'static str {
    KINDS.into_iter().find(|(of, ..)| *of == kind).map_or("", |(.., words)| words)
}

fn index_of(kind: SpanKind) -> usize {
    KINDS.iter().position(|(of, ..)| *of == kind).unwrap_or(0)
}

fn drawing(schedule: &Schedule) -> Markup {
    let lanes = lanes(schedule);
    let height = lanes as f64 * LANE + BELOW;
    let scale = (WIDTH - LEFT) / schedule.wall.max(1) as f64;
    let summary = format!(
        "{} spans on {} threads in {}; the first transaction could begin after {}, the last was final after {}",
        amounts::number(schedule.spans.len()),
        schedule.threads,
        time(schedule.wall),
        time(schedule.prepared),
        time(schedule.finished)
    );
    html! {
        svg.timeline viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label={ "Timeline of the execution: " (summary) } {
            title { "Timeline of the execution" }
            desc { (summary) }
            defs { @for index in 0..KINDS.len() { (pattern(index, "p")) } }
            @for lane in 0..lanes {
                rect.lane x=(LEFT) y=(short(lane as f64 * LANE + 2.0)) width=(short(WIDTH - LEFT)) height=(short(LANE - 4.0)) {}
                text x=(LEFT - 8.0) y=(short(lane as f64 * LANE + 15.0)) text-anchor="end" { "thread " (lane) }
            }
            @for mark in marks(schedule) {
                rect x=(short(mark.from)) y=(short(mark.lane as f64 * LANE + 2.0))
                    width=(short((mark.to - mark.from).max(0.8))) height=(short(LANE - 4.0))
                    fill={ "url(#p" (index_of(mark.kind)) ")" } { title { (mark.words()) } }
            }
            @for at in [schedule.prepared, schedule.finished] {
                @let x = short(LEFT + (at as f64 * scale).min(WIDTH - LEFT));
                line.mark x1=(x) x2=(x) y1="0" y2=(short(height - BELOW)) {}
            }
            text x=(LEFT) y=(short(height - 6.0)) { "0" }
            text x=(short(WIDTH)) y=(short(height - 6.0)) text-anchor="end" { (time(schedule.wall)) }
            text x=(short((WIDTH + LEFT) / 2.0)) y=(short(height - 6.0)) text-anchor="middle" {
                "dashed: prepared after " (time(schedule.prepared)) ", final after " (time(schedule.finished))
            }
        }
    }
}

fn pattern(index: usize, prefix: &str) -> Markup {
    let Some((_, class, lines, _)) = KINDS.get(index) else { return html! {} };
    html! {
        pattern id={ (prefix) (index) } width="6" height="6" patternUnits="userSpaceOnUse" {
            rect class=(class) width="6" height="6" {}
            @if !lines.is_empty() { path.hatch d=(lines) {} }
        }
    }
}

/// The kinds that there are, each with its pattern.
fn legend(schedule: &Schedule) -> Markup {
    let is_there = |kind| schedule.spans.iter().any(|span| span.kind == kind);
    html! {
        ul.legend {
            @for (index, (kind, _, _, words)) in KINDS.into_iter().enumerate() {
                @if is_there(kind) {
                    li {
                        svg width="22" height="14" viewBox="0 0 22 14" aria-hidden="true" focusable="false" {
                            defs { (pattern(index, "l")) }
                            rect width="22" height="14" rx="2" fill={ "url(#l" (index) ")" } {}
                        }
                        (words)
                    }
                }
            }
        }
    }
}

fn table(block: &RecoveredBlock, schedule: &Schedule) -> Markup {
    let mut spans: Vec<&Span> = schedule.spans.iter().collect();
    spans.sort_by_key(|span| (span.start, span.thread));
    let row = |span: &&Span| {
        let last = u64::from(span.transaction) + u64::from(span.count.saturating_sub(1));
        html! {
            tr {
                th scope="row" {
                    "no. " (span.transaction)
                    @if span.count > 1 { " to " (last) }
                    @else if span.kind != SpanKind::LeftOut {
                        @if let Some(hash) = hash_of(block, span.transaction.into()) { " " (pieces::transaction(hash)) }
                    }
                }
                td { (words_of(span.kind)) }
                td.n { (span.thread) }
                td.n { (time(span.start)) }
                td.n { (time(span.duration)) }
            }
        }
    };
    let rows: Vec<_> = spans.iter().take(ROWS_MAX).map(row).collect();
    let columns = [
        Column::Text("Transactions"),
        Column::Text("How"),
        Column::Number("Thread"),
        Column::Number("From"),
        Column::Number("Took"),
    ];
    html! {
        (pieces::table("What threads did, in the order of beginning", &columns, &rows, "Nothing."))
        @if spans.len() > ROWS_MAX { p.quiet { "The first " (ROWS_MAX) " of " (amounts::number(spans.len())) "." } }
    }
}

fn short(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(transaction: u32, thread: u16, kind: SpanKind, start: u64, duration: u64) -> Span {
        Span { transaction, count: 1, thread, kind, start, duration }
    }

    fn scheduled(wall: u64, threads: u16, spans: Vec<Span>) -> Schedule {
        let mut schedule = Schedule::default();
        (schedule.wall, schedule.threads, schedule.spans) = (wall, threads, spans);
        schedule
    }

    #[test]
    fn a_drawing_is_bounded_and_leaves_no_transaction_out() {
        for threads in [1, 2, 16, 64] {
            let lane = |n: u32| u16::try_from(n % u32::from(threads)).unwrap();
            let spans: Vec<Span> = (0..Schedule::SPANS_MAX as u32)
                .map(|n| span(n, lane(n), SpanKind::Speculative, u64::from(n) * 100, 90))
                .collect();
            let wall = 100 * spans.len() as u64;
            let count = spans.len() as u64;
            let schedule = scheduled(wall, threads, spans);
            let marks = marks(&schedule);
            assert!(marks.len() <= 2 * CELLS_MAX, "{} marks of {threads} threads", marks.len());
            assert_eq!(marks.iter().map(|mark| mark.count).sum::<u64>(), count);
            assert!(drawing(&schedule).into_string().len() < 1 << 20);
        }
    }

    #[test]
    fn marks_of_a_lane_do_not_overlap() {
        let spans: Vec<Span> = (0..5_000_u32)
            .map(|n| span(n, 0, SpanKind::InTurn, u64::from(n * n % 977) * 1_000, 700))
            .collect();
        let schedule = scheduled(1_000_000, 1, spans);
        let marks = marks(&schedule);
        assert!(marks.windows(2).all(|pair| pair[0].from <= pair[1].from));
        assert!(marks.iter().all(|mark| mark.from >= LEFT && mark.to <= WIDTH));
    }

    #[test]
    fn work_in_vain_shows_however_small_it_is() {
        let spans = vec![
            span(0, 0, SpanKind::Speculative, 0, 1),
            span(1, 0, SpanKind::Discarded, 1, 1),
            span(1, 0, SpanKind::InTurn, 2, 1),
        ];
        let schedule = scheduled(1_000_000, 1, spans);
        let marks = marks(&schedule);
        assert_eq!(marks.len(), 1);
        assert_eq!((marks[0].kind, marks[0].count), (SpanKind::Discarded, 3));
        assert!(marks[0].words().contains("in vain"));
    }

    #[test]
    fn times_that_make_no_sense_are_no_panic() {
        let spans = vec![
            span(u32::MAX, u16::MAX, SpanKind::Guided, u64::MAX, u64::MAX),
            Span { count: u32::MAX, ..span(u32::MAX, 0, SpanKind::Direct, u64::MAX, u64::MAX) },
        ];
        let schedule = scheduled(0, 0, spans);
        assert_eq!(marks(&schedule).len(), 1);
        drawing(&schedule);
    }
}
