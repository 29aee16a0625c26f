//! Style as a test: rules that no other tool knows.
//!
//! - The layer table in `ARCHITECTURE.md` names the dependencies that the crates have, and a crate
//!   uses lower layers only.
//! - Every path that a document names exists.
//! - No source file is too long, no open task lacks a number, no file names a folder of somebody's
//!   machine.

mod documents;
mod layers;
mod sources;

use crate::{Result, root};
use std::{fmt, path::Path, process::Command};

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// From the root of the repository.
    file: String,
    /// Counted from 1.
    line: usize,
    rule: String,
    /// What to do.
    fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.rule, self.fix)
    }
}

/// Checks all rules and prints what breaks them.
pub(crate) fn run() -> Result<bool> {
    let findings = findings(&root())?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} to correct", findings.len());
    Ok(findings.is_empty())
}

fn findings(root: &Path) -> Result<Vec<Finding>> {
    let files = files(root)?;
    let mut findings = layers::check(root)?;
    for file in &files {
        // What is not text has no lines to check.
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        findings.extend(sources::check(file, &text));
        if documents::is_checked(file) {
            let exists = |path: &Path| root.join(path).exists();
            findings.extend(documents::check(file, &text, exists));
        }
    }
    Ok(findings)
}

/// The files that are in the repository or would be with the next commit.
fn files(root: &Path) -> Result<Vec<String>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git cannot list the files: {reason}").into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let findings: Vec<String> =
            findings(&root()).unwrap().iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
