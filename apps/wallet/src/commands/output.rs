//! Printing: lines for people, JSON for programs, secrets without a copy that stays.

use super::WalletError;
use crate::secret::SecretText;
use serde_json::Value;
use std::{
    io::{self, Write},
    os::fd::AsFd,
};
use zeroize::Zeroizing;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Prints lines, or a value in JSON.
    pub(super) fn print(self, lines: &str, value: &Value) -> Result<(), WalletError> {
        let mut out = io::stdout().lock();
        let written = if self.json { writeln!(out, "{value}") } else { writeln!(out, "{lines}") };
        written.and_then(|()| out.flush()).map_err(WalletError::Output)
    }

    /// Prints text that is secret, on demand only. Not through the buffer of `io::stdout`, which
    /// nobody wipes.
    pub(super) fn print_secret(self, text: &SecretText) -> Result<(), WalletError> {
        let out = io::stdout();
        let mut line = Zeroizing::new(Vec::with_capacity(text.expose().len() + 1));
        line.extend_from_slice(text.expose().as_bytes());
        line.push(b'\n');
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(out.as_fd(), rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(WalletError::Output(error.into())),
            }
        }
        Ok(())
    }
}

/// Parts of text that is secret, joined without leaving a copy behind.
pub(super) fn join(parts: &[&str]) -> SecretText {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| text.push_str(part));
    SecretText::new(text)
}
