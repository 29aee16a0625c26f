//! What a validator is asked over JSON-RPC.

use alloy_primitives::{B256, hex};
use futures_util::future::BoxFuture;
use heddle_chain::Chain;
use heddle_consensus::{Equivocation, FinalityProof, View, recorded_equivocations};
use heddle_rpc::Agreement;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers for a validator that runs.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) view: View,
    pub(crate) chain: Arc<Chain>,
    pub(crate) key: String,
}

impl Agreement for Answers {
    fn status(&self) -> Value {
        let reader = self.chain.reader();
        let next = reader.finalized().unwrap_or_default() + 1;
        let epoch = self.view.epoch_of(next);
        let validators = self.view.validators(epoch).unwrap_or_default();
        let round = self.view.observations.latest_round();
        json!({
            "key": self.key,
            "epoch": quantity(epoch),
            "view": quantity(round.map_or(0, |round| round.view().get())),
            "validators": quantity(validators.len() as u64),
            "isValidator": validators.iter().any(|key| key.to_string() == self.key),
            "isSilent": self.view.is_silent(),
            "latest": quantity(reader.head().number),
            "safe": quantity(reader.safe().unwrap_or_default()),
            "finalized": quantity(reader.finalized().unwrap_or_default()),
            "seen": self.view.observations.counts(),
        })
    }

    fn validators(&self, epoch: Option<u64>) -> Option<Value> {
        let next = self.chain.reader().finalized().unwrap_or_default() + 1;
        let epoch = epoch.unwrap_or_else(|| self.view.epoch_of(next));
        let keys = self.view.validators(epoch)?;
        let keys: Vec<String> = keys.iter().map(|key| format!("0x{key}")).collect();
        Some(json!({ "epoch": quantity(epoch), "keys": keys }))
    }

    fn finality_proof(&self, number: u64) -> BoxFuture<'static, Result<Value, String>> {
        let view = self.view.clone();
        Box::pin(async move {
            let proof = view.finality_proof(number).await;
            proof.map(|proof| proof_json(&proof)).map_err(|error| error.to_string())
        })
    }

    fn equivocations(&self) -> Result<Value, String> {
        let recorded = recorded_equivocations(&self.chain.reader());
        let recorded = recorded.map_err(|error| error.to_string())?;
        Ok(recorded.iter().map(equivocation_json).collect())
    }
}

fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

fn bytes(bytes: &[u8]) -> String {
    hex::encode_prefixed(bytes)
}

fn proof_json(proof: &FinalityProof) -> Value {
    let hash: B256 = proof.head.hash;
    let signatures: Vec<Value> = (proof.signatures.iter())
        .map(|vote| {
            json!({
                "validator": format!("0x{}", vote.validator),
                "signature": bytes(&vote.signature),
            })
        })
        .collect();
    json!({
        "epoch": quantity(proof.epoch),
        "view": quantity(proof.view),
        "signedNumber": quantity(proof.head.height),
        "signedHash": hash,
        "namespace": bytes(&proof.namespace),
        "message": bytes(&proof.message),
        "head": bytes(&proof.head_bytes()),
        "signatures": signatures,
        "headers": proof.headers.iter().map(|header| bytes(header)).collect::<Vec<_>>(),
    })
}

fn equivocation_json(found: &Equivocation) -> Value {
    let Equivocation { epoch, view, validator, conflict } = found;
    json!({
        "validator": format!("0x{validator}"),
        "epoch": quantity(epoch.get()),
        "view": quantity(view.get()),
        "kind": conflict.name(),
        "votes": bytes(&conflict.bytes()),
    })
}
