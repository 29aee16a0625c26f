//! Contracts.

use super::{Outcome, checksum, missing};
use crate::api::{failure::Failure, work::Ask};
use alloy_primitives::Address;
use serde_json::{Value, json};

fn contract_json(ask: &Ask, contract: Address) -> Result<Option<Value>, Failure> {
    let Some(creation) = ask.index.creation(contract)? else { return Ok(None) };
    let mined = ask.lookup.transaction(creation.block, creation.transaction)?;
    Ok(mined.map(|mined| {
        json!({
            "address": checksum(contract),
            "sender": checksum(creation.sender),
            "creator": checksum(creation.creator),
            "block": creation.block,
            "transaction": mined.hash(),
            "destroyed": creation.destroyed,
        })
    }))
}

pub(super) fn list(ask: &Ask) -> Outcome {
    ask.places(
        |page| ask.index.contracts(page),
        |(place, _)| *place,
        |(_, contract)| contract_json(ask, *contract),
    )
}

pub(super) fn one(ask: &Ask) -> Outcome {
    let contract = ask.path_address()?;
    if let Some(found) = contract_json(ask, contract)? {
        return Ok(found);
    }
    if ask.code(contract)?.is_empty() {
        return missing("contract");
    }
    // One of the first block.
    Ok(json!({
        "address": checksum(contract),
        "sender": null,
        "creator": null,
        "block": null,
        "transaction": null,
        "destroyed": false,
    }))
}
