//! `heddle import` and `heddle export`: blocks in files.

use crate::{
    progress::{self, Unit},
    service::{self, OpenError},
};
use clap::Args;
use heddle_chain::{FileError, export_blocks, import_blocks};
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
    path::PathBuf,
};

/// Memory for the database's cache, in MiB: there is nothing else that needs any.
const CACHE_MIB: usize = 512;

/// Adds the blocks of a file, RLP one after the other, to a chain that no node runs on.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file.
    file: PathBuf,
    /// Folder of the database; made if it is not there.
    #[arg(long, value_name = "DIR")]
    datadir: PathBuf,
    /// First block, from a file in geth's format. Needed only the first time.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Names the last block as one that cannot be undone any more.
    #[arg(long)]
    finalize: bool,
}

/// Writes blocks of a chain to a file, RLP one after the other.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file.
    file: PathBuf,
    /// Folder of the database.
    #[arg(long, value_name = "DIR")]
    datadir: PathBuf,
    /// The first block to write.
    #[arg(long, value_name = "NUM", default_value_t = 1)]
    from: u64,
    /// The last block to write (default: the last there is).
    #[arg(long, value_name = "NUM")]
    to: Option<u64>,
}

/// Why blocks are not carried over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the file {path} cannot be used")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Blocks(#[from] FileError),
    #[error(transparent)]
    Chain(#[from] heddle_chain::Error),
}

impl Import {
    /// Adds the blocks.
    pub(crate) fn run(self) -> Result<bool, TransferError> {
        let failed = |source| TransferError::File { path: self.file.clone(), source };
        let chain = service::open(
            &self.datadir,
            self.genesis.as_deref(),
            CACHE_MIB,
            heddle_chain::Settings::default(),
        )?;
        let file = File::open(&self.file).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let bar = progress::bar("importing", bytes, Unit::Bytes);
        import_blocks(&chain, BufReader::new(file), |progress| bar.set_position(progress.bytes))?;
        bar.finish_and_clear();
        let reader = chain.reader();
        let head = reader.head();
        if self.finalize {
            chain.set_safe(Some(head.number))?;
            chain.set_finalized(Some(head.number))?;
        }
        println!("the head is block {} {}", head.number, head.hash);
        Ok(true)
    }
}

impl Export {
    /// Writes the blocks.
    pub(crate) fn run(self) -> Result<bool, TransferError> {
        let failed = |source| TransferError::File { path: self.file.clone(), source };
        let chain =
            service::open(&self.datadir, None, CACHE_MIB, heddle_chain::Settings::default())?;
        let reader = chain.reader();
        let to = self.to.unwrap_or(reader.head().number);
        let mut file = BufWriter::new(File::create_new(&self.file).map_err(failed)?);
        let count = to.saturating_sub(self.from).saturating_add(1);
        let bar = progress::bar("exporting", count, Unit::Blocks);
        export_blocks(&reader, self.from, to, &mut file, |progress| {
            bar.set_position(progress.blocks);
        })?;
        file.flush().map_err(failed)?;
        file.get_ref().sync_all().map_err(failed)?;
        bar.finish_and_clear();
        println!("wrote blocks {} to {to}", self.from);
        Ok(true)
    }
}
