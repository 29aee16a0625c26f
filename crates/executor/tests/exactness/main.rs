//! The hard cases of Ethereum's rules, one test each, through every way of executing.
//!
//! A case is a [`scene::Scene`]: a state and a block on it. It is executed in every way on several
//! numbers of threads; all must agree, and what they agree on is compared with values that were
//! worked out by hand.

// Helpers of tests panic as tests do.
#![allow(clippy::panic)]

mod access_lists;
mod accounts;
mod building;
mod contracts;
mod delegations;
mod errors;
mod faults;
mod protocol;
mod scene;
mod schedule;
#[path = "../support/mod.rs"]
mod support;
mod transfers;
mod watching;
