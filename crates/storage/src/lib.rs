//! Atomic, crash-safe tables; the only code that writes chain data to the disk.
//!
//! - In: bytes under a key, in one of the tables that [`Table`] lists, by a [`Writer`]. Everything
//!   that one writer did is there after [`Writer::commit`], or nothing.
//! - Out: the same bytes, by a [`Reader`]: a snapshot that no later commit changes.
//!
//! Invariants:
//!
//! 1. What `commit` acknowledged survives a crash of the process and of the machine.
//! 2. A byte that the disk changed is never served: each block has a checksum bound to its place,
//!    and what does not match is [`Error::Damaged`].
//! 3. After a write or a sync has failed nothing more is written until the database is opened
//!    anew: what the disk holds is not known.
//!
//! Inside is the key-value store redb, which nothing outside of this crate sees. Its values are pages
//! of sorted entries (`page.rs`, `tables.rs`). Between it and the [`Disk`] lies the layer of
//! checksums.
//!
//! A commit does not wait for redb: it is appended to a log and synced, and kept in memory. Now and
//! then all that was committed is written to redb in one piece ([`Database::settle`]), while readers
//! and writers go on; after a crash it is in the log. A reader looks into what is in memory first,
//! the newest before the older, and then into redb.
//!
//! ```
//! use heddle_storage::{Database, Options, Table};
//!
//! let database = Database::ephemeral(&std::env::temp_dir(), Options::default())?;
//! let mut writer = database.writer()?;
//! writer.put(Table::ChainMeta, b"head", b"7")?;
//! writer.commit()?;
//! assert_eq!(database.reader()?.get(Table::ChainMeta, b"head")?, Some(b"7".to_vec()));
//! # Ok::<(), heddle_storage::Error>(())
//! ```

mod blocks;
mod cursor;
mod database;
mod disk;
mod error;
mod log;
mod page;
#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;
mod reader;
mod segment;
mod table;
mod tables;
mod writer;

pub use database::{Database, Disks, Options, Settlement, Superfluous};
pub use disk::simulated::{CrashEffect, SimulatedDisk};
pub use disk::{Disk, FileDisk};
pub use error::Error;
pub use reader::{Pair, Range, Reader};
pub use table::Table;
pub use writer::Writer;
