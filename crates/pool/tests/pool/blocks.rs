//! What blocks and reorganisations change.

use crate::support::{Bench, legacy, sender, signed, transfer};
use heddle_pool::{BlockUpdate, Context, PoolError, SenderState, Settings};
use heddle_types::Fork;

#[test]
fn forgets_what_was_mined_and_reports_nothing() {
    let mut bench = Bench::plain();
    bench.accept(1, 0, 10, 1);
    bench.accept(1, 1, 10, 1);
    bench.accept(2, 0, 10, 5);
    let best: Vec<_> = bench.pool.best().take(2).collect();
    let outcome = bench.mine(&best);
    assert_eq!(outcome.mined, 2);
    assert!(bench.dropped().is_empty());
    assert_eq!(bench.best(), [(1, 1)]);
}

#[test]
fn drops_what_another_transaction_took_the_nonce_of() {
    let mut bench = Bench::plain();
    let hash = bench.accept(1, 0, 10, 1);
    bench.accept(1, 1, 10, 1);
    bench.set_nonce(1, 1);
    bench.block(&[], &[], &[sender(1)]);
    assert_eq!(bench.dropped(), [(hash, "its nonce was used by another transaction".to_owned())]);
    assert_eq!(bench.best(), [(1, 1)]);
}

#[test]
fn drops_what_cannot_be_paid_any_more_and_lets_the_rest_wait() {
    let mut bench = Bench::plain();
    let dear = bench.accept(1, 0, 1000, 1);
    bench.accept(1, 1, 10, 1);
    bench.accept(1, 2, 10, 1);
    bench.set_balance(1, 21_000 * 25);
    bench.block(&[], &[], &[sender(1)]);
    assert_eq!(bench.dropped(), [(dear, "its sender cannot pay for it any more".to_owned())]);
    assert_eq!(bench.pool.status().queued, 2);
    bench.accept(1, 0, 6, 1);
    assert_eq!(bench.best(), [(1, 0), (1, 1)]);
}

#[test]
fn drops_what_new_rules_do_not_allow() {
    let context = Context { fork: Fork::Prague, ..Context::default() };
    let mut bench = Bench::new(Settings::default(), context.clone());
    let mut large = transfer(1, 0, 10, 1);
    large.gas_limit = 20_000_000;
    let hash = bench.add(signed(1, large)).unwrap().hash;
    bench.accept(1, 1, 10, 1);
    let mut lower = Context { block_gas_limit: 20_000_000, ..context };
    bench.pool.set_context(lower.clone(), 0);
    assert!(bench.dropped().is_empty());
    lower.fork = Fork::Osaka;
    bench.pool.set_context(lower.clone(), 0);
    let dropped = bench.dropped();
    assert_eq!(dropped[0].0, hash);
    assert!(dropped[0].1.contains("transaction gas limit too high"), "{dropped:?}");
    assert_eq!(bench.pool.status().queued, 1);
    lower.block_gas_limit = 20_999;
    bench.pool.set_context(lower, 0);
    assert!(bench.dropped()[0].1.contains("exceeds block gas limit"));
}

#[test]
fn takes_back_what_a_reorganisation_gives_back() {
    let mut bench = Bench::plain();
    for nonce in 0..3 {
        bench.accept(1, nonce, 10, 1);
        bench.add(signed(2, legacy(2, nonce, 5))).unwrap();
    }
    let best: Vec<_> = bench.pool.best().collect();
    let mined = &best[..4];
    bench.mine(mined);
    bench.accept(1, 3, 10, 1);
    let before = bench.best();
    assert_eq!(before, [(1, 1), (1, 2), (1, 3)]);
    // The other chain holds the first of sender 1 alone.
    bench.set_nonce(1, 1);
    bench.set_nonce(2, 0);
    let reverted: Vec<_> = mined.iter().map(|transaction| transaction.recovered.clone()).collect();
    let kept = [best.iter().find(|t| t.sender() == sender(1)).unwrap().clone()];
    let outcome = bench.block(&kept, &reverted, &[]);
    assert!(bench.dropped().is_empty());
    assert_eq!(outcome.promoted.len(), 3);
    assert_eq!(bench.best(), [(2, 0), (2, 1), (2, 2), (1, 1), (1, 2), (1, 3)]);
}

