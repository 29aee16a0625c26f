//! A wall clock that is not right.

use commonware_utils::SystemTimeExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MILLION: i128 = 1_000_000;

/// How a machine's clock differs from the time of the runtime.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WallClock {
    offset_nanoseconds: i128,
    /// By how many millionths it is faster than time.
    rate_ppm: i128,
    /// When it was first looked at, in nanoseconds since 1970: from then on it gains.
    start: Option<i128>,
}

impl WallClock {
    pub(super) fn new(offset_milliseconds: i64, rate_ppm: i64) -> Self {
        let rate_ppm = i128::from(rate_ppm);
        assert!(rate_ppm > -MILLION, "the clock must go forwards");
        Self {
            offset_nanoseconds: i128::from(offset_milliseconds) * MILLION,
            rate_ppm,
            start: None,
        }
    }

    /// What the clock shows when it is `now`.
    pub(super) fn local_time(&mut self, now: SystemTime) -> SystemTime {
        let (now, start) = self.look(now);
        let gone = ((now - start) * (MILLION + self.rate_ppm)).div_euclid(MILLION);
        to_time(start + self.offset_nanoseconds + gone)
    }

    /// The first moment at which the clock shows `local` or more; it is `now`.
    pub(super) fn true_time(&mut self, now: SystemTime, local: SystemTime) -> SystemTime {
        let (_, start) = self.look(now);
        let gone = nanoseconds(local) - self.offset_nanoseconds - start;
        let rate = MILLION + self.rate_ppm;
        to_time(start + (gone * MILLION + rate - 1).div_euclid(rate))
    }

    fn look(&mut self, now: SystemTime) -> (i128, i128) {
        let now = nanoseconds(now);
        (now, *self.start.get_or_insert(now))
    }
}

fn nanoseconds(time: SystemTime) -> i128 {
    let signed = |duration: Duration| {
        i128::from(duration.as_secs()) * 1_000 * MILLION + i128::from(duration.subsec_nanos())
    };
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => signed(since),
        Err(before) => -signed(before.duration()),
    }
}

/// The time so many nanoseconds after 1970, or the last there is.
fn to_time(nanoseconds: i128) -> SystemTime {
    let size = nanoseconds.unsigned_abs();
    let billion = 1_000_000_000;
    let seconds = u64::try_from(size / billion).unwrap_or(u64::MAX);
    let rest = u32::try_from(size % billion).expect("it is below a billion");
    let duration = Duration::new(seconds, rest);
    let time = if nanoseconds < 0 {
        UNIX_EPOCH.checked_sub(duration)
    } else {
        UNIX_EPOCH.checked_add(duration)
    };
    time.unwrap_or_else(SystemTime::limit)
}
