//! A few seeds in full, as `cargo xtask sim` runs many.

use heddle_simulation::{Size, run};

/// Small enough for every change, with all properties.
const SMALL: Size = Size { validators: None, blocks: 30, transactions: 60 };

#[test]
fn a_few_networks_hold_whatever_happens_to_them() {
    for seed in 1..=6 {
        let outcome = run(seed, SMALL, None);
        assert_eq!(
            outcome.violation, None,
            "again: cargo xtask sim --seed {seed} --blocks 30 --transactions 60"
        );
        assert!(outcome.blocks >= 30 && outcome.transactions >= 60, "{outcome:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    assert_eq!(run(7, SMALL, None), run(7, SMALL, None));
}
