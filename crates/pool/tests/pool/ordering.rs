//! What is pending, and in which order it is offered.

use crate::support::{Bench, legacy, sender, signed, transfer};
use heddle_pool::{Context, Ordering, Placement, Settings};

#[test]
fn orders_by_effective_tip_then_by_arrival() {
    let context = Context { base_fee: 100, ..Context::default() };
    let mut bench = Bench::new(Settings::default(), context);
    bench.accept(1, 0, 105, 50); // 5
    bench.accept(2, 0, 1000, 7); // 7
    bench.accept(3, 0, 107, 20); // 7, later
    bench.add(signed(4, legacy(4, 0, 106))).unwrap(); // 6
    bench.accept(5, 0, 99, 99); // below the base fee
    bench.accept(5, 1, 1000, 900); // behind it
    bench.accept(1, 1, 1000, 500);
    assert_eq!(bench.best(), [(2, 0), (3, 0), (4, 0), (1, 0), (1, 1)]);
    let cheap: Vec<_> = bench.pool.best_at(50, 1).map(|t| t.sender().as_slice()[19]).collect();
    assert_eq!(cheap, [4, 1, 1, 5, 5, 3, 2]);
}

#[test]
fn orders_by_arrival_alone_if_told_to() {
    let settings = Settings { ordering: Ordering::Fifo, ..Settings::default() };
    let context = Context { base_fee: 10, ..Context::default() };
    let mut bench = Bench::new(settings, context);
    bench.accept(1, 0, 10, 0);
    bench.accept(2, 1, 100, 90);
    bench.accept(3, 0, 9, 9);
    bench.accept(1, 1, 100, 90);
    bench.accept(2, 0, 100, 90);
    // What came early but had to wait for another of its sender comes right after it.
    assert_eq!(bench.best(), [(1, 0), (1, 1), (2, 0), (2, 1)]);
}

#[test]
fn skips_a_sender_whose_transaction_found_no_place() {
    let mut bench = Bench::plain();
    for nonce in 0..3 {
        bench.accept(1, nonce, 10, 5);
        bench.accept(2, nonce, 10, 4);
    }
    let mut best = bench.pool.best();
    assert_eq!(best.next().unwrap().sender(), sender(1));
    best.skip_sender();
    assert!(best.all(|transaction| transaction.sender() == sender(2)));
}

#[test]
fn begins_after_what_is_in_a_block_that_the_pool_was_not_told_of() {
    let mut bench = Bench::plain();
    for nonce in 0..3 {
        for from in 1..=4 {
            bench.accept(from, nonce, 10, 5);
        }
    }
    // What waits behind a gap is offered no earlier than without that block.
    bench.accept(4, 4, 10, 5);
    let next = [(1, 1), (2, 3), (4, 4)].map(|(from, nonce)| (sender(from), nonce));
    let nonce = |of| next.iter().find(|(sender, _)| *sender == of).map(|(_, nonce)| *nonce);
    let best = bench.pool.best().after(&nonce);
    let best: Vec<_> = best.map(|t| (t.sender().as_slice()[19], t.nonce())).collect();
    assert_eq!(best, [(3, 0), (1, 1), (3, 1), (1, 2), (3, 2)]);
    // Who is said to be behind what the pool knows is where the pool knows them to be.
    bench.set_nonce(5, 7);
    bench.accept(5, 7, 10, 9);
    let behind = |_| Some(0);
    assert_eq!(bench.pool.best().after(&behind).next().unwrap().nonce(), 7);
}

#[test]
fn queues_behind_a_gap_until_it_is_filled() {
    let mut bench = Bench::plain();
    let added = bench.add(signed(1, transfer(1, 2, 10, 1))).unwrap();
    assert_eq!(added.placement, Placement::Queued);
    assert!(added.promoted.is_empty());
    bench.accept(1, 0, 10, 1);
    assert_eq!(bench.pool.next_nonce(&sender(1)), Some(1));
    let added = bench.add(signed(1, transfer(1, 1, 10, 1))).unwrap();
    let promoted: Vec<_> = added.promoted.iter().map(|transaction| transaction.nonce()).collect();
    assert_eq!(promoted, [1, 2]);
    assert_eq!(bench.pool.next_nonce(&sender(1)), Some(3));
    assert_eq!(bench.pool.next_nonce(&sender(2)), None);
    assert_eq!(bench.best(), [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn queues_what_the_sender_cannot_pay_for_yet() {
    let mut bench = Bench::plain();
    bench.set_balance(1, 21_000 * 25);
    bench.accept(1, 1, 10, 1);
    bench.accept(1, 2, 10, 1);
    let added = bench.add(signed(1, transfer(1, 0, 10, 1))).unwrap();
    assert_eq!(added.promoted.len(), 2);
    assert_eq!(bench.best(), [(1, 0), (1, 1)]);
    bench.set_balance(1, 21_000 * 30);
    let outcome = bench.block(&[], &[], &[sender(1)]);
    assert_eq!(outcome.promoted.len(), 1);
    assert_eq!(bench.best(), [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn tells_what_it_holds() {
    let mut bench = Bench::plain();
    let hash = bench.accept(1, 0, 10, 1);
    bench.accept(1, 2, 10, 1);
    bench.accept(2, 0, 10, 1);
    let status = bench.pool.status();
    assert_eq!((status.pending, status.queued), (2, 1));
    let content = bench.pool.content();
    assert_eq!(content.pending.len(), 2);
    assert_eq!(content.queued[&sender(1)][&2].nonce(), 2);
    assert_eq!(bench.pool.content_from(&sender(2)).pending.len(), 1);
    assert!(bench.pool.is_pending(&hash));
    let summary = bench.pool.get(&hash).unwrap().summary();
    assert_eq!(summary, format!("{}: 0 wei + 21000 gas × 10 wei", sender(1)));
    assert_eq!(bench.pool.get_by_nonce(&sender(1), 0).unwrap().hash(), hash);
    let sent = bench.pool.get(&hash).unwrap().to_pooled().unwrap();
    assert_eq!(*sent.tx_hash(), hash);
}
