//! When each transaction is due.
//!
//! The schedule does not ask how the node does (an open loop): if it takes up slowly, later
//! transactions go out late, and their latency counts from when they were due. A generator that
//! waited for the node and counted from the actual sending would leave out just the bad moments.

use std::{str::FromStr, time::Duration};

/// How many transactions a second go out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rate {
    /// So many a second.
    PerSecond(f64),
    /// As many as the node takes up.
    Max,
}

/// Most transactions a second that can be asked for.
const RATE_MAX: f64 = 1e8;

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let rate: f64 = text.parse().map_err(|_| "give transactions a second, or max")?;
        if rate > 0.0 && rate <= RATE_MAX {
            Ok(Self::PerSecond(rate))
        } else {
            Err("give transactions a second, above 0 and at most 100 million, or max")
        }
    }
}

impl Rate {
    /// When the transaction with this number, counted from zero, is due after the start; `None`
    /// when it is due as soon as it can be sent.
    pub(super) fn due(self, number: u64) -> Option<Duration> {
        match self {
            Self::Max => None,
            Self::PerSecond(rate) => Some(Duration::from_secs_f64(number as f64 / rate)),
        }
    }

    /// Transactions a second, if it is a number.
    pub(super) const fn per_second(self) -> Option<f64> {
        match self {
            Self::Max => None,
            Self::PerSecond(rate) => Some(rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_a_number_or_max() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("0.5".parse(), Ok(Rate::PerSecond(0.5)));
        for wrong in ["", "0", "-1", "NaN", "inf", "1e300", "fast"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    proptest! {
        /// No drift: the number alone says when, however many went before and however late.
        #[test]
        fn the_last_of_each_second_is_due_within_it(rate in 0.1_f64..1e6, seconds in 1_u64..100_000) {
            let number = (rate * seconds as f64).floor() as u64;
            let due = Rate::PerSecond(rate).due(number).unwrap().as_secs_f64();
            prop_assert!(due <= seconds as f64 + 1e-6);
            prop_assert!(due > seconds as f64 - 1.0 / rate - 1e-6);
        }

        #[test]
        fn none_is_due_before_the_one_before(rate in 0.1_f64..1e7, number in 0_u64..10_000_000_000) {
            let rate = Rate::PerSecond(rate);
            prop_assert!(rate.due(number) <= rate.due(number + 1));
        }
    }
}
