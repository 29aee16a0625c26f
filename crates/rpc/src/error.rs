//! What a method answers when it cannot give a result.

use alloy_primitives::{B256, Bytes};
use heddle_chain::StateError;
use heddle_executor::{
    EstimateError, OverrideError,
    call::{CallError, RequestError},
    tracing::{TraceError, TracerError},
};
use jsonrpsee::types::ErrorObjectOwned;
use std::time::Duration;

/// Why a call fails. Each kind has one code, by the Ethereum execution APIs where they give one and
/// as geth does it elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An argument cannot be read.
    #[error("invalid argument {position}: {reason}")]
    Argument {
        /// Counted from 0.
        position: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An argument is not there.
    #[error("missing value for required argument {0}")]
    MissingArgument(usize),
    /// The arguments can be read, but ask for what cannot be given.
    #[error("{0}")]
    Parameters(String),
    /// No block has this tag, number or hash, where one is needed.
    #[error("header not found")]
    HeaderNotFound,
    /// No block has this hash or number.
    #[error("block {0} not found")]
    BlockNotFound(String),
    /// The state of a block is not kept any more.
    #[error(
        "the state of block {0} is not available: it was pruned; keep more states, or ask for a later block"
    )]
    StatePruned(u64),
    /// No transaction of the chain has this hash.
    #[error("transaction not found")]
    TransactionNotFound,
    /// The node refuses for a reason that is neither the arguments' nor the node's fault.
    #[error("{0}")]
    Refused(String),
    /// A code of the Ethereum execution APIs that only some methods use.
    #[error("{message}")]
    Coded {
        /// The code.
        code: i32,
        /// What is wrong.
        message: String,
    },
    /// The call ran, and its outermost frame reverted.
    #[error("{}", heddle_executor::revert_message(.0))]
    Reverted(Bytes),
    /// It took too long.
    #[error("execution aborted (timeout = {}s)", .0.as_secs())]
    Timeout(Duration),
    /// Too many other calls wait.
    #[error("the node is busy; try again later")]
    Busy,
    /// A result would be too large.
    #[error("{0}")]
    TooLarge(String),
    /// A transaction was taken up, but is in no block within the time asked for (EIP-7966).
    #[error("the transaction {hash} was added to the pool but is in no block after {}s", .timeout.as_secs_f64())]
    NotMinedInTime {
        /// Its hash.
        hash: B256,
        /// How long the call waited.
        timeout: Duration,
    },
    /// The method is not for this node.
    #[error("{0}")]
    Unsupported(String),
    /// A handler panicked. The panic's own message is in the log.
    #[error("internal error")]
    Panicked,
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(heddle_chain::Error),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Executing failed in a way that is not the call's fault.
    #[error(transparent)]
    Execution(CallError<StateError>),
    /// The pool refuses a transaction.
    #[error(transparent)]
    Pool(#[from] heddle_pool::PoolError),
    /// A record of the store that is not whole.
    #[error("the store is damaged: {0} cannot be read")]
    Damaged(&'static str),
    /// The result cannot be written as JSON.
    #[error("the result cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// A task of the node ended early: the node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

const INVALID_PARAMETERS: i32 = -32602;
const INTERNAL: i32 = -32603;
const METHOD_NOT_FOUND: i32 = -32601;
const SERVER: i32 = -32000;
/// EIP-1474: a limit is exceeded.
const LIMIT_EXCEEDED: i32 = -32005;
/// What geth gives for a call that reverted.
const REVERTED: i32 = 3;
/// EIP-7966: the transaction waits.
const NOT_MINED_IN_TIME: i32 = 4;

impl Error {
    /// An argument of this position that cannot be read.
    pub(crate) fn argument(position: usize, reason: impl ToString) -> Self {
        Self::Argument { position, reason: reason.to_string() }
    }

    /// The state cannot be read.
    pub(crate) fn state(error: heddle_state::Error) -> Self {
        Self::State(error.into())
    }

    /// The code that goes with it.
    pub fn code(&self) -> i32 {
        match self {
            Self::Argument { .. } | Self::MissingArgument(_) | Self::Parameters(_) => {
                INVALID_PARAMETERS
            }
            Self::HeaderNotFound
            | Self::BlockNotFound(_)
            | Self::StatePruned(_)
            | Self::TransactionNotFound
            | Self::Refused(_)
            | Self::Pool(_)
            | Self::Timeout(_) => SERVER,
            Self::Coded { code, .. } => *code,
            Self::Reverted(_) => REVERTED,
            Self::Busy | Self::TooLarge(_) => LIMIT_EXCEEDED,
            Self::NotMinedInTime { .. } => NOT_MINED_IN_TIME,
            Self::Unsupported(_) => METHOD_NOT_FOUND,
            Self::Panicked
            | Self::Chain(_)
            | Self::State(_)
            | Self::Execution(_)
            | Self::Damaged(_)
            | Self::Json(_)
            | Self::Stopping => INTERNAL,
        }
    }
}

impl From<CallError<StateError>> for Error {
    fn from(error: CallError<StateError>) -> Self {
        match error {
            CallError::Refused(refusal) => Self::Refused(refusal.message),
            CallError::Database(error) => Self::State(error),
            CallError::Interrupted => Self::Refused("execution aborted: out of time".to_owned()),
            error => Self::Execution(error),
        }
    }
}

impl From<EstimateError<StateError>> for Error {
    fn from(error: EstimateError<StateError>) -> Self {
        match error {
            EstimateError::Reverted { output } => Self::Reverted(output),
            EstimateError::Call { source, .. } => source.into(),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<TraceError<StateError>> for Error {
    fn from(error: TraceError<StateError>) -> Self {
        match error {
            TraceError::Call(error) => error.into(),
            TraceError::Json(error) => Self::Json(error),
            TraceError::TooLarge { .. } => Self::TooLarge(error.to_string()),
        }
    }
}

impl From<TracerError> for Error {
    fn from(error: TracerError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<OverrideError<StateError>> for Error {
    fn from(error: OverrideError<StateError>) -> Self {
        match error {
            OverrideError::Database(error) => Self::State(error),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<heddle_chain::Error> for Error {
    fn from(error: heddle_chain::Error) -> Self {
        match error {
            heddle_chain::Error::StatePruned { number, .. } => Self::StatePruned(number),
            heddle_chain::Error::NoBlock(_) | heddle_chain::Error::NoBlockWithHash(_) => {
                Self::HeaderNotFound
            }
            // What was asked for breaks a rule: that is no fault of the node.
            error @ (heddle_chain::Error::Build { .. } | heddle_chain::Error::Block { .. }) => {
                Self::Refused(with_sources(&error))
            }
            error => Self::Chain(error),
        }
    }
}

impl From<Error> for ErrorObjectOwned {
    fn from(error: Error) -> Self {
        let code = error.code();
        let message = with_sources(&error);
        match error {
            Error::Reverted(data) => Self::owned(code, message, Some(data)),
            Error::NotMinedInTime { hash, .. } => Self::owned(code, message, Some(hash)),
            _ => Self::owned(code, message, None::<()>),
        }
    }
}

/// The message with those of its sources: a client sees no more than this.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revert_carries_its_data() {
        let object = ErrorObjectOwned::from(Error::Reverted(Bytes::from_static(&[1, 2])));
        assert_eq!(object.code(), 3);
        assert_eq!(object.data().map(|data| data.get()), Some("\"0x0102\""));
    }
}
