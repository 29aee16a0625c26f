//! When blocks are made.

use std::time::Duration;

/// When blocks are made. Both at once is mixed mining, neither is manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mining {
    /// One as soon as there is a transaction for it.
    pub automatic: bool,
    /// One every so often, with or without transactions.
    pub interval: Option<Duration>,
}

impl Mining {
    /// A block for each transaction.
    pub const AUTOMATIC: Self = Self { automatic: true, interval: None };

    /// Blocks when they are asked for.
    pub const MANUAL: Self = Self { automatic: false, interval: None };

    /// A block every so often.
    pub const fn every(interval: Duration) -> Self {
        Self { automatic: false, interval: Some(interval) }
    }

    /// What it is called.
    pub fn mode(self) -> Mode {
        match (self.automatic, self.interval.is_some()) {
            (true, false) => Mode::Automatic,
            (false, true) => Mode::Interval,
            (true, true) => Mode::Mixed,
            (false, false) => Mode::Manual,
        }
    }
}

/// What a way of mining is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A block for each transaction.
    Automatic,
    /// A block every so often.
    Interval,
    /// Both.
    Mixed,
    /// When asked for.
    Manual,
}
