//! What can go wrong with a compiler.

use std::{io, path::PathBuf, time::Duration};

use super::version::Version;

/// A compilation, or a compiler, that is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum CompilerError {
    /// The folder of the compilers cannot be read or written.
    #[error("{}: the folder of compilers cannot be used", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// That version is not there.
    #[error(
        "solc {version} is not there ({}); the operator adds it with `heddle explorer solc add {}`",
        list_of(.there), .version.short()
    )]
    Missing {
        /// The version that was asked for.
        version: Version,
        /// Those that are there.
        there: Vec<Version>,
    },
    /// The release is there, of another commit.
    #[error("solc {version} was asked for, and {found} is what is there")]
    OtherCommit {
        /// The version that was asked for.
        version: Version,
        /// What is there.
        found: Version,
    },
    /// A program that is needed is not installed.
    #[error("{0} does not run here; install it, and see that it is on the PATH")]
    NoProgram(&'static str),
    /// npm does not give that version.
    #[error("npm gives no solc {version}: {words}")]
    NotFetched {
        /// The version.
        version: Version,
        /// What npm said.
        words: String,
    },
    /// The input is too long.
    #[error("the input has {found} bytes; {allowed} are allowed")]
    Input {
        /// Its length.
        found: usize,
        /// What is allowed.
        allowed: usize,
    },
    /// Too many compilations wait.
    #[error("{0} compilations wait already; try again later")]
    Busy(usize),
    /// The child process could not be started.
    #[error("the compiler does not start")]
    Start(#[source] io::Error),
    /// It took too much memory.
    #[error("the compiler took more than {0} bytes of memory and was ended")]
    Memory(u64),
    /// It took too long.
    #[error("the compiler took more than {0:?} and was ended")]
    Time(Duration),
    /// It wrote too much.
    #[error("the compiler wrote more than {0} bytes and was ended")]
    Output(usize),
    /// It ended without an answer.
    #[error("the compiler ended without an answer ({status}): {words}")]
    Died {
        /// How it ended.
        status: String,
        /// The beginning of what it wrote to stderr.
        words: String,
    },
    /// What it wrote is no JSON.
    #[error("the compiler's answer is no JSON")]
    Answer(#[source] serde_json::Error),
}

fn list_of(versions: &[Version]) -> String {
    match versions {
        [] => "no version is".to_owned(),
        _ => versions.iter().map(Version::short).collect::<Vec<_>>().join(", "),
    }
}
