//! When something that failed is tried again: later each time, and not all at the same moment.

/// How often it failed, and when it is tried again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
    due: u64,
}

impl Backoff {
    /// Whether it may be tried at a time.
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.due
    }

    /// After a failure at a time: `first` units, then twice as much each time, up to `most`, and up to a
    /// half of it more or less by chance.
    pub fn fail(&mut self, now: u64, first: u64, most: u64, chance: &mut Chance) {
        let wait = first.saturating_mul(1 << self.failures.min(32)).min(most).max(1);
        self.failures = self.failures.saturating_add(1);
        let jittered = wait - wait / 2 + chance.below(wait.saturating_add(1));
        self.due = now.saturating_add(jittered.max(1));
    }
}

/// Numbers that a seed decides (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 up to, and without, `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        if bound == 0 { 0 } else { mixed % bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_bound_and_differ_by_seed() {
        let waits = |seed| {
            let (mut backoff, mut chance) = (Backoff::default(), Chance::new(seed));
            let mut waits = Vec::new();
            for _ in 0..40 {
                backoff.fail(1_000, 2, 64, &mut chance);
                assert!(!backoff.is_due(1_000));
                waits.push(backoff.due - 1_000);
            }
            waits
        };
        let (first, second) = (waits(1), waits(2));
        assert_ne!(first, second);
        for (at, wait) in first.iter().enumerate() {
            let wanted = (2_u64 << at.min(30)).min(64);
            assert!((wanted / 2..=wanted + wanted / 2 + 1).contains(wait), "{at}: {wait}");
        }
    }
}
