//! What the suites share that compare a value with an expectation: which files, and what came out.

use super::{Counts, label, test_files};
use crate::Error;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

/// Differences that are printed in full; of more than that only the number is.
const SHOWN_MAX: usize = 50;

/// Which tests run, and how the result is printed.
#[derive(Clone, Debug, clap::Args)]
pub struct Selection {
    /// A test file, or a folder that holds test files at any depth.
    pub path: PathBuf,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// Only the cases with this text in `file/case`.
    #[arg(long, value_name = "SUBSTRING")]
    pub filter: Option<String>,
}

/// One named test of a file.
pub(super) struct Test<T> {
    /// The file's path below the folder that is run, a slash, and the test's name.
    pub(super) name: String,
    /// The file's path below the folder that is run.
    pub(super) file: String,
    pub(super) content: T,
}

impl Selection {
    /// The tests that were asked for, in a fixed order. `suite` is its name, for messages.
    pub(super) fn tests<T: DeserializeOwned>(
        &self,
        suite: &'static str,
    ) -> Result<Vec<Test<T>>, Error> {
        let mut tests = Vec::new();
        for path in test_files(&self.path)? {
            let text = fs::read_to_string(&path)
                .map_err(|source| Error::TestPath { path: path.clone(), source })?;
            let file = label(&self.path, &path);
            let units: BTreeMap<String, T> = serde_json::from_str(&text)
                .map_err(|source| Error::SuiteFile { path, suite, source })?;
            for (name, content) in units {
                let name = format!("{file}/{name}");
                if self.filter.as_ref().is_none_or(|text| name.contains(text)) {
                    tests.push(Test { name, file: file.clone(), content });
                }
            }
        }
        if tests.is_empty() { Err(Error::NoCases) } else { Ok(tests) }
    }

    /// Prints what came out. True when nothing failed.
    pub(super) fn print(&self, tally: &Tally) -> bool {
        if self.json {
            println!("{}", tally.to_json());
        } else {
            print!("{tally}");
        }
        tally.is_success()
    }
}

/// What came out of all cases.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Cases by group: a fork or a file.
    pub groups: BTreeMap<String, Counts>,
    /// Number of skipped cases by reason.
    pub skips: BTreeMap<&'static str, u64>,
    /// The first differences in full: the case, and what differs.
    pub failures: Vec<(String, String)>,
    /// Differences that were left out of `failures`.
    pub failures_unlisted: u64,
}

impl Tally {
    /// Counts a case of `group`; `Err` says what differs.
    pub(super) fn count(&mut self, group: &str, case: &str, result: Result<(), String>) {
        let counts = self.groups.entry(group.to_owned()).or_default();
        let Err(difference) = result else {
            counts.passed += 1;
            return;
        };
        counts.failed += 1;
        if self.failures.len() < SHOWN_MAX {
            self.failures.push((case.to_owned(), difference));
        } else {
            self.failures_unlisted += 1;
        }
    }

    pub(super) fn skip(&mut self, group: &str, reason: &'static str) {
        self.groups.entry(group.to_owned()).or_default().skipped += 1;
        *self.skips.entry(reason).or_default() += 1;
    }

    /// Cases of all groups by outcome.
    pub fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        self.groups.values().for_each(|counts| totals.add(*counts));
        totals
    }

    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        self.totals().failed == 0
    }

    /// The result for machines.
    pub fn to_json(&self) -> Value {
        let counts = |counts: &Counts| {
            json!({
                "passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped,
            })
        };
        let failures = self
            .failures
            .iter()
            .map(|(case, difference)| json!({ "case": case, "message": difference }));
        json!({
            "groups": self.groups.iter()
                .map(|(name, group)| (name.clone(), counts(group)))
                .collect::<serde_json::Map<_, _>>(),
            "skips": self.skips,
            "failures": failures.collect::<Vec<_>>(),
            "failures_unlisted": self.failures_unlisted,
            "totals": counts(&self.totals()),
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, difference) in &self.failures {
            writeln!(f, "FAILED {case}\n  {difference}")?;
        }
        if self.failures_unlisted > 0 {
            writeln!(f, "and {} more differences", self.failures_unlisted)?;
        }
        let width = self.groups.keys().map(String::len).max().unwrap_or_default().max(20);
        writeln!(f, "{:<width$}{:>8}{:>8}{:>8}", "", "passed", "failed", "skipped")?;
        for (name, Counts { passed, failed, skipped }) in &self.groups {
            writeln!(f, "{name:<width$}{passed:>8}{failed:>8}{skipped:>8}")?;
        }
        for (reason, count) in &self.skips {
            writeln!(f, "skipped {count}: {reason}")?;
        }
        let Counts { passed, failed, skipped } = self.totals();
        writeln!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
