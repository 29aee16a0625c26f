//! `signer`: the process that holds keys.

use super::{Context, WalletError, keys, keys::PassphraseArgs};
use crate::{
    amount::parse_ether,
    key::PrivateKey,
    path::{DerivationPath, ETHEREUM},
    secret::terminal,
    signer::{Decide, Policy, Server},
};
use alloy_primitives::{Address, U256};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Most accounts of a signer.
const ACCOUNTS_MAX: i64 = 1000;

/// Holds keys in this process alone and signs for others of the same user, over a Unix socket.
///
/// Without a policy it asks on its terminal before each signature. With --chain-id it follows the
/// policy that --allow-… and --…-max give, and refuses the rest without asking.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The socket to make, in a folder of mode 0700
    #[arg(long, value_name = "SOCKET")]
    socket: PathBuf,
    /// Keystore files; may be repeated. Without any the mnemonic is read from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "count", "passphrase_file", "ask_passphrase"])]
    keystore: Vec<PathBuf>,
    /// A file with the password of the keystores; asked for if left out
    #[arg(long, value_name = "FILE", requires = "keystore")]
    password_file: Option<PathBuf>,
    /// What is above the accounts [default: m/44'/60'/0'/0]
    #[arg(long, value_name = "PATH")]
    path: Option<DerivationPath>,
    /// How many accounts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=ACCOUNTS_MAX))]
    count: u32,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// What is signed without asking.
#[derive(Debug, Args)]
struct PolicyArgs {
    /// Sign without asking what the policy allows, on this chain alone
    #[arg(long)]
    chain_id: Option<u64>,
    /// Who may be sent ether and tokens: an address or a name; may be repeated
    #[arg(long, value_name = "ACCOUNT", requires = "chain_id")]
    allow_to: Vec<String>,
    /// A token that may be transferred, to those of --allow-to; may be repeated
    #[arg(long, value_name = "TOKEN", requires = "chain_id")]
    allow_token: Vec<String>,
    /// Allow any data in calls to those of --allow-to
    #[arg(long, requires = "chain_id")]
    allow_data: bool,
    /// Allow messages (EIP-191)
    #[arg(long, requires = "chain_id")]
    allow_messages: bool,
    /// A contract whose typed data (EIP-712) are signed; may be repeated
    #[arg(long, value_name = "CONTRACT", requires = "chain_id")]
    allow_typed_data: Vec<String>,
    /// A contract that accounts may be delegated to (EIP-7702); may be repeated
    #[arg(long, value_name = "CONTRACT", requires = "chain_id")]
    allow_delegate: Vec<String>,
    /// Most ether of a transaction
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    value_max: String,
    /// Most ether of a transaction's fee
    #[arg(long, value_name = "AMOUNT", default_value = "0.01")]
    fee_max: String,
    /// Most ether of values and fees together, while the signer runs
    #[arg(long, value_name = "AMOUNT", default_value = "1")]
    total_max: String,
}

impl PolicyArgs {
    fn decide(&self, context: &Context) -> Result<Decide, WalletError> {
        let Some(chain_id) = self.chain_id else {
            // Better now than at the first request.
            terminal()?;
            return Ok(Decide::Person);
        };
        let ether = |text: &String| -> Result<U256, WalletError> {
            parse_ether(text).map_err(|error| WalletError::Amount(text.clone(), error))
        };
        let resolve = |names: &[String]| -> Result<Vec<Address>, WalletError> {
            names.iter().map(|name| context.resolve(name)).collect()
        };
        let (value_max, fee_max) = (ether(&self.value_max)?, ether(&self.fee_max)?);
        let mut policy = Policy::new(chain_id, value_max, fee_max, ether(&self.total_max)?);
        policy.to = resolve(&self.allow_to)?;
        policy.tokens = resolve(&self.allow_token)?;
        policy.typed_data = resolve(&self.allow_typed_data)?;
        policy.delegates = resolve(&self.allow_delegate)?;
        policy.data = self.allow_data;
        policy.messages = self.allow_messages;
        Ok(Decide::Policy(Box::new(policy)))
    }
}

impl Serve {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let decide = self.policy.decide(context)?;
        let keys = self.keys()?;
        let mut server = Server::bind(&self.socket, keys, decide)?;
        for address in server.accounts() {
            let value = json!({"address": address, "socket": self.socket});
            context.output.print(&format!("{address} {}", self.socket.display()), &value)?;
        }
        let json = context.output.json;
        server.run(|text| {
            // Whoever closed the standard error does not want to know.
            let line = if json { json!({ "report": text }).to_string() } else { text.to_owned() };
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
        })?;
        Ok(true)
    }

    fn keys(&self) -> Result<Vec<PrivateKey>, WalletError> {
        if !self.keystore.is_empty() {
            let password = self.password_file.as_deref();
            return self.keystore.iter().map(|path| keys::open(path, password)).collect();
        }
        let path = self.path.clone().map_or_else(|| ETHEREUM.parse(), Ok)?;
        let parent = self.passphrase.root()?.derive(&path)?;
        (0..self.count)
            .map(|index| Ok(PrivateKey::from(parent.child(index)?.private_key())))
            .collect()
    }
}
