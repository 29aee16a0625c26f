//! Runs the public tests of ethereum/tests.
//!
//! [`TransactionConformance`], [`RlpConformance`], [`TrieConformance`] compare one value with
//! another, [`BlockchainConformance`] runs whole chains; what they share is in `tally`.
//! [`RpcConformance`] asks a node over HTTP. The rest of this folder runs the state tests
//! (`GeneralStateTests`) through the executor.
//!
//! A case is one entry of a test's `post`: a state, a block environment, one transaction, and what
//! must come out. Each case runs twice:
//!
//! - alone, in a block of one transaction, against the expected root of the whole state and the
//!   expected hash of the logs;
//! - in a crowd, among transactions that have nothing to do with it and some that do. No root is
//!   known for that, so there the sequential way alone is the judge of the other two.
//!
//! Both run in all three ways and, the parallel two, on each number of threads asked for.
//!
//! Module by module: `fixture` (the files), `crowd` (the second block), `roots` (what is
//! compared with the file), `agreement` (what is compared between the ways), `known` (where revm
//! differs from the tests), `report`.

mod agreement;
mod blockchain;
mod crowd;
mod fixture;
mod known;
mod report;
mod rlp;
mod roots;
mod rpc;
mod tally;
#[cfg(test)]
mod tests;
mod transaction;
mod trie;

pub use agreement::{Difference, Work};
pub use blockchain::{BlockchainConformance, BlockchainReport};
pub use report::{Counts, Failure, Report};
pub use rlp::RlpConformance;
pub use roots::state_root;
pub use rpc::{RpcConformance, RpcReport};
pub use tally::{Selection, Tally};
pub use transaction::TransactionConformance;
pub use trie::TrieConformance;

use crate::Error;
use agreement::{Comparison, Runner};
use fixture::{Case, Prepared, Suite};
use std::{
    fs, io,
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Runs Ethereum state tests through every way of executing.
#[derive(Clone, Debug, clap::Args)]
pub struct StateConformance {
    /// A test file, or a folder that holds test files at any depth.
    pub path: PathBuf,
    /// Numbers of threads that the parallel ways run on, separated by commas.
    #[arg(long, value_name = "T", value_delimiter = ',', default_value = "2",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub threads: Vec<usize>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// Only the cases of this fork, by the name that the tests use.
    #[arg(long, value_name = "NAME")]
    pub fork: Option<String>,
    /// Only the cases with this text in `file/case`.
    #[arg(long, value_name = "SUBSTRING")]
    pub filter: Option<String>,
    /// Leaves out the runs in a crowd.
    #[arg(long)]
    pub no_crowd: bool,
    /// Runs the sequential way only: compares the reference with the tests, and nothing else.
    #[arg(long)]
    pub sequential: bool,
    /// Files in work at a time, each with its own executors.
    #[arg(long, value_name = "N", default_value = "1",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub jobs: usize,
}

impl StateConformance {
    /// Runs the tests and prints the result. True when every case passed or was skipped for a
    /// known reason.
    ///
    /// # Errors
    ///
    /// See [`Error`]; a test that fails is none.
    pub fn run(self) -> Result<bool, Error> {
        let report = self.check()?;
        if self.json {
            println!("{}", report.to_json());
        } else {
            print!("{report}");
        }
        Ok(report.is_success())
    }

    /// Runs the tests and gives the result.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn check(&self) -> Result<Report, Error> {
        if let Some(name) = &self.fork
            && !fixture::is_fork_name(name)
        {
            return Err(Error::UnknownFork { name: name.clone(), known: fixture::fork_names() });
        }
        let files = test_files(&self.path)?;
        let mut report = self.check_files(&files)?;
        if report.cases() == 0 {
            return Err(Error::NoCases);
        }
        let speculation_expected =
            !self.sequential && !self.no_crowd && self.threads.iter().any(|threads| *threads > 1);
        report.finish(speculation_expected);
        Ok(report)
    }

    /// Shares the files among the jobs; the order of the report is the order of the files.
    fn check_files(&self, files: &[PathBuf]) -> Result<Report, Error> {
        let runners = (0..self.jobs)
            .map(|_| Runner::new(&self.threads, self.sequential))
            .collect::<Result<Vec<_>, _>>()?;
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let results = Mutex::new(Vec::with_capacity(files.len()));
        let work = |mut runner: Runner| {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(file) = files.get(index) else { break };
                let result = self.check_file(&mut runner, file);
                if result.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                let mut results = results.lock().expect("no job panics while it holds the lock");
                results.push((index, result));
                show_progress(results.len(), files.len());
            }
        };
        std::thread::scope(|scope| {
            for runner in runners {
                scope.spawn(|| work(runner));
            }
        });
        let mut results = results.into_inner().expect("no job panicked with the lock");
        results.sort_by_key(|(index, _)| *index);
        let mut report = Report::default();
        for (_, result) in results {
            report.merge(result?);
        }
        Ok(report)
    }

    fn check_file(&self, runner: &mut Runner, file: &Path) -> Result<Report, Error> {
        let text = fs::read_to_string(file)
            .map_err(|source| Error::TestPath { path: file.to_owned(), source })?;
        let suite: Suite = serde_json::from_str(&text)
            .map_err(|source| Error::StateTest { path: file.to_owned(), source })?;
        let label = label(&self.path, file);
        let mut report = Report::default();
        for case in suite.cases(&label) {
            if self.wants(&case) {
                check_case(runner, &case, !self.no_crowd, &mut report);
            }
        }
        report.files = u64::from(report.cases() > 0);
        Ok(report)
    }

    fn wants(&self, case: &Case<'_>) -> bool {
        self.fork.as_ref().is_none_or(|fork| fork.eq_ignore_ascii_case(case.fork_name))
            && self
                .filter
                .as_ref()
                .is_none_or(|text| format!("{}/{}", case.file, case.name).contains(text))
    }
}

