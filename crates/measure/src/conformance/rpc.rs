//! Replays the recorded JSON-RPC exchanges of ethereum/execution-apis against a node.
//!
//! The folder holds `genesis.json`, `chain.rlp` and, for each method, a folder of `.io` files. For
//! each folder of files a node is started that has the chain, with its last block finalized; the
//! files are replayed in the order of their names over real HTTP. A response must be the recorded
//! one, `message` of errors aside; where a file says `speconly`, only its shape must be.

mod compare;
mod exchange;
mod node;

use crate::Error;
use exchange::Recording;
use node::Origin;
use serde_json::{Value, json};
use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Replays recorded JSON-RPC exchanges.
#[derive(Clone, Debug, clap::Args)]
pub struct RpcConformance {
    /// A folder with genesis.json, chain.rlp and folders of .io files.
    pub path: PathBuf,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// Only the cases with this text in `method/case`.
    #[arg(long, value_name = "SUBSTRING")]
    pub filter: Option<String>,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct RpcReport {
    /// Cases whose responses were as recorded.
    pub passed: Vec<String>,
    /// The others, each with the first place that differs.
    pub failed: Vec<(String, String)>,
}

impl RpcConformance {
    /// Runs the cases and prints the result. True when every case passed.
    ///
    /// # Errors
    ///
    /// See [`Error`]; a case that fails is none.
    pub fn run(self) -> Result<bool, Error> {
        let report = self.check()?;
        if self.json {
            println!("{}", report.to_json());
        } else {
            print!("{report}");
        }
        Ok(report.failed.is_empty())
    }

    /// Runs the cases and gives the result.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn check(&self) -> Result<RpcReport, Error> {
        let origin = Origin::read(&self.path)?;
        let mut report = RpcReport::default();
        for folder in folders(&self.path)? {
            let cases = self.cases(&folder)?;
            if cases.is_empty() {
                continue;
            }
            let node = origin.start()?;
            for (name, path) in cases {
                let text = read(&path)?;
                let recording = Recording::parse(&text)
                    .map_err(|reason| Error::Recording { path: path.clone(), reason })?;
                match replay(node.address(), &recording) {
                    None => report.passed.push(name),
                    Some(difference) => report.failed.push((name, difference)),
                }
            }
            node.stop();
        }
        if report.passed.is_empty() && report.failed.is_empty() {
            return Err(Error::NoCases);
        }
        Ok(report)
    }

    /// The files of a folder that are asked for, by name.
    fn cases(&self, folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
        let method = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut cases = Vec::new();
        for path in entries(folder)? {
            if path.extension().is_none_or(|extension| extension != "io") {
                continue;
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{method}/{stem}");
            if self.filter.as_ref().is_none_or(|filter| name.contains(filter)) {
                cases.push((name, path));
            }
        }
        Ok(cases)
    }
}

/// The first place where a response differs. The answers of all requests are compared, but only
/// the first that differs is told.
fn replay(address: SocketAddr, recording: &Recording) -> Option<String> {
    recording.exchanges.iter().find_map(|exchange| {
        let answer = match exchange::post(address, &exchange.request) {
            Ok(answer) => answer,
            Err(error) => return Some(format!("no answer: {error}")),
        };
        let got: Value = match serde_json::from_str(&answer) {
            Ok(got) => got,
            Err(error) => return Some(format!("the answer is not JSON: {error}")),
        };
        if recording.shape_only {
            compare::shape_difference(&exchange.response, &got)
        } else {
            compare::difference(&exchange.response, &got)
        }
    })
}

/// The folders in `path`, by name.
fn folders(path: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(entries(path)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let error = |source| Error::RpcPath { path: path.to_owned(), source };
    let entries = fs::read_dir(path).map_err(error)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(error)?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::RpcPath { path: path.to_owned(), source })
}

impl RpcReport {
    fn to_json(&self) -> Value {
        let failed: Vec<_> = self
            .failed
            .iter()
            .map(|(case, difference)| json!({"case": case, "difference": difference}))
            .collect();
        json!({"passed": self.passed.len(), "failed": failed})
    }
}

impl fmt::Display for RpcReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, difference) in &self.failed {
            writeln!(f, "{case}\n    {difference}")?;
        }
        writeln!(f, "{} passed, {} failed", self.passed.len(), self.failed.len())
    }
}
