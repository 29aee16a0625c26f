//! Imports a recorded chain that goes through every fork.
//!
//! The chain is part of the tests of Ethereum's RPC (execution-apis, `tests`): 54 blocks from
//! Frontier to the second change of blob parameters after Osaka, with all kinds of transactions.

#![allow(clippy::unwrap_used, clippy::panic)]

use heddle_chain::{Chain, ChainReader, Imported, Settings, export_blocks, import_blocks};
use heddle_storage::{Database, Options};
use heddle_types::{Fork, Genesis};
use std::{env, fs, path::PathBuf};

/// The folder of the recorded chain, or `None` when it is not there.
fn folder() -> Option<PathBuf> {
    let folder = env::var_os("HEDDLE_DATA").map(|data| PathBuf::from(data).join("rpc-compat"));
    let folder = folder.filter(|folder| folder.join("chain.rlp").exists());
    if folder.is_none() {
        eprintln!("skipped: HEDDLE_DATA names no folder with rpc-compat/chain.rlp");
    }
    folder
}

fn open(folder: &std::path::Path, settings: Settings) -> Chain {
    let genesis = fs::read(folder.join("genesis.json")).unwrap();
    let genesis: Genesis = serde_json::from_slice(&genesis).unwrap();
    let db = Database::ephemeral(&env::temp_dir(), Options::default()).unwrap();
    Chain::open(db, &genesis, settings).unwrap()
}

fn import(folder: &std::path::Path, settings: Settings) -> Chain {
    let chain = open(folder, settings);
    let file = fs::File::open(folder.join("chain.rlp")).unwrap();
    if let Err(error) = import_blocks(&chain, file, |_| {}) {
        let mut source: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = source {
            eprintln!("{error}");
            source = error.source();
        }
        panic!("the import failed");
    }
    chain
}

#[test]
fn imports_a_recorded_chain_through_every_fork() {
    let Some(folder) = folder() else { return };
    for (threads, parallel_gas_min) in [(1, 0), (2, 0), (2, u64::MAX)] {
        let settings = Settings { threads, parallel_gas_min, ..Settings::default() };
        let reader = import(&folder, settings).reader();
        assert_eq!(reader.head().number, 54);
        let expected = "0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7";
        assert_eq!(reader.head().hash, expected.parse::<alloy_primitives::B256>().unwrap());
        check_receipts(&reader);
    }
}

/// Their roots were checked with the headers; what is stored must be what was checked.
fn check_receipts(reader: &ChainReader) {
    let mut with_roots = 0;
    for number in 1..=reader.head().number {
        let block = reader.committed(number).unwrap().unwrap();
        let root = alloy_trie::root::ordered_trie_root_with_encoder(
            &block.receipts,
            |receipt: &heddle_types::Receipt, out| receipt.encode_2718(out),
        );
        assert_eq!(root, block.block.block.header.receipts_root, "block {number}");
        let fork = reader.fork_of(&block.block.block.header).unwrap();
        for receipt in &block.receipts {
            assert_eq!(receipt.state_root.is_some(), fork < Fork::Byzantium, "block {number}");
            with_roots += u64::from(receipt.state_root.is_some());
        }
    }
    assert!(with_roots > 0, "the chain has transactions before Byzantium");
}

#[test]
fn exports_the_bytes_that_were_imported() {
    let Some(folder) = folder() else { return };
    let chain = import(&folder, Settings::default());
    let reader = chain.reader();
    let mut bytes = Vec::new();
    export_blocks(&reader, 1, reader.head().number, &mut bytes, |_| {}).unwrap();
    let recorded = fs::read(folder.join("chain.rlp")).unwrap();
    assert!(bytes.ends_with(&recorded) || recorded.ends_with(&bytes));
    let again = import_blocks(&chain, recorded.as_slice(), |_| {}).unwrap();
    assert_eq!(again.known, again.blocks);
}

#[test]
fn names_the_place_where_a_file_breaks_off() {
    let Some(folder) = folder() else { return };
    let chain = open(&folder, Settings::default());
    let recorded = fs::read(folder.join("chain.rlp")).unwrap();
    let cut = &recorded[..recorded.len() / 2];
    let error = import_blocks(&chain, cut, |_| {}).unwrap_err();
    let head = chain.reader().head().number;
    assert!(head > 0);
    assert!(error.to_string().contains("no whole block at byte"), "{error}");
}

#[test]
fn goes_back_and_forward_again() {
    let Some(folder) = folder() else { return };
    let chain = import(&folder, Settings::default());
    let before = chain.reader();
    for number in [53, 36, 35, 10, 0] {
        chain.rewind_to(number).unwrap();
        assert_eq!(chain.reader().head().number, number);
        let header = chain.reader().header(number).unwrap().unwrap();
        assert_eq!(chain.reader().state().root(), header.state_root);
    }
    for number in 1..=before.head().number {
        let block = before.block(number).unwrap().unwrap();
        assert_eq!(chain.import_recovered(block, None).unwrap(), Imported::Extended);
    }
    assert_eq!(chain.reader().head(), before.head());
}
