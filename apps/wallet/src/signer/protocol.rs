//! Requests and answers: one line of JSON each, of bounded length.

use super::SignerError;
use crate::work::Work;
use alloy_primitives::{Address, Bytes};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read},
    os::{fd::AsFd, unix::net::UnixStream},
};

/// Most bytes of a request: a transaction of the largest size in hexadecimal digits, with room.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Most bytes of an answer: addresses and a signature.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What is asked of a signer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum Request {
    /// Which accounts it has.
    Accounts,
    /// To sign.
    Sign {
        /// With which account.
        address: Address,
        /// What.
        work: Work,
    },
}

/// What a signer answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Its accounts.
    Accounts(Vec<Address>),
    /// r, s and v, 65 bytes.
    Signature(Bytes),
    /// Why not.
    Error(String),
}

/// Reads one line without its end. `None` if there is none, and nothing else.
pub(super) fn read_line(stream: &mut impl Read, max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut block = [0; 4096];
    loop {
        let read = match stream.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let got = block.get(..read).unwrap_or_default();
        let end = got.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(got.get(..end.unwrap_or(read)).unwrap_or_default());
        if line.len() > max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
        }
        // Nobody sends a second line before the answer to the first.
        if end.is_some_and(|end| end + 1 == read) {
            return Ok(Some(line));
        }
        if end.is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "there is more than a line"));
        }
        if read == 0 {
            return if line.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// Whether the other end belongs to the user of this process.
#[cfg(target_os = "linux")]
pub(super) fn check_peer(stream: &UnixStream) -> Result<(), SignerError> {
    let peer =
        rustix::net::sockopt::socket_peercred(stream.as_fd()).map_err(|_| SignerError::Peer)?;
    if peer.uid == rustix::process::geteuid() { Ok(()) } else { Err(SignerError::Peer) }
}

/// Elsewhere nothing tells who is at the other end, so nobody is let in.
#[cfg(not(target_os = "linux"))]
pub(super) fn check_peer(stream: &UnixStream) -> Result<(), SignerError> {
    let _ = stream.as_fd();
    Err(SignerError::Peer)
}
