//! Why a command could not do its work.

use crate::{config::ConfigError, feed::FeedError, journal::JournalError};
use heddle_client::{KeyError, RpcError, SendError, logging::FilterError};
use std::{io, net::SocketAddr};

/// Why a command could not do its work. No key is in any of these.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What is to be logged.
    #[error(transparent)]
    Log(#[from] FilterError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// What must survive a crash.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A transaction.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The key does not sign.
    #[error("the observation cannot be signed")]
    Sign(#[source] Box<alloy_signer::Error>),
    /// The port.
    #[error("cannot listen on {address} for other reporters; choose another with `listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread that should not end has ended.
    #[error("the thread of {0} has ended; start the process again")]
    Ended(&'static str),
    /// Standard output is gone.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}
