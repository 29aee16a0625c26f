//! The primitives that the scheduler is made of; loom's when its interleavings are explored.

#[cfg(heddle_loom)]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
};
#[cfg(not(heddle_loom))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
};
