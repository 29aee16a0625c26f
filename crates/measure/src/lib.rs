//! Measuring: replays recorded blocks, runs benchmarks and conformance suites through the executor,
//! puts loads on nodes.
//!
//! Each command is a struct of command-line arguments with `run(self) -> Result<bool, Error>`:
//! `true` when all was as it should be, `false` when something differed (and was printed), an
//! [`Error`] when the command could not do its work. The binary `heddle` mounts them.
//!
//! - [`conformance`]: runs the public tests of Ethereum, those of state in all three ways.
//! - [`Replay`]: executes recorded blocks in all three ways and compares everything.
//! - [`mod@bench`]: executes synthetic blocks in all three ways and times it; the blocks are there for
//!   tests too.
//! - [`Load`]: puts transactions on a node over JSON-RPC and measures what becomes of them;
//!   [`BenchCompare`] does so with two nodes in turn, [`BenchExplorer`] with one that has its explorer
//!   and one that has not.
//! - [`recorded`]: loading such blocks, for tests and benchmarks too.
//! - [`state_root`]: the root of a state held in memory, from nothing.
//! - [`differences`]: how two executions of a block differ, in words.

pub mod bench;
mod compare;
pub mod conformance;
mod error;
mod load;
pub mod recorded;
mod replay;

pub use compare::differences;
pub use conformance::state_root;
pub use error::Error;
pub use load::{BenchCompare, BenchExplorer, Load, LoadError, LoadKind};
pub use replay::Replay;
