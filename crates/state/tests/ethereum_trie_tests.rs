//! Ethereum's tests of the trie, from `$HEDDLE_DATA`; skipped where they are not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

use alloy_primitives::{hex, keccak256};
use heddle_state::root_after;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(&std::env::var_os("HEDDLE_DATA")?).join("ethereum-tests/TrieTests");
    folder.is_dir().then_some(folder)
}

fn bytes(text: &str) -> Vec<u8> {
    text.strip_prefix("0x")
        .map_or_else(|| text.as_bytes().to_vec(), |hex| hex::decode(hex).unwrap())
}

type Pair = (Vec<u8>, Option<Vec<u8>>);

/// The changes, in order; `true` says that any other order gives the same root.
fn changes(input: &Value) -> (Vec<Pair>, bool) {
    let value = |value: &Value| value.as_str().map(bytes);
    match input {
        Value::Array(pairs) => {
            let pair = |pair: &Value| (bytes(pair[0].as_str().unwrap()), value(&pair[1]));
            (pairs.iter().map(pair).collect(), false)
        }
        Value::Object(pairs) => {
            (pairs.iter().map(|(key, of)| (bytes(key), value(of))).collect(), true)
        }
        other => panic!("{other} is no list of changes"),
    }
}

fn root(pairs: &[Pair]) -> String {
    let pairs = pairs.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
    root_after(pairs).unwrap().to_string()
}

#[test]
fn roots_are_those_of_ethereums_tests() {
    let Some(folder) = folder() else {
        println!("skipped: no ethereum-tests/TrieTests in HEDDLE_DATA");
        return;
    };
    let files = [
        ("trietest.json", false),
        ("trieanyorder.json", false),
        ("trietest_secureTrie.json", true),
        ("trieanyorder_secureTrie.json", true),
        ("hex_encoded_securetrie_test.json", true),
    ];
    let mut count = 0;
    for (file, hashed) in files {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let tests: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        for (name, test) in tests {
            let (mut pairs, any_order) = changes(&test["in"]);
            if hashed {
                pairs.iter_mut().for_each(|(key, _)| *key = keccak256(&*key).to_vec());
            }
            assert_eq!(root(&pairs), test["root"].as_str().unwrap(), "{file}: {name}");
            if any_order {
                pairs.reverse();
                assert_eq!(
                    root(&pairs),
                    test["root"].as_str().unwrap(),
                    "{file}: {name}, reversed"
                );
            }
            count += 1;
        }
    }
    assert_eq!(count, 25);
}
