//! The values that one location takes in the course of a block.

use alloy_primitives::U256;
use smallvec::SmallVec;

/// When something happens in a block: what runs first has the lowest step. See `Steps`.
pub(crate) type Step = u32;

/// Values by ascending step, at most one for each. Most locations change once in a block.
#[derive(Clone, Debug)]
pub(crate) struct Versions<T>(SmallVec<[(Step, T); 1]>);

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

/// Below this many entries from the end a scan is faster than a binary search.
const SCAN_MAX: usize = 8;

impl<T> Versions<T> {
    /// How many versions are older than `step`.
    fn count_before(&self, step: Step) -> usize {
        let len = self.0.len();
        let scan_end = len.saturating_sub(SCAN_MAX);
        for at in (scan_end..len).rev() {
            if self.0[at].0 < step {
                return at + 1;
            }
        }
        self.0[..scan_end].partition_point(|version| version.0 < step)
    }

    /// The versions older than `step`, oldest first.
    pub(crate) fn all_before(&self, step: Step) -> &[(Step, T)] {
        &self.0[..self.count_before(step)]
    }

    /// The newest version older than `step`.
    pub(crate) fn before(&self, step: Step) -> Option<&(Step, T)> {
        self.all_before(step).last()
    }

    /// The version of exactly `step`.
    pub(crate) fn at(&self, step: Step) -> Option<&T> {
        self.0.get(self.count_before(step)).filter(|version| version.0 == step).map(|v| &v.1)
    }

    /// Whether there is a version of exactly `step`.
    pub(crate) fn has_at(&self, step: Step) -> bool {
        // Steps are asked for in ascending order more often than not.
        self.0.last().is_some_and(|last| last.0 >= step) && self.at(step).is_some()
    }

    /// Adds the version of `step`, in place of an earlier one of that step.
    pub(crate) fn set(&mut self, step: Step, value: T) {
        let at = self.count_before(step);
        match self.0.get_mut(at) {
            Some(version) if version.0 == step => version.1 = value,
            _ => self.0.insert(at, (step, value)),
        }
    }

    /// Takes back the version of `step`, if there is one.
    pub(crate) fn remove(&mut self, step: Step) {
        let at = self.count_before(step);
        if self.0.get(at).is_some_and(|version| version.0 == step) {
            self.0.remove(at);
        }
    }

    /// Every version, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Step, T)> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A version of a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BalanceVersion {
    /// The balance itself.
    Set(U256),
    /// What is added to the balance before, modulo 2^256, so that it can also take away. Amounts
    /// that nobody looks at between are independent of each other.
    Add(U256),
}

/// The balance before `step`: the newest absolute version and all amounts since.
pub(crate) fn balance_before(
    versions: &Versions<BalanceVersion>,
    step: Step,
    at_start: U256,
) -> (U256, Option<Step>) {
    let versions = versions.all_before(step);
    let mut sum = U256::ZERO;
    for (_, version) in versions.iter().rev() {
        match version {
            BalanceVersion::Set(balance) => {
                return (balance.wrapping_add(sum), versions.last().map(|v| v.0));
            }
            BalanceVersion::Add(amount) => sum = sum.wrapping_add(*amount),
        }
    }
    (at_start.wrapping_add(sum), versions.last().map(|v| v.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_see_only_older_versions_whatever_the_order_of_writing() {
        for len in [1_u32, 3, 8, 9, 40] {
            let mut versions = Versions::default();
            // A full cycle through the steps in a scattered order.
            for at in 0..len {
                versions.set((at * 7 + 3) % len * 2, (at * 7 + 3) % len);
            }
            versions.set(0, 0);
            let distinct = versions.len() as u32;
            assert!(distinct <= len);
            let steps: Vec<_> = versions.iter().map(|version| version.0).collect();
            assert!(steps.is_sorted_by(|a, b| a < b));
            for step in 0..len * 2 + 2 {
                let expected = steps.iter().copied().filter(|s| *s < step).max();
                assert_eq!(versions.before(step).map(|version| version.0), expected);
                assert_eq!(versions.at(step).copied(), steps.contains(&step).then_some(step / 2));
            }
            versions.remove(1);
            assert_eq!(versions.len() as u32, distinct);
            versions.remove(0);
            assert_eq!(versions.len() as u32, distinct - 1);
        }
    }

    #[test]
    fn amounts_add_up_on_the_newest_absolute_balance() {
        let mut versions = Versions::default();
        let u = U256::from::<u64>;
        versions.set(5, BalanceVersion::Add(u(7)));
        versions.set(2, BalanceVersion::Add(u(3)));
        assert_eq!(balance_before(&versions, 2, u(100)), (u(100), None));
        assert_eq!(balance_before(&versions, 3, u(100)), (u(103), Some(2)));
        assert_eq!(balance_before(&versions, 9, u(100)), (u(110), Some(5)));
        versions.set(3, BalanceVersion::Set(u(50)));
        versions.set(6, BalanceVersion::Add(u(4).wrapping_neg()));
        assert_eq!(balance_before(&versions, 9, u(100)), (u(53), Some(6)));
    }
}
