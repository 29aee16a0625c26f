//! What came out of all cases.

use super::{
    agreement::{Difference, Work},
    fixture::{self, Case},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt};

/// Differences that are printed in full; of more than that only the number is.
const SHOWN_MAX: usize = 50;

/// After so many speculative executions without a single re-execution nothing has conflicted, and
/// that in crowds made to conflict. Fewer may be luck.
const SPECULATIONS_WITHOUT_CONFLICT_MAX: u64 = 10_000;

/// The outcome of all cases that ran.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Files with cases that ran or were skipped.
    pub files: u64,
    /// Cases by the fork's name in the tests.
    pub forks: BTreeMap<String, Counts>,
    /// Number of skipped cases by reason.
    pub skips: BTreeMap<&'static str, u64>,
    /// The first differences in full.
    pub failures: Vec<Failure>,
    /// Differences that were left out of `failures`.
    pub failures_unlisted: u64,
    /// What executing took, over all blocks.
    pub work: Work,
    /// Set when no transaction at all was executed speculatively though it was expected.
    pub never_speculated: bool,
    /// Set when no transaction was executed again though many were executed speculatively.
    pub never_conflicted: bool,
}

/// Cases by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// As the test says, in every way.
    pub passed: u64,
    /// Otherwise than the test says, or one way otherwise than another.
    pub failed: u64,
    /// Not run, or revm itself is known to differ.
    pub skipped: u64,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `file: case, fork, indexes`.
    pub case: String,
    /// What differs, and in which way of executing.
    pub difference: Difference,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Report {
    pub(super) fn pass(&mut self, fork: &str) {
        self.counts(fork).passed += 1;
    }

    pub(super) fn skip(&mut self, fork: &str, reason: &'static str) {
        self.counts(fork).skipped += 1;
        *self.skips.entry(reason).or_default() += 1;
    }

    pub(super) fn fail(&mut self, case: &Case<'_>, differences: Vec<Difference>) {
        self.counts(case.fork_name).failed += 1;
        let indexes = case.expectation.indexes;
        let label = format!(
            "{}: {}, {}, data {} gas {} value {}",
            case.file, case.name, case.fork_name, indexes.data, indexes.gas, indexes.value
        );
        for difference in differences {
            self.list(Failure { case: label.clone(), difference });
        }
    }

    fn counts(&mut self, fork: &str) -> &mut Counts {
        self.forks.entry(fork.to_owned()).or_default()
    }

    fn list(&mut self, failure: Failure) {
        if self.failures.len() < SHOWN_MAX {
            self.failures.push(failure);
        } else {
            self.failures_unlisted += 1;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.files += other.files;
        for (fork, counts) in other.forks {
            self.counts(&fork).add(counts);
        }
        for (reason, count) in other.skips {
            *self.skips.entry(reason).or_default() += count;
        }
        self.failures_unlisted += other.failures_unlisted;
        for failure in other.failures {
            self.list(failure);
        }
        self.work.add(other.work);
    }

    /// A parallel way that never speculates, or never was wrong in doing so, would pass everything
    /// and prove nothing.
    pub(super) fn finish(&mut self, speculation_expected: bool) {
        self.never_speculated =
            speculation_expected && self.work.speculative_executions == 0 && self.work.blocks > 0;
        self.never_conflicted = speculation_expected
            && self.work.reexecutions == 0
            && self.work.speculative_executions > SPECULATIONS_WITHOUT_CONFLICT_MAX;
    }

    /// Cases of all forks by outcome.
    pub fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        self.forks.values().for_each(|counts| totals.add(*counts));
        totals
    }

    /// Number of cases, the skipped ones too.
    pub fn cases(&self) -> u64 {
        let Counts { passed, failed, skipped } = self.totals();
        passed + failed + skipped
    }

    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        self.totals().failed == 0 && !self.never_speculated && !self.never_conflicted
    }

    fn forks_in_order(&self) -> Vec<(&String, &Counts)> {
        let mut forks: Vec<_> = self.forks.iter().collect();
        forks.sort_by_key(|(name, _)| fixture::fork_order(name));
        forks
    }

    /// The report for machines.
    pub fn to_json(&self) -> Value {
        let counts = |counts: &Counts| {
            json!({
                "passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped,
            })
        };
        let failures = self.failures.iter().map(|failure| {
            let difference = &failure.difference;
            json!({
                "case": failure.case, "crowd": difference.crowd, "way": difference.way,
                "threads": difference.threads, "message": difference.message,
            })
        });
        json!({
            "files": self.files,
            "forks": self.forks_in_order().into_iter()
                .map(|(name, fork)| (name.clone(), counts(fork)))
                .collect::<serde_json::Map<_, _>>(),
            "skips": self.skips,
            "failures": failures.collect::<Vec<_>>(),
            "failures_unlisted": self.failures_unlisted,
            "blocks": self.work.blocks,
            "speculative_executions": self.work.speculative_executions,
            "reexecutions": self.work.reexecutions,
            "never_speculated": self.never_speculated,
            "never_conflicted": self.never_conflicted,
            "totals": counts(&self.totals()),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "FAILED {}\n  {}", failure.case, failure.difference)?;
        }
        if self.failures_unlisted > 0 {
            writeln!(f, "and {} more differences", self.failures_unlisted)?;
        }
        writeln!(f, "{:<20}{:>8}{:>8}{:>8}", "fork", "passed", "failed", "skipped")?;
        for (name, counts) in self.forks_in_order() {
            let Counts { passed, failed, skipped } = counts;
            writeln!(f, "{name:<20}{passed:>8}{failed:>8}{skipped:>8}")?;
        }
        for (reason, count) in &self.skips {
            writeln!(f, "skipped {count}: {reason}")?;
        }
        writeln!(f, "{} files, {}", self.files, self.work)?;
        if self.never_speculated {
            writeln!(
                f,
                "FAILED: no transaction was executed speculatively, so the parallel ways were not \
                 tested"
            )?;
        }
        if self.never_conflicted {
            writeln!(f, "FAILED: no transaction was executed again, so conflicts were not tested")?;
        }
        let Counts { passed, failed, skipped } = self.totals();
        writeln!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
