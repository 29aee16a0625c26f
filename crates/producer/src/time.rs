//! What time the next block is of.

/// The clock of a chain whose time can be moved.
///
/// Seconds throughout. `now` is the real UNIX time, which the caller hands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTime {
    /// How far the chain's time is ahead of (or behind) the real one.
    offset: i128,
    /// The next block's time, if it has been set.
    next: Option<u64>,
    /// Seconds from each block to the next, if they do not follow the clock.
    interval: Option<u64>,
}

/// A time that is not after the last block's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timestamp {given} is not after that of the last block, {last}; give a later one")]
pub struct TimeError {
    /// The time that was given.
    pub given: u64,
    /// The last block's.
    pub last: u64,
}

impl BlockTime {
    /// The time of a block made now on top of one of time `parent`: later than that, whatever the
    /// clock says.
    pub fn peek(&self, parent: u64, now: u64) -> u64 {
        if let Some(next) = self.next {
            return next.max(parent.saturating_add(1));
        }
        let following = parent.saturating_add(1);
        match self.interval {
            Some(seconds) => parent.saturating_add(seconds).max(following),
            None => self.shifted(now).max(following),
        }
    }

    /// As [`BlockTime::peek`], for a block that is made: a time set for the next block is used up,
    /// and the clock goes on from there.
    pub fn take(&mut self, parent: u64, now: u64) -> u64 {
        let time = self.peek(parent, now);
        if self.next.take().is_some() {
            self.offset = i128::from(time) - i128::from(now);
        }
        time
    }

    /// Moves the clock by `seconds`. Returns the whole offset.
    pub fn increase(&mut self, seconds: i128) -> i128 {
        // Far past all that fits into a block's 64 bits, and far from the type's own end.
        let bound = i128::from(u64::MAX);
        self.offset = (self.offset + seconds.clamp(-bound, bound)).clamp(-bound, bound);
        self.offset
    }

    /// Sets the clock to `time`. Returns by how much it moved.
    pub fn set(&mut self, time: u64, now: u64) -> i128 {
        let before = self.offset;
        self.offset = i128::from(time) - i128::from(now);
        self.offset - before
    }

    /// Sets the next block's time.
    ///
    /// # Errors
    ///
    /// [`TimeError`] when it is not after the last block's, `parent`.
    pub fn set_next(&mut self, time: u64, parent: u64) -> Result<(), TimeError> {
        if time <= parent {
            return Err(TimeError { given: time, last: parent });
        }
        self.next = Some(time);
        Ok(())
    }

    /// Sets the seconds from each block to the next; `None` follows the clock again.
    pub fn set_interval(&mut self, seconds: Option<u64>) -> bool {
        let was_set = self.interval.is_some();
        self.interval = seconds;
        was_set
    }

    fn shifted(&self, now: u64) -> u64 {
        let time = i128::from(now) + self.offset;
        u64::try_from(time.clamp(0, i128::from(u64::MAX))).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_the_clock_but_never_stand_still() {
        let mut time = BlockTime::default();
        assert_eq!(time.take(100, 200), 200);
        assert_eq!(time.take(200, 200), 201);
        assert_eq!(time.take(300, 200), 301);
    }

    #[test]
    fn a_time_that_is_set_is_used_once_and_the_clock_goes_on_from_it() {
        let mut time = BlockTime::default();
        assert_eq!(time.set_next(100, 100), Err(TimeError { given: 100, last: 100 }));
        time.set_next(1_000, 100).unwrap();
        assert_eq!(time.peek(100, 200), 1_000);
        assert_eq!(time.take(100, 200), 1_000);
        assert_eq!(time.take(1_000, 210), 1_010);
    }

    #[test]
    fn the_clock_can_be_moved_and_set() {
        let mut time = BlockTime::default();
        assert_eq!(time.increase(50), 50);
        assert_eq!(time.take(100, 200), 250);
        assert_eq!(time.set(500, 200), 250);
        assert_eq!(time.take(250, 201), 501);
        time.increase(i128::MAX);
        assert_eq!(time.peek(0, 200), u64::MAX);
        time.increase(i128::MIN);
        time.increase(i128::MIN);
        assert_eq!(time.peek(7, 200), 8);
    }

    #[test]
    fn an_interval_takes_the_place_of_the_clock() {
        let mut time = BlockTime::default();
        assert!(!time.set_interval(Some(12)));
        assert_eq!(time.take(100, 5_000), 112);
        assert!(time.set_interval(None));
        assert_eq!(time.take(112, 5_000), 5_000);
    }
}
