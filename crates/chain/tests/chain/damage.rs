//! What is wrong in a store is found and named.

use crate::support::{Choices, attributes, candidates, chain, chain_with, genesis, grow};
use heddle_chain::{Chain, Error, Imported, Settings, verify_store};
use heddle_storage::{Database, Reader, Table, Writer};
use heddle_types::Fork;

/// A chain with transactions, receipts, codes and slots, from Amsterdam on with access lists.
fn filled(fork: Fork) -> (Chain, Database) {
    filled_with(fork, Settings::default())
}

fn filled_with(fork: Fork, settings: Settings) -> (Chain, Database) {
    let (chain, db) = chain_with(&genesis(fork), settings);
    let mut choices = Choices::new(7);
    for _ in 0..12 {
        grow(&chain, &mut choices, 2);
    }
    (chain, db)
}

fn verify(db: &Database) -> Result<(), Error> {
    verify_store(db, 3, &|_, _, _| ()).map(|verified| assert!(verified.is_some()))
}

fn write(db: &Database, change: impl FnOnce(&Reader, &mut Writer)) {
    let (reader, mut writer) = (db.reader().unwrap(), db.writer().unwrap());
    change(&reader, &mut writer);
    writer.commit().unwrap();
}

/// The last row of a table that says something of the head.
fn last(reader: &Reader, table: Table) -> (Vec<u8>, Vec<u8>) {
    let versions = [Table::AccountVersions, Table::SlotVersions, Table::TrieNodes];
    let subject = |key: &[u8]| {
        let version = if versions.contains(&table) { 8 } else { 0 };
        key[..key.len() - version].to_vec()
    };
    let mut newer = None;
    let mut rows = reader.all(table).unwrap().rev().map(Result::unwrap);
    // An empty one says that something is gone.
    rows.find(|(key, value)| newer.replace(subject(key)) != Some(subject(key)) && !value.is_empty())
        .unwrap()
}

#[test]
fn a_chain_of_any_fork_is_whole() {
    for fork in [Fork::Frontier, Fork::Byzantium, Fork::London, Fork::Osaka, Fork::Amsterdam] {
        let (chain, db) = filled(fork);
        let verified = verify_store(&db, 2, &|_, done, of| assert!(done <= of)).unwrap().unwrap();
        assert_eq!((verified.first, verified.head), (0, 12));
        assert!(verified.transactions > 50, "{verified:?}");
        // Before Cancun the counters may all have destroyed themselves.
        let slots_min = if fork >= Fork::Cancun { 4 } else { 0 };
        let state = verified.state;
        assert!(state.accounts > 10 && state.slots >= slots_min, "{verified:?}");
        // Undone and pruned ones as well.
        chain.rewind_to(9).unwrap();
        verify(&db).unwrap();
        chain.prune(3).unwrap();
        verify(&db).unwrap();
    }
    let (_, db) = chain(&genesis(Fork::Osaka));
    verify(&db).unwrap();
}

/// Those of an explorer's index are empty in a chain's database.
fn tables_of_a_chain() -> impl Iterator<Item = Table> {
    let of_an_index =
        |table: &Table| matches!(table, Table::ExplorerIndex | Table::ExplorerJournal);
    Table::ALL.into_iter().filter(move |table| !of_an_index(table))
}

#[test]
fn a_change_of_any_record_is_found() {
    // The changes and side blocks are about the states of other blocks; and who sent a transaction
    // is not found out again, as development chains take some that nobody signed.
    let unchecked = [Table::StateChanges, Table::SideBlocks, Table::Senders];
    let checked = tables_of_a_chain().filter(|table| !unchecked.contains(table));
    for table in checked {
        let (_, db) = filled(Fork::Amsterdam);
        verify(&db).unwrap();
        write(&db, |reader, writer| {
            let (key, mut value) = match table {
                Table::StateMeta => {
                    (b"latest".to_vec(), reader.get(table, b"latest").unwrap().unwrap())
                }
                Table::ChainMeta => {
                    (b"head".to_vec(), reader.get(table, b"head").unwrap().unwrap())
                }
                table => last(reader, table),
            };
            *value.last_mut().unwrap() ^= 1;
            writer.put(table, &key, &value).unwrap();
        });
        let error = verify(&db).unwrap_err();
        assert!(error.is_damage(), "{table:?}: {error}");
    }
}

