//! The side of a signer that holds the keys.

use super::{
    Answer, Policy, REQUEST_BYTES_MAX, Request, SignerError,
    protocol::{check_peer, read_line},
};
use crate::{files::make_private_folder, key::PrivateKey, secret, work::Work};
use alloy_primitives::Address;
use rustix::fs::{Mode, chmod};
use std::{
    fs, io,
    io::Write,
    os::unix::{
        fs::{FileTypeExt, MetadataExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

/// Time that a client has for its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Who decides what is signed.
#[derive(Debug)]
pub enum Decide {
    /// A person at the terminal.
    Person,
    /// Rules.
    Policy(Box<Policy>),
}

/// A signer that listens.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    listener: UnixListener,
    keys: Vec<PrivateKey>,
    decide: Decide,
}

impl Server {
    /// Listens on a socket of mode 0600, in a folder of mode 0700, which is made if it is not
    /// there.
    ///
    /// # Errors
    ///
    /// The folder is open to others, the socket is taken, or the system refuses.
    pub fn bind(path: &Path, keys: Vec<PrivateKey>, decide: Decide) -> Result<Self, SignerError> {
        let failed = |source| SignerError::Socket { path: path.to_owned(), source };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        make_private_folder(folder).map_err(|error| failed(io::Error::other(error)))?;
        let about = fs::metadata(folder).map_err(failed)?;
        let is_private =
            about.mode() & 0o077 == 0 && about.uid() == rustix::process::geteuid().as_raw();
        if !is_private {
            return Err(SignerError::Folder(folder.to_owned()));
        }
        remove_stale(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Until here the folder keeps others out.
        chmod(path, Mode::RUSR | Mode::WUSR).map_err(|error| failed(error.into()))?;
        Ok(Self { path: path.to_owned(), listener, keys, decide })
    }

    /// The accounts that it signs for.
    pub fn accounts(&self) -> Vec<Address> {
        self.keys.iter().map(PrivateKey::address).collect()
    }

    /// Serves clients, one after the other since there is one person to ask, for ever. What one
    /// does wrong is told to `report` and does not matter to the next.
    ///
    /// # Errors
    ///
    /// The socket is gone.
    pub fn run(&mut self, mut report: impl FnMut(&str)) -> Result<(), SignerError> {
        loop {
            self.serve_one(&mut report)?;
        }
    }

    /// Serves one client.
    ///
    /// # Errors
    ///
    /// The socket is gone.
    pub fn serve_one(&mut self, mut report: impl FnMut(&str)) -> Result<(), SignerError> {
        match self.listener.accept() {
            Ok((stream, _)) => {
                if let Err(error) = self.serve(stream, &mut report) {
                    report(&format!("a client was turned away: {error}"));
                }
                Ok(())
            }
            // The client went before it was its turn.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(())
            }
            Err(source) => Err(SignerError::Socket { path: self.path.clone(), source }),
        }
    }

    fn serve(
        &mut self,
        mut stream: UnixStream,
        report: &mut impl FnMut(&str),
    ) -> Result<(), SignerError> {
        check_peer(&stream)?;
        stream.set_read_timeout(Some(REQUEST_TIMEOUT)).map_err(SignerError::Silent)?;
        stream.set_write_timeout(Some(REQUEST_TIMEOUT)).map_err(SignerError::Silent)?;
        let line = read_line(&mut stream, REQUEST_BYTES_MAX).map_err(SignerError::Silent)?;
        let Some(line) = line else { return Ok(()) };
        let answer = match serde_json::from_slice(&line) {
            Ok(Request::Accounts) => Answer::Accounts(self.accounts()),
            Ok(Request::Sign { address, work }) => match self.sign(address, &work) {
                Ok(answer) => {
                    report(&format!("signed for {address}:\n{}", work.describe()));
                    answer
                }
                Err(reason) => {
                    report(&format!("refused for {address}: {reason}"));
                    Answer::Error(reason)
                }
            },
            Err(_) => Answer::Error("the request has no form that is known here".to_owned()),
        };
        let mut line = serde_json::to_vec(&answer).map_err(|_| SignerError::Shape)?;
        line.push(b'\n');
        stream.write_all(&line).map_err(SignerError::Silent)
    }

    fn sign(&mut self, address: Address, work: &Work) -> Result<Answer, String> {
        let key = self.keys.iter().find(|key| key.address() == address);
        let key = key.ok_or_else(|| format!("there is no account {address} here"))?;
        // What cannot be signed is not worth asking about.
        work.hash().map_err(|error| error.to_string())?;
        match &mut self.decide {
            Decide::Policy(policy) => policy.allow(work).map_err(|refusal| refusal.to_string())?,
            Decide::Person => {
                let text = format!("\nFor {address}:\n{}", work.describe());
                match secret::confirm(&text) {
                    Ok(true) => {}
                    Ok(false) => return Err("it was not confirmed".to_owned()),
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
        let signature = work.sign(key).map_err(|error| error.to_string())?;
        Ok(Answer::Signature(signature.as_bytes().into()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A socket that is left behind is taken away by the next signer.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes away the socket of a signer that is gone.
fn remove_stale(path: &Path) -> Result<(), SignerError> {
    let taken = || SignerError::Taken(path.to_owned());
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(()) };
    if !about.file_type().is_socket() || UnixStream::connect(path).is_ok() {
        return Err(taken());
    }
    fs::remove_file(path).map_err(|_| taken())
}
