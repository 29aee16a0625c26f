//! The HD wallet of Heddle: keys from mnemonics (BIP-39, BIP-32, BIP-44), keystores (Web3 Secret
//! Storage), signing of all transactions and messages, Shamir backup (SLIP-39), and a signer in a
//! process of its own.
//!
//! In: the arguments of `heddle wallet`, secrets from standard input, files and the terminal. Out:
//! addresses, signatures, signed transactions; to a node over JSON-RPC. `docs/wallet.md` says how
//! it is used. To read, from the bottom:
//!
//! - [`secret`], [`process`], [`files`]: what keeps secrets in.
//! - [`mnemonic`], [`path`], [`hd`], [`key`]: from words to keys.
//! - [`keystore`], [`slip39`]: keys at rest, and in shares.
//! - [`transaction`], [`token`], [`amount`], [`work`]: what is signed.
//! - [`signer`]: keys in another process.
//! - [`discover`], [`contacts`], and the commands, [`Wallet`].

pub mod amount;
mod commands;
pub mod contacts;
pub mod discover;
pub mod files;
pub mod hd;
pub mod key;
pub mod keystore;
pub mod mnemonic;
pub mod path;
pub mod process;
pub mod secret;
pub mod signer;
pub mod slip39;
pub mod token;
pub mod transaction;
pub mod work;

pub use commands::{Wallet, WalletError};
