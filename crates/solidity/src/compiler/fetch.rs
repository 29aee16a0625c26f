//! solc from npm.
//!
//! In: a version. Out: `DIR/VERSION/soljson.js`, whole or not at all. npm runs no scripts of
//! packages, and only the one file of the package is kept.

use std::{fs, path::Path, process::Command};

use super::{error::CompilerError, find, program_of, version::Version};

/// Bytes of npm's words that an error shows.
const WORDS_BYTES_MAX: usize = 600;

pub(crate) fn fetch(folder: &Path, version: &Version) -> Result<(), CompilerError> {
    let error = |source| CompilerError::Folder { path: folder.to_owned(), source };
    let place = folder.join(version.short());
    if program_of(&place).is_some() {
        return Ok(());
    }
    let npm = find("npm").ok_or(CompilerError::NoProgram("npm"))?;
    let work = tempfile::Builder::new().prefix(".fetch-").tempdir_in(folder).map_err(error)?;
    let output = Command::new(npm)
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix"])
        .arg(work.path())
        .arg(format!("solc@{}", version.short()))
        .current_dir(work.path())
        .output()
        .map_err(error)?;
    let soljson = work.path().join("node_modules/solc/soljson.js");
    if !output.status.success() || !soljson.is_file() {
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words.chars().take(WORDS_BYTES_MAX).collect::<String>().trim().to_owned();
        return Err(CompilerError::NotFetched { version: version.clone(), words });
    }
    let whole = work.path().join("whole");
    fs::create_dir(&whole).map_err(error)?;
    fs::rename(soljson, whole.join("soljson.js")).map_err(error)?;
    fs::rename(whole, place).map_err(error)
}
