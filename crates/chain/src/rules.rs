//! The rules that a block must keep to, short of executing it.
//!
//! In: a block, its parent, and the [`ChainSpec`]. Out: nothing, or the first rule that is broken.
//! The seal of proof of work is not checked: this chain makes no such blocks, it only replays them.

mod blobs;
mod body;
mod difficulty;
mod fees;
mod header;
mod ommers;
mod transaction;

pub use blobs::{blob_fee, next_excess_blob_gas};
pub use body::{BLOCK_SIZE_MAX, check_body};
pub use difficulty::next_difficulty;
pub use fees::next_base_fee;
pub use header::{check_header, gas_limit_towards};
pub use ommers::{Ancestor, OMMER_DEPTH_MAX, check_ommers};
pub use transaction::check_transaction;

pub(crate) use fees::parent_gas_limit;
pub(crate) use header::check_order;

use alloy_primitives::U256;
use heddle_types::{ChainSpec, Fork};

/// The fork of a block; from the merge on only that tells whether it is made by proof of stake.
pub fn fork_of(
    spec: &ChainSpec,
    number: u64,
    timestamp: u64,
    parent_total_difficulty: U256,
) -> Fork {
    let passed =
        spec.terminal_total_difficulty.is_some_and(|terminal| parent_total_difficulty >= terminal);
    let split = spec.terminal_total_difficulty.is_none()
        && spec.config.merge_netsplit_block.is_some_and(|from| number >= from);
    spec.fork_at(number, timestamp, passed || split || spec.starts_after_merge())
}
