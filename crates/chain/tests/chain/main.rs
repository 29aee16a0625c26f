//! What the chain promises, on random blocks.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod ahead;
mod damage;
mod schedule;
mod snapshot;
mod support;

use alloy_primitives::{B256, U256};
use heddle_chain::{Attributes, BlockError, Chain, ChainEvent, Error, Imported, Notice, Settings};
use heddle_storage::{Database, Options};
use heddle_types::{AccountChange, AccountState, ChangeSet, Fork, RecoveredBlock};
use proptest::prelude::*;
use support::{
    Choices, attributes, candidates, canonical_tables, chain, chain_with, genesis, grow, sender,
};

const FORKS: [Fork; 15] = [
    Fork::Frontier,
    Fork::Homestead,
    Fork::Tangerine,
    Fork::SpuriousDragon,
    Fork::Byzantium,
    Fork::Petersburg,
    Fork::Istanbul,
    Fork::Berlin,
    Fork::London,
    Fork::Merge,
    Fork::Shanghai,
    Fork::Cancun,
    Fork::Prague,
    Fork::Osaka,
    Fork::Amsterdam,
];

fn block(executed: &heddle_chain::ExecutedBlock) -> RecoveredBlock {
    executed.block.block.clone()
}

fn event(notice: Option<Notice>) -> ChainEvent {
    match notice {
        Some(Notice::Event(event)) => (*event).clone(),
        other => panic!("no event, but {other:?}"),
    }
}

/// The blocks that a chain of its own makes from a seed.
fn branch(fork: Fork, seed: u64, blocks: u64, seconds: u64) -> Vec<RecoveredBlock> {
    let (chain, _db) = chain(&genesis(fork));
    let mut choices = Choices::new(seed);
    (0..blocks).map(|_| block(&grow(&chain, &mut choices, seconds))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_built_is_what_is_verified(seed: u64, fork in 0..FORKS.len()) {
        let fork = FORKS[fork];
        let genesis = genesis(fork);
        let (builder, built_db) = chain(&genesis);
        let (verifier, verified_db) = chain_with(&genesis, Settings { threads: 1, ..Settings::default() });
        let mut choices = Choices::new(seed);
        for round in 0..3 {
            let built = grow(&builder, &mut choices, 12 + round);
            let list = built.access_list.clone();
            prop_assert_eq!(list.is_some(), fork >= Fork::Amsterdam);
            // The random transactions must do something for this to mean anything.
            prop_assert!(!built.block.receipts.is_empty());
            let optimistic = verifier.verify(block(&built)).unwrap();
            let guided = verifier.verify_with_list(block(&built), list.clone()).unwrap();
            for verified in [&optimistic, &guided] {
                prop_assert_eq!(&verified.block, &built.block);
                prop_assert_eq!(&verified.access_list, &list);
                prop_assert_eq!(&verified.requests, &built.requests);
            }
            verifier.commit(guided).unwrap();
        }
        prop_assert_eq!(canonical_tables(&built_db), canonical_tables(&verified_db));
    }

    #[test]
    fn a_reorganisation_leaves_what_a_straight_import_would(
        seed: u64, fork in prop::sample::select(&[Fork::Frontier, Fork::Istanbul, Fork::Cancun, Fork::Amsterdam][..]),
        undone in 1..4_u64, forgotten: bool,
    ) {
        let genesis = genesis(fork);
        // The faster blocks are the harder ones.
        let slow = branch(fork, seed, undone, 40);
        let fast = branch(fork, seed ^ 1, undone + 1, 5);
        let executions = if forgotten { 0 } else { 32 };
        // Of every block, so that both stores can be compared.
        let settings = Settings { trie_versions_max: 1, ..Settings::default() };
        let (straight, straight_db) = chain_with(&genesis, settings.clone());
        let settings = Settings { side_executions_max: executions, ..settings };
        let (turned, turned_db) = chain_with(&genesis, settings);
        for block in &fast {
            prop_assert_eq!(straight.import_recovered(block.clone(), None).unwrap(), Imported::Extended);
        }
        for block in slow.iter().chain(&fast) {
            turned.import_recovered(block.clone(), None).unwrap();
        }
        prop_assert_eq!(turned.reader().head().hash, straight.reader().head().hash);
        prop_assert_eq!(canonical_tables(&turned_db), canonical_tables(&straight_db));
        // And back again, where any valid block is taken.
        if fork >= Fork::Merge {
            prop_assert!(matches!(
                turned.import_recovered(slow[0].clone(), None).unwrap(), Imported::Reorganised(_)
            ));
            prop_assert_eq!(turned.reader().head().hash, slow[0].hash);
            turned.import_recovered(fast[undone as usize].clone(), None).unwrap();
            prop_assert_eq!(canonical_tables(&turned_db), canonical_tables(&straight_db));
        }
    }

    #[test]
    fn going_back_leaves_nothing_behind(seed: u64, blocks in 1..4_u64) {
        let genesis = genesis(Fork::Prague);
        let (chain, db) = chain(&genesis);
        let mut choices = Choices::new(seed);
        grow(&chain, &mut choices, 10);
        let before = canonical_tables(&db);
        let mark = chain.mark();
        for _ in 0..blocks {
            grow(&chain, &mut choices, 10);
            chain.amend(&set_balance(sender(1), 5)).unwrap();
        }
        let undone = chain.rewind(&mark).unwrap();
        prop_assert_eq!(undone.len() as u64, blocks);
        prop_assert_eq!(canonical_tables(&db), before);
        grow(&chain, &mut choices, 10);
    }
}

fn set_balance(address: alloy_primitives::Address, balance: u64) -> ChangeSet {
    let code_hash = alloy_primitives::KECCAK256_EMPTY;
    let after = Some(AccountState { balance: U256::from(balance), nonce: 0, code_hash });
    let change = AccountChange { address, after, storage_cleared: false, storage: Vec::new() };
    ChangeSet { accounts: vec![change], codes: Vec::new() }
}

#[test]
fn opens_again_with_all_that_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.db");
    let open = |fork| {
        let db =
            Database::open(&path, Options { cache_bytes: 4 << 20, ..Options::default() }).unwrap();
        Chain::open(db, &genesis(fork), Settings::default())
    };
    let main = branch(Fork::Cancun, 1, 3, 12);
    let beside = branch(Fork::Cancun, 2, 1, 9);
    let before = {
        let chain = open(Fork::Cancun).unwrap();
        for block in beside.iter().chain(&main) {
            chain.import_recovered(block.clone(), None).unwrap();
        }
        chain.set_safe(Some(2)).unwrap();
        chain.set_finalized(Some(0)).unwrap();
        chain.reader().head().clone()
    };
    assert!(matches!(open(Fork::Prague), Err(Error::OtherGenesis { .. })));
    let chain = open(Fork::Cancun).unwrap();
    let reader = chain.reader();
    assert_eq!(reader.head(), &before);
    assert_eq!((reader.safe(), reader.finalized()), (Some(2), Some(0)));
    assert_eq!(reader.block(3).unwrap().unwrap(), main[2]);
    assert_eq!(reader.block_by_hash(beside[0].hash).unwrap().unwrap(), beside[0]);
    drop(reader);
    // What lies beside the chain can still become the head.
    let imported = chain.import_recovered(beside[0].clone(), None).unwrap();
    assert_eq!(imported, Imported::Reorganised(3));
}

