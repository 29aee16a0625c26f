//! Files that survive a crash: written whole or not at all, and readable by their owner alone.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Why a file of a program cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses.
    #[error("{path} cannot be read or written; is there room, and does the folder belong to you?")]
    System {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not as it was written.
    #[error("{path} is not as it was written; restore it, or remove it and {consequence}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What happens then.
        consequence: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// It is longer than anything that was written.
    #[error("{path} has more than {max} bytes; it was not written by this program")]
    Long {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// Another process has it.
    #[error(
        "{0} belongs to a process that runs; two with one account would take each other's nonces"
    )]
    Locked(PathBuf),
}

/// Puts the path to an error of the system.
pub fn failed(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::System { path, source }
}

/// Writes a file and waits until the disk has it.
///
/// # Errors
///
/// [`FileError::System`].
pub fn write(folder: &Path, name: &str, contents: &[u8]) -> Result<(), FileError> {
    let path = folder.join(name);
    // Of mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed(&path))?;
    file.write_all(contents).map_err(failed(&path))?;
    file.as_file().sync_all().map_err(failed(&path))?;
    file.persist(&path).map_err(|error| failed(&path)(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

/// Reads a file of at most `max` bytes; none if it is not there.
///
/// # Errors
///
/// [`FileError::System`] and [`FileError::Long`].
pub fn read(path: &Path, max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(failed(path))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
        return Ok(Some(bytes));
    }
    Err(FileError::Long { path: path.to_owned(), max })
}

/// Makes a folder that only its owner may enter, where there is none.
///
/// # Errors
///
/// [`FileError::System`].
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))
}

/// Removes what a process that died while it wrote has left; `.tmp` is what `tempfile` calls it. For who
/// has the lock alone.
///
/// # Errors
///
/// [`FileError::System`].
pub fn remove_torn(folder: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(".tmp") && path.is_file() {
            fs::remove_file(&path).map_err(failed(&path))?;
        }
    }
    Ok(())
}

/// Takes a folder for this process until the result is dropped.
///
/// # Errors
///
/// [`FileError::Locked`] if another has it.
pub fn lock(folder: &Path) -> Result<File, FileError> {
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(FileError::Locked(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(failed(&path)(error)),
    }
}
