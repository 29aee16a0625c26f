//! What one compilation may use, and how many there may be.

use std::time::Duration;

/// Bounds of the compilations.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Resident bytes of the compiler.
    pub memory_bytes: u64,
    /// Time on a processor.
    pub cpu: Duration,
    /// Time on the clock.
    pub wall: Duration,
    /// Bytes of the standard JSON that goes in.
    pub input_bytes: usize,
    /// Bytes of the standard JSON that comes out.
    pub output_bytes: usize,
    /// Compilations at a time.
    pub concurrent: usize,
    /// Compilations that wait for their turn; one more is refused.
    pub waiting: usize,
}

impl Default for Limits {
    /// Enough for the largest protocols by viaIR, which take some gigabyte and a minute.
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            cpu: Duration::from_secs(180),
            wall: Duration::from_secs(240),
            input_bytes: 8 << 20,
            output_bytes: 64 << 20,
            concurrent: 1,
            waiting: 8,
        }
    }
}
