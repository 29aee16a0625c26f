//! The trie against one that is built from nothing.

use super::*;
use alloy_trie::HashBuilder;
use proptest::prelude::*;
use std::{collections::BTreeMap as Map, sync::Arc};

/// The judge.
fn root_from_nothing(values: &Map<Vec<u8>, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in values {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// Keys of four bytes that share long beginnings.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(16), Just(17)], 4),
        prop::collection::vec(any::<u8>(), 4),
    ]
}

/// Short values make nodes that are part of their parents.
fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        Just(None),
        prop::collection::vec(1..255_u8, 1..3).prop_map(Some),
        prop::collection::vec(1..255_u8, 30..40).prop_map(Some),
    ]
}

fn items(changes: &Map<Vec<u8>, Option<Vec<u8>>>) -> Vec<Item> {
    let item = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| Item {
        key: Nibbles::unpack(key),
        change: match value {
            Some(value) => Change::Put(value.clone().into(), AccountLink::default()),
            None => Change::Delete,
        },
    };
    changes.iter().map(item).collect()
}

fn batch() -> impl Strategy<Value = Map<Vec<u8>, Option<Vec<u8>>>> {
    prop::collection::btree_map(key(), value(), 0..48)
}

/// A store of one trie.
#[derive(Default)]
struct Store {
    records: Records,
    there: Map<Vec<u8>, Vec<u8>>,
}

impl Store {
    fn change(&mut self, records: Records, changes: &Map<Vec<u8>, Option<Vec<u8>>>) {
        self.records.extend(records);
        for (key, value) in changes {
            match value {
                Some(value) => self.there.insert(key.clone(), value.clone()),
                None => self.there.remove(key),
            };
        }
    }
}

impl NodeSource for Store {
    fn record(&self, _: Option<B256>, path: &Nibbles) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.records.get(path).cloned().flatten())
    }

    fn leaves(&self, _: Option<B256>, path: &Nibbles, max: usize) -> Result<Vec<Item>, Error> {
        let all = self.there.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let mut items = items(&all.collect());
        items.retain(|item| item.key.starts_with(path));
        items.truncate(max + 1);
        Ok(items)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn changes_in_batches_give_the_root_of_what_is_there(
        batches in prop::collection::vec(batch(), 1..8),
        forget in prop::collection::vec(any::<bool>(), 8),
    ) {
        let mut store = Store::default();
        let mut trie = Trie::accounts(EMPTY_ROOT_HASH);
        for (changes, forget) in batches.iter().zip(forget) {
            let mut records = Records::new();
            let before = trie.clone();
            trie = trie.update(&items(changes), 1, &store).unwrap();
            trie.add_records(&before, &store, &mut records);
            store.change(records, changes);
            prop_assert_eq!(trie.root(), root_from_nothing(&store.there));
            if forget {
                // All is read from the store again.
                trie = Trie::accounts(trie.root());
            }
        }
        // The store holds the records of this trie and nothing else.
        let mut needed = Records::new();
        let all = store.there.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let empty = Trie::accounts(EMPTY_ROOT_HASH);
        let all = empty.update(&items(&all.collect()), 1, &Nowhere).unwrap();
        all.add_records(&empty, &Nowhere, &mut needed);
        store.records.retain(|_, record| record.is_some());
        needed.retain(|_, record| record.is_some());
        prop_assert_eq!(store.records, needed);
    }
}

