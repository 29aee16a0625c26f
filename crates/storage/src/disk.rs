//! What the database is written to.

pub(crate) mod simulated;

use crate::Error;
use std::{
    fmt::Debug,
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes that outlive the process.
///
/// A write is certain to survive a crash only when a later `sync` has succeeded. Writes to
/// different places may come from several threads at once.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Number of bytes.
    ///
    /// # Errors
    ///
    /// When the operating system refuses; the same holds for the methods below.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is not one byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `out` with the bytes from `offset` on; an error when there are too few.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes `bytes` from `offset` on, beyond the end as well.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the bytes off at `len`, or adds zeros up to it.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Returns when everything written before is certain to survive a crash.
    fn sync(&self) -> io::Result<()>;
}

/// A file that no other process may open as a database as long as this value lives.
#[derive(Debug)]
pub struct FileDisk {
    file: File,
    /// A file without a name dies with the process: to sync it would be for nothing.
    synced: bool,
}

impl FileDisk {
    /// Opens or creates a file, which its owner alone may read.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when another process, or another value in this one, has it open.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |action: &str| {
            let action = format!("{action} {}", path.display());
            move |source| Error::from_io(action, source)
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        if file.metadata().map_err(failed("look at"))?.len() == 0 {
            // The name of a new file survives a crash only when its folder is synced, too.
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let folder = File::open(folder.unwrap_or(Path::new(".")))
                .map_err(failed("open the folder of"))?;
            folder.sync_all().map_err(failed("sync the folder of"))?;
        }
        Ok(Self { file, synced: true })
    }

    /// A file in `folder` that has no name and is gone when this value is.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written to.
    pub fn unnamed(folder: &Path) -> Result<Self, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let failed = |source| {
            Error::from_io(format!("create a temporary file in {}", folder.display()), source)
        };
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!(".heddle-{}-{count}", std::process::id()));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o600);
            match options.open(&path) {
                Ok(file) => {
                    std::fs::remove_file(&path).map_err(failed)?;
                    return Ok(Self { file, synced: false });
                }
                // Left behind by a process of the same number that was stopped in this moment.
                Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(failed(source)),
            }
        }
    }
}

impl Disk for FileDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        if self.synced { self.file.sync_data() } else { Ok(()) }
    }
}
