//! Compilers of a folder, run on strangers' sources.
//!
//! In: a version and standard JSON. Out: standard JSON, or which bound was met. A folder holds a
//! folder for each version, `DIR/0.8.37`, with `soljson.js`, which node runs, or an executable
//! `solc`. A compiler runs as a child in a cage: see [`cage`]. Calls block; whoever serves many has
//! a thread for each.
//!
//! Module by module: [`version`], [`limits`], [`cage`] (what a child may do), `child` (one run),
//! `fetch` (from npm), `error`.

pub mod cage;
mod child;
mod error;
mod fetch;
pub mod limits;
pub mod version;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use parking_lot::{Condvar, Mutex};
use serde_json::Value as Json;

pub use cage::CageError;
pub use child::Cage;
pub use error::CompilerError;
pub use limits::Limits;
pub use version::{Version, VersionError};

/// The driver of soljson.js.
const DRIVER: &str = include_str!("compiler/driver.cjs");

/// Folders that [`Compilers::list`] looks at; solc has had some hundred and fifty versions.
const FOLDERS_MAX: usize = 1024;

/// Compilers of a folder.
#[derive(Debug)]
pub struct Compilers {
    folder: PathBuf,
    cage: Cage,
    limits: Limits,
    turns: Mutex<Turns>,
    is_turn: Condvar,
}

#[derive(Debug, Default)]
struct Turns {
    running: usize,
    waiting: usize,
}

/// A compilation's place among those that run.
struct Turn<'a>(&'a Compilers);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.turns.lock().running -= 1;
        self.0.is_turn.notify_one();
    }
}

impl Compilers {
    /// The compilers of a folder, which is made where it is not there.
    pub fn open(
        folder: impl Into<PathBuf>,
        cage: Cage,
        limits: Limits,
    ) -> Result<Self, CompilerError> {
        let path = folder.into();
        let made = fs::create_dir_all(&path).and_then(|()| fs::canonicalize(&path));
        let folder = made.map_err(|source| CompilerError::Folder { path, source })?;
        let (turns, is_turn) = (Mutex::default(), Condvar::new());
        Ok(Self { folder, cage, limits, turns, is_turn })
    }

    /// The versions that are there, the oldest first.
    pub fn list(&self) -> Result<Vec<Version>, CompilerError> {
        let error = |source| CompilerError::Folder { path: self.folder.clone(), source };
        let mut versions = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(error)?.take(FOLDERS_MAX) {
            let entry = entry.map_err(error)?;
            let version = entry.file_name().to_str().and_then(|name| name.parse().ok());
            versions.extend(version.filter(|_| program_of(&entry.path()).is_some()));
        }
        versions.sort_unstable();
        Ok(versions)
    }

    /// Fetches a version from npm, unless it is there.
    pub fn add(&self, version: &Version) -> Result<(), CompilerError> {
        fetch::fetch(&self.folder, version)
    }

    /// The output of a version for standard JSON. That sources are wrong stands in the output.
    pub fn compile(&self, version: &Version, input: &Json) -> Result<Json, CompilerError> {
        let input = input.to_string();
        if input.len() > self.limits.input_bytes {
            let allowed = self.limits.input_bytes;
            return Err(CompilerError::Input { found: input.len(), allowed });
        }
        let there = self.list()?;
        let Some(found) = there.iter().find(|found| found.short() == version.short()) else {
            return Err(CompilerError::Missing { version: version.clone(), there });
        };
        let program = program_of(&self.folder.join(found.to_string()))
            .or_else(|| program_of(&self.folder.join(found.short())));
        let Some(program) = program else {
            return Err(CompilerError::Missing { version: version.clone(), there });
        };
        if !found.agrees_with(version) {
            let (version, found) = (version.clone(), found.clone());
            return Err(CompilerError::OtherCommit { version, found });
        }
        let _turn = self.turn()?;
        let output = self.run(&program, input.into_bytes())?;
        serde_json::from_slice(&output).map_err(CompilerError::Answer)
    }

    fn run(&self, program: &Path, input: Vec<u8>) -> Result<Vec<u8>, CompilerError> {
        if program.extension().is_none() {
            let arguments = [OsString::from("--standard-json")];
            return child::run(&self.cage, &self.limits, program, &arguments, input);
        }
        let node = find("node").ok_or(CompilerError::NoProgram("node"))?;
        let folder = tempfile::tempdir().map_err(CompilerError::Start)?;
        let driver = folder.path().join("driver.cjs");
        fs::write(&driver, DRIVER).map_err(CompilerError::Start)?;
        let arguments = [
            // Beside wasm's memory, which the parent watches.
            OsString::from("--max-old-space-size=512"),
            // Deep expressions take much stack, and a trap is better than an answer that is not.
            OsString::from("--stack-size=3500"),
            driver.into_os_string(),
            program.as_os_str().to_owned(),
        ];
        child::run(&self.cage, &self.limits, &node, &arguments, input)
    }

    fn turn(&self) -> Result<Turn<'_>, CompilerError> {
        let mut turns = self.turns.lock();
        if turns.running >= self.limits.concurrent.max(1) {
            if turns.waiting >= self.limits.waiting {
                return Err(CompilerError::Busy(turns.waiting));
            }
            turns.waiting += 1;
            while turns.running >= self.limits.concurrent.max(1) {
                self.is_turn.wait(&mut turns);
            }
            turns.waiting -= 1;
        }
        turns.running += 1;
        Ok(Turn(self))
    }
}

/// What compiles in the folder of a version.
fn program_of(folder: &Path) -> Option<PathBuf> {
    let names = ["solc", "soljson.js"];
    names.into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// A program of the PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file())
}
