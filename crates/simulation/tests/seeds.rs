//! A few seeds in full, as `cargo xtask sim` runs many.

use heddle_simulation::{Counts, Fault, Mutant, Scenario, Size, run};

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

/// Seeds of whole networks for which something did not hold once.
const FOUND: [u64; 2] = [
    // The node that starts late was a validator already, and lost its disk beside a faulty one: together
    // they were one more than four can bear. The simulator's fault.
    3221,
    // A validator that was restored cut itself off, which means nothing. The simulator's fault.
    4153,
];

#[test]
fn what_was_found_once_holds_now() {
    for seed in FOUND {
        let outcome = run(seed, Size::default(), None);
        assert_eq!(outcome.violation, None, "again: cargo xtask sim --seed {seed}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    assert_eq!(run(7, SMALL, None), run(7, SMALL, None));
}

#[test]
fn a_node_that_lost_its_disk_takes_over_a_state() {
    let has_it = |seed: &u64| Scenario::new(*seed, SMALL).has(Fault::LostDisk);
    let mut times = 0;
    for seed in (1..).filter(has_it).take(3) {
        let outcome = run(seed, SMALL, None);
        assert_eq!(outcome.violation, None, "again: cargo xtask sim --seed {seed} --blocks 30");
        times += outcome.faults.get(&Fault::LostDisk).copied().unwrap_or_default();
    }
    assert!(times > 0);
}

/// How many messages a fault had an effect on.
type Effect = fn(Counts) -> u64;

#[test]
fn what_is_to_go_wrong_on_the_network_does() {
    let effects: [(Fault, Effect); 6] = [
        (Fault::Loss, |counts| counts.lost),
        (Fault::OneWay, |counts| counts.cut),
        (Fault::Partition, |counts| counts.cut),
        (Fault::Duplication, |counts| counts.duplicated),
        (Fault::Reordering, |counts| counts.overtaken),
        (Fault::Withholding, |counts| counts.withheld),
    ];
    for (fault, effect) in effects {
        let has_it = |seed: &u64| Scenario::new(*seed, SMALL).has(fault);
        let outcomes = (1..).filter(has_it).map(|seed| run(seed, SMALL, None));
        let outcome = outcomes.take(5).find(|it| it.faults.contains_key(&fault));
        let outcome = outcome.expect("a fault occurs in most runs that have it");
        assert_eq!(outcome.violation, None);
        assert!(effect(outcome.messages) > 0, "{fault}: {:?}", outcome.messages);
    }
}

#[test]
fn a_rule_that_is_left_out_is_missed() {
    let outcome = run(1, SMALL, Some(Mutant::AccuseWithoutProof));
    assert!(outcome.violation.is_some_and(|it| it.property == "P10"));
}
