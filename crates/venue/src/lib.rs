//! The DeFi venue: its contracts as Rust types, where they are on a chain that has it, and the
//! transactions that deploy it.

pub mod contracts;