/// Runs one case, alone and in its crowd, and notes the outcome.
fn check_case(runner: &mut Runner, case: &Case<'_>, crowd: bool, report: &mut Report) {
    let prepared = match case.prepare() {
        Ok(prepared) => prepared,
        Err(reason) => return report.skip(case.fork_name, reason),
    };
    let alone = runner.compare(&prepared.alone(), &prepared.state, &mut report.work);
    let against_test = roots::check(case.expectation, &prepared.state, &alone.reference);
    let mut differences = alone.differences;
    if crowd {
        differences.extend(check_crowd(runner, case, &prepared, report));
    }
    match (against_test, known::reason(case)) {
        (Ok(()), _) if differences.is_empty() => report.pass(case.fork_name),
        (Ok(()), _) => report.fail(case, differences),
        // Only the reference may differ from the test for a known reason, never one way from
        // another.
        (Err(_), Some(reason)) if differences.is_empty() => report.skip(case.fork_name, reason),
        (Err(message), _) => {
            differences.insert(0, Difference::of_reference(message));
            report.fail(case, differences);
        }
    }
}

/// Runs the case's crowd. No root is known for it: the ways must agree, and the company be valid.
fn check_crowd(
    runner: &mut Runner,
    case: &Case<'_>,
    prepared: &Prepared,
    report: &mut Report,
) -> Vec<Difference> {
    let (state, transactions) = crowd::gather(case, prepared);
    let block = crowd::block(prepared, &transactions);
    let Comparison { reference, mut differences } =
        runner.compare(&block, &state, &mut report.work);
    let [own] = &prepared.transactions;
    match reference {
        Ok(output) => {
            let company = |index: usize| transactions[index].caller != own.caller;
            if let Some(skipped) = output.skipped.iter().find(|skipped| company(skipped.index)) {
                let message = format!("a transaction of the crowd is invalid: {}", skipped.reason);
                differences.push(Difference::of_reference(message));
            }
        }
        Err(message) => differences.push(Difference::of_reference(message)),
    }
    differences.into_iter().map(Difference::in_crowd).collect()
}

/// The file as the user would name it from `path` on: reports do not tell where the tests lie.
fn label(path: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(path).unwrap_or(file);
    let label = if relative.as_os_str().is_empty() {
        file.file_name().map(Path::new).unwrap_or(file)
    } else {
        relative
    };
    label.display().to_string()
}

/// The `.json` files at `path`, in a fixed order.
fn test_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    collect_files(path, path, &mut files)?;
    files.sort();
    if files.is_empty() { Err(Error::NoTests { path: path.to_owned() }) } else { Ok(files) }
}

fn collect_files(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let error = |source| Error::TestPath { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(error)?.is_dir() {
        // A file that is named is meant, whatever it is called.
        if path == root || path.extension().is_some_and(|extension| extension == "json") {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(error)? {
        collect_files(root, &entry.map_err(error)?.path(), files)?;
    }
    Ok(())
}

/// Shows a count to somebody who waits at a terminal.
fn show_progress(done: usize, files: usize) {
    if io::stderr().is_terminal() {
        let end = if done == files { "\n" } else { "" };
        eprint!("\r{done} of {files} files{end}");
    }
}
