//! What a validator is asked over JSON-RPC.

use alloy_primitives::{B256, hex};
use futures_util::future::BoxFuture;
use heddle_chain::Chain;
use heddle_consensus::{Equivocation, FinalityProof, PublicKey, View, recorded_equivocations};
use heddle_rpc::Agreement;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

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

/// How often the figures of consensus are taken.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// A validator counts as heard for so long after a vote.
const HEARD_TIME: Duration = Duration::from_secs(30);

/// Takes the figures of consensus that Prometheus shows.
pub(crate) async fn measure(view: View, chain: Arc<Chain>, key: PublicKey) {
    let mut interval = tokio::time::interval(MEASURE_INTERVAL);
    loop {
        interval.tick().await;
        let reader = chain.reader();
        let (safe, finalized) = (reader.safe().unwrap_or_default(), reader.finalized());
        let finalized = finalized.unwrap_or_default();
        let epoch = view.epoch_of(finalized + 1);
        let validators = view.validators(epoch).unwrap_or_default();
        let seen = &view.observations;
        let heard = seen.heard_since(SystemTime::now() - HEARD_TIME);
        // The figures are for charts: that a float has 53 bits does no harm.
        let set = |name, value: u64| metrics::gauge!(name).set(value as f64);
        set("heddle_consensus_epoch", epoch);
        set("heddle_consensus_view", seen.latest_round().map_or(0, |round| round.view().get()));
        set("heddle_consensus_safe_number", safe);
        set("heddle_consensus_finalized_number", finalized);
        set("heddle_consensus_validators", validators.len() as u64);
        set("heddle_consensus_validators_heard", heard as u64);
        set("heddle_consensus_is_validator", validators.contains(&key).into());
        set("heddle_consensus_is_silent", view.is_silent().into());
        let proofs = recorded_equivocations(&reader).map_or(0, |proofs| proofs.len());
        set("heddle_consensus_equivocations", proofs as u64);
        for (what, count) in seen.counts() {
            metrics::counter!(format!("heddle_consensus_{what}_total")).absolute(count);
        }
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
