//! What executing a block gives.

use crate::Schedule;
use alloy_primitives::Bytes;
use heddle_types::{AccessList, ChangeSet, Receipt};
use revm::context::result::InvalidTransaction;

/// What executing a block gives; the same for each [`Way`](crate::Way) and number of threads,
/// `statistics` and `schedule` aside.
#[derive(Clone, Debug, Default)]
pub struct BlockOutput {
    /// One receipt for each transaction that is in the block.
    pub receipts: Vec<Receipt>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Blob gas used by all transactions (EIP-4844).
    pub blob_gas_used: u64,
    /// The requests for the consensus layer (EIP-7685), each with its type byte; empty ones left
    /// out.
    pub requests: Vec<Bytes>,
    /// The net effect on the state.
    pub changes: ChangeSet,
    /// The block's access list. `None` for [`Way::Sequential`](crate::Way) unless asked for, and
    /// for [`Way::Guided`](crate::Way): the list that was given has turned out to be the block's.
    pub access_list: Option<AccessList>,
    /// The candidates that were left out, by ascending position.
    pub skipped: Vec<Skipped>,
    /// How the work went.
    pub statistics: Statistics,
    /// Who executed what and when, if [`Settings::record_schedule`](crate::Settings) asks for it.
    pub schedule: Option<Schedule>,
}

/// A candidate that was left out of the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Position among the candidates.
    pub index: usize,
    /// Why it may not stand there.
    pub reason: InvalidTransaction,
}

/// How the work went; depends on timing, so never part of a block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    /// Threads that took part.
    pub threads: usize,
    /// Transactions executed, each time counted, before it was known that all before them were
    /// final.
    pub speculative_executions: u64,
    /// Transactions executed again because something that they had read was different.
    pub reexecutions: u64,
    /// Plain transfers that needed no interpreter.
    pub direct_transfers: u64,
}
