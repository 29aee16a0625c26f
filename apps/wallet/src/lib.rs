//! The HD wallet of Heddle.
pub mod files;
pub mod hd;
pub mod key;
pub mod keystore;
pub mod mnemonic;
pub mod path;
pub mod process;
pub mod secret;
pub mod slip39;
