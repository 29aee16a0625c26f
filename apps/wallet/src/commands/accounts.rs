//! Mnemonics and the accounts below them.

use super::{
    Context, WalletError,
    keys::PassphraseArgs,
    output::{Output, join},
    sending::NodeArgs,
};
use crate::{
    amount::{ETHER_DECIMALS, format_units},
    discover::{GAP_LIMIT, discover},
    hd::{ExtendedPrivateKey, ExtendedPublicKey},
    key::PrivateKey,
    mnemonic::Mnemonic,
    path::{DerivationPath, ETHEREUM},
    secret::SecretBytes,
};
use clap::Args;
use serde_json::json;

/// Most accounts that are derived at once.
const COUNT_MAX: u32 = 100_000;

/// Makes a new mnemonic and prints it. Write it on paper: it is not kept.
#[derive(Debug, Args)]
pub(super) struct New {
    /// 12, 15, 18, 21 or 24
    #[arg(long, default_value_t = 24)]
    words: usize,
}

impl New {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let phrase = Mnemonic::generate(self.words)?.phrase();
        let text = if context.output.json {
            join(&["{\"mnemonic\":\"", phrase.expose(), "\"}"])
        } else {
            phrase
        };
        context.output.print_secret(&text)?;
        Ok(true)
    }
}

/// Derives accounts from the mnemonic on standard input.
#[derive(Debug, Args)]
pub(super) struct Derive {
    /// The path of an account, or with --count of what is above the accounts; may be repeated
    /// [default: m/44'/60'/0'/0 with --count 1]
    #[arg(long, value_name = "PATH")]
    path: Vec<DerivationPath>,
    /// How many accounts below each path, from --first on
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(COUNT_MAX)))]
    count: Option<u32>,
    /// The first index below the path
    #[arg(long, default_value_t = 0, requires = "count")]
    first: u32,
    /// Print private keys, too
    #[arg(long)]
    private_keys: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Derive {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let root = self.passphrase.root()?;
        let (above, count) = if self.path.is_empty() {
            (vec![ETHEREUM.parse()?], Some(self.count.unwrap_or(1)))
        } else {
            (self.path, self.count)
        };
        for path in above {
            let Some(count) = count else {
                print_account(context.output, &path, &root.derive(&path)?, self.private_keys)?;
                continue;
            };
            let parent = root.derive(&path)?;
            for index in indices(self.first, count) {
                let child = parent.child(index)?;
                print_account(context.output, &path.child(index)?, &child, self.private_keys)?;
            }
        }
        Ok(true)
    }
}

fn indices(first: u32, count: u32) -> impl Iterator<Item = u32> {
    // Beyond 2^31 `DerivationPath::child` refuses.
    (first..).take(usize::try_from(count).unwrap_or(usize::MAX))
}

fn print_account(
    output: Output,
    path: &DerivationPath,
    key: &ExtendedPrivateKey,
    with_private_key: bool,
) -> Result<(), WalletError> {
    let address = key.to_public().address();
    if !with_private_key {
        let value = json!({"path": path.to_string(), "address": address});
        return output.print(&format!("{path} {address}"), &value);
    }
    let digits = SecretBytes::new(PrivateKey::from(key.private_key()).to_bytes().to_vec()).to_hex();
    let (path, address) = (path.to_string(), address.to_string());
    output.print_secret(&if output.json {
        join(&[
            "{\"path\":\"",
            &path,
            "\",\"address\":\"",
            &address,
            "\",\"privateKey\":\"0x",
            digits.expose(),
            "\"}",
        ])
    } else {
        join(&[&path, " ", &address, " 0x", digits.expose()])
    })
}

/// Prints the extended public key of the mnemonic on standard input: it shows all addresses below.
#[derive(Debug, Args)]
pub(super) struct Xpub {
    /// The path of the key
    #[arg(long, value_name = "PATH", default_value = "m/44'/60'/0'")]
    path: DerivationPath,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Xpub {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let xpub = self.passphrase.root()?.derive(&self.path)?.to_public().to_text();
        let value = json!({"path": self.path.to_string(), "xpub": xpub});
        context.output.print(&xpub, &value)?;
        Ok(true)
    }
}

/// The path below an extended public key.
#[derive(Debug, Args)]
struct BelowArgs {
    /// The path to what is above the accounts; from an xpub on it is not hardened [default:
    /// m/44'/60'/0'/0 of a mnemonic, m/0 of the xpub of m/44'/60'/0', m of other xpubs]
    #[arg(long, value_name = "PATH")]
    path: Option<DerivationPath>,
}

impl BelowArgs {
    fn parent(&self, xpub: &str) -> Result<(ExtendedPublicKey, DerivationPath), WalletError> {
        /// Depth of m/44'/60'/0', to which BIP-44 adds change and index.
        const ACCOUNT_DEPTH: u8 = 3;
        let xpub = ExtendedPublicKey::from_text(xpub)?;
        let path = match &self.path {
            Some(path) => path.clone(),
            None if xpub.depth() == ACCOUNT_DEPTH => "m/0".parse()?,
            None => DerivationPath::default(),
        };
        Ok((xpub.derive(&path)?, path))
    }
}

/// Derives addresses from an extended public key, without any secret.
#[derive(Debug, Args)]
pub(super) struct AddressCommand {
    /// The extended public key
    #[arg(long)]
    xpub: String,
    #[command(flatten)]
    below: BelowArgs,
    /// How many
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(COUNT_MAX)))]
    count: u32,
    /// The first index
    #[arg(long, default_value_t = 0)]
    first: u32,
}

impl AddressCommand {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let (parent, path) = self.below.parent(&self.xpub)?;
        for index in indices(self.first, self.count) {
            let address = parent.child(index)?.address();
            let path = path.child(index)?;
            let value = json!({"path": path.to_string(), "address": address});
            context.output.print(&format!("{path} {address}"), &value)?;
        }
        Ok(true)
    }
}

/// Finds the accounts that were used, of the mnemonic on standard input or of an xpub.
#[derive(Debug, Args)]
pub(super) struct Discover {
    /// Watch only: an extended public key in the place of a mnemonic
    #[arg(long, conflicts_with_all = ["passphrase_file", "ask_passphrase"])]
    xpub: Option<String>,
    #[command(flatten)]
    below: BelowArgs,
    /// Accounts without use after which the search ends
    #[arg(long, default_value_t = GAP_LIMIT)]
    gap: u32,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Discover {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        // The node sees public keys' addresses only, whatever they come from.
        let (parent, path) = if let Some(xpub) = &self.xpub {
            self.below.parent(xpub)?
        } else {
            let path = self.below.path.clone().map_or_else(|| ETHEREUM.parse(), Ok)?;
            (self.passphrase.root()?.derive(&path)?.to_public(), path)
        };
        let node = self.node.connect();
        let address = |index| Ok::<_, WalletError>(parent.child(index)?.address());
        for used in discover(&node, self.gap, address)? {
            let path = path.child(used.index)?.to_string();
            let ether = format_units(used.balance, ETHER_DECIMALS);
            let line =
                format!("{path} {} nonce {} balance {ether} ether", used.address, used.nonce);
            let value = json!({
                "path": path, "address": used.address, "nonce": used.nonce, "balance": used.balance.to_string(),
            });
            context.output.print(&line, &value)?;
        }
        Ok(true)
    }
}
