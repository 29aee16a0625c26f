//! Why no block is made, or an order is not followed.

use crate::TimeError;

/// Why no block is made, or an order is not followed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chain refuses or fails.
    #[error(transparent)]
    Chain(#[from] heddle_chain::Error),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] heddle_chain::StateError),
    /// The pool cannot follow the chain.
    #[error(transparent)]
    Pool(#[from] heddle_pool::PoolError),
    /// A time that no block can have.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// More blocks than may be made at once.
    #[error("{asked} blocks at once are too many; ask for {max} at most")]
    TooManyBlocks {
        /// What was asked for.
        asked: u64,
        /// The most that are made.
        max: u64,
    },
    /// A transaction that is to be in a block cannot be.
    #[error("transaction {index} of the block cannot be in it: {reason}")]
    Refused {
        /// Its place among those that were handed in.
        index: usize,
        /// Why.
        reason: heddle_chain::SkipReason,
    },
    /// More blocks are to be undone than there are.
    #[error("{asked} blocks cannot be undone: the chain has {there} after its first")]
    TooDeep {
        /// What was asked for.
        asked: u64,
        /// How many there are.
        there: u64,
    },
}
