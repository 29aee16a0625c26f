//! The primitives that the scheduler is made of. Tests that explore its interleavings take its
//! source in with other primitives under the same path; see `docs/decisions`.

pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering},
};
