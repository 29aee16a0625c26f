//! Keys in a process of their own, as in a hardware wallet.
//!
//! The signer holds keys and listens on a Unix socket in a folder that only its user may enter. It
//! gets whole transactions and messages, never hashes; shows each on its own terminal, or follows a
//! [`Policy`]; and gives back signatures, never keys. Requests and answers are lines of JSON.

mod client;
mod policy;
mod protocol;
mod server;

pub use client::Client;
pub use policy::{Policy, Refusal};
pub use protocol::{ANSWER_BYTES_MAX, Answer, REQUEST_BYTES_MAX, Request};
pub use server::{Decide, Server};

use crate::work::WorkError;
use alloy_primitives::Address;
use std::{io, path::PathBuf};

/// Why a signer cannot serve or be used.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The socket cannot be made or reached.
    #[error("the socket {path} cannot be used; is the signer running?")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder is open to others.
    #[error("the folder {0} has to be yours, and closed to all others (chmod 700)")]
    Folder(PathBuf),
    /// Another signer listens, or the file is no socket.
    #[error("{0} is there already; another signer uses it, or it is no socket")]
    Taken(PathBuf),
    /// The other end is not of this user.
    #[error("the other end of the socket belongs to another user")]
    Peer,
    /// The other end is silent or gone.
    #[error("the signer does not answer")]
    Silent(#[source] io::Error),
    /// The answer has no right form.
    #[error("the signer answers with something that cannot be read")]
    Shape,
    /// The signer says no.
    #[error("the signer refuses: {0}")]
    Refused(String),
    /// The signer has several accounts, or not this one.
    #[error("the signer has the accounts {accounts:?}; choose one with --from")]
    Account {
        /// What it has.
        accounts: Vec<Address>,
    },
    /// The signature is wrong.
    #[error("the signer gave a wrong signature")]
    Signature(#[source] WorkError),
}

#[cfg(test)]
mod tests;
