//! Random contracts and conflicting blocks: every way gives the same on every number of threads.

mod support;

use proptest::prelude::*;
use std::{cell::RefCell, env};
use support::{blueprint::Blueprint, compare::Executors};

thread_local! {
    static EXECUTORS: RefCell<Executors> = RefCell::new(Executors::new(&[1, 2, 3, 4, 8]));
}

/// Blocks to draw; a campaign sets more.
fn cases() -> u32 {
    env::var("HEDDLE_RANDOM_BLOCKS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_way_gives_the_same(bytes in prop::collection::vec(any::<u8>(), 64..2200)) {
        let blueprint = Blueprint::new(&bytes, 160);
        let result = EXECUTORS.with_borrow_mut(|executors| executors.compare(&blueprint));
        prop_assert!(result.is_ok(), "{:?}: {}", blueprint.fork, result.err().unwrap_or_default());
    }
}