#[test]
fn amends_the_state_until_the_chain_goes_back() {
    let (chain, _db) = chain(&genesis(Fork::Cancun));
    let mut choices = Choices::new(3);
    grow(&chain, &mut choices, 10);
    let balance = |chain: &Chain| {
        let reader = chain.reader();
        reader.execution_state_at(reader.head().number).unwrap().account(sender(20)).unwrap()
    };
    let first = chain.mark();
    chain.amend(&set_balance(sender(20), 5)).unwrap();
    let second = chain.mark();
    chain.amend(&set_balance(sender(20), 6)).unwrap();
    assert_eq!(balance(&chain).unwrap().balance, U256::from(6));
    // A block on top sees it, and is verified with it.
    let head = chain.reader().head().hash;
    let built = chain.build(head, &attributes(&chain, 7), vec![]).unwrap();
    chain.verify(block(&built.executed)).unwrap();
    chain.rewind(&second).unwrap();
    assert_eq!(balance(&chain).unwrap().balance, U256::from(5));
    chain.rewind(&first).unwrap();
    assert_eq!(balance(&chain), None);
    assert!(matches!(chain.rewind(&second), Err(Error::MarkGone(1))));
}

#[test]
fn tells_subscribers_what_changed_and_whether_they_lag() {
    let (chain, _db) = chain(&genesis(Fork::Cancun));
    let subscription = chain.subscribe();
    let slow = branch(Fork::Cancun, 1, 2, 12);
    let other = branch(Fork::Cancun, 2, 1, 9);
    for block in slow.iter().chain(&other) {
        chain.import_recovered(block.clone(), None).unwrap();
    }
    let hashes = |blocks: &[std::sync::Arc<heddle_chain::CommittedBlock>]| -> Vec<B256> {
        blocks.iter().map(|block| block.block.hash).collect()
    };
    for block in &slow {
        assert_eq!(hashes(&event(subscription.next()).committed), [block.hash]);
    }
    let turn = event(subscription.next());
    assert_eq!(hashes(&turn.reverted), [slow[0].hash, slow[1].hash]);
    assert_eq!(hashes(&turn.committed), [other[0].hash]);
    assert!(subscription.try_next().is_none());
    for _ in 0..300 {
        let head = chain.reader().head().hash;
        let built = chain.build(head, &attributes(&chain, 1), vec![]).unwrap();
        chain.commit(built.executed).unwrap();
    }
    assert!(matches!(subscription.try_next(), Some(Notice::Lagged(44))));
    assert_eq!(event(subscription.try_next()).committed[0].block.block.header.number, 46);
    drop(chain);
    while subscription.next().is_some() {}
    assert!(subscription.is_closed());
}

