//! Contracts.

use super::{Outcome, checksum, missing};
use crate::api::{
    failure::Failure,
    verification::{implementation, verified},
    work::Ask,
};
use alloy_primitives::Address;
use heddle_solidity::verify::Verified;
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
    let mut value = match contract_json(ask, contract)? {
        Some(value) => value,
        None if ask.code(contract)?.is_empty() => return missing("contract"),
        // One of the first block.
        None => json!({
            "address": checksum(contract),
            "sender": null,
            "creator": null,
            "block": null,
            "transaction": null,
            "destroyed": false,
        }),
    };
    value["implementation"] = json!(implementation(ask, contract)?.map(checksum));
    value["source"] = json!(verified(ask, contract)?.map(|verified| source_json(&verified)));
    Ok(value)
}

fn source_json(verified: &Verified) -> Value {
    json!({
        "match": verified.kind,
        "creation_match": verified.creation_kind,
        "name": verified.name,
        "path": verified.path,
        "language": verified.language,
        "compiler": verified.compiler.to_string(),
        "settings": verified.settings,
        "abi": verified.abi,
        "sources": verified.sources,
        "constructor_arguments": verified.constructor_arguments,
    })
}
