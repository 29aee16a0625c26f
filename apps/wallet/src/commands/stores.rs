//! Keystore files: written from keys and mnemonics, and listed.

use super::{Context, WalletError, keys::PassphraseArgs};
use crate::{
    files::{FileError, read_bounded, write_private},
    key::PrivateKey,
    keystore::{KEYSTORE_BYTES_MAX, Keystore},
    path::DerivationPath,
    secret::{InputError, prompt_twice, read_file, read_standard},
};
use alloy_primitives::hex;
use clap::Args;
use serde_json::json;
use std::{
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// Most files of a folder that are listed.
const FILES_MAX: usize = 10_000;

/// Where a keystore is written, and under which password.
#[derive(Debug, Args)]
struct StoreArgs {
    /// The file to write, or a folder in which to choose a name as geth does
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// A file with the new password; asked for twice if left out
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    overwrite: bool,
}

impl StoreArgs {
    fn store(&self, context: &Context, key: &PrivateKey) -> Result<bool, WalletError> {
        let password = match &self.password_file {
            Some(path) => read_file(path)?,
            None => prompt_twice("New password")?,
        };
        if password.expose().is_empty() {
            return Err(InputError::Empty("an empty password protects nothing").into());
        }
        let address = key.address();
        let path = if self.out.is_dir() {
            let seconds =
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            self.out.join(format!("UTC--{}--{}", timestamp(seconds), hex::encode(address)))
        } else {
            self.out.clone()
        };
        let store = Keystore::encrypt(key, &password)?;
        write_private(&path, store.to_json().as_bytes(), self.overwrite)?;
        let value = json!({"address": address, "file": path});
        context.output.print(&format!("{address} {}", path.display()), &value)?;
        Ok(true)
    }
}

/// Seconds since 1970 as a time of the Gregorian calendar, in geth's form.
fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's `civil_from_days`: eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.000000000Z")
}

/// Puts a private key, in hexadecimal digits on standard input, into a keystore.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    store: StoreArgs,
}

impl Import {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let text = read_standard("Private key")?;
        let key = PrivateKey::from_hex(text.expose()).ok_or(WalletError::PrivateKey)?;
        self.store.store(context, &key)
    }
}

/// Puts an account of the mnemonic on standard input into a keystore.
#[derive(Debug, Args)]
pub(super) struct Store {
    /// The path of the account
    #[arg(long, value_name = "PATH", default_value = "m/44'/60'/0'/0/0")]
    path: DerivationPath,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl Store {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let key = self.passphrase.root()?.derive(&self.path)?;
        self.store.store(context, &PrivateKey::from(key.private_key()))
    }
}

/// Lists the keystores of a folder, by the addresses that they say.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The folder
    folder: PathBuf,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let failed = |source| FileError::Read { path: self.folder.clone(), source };
        let entries = fs::read_dir(&self.folder).map_err(failed)?.take(FILES_MAX);
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()
            .map_err(failed)?;
        paths.sort();
        for path in paths.into_iter().filter(|path| path.is_file()) {
            // Other files may lie there.
            let Ok(bytes) = read_bounded(&path, KEYSTORE_BYTES_MAX) else { continue };
            let Ok(store) = Keystore::from_json(&bytes) else { continue };
            let address = store.address();
            let shown = address.map_or_else(|| "no address".to_owned(), |one| one.to_string());
            let value = json!({"address": address, "file": path});
            context.output.print(&format!("{shown} {}", path.display()), &value)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00-00-00"),
            (951_782_399, "2000-02-28T23-59-59"),
            (951_782_400, "2000-02-29T00-00-00"),
            (1_709_251_199, "2024-02-29T23-59-59"),
            (4_102_444_800, "2100-01-01T00-00-00"),
        ] {
            assert_eq!(timestamp(seconds), format!("{date}.000000000Z"));
        }
    }
}
