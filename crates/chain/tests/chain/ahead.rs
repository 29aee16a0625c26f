//! Blocks that are executed before their parents have a hash.

use crate::{
    FORKS,
    support::{
        Choices, attributes, attributes_after, candidates_after, canonical_tables, chain,
        chain_with, genesis,
    },
};
use alloy_consensus::Transaction as _;
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::Bytes;
use heddle_chain::{Ahead, Chain, Error, Settings, UnsealedBlock};
use heddle_types::{Fork, Genesis, GenesisAccount, RecoveredTransaction};
use proptest::prelude::*;
use std::{sync::Arc, thread};

/// Those in which the next block does not wait.
fn admitting_forks() -> Vec<Fork> {
    let admits = |fork: &Fork| (Fork::Byzantium..Fork::Amsterdam).contains(fork);
    FORKS.into_iter().filter(admits).collect()
}

/// Transactions of which about a quarter asks for the parent's hash, one way or the other.
fn candidates(
    chain: &Chain,
    ahead: Option<&Ahead>,
    choices: &mut Choices,
) -> Vec<RecoveredTransaction> {
    candidates_after(chain, ahead, choices, 12)
}

/// A random block on the head.
fn first(chain: &Chain, choices: &mut Choices) -> UnsealedBlock {
    let head = chain.reader().head().hash;
    let candidates = candidates(chain, None, choices);
    chain.execute(head, &attributes(chain, 12), candidates).unwrap()
}

/// A random block on one that is not sealed.
fn next(chain: &Chain, ahead: &Arc<Ahead>, choices: &mut Choices) -> Result<UnsealedBlock, Error> {
    let candidates = candidates(chain, Some(ahead), choices);
    chain.execute_after(ahead, &attributes_after(ahead.header(), 12), candidates)
}

/// A chain, and a random block on its head that another one can follow.
fn begun(genesis: &Genesis, seed: u64) -> (Chain, Choices, UnsealedBlock, Arc<Ahead>) {
    let (chain, _) = chain(genesis);
    let mut choices = Choices::new(seed);
    let mut block = first(&chain, &mut choices);
    let ahead = chain.ahead(&mut block).unwrap();
    (chain, choices, block, ahead)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The judge is another chain, which takes the blocks one by one and makes the call of EIP-2935.
    #[test]
    fn what_is_executed_ahead_is_what_is_verified(
        seed: u64,
        fork in prop::sample::select(admitting_forks()),
    ) {
        let genesis = genesis(fork);
        let (builder, built_db) = chain(&genesis);
        let settings = Settings { threads: 1, ..Settings::default() };
        let (verifier, verified_db) = chain_with(&genesis, settings);
        let mut choices = Choices::new(seed);
        let mut block = first(&builder, &mut choices);
        for _ in 0..4 {
            let ahead = builder.ahead(&mut block).unwrap();
            let (sealed, follows) = thread::scope(|scope| {
                let sealing = scope.spawn(|| {
                    let sealed = builder.seal(block).unwrap();
                    builder.commit(sealed.clone()).unwrap();
                    sealed
                });
                let follows = next(&builder, &ahead, &mut choices).unwrap();
                (sealing.join().unwrap(), follows)
            });
            prop_assert!(!sealed.block.receipts.is_empty());
            let verified = verifier.verify(sealed.block.block.clone()).unwrap();
            prop_assert_eq!(&verified.block, &sealed.block);
            verifier.commit(verified).unwrap();
            block = follows;
        }
        prop_assert_eq!(canonical_tables(&built_db), canonical_tables(&verified_db));
    }
}

#[test]
fn whoever_does_not_ask_for_the_hash_does_not_wait_for_it() {
    let (chain, mut choices, block, ahead) = begun(&genesis(Fork::Osaka), 1);
    // Nothing but transfers. Were anything to wait, it would do so for ever.
    let transfers = |candidate: &RecoveredTransaction| candidate.transaction.input().is_empty();
    let mut candidates = candidates(&chain, Some(&ahead), &mut choices);
    candidates.retain(transfers);
    assert!(!candidates.is_empty());
    let attributes = attributes_after(ahead.header(), 12);
    let follows = chain.execute_after(&ahead, &attributes, candidates).unwrap();
    // It does not have a parent before that is committed.
    let sealed = chain.seal(block).unwrap();
    let hash = sealed.block.block.hash;
    chain.commit(sealed).unwrap();
    let follows = chain.seal(follows).unwrap();
    assert_eq!(follows.block.block.block.header.parent_hash, hash);
    chain.commit(follows).unwrap();
}

#[test]
fn a_block_that_comes_to_nothing_keeps_nobody_waiting() {
    let (chain, mut choices, block, ahead) = begun(&genesis(Fork::Osaka), 2);
    drop(block);
    // Some of them ask for the hash.
    let failed = (0..20).any(|_| match next(&chain, &ahead, &mut choices) {
        Ok(follows) => chain.seal(follows).is_err(),
        Err(error) => matches!(error, Error::Execution { number: 2, .. }),
    });
    assert!(failed);
    // The chain is as it was.
    let sealed = chain.seal(first(&chain, &mut choices)).unwrap();
    chain.commit(sealed).unwrap();
}

#[test]
fn a_block_cannot_be_sealed_before_its_parent_is_committed() {
    let (chain, mut choices, block, ahead) = begun(&genesis(Fork::Osaka), 3);
    let sealed = chain.seal(block).unwrap();
    let follows = next(&chain, &ahead, &mut choices).unwrap();
    assert!(matches!(chain.seal(follows), Err(Error::NotOnHead { number: 2, .. })));
    let follows = next(&chain, &ahead, &mut choices).unwrap();
    chain.commit(sealed).unwrap();
    chain.commit(chain.seal(follows).unwrap()).unwrap();
}

#[test]
fn where_the_call_of_eip_2935_cannot_be_foreseen_the_next_block_is_too_early() {
    let other_contract = |mut genesis: Genesis| {
        let account = GenesisAccount::default().with_code(Some(Bytes::from_static(&[0x00])));
        genesis.alloc.insert(HISTORY_STORAGE_ADDRESS, account);
        genesis
    };
    for genesis in [
        genesis(Fork::SpuriousDragon),
        genesis(Fork::Amsterdam),
        other_contract(genesis(Fork::Osaka)),
    ] {
        let (chain, mut choices, _block, ahead) = begun(&genesis, 4);
        assert!(matches!(next(&chain, &ahead, &mut choices), Err(Error::TooEarly(2))));
    }
}
