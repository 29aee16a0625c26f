//! Reporters of price feeds: `heddle oracle`.
//!
//! In: prices from files and servers, observations of other reporters over HTTP, the feeds of a chain
//! over JSON-RPC. Out: signed observations to other reporters, reports to the chain.
//! `docs/oracle.md` says how reporters are run, and what their agreement guarantees.
//!
//! Invariants:
//! - A reporter signs one observation at most for each round and attempt of a feed, whatever happens to
//!   the process ([`journal`]).
//! - No observation is invented: there is one only if enough sources have a value ([`aggregate`]).
//! - What comes from others is bounded, and kept only if one of the feed's reporters has signed it
//!   ([`book`]).
//!
//! To read: [`decimal`], [`mod@pointer`], [`source`], [`aggregate`], [`collect`] from prices to a value;
//! [`observation`], [`journal`], [`attempt`], [`book`], `exchange` from a value to a report; [`feed`],
//! `outbox`, `evidence` to the chain; `reporter` all together.

pub mod aggregate;
pub mod attempt;
pub mod book;
mod clock;
pub mod collect;
mod commands;
pub mod config;
pub mod decimal;
mod error;
mod evidence;
mod exchange;
pub mod feed;
pub mod journal;
pub mod observation;
mod outbox;
pub mod pointer;
mod reporter;
pub mod source;

pub use commands::Oracle;
pub use error::OracleError;
