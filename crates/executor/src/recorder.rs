//! Records the schedule of a block while it is executed.
//!
//! A thread that executes ahead notes the time beside the effects that it lays down, where nobody
//! else is at that moment. Whoever makes a transaction final, one thread at a time, knows what has
//! become of it and enters the span. So recording takes no lock that is not held anyway.

use crate::schedule::{Conflict, Location, Schedule, Span, SpanKind};
use std::time::Instant;

/// Tells the time since a block was given, if anybody wants to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Option<Instant>);

impl Clock {
    pub(crate) fn new(records: bool) -> Self {
        Self(records.then(Instant::now))
    }

    /// Nanoseconds since then; zero if nothing is recorded.
    pub(crate) fn now(self) -> u64 {
        self.0.map_or(0, |start| {
            let elapsed = start.elapsed();
            elapsed.as_secs().saturating_mul(1_000_000_000) + u64::from(elapsed.subsec_nanos())
        })
    }

    pub(crate) fn recorder(self) -> Option<Box<Recorder>> {
        self.0.map(|_| {
            let (schedule, open) = (Schedule::default(), None);
            Box::new(Recorder { clock: self, schedule, open })
        })
    }
}

/// When and where a transaction was executed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timed {
    pub(crate) thread: u16,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Records the schedule of a block.
#[derive(Debug)]
pub(crate) struct Recorder {
    clock: Clock,
    schedule: Schedule,
    /// What goes on now, if each transaction of it is too short for a clock.
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    thread: u16,
    kind: SpanKind,
    start: u64,
    first: u32,
    count: u32,
    is_brief: bool,
}

impl Recorder {
    /// The first transaction can be executed.
    pub(crate) fn prepared(&mut self) {
        self.schedule.prepared = self.clock.now();
    }

    /// All transactions are final.
    pub(crate) fn finished(&mut self) {
        self.schedule.finished = self.clock.now();
    }

    /// Enters one execution of a transaction.
    pub(crate) fn span(&mut self, transaction: u32, kind: SpanKind, timed: Timed) {
        let Timed { thread, start, end } = timed;
        let duration = end.saturating_sub(start);
        self.enter(Span { transaction, count: 1, thread, kind, start, duration });
    }

    fn enter(&mut self, span: Span) {
        let schedule = &mut self.schedule;
        schedule.busy = schedule.busy.saturating_add(span.duration);
        if span.kind.is_final() {
            schedule.useful = schedule.useful.saturating_add(span.duration);
        }
        if schedule.spans.len() < Schedule::SPANS_MAX {
            schedule.spans.push(span);
        } else {
            schedule.spans_left_out += 1;
        }
    }

    /// Enters why a transaction is executed again.
    pub(crate) fn conflict(
        &mut self,
        transaction: u32,
        location: Option<Location>,
        writer: Option<u32>,
    ) {
        let schedule = &mut self.schedule;
        if schedule.conflicts.len() < Schedule::CONFLICTS_MAX {
            schedule.conflicts.push(Conflict { transaction, location, writer });
        } else {
            schedule.conflicts_left_out += 1;
        }
    }

    /// A foreseen transfer is about to be made final by a thread.
    pub(crate) fn begin_transfer(&mut self, transaction: u32, thread: u16) {
        if self.open.is_none() {
            let (kind, start) = (SpanKind::Direct, self.clock.now());
            self.open =
                Some(Open { thread, kind, start, first: transaction, count: 0, is_brief: true });
        }
    }

    /// It is final.
    pub(crate) fn end_transfer(&mut self) {
        if let Some(open) = &mut self.open {
            open.count += 1;
        }
    }

    /// A transaction is about to be executed after all before it, by the caller's thread. Those in
    /// a row that are `brief` share a span.
    pub(crate) fn begin_next(&mut self, transaction: u32, brief: bool) {
        if let Some(open) = &mut self.open
            && brief
            && open.is_brief
        {
            open.count += 1;
            return;
        }
        let start = self.end_at_now();
        let kind = SpanKind::Sequential;
        self.open =
            Some(Open { thread: 0, kind, start, first: transaction, count: 1, is_brief: brief });
    }