#[test]
fn takes_back_in_front_of_what_arrived_since() {
    let mut bench = Bench::plain();
    bench.accept(1, 0, 10, 1);
    bench.accept(2, 0, 10, 1);
    let mined: Vec<_> = bench.pool.best().collect();
    bench.mine(&mined);
    bench.accept(3, 0, 10, 1);
    bench.set_nonce(1, 0);
    bench.set_nonce(2, 0);
    let reverted: Vec<_> = mined.iter().map(|transaction| transaction.recovered.clone()).collect();
    bench.block(&[], &reverted, &[]);
    assert_eq!(bench.best(), [(1, 0), (2, 0), (3, 0)]);
}

#[test]
fn reports_what_cannot_be_taken_back() {
    let mut bench = Bench::plain();
    let poor = bench.accept(1, 0, 10, 1);
    let used = bench.accept(2, 0, 10, 1);
    let beaten = bench.accept(3, 0, 10, 1);
    let mined: Vec<_> = bench.pool.best().collect();
    bench.mine(&mined);
    bench.set_nonce(1, 0);
    bench.set_balance(1, 1);
    bench.set_nonce(3, 0);
    bench.block(&[], &[], &[sender(3)]);
    bench.accept(3, 0, 10, 1);
    bench.pool.clear(0);
    bench.dropped();
    bench.accept(3, 0, 11, 2);
    let reverted: Vec<_> = mined.iter().map(|transaction| transaction.recovered.clone()).collect();
    bench.block(&[], &reverted, &[]);
    let dropped = bench.dropped();
    let reason = |hash| &dropped.iter().find(|(of, _)| *of == hash).unwrap().1;
    assert!(reason(poor).contains("insufficient funds"));
    assert!(reason(used).contains("nonce was used"));
    assert!(reason(beaten).contains("replacement transaction underpriced"));
}

#[test]
fn follows_nonces_that_somebody_sets() {
    let mut bench = Bench::plain();
    for nonce in 3..6 {
        bench.accept(1, nonce, 10, 1);
    }
    bench.set_nonce(1, 4);
    bench.block(&[], &[], &[sender(1)]);
    assert_eq!(bench.best(), [(1, 4), (1, 5)]);
    bench.set_nonce(1, 2);
    bench.block(&[], &[], &[sender(1)]);
    assert_eq!(bench.best(), []);
    assert_eq!(bench.pool.next_nonce(&sender(1)), Some(2));
    bench.accept(1, 3, 10, 1);
    bench.accept(1, 2, 10, 1);
    assert_eq!(bench.best().len(), 4);
}

#[test]
fn changes_nothing_when_the_state_cannot_be_read() {
    let mut bench = Bench::plain();
    let hash = bench.accept(1, 0, 10, 1);
    let before = format!("{:?}", bench.pool);
    let broken = |_| Err::<SenderState, _>(std::io::Error::other("the disk is gone"));
    let update = BlockUpdate { committed: &[hash], ..BlockUpdate::default() };
    let context = Context { base_fee: 3, ..Context::default() };
    let error = bench.pool.on_block(update, context, 0, broken).unwrap_err();
    assert!(matches!(error, PoolError::State(_)));
    assert_eq!(format!("{:?}", bench.pool), before);
}

#[test]
fn forgets_what_was_mined_though_the_state_says_otherwise() {
    let mut bench = Bench::plain();
    let hash = bench.accept(1, 0, 10, 1);
    let mined: Vec<_> = bench.pool.best().collect();
    let outcome = bench.block(&mined, &[], &[]);
    assert_eq!(outcome.mined, 1);
    assert!(bench.pool.get(&hash).is_none());
}
