//! The DeFi venue: its contracts as Rust types, where they are on a chain that has it, and the
//! transactions that deploy it.
//!
//! - [`contracts`]: calls, events and errors of each.
//! - [`addresses`]: where each is, on every chain that the venue was deployed on.
//! - [`Deployment`]: the signed transactions, in blocks.
//! - [`Keys`]: who signs them, known to everybody.
//! - [`observation`]: what reporters of price feeds sign.
//! - [`math`]: what the lending pool counts.
//! - [`build_info()`]: the sources, and what the compiler made of them.

pub mod addresses;
mod build_info;
pub mod contracts;
mod deployment;
mod keys;
pub mod math;
pub mod observation;

pub use build_info::build_info;
pub use deployment::{
    ACCOUNTS_MIN, Block, Deployment, DeploymentError, GAS_LIMIT, SPAN, Settings, Step,
};
pub use keys::{HOLDERS, Keys, PATH, PHRASE, REPORTERS};
