//! The schedules of blocks: who has one, and that it is no part of a block.

use crate::{
    block, event,
    support::{
        Choices, attributes, attributes_after, candidates, candidates_after, canonical_tables,
        chain_with, genesis, grow,
    },
};
use heddle_chain::{Chain, CommittedBlock, Imported, Settings};
use heddle_storage::Database;
use heddle_types::Fork;
use std::sync::Arc;

fn chain(fork: Fork, record_schedule: bool) -> (Chain, Database) {
    let settings =
        Settings { threads: 2, parallel_gas_min: 0, record_schedule, ..Settings::default() };
    chain_with(&genesis(fork), settings)
}

/// Whether there is a schedule that has one final span of each of the block's transactions.
fn is_scheduled(block: &CommittedBlock) -> bool {
    let Some(schedule) = &block.schedule else { return false };
    let finals = schedule.spans.iter().filter(|span| span.kind.is_final());
    let mut transactions: Vec<u32> =
        finals.flat_map(|span| span.transaction..span.transaction + span.count).collect();
    transactions.sort_unstable();
    transactions == (0..block.receipts.len() as u32).collect::<Vec<_>>()
}

#[test]
fn every_block_that_is_executed_has_a_schedule_if_asked_for() {
    for fork in [Fork::Frontier, Fork::Cancun, Fork::Amsterdam] {
        let (builder, _) = chain(fork, true);
        let (importer, _) = chain(fork, true);
        let (plain, _) = chain(fork, false);
        let events = importer.subscribe();
        let mut choices = Choices::new(5);
        for _ in 0..4 {
            let built = grow(&builder, &mut choices, 12);
            assert!(!built.block.receipts.is_empty());
            assert!(is_scheduled(&built.block), "{fork:?}: {:?}", built.block.schedule);
            for list in [None, built.access_list.clone()] {
                let verified = importer.verify_with_list(block(&built), list).unwrap();
                assert!(is_scheduled(&verified.block), "{fork:?}: {:?}", verified.block.schedule);
                assert_eq!(verified.block, built.block);
            }
            let imported = importer.import_recovered(block(&built), None).unwrap();
            assert_eq!(imported, Imported::Extended);
            let told = event(events.try_next()).committed;
            assert!(told.iter().all(|block| is_scheduled(block)), "{fork:?}");
            let unscheduled = plain.verify(block(&built)).unwrap();
            assert!(unscheduled.block.schedule.is_none());
            assert_eq!(unscheduled.block, built.block);
            plain.commit(unscheduled).unwrap();
        }
    }
}

#[test]
fn a_block_executed_ahead_has_a_schedule() {
    let (chain, _) = chain(Fork::Osaka, true);
    let mut choices = Choices::new(6);
    let head = chain.reader().head().hash;
    let first = candidates(&chain, &mut choices, 12);
    let mut first = chain.execute(head, &attributes(&chain, 12), first).unwrap();
    let ahead = chain.ahead(&mut first).unwrap();
    let next: Vec<_> = candidates_after(&chain, Some(&ahead), &mut choices, 40)
        .into_iter()
        .filter(|candidate| alloy_consensus::Transaction::input(&candidate.transaction).is_empty())
        .collect();
    let next = chain.execute_after(&ahead, &attributes_after(ahead.header(), 12), next).unwrap();
    chain.commit(chain.seal(first).unwrap()).unwrap();
    let next = chain.commit(chain.seal(next).unwrap()).unwrap();
    assert!(!next.receipts.is_empty());
    assert!(is_scheduled(&next), "{:?}", next.schedule);
}

#[test]
fn a_schedule_is_not_stored_and_makes_no_block_another() {
    let (recording, recorded_db) = chain(Fork::Cancun, true);
    let (plain, plain_db) = chain(Fork::Cancun, false);
    let mut choices = Choices::new(7);
    for number in 1..4 {
        let built = grow(&recording, &mut choices, 12);
        plain.import_recovered(block(&built), None).unwrap();
        let stored = recording.reader().committed(number).unwrap().unwrap();
        assert!(built.block.schedule.is_some() && stored.schedule.is_none());
        assert_eq!(stored, *built.block);
        let other = CommittedBlock { receipts: Vec::new(), ..stored.clone() };
        assert_ne!(other, stored);
        assert_eq!(Arc::new(stored), built.block);
    }
    assert_eq!(canonical_tables(&recorded_db), canonical_tables(&plain_db));
}
