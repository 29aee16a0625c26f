//! Why there is no answer.

use crate::IndexError;
use axum::http::StatusCode;
use heddle_chain::{Error as ChainError, StateError};
use heddle_rpc::CallFailure;

/// Why there is no answer. The text is for whoever asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A parameter is missing or makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// What was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// It is not known here, and why.
    #[error("{0}")]
    Unsupported(String),
    /// Too many others are being answered.
    #[error("the server is busy; ask again")]
    Busy,
    /// It took too long.
    #[error("this takes too long; ask for less")]
    TooLong,
    /// A method of JSON-RPC refused.
    #[error("{}", .0.message)]
    Call(CallFailure),
    /// The index cannot be read.
    #[error("the index cannot be read")]
    Index(#[from] IndexError),
    /// The chain cannot be read.
    #[error("the chain cannot be read")]
    Chain(#[source] ChainError),
    /// The state cannot be read.
    #[error("the state cannot be read")]
    State(#[from] StateError),
    /// A handler has panicked, or the process ends.
    #[error("this request failed")]
    Broken,
}

impl From<CallFailure> for Failure {
    fn from(failure: CallFailure) -> Self {
        Self::Call(failure)
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::NoBlock(number) => Self::NotFound(format!("there is no block {number}")),
            ChainError::StatePruned { number, oldest } => Self::Unsupported(format!(
                "the state after block {number} is not kept; the oldest one that is kept is that \
                 after block {oldest}"
            )),
            error => Self::Chain(error),
        }
    }
}

impl Failure {
    /// The status of HTTP.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::Call(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Busy | Self::TooLong => StatusCode::SERVICE_UNAVAILABLE,
            Self::Index(_) | Self::Chain(_) | Self::State(_) | Self::Broken => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Tells the operator of what is not the client's fault.
    pub(crate) fn report(&self) {
        if self.status() == StatusCode::INTERNAL_SERVER_ERROR {
            let source = std::error::Error::source(self).map(ToString::to_string);
            tracing::error!(error = %self, source, "the explorer could not answer");
        }
    }
}
