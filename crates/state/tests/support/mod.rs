//! A state as a map, whose root is made anew each time, and random changes of it.

#![allow(dead_code)] // each test uses a part

#[path = "../../../storage/tests/support/random.rs"]
mod random;

pub(crate) use random::Random;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieAccount,
    proof::verify_proof,
    root::{state_root_unhashed, storage_root_unhashed},
};
use heddle_state::{
    Account, Error, Layer, StateView, Version, write_bare_layer, write_layer,
    write_layer_with_tries_since,
};
use heddle_storage::{Database, Table, Writer};
use heddle_types::{AccountChange, AccountState, ChangeSet};
use std::{collections::BTreeMap, sync::Arc};

/// Writes layers that were made from each other, with the nodes of tries as of the last one only.
pub(crate) fn write_run(
    writer: &mut Writer,
    first: Version,
    layers: &[Arc<Layer>],
) -> Result<(), Error> {
    let Some((last, before)) = layers.split_last() else { return Ok(()) };
    let is_bare = |writer: &Writer, version: u64| {
        let key = [&b"root"[..], &version.to_be_bytes()].concat();
        let root = writer.get(Table::StateMeta, &key);
        root.map(|root| root.is_some_and(|root| root.ends_with(&[0]) && root.len() == 33))
    };
    // What the first layer was made from, if its tries are stored.
    let since = match first.0.checked_sub(1) {
        Some(version) if is_bare(writer, version)? => None,
        Some(_) => layers.first(),
        // Version 0 has its tries, whatever is asked for.
        None => layers.get(1).or(layers.first()),
    };
    let mut version = first;
    for layer in before {
        write_bare_layer(writer, version, layer)?;
        version = version.next();
    }
    match since {
        Some(first) => {
            let storages = layers.iter().flat_map(|layer| layer.changed_storages()).collect();
            write_layer_with_tries_since(writer, version, last, first, storages)
        }
        None => write_layer(writer, version, last),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelAccount {
    pub(crate) state: AccountState,
    pub(crate) slots: BTreeMap<U256, U256>,
}

impl ModelAccount {
    pub(crate) fn storage_root(&self) -> B256 {
        let word = |word: U256| B256::from(word.to_be_bytes::<32>());
        storage_root_unhashed(self.slots.iter().map(|(key, value)| (word(*key), *value)))
    }
}

/// What the state is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<Address, ModelAccount>,
    pub(crate) codes: BTreeMap<B256, Bytes>,
}

pub(crate) fn address(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}

impl Model {
    pub(crate) fn root(&self) -> B256 {
        state_root_unhashed(self.accounts.iter().map(|(address, account)| {
            let AccountState { balance, nonce, code_hash } = account.state;
            let storage_root = account.storage_root();
            (*address, TrieAccount { nonce, balance, storage_root, code_hash })
        }))
    }

    /// The change that makes all of it out of nothing.
    pub(crate) fn as_genesis(&self) -> ChangeSet {
        let accounts = self.accounts.iter().map(|(address, account)| AccountChange {
            address: *address,
            after: Some(account.state),
            storage_cleared: false,
            storage: account.slots.iter().map(|(key, value)| (*key, *value)).collect(),
        });
        let codes = self.codes.iter().map(|(hash, code)| (*hash, code.clone())).collect();
        ChangeSet { accounts: accounts.collect(), codes }
    }

    /// Makes random changes among the first `accounts` addresses and `slots` slots of each.
    pub(crate) fn change(
        &mut self,
        random: &mut Random,
        count: u64,
        accounts: u64,
        slots: u64,
    ) -> ChangeSet {
        let mut changes = BTreeMap::new();
        let mut codes = BTreeMap::new();
        for _ in 0..count {
            let address = address(random.below(accounts));
            if changes.contains_key(&address) {
                continue;
            }
            let before = self.accounts.remove(&address);
            let fate = random.below(10);
            if let (Some(_), 0) = (&before, fate) {
                let gone =
                    AccountChange { address, after: None, storage_cleared: true, storage: vec![] };
                changes.insert(address, gone);
                continue;
            }
            let storage_cleared = before.is_some() && fate == 1;
            let code_hash = match &before {
                Some(before) if fate != 1 => before.state.code_hash,
                _ if random.below(3) == 0 => {
                    let code = Bytes::from(vec![0x60; 1 + random.below(40) as usize]);
                    let hash = keccak256(&code);
                    codes.insert(hash, code);
                    hash
                }
                _ => KECCAK256_EMPTY,
            };
            let mut now = before.filter(|_| !storage_cleared).unwrap_or(ModelAccount {
                state: AccountState { balance: U256::ZERO, nonce: 0, code_hash },
                slots: BTreeMap::new(),
            });
            now.state.code_hash = code_hash;
            now.state.balance = U256::from(random.below(u64::MAX)) << random.below(192);
            now.state.nonce += random.below(3);
            let mut storage = BTreeMap::new();
            // Few have so much storage that nodes of it are stored.
            let writes_max = if random.below(12) == 0 { slots } else { 6 };
            for _ in 0..random.below(writes_max) {
                let key = U256::from(random.below(slots));
                let value = match random.below(3) {
                    0 => U256::ZERO,
                    1 => U256::from(random.below(200)),
                    _ => U256::MAX >> random.below(250),
                };
                let old = now.slots.get(&key).copied().unwrap_or_default();
                if storage.contains_key(&key) || value == old {
                    continue;
                }
                storage.insert(key, value);
                if value.is_zero() {
                    now.slots.remove(&key);
                } else {
                    now.slots.insert(key, value);
                }
            }
            let storage = storage.into_iter().collect();
            let after = Some(now.state);
            changes.insert(address, AccountChange { address, after, storage_cleared, storage });
            self.accounts.insert(address, now);
        }
        self.codes.extend(codes.clone());
        let accounts = changes.into_values().collect();
        ChangeSet { accounts, codes: codes.into_iter().collect() }
    }
}

/// Asserts that a view reads as the model, and proves it.
pub(crate) fn assert_reads_as(view: &StateView, model: &Model, addresses: u64, slots: u64) {
    let root = model.root();
    assert_eq!(view.root(), root);
    for number in 0..addresses {
        let address = address(number);
        let expected = model.accounts.get(&address);
        let account = view.account(address).unwrap();
        let expected_account = expected.map(|account| Account {
            balance: account.state.balance,
            nonce: account.state.nonce,
            code_hash: account.state.code_hash,
            storage_root: account.storage_root(),
            // Where it came from is no part of the state of Ethereum.
            storage_cleared: view.account(address).unwrap().is_some_and(|it| it.storage_cleared),
        });
        assert_eq!(account, expected_account);
        let keys: Vec<U256> = (0..slots).map(U256::from).collect();
        for key in &keys {
            let value = expected.and_then(|account| account.slots.get(key)).copied();
            assert_eq!(view.slot(address, *key).unwrap(), value.unwrap_or_default());
        }
        if let Some(account) = expected {
            assert_eq!(view.slots(address).unwrap(), account.slots);
            let code = model.codes.get(&account.state.code_hash).cloned().unwrap_or_default();
            assert_eq!(view.code(account.state.code_hash).unwrap(), Some(code));
        }
        assert_proves(view, root, address, &keys);
    }
    let listed: Vec<Address> = view.accounts().unwrap().into_keys().collect();
    assert_eq!(listed, model.accounts.keys().copied().collect::<Vec<_>>());
}

fn assert_proves(view: &StateView, root: B256, address: Address, keys: &[U256]) {
    let proof = view.proof(address, keys).unwrap();
    let account = view.account(address).unwrap();
    let leaf = account.map(|account| {
        let Account { balance, nonce, code_hash, storage_root, .. } = account;
        alloy_rlp::encode(TrieAccount { nonce, balance, storage_root, code_hash })
    });
    verify_proof(root, Nibbles::unpack(keccak256(address)), leaf, &proof.proof).unwrap();
    let storage_root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
    assert_eq!(proof.account.storage_root, storage_root);
    for (slot, key) in proof.slots.iter().zip(keys) {
        assert_eq!(slot.key, *key);
        let value = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
        let path = Nibbles::unpack(keccak256(key.to_be_bytes::<32>()));
        verify_proof(storage_root, path, value, &slot.proof).unwrap();
    }
}

pub(crate) type Tables = BTreeMap<Table, Vec<(Vec<u8>, Vec<u8>)>>;

/// All tables of the state, but for codes: those stay when what brought them is taken back.
pub(crate) fn tables(database: &Database) -> Tables {
    let reader = database.reader().unwrap();
    let tables = [
        Table::AccountVersions,
        Table::SlotVersions,
        Table::TrieNodes,
        Table::StateChanges,
        Table::StateMeta,
    ];
    let dump = |table| (table, reader.all(table).unwrap().map(Result::unwrap).collect());
    tables.into_iter().map(dump).collect()
}
