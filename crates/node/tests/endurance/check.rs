//! Whether all that was acknowledged is there: asked of the node, and read from its database.

use crate::{
    client::{Client, Failure, parse},
    journal::{Acknowledged, Journal},
    world::World,
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_rlp::Decodable as _;
use alloy_trie::{
    Nibbles, TrieAccount,
    proof::verify_proof,
    root::{ordered_trie_root_with_encoder, state_root_unhashed, storage_root_unhashed},
};
use heddle_chain::{Chain, ChainReader, Settings};
use heddle_storage::{Database, Options};
use heddle_types::{Genesis, Header};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    block_hash: B256,
    block_number: U64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: U64,
    storage_hash: B256,
    storage_proof: Vec<SlotProof>,
}

#[derive(Deserialize)]
struct SlotProof {
    value: U256,
    proof: Vec<Bytes>,
}

/// Asks the node for these acknowledged transactions.
pub(crate) fn receipts(client: &Client, entries: &[Acknowledged]) -> Result<(), Failure> {
    let parameters = entries.iter().map(|entry| json!([entry.hash]));
    let answers = client.batch("eth_getTransactionReceipt", parameters)?;
    for (entry, answer) in entries.iter().zip(answers) {
        let place: Option<Place> = parse(answer)?;
        let place = place.unwrap_or_else(|| panic!("LOST: {entry:?}"));
        let found = (place.block_hash, place.block_number.to());
        assert_eq!(found, (entry.block_hash, entry.number), "MOVED: {entry:?}");
    }
    Ok(())
}

/// Proves against the root in the head's header that the state is as it must be.
pub(crate) fn state(client: &Client, world: &World, last: u64) -> Result<(), Failure> {
    let number: U64 = client.call("eth_blockNumber", json!([]))?;
    assert!(number.to::<u64>() >= last, "LOST: the head is {number}, acknowledged was {last}");
    let raw: Bytes = client.call("debug_getRawHeader", json!([number]))?;
    let root = Header::decode(&mut raw.as_ref()).expect("a header").state_root;
    let addresses: Vec<Address> = world.accounts.keys().copied().collect();
    let asked = addresses.iter().map(|address| json!([address, [], number]));
    for (address, answer) in addresses.iter().zip(client.batch("eth_getProof", asked)?) {
        let proof: Proof = parse(answer)?;
        let expected = world.accounts[address];
        let found = (proof.nonce.to(), proof.balance);
        assert_eq!(found, (expected.nonce, expected.balance), "{address} at block {number}");
        verify_account(root, *address, &proof);
    }
    let (counter, slots) = world.counter();
    let keys: Vec<B256> = slots.keys().copied().collect();
    let proof: Proof = client.call("eth_getProof", json!([counter, keys, number]))?;
    verify_account(root, counter, &proof);
    for (key, slot) in keys.iter().zip(&proof.storage_proof) {
        assert_eq!(slot.value, slots[key], "the counter of {key}");
        let (path, value) = (Nibbles::unpack(keccak256(key)), alloy_rlp::encode(slot.value));
        verify_proof(proof.storage_hash, path, Some(value), &slot.proof).expect("a right proof");
    }
    Ok(())
}

fn verify_account(root: B256, address: Address, proof: &Proof) {
    let Proof { balance, code_hash, nonce, storage_hash, .. } = *proof;
    let account = TrieAccount { nonce: nonce.to(), balance, storage_root: storage_hash, code_hash };
    let (path, leaf) = (Nibbles::unpack(keccak256(address)), alloy_rlp::encode(account));
    verify_proof(root, path, Some(leaf), &proof.account_proof).expect("a right proof");
}

/// The name of the node's database in its folder.
const DATABASE_FILE: &str = "chain.redb";

/// Reads the database of a node that does not run: checks each page, each block from `from` on,
/// makes the root of the state anew from its accounts and slots, and looks for all that was ever
/// acknowledged. Returns the height of the head.
pub(crate) fn database(
    folder: &Path,
    genesis: &Genesis,
    world: &World,
    journal: &Journal,
    from: u64,
) -> u64 {
    let database = Database::open(&folder.join(DATABASE_FILE), Options::default()).unwrap();
    database.verify(|_, _| {}).unwrap();
    let chain = Chain::open(database, genesis, Settings::default()).unwrap();
    let reader = chain.reader();
    let head = reader.head();
    assert_eq!(root_of_state(&reader), head.header.state_root);
    blocks(&reader, from);
    for entry in &journal.entries {
        let place = reader.transaction_place(entry.hash).unwrap();
        let place = place.unwrap_or_else(|| panic!("LOST: {entry:?}"));
        assert_eq!(place.block_number, entry.number, "MOVED: {entry:?}");
        let header = reader.header(entry.number).unwrap().expect("a block has a header");
        assert_eq!(reader.hash_of(entry.number).unwrap(), Some(entry.block_hash), "{entry:?}");
        assert_eq!(header.state_root, entry.state_root, "{entry:?}");
    }
    let accounts = reader.state().accounts().unwrap();
    for (address, expected) in &world.accounts {
        let account = accounts[address];
        assert_eq!((account.nonce, account.balance), (expected.nonce, expected.balance));
    }
    for address in &world.created {
        let slots = reader.state().slots(*address).unwrap();
        assert_eq!(slots.into_iter().collect::<Vec<_>>(), [(U256::ZERO, U256::from(42))]);
    }
    head.number
}

fn root_of_state(reader: &ChainReader) -> B256 {
    let accounts = reader.state().accounts().unwrap();
    state_root_unhashed(accounts.into_iter().map(|(address, account)| {
        let slots = reader.state().slots(address).unwrap();
        let slots = slots.into_iter().map(|(key, value)| (B256::from(key), value));
        let storage_root = storage_root_unhashed(slots);
        assert_eq!(storage_root, account.storage_root, "the storage of {address}");
        let (nonce, balance, code_hash) = (account.nonce, account.balance, account.code_hash);
        (address, TrieAccount { nonce, balance, storage_root, code_hash })
    }))
}

/// Whether the blocks follow each other, and hold what their headers say.
fn blocks(reader: &ChainReader, from: u64) {
    let mut parent: Option<B256> = None;
    for number in from..=reader.head().number {
        let block =
            reader.committed(number).unwrap().unwrap_or_else(|| panic!("no block {number}"));
        let (header, body) = (&block.block.block.header, &block.block.block.body);
        assert_eq!(header.hash_slow(), block.block.hash);
        assert!(parent.is_none_or(|parent| parent == header.parent_hash));
        let root =
            ordered_trie_root_with_encoder(&body.transactions, |tx, out| tx.encode_2718(out));
        assert_eq!(root, header.transactions_root);
        let root = ordered_trie_root_with_encoder(&block.receipts, |receipt, out| {
            receipt.encode_2718(out);
        });
        assert_eq!(root, header.receipts_root);
        parent = Some(block.block.hash);
    }
}
