//! Transactions: whether they succeeded.

use super::{Failure, Outcome, found, invalid};
use crate::api::{lookup::Mined, work::Ask};
use serde::Deserialize;
use serde_json::json;

fn transaction(ask: &Ask) -> Result<Option<Mined>, Failure> {
    match ask.transaction_hash()? {
        Some(hash) => ask.lookup.by_hash(hash),
        None => invalid("Error! Missing transaction hash"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    error: Option<String>,
    revert_reason: Option<String>,
}

/// With the reason of a failure, as far as executing it again tells.
pub(super) fn status(ask: &Ask) -> Outcome {
    let failed = transaction(ask)?.filter(|mined| !mined.receipt.success);
    let Some(mined) = failed else {
        return found(json!({ "isError": "0", "errDescription": "" }));
    };
    let tracer = json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } });
    let reason = ask
        .call::<Trace>("debug_traceTransaction", json!([mined.hash(), tracer]))
        .ok()
        .and_then(|trace| trace.revert_reason.or(trace.error));
    let reason = reason.unwrap_or_else(|| "execution failed".to_owned());
    found(json!({ "isError": "1", "errDescription": reason }))
}

pub(super) fn receipt_status(ask: &Ask) -> Outcome {
    let status = match transaction(ask)? {
        Some(mined) if mined.receipt.state_root.is_some() => "",
        Some(mined) if mined.receipt.success => "1",
        Some(_) => "0",
        None => "",
    };
    found(json!({ "status": status }))
}
