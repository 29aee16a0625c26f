//! What only executing a transaction again tells.

use crate::Explorer;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use heddle_rpc::CallFailure;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A call, creation or self-destruction, in the form of Parity's traces. They come in the order in
/// which they began, and not one in another: a thousand levels are no burden to who reads them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Frame {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) result: Option<Outcome>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    /// Which call of which call: one number for each level.
    pub(crate) trace_address: Vec<usize>,
}

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Action {
    pub(crate) call_type: Option<String>,
    pub(crate) from: Option<Address>,
    pub(crate) to: Option<Address>,
    pub(crate) value: Option<U256>,
    pub(crate) gas: Option<U64>,
    pub(crate) input: Option<Bytes>,
    pub(crate) init: Option<Bytes>,
    pub(crate) address: Option<Address>,
    pub(crate) balance: Option<U256>,
    pub(crate) refund_address: Option<Address>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Outcome {
    pub(crate) gas_used: Option<U64>,
    pub(crate) output: Option<Bytes>,
    pub(crate) address: Option<Address>,
}

impl Frame {
    /// Levels above it.
    pub(crate) const fn depth(&self) -> usize {
        self.trace_address.len()
    }

    /// Who was called, created, or got what was left.
    pub(crate) fn target(&self) -> Option<Address> {
        let action = &self.action;
        let created = self.result.as_ref().and_then(|result| result.address);
        action.to.or(created).or(action.refund_address)
    }
}

/// Why a transaction failed, as far as its outermost call tells.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Failure {
    pub(crate) error: Option<String>,
    pub(crate) output: Option<Bytes>,
    pub(crate) revert_reason: Option<String>,
}

/// What a transaction did to the state.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Difference {
    pub(crate) pre: BTreeMap<Address, AccountPart>,
    pub(crate) post: BTreeMap<Address, AccountPart>,
}

/// What is said of an account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AccountPart {
    pub(crate) balance: Option<U256>,
    pub(crate) nonce: Option<u64>,
    pub(crate) code: Option<Bytes>,
    pub(crate) storage: BTreeMap<B256, B256>,
}

impl Difference {
    /// All accounts that changed.
    pub(crate) fn addresses(&self) -> BTreeSet<Address> {
        self.pre.keys().chain(self.post.keys()).copied().collect()
    }
}

/// The calls of a transaction.
pub(crate) async fn calls(explorer: &Explorer, hash: B256) -> Result<Vec<Frame>, CallFailure> {
    let frames: Option<Vec<Frame>> = explorer.call("trace_transaction", json!([hash])).await?;
    Ok(frames.unwrap_or_default())
}

/// Why a transaction failed.
pub(crate) async fn failure(explorer: &Explorer, hash: B256) -> Result<Failure, CallFailure> {
    let options = json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } });
    explorer.call("debug_traceTransaction", json!([hash, options])).await
}

/// What a transaction did to the state.
pub(crate) async fn difference(explorer: &Explorer, hash: B256) -> Result<Difference, CallFailure> {
    let options = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    explorer.call("debug_traceTransaction", json!([hash, options])).await
}

/// `Error(string)`.
const ERROR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// `Panic(uint256)`.
const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// What revert data says in one of Solidity's two own errors.
pub(crate) fn reason(data: &[u8]) -> Option<String> {
    let (selector, rest) = data.split_first_chunk::<4>()?;
    let word = |at: usize| -> Option<U256> {
        rest.get(at..)?.first_chunk::<32>().map(|bytes| U256::from_be_bytes(*bytes))
    };
    match *selector {
        ERROR => {
            let offset = usize::try_from(word(0)?).ok()?;
            let length = usize::try_from(word(offset)?).ok()?;
            let start = offset.checked_add(32)?;
            let bytes = rest.get(start..start.checked_add(length)?)?;
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        PANIC => {
            let code = word(0)?;
            let words = match u8::try_from(code).ok()? {
                0x01 => "an assertion failed",
                0x11 => "arithmetic overflow",
                0x12 => "division by zero",
                0x21 => "no such value of an enum",
                0x22 => "storage bytes are wrongly encoded",
                0x31 => "pop of an empty array",
                0x32 => "index out of bounds",
                0x41 => "too much memory",
                0x51 => "call of an uninitialized function",
                _ => "unknown code",
            };
            Some(format!("Panic({code:#04x}): {words}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_errors_of_solidity_and_no_others() {
        let mut data = ERROR.to_vec();
        data.extend(U256::from(32).to_be_bytes::<32>());
        data.extend(U256::from(5).to_be_bytes::<32>());
        data.extend(b"short");
        assert_eq!(reason(&data).as_deref(), Some("short"));
        let mut data = PANIC.to_vec();
        data.extend(U256::from(0x11).to_be_bytes::<32>());
        assert_eq!(reason(&data).as_deref(), Some("Panic(0x11): arithmetic overflow"));
        assert_eq!(reason(&[1, 2, 3, 4, 5]), None);
    }

    #[test]
    fn lengths_that_lie_are_no_reason() {
        for word in [U256::MAX, U256::from(u64::MAX), U256::from(1_000)] {
            for second in [U256::MAX, U256::from(33)] {
                let mut data = ERROR.to_vec();
                data.extend(word.to_be_bytes::<32>());
                data.extend(second.to_be_bytes::<32>());
                assert_eq!(reason(&data), None);
            }
        }
    }
}
