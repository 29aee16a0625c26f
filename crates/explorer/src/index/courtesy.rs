//! Staying out of the way of blocks where all processors are busy.
//!
//! That a thread is nice is not enough: it still takes a tenth of two busy processors, and what it
//! reads and writes pushes out of their caches what the others need. So it stays away for most of
//! the time while it sees that it has to wait for a processor, and comes back as soon as it has not.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// How long the thread stays away before it works on a block, for each gas of it: some twenty times
/// as long as it works.
const REST_PER_GAS: Duration = Duration::from_nanos(20);
/// Longest time that it stays away at once.
const REST_MAX: Duration = Duration::from_secs(10);
/// How often it looks whether the processors are busy still.
const GLANCE: Duration = Duration::from_millis(20);
/// Who had to wait no longer than this found an idle processor.
const AT_ONCE: Duration = Duration::from_millis(1);
/// After so many glances in a row that found one, the processors are not busy any more.
const GLANCES: u32 = 3;

/// What the kernel knows of a thread: how long it ran, and how long it waited for a processor
/// though it could have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    ran: Duration,
    waited: Duration,
}

impl Times {
    /// Those of this thread; nothing where the kernel does not tell.
    fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
    }

    /// Nanoseconds, nanoseconds, and a count (Documentation/scheduler/sched-stats.rst of Linux).
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().map(|word| word.parse().map(Duration::from_nanos));
        Some(Self { ran: words.next()?.ok()?, waited: words.next()?.ok()? })
    }

    fn since(self, before: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }

    fn are_of_busy_processors(self) -> bool {
        self.waited > self.ran.max(AT_ONCE)
    }
}

/// Sees how a thread's work is going.
#[derive(Debug)]
pub(crate) struct Courtesy {
    before: Option<Times>,
}

impl Courtesy {
    pub(crate) fn new() -> Self {
        Self { before: Times::now() }
    }

    /// Whether what the thread did since this was asked last, being woken up included, had to wait
    /// for a processor.
    pub(crate) fn is_due(&mut self) -> bool {
        let now = Times::now();
        let last = now.zip(self.before).map(|(now, before)| now.since(before));
        self.before = now;
        last.is_some_and(Times::are_of_busy_processors)
    }

    /// Stays away for a while before a block of so much gas. `stop` ends it.
    pub(crate) fn let_others_go_first(&mut self, gas: u64, stop: impl Fn() -> bool) {
        stay_away(rest_before(gas), stop);
        self.before = Times::now();
    }
}

fn rest_before(gas: u64) -> Duration {
    REST_PER_GAS.saturating_mul(u32::try_from(gas).unwrap_or(u32::MAX)).min(REST_MAX)
}

/// Sleeps, until a processor is there whenever one is wanted.
fn stay_away(time: Duration, stop: impl Fn() -> bool) {
    let start = Instant::now();
    let mut quiet = 0;
    while start.elapsed() < time && quiet < GLANCES && !stop() {
        let before = Times::now();
        thread::sleep(GLANCE.min(time));
        let waited = Times::now().zip(before).map(|(now, before)| now.since(before).waited);
        quiet = if waited.is_none_or(|waited| waited <= AT_ONCE) { quiet + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read() {
        let times = Times::parse("81722303 2097871 36\n").unwrap();
        assert_eq!(times.ran, Duration::from_nanos(81_722_303));
        assert_eq!(times.waited, Duration::from_nanos(2_097_871));
        assert_eq!(Times::parse(""), None);
        assert_eq!(Times::parse("1 x 2"), None);
    }

    #[test]
    fn times_grow() {
        let Some(before) = Times::now() else { return };
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(5) {}
        assert!(Times::now().unwrap().since(before).ran > Duration::ZERO);
    }

    #[test]
    fn who_waits_longer_than_it_runs_is_among_busy_processors() {
        let busy = |ran, waited| {
            let [ran, waited] = [ran, waited].map(Duration::from_micros);
            Times { ran, waited }.are_of_busy_processors()
        };
        assert!(!busy(0, 0));
        assert!(!busy(0, 1_000));
        assert!(busy(0, 1_001));
        assert!(!busy(5_000, 5_000));
        assert!(busy(5_000, 5_001));
    }

    #[test]
    fn the_rest_is_longer_before_more_work() {
        assert_eq!(rest_before(50_000_000), Duration::from_secs(1));
        assert_eq!(rest_before(u64::MAX), REST_MAX);
        assert_eq!(rest_before(0), Duration::ZERO);
    }

    #[test]
    fn a_stop_ends_it() {
        let start = Instant::now();
        stay_away(Duration::from_secs(3_600), || true);
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
