//! Random contracts and conflicting blocks: every way gives the same on every number of threads.
//!
//! `HEDDLE_RANDOM_BLOCKS` is the number of blocks, `HEDDLE_SEED` what they are drawn from; the same
//! seed gives the same blocks.

mod support;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use std::{cell::RefCell, env, fmt::Debug, str::FromStr};
use support::{
    blueprint::Blueprint,
    compare::{Executors, Work},
};

/// Transactions of a block at most.
const TRANSACTIONS_MAX: usize = 160;

/// A number from the environment.
fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().expect(name))
}

#[test]
fn every_way_gives_the_same() {
    let blocks = setting("HEDDLE_RANDOM_BLOCKS", 400);
    let seed: u64 = setting("HEDDLE_SEED", 0);
    let config = ProptestConfig {
        cases: blocks,
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..ProptestConfig::default()
    };
    let mut long_seed = [0; 32];
    long_seed[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &long_seed);
    let mut runner = TestRunner::new_with_rng(config, random);
    let executors = RefCell::new(Executors::new(&[1, 2, 3, 4, 8]));
    let total = RefCell::new(Work::default());
    let result = runner.run(&vec(any::<u8>(), 64..2200), |bytes| {
        let blueprint = Blueprint::new(&bytes, TRANSACTIONS_MAX);
        let compared = executors.borrow_mut().compare_block(&blueprint.block(), &blueprint.state);
        let failed = |error| TestCaseError::fail(format!("{:?}: {error}", blueprint.fork));
        let (_, work) = compared.map_err(failed)?;
        *total.borrow_mut() += work;
        Ok(())
    });
    let total = total.into_inner();
    println!("{blocks} blocks from seed {seed}: {total}");
    if let Err(error) = result {
        panic!("HEDDLE_SEED={seed} HEDDLE_RANDOM_BLOCKS={blocks}: {error}");
    }
    assert!(total.included > 0 && total.speculative_executions > 0, "nothing was compared");
}
