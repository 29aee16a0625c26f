//! Why a call failed.
//!
//! In: the data of a revert. Out: Solidity's own `Error(string)` and `Panic(uint256)`, or a custom
//! error of an ABI.

use std::fmt;

use alloy_primitives::U256;
use serde::Serialize;

use super::{Abi, Decoded, Field, Kind, Value, codec};

/// `keccak256("Error(string)")`, its first four bytes.
const ERROR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// `keccak256("Panic(uint256)")`, its first four bytes.
const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// `require(…, "…")` or `revert("…")`: the words.
    Error(String),
    /// A check that the compiler inserts: its code.
    Panic(U256),
    /// An error that the contract declares.
    Custom(Decoded),
}

/// Why a call failed, by what it returned; `None` where that is empty or unknown. The first ABI
/// that has the error names it.
pub fn reason<'a>(data: &[u8], abis: impl IntoIterator<Item = &'a Abi>) -> Option<Reason> {
    let (selector, arguments) = data.split_first_chunk::<4>()?;
    let single = |kind| {
        let (values, _) = codec::decode(&[Field { name: String::new(), kind }], arguments)?;
        values.into_iter().next()
    };
    match *selector {
        ERROR => match single(Kind::String)? {
            Value::String(text) => Some(Reason::Error(text)),
            Value::Bytes(bytes) => Some(Reason::Error(String::from_utf8_lossy(&bytes).into())),
            _ => None,
        },
        PANIC => match single(Kind::Uint(256))? {
            Value::Uint(code) => Some(Reason::Panic(code)),
            _ => None,
        },
        _ => abis.into_iter().find_map(|abi| abi.decode_error(data)).map(Reason::Custom),
    }
}

/// What the code of a panic means, by Solidity's documentation, "Panic via assert and Error via
/// require".
pub fn panic_meaning(code: U256) -> &'static str {
    match u64::try_from(code).unwrap_or(u64::MAX) {
        0x00 => "a panic that the compiler inserted",
        0x01 => "an assertion failed",
        0x11 => "arithmetic overflow or underflow",
        0x12 => "division or modulo by zero",
        0x21 => "a value that its enum does not have",
        0x22 => "a byte array in storage is encoded wrongly",
        0x31 => "pop of an empty array",
        0x32 => "an index out of bounds",
        0x41 => "too much memory, or too long an array",
        0x51 => "a call of a function variable that is not set",
        _ => "unknown",
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(text) => f.write_str(text),
            Self::Panic(code) => write!(f, "Panic({code:#x}): {}", panic_meaning(*code)),
            Self::Custom(error) => {
                write!(f, "{}(", error.name)?;
                for (index, parameter) in error.parameters.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    if !parameter.name.is_empty() {
                        write!(f, "{}: ", parameter.name)?;
                    }
                    write!(f, "{}", parameter.value)?;
                }
                f.write_str(")")
            }
        }
    }
}
