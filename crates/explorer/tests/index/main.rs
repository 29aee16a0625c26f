//! The index against a walk over the chain by JSON-RPC that shares nothing with it, on random
//! chains with reverts, creations, self-destructions, token transfers, snapshots and
//! reorganisations.
//!
//! `HEDDLE_EXPLORER_TRANSACTIONS` and `HEDDLE_SEED` say how many and which.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod chain;
mod judge;
mod walk;

use chain::TestChain;
use heddle_explorer::{BlockSummary, Index, IndexReader, Page};
use heddle_types::Fork;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Memory for the index's store.
const CACHE_BYTES: usize = 16 << 20;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn ephemeral() -> Index {
    Index::ephemeral(&std::env::temp_dir(), CACHE_BYTES).unwrap()
}

fn bring_to_end(index: &Index, chain: &TestChain) {
    while !index.advance(&chain.chain.reader(), &|_| None).unwrap() {}
}

/// What the index holds, as text where they differ.
fn assert_same(one: &Index, other: &Index, what: &str) {
    let (one, other) =
        (one.reader().unwrap().dump().unwrap(), other.reader().unwrap().dump().unwrap());
    for (left, right) in one.iter().zip(&other) {
        assert_eq!(left, right, "{what}: {}", String::from_utf8_lossy(&left.0[..1]));
    }
    assert_eq!(one.len(), other.len(), "{what}");
}

#[test]
fn it_is_what_a_walk_over_the_chain_finds() {
    compare_with_a_walk(Fork::Osaka, number("HEDDLE_EXPLORER_TRANSACTIONS", 20_000));
}

/// There contracts end in any transaction, and come again.
#[test]
fn it_is_what_a_walk_finds_by_the_rules_before_cancun() {
    compare_with_a_walk(Fork::Shanghai, number("HEDDLE_EXPLORER_TRANSACTIONS", 5_000));
}

fn compare_with_a_walk(fork: Fork, transactions: u64) {
    let seed = number("HEDDLE_SEED", 20_261_129);
    println!("{fork:?} HEDDLE_SEED={seed} HEDDLE_EXPLORER_TRANSACTIONS={transactions}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut chain = TestChain::new(seed, fork);
    let index = ephemeral();
    let mut steps = [0_u64; 4];
    while chain.transactions() < transactions {
        match random.gen_range(0..60) {
            0 => chain.snapshot(),
            1 => steps[0] += u64::from(chain.revert(&mut random)),
            2 => steps[1] += u64::from(chain.rollback(random.gen_range(1..4))),
            3 => steps[2] += u64::from(chain.reorganise(random.gen_range(1..4))),
            _ => chain.block(&mut random),
        }
        // It is behind for a while, and does not see all that happens.
        if random.gen_ratio(1, 3) {
            steps[3] += 1;
            index.advance(&chain.chain.reader(), &|_| None).unwrap();
        }
    }
    bring_to_end(&index, &chain);
    let [reverts, rollbacks, reorganisations, advances] = steps;
    println!(
        "{} blocks, {} transactions; {reverts} reverts, {rollbacks} roll-backs, \
         {reorganisations} reorganisations, {advances} looks",
        chain.chain.reader().head().number,
        chain.transactions(),
    );
    assert!(reverts > 0 && rollbacks > 0 && reorganisations > 0, "{steps:?}");

    let fresh = ephemeral();
    bring_to_end(&fresh, &chain);
    assert_same(&index, &fresh, "an index that followed, and one made at the end");

    let walk = walk::walk(&chain);
    walk.print();
    judge::judge(&walk, &index.reader().unwrap(), &chain);
}

#[test]
fn all_of_it_can_be_undone() {
    let mut random = StdRng::seed_from_u64(7);
    let mut chain = TestChain::new(7, Fork::Osaka);
    let (index, start) = (ephemeral(), ephemeral());
    bring_to_end(&index, &chain);
    bring_to_end(&start, &chain);
    let height = chain.chain.reader().head().number;
    for _ in 0..30 {
        chain.block(&mut random);
    }
    bring_to_end(&index, &chain);
    let depth = chain.chain.reader().head().number - height;
    assert!(depth >= 30);
    chain.rollback(depth);
    bring_to_end(&index, &chain);
    assert_same(&index, &start, "undone");
}

#[test]
fn it_goes_on_where_it_was_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.redb");
    let mut random = StdRng::seed_from_u64(8);
    let mut chain = TestChain::new(8, Fork::Osaka);
    chain.block(&mut random);
    let index = Index::open(&path, CACHE_BYTES).unwrap();
    bring_to_end(&index, &chain);
    index.settle().unwrap();
    let settled = index.reader().unwrap().head();
    chain.block(&mut random);
    bring_to_end(&index, &chain);
    // Not settled: as after a crash, it is not there.
    drop(index);
    let index = Index::open(&path, CACHE_BYTES).unwrap();
    assert_eq!(index.reader().unwrap().head(), settled);
    chain.rollback(1);
    chain.block(&mut random);
    bring_to_end(&index, &chain);
    let fresh = ephemeral();
    bring_to_end(&fresh, &chain);
    assert_same(&index, &fresh, "after a restart");
}

#[test]
fn a_block_whose_state_is_gone_lacks_only_what_executing_it_tells() {
    const KEPT: u64 = 4;
    let mut random = StdRng::seed_from_u64(9);
    let mut chain = TestChain::new(9, Fork::Osaka);
    for _ in 0..12 {
        chain.block(&mut random);
    }
    let (whole, pruned) = (ephemeral(), ephemeral());
    bring_to_end(&whole, &chain);
    chain.chain.prune(KEPT).unwrap();
    bring_to_end(&pruned, &chain);
    let (whole, pruned) = (whole.reader().unwrap(), pruned.reader().unwrap());
    let head = chain.chain.reader().head().number;
    let mut internal = 0;
    for number in 1..=head {
        let (with, without) =
            (whole.block(number).unwrap().unwrap(), pruned.block(number).unwrap().unwrap());
        assert!(with.traced);
        assert_eq!(without.traced, number > head - KEPT, "{number}");
        if without.traced {
            assert_eq!(with, without);
            continue;
        }
        internal += with.internal;
        assert_eq!((without.internal, without.waiting), (0, 0));
        let told = |block: &BlockSummary| {
            let counts = [block.transactions, block.failed, block.logs, block.transfers];
            (counts, block.gas_used, block.burned, block.tips)
        };
        assert_eq!(told(&with), told(&without), "{number}");
    }
    assert!(internal > 0, "there was something to lose");
    for sender in chain.senders() {
        let of = |index: &IndexReader| index.transactions_of(sender, Page::newest(10_000)).unwrap();
        assert!(!of(&whole).is_empty());
        assert_eq!(of(&whole), of(&pruned));
    }
}
