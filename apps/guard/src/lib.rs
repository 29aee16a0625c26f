//! A guard of a DeFi venue: whatever changes who may do what, how prices are made, or what is lost, it
//! names in words, and tells a webhook.
//!
//! In: a configuration, a node over JSON-RPC. Out: JSON to a webhook, at least once for each alert, and
//! the log. `docs/guard.md` says how it is used. To read, from the bottom:
//!
//! - [`alert`], [`words`]: what is said of an event.
//! - [`watch`]: which events there are, and which a reorganisation undid.
//! - [`webhook`]: telling it.
//! - [`config`], and the command, [`GuardCommand`].

pub mod alert;
mod commands;
pub mod config;
pub mod watch;
pub mod webhook;
pub mod words;

pub use commands::{CommandError, GuardCommand};
