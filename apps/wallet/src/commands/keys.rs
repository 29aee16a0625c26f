//! Where keys come from: a mnemonic, a keystore, a signer.

use super::{Context, WalletError};
use crate::{
    files::read_bounded,
    hd::ExtendedPrivateKey,
    key::PrivateKey,
    keystore::{KEYSTORE_BYTES_MAX, Keystore},
    mnemonic::Mnemonic,
    path::DerivationPath,
    secret::{SecretText, prompt, read_file, read_standard},
    signer::Client,
    work::Work,
};
use alloy_primitives::{Address, Signature};
use clap::Args;
use std::path::{Path, PathBuf};

/// The passphrase of a mnemonic.
#[derive(Debug, Default, Args)]
pub(super) struct PassphraseArgs {
    /// A file with the passphrase of the mnemonic (BIP-39)
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Ask for the passphrase of the mnemonic
    #[arg(long, conflicts_with = "passphrase_file")]
    ask_passphrase: bool,
}

impl PassphraseArgs {
    pub(super) fn read(&self) -> Result<SecretText, WalletError> {
        Ok(match &self.passphrase_file {
            Some(path) => read_file(path)?,
            None if self.ask_passphrase => prompt("Passphrase: ")?,
            None => SecretText::default(),
        })
    }

    /// The root of the keys of the mnemonic on standard input.
    pub(super) fn root(&self) -> Result<ExtendedPrivateKey, WalletError> {
        let mnemonic = Mnemonic::parse(&read_standard("Mnemonic")?)?;
        Ok(ExtendedPrivateKey::from_seed(mnemonic.seed(&self.read()?).as_slice())?)
    }
}

/// What signs. Without `--keystore` or `--signer` the mnemonic is read from standard input.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// A keystore file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["signer", "path", "passphrase_file", "ask_passphrase"])]
    keystore: Option<PathBuf>,
    /// A file with the password of the keystore; asked for if left out
    #[arg(long, value_name = "FILE", requires = "keystore")]
    password_file: Option<PathBuf>,
    /// The socket of a `signer`
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["path", "passphrase_file", "ask_passphrase"])]
    signer: Option<PathBuf>,
    /// The account (address or name) that is to sign; needed if a signer has several
    #[arg(long, value_name = "ACCOUNT")]
    from: Option<String>,
    /// The path of the account from the mnemonic
    #[arg(long, value_name = "PATH", default_value = "m/44'/60'/0'/0/0")]
    path: DerivationPath,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Who signs.
#[derive(Debug)]
pub(super) enum Account {
    Local(PrivateKey),
    Remote(Client, Address),
}

impl Account {
    pub(super) fn address(&self) -> Address {
        match self {
            Self::Local(key) => key.address(),
            Self::Remote(_, address) => *address,
        }
    }

    pub(super) fn sign(&self, work: &Work) -> Result<Signature, WalletError> {
        Ok(match self {
            Self::Local(key) => work.sign(key)?,
            Self::Remote(client, address) => client.sign(*address, work)?,
        })
    }
}

impl KeyArgs {
    pub(super) fn account(&self, context: &Context) -> Result<Account, WalletError> {
        let wanted = self.from.as_deref().map(|from| context.resolve(from)).transpose()?;
        if let Some(socket) = &self.signer {
            let client = Client::new(socket);
            let address = client.account(wanted)?;
            return Ok(Account::Remote(client, address));
        }
        let key = match &self.keystore {
            Some(path) => open(path, self.password_file.as_deref())?,
            None => PrivateKey::from(self.passphrase.root()?.derive(&self.path)?.private_key()),
        };
        if wanted.is_some_and(|wanted| wanted != key.address()) {
            return Err(WalletError::Arguments(
                "the key is not that of --from; is the path, the passphrase or the file another one?",
            ));
        }
        Ok(Account::Local(key))
    }
}

/// The key in a keystore.
pub(super) fn open(path: &Path, password_file: Option<&Path>) -> Result<PrivateKey, WalletError> {
    let store = Keystore::from_json(&read_bounded(path, KEYSTORE_BYTES_MAX)?)?;
    let password = match password_file {
        Some(path) => read_file(path)?,
        None => prompt("Password of the keystore: ")?,
    };
    Ok(store.decrypt(&password)?)
}
