//! What all programs have: a configuration in a file, errors with their causes, an end.

use crate::files::{self, FileError};
use serde::de::DeserializeOwned;
use std::{
    error::Error,
    io::{self, Write as _},
    iter::successors,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Bytes of a configuration.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Something differed.
const STATUS_DIFFERENT: u8 = 1;
/// The command could not do its work, or was called wrongly (clap uses the same number).
const STATUS_ERROR: u8 = 2;
/// The reader of the output went away; what a shell reports for a program ended by SIGPIPE.
const STATUS_BROKEN_PIPE: u8 = 141;

/// Why a file is of no use as a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not there.
    #[error("there is no {0}")]
    Missing(PathBuf),
    /// It is no text.
    #[error("{0} is no text")]
    Text(PathBuf),
    /// It is no TOML, or names what there is not.
    #[error("{path} cannot be read as a configuration")]
    Shape {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: Box<toml::de::Error>,
    },
}

/// Reads a configuration in TOML, and the folder that paths in it count from: that of the file.
///
/// # Errors
///
/// See [`ConfigFileError`].
pub fn read_config<T: DeserializeOwned>(path: &Path) -> Result<(T, &Path), ConfigFileError> {
    let bytes = files::read(path, CONFIG_BYTES_MAX)?;
    let bytes = bytes.ok_or_else(|| ConfigFileError::Missing(path.to_owned()))?;
    let text = String::from_utf8(bytes).map_err(|_| ConfigFileError::Text(path.to_owned()))?;
    let shape = |source| ConfigFileError::Shape { path: path.to_owned(), source: Box::new(source) };
    let config = toml::from_str(&text).map_err(shape)?;
    Ok((config, path.parent().unwrap_or(Path::new(""))))
}

/// The error and its sources, outermost first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// An error with what it comes from, in a line.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Ends a command: 0 when all was as it should be, 1 when something differed, 2 with the error and its
/// causes when the command could not do its work.
pub fn end(result: Result<bool, Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => STATUS_DIFFERENT.into(),
        Err(error) if is_broken_pipe(error.as_ref()) => STATUS_BROKEN_PIPE.into(),
        Err(error) => {
            let text: Vec<String> = chain(error.as_ref()).map(ToString::to_string).collect();
            // Whoever closed the standard error does not want to know.
            let _ = writeln!(io::stderr(), "error: {}", text.join("\n  because: "));
            STATUS_ERROR.into()
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
