//! Who leaves a full pool.

use crate::support::{Bench, signed, transfer};
use alloy_primitives::U256;
use heddle_pool::{Context, PoolError, Settings};

/// A pool with room for a number of transfers.
fn with_room(count: u64, base_fee: u64) -> Bench {
    let mut bench = Bench::plain();
    bench.accept(1, 0, 100, 50);
    let bytes = bench.pool.status().bytes;
    let settings = Settings { bytes_max: count * bytes + bytes / 2, ..Settings::default() };
    Bench::new(settings, Context { base_fee, ..Context::default() })
}

fn content(bench: &Bench) -> Vec<(u8, u64)> {
    let content = bench.pool.content();
    let all = content.pending.into_values().chain(content.queued.into_values());
    let mut all: Vec<_> = all
        .flat_map(|by_nonce| by_nonce.into_values())
        .map(|transaction| (transaction.sender().as_slice()[19], transaction.nonce()))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn drives_out_the_cheapest_by_effective_price() {
    let mut bench = with_room(3, 100);
    bench.accept(1, 0, 500, 9); // pays 109
    let cheap = bench.accept(2, 0, 105, 90); // pays 105
    bench.accept(3, 0, 500, 20); // pays 120
    let error = bench.add(signed(4, transfer(4, 0, 500, 4))).unwrap_err();
    assert!(matches!(error, PoolError::Underpriced { .. }));
    assert!(error.to_string().starts_with("transaction underpriced"));
    let added = bench.add(signed(4, transfer(4, 0, 500, 30))).unwrap();
    assert_eq!(added.evicted, [cheap]);
    assert_eq!(bench.dropped(), [(cheap, "driven out of the full pool".to_owned())]);
    assert_eq!(content(&bench), [(1, 0), (3, 0), (4, 0)]);
}

#[test]
fn drives_out_the_cheapest_again_after_it_was_empty() {
    let mut bench = with_room(3, 0);
    for round in 0..3 {
        let cheap = bench.accept(1, 0, 100, 10);
        bench.accept(2, round, 100, 20);
        bench.accept(3, round, 100, 30);
        let added = bench.add(signed(4, transfer(4, round, 100, 15))).unwrap();
        assert_eq!(added.evicted, [cheap]);
        assert_eq!(content(&bench), [(2, round), (3, round), (4, round)]);
        let mined: Vec<_> = bench.pool.best().collect();
        bench.mine(&mined);
        assert_eq!(bench.pool.status(), heddle_pool::Status::default());
    }
}

#[test]
fn drives_out_the_last_to_arrive_among_equals() {
    let mut bench = with_room(2, 0);
    bench.accept(1, 0, 100, 50);
    bench.accept(2, 0, 100, 50);
    assert!(bench.add(signed(3, transfer(3, 0, 100, 50))).is_err());
    bench.accept(3, 0, 100, 51);
    assert_eq!(content(&bench), [(1, 0), (3, 0)]);
}

#[test]
fn drives_out_queued_before_pending_and_never_pending_for_queued() {
    let mut bench = with_room(3, 0);
    bench.accept(1, 0, 10, 10);
    bench.accept(2, 5, 900, 900);
    bench.accept(3, 0, 10, 10);
    bench.accept(4, 0, 5, 5);
    assert_eq!(content(&bench), [(1, 0), (3, 0), (4, 0)]);
    let error = bench.add(signed(5, transfer(5, 1, 900, 900))).unwrap_err();
    assert_eq!(error.to_string(), "txpool is full");
    assert_eq!(content(&bench), [(1, 0), (3, 0), (4, 0)]);
}

#[test]
fn drives_out_tails_of_the_sender_whose_cheapest_is_cheapest() {
    let mut bench = with_room(4, 0);
    bench.accept(1, 0, 5, 5);
    bench.accept(1, 1, 900, 900); // cannot be mined before the one that pays 5
    bench.accept(2, 0, 50, 50);
    bench.accept(2, 1, 50, 50);
    bench.accept(3, 0, 20, 20);
    assert_eq!(content(&bench), [(1, 0), (2, 0), (2, 1), (3, 0)]);
    bench.accept(3, 1, 20, 20);
    assert_eq!(content(&bench), [(2, 0), (2, 1), (3, 0), (3, 1)]);
}

#[test]
fn makes_room_in_the_account_of_the_new_one_if_it_is_the_cheapest() {
    let mut bench = with_room(2, 0);
    bench.accept(1, 1, 10, 10);
    bench.accept(2, 0, 50, 50);
    // It fills the gap, and takes the place of the one that waited behind it.
    bench.accept(1, 0, 20, 20);
    assert_eq!(content(&bench), [(1, 0), (2, 0)]);
}

#[test]
fn is_as_before_when_there_is_no_room() {
    let mut bench = with_room(2, 0);
    for nonce in [1, 2] {
        // Dearer than the other, so that even the bound on the costs of the account stays.
        let mut waiting = transfer(1, nonce, 10, 10);
        waiting.value = U256::from(10_000_000);
        bench.add(signed(1, waiting)).unwrap();
    }
    let before = format!("{:?}", bench.pool);
    // It would drive out both that wait, and then be too large itself.
    let mut large = transfer(1, 0, 9, 9);
    large.input = vec![1; 4000].into();
    large.gas_limit = 1_000_000;
    assert!(bench.add(signed(1, large)).is_err());
    assert_eq!(format!("{:?}", bench.pool), before);
    assert!(bench.dropped().is_empty());
}

#[test]
fn drops_what_was_queued_for_too_long() {
    let mut bench = Bench::plain();
    let old = bench.accept(1, 1, 10, 1);
    let pending = bench.accept(2, 0, 10, 1);
    bench.now += 100;
    let later = bench.accept(1, 2, 10, 1);
    bench.now += Settings::default().queued_lifetime_seconds - 99;
    bench.pool.expire(bench.now);
    assert_eq!(bench.dropped(), [(old, "queued for too long".to_owned())]);
    assert!(bench.pool.get(&later).is_some());
    // What has to wait anew has the whole time again.
    bench.accept(2, 1, 10, 1);
    bench.pool.remove(&pending, heddle_pool::DropReason::Removed, bench.now);
    bench.now += 110;
    bench.pool.expire(bench.now);
    assert_eq!(bench.pool.status().queued, 1);
}

#[test]
fn forgets_the_oldest_drops_and_says_so() {
    let settings = Settings { dropped_max: 2, ..Settings::default() };
    let mut bench = Bench::new(settings, Context::default());
    let hashes: Vec<_> = (1..=3).map(|from| bench.accept(from, 0, 10, 1)).collect();
    assert_eq!(bench.pool.clear(0), 3);
    assert!(bench.pool.dropped(&hashes[0]).is_none());
    assert_eq!(bench.pool.dropped(&hashes[2]).unwrap().hash, hashes[2]);
    let (dropped, forgotten) = bench.pool.take_dropped();
    assert_eq!((dropped.len(), forgotten), (2, 1));
    assert_eq!(bench.pool.take_dropped().0.len(), 0);
    bench.accept(4, 0, 10, 1);
    assert_eq!(bench.pool.remove_sender(&crate::support::sender(4), 0), 1);
    assert_eq!(bench.pool.take_dropped().0.len(), 1);
    assert_eq!(bench.pool.status(), heddle_pool::Status::default());
}
