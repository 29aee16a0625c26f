//! Decoded values.

use std::fmt;

use alloy_primitives::{Address, B256, Bytes, I256, U256};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value of the contract ABI. Strings are as the contract gave them, whatever they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An address.
    Address(Address),
    /// A truth value.
    Bool(bool),
    /// An unsigned integer of any size.
    Uint(U256),
    /// A signed integer of any size.
    Int(I256),
    /// `bytes`, `bytes1` to `bytes32`, `function`, and a `string` that is not UTF-8.
    Bytes(Bytes),
    /// A string.
    String(String),
    /// An array of a fixed or any length.
    Array(Vec<Value>),
    /// A struct: components with their names, which are empty where the ABI gives none.
    Tuple(Vec<(String, Value)>),
    /// Of an indexed parameter that is not a single word, an event keeps only this hash.
    Hash(B256),
}

impl fmt::Display for Value {
    /// Integers in decimal, bytes in hex, strings in quotes, `[1, 2]`, `(to: 0x…, amount: 1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Uint(number) => write!(f, "{number}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Hash(hash) => write!(f, "{hash}"),
            Self::String(text) => {
                f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
            }
            Self::Array(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Tuple(fields) => {
                f.write_str("(")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    if !name.is_empty() {
                        write!(f, "{name}: ")?;
                    }
                    write!(f, "{value}")?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Serialize for Value {
    /// Integers are decimal strings; tuples are objects, or arrays where a component has no name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Tuple(fields) if fields.iter().any(|(name, _)| name.is_empty()) => {
                serializer.collect_seq(fields.iter().map(|(_, value)| value))
            }
            Self::Tuple(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
            single => serializer.collect_str(single),
        }
    }
}
