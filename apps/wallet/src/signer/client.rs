//! The side of a signer that asks.

use super::{
    ANSWER_BYTES_MAX, Answer, Request, SignerError,
    protocol::{check_peer, read_line},
};
use crate::work::Work;
use alloy_primitives::{Address, Signature};
use heddle_client::visible;
use std::{
    io::Write,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// Time that a person has to read and confirm.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// A signer that can be asked.
#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// The signer that listens on a socket; it is first spoken to when something is asked.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn ask(&self, request: &Request) -> Result<Answer, SignerError> {
        let failed = |source| SignerError::Socket { path: self.path.clone(), source };
        let mut stream = UnixStream::connect(&self.path).map_err(failed)?;
        check_peer(&stream)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        let mut line = serde_json::to_vec(request).map_err(|_| SignerError::Shape)?;
        line.push(b'\n');
        stream.write_all(&line).map_err(SignerError::Silent)?;
        let line = read_line(&mut stream, ANSWER_BYTES_MAX)
            .map_err(SignerError::Silent)?
            .ok_or(SignerError::Shape)?;
        match serde_json::from_slice(&line).map_err(|_| SignerError::Shape)? {
            Answer::Error(reason) => Err(SignerError::Refused(visible(&reason))),
            answer => Ok(answer),
        }
    }

    /// The accounts that the signer has.
    ///
    /// # Errors
    ///
    /// See [`SignerError`].
    pub fn accounts(&self) -> Result<Vec<Address>, SignerError> {
        match self.ask(&Request::Accounts)? {
            Answer::Accounts(accounts) => Ok(accounts),
            _ => Err(SignerError::Shape),
        }
    }

    /// The account that is named, or the only one.
    ///
    /// # Errors
    ///
    /// [`SignerError::Account`] if the signer has not this one, or several and none is named.
    pub fn account(&self, wanted: Option<Address>) -> Result<Address, SignerError> {
        let accounts = self.accounts()?;
        match (wanted, accounts.as_slice()) {
            (Some(wanted), all) if all.contains(&wanted) => Ok(wanted),
            (None, [only]) => Ok(*only),
            _ => Err(SignerError::Account { accounts }),
        }
    }

    /// Has something signed, and checks that the signature is the account's, for just that.
    ///
    /// # Errors
    ///
    /// See [`SignerError`].
    pub fn sign(&self, address: Address, work: &Work) -> Result<Signature, SignerError> {
        let request = Request::Sign { address, work: work.clone() };
        let Answer::Signature(bytes) = self.ask(&request)? else {
            return Err(SignerError::Shape);
        };
        let signature = Signature::from_raw(&bytes).map_err(|_| SignerError::Shape)?;
        work.verify(&signature, address).map_err(SignerError::Signature)?;
        Ok(signature)
    }
}