#[test]
fn refuses_branches_that_begin_too_deep() {
    let settings = Settings { reorganisation_depth_max: 2, ..Settings::default() };
    let (chain, _db) = chain_with(&genesis(Fork::Cancun), settings);
    let main = branch(Fork::Cancun, 1, 3, 12);
    let other = branch(Fork::Cancun, 2, 1, 9);
    for block in &main {
        chain.import_recovered(block.clone(), None).unwrap();
    }
    let refused = chain.import_recovered(other[0].clone(), None);
    assert!(matches!(refused, Err(Error::ForkTooDeep { ancestor: 0, lowest: 1 })), "{refused:?}");
    chain.rewind_to(2).unwrap();
    chain.set_finalized(Some(1)).unwrap();
    let refused = chain.import_recovered(other[0].clone(), None);
    assert!(matches!(refused, Err(Error::ForkTooDeep { ancestor: 0, lowest: 1 })), "{refused:?}");
}

#[test]
fn prunes_old_states_and_says_so() {
    let (chain, _db) = chain(&genesis(Fork::Cancun));
    let mut choices = Choices::new(9);
    for _ in 0..6 {
        grow(&chain, &mut choices, 5);
    }
    chain.prune(2).unwrap();
    let reader = chain.reader();
    assert_eq!(reader.oldest_state(), 4);
    for number in 4..=6 {
        let root = reader.header(number).unwrap().unwrap().state_root;
        assert_eq!(reader.state_at(number).unwrap().root(), root);
    }
    let pruned = reader.state_at(3);
    assert!(matches!(pruned, Err(Error::StatePruned { number: 3, oldest: 4 })), "{pruned:?}");
    assert!(reader.receipts(1).unwrap().is_some());
    grow(&chain, &mut choices, 5);
}

#[test]
fn names_the_rule_that_a_block_breaks() {
    let (chain, _db) = chain(&genesis(Fork::Cancun));
    let mut choices = Choices::new(4);
    let head = chain.reader().head().hash;
    let candidates = candidates(&chain, &mut choices, 5);
    let built = chain.build(head, &attributes(&chain, 9), candidates).unwrap();
    let good = block(&built.executed);
    let broken = |change: &dyn Fn(&mut RecoveredBlock)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad.hash = bad.block.header.hash_slow();
        match chain.verify(bad) {
            Err(Error::Block { source, .. }) => *source,
            other => panic!("not refused: {other:?}"),
        }
    };
    use BlockError as E;
    let root = B256::repeat_byte(1);
    assert!(matches!(broken(&|b| b.block.header.state_root = root), E::StateRoot { .. }));
    assert!(matches!(broken(&|b| b.block.header.receipts_root = root), E::ReceiptsRoot { .. }));
    assert!(matches!(broken(&|b| b.block.header.parent_hash = root), E::UnknownParent(_)));
    assert!(matches!(broken(&|b| b.block.header.timestamp = 0), E::Timestamp { .. }));
    assert!(matches!(broken(&|b| b.block.header.gas_used += 1), E::GasUsed { .. }));
    assert!(matches!(broken(&|b| b.block.header.base_fee_per_gas = None), E::MissingField { .. }));
    assert!(matches!(
        broken(&|b| b.block.header.requests_hash = Some(root)),
        E::UnexpectedField { .. }
    ));
    assert!(matches!(broken(&|b| b.senders.truncate(0)), E::Senders { .. }));
    assert!(matches!(broken(&|b| b.block.body.withdrawals = None), E::WithdrawalsRoot { .. }));
    assert_eq!(chain.reader().head().number, 0);
    chain.commit(built.executed.clone()).unwrap();
    assert!(matches!(chain.commit(built.executed), Err(Error::NotOnHead { .. })));
}

#[test]
fn refuses_to_build_what_no_block_can_be() {
    let (chain, _db) = chain(&genesis(Fork::Cancun));
    let head = chain.reader().head().hash;
    let order = |attributes: Attributes| chain.build(head, &attributes, vec![]).unwrap_err();
    let late = order(Attributes { timestamp: 0, ..attributes(&chain, 1) });
    assert!(
        matches!(late, Error::Build { source, .. } if matches!(*source, BlockError::Timestamp { .. }))
    );
    let long = order(Attributes { extra_data: vec![0; 33].into(), ..attributes(&chain, 1) });
    assert!(
        matches!(long, Error::Build { source, .. } if matches!(*source, BlockError::ExtraDataLength(33)))
    );
    let unknown = chain.build(B256::ZERO, &attributes(&chain, 1), vec![]);
    assert!(matches!(unknown, Err(Error::NoBlockWithHash(_))));
}
