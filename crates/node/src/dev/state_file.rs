//! States in files, in the format of `anvil --dump-state`.

use heddle_producer::StateDump;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why a state cannot be loaded or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateFileError {
    #[error("the state file {path} cannot be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("the state file {path} cannot be written")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is no state that anvil or heddle has dumped")]
    Parse { path: PathBuf, source: serde_json::Error },
}

pub(super) fn read(path: &Path) -> Result<StateDump, StateFileError> {
    let path = file_in(path);
    let bytes =
        fs::read(&path).map_err(|source| StateFileError::Read { path: path.clone(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| StateFileError::Parse { path, source })
}

/// Writes a new file and puts it in the old one's place: nobody finds half a state.
pub(super) fn write(dump: &StateDump, path: &Path) -> Result<(), StateFileError> {
    let path = file_in(path);
    let failed = |source| StateFileError::Write { path: path.clone(), source };
    let text = serde_json::to_vec(dump).map_err(|error| failed(error.into()))?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&new, text).map_err(failed)?;
    fs::rename(&new, &path).map_err(failed)
}

/// Whether there is a state.
pub(super) fn is_there(path: &Path) -> bool {
    file_in(path).is_file()
}

/// In a folder the file is called as anvil calls it.
fn file_in(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("state.json") } else { path.to_owned() }
}
