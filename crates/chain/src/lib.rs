//! The state transition: build, verify and commit a block; publishes what was committed.
//!
//! In: a genesis file, blocks, or orders to build one ([`Attributes`] and candidates). Out: blocks
//! in the store, read through a [`ChainReader`], and a stream of [`ChainEvent`]s.
//!
//! Building and verifying execute a block by the same function, so a builder cannot make what a
//! verifier refuses. A commit is one transaction of the store: block, receipts, state and head are
//! there together or not at all, whenever the power goes.
//!
//! ```no_run
//! # use heddle_chain::{Chain, Settings};
//! # fn f(db: heddle_storage::Database, genesis: &heddle_types::Genesis, block: heddle_types::Block)
//! # -> Result<(), heddle_chain::Error> {
//! let chain = Chain::open(db, genesis, Settings::default())?;
//! chain.import(block)?;
//! println!("the head is block {}", chain.reader().head().number);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `chain`, `import`, `build` | the chain and what is done to it |
//! | `reader` | a snapshot of it |
//! | `rules`, `genesis`, `roots` | what a block must be, short of executing it |
//! | `input`, `execution`, `execution_state` | executing a block on a state |
//! | `ahead` | executing a block on one that has no hash yet |
//! | `adopt` | taking over blocks of another chain with their states |
//! | `snapshot` | beginning at a block with its state |
//! | `branch`, `side` | blocks beside the canonical chain |
//! | `events` | who wants to know what was committed |
//! | `file` | files of blocks |
//! | `verify` | checking a store against itself |
//! | `records`, `receipts` | how it all lies in the store |

mod adopt;
mod ahead;
mod branch;
mod build;
mod chain;
mod code_cache;
mod error;
mod events;
mod execution;
mod execution_state;
mod file;
mod genesis;
mod hashes;
mod import;
mod input;
mod prefetch;
mod reader;
mod receipts;
mod records;
mod roots;
pub mod rules;
mod settler;
mod side;
mod snapshot;
mod stage;
mod tries;
mod verify;

pub use adopt::AdoptedBlock;
pub use ahead::Ahead;
pub use build::{Attributes, Built, SkipReason, Skipped, UnsealedBlock};
pub use chain::{Chain, Mark, Note, Settings};
pub use error::{BlockError, Error, OmmerError, TransactionError};
pub use events::{ChainEvent, Notice, Subscription};
pub use execution_state::{ExecutionState, Remote, RemoteError, StateError};
pub use file::{FileError, Progress, export_blocks, import_blocks};
pub use genesis::{add_system_contracts, config_with_forks, genesis_block};
pub use import::{ExecutedBlock, Imported};
pub use input::{BlockInput, environment, transaction};
pub use reader::{ChainReader, CommittedBlock, FoundTransaction, Head};
pub use receipts::{decode as decode_receipts, encode as encode_receipts};
pub use records::TransactionPlace;
pub use snapshot::{ANCESTORS, ChainSnapshot};
pub use stage::{Stage, StageObserver};
pub use verify::{VerifiedStore, VerifyPart, verify_store};
