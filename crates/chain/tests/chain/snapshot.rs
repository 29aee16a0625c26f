//! A chain that begins in the midst of another is the other one from there on.

use crate::support::{Choices, chain, genesis, grow};
use heddle_chain::{ANCESTORS, Chain, ChainReader, ChainSnapshot, Error, Imported, Note, Settings};
use heddle_executor::revm::DatabaseRef as _;
use heddle_types::{AccountState, ChangeSet, Fork};
use proptest::prelude::*;

/// What another node gives of a block, relative to what `own` has.
fn snapshot(of: &ChainReader, number: u64, own: &ChainReader) -> ChainSnapshot {
    let (state, before) = (of.state_at(number).unwrap(), own.state());
    let mut changes = ChangeSet::default();
    for shard in 0..=u8::MAX {
        let accounts = state.shard_accounts(shard, None, 1_000).unwrap().items;
        for (_, account) in &accounts {
            if before.code(account.code_hash).unwrap().is_none() {
                let code = state.code(account.code_hash).unwrap().unwrap();
                changes.codes.push((account.code_hash, code));
            }
        }
        let accounts = accounts.into_iter().map(|(address, account)| {
            let (balance, nonce, code_hash) = (account.balance, account.nonce, account.code_hash);
            (address, AccountState { balance, nonce, code_hash })
        });
        let slots = state.shard_slots(shard, None, 1_000).unwrap().items;
        changes.accounts.extend(before.shard_changes(shard, accounts, slots).unwrap());
    }
    changes.accounts.sort_unstable_by_key(|change| change.address);
    changes.codes.sort_unstable();
    changes.codes.dedup();
    let committed = of.committed(number).unwrap().unwrap();
    let list = of.access_list(number).unwrap();
    let before = (0..number).rev().take(ANCESTORS as usize);
    ChainSnapshot {
        block: committed.block,
        receipts: committed.receipts,
        access_list: list.map(|list| alloy_rlp::decode_exact(list).unwrap()),
        ancestors: before.map(|number| of.header(number).unwrap().unwrap()).collect(),
        changes,
    }
}

fn refused(chain: &Chain, snapshot: &ChainSnapshot) {
    let before = chain.reader().head().hash;
    let error = chain.begin_at(snapshot, &[]).unwrap_err();
    assert!(matches!(error, Error::Snapshot(_) | Error::Block { .. }), "{error}");
    assert_eq!(chain.reader().head().hash, before);
    assert!(chain.reader().block(0).unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_chain_that_began_later_goes_on_as_the_other(
        seed: u64, blocks in 1..20_u64,
        fork in prop::sample::select(&[Fork::Shanghai, Fork::Prague, Fork::Amsterdam][..]),
    ) {
        let genesis = genesis(fork);
        let (other, _) = chain(&genesis);
        let mut choices = Choices::new(seed);
        (0..blocks).for_each(|_| drop(grow(&other, &mut choices, 12)));
        let (late, db) = chain(&genesis);
        let snapshot = snapshot(&other.reader(), blocks, &late.reader());

        let mut forged = snapshot.clone();
        forged.changes.accounts.pop();
        refused(&late, &forged);
        let mut forged = snapshot.clone();
        forged.receipts.pop();
        refused(&late, &forged);
        let mut forged = snapshot.clone();
        forged.ancestors.pop();
        refused(&late, &forged);
        let mut forged = snapshot.clone();
        if let Some(first) = forged.ancestors.last_mut() {
            first.gas_limit += 1;
            refused(&late, &forged);
        }
        let mut forged = snapshot.clone();
        forged.block.block.header.gas_used += 1;
        refused(&late, &forged);

        let note = Note { name: "a note".to_owned(), bytes: vec![1, 2] };
        late.begin_at(&snapshot, std::slice::from_ref(&note)).unwrap();
        let genesis_hash = other.reader().genesis_hash().unwrap();
        for _ in 0..2 {
            let reader = late.reader();
            prop_assert_eq!(reader.head().hash, other.reader().head().hash);
            prop_assert_eq!((reader.first(), reader.oldest_state()), (blocks, blocks));
            prop_assert_eq!((reader.finalized(), reader.safe()), (Some(blocks), Some(blocks)));
            prop_assert_eq!(reader.genesis_hash().unwrap(), genesis_hash);
            prop_assert_eq!(reader.note("a note").unwrap(), Some(note.bytes.clone()));
            prop_assert!(reader.block(0).unwrap().is_none());
            let committed = other.reader().committed(blocks).unwrap();
            prop_assert_eq!(reader.committed(blocks).unwrap(), committed);
            // It began once.
            prop_assert!(matches!(late.begin_at(&snapshot, &[]), Err(Error::Adopt(_))));
        }
        drop(late);
        let verified = heddle_chain::verify_store(&db, 2, &|_, _, _| {}).unwrap().unwrap();
        prop_assert_eq!((verified.first, verified.head), (blocks, blocks));
        let late = Chain::open(db.clone(), &genesis, Settings::default()).unwrap();
        // The hashes of the blocks before the first one can be asked for, as by contracts.
        let (own, all) = (late.reader(), other.reader());
        let (own, all) =
            (own.execution_state_at(blocks).unwrap(), all.execution_state_at(blocks).unwrap());
        for number in 0..=blocks {
            let (own, all) = (own.block_hash_ref(number).unwrap(), all.block_hash_ref(number).unwrap());
            prop_assert_eq!(own, all, "{}", number);
        }
        drop((own, all));
        for _ in 0..6 {
            let executed = grow(&other, &mut choices, 12);
            let imported = late.import_recovered(executed.block.block.clone(), None).unwrap();
            prop_assert_eq!(imported, Imported::Extended);
        }
        let (reader, expected) = (late.reader(), other.reader());
        prop_assert_eq!(reader.head().hash, expected.head().hash);
        prop_assert_eq!(reader.head().state_root, expected.head().state_root);
        prop_assert_eq!(reader.head().total_difficulty, expected.head().total_difficulty);
        drop((reader, expected));
        heddle_chain::verify_store(&db, 2, &|_, _, _| {}).unwrap().unwrap();
        let other_genesis = crate::support::genesis(Fork::Cancun);
        drop(late);
        let refused = Chain::open(db, &other_genesis, Settings::default()).unwrap_err();
        prop_assert!(matches!(refused, Error::OtherGenesis { .. }), "{}", refused);
    }
}
