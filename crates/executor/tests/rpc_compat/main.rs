//! The blocks of the RPC compatibility suite, executed from genesis, and its requests answered on
//! them by what this crate offers to RPC.
//!
//! Runs only where `HEDDLE_DATA` names a folder that holds `rpc-compat`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod calls;
mod chain;
mod simulate;
mod traces;
