//! Random blocks from bytes, and the comparison of all ways of executing them.
//!
//! The same bytes give the same block, so that a property test can shrink a failing block and a
//! fuzzer can mutate one.

pub(crate) mod blueprint;
pub(crate) mod compare;
pub(crate) mod requests;
