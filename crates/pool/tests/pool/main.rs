//! What the pool does, seen from outside.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod blobs;
mod blocks;
mod model;
mod ordering;
mod room;
mod rules;
mod support;
