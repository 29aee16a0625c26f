//! Any bytes are a block: every way of executing it gives the same.
//!
//! The blocks are those of the property test `crates/executor/tests/random_blocks.rs`, made by the
//! same source; here the coverage of the executor leads from one to the next.

#![cfg_attr(feature = "link", no_main)]

#[allow(dead_code, reason = "the property test counts its work, too")]
#[path = "../../crates/executor/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use support::{blueprint::Blueprint, compare::Executors};

/// Transactions of a block at most: conflicts need few, and small blocks are tried more often.
const TRANSACTIONS_MAX: usize = 40;

thread_local! {
    static EXECUTORS: RefCell<Executors> = RefCell::new(Executors::new(&[1, 2, 4]));
}

fuzz_target!(|bytes: &[u8]| {
    let blueprint = Blueprint::new(bytes, TRANSACTIONS_MAX);
    let result = EXECUTORS
        .with_borrow_mut(|executors| executors.compare_block(&blueprint.block(), &blueprint.state));
    if let Err(difference) = result {
        panic!("{:?}: {difference}", blueprint.fork);
    }
});

#[cfg(not(feature = "link"))]
fn main() {}
