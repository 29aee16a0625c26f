//! Why the database refuses.

use std::{io, path::PathBuf, sync::Arc};

/// Why the database refuses, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused to read or write.
    #[error("cannot {action}: {source}; look at the disk and the system's log, then start again")]
    Io {
        /// What was to be done.
        action: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// There is no room on the disk.
    #[error(
        "the disk is full, cannot {action}; make room or move the database to a larger disk, then start again: nothing that was committed is lost"
    )]
    Full {
        /// What was to be done.
        action: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The disk gave back something else than what was written.
    #[error("the database is damaged{}: {what}; restore it from a copy, or remove it and import the blocks anew", at(.offset))]
    Damaged {
        /// Where in the file, if it is known.
        offset: Option<u64>,
        /// What does not fit.
        what: String,
    },
    /// Another process has the database open.
    #[error("{} is in use by another process; stop that one or choose another folder", .path.display())]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The database was written by a version of Heddle whose format this one does not know.
    #[error(
        "the database has format {found}, and this version of Heddle knows format {known}; use the version that wrote it, or remove it and import the blocks anew"
    )]
    Format {
        /// The format of the database.
        found: u32,
        /// The format that this version reads and writes.
        known: u32,
    },
    /// A check of the whole database needs it alone, and a reader or writer is there.
    #[error("the database is being read or written; end that before the check")]
    Busy,
    /// The key-value store refused for another reason.
    #[error("the key-value store refused: {0}")]
    Engine(Arc<redb::Error>),
}

fn at(offset: &Option<u64>) -> String {
    offset.map(|offset| format!(" at offset {offset} of its file")).unwrap_or_default()
}

impl Error {
    /// What the operating system said, as an error that tells a full disk from the rest.
    pub(crate) fn from_io(action: String, source: io::Error) -> Self {
        let full = matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        let source = Arc::new(source);
        if full { Self::Full { action, source } } else { Self::Io { action, source } }
    }
}
