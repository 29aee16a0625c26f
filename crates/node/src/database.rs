//! `heddle db`: looking after the database of a chain that no node runs on.

use crate::{
    progress::{self, Unit},
    service,
};
use clap::{Args, Subcommand};
use heddle_chain::{VerifyPart, verify_store};
use std::{error::Error, path::PathBuf, thread};

/// What is done to a database.
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    Verify(Verify),
}

/// Checks all that a database holds: the file against its checksums, blocks and receipts against
/// their headers, and the accounts against the state root of the last block.
///
/// A commit that was cut off is taken back first, as at any start; nothing else is changed.
///
/// The states of earlier blocks are checked against the checksums only. Memory is needed for the
/// trie of all accounts.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 when all is whole, 1 when something is damaged, 2 when it cannot be checked.")]
pub(crate) struct Verify {
    /// Folder of the database.
    #[arg(long, value_name = "DIR")]
    datadir: PathBuf,
    /// Threads that check; 0 for as many as there are processors.
    #[arg(short = 'j', long, value_name = "NUM", default_value_t = 0)]
    threads: usize,
}

/// Why a database cannot be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error(transparent)]
    Open(#[from] service::OpenError),
    #[error("{path} holds no database; name the folder that --datadir gave when it was made")]
    NoDatabase { path: PathBuf },
    #[error("the database in {path} holds no chain; give a node its first block with --genesis")]
    NoChain { path: PathBuf },
    #[error(transparent)]
    Chain(#[from] heddle_chain::Error),
}

/// Memory for the database's cache. What is looked up by hash is all over the file.
const CACHE_BYTES: usize = 512 << 20;

impl Db {
    pub(crate) fn run(self) -> Result<bool, VerifyError> {
        match self {
            Self::Verify(verify) => verify.run(),
        }
    }
}

impl Verify {
    /// Checks the database; `false` when it is damaged, which is printed.
    fn run(self) -> Result<bool, VerifyError> {
        match self.check() {
            Ok(()) => {
                println!("all is whole");
                Ok(true)
            }
            Err(error) if error.is_damage() => {
                let mut text = error.to_string();
                let mut source = error.source();
                while let Some(error) = source {
                    text = format!("{text}\n  because: {error}");
                    source = error.source();
                }
                println!("{text}");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn check(&self) -> Result<(), VerifyError> {
        let path = || self.datadir.clone();
        // Opening would make one.
        if !service::has_database(&self.datadir) {
            return Err(VerifyError::NoDatabase { path: path() });
        }
        let database = service::open_database(&self.datadir, CACHE_BYTES)?;

        let bar = progress::bar("checksums", 0, Unit::Blocks);
        let drawn = bar.clone();
        let checked = database.verify(move |done, of| {
            drawn.set_length(of);
            drawn.set_position(done.min(of));
        });
        bar.finish_and_clear();
        checked.map_err(heddle_chain::Error::from)?;
        println!("the file matches its checksums");

        let threads = match self.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let blocks = progress::bar("blocks", 0, Unit::Blocks);
        let state = progress::bar("state", 0, Unit::Parts);
        let checked = verify_store(&database, threads, &|part, done, of| {
            let bar = match part {
                VerifyPart::Blocks => &blocks,
                VerifyPart::State => &state,
            };
            bar.set_length(of);
            bar.set_position(done);
        });
        blocks.finish_and_clear();
        state.finish_and_clear();
        let verified = checked?.ok_or_else(|| VerifyError::NoChain { path: path() })?;
        let (first, head, transactions) = (verified.first, verified.head, verified.transactions);
        println!("blocks {first} to {head} with {transactions} transactions fit together");
        let (accounts, slots) = (verified.state.accounts, verified.state.slots);
        println!("{accounts} accounts with {slots} slots have the state root of block {head}");
        Ok(())
    }
}

impl VerifyError {
    /// Whether it says that the database is damaged, rather than that it could not be checked.
    fn is_damage(&self) -> bool {
        match self {
            Self::Open(service::OpenError::Database(heddle_storage::Error::Damaged { .. })) => true,
            Self::Chain(error) => error.is_damage(),
            _ => false,
        }
    }
}
