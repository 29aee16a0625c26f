//! A whole network of validators in one process, from one seed, with faults, and the properties
//! that must hold. Never shipped.
//!
//! Clock and chance are those of commonware's deterministic runtime, the disk that of [`Machine`], and
//! the network is [`Network`]; all else is what a node runs: chain, pool, consensus. [`run()`] lets a seed decide how many validators
//! there are, which faults occur and when, and what clients send, and looks at each final block:
//!
//! - P1: no two honest validators have different final blocks at a height.
//! - P2: a chain of its own that executes one transaction after the other, without access list, accepts
//!   each final block, and finds the same root and the same list.
//! - P5: no ether appears or is lost, but for the base fee.
//! - P6: what an honest validator has shown as final stays so, whatever happens to its machine; what a
//!   client sent is final in the end.
//! - P8: when the faults have ended, blocks become final again, and all that was sent.
//! - P10: nobody is accused but validators that voted twice, with a proof; no honest one cuts off
//!   another.
//!
//! Read in this order: `scenario`, `run`, `judge`, `node`, `genesis`, `network`, `machine`.

mod genesis;
mod judge;
mod machine;
mod network;
mod node;
mod run;
mod scenario;

pub use judge::Violation;
pub use machine::{Machine, NodeBlob, NodeContext};
pub use network::{Counts, Disconnected, Link, Network, Peer, Receiver, Sender};
pub use run::{Outcome, run};
pub use scenario::{Chance, Fault, Mutant, Scenario, Size};
