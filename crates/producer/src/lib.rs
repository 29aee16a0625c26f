//! Makes blocks alone: automatic, interval and manual mining, snapshots, time travel,
//! impersonation.
//!
//! It stands where a network has consensus: a block is what the pool has when the producer is
//! asked. Everything else, building, committing and what is valid, is the chain's.
//!
//! - In: transactions that came into the pool ([`Producer::transaction_arrived`]), the clock
//!   ([`Producer::run`]), and a developer's orders.
//! - Out: blocks of the chain. The pool is told of each.
//!
//! Invariants:
//!
//! 1. While mining is automatic, no transaction that can be mined is in the pool when
//!    [`Producer::transaction_arrived`] returns.
//! 2. Each block is later than its parent, whatever the clock says.
//! 3. Whoever has the orders finds every block that was begun at its end: committed, and known to the
//!    pool. Only [`Producer::run`] begins one before the last is there.

mod amendments;
mod console;
mod draft;
mod dump;
mod error;
mod impersonation;
mod load;
mod mining;
mod pending;
mod producer;
mod run;
mod snapshots;
mod time;

#[cfg(test)]
mod tests;

pub use amendments::AccountAmendment;
pub use console::Console;
pub use draft::{PRUNE_INTERVAL, drop_refused};
pub use dump::{
    AccountFields, Accounts, BlockDump, BlockFields, HistoricalState, MinedDump, StateDump,
};
pub use error::Error;
pub use heddle_executor::console::CONSOLE as CONSOLE_ADDRESS;
pub use impersonation::{Impersonation, stand_in_signature};
pub use mining::{Mining, Mode};
pub use pending::Pending;
pub use producer::{
    Clock, Producer, Promoted, Settings, candidates, next_context, next_prevrandao, sender_state,
};
pub use time::{BlockTime, TimeError};
