//! Ethereum's tests of tries (`TrieTests` of ethereum/tests): the root after some changes, in the
//! order that is given or in any, with keys as they are or hashed; and which key comes next.
//!
//! They run on the trie that the state is kept in, one change after the other, and so does a
//! deletion. Neighbours are looked for in the ordered store that the state is listed from.

use super::tally::{Selection, Tally, Test};
use crate::Error;
use alloy_primitives::{B256, hex, keccak256};
use heddle_state::root_after;
use heddle_storage::{Database, Options, Pair, Reader, Table};
use serde::Deserialize;
use serde_json::Value;

/// Orders in which changes are made that may be made in any.
const ORDERS: usize = 24;

/// Runs Ethereum's tests of tries.
#[derive(Clone, Debug, clap::Args)]
pub struct TrieConformance {
    /// Which tests.
    #[command(flatten)]
    pub selection: Selection,
}

/// A test of a file.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Unit {
    /// The root after changes: pairs in order, or values by key in any order.
    Root { r#in: Value, root: B256 },
    /// For a key (`tests`) the key before and the key after it among `in`.
    Neighbours { r#in: Vec<String>, tests: Vec<[String; 3]> },
}

/// Behind every key that is text.
const LAST_KEY: &[u8] = &[0xff];

/// A key, and its value or nothing.
type Change = (Vec<u8>, Option<Vec<u8>>);

impl TrieConformance {
    /// Runs the tests and prints the result. True when every case passed.
    ///
    /// # Errors
    ///
    /// See [`Error`]; a test that fails is none.
    pub fn run(self) -> Result<bool, Error> {
        Ok(self.selection.print(&self.check()?))
    }

    /// Runs the tests and gives the result.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn check(&self) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        for Test { name, file, content } in self.selection.tests::<Unit>("TrieTests")? {
            let result = match content {
                Unit::Root { r#in, root } => check_root(&r#in, root, is_secure(&file)),
                Unit::Neighbours { r#in, tests } => check_neighbours(&r#in, &tests),
            };
            tally.count(&file, &name, result);
        }
        Ok(tally)
    }
}

/// Whether the keys of the file's tests are hashed first: only its name tells.
fn is_secure(file: &str) -> bool {
    file.to_ascii_lowercase().contains("securetrie")
}

fn check_root(changes: &Value, root: B256, secure: bool) -> Result<(), String> {
    let (changes, in_any_order) = parse(changes)?;
    let changes: Vec<Change> = changes
        .into_iter()
        .map(|(key, value)| (if secure { keccak256(key).to_vec() } else { key }, value))
        .collect();
    let orders = if in_any_order { permutations(&changes) } else { vec![changes] };
    for order in orders {
        let changes = order.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let found = root_after(changes).map_err(|error| error.to_string())?;
        if found != root {
            return Err(format!("expected {root}, got {found} after {order:?}"));
        }
    }
    Ok(())
}

/// The changes, and whether they may be made in any order.
fn parse(changes: &Value) -> Result<(Vec<Change>, bool), String> {
    let text = |value: &Value| match value {
        Value::String(text) => bytes(text).map(Some),
        Value::Null => Ok(None),
        other => Err(format!("neither text nor null: {other}")),
    };
    match changes {
        Value::Object(values) => {
            let change = |(key, value): (&String, &Value)| Ok((bytes(key)?, text(value)?));
            Ok((values.iter().map(change).collect::<Result<_, String>>()?, true))
        }
        Value::Array(pairs) => {
            let change = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
                Some([key, value]) => Ok((text(key)?.ok_or("a key is null")?, text(value)?)),
                _ => Err(format!("no pair: {pair}")),
            };
            Ok((pairs.iter().map(change).collect::<Result<_, String>>()?, false))
        }
        other => Err(format!("neither pairs nor values by key: {other}")),
    }
}

/// Text, or bytes in hexadecimal.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).map_err(|error| format!("{text}: {error}")),
        None => Ok(text.as_bytes().to_vec()),
    }
}

/// Orders of the changes: all, if they are few, or the first so many.
fn permutations(changes: &[Change]) -> Vec<Vec<Change>> {
    let mut orders = vec![Vec::new()];
    for change in changes {
        let longer = |order: Vec<Change>| {
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, change.clone());
                order
            })
        };
        orders = orders.into_iter().flat_map(longer).take(ORDERS).collect();
    }
    orders
}

/// Whether each key has the neighbours that the test names; an empty text stands for none.
fn check_neighbours(keys: &[String], tests: &[[String; 3]]) -> Result<(), String> {
    let reader = stored(keys).map_err(|error| error.to_string())?;
    for [key, before, after] in tests {
        let found = neighbours(&reader, key).map_err(|error| error.to_string())?;
        if found != (before.clone(), after.clone()) {
            return Err(format!(
                "beside {key:?}: expected {before:?} and {after:?}, got {found:?}"
            ));
        }
    }
    Ok(())
}

/// A table with the keys, in no value of which anybody is interested.
fn stored(keys: &[String]) -> Result<Reader, heddle_storage::Error> {
    let database = Database::ephemeral(&std::env::temp_dir(), Options::default())?;
    let mut writer = database.writer()?;
    for key in keys {
        writer.put(Table::ChainMeta, key.as_bytes(), &[])?;
    }
    writer.commit()?;
    database.reader()
}

/// The key before and the key after, or empty texts.
fn neighbours(reader: &Reader, key: &str) -> Result<(String, String), heddle_storage::Error> {
    let text = |pair: Option<Result<Pair, heddle_storage::Error>>| {
        let found = pair.transpose()?.map(|(found, _)| found).unwrap_or_default();
        Ok(String::from_utf8_lossy(&found).into_owned())
    };
    let is_other = |pair: &Result<Pair, heddle_storage::Error>| {
        pair.as_ref().map_or(true, |(found, _)| found != key.as_bytes())
    };
    let mut before = reader.range(Table::ChainMeta, &[], key.as_bytes())?.rev();
    let mut after = reader.range(Table::ChainMeta, key.as_bytes(), LAST_KEY)?;
    Ok((text(before.find(is_other))?, text(after.find(is_other))?))
}

#[cfg(test)]
mod tests;