    /// What was begun last is not in the block.
    pub(crate) fn leave_out(&mut self) {
        let Some(open) = &mut self.open else { return };
        if open.count > 1 {
            open.count -= 1;
        } else {
            open.kind = SpanKind::LeftOut;
            open.is_brief = false;
        }
    }

    /// Enters what goes on, if there is anything: something else comes now.
    pub(crate) fn end(&mut self) {
        if self.open.is_some() {
            self.end_at_now();
        }
    }

    fn end_at_now(&mut self) -> u64 {
        let now = self.clock.now();
        let Some(Open { thread, kind, start, first, count, .. }) = self.open.take() else {
            return now;
        };
        if count > 0 {
            let duration = now.saturating_sub(start);
            self.enter(Span { transaction: first, count, thread, kind, start, duration });
        }
        now
    }

    /// All is done, on so many threads.
    pub(crate) fn finish(mut self, threads: usize) -> Schedule {
        self.end();
        self.schedule.threads = u16::try_from(threads).unwrap_or(u16::MAX);
        self.schedule.wall = self.clock.now();
        self.schedule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder() -> Box<Recorder> {
        Clock::new(true).recorder().expect("it was asked for")
    }

    #[test]
    fn nothing_is_recorded_unless_asked_for() {
        assert!(Clock::new(false).recorder().is_none());
        assert_eq!(Clock::new(false).now(), 0);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut recorder = recorder();
        for index in 0..Schedule::SPANS_MAX as u32 + 5 {
            recorder.span(index, SpanKind::Speculative, Timed { thread: 1, start: 1, end: 3 });
        }
        for index in 0..Schedule::CONFLICTS_MAX as u32 + 3 {
            recorder.conflict(index, None, None);
        }
        let schedule = recorder.finish(2);
        assert_eq!(schedule.spans.len(), Schedule::SPANS_MAX);
        assert_eq!(schedule.spans_left_out, 5);
        assert_eq!(schedule.conflicts.len(), Schedule::CONFLICTS_MAX);
        assert_eq!(schedule.conflicts_left_out, 3);
        assert_eq!(schedule.retries(), Schedule::CONFLICTS_MAX as u64 + 3);
        assert_eq!(schedule.busy(), 2 * (Schedule::SPANS_MAX as u64 + 5));
        assert_eq!(schedule.useful(), schedule.busy());
    }

    #[test]
    fn transfers_in_a_row_share_a_span() {
        let mut recorder = recorder();
        for index in 0..4 {
            recorder.begin_transfer(index, 1);
            recorder.end_transfer();
        }
        recorder.end();
        recorder.span(4, SpanKind::InTurn, Timed::default());
        // One that did not stand.
        recorder.begin_transfer(5, 1);
        recorder.end();
        let spans = recorder.finish(2).spans;
        let what = |span: &Span| (span.transaction, span.count, span.kind);
        let found: Vec<_> = spans.iter().map(what).collect();
        assert_eq!(found, [(0, 4, SpanKind::Direct), (4, 1, SpanKind::InTurn)]);
    }

    #[test]
    fn brief_transactions_in_a_row_share_a_span() {
        let mut recorder = recorder();
        for (transaction, brief, is_left_out) in [
            (0, true, true),
            (0, true, false),
            (1, true, false),
            (2, true, true),
            (2, false, true),
            (2, false, false),
            (3, true, false),
        ] {
            recorder.begin_next(transaction, brief);
            if is_left_out {
                recorder.leave_out();
            }
        }
        let schedule = recorder.finish(1);
        let what = |span: &Span| (span.transaction, span.count, span.kind);
        let found: Vec<_> = schedule.spans.iter().map(what).collect();
        let (run, out) = (SpanKind::Sequential, SpanKind::LeftOut);
        assert_eq!(found, [(0, 1, out), (0, 2, run), (2, 1, out), (2, 1, run), (3, 1, run)]);
        assert!(schedule.spans.windows(2).all(|pair| pair[0].end() == pair[1].start));
    }
}