fn many(seed: u64, count: u64) -> Map<Vec<u8>, Option<Vec<u8>>> {
    let entry = |at: u64| {
        let key =
            keccak256([seed.to_be_bytes(), (at % (count - count / 4)).to_be_bytes()].concat());
        let value = keccak256((seed ^ at).to_be_bytes());
        (key.to_vec(), (!at.is_multiple_of(5)).then(|| value[..(at % 32) as usize + 1].to_vec()))
    };
    (0..count).map(entry).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_records() {
    let mut store = Store::default();
    let mut tries: Vec<Trie> = (0..4).map(|_| Trie::accounts(EMPTY_ROOT_HASH)).collect();
    for round in 0..4 {
        let changes = many(round / 2, 40_000);
        let mut all = Vec::new();
        for (trie, threads) in tries.iter_mut().zip([1, 2, 8, 32]) {
            let mut records = Records::new();
            let before = trie.clone();
            *trie = trie.update(&items(&changes), threads, &store).unwrap();
            trie.add_records(&before, &store, &mut records);
            all.push((trie.root(), records));
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "round {round}");
        store.change(all.swap_remove(0).1, &changes);
    }
}

/// A trie of `count` keys and its store.
fn stored(seed: u64, count: u64) -> (Trie, Store) {
    let changes = many(seed, count);
    let empty = Trie::accounts(EMPTY_ROOT_HASH);
    let trie = empty.update(&items(&changes), 1, &Nowhere).unwrap();
    let (mut store, mut records) = (Store::default(), Records::new());
    trie.add_records(&empty, &Nowhere, &mut records);
    store.change(records, &changes);
    (trie, store)
}

#[test]
fn a_node_that_is_not_what_its_parent_says_is_an_error() {
    let (trie, mut store) = stored(1, 800);
    let key = B256::from_slice(store.there.keys().next().unwrap());
    let fresh = || Trie::accounts(trie.root());
    assert!(fresh().get(key, &store).unwrap().is_some());
    let at = Nibbles::unpack(key).slice(..1);
    let record = store.records[&at].clone().unwrap();
    let (rlp, leaves) = Node::split_stored(&record).unwrap();
    assert!(!leaves.is_empty() && leaves.iter().all(|count| *count > 0));
    for place in [rlp.len() - 2, 0, record.len()] {
        let mut wrong = record.clone();
        match wrong.get_mut(place) {
            Some(byte) => *byte ^= 1,
            None => wrong.push(1),
        }
        store.records.insert(at, Some(wrong));
        let found = fresh().get(key, &store);
        assert!(matches!(found, Err(Error::Node { owner: None, path }) if path == at), "{place}");
    }
    store.records.insert(at, None);
    assert!(matches!(fresh().get(key, &store), Err(Error::Node { .. })));
    store.records.insert(at, Some(record));
    // And if one of the leaves from which a node is made is another, or one too few or too many.
    let old = store.there.insert(key.to_vec(), vec![1; 40]).unwrap();
    assert!(matches!(fresh().get(key, &store), Err(Error::Node { .. })));
    store.there.remove(key.as_slice());
    assert!(matches!(fresh().get(key, &store), Err(Error::Node { .. })));
    store.there.insert(key.to_vec(), old);
    assert!(fresh().get(key, &store).unwrap().is_some());
    let mut beside = key;
    beside.0[31] ^= 1;
    store.there.insert(beside.to_vec(), vec![1; 40]);
    assert!(matches!(fresh().get(key, &store), Err(Error::Node { .. })));
}

/// With more or less of the trie in memory, keys that are not there, and extensions.
#[test]
fn many_accounts_are_found_as_each_is_alone() {
    for count in [0, 1, 2, 20, 3_000] {
        let mut changes = many(7, count);
        for last in [1_u8, 2, 0x20] {
            let mut key = [0x55; 32];
            key[31] = last;
            changes.insert(key.to_vec(), (count != 1).then(|| vec![last; 33]));
        }
        let cleared = |nibbles: &Nibbles| Some(nibbles.last().unwrap_or(0).is_multiple_of(2));
        let mut items = items(&changes);
        for Item { key, change } in &mut items {
            if let Change::Put(_, account) = change {
                account.cleared = cleared(key);
            }
        }
        let empty = Trie::accounts(EMPTY_ROOT_HASH);
        let whole = empty.update(&items, 1, &Nowhere).unwrap();
        let (mut store, mut records) = (Store::default(), Records::new());
        whole.add_records(&empty, &Nowhere, &mut records);
        store.change(records, &changes);
        let mut keys: Vec<Nibbles> = items.iter().map(|item| item.key).collect();
        for item in items.iter().step_by(3) {
            for at in [1, 4, 40, 63] {
                let mut beside = item.key;
                beside.set_at(at, item.key.get(at).map_or(0, |nibble| nibble ^ 1));
                keys.push(beside);
            }
        }
        for loaded in [usize::MAX, 5, 1] {
            let trie = match loaded {
                usize::MAX => whole.clone(),
                _ => Trie::accounts(whole.root()),
            };
            for key in store.there.keys().step_by(loaded.min(1_000)) {
                trie.load(B256::from_slice(key), &store).unwrap();
            }
            let known = |account: Option<AccountLink>| account.map(|it| (it.known(), it.cleared));
            let found = trie.accounts_of(&keys, &store).unwrap();
            assert_eq!(found.len(), keys.len());
            for (key, found) in keys.iter().zip(found) {
                let alone = trie.account(key, &store).unwrap();
                let is_there = store.there.contains_key(&key.pack()[..]);
                assert_eq!((found.is_some(), known(found)), (is_there, known(alone)), "{key:?}");
            }
        }
    }
}

#[test]
fn most_nodes_have_no_record() {
    let (_, store) = stored(5, 40_000);
    let (leaves, records) = (store.there.len(), store.records.len());
    assert!(records > leaves / 400 && records < leaves / 40, "{records} of {leaves} leaves");
    let (trie, store) = stored(5, 20);
    assert_eq!(store.records.len(), 0);
    for key in store.there.keys() {
        let fresh = Trie::accounts(trie.root());
        assert!(fresh.get(B256::from_slice(key), &store).unwrap().is_some());
    }
}

#[test]
fn keys_may_end_inside_other_keys() {
    let steps: [(&[u8], Option<&[u8]>); 5] = [
        (b"do", Some(b"verb")),
        (b"dog", Some(b"puppy")),
        (b"doge", Some(b"coin")),
        (b"horse", Some(b"stallion")),
        (b"none", None),
    ];
    // Of Ethereum's trie tests, "dogs" with three more letters.
    let expected = "0x5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84";
    assert_eq!(root_after(steps).unwrap().to_string(), expected);
    let undone = steps.iter().rev().map(|(key, _)| (*key, None));
    let all = steps.into_iter().chain(undone);
    assert_eq!(root_after(all).unwrap(), EMPTY_ROOT_HASH);
}

#[test]
fn what_is_not_used_goes_first_and_is_read_again() {
    let empty = Trie::accounts_within(EMPTY_ROOT_HASH, Arc::new(Memory::new(300 << 10)));
    let changes = many(3, 4_000);
    let mut trie = empty.update(&items(&changes), 1, &Nowhere).unwrap();
    let (mut store, mut records) = (Store::default(), Records::new());
    trie.add_records(&empty, &Nowhere, &mut records);
    store.change(records, &changes);
    let keys: Vec<B256> = store.there.keys().map(|key| B256::from_slice(key)).collect();
    let used = &keys[..200];
    let before = trie.memory.bytes();
    for _ in 0..200 {
        for key in used {
            trie.load(*key, &store).unwrap();
        }
        trie = trie.without_unused();
    }
    let after = trie.memory.bytes();
    assert!(before > 600 << 10 && after <= 300 << 10, "{before} bytes became {after}");
    // Those that are used are in memory, where there is no store to read them from.
    for key in used {
        assert!(trie.get(*key, &Nowhere).unwrap().is_some());
    }
    for key in &keys {
        assert!(trie.get(*key, &store).unwrap().is_some());
    }
}
