//! Ethereum's tests of blocks (`BlockchainTests` of ethereum/tests): a genesis, blocks in the order
//! of their arrival, valid ones and invalid ones on all branches, and what the chain must come to.
//!
//! Each test runs on a chain of its own in a store on the disk, through the parallel engine
//! whatever the size of a block, on each number of threads asked for. Every valid block is built as
//! well, from its own transactions on its own parent: what comes out must be the block.
//!
//! - `fixture`: the form of the files;
//! - `networks`: what the names of networks mean;
//! - `run`: one test.

mod fixture;
mod networks;
mod run;
#[cfg(test)]
mod tests;

use super::{
    Work, show_progress,
    tally::{Selection, Tally, Test},
};
use crate::Error;
use fixture::Unit;
use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Runs Ethereum's tests of blocks.
#[derive(Clone, Debug, clap::Args)]
pub struct BlockchainConformance {
    /// Which tests.
    #[command(flatten)]
    pub selection: Selection,
    /// Only the tests of this network, by the name that the tests use.
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Numbers of threads that blocks are executed on, separated by commas.
    #[arg(long, value_name = "T", value_delimiter = ',', default_value = "2",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub threads: Vec<usize>,
    /// Tests in work at a time, each with its own chain.
    #[arg(long, value_name = "N", default_value = "1",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub jobs: usize,
}

/// What came out of all tests.
#[derive(Clone, Debug, Default)]
pub struct BlockchainReport {
    /// The tests by network.
    pub tally: Tally,
    /// What building the valid blocks took.
    pub work: Work,
}

/// What became of one test.
enum Outcome {
    Ran(Work, Result<(), String>),
    Skipped(&'static str),
}

impl BlockchainConformance {
    /// Runs the tests and prints the result. True when every test passed or was skipped for a
    /// known reason.
    ///
    /// # Errors
    ///
    /// See [`Error`]; a test that fails is none.
    pub fn run(self) -> Result<bool, Error> {
        let report = self.check()?;
        if self.selection.json {
            println!("{}", report.to_json());
        } else {
            print!("{report}");
        }
        Ok(report.tally.is_success())
    }

    /// Runs the tests and gives the result, by network.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn check(&self) -> Result<BlockchainReport, Error> {
        let mut tests = self.selection.tests::<Unit>("BlockchainTests")?;
        if let Some(network) = &self.network {
            tests.retain(|test| test.content.network.eq_ignore_ascii_case(network));
        }
        if tests.is_empty() {
            return Err(Error::NoCases);
        }
        let mut report = BlockchainReport::default();
        for (test, outcome) in tests.iter().zip(self.outcomes(&tests)) {
            let network = &test.content.network;
            match outcome {
                Outcome::Skipped(reason) => report.tally.skip(network, reason),
                Outcome::Ran(work, result) => {
                    report.work.add(work);
                    report.tally.count(network, &test.name, result);
                }
            }
        }
        Ok(report)
    }

    /// Shares the tests among the jobs; what they come to is in the order of the tests.
    fn outcomes(&self, tests: &[Test<Unit>]) -> Vec<Outcome> {
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Vec::with_capacity(tests.len()));
        let work = || {
            while let Some((index, test)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                tests.get(index).map(|test| (index, test))
            } {
                let outcome = self.outcome(test);
                let mut outcomes = outcomes.lock().expect("no job panics while it holds the lock");
                outcomes.push((index, outcome));
                show_progress(outcomes.len(), tests.len());
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(work);
            }
        });
        let mut outcomes = outcomes.into_inner().expect("no job panicked with the lock");
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn outcome(&self, test: &Test<Unit>) -> Outcome {
        let config = match networks::config(&test.content) {
            Ok(config) => config,
            Err(reason) => return Outcome::Skipped(reason),
        };
        let mut work = Work::default();
        for threads in &self.threads {
            let result = run::run(&test.content, &config, *threads, &mut work);
            if let Err(difference) = result {
                return match run::known(&test.name) {
                    Some(reason) => Outcome::Skipped(reason),
                    None => Outcome::Ran(work, Err(format!("{threads} threads: {difference}"))),
                };
            }
        }
        Outcome::Ran(work, Ok(()))
    }
}

impl BlockchainReport {
    /// The report for machines.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = self.tally.to_json();
        json["blocks"] = self.work.blocks.into();
        json["speculative_executions"] = self.work.speculative_executions.into();
        json["reexecutions"] = self.work.reexecutions.into();
        json
    }
}

impl fmt::Display for BlockchainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.work)?;
        self.tally.fmt(f)
    }
}
