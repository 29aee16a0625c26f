//! `heddle wallet`: the arguments of each command, and what it prints.

mod accounts;
mod address_book;
mod backup;
mod keys;
mod output;
mod sending;
mod serve;
mod signing;
mod stores;

use crate::{
    amount::AmountError,
    contacts::{ContactError, Contacts},
    files::FileError,
    hd::HdError,
    keystore::KeystoreError,
    mnemonic::MnemonicError,
    path::PathError,
    process,
    secret::InputError,
    signer::SignerError,
    slip39::SlipError,
    transaction::TransactionError,
    work::WorkError,
};
use alloy_primitives::{Address, B256};
use clap::{Args, Subcommand};
use heddle_client::RpcError;
use output::Output;
use std::{io, path::PathBuf};

/// Keeps keys: mnemonics, keystores, signing offline, Shamir backup, an isolated signer. Speaks to
/// nodes over JSON-RPC only.
///
/// A mnemonic is read from standard input, or asked for without echo; secrets are never arguments.
#[derive(Debug, Args)]
pub struct Wallet {
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The address book [default: heddle/contacts.json in the user's folder of configuration]
    #[arg(long, global = true, value_name = "FILE")]
    contacts: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(accounts::New),
    Derive(accounts::Derive),
    Xpub(accounts::Xpub),
    Address(accounts::AddressCommand),
    Discover(accounts::Discover),
    Import(stores::Import),
    Keystore(stores::Store),
    List(stores::List),
    SignTransaction(signing::SignTransaction),
    SignAuthorization(signing::SignAuthorization),
    SignMessage(signing::SignMessage),
    SignTypedData(signing::SignTypedData),
    Verify(signing::Verify),
    Send(sending::Send),
    TokenTransfer(sending::TokenTransfer),
    /// Names that stand for addresses.
    #[command(subcommand)]
    Contacts(address_book::ContactsCommand),
    /// Splits a secret into shares of words, and combines them (SLIP-39).
    #[command(subcommand)]
    Shamir(backup::Shamir),
    Signer(Box<serve::Serve>),
}

/// Why a command could not do its work. No secret is in any of these.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// A secret cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A mnemonic is wrong.
    #[error("the mnemonic is wrong")]
    Mnemonic(#[from] MnemonicError),
    /// There is no such key.
    #[error(transparent)]
    Hd(#[from] HdError),
    /// A path is wrong.
    #[error("the path is wrong")]
    Path(#[from] PathError),
    /// A keystore does not give its key.
    #[error("the keystore does not give its key")]
    Keystore(#[from] KeystoreError),
    /// Shares or their plan are wrong.
    #[error(transparent)]
    Slip(#[from] SlipError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name or address is not known.
    #[error(transparent)]
    Contact(#[from] ContactError),
    /// An amount is wrong.
    #[error("{0} is not right")]
    Amount(String, #[source] AmountError),
    /// A transaction is wrong.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Something cannot be signed.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A node does not help.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A signer does not help.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The system refuses to keep memory from being dumped.
    #[error("the system does not forbid core dumps, so no secret is read")]
    Harden(#[source] io::Error),
    /// Standard output is gone.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// Text is no private key.
    #[error(
        "this is no private key: 64 hexadecimal digits, neither zero nor above the curve's order"
    )]
    PrivateKey,
    /// Text is no signature.
    #[error("a signature has 65 bytes in hexadecimal digits")]
    SignatureForm,
    /// Data are no JSON.
    #[error("{path} is no JSON")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The chain is another one.
    #[error("the node is of chain {found}, not {wanted}")]
    Chain {
        /// Asked for.
        wanted: u64,
        /// The node's.
        found: u64,
    },
    /// The fee is too high.
    #[error("the fee could be {fee} ether, more than {max}; if that is right, raise --fee-max")]
    Fee {
        /// Ether.
        fee: String,
        /// Ether.
        max: String,
    },
    /// A token does not do what tokens do.
    #[error("{0} is no ERC-20 token, or refuses the transfer: {1}")]
    Token(Address, &'static str),
    /// The node says another hash.
    #[error("the node says that the transaction is {said}, but it is {found}; do not trust it")]
    Hash {
        /// The node's.
        said: B256,
        /// Right.
        found: B256,
    },
    /// The transaction is in no block in time.
    #[error("{0} is sent but in no block yet; look for it later, and do not send again")]
    Pending(B256),
    /// Arguments that do not go together.
    #[error("{0}")]
    Arguments(&'static str),
}

impl Wallet {
    /// Runs the command. `false` says that a signature is not right, or a transaction failed.
    ///
    /// # Errors
    ///
    /// See [`WalletError`].
    pub fn run(self) -> Result<bool, WalletError> {
        process::harden().map_err(WalletError::Harden)?;
        let context = Context { output: Output { json: self.json }, contacts: self.contacts };
        match self.command {
            Command::New(one) => one.run(&context),
            Command::Derive(one) => one.run(&context),
            Command::Xpub(one) => one.run(&context),
            Command::Address(one) => one.run(&context),
            Command::Discover(one) => one.run(&context),
            Command::Import(one) => one.run(&context),
            Command::Keystore(one) => one.run(&context),
            Command::List(one) => one.run(&context),
            Command::SignTransaction(one) => one.run(&context),
            Command::SignAuthorization(one) => one.run(&context),
            Command::SignMessage(one) => one.run(&context),
            Command::SignTypedData(one) => one.run(&context),
            Command::Verify(one) => one.run(&context),
            Command::Send(one) => one.run(&context),
            Command::TokenTransfer(one) => one.run(&context),
            Command::Contacts(one) => one.run(&context),
            Command::Shamir(one) => one.run(&context),
            Command::Signer(one) => one.run(&context),
        }
    }
}

/// What all commands have in common.
#[derive(Debug)]
struct Context {
    output: Output,
    contacts: Option<PathBuf>,
}

impl Context {
    fn contacts_path(&self) -> Result<PathBuf, ContactError> {
        self.contacts.clone().map_or_else(Contacts::default_path, Ok)
    }

    /// The address that text is or names. The address book is not needed for addresses.
    fn resolve(&self, text: &str) -> Result<Address, WalletError> {
        if text.starts_with("0x") {
            return Ok(Contacts::default().resolve(text)?);
        }
        Ok(Contacts::load(&self.contacts_path()?)?.resolve(text)?)
    }
}
