//! When reporters do what: attempts are numbered by the clock, so that all agree on the number without
//! a word, and none comes back. An attempt has five turns of equal length. In the first one reporters
//! observe, sign and exchange; with each later turn one more of them may submit the report.

use std::time::Duration;

/// Turns of an attempt.
pub(crate) const TURNS: u32 = 5;

/// How long attempts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    seconds: u32,
}

impl Schedule {
    /// Attempts of so many seconds, of which there is at least one.
    pub const fn new(seconds: u32) -> Self {
        assert!(
            seconds > 0,
            "an attempt lasts a second at least, as the configuration is checked for"
        );
        Self { seconds }
    }

    /// Seconds of an attempt.
    pub const fn seconds(&self) -> u32 {
        self.seconds
    }

    /// The attempt at a time since 1970. The number has room until 2106, with attempts of a second.
    pub fn attempt(&self, time: Duration) -> u32 {
        u32::try_from(time.as_secs() / u64::from(self.seconds)).unwrap_or(u32::MAX)
    }

    /// The turn of an attempt at a time since 1970, from zero on.
    pub fn turn(&self, time: Duration) -> u32 {
        let seconds = u64::from(self.seconds);
        let into = Duration::from_secs(time.as_secs() % seconds)
            + Duration::from_nanos(time.subsec_nanos().into());
        // Less than `TURNS`.
        (into.as_nanos() * u128::from(TURNS) / Duration::from_secs(seconds).as_nanos()) as u32
    }

    /// Time from a moment since 1970 until the next attempt.
    pub fn until_next(&self, time: Duration) -> Duration {
        let next = (time.as_secs() / u64::from(self.seconds) + 1) * u64::from(self.seconds);
        Duration::from_secs(next).saturating_sub(time)
    }

    /// How often it is looked whether there is something to do: ten times a turn, once a second at least.
    pub fn tick(&self) -> Duration {
        (Duration::from_secs(self.seconds.into()) / TURNS / 10).min(Duration::from_secs(1))
    }
}

/// From which turn on a seat may submit; `None` if not in this attempt. `first` rotates from one round
/// and attempt to the next, so that nobody who does not submit stands in the way for long.
pub fn turn_of(active: &[u8], seat: u8, round: u32, attempt: u32, salt: u8) -> Option<u32> {
    let count = u64::try_from(active.len()).ok().filter(|count| *count > 0)?;
    let place = active.iter().position(|active| *active == seat)? as u64;
    let submitters = u64::from(TURNS - 1);
    // As many further as may submit in an attempt: the next attempt is others'.
    let first = (u64::from(attempt) * submitters + u64::from(round) + u64::from(salt)) % count;
    let rank = (place + count - first) % count;
    (rank < submitters).then_some(rank as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_turn_is_a_fifth_of_an_attempt() {
        let schedule = Schedule::new(10);
        let at = |milliseconds| Duration::from_millis(milliseconds);
        for (milliseconds, attempt, turn) in
            [(0, 0, 0), (1_999, 0, 0), (2_000, 0, 1), (9_999, 0, 4), (10_000, 1, 0)]
        {
            assert_eq!(schedule.attempt(at(milliseconds)), attempt);
            assert_eq!(schedule.turn(at(milliseconds)), turn);
        }
        assert_eq!(schedule.until_next(at(9_999)), at(1));
        assert_eq!(schedule.until_next(at(10_000)), at(10_000));
    }

    proptest! {
        #[test]
        fn time_and_attempts_go_on_together(seconds in 1..3600_u32, time in 0..4_000_000_000_000_u64) {
            let schedule = Schedule::new(seconds);
            let time = Duration::from_millis(time);
            prop_assert!(schedule.turn(time) < TURNS);
            let next = time + schedule.until_next(time);
            prop_assert_eq!(schedule.attempt(next), schedule.attempt(time) + 1);
            prop_assert_eq!(schedule.turn(next), 0);
        }

        #[test]
        fn each_turn_has_one_more_and_soon_each_has_had_one(
            count in 1..31_u8, round in any::<u32>(), attempt in 0..u32::MAX - 40, salt in any::<u8>(),
        ) {
            let active: Vec<u8> = (0..count).map(|seat| seat + 1).collect();
            let mut turns: Vec<u32> =
                active.iter().filter_map(|seat| turn_of(&active, *seat, round, attempt, salt)).collect();
            turns.sort_unstable();
            let expected: Vec<u32> = (1..=u32::from(count).min(TURNS - 1)).collect();
            prop_assert_eq!(turns, expected);
            let attempts = attempt..=attempt + u32::from(count) / (TURNS - 1);
            for seat in &active {
                prop_assert!(attempts.clone().any(|attempt| turn_of(&active, *seat, round, attempt, salt).is_some()));
            }
            prop_assert_eq!(turn_of(&active, 0, round, attempt, salt), None);
        }
    }
}
