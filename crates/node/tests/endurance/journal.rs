//! The log of acknowledged transactions, outside of the node.

use alloy_primitives::B256;
use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

/// A transaction whose receipt the node has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) hash: B256,
    pub(crate) number: u64,
    pub(crate) block_hash: B256,
    pub(crate) state_root: B256,
}

/// All of them, in a file as well, for whoever has to find out what went wrong.
#[derive(Debug)]
pub(crate) struct Journal {
    file: BufWriter<File>,
    pub(crate) entries: Vec<Acknowledged>,
}

impl Journal {
    pub(crate) fn new(path: &Path) -> Self {
        Self { file: BufWriter::new(File::create(path).unwrap()), entries: Vec::new() }
    }

    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = Acknowledged>) {
        for entry in entries {
            let Acknowledged { hash, number, block_hash, state_root } = entry;
            writeln!(self.file, "{hash} {number} {block_hash} {state_root}").unwrap();
            self.entries.push(entry);
        }
        self.file.flush().unwrap();
    }

    /// The highest block that holds one.
    pub(crate) fn last_block(&self) -> u64 {
        self.entries.iter().map(|entry| entry.number).max().unwrap_or_default()
    }
}
