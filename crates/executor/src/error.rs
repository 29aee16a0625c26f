//! Why a block cannot be executed.

use alloy_primitives::{Address, U256};
use core::{fmt, panic::AssertUnwindSafe};
use revm::context::result::InvalidTransaction;
use std::panic::catch_unwind;

/// Why a block cannot be executed. Nothing of the block has taken effect then.
#[derive(Debug, thiserror::Error)]
pub enum BlockError<E: std::error::Error + 'static> {
    /// A transaction may not stand where it stands in the block.
    #[error("transaction {index} is invalid: {reason}")]
    InvalidTransaction {
        /// Position in the block.
        index: usize,
        /// The rule that it breaks.
        reason: InvalidTransaction,
    },
    /// The state before the block could not be read.
    #[error("reading the state for {place} failed: {source}")]
    Database {
        /// What was being executed.
        place: Place,
        /// The database's own error.
        source: E,
    },
    /// The EVM reported an error that is none of the transaction's (a bad block environment, a
    /// broken precompile).
    #[error("the EVM failed in {place}: {message}")]
    Evm {
        /// What was being executed.
        place: Place,
        /// revm's message.
        message: String,
    },
    /// Executing panicked, in a precompile or in the executor itself.
    #[error("executing {place} panicked: {message}")]
    Panic {
        /// What was being executed.
        place: Place,
        /// The panic's message.
        message: String,
    },
    /// A system contract that must answer did not (EIP-7002, EIP-7251).
    #[error("the system contract {address} failed: {reason}")]
    SystemCall {
        /// The contract.
        address: Address,
        /// How it failed.
        reason: String,
    },
    /// The access list is not the block's.
    #[error("the block's access list is wrong at {place}: {source}")]
    AccessList {
        /// Where execution and list part; the first such place of the block.
        place: Place,
        /// The difference.
        source: AccessListError,
    },
}

/// A part of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// What the protocol does before the first transaction.
    Before,
    /// The transaction of this position.
    Transaction(usize),
    /// What the protocol does after the last transaction.
    After,
    /// The block as a whole.
    Block,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => f.write_str("the operations before the first transaction"),
            Self::Transaction(index) => write!(f, "transaction {index}"),
            Self::After => f.write_str("the operations after the last transaction"),
            Self::Block => f.write_str("the block as a whole"),
        }
    }
}

/// How an access list differs from what the block does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessListError {
    /// The block touches an account that the list lacks.
    #[error("account {0} is accessed but not listed")]
    MissingAccount(Address),
    /// The block touches a slot that the list lacks.
    #[error("slot {1} of account {0} is accessed but not listed")]
    MissingSlot(Address, U256),
    /// The list names an account that the block does not touch.
    #[error("account {0} is listed but not accessed")]
    SuperfluousAccount(Address),
    /// The list names a slot that the block does not touch.
    #[error("slot {1} of account {0} is listed but not accessed")]
    SuperfluousSlot(Address, U256),
    /// A field got another value than listed, or none, or one that is not listed.
    #[error("{field} of account {address} changes otherwise than listed")]
    Change {
        /// Whose account.
        address: Address,
        /// `balance`, `nonce`, `code`, `existence`, or the slot.
        field: String,
    },
    /// Each change that the block makes is listed, but the list holds others besides.
    #[error("the list holds changes that the block does not make")]
    SuperfluousChange,
    /// The list is not in canonical form, so it cannot be the block's.
    #[error("the list is malformed at account {0}: {1}")]
    Malformed(Address, &'static str),
}

/// The block's error for one that the EVM reported and that is not about the transaction.
pub(crate) fn block_error<E, T>(
    place: Place,
    error: revm::context::result::EVMError<E, T>,
) -> BlockError<E>
where
    E: std::error::Error + 'static,
    T: fmt::Display,
{
    use revm::context::result::EVMError;
    match error {
        EVMError::Database(source) => BlockError::Database { place, source },
        EVMError::Transaction(error) => BlockError::Evm { place, message: error.to_string() },
        EVMError::Header(error) => BlockError::Evm { place, message: error.to_string() },
        EVMError::Custom(message) => BlockError::Evm { place, message },
        EVMError::CustomAny(error) => BlockError::Evm { place, message: error.to_string() },
    }
}

/// What `f` gives; a panic in it ends the block with an error. What it leaves half done must not
/// be used again.
pub(crate) fn caught<T, E: std::error::Error + 'static>(
    place: Place,
    f: impl FnOnce() -> Result<T, BlockError<E>>,
) -> Result<T, BlockError<E>> {
    catch_unwind(AssertUnwindSafe(f))
        .unwrap_or_else(|panic| Err(BlockError::Panic { place, message: panic_message(&*panic) }))
}

/// What reading ahead of execution gives; nothing if it fails or panics. That is no matter unless
/// a transaction really needs it: then it is read again, in its name.
pub(crate) fn read_ahead<T, E>(read: impl FnOnce() -> Result<T, E>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()?.ok()
}

/// The text of a caught panic.
pub(crate) fn panic_message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
