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
