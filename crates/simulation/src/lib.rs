//! A whole network of validators in one process, from one seed, with faults, and the properties
//! that must hold. Never shipped.

mod machine;

pub use machine::{Machine, NodeBlob, NodeContext};