#[test]
fn a_record_that_is_missing_is_found() {
    let checked = tables_of_a_chain().filter(|table| {
        !matches!(
            table,
            Table::StateChanges | Table::StateMeta | Table::SideBlocks | Table::ChainMeta
        )
    });
    for table in checked {
        let (_, db) = filled(Fork::Amsterdam);
        write(&db, |reader, writer| writer.delete(table, &last(reader, table).0).unwrap());
        let error = verify(&db).unwrap_err();
        assert!(error.is_damage(), "{table:?}: {error}");
    }
}

#[test]
fn what_is_damaged_is_named() {
    let name = |change: &dyn Fn(&Reader, &mut Writer)| {
        // Tries that are made anew from accounts and slots do not tell which of these are wrong.
        let settings = Settings { trie_versions_max: 1, ..Settings::default() };
        let (_, db) = filled_with(Fork::Osaka, settings);
        write(&db, change);
        let error = verify(&db).unwrap_err();
        assert!(
            error.to_string().contains("restore") || std::error::Error::source(&error).is_some()
        );
        error
    };
    let number = 5_u64.to_be_bytes();
    let copy = |table| {
        move |reader: &Reader, writer: &mut Writer| {
            let other = reader.get(table, &4_u64.to_be_bytes()).unwrap().unwrap();
            writer.put(table, &number, &other).unwrap();
        }
    };
    for (table, words) in [
        (Table::Headers, "the header has another height"),
        (Table::Bodies, "the transactions are not those of its header"),
        (Table::Receipts, "receipts"),
        (Table::CanonicalBlocks, "the header is not what its hash says"),
    ] {
        let text = name(&copy(table)).to_string();
        assert!(text.contains("block 5") && text.contains(words), "{text}");
    }
    let error = name(&|reader, writer| {
        let (key, _) = last(reader, Table::SlotVersions);
        writer.put(Table::SlotVersions, &key, &[99]).unwrap();
    });
    assert!(matches!(error, Error::State(heddle_state::Error::Slots(_))), "{error:?}");
    let error = name(&|reader, writer| {
        let (key, mut value) = last(reader, Table::AccountVersions);
        // Its nonce.
        value[8] ^= 1;
        writer.put(Table::AccountVersions, &key, &value).unwrap();
    });
    assert!(
        matches!(error, Error::State(heddle_state::Error::Node { owner: None, .. })),
        "{error:?}"
    );
    let error = name(&|reader, writer| {
        let (hash, _) = last(reader, Table::Codes);
        writer.delete(Table::Codes, &hash).unwrap();
    });
    assert!(matches!(error, Error::State(heddle_state::Error::Code { .. })), "{error:?}");
    // A node that nothing leads to.
    let error = name(&|_, writer| {
        let key = [&[0, 64][..], &[9; 32], &[0; 8]].concat();
        writer.put(Table::TrieNodes, &key, &[1]).unwrap();
    });
    assert!(
        matches!(error, Error::State(heddle_state::Error::Node { owner: None, .. })),
        "{error:?}"
    );
}

#[test]
fn a_store_without_a_chain_is_told_from_a_damaged_one() {
    let options =
        heddle_storage::Options { cache_bytes: 1 << 20, ..heddle_storage::Options::default() };
    let db = Database::ephemeral(&std::env::temp_dir(), options).unwrap();
    assert!(verify_store(&db, 1, &|_, _, _| ()).unwrap().is_none());
}

#[test]
fn a_block_beside_the_chain_that_is_another_is_found() {
    let (chain, db) = chain(&genesis(Fork::London));
    let mut choices = Choices::new(7);
    let (head, candidates) = (chain.reader().head().hash, candidates(&chain, &mut choices, 3));
    let beside = chain.build(head, &attributes(&chain, 99), candidates).unwrap();
    grow(&chain, &mut choices, 2);
    grow(&chain, &mut choices, 2);
    let block = beside.executed.block.block.clone();
    assert_eq!(chain.import_recovered(block, None).unwrap(), Imported::Beside);
    verify(&db).unwrap();
    write(&db, |reader, writer| {
        let (hash, value) = last(reader, Table::SideBlocks);
        writer.delete(Table::SideBlocks, &hash).unwrap();
        writer.put(Table::SideBlocks, &[7; 32], &value).unwrap();
    });
    assert!(matches!(verify(&db), Err(Error::SideBlock(_))));
}
