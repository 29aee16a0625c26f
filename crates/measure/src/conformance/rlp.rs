//! Ethereum's tests of RLP (`RLPTests` of ethereum/tests): the encoding of known values, encodings
//! that are valid, and encodings that are not.
//!
//! An encoding is read by the decoder that transactions and blocks are read by, item by item, down
//! to the innermost string.

use super::tally::{Selection, Tally, Test};
use crate::Error;
use alloy_primitives::{Bytes, U512, hex};
use alloy_rlp::{Encodable, Header, PayloadView};
use serde::Deserialize;
use serde_json::Value;

/// Lists in one another at most. Decoders of fixed forms never nest that deep; this one follows
/// whatever it is given.
const DEPTH_MAX: usize = 64;

/// Runs Ethereum's tests of RLP.
#[derive(Clone, Debug, clap::Args)]
pub struct RlpConformance {
    /// Which tests.
    #[command(flatten)]
    pub selection: Selection,
}

/// A test of a file.
#[derive(Debug, Deserialize)]
struct Unit {
    /// The value, or `VALID` or `INVALID`.
    r#in: Value,
    /// The encoding.
    out: String,
}

/// What an encoding stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Text(Vec<u8>),
    List(Vec<Item>),
}

impl RlpConformance {
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
        for Test { name, file, content } in self.selection.tests::<Unit>("RLPTests")? {
            tally.count(&file, &name, check(&content));
        }
        Ok(tally)
    }
}

fn check(unit: &Unit) -> Result<(), String> {
    let digits = unit.out.trim_start_matches("0x");
    let bytes =
        hex::decode(digits).map_err(|error| format!("`out` is not hexadecimal: {error}"))?;
    let decoded = decode(&bytes);
    match &unit.r#in {
        Value::String(word) if word == "INVALID" => match decoded {
            Err(_) => Ok(()),
            Ok(item) => Err(format!("must be invalid, but decodes to {item:?}")),
        },
        Value::String(word) if word == "VALID" => {
            same(&bytes, &decoded.map_err(|error| format!("must be valid, but: {error}"))?)
        }
        value => {
            let expected = item(value)?;
            let found = decoded.map_err(|error| format!("must be valid, but: {error}"))?;
            if found != expected {
                return Err(format!("expected {expected:?}, got {found:?}"));
            }
            same(&bytes, &expected)
        }
    }
}

fn same(bytes: &[u8], item: &Item) -> Result<(), String> {
    let encoded = encode(item);
    if encoded == bytes {
        return Ok(());
    }
    Err(format!("{item:?} is encoded as {}", Bytes::from(encoded)))
}

/// A value as the tests write it: text, a number, `#` and a number of any size, or a list.
fn item(value: &Value) -> Result<Item, String> {
    let number = |digits: &str| {
        let number = digits.parse::<U512>().map_err(|error| format!("{digits}: {error}"))?;
        Ok(Item::Text(number.to_be_bytes_trimmed_vec()))
    };
    match value {
        Value::String(text) => match text.strip_prefix('#') {
            Some(digits) => number(digits),
            None => Ok(Item::Text(text.clone().into_bytes())),
        },
        Value::Number(small) => number(&small.to_string()),
        Value::Array(values) => values.iter().map(item).collect::<Result<_, _>>().map(Item::List),
        other => Err(format!("no such value in RLP: {other}")),
    }
}

/// The one item that `bytes` encode.
fn decode(mut bytes: &[u8]) -> Result<Item, String> {
    let item = decode_item(&mut bytes, DEPTH_MAX)?;
    if bytes.is_empty() { Ok(item) } else { Err(format!("{} bytes follow", bytes.len())) }
}

fn decode_item(bytes: &mut &[u8], depth: usize) -> Result<Item, String> {
    let depth = depth.checked_sub(1).ok_or("the lists are nested too deep")?;
    match Header::decode_raw(bytes).map_err(|error| error.to_string())? {
        PayloadView::String(text) => Ok(Item::Text(text.to_vec())),
        PayloadView::List(items) => {
            let item = |mut item: &[u8]| {
                let decoded = decode_item(&mut item, depth)?;
                if item.is_empty() { Ok(decoded) } else { Err("bytes follow an item".to_owned()) }
            };
            items.into_iter().map(item).collect::<Result<_, _>>().map(Item::List)
        }
    }
}

fn encode(item: &Item) -> Vec<u8> {
    let mut out = Vec::new();
    match item {
        Item::Text(text) => text.as_slice().encode(&mut out),
        Item::List(items) => {
            let payload: Vec<u8> = items.iter().flat_map(encode).collect();
            Header { list: true, payload_length: payload.len() }.encode(&mut out);
            out.extend(payload);
        }
    }
    out
}

#[cfg(test)]
mod tests;
