//! Scenarios of a DeFi venue: who owes what, how prices go, who liquidates, replayed on a fresh
//! development chain in the scenario's time.
//!
//! In: a file (`scenarios/*.toml`), and the binary whose `dev` makes the chain. Out: figures, and a page
//! with charts. The same seed gives the same blocks, so the same root of the state.
//! `docs/scenarios.md` says what the figures mean. To read, from the bottom:
//!
//! - [`random`], [`math`], [`mod@file`]: numbers from a seed, the contracts' arithmetic, what is asked for.
//! - [`path`], [`population`]: prices, and who owes what.
//! - [`book`], [`swap`]: the lending pool and the exchange, in exact integers.
//! - [`liquidators`]: who liquidates what, and why.
//! - [`accounts`], [`chain`], [`market`]: transactions, the chain, the contracts on it.
//! - [`replay`](mod@replay), [`run`](mod@run): block by block, engine by engine.
//! - [`takeover`]: somebody who tries to get hold of it.
//! - [`figures`], [`report`], and the commands, [`Scenario`].

pub mod accounts;
pub mod book;
pub mod chain;
mod command;
pub mod figures;
pub mod file;
pub mod liquidators;
pub mod market;
pub mod math;
#[cfg(test)]
mod paper;
pub mod path;
pub mod population;
pub mod random;
pub mod replay;
pub mod report;
pub mod run;
pub mod swap;
pub mod takeover;

pub use command::{Scenario, ScenarioError};
