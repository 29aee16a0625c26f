//! States in files, in the format of `anvil --dump-state`.

use heddle_producer::{Producer, StateDump};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
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
    #[error("the thread that writes the state file cannot be started")]
    Thread(#[source] io::Error),
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

/// Writes the state to a file every so often, until it is dropped.
#[derive(Debug)]
pub(super) struct PeriodicDump {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PeriodicDump {
    /// Starts the thread that writes.
    pub(super) fn start(
        producer: &Arc<Producer>,
        path: &Path,
        every: Duration,
        history: bool,
    ) -> Result<Self, StateFileError> {
        let (producer, file) = (producer.clone(), path.to_owned());
        let (stop, stopped) = mpsc::channel::<()>();
        let work = move || {
            while stopped.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                let written = match producer.dump(history) {
                    Ok(dump) => write(&dump, &file).map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                if let Err(error) = written {
                    tracing::error!(error, "the state could not be written");
                }
            }
        };
        let thread = thread::Builder::new().name("state-file".to_owned()).spawn(work);
        let thread = thread.map_err(StateFileError::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for PeriodicDump {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told already.
            let _ = thread.join();
        }
    }
}
