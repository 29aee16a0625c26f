//! Real nodes, started as processes: what they acknowledged survives, and their memory is bounded.
//!
//! - `killed`: under load the node is killed with SIGKILL, over and over.
//! - `full_disk`: under load the disk fills up, over and over.
//! - `memory`: the node's memory as transfers are sent, with bounded history.
//!
//! All are short here; `cargo xtask campaign kill` and `cargo xtask campaign memory` make them long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

mod check;
mod client;
mod full_disk;
mod journal;
mod killed;
mod load;
mod memory;
mod node;
mod trial;
mod world;

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}
