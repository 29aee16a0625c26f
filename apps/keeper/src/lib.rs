//! A keeper of a lending pool: it begins auctions of accounts whose health fell under 1, repays their
//! debts for collateral when the discount pays, and sells what it got.
//!
//! In: a configuration, a node over JSON-RPC, a key in a file. Out: transactions. `docs/keeper.md` says
//! how it is used. To read, from the bottom:
//!
//! - [`math`], [`reserve`], [`health`], [`auction`]: what the contracts count, to the unit.
//! - [`mirror`], [`checkpoint`], [`follow`]: all positions, made of events.
//! - [`plan`], [`sale`]: what would pay.
//! - [`journal`], [`patience`]: what was sent survives a crash, and is not sent twice.
//! - [`keeper`], and the commands, [`KeeperCommand`].

pub mod auction;
pub mod checkpoint;
mod commands;
pub mod config;
pub mod follow;
pub mod health;
pub mod journal;
pub mod keeper;
pub mod mirror;
pub mod patience;
pub mod plan;
pub mod reserve;
pub mod sale;

pub use commands::{CommandError, KeeperCommand};
pub use heddle_venue::math;
