//! Contracts: how they came to be, and their sources.

use super::{Answer, Failure, Outcome, found, hex, invalid};
use crate::api::{
    verification::{Refusal, State, creation_code, implementation, submit, verified},
    work::Ask,
};
use alloy_primitives::Address;
use heddle_solidity::requests::etherscan;
use serde_json::{Value, json};

/// Contracts of one `getcontractcreation`.
const CONTRACTS_MAX: usize = 5;

pub(super) fn abi(ask: &Ask) -> Outcome {
    let found = verified(ask, ask.address()?)?;
    Ok(Answer::Rpc(etherscan::abi(found.as_deref())))
}

/// With the implementation of a proxy by EIP-1967.
pub(super) fn source(ask: &Ask) -> Outcome {
    let address = ask.address()?;
    let found = verified(ask, address)?;
    let mut answer = etherscan::source_code(found.as_deref());
    if let Some(implementation) = implementation(ask, address)?
        && let Some(entry) = answer.pointer_mut("/result/0")
    {
        entry["Proxy"] = json!("1");
        entry["Implementation"] = json!(hex(implementation));
    }
    Ok(Answer::Rpc(answer))
}

/// Begins to verify. Only by POST: a link must not begin work.
pub(super) fn verify(ask: &Ask) -> Outcome {
    let submission = etherscan::submission(ask.params.all())
        .map_err(|error| Failure::Invalid(error.to_string()))?;
    let answer = match submit(ask, submission) {
        Ok((id, _)) => etherscan::submitted(&id),
        Err(Refusal::Failed(failure)) => return Err(failure),
        Err(Refusal::NoCode(address)) => etherscan::no_code(address),
        Err(Refusal::Already) => etherscan::already_verified(),
        Err(refusal) => etherscan::refused(&refusal.to_string()),
    };
    Ok(Answer::Rpc(answer))
}

pub(super) fn verify_status(ask: &Ask) -> Outcome {
    let job = ask.params.text("guid").and_then(|id| ask.explorer.bounds.jobs.get(id));
    let status = match job.map(|job| job.state) {
        Some(State::Pending) => etherscan::Status::Pending,
        Some(State::Verified(_)) => etherscan::Status::Verified,
        Some(State::Failed(..)) => etherscan::Status::Failed,
        None => etherscan::Status::Unknown,
    };
    Ok(Answer::Rpc(etherscan::status(status)))
}

/// There is nothing to wait for: the slot says it. The id is the proxy's address.
pub(super) fn verify_proxy(ask: &Ask) -> Outcome {
    let proxy = ask.address()?;
    match implementation(ask, proxy)? {
        Some(_) => found(hex(proxy)),
        None => invalid("Error! No implementation was found in the slot of EIP-1967"),
    }
}

pub(super) fn proxy_status(ask: &Ask) -> Outcome {
    let Ok(Some(proxy)) = ask.params.parse::<Address>("guid") else {
        return invalid("Unknown UID");
    };
    let Some(implementation) = implementation(ask, proxy)? else {
        return invalid("A corresponding implementation contract was unfortunately not detected");
    };
    found(format!(
        "The proxy's ({}) implementation contract is found at {} and is successfully updated.",
        hex(proxy),
        hex(implementation)
    ))
}

pub(super) fn creation(ask: &Ask) -> Outcome {
    let Some(text) = ask.params.text("contractaddresses") else {
        return invalid("Error! Missing contract addresses");
    };
    let addresses: Vec<&str> = text.split(',').map(str::trim).collect();
    if addresses.len() > CONTRACTS_MAX {
        return invalid("Error! Maximum of 5 contract addresses allowed");
    }
    let mut entries: Vec<Value> = Vec::new();
    for text in addresses {
        let Ok(contract) = text.parse::<Address>() else {
            return invalid("Error! Invalid contract address format");
        };
        let Some(creation) = ask.index.creation(contract)? else { continue };
        let at = (creation.block, creation.transaction);
        let Some(mined) = ask.lookup.transaction(at.0, at.1)? else { continue };
        let nested = creation.frame > 0;
        let code = creation_code(ask, contract)?.unwrap_or_default();
        entries.push(json!({
            "contractAddress": hex(contract),
            "contractCreator": hex(creation.sender),
            "txHash": mined.hash(),
            "blockNumber": creation.block.to_string(),
            "timestamp": mined.header().timestamp.to_string(),
            "contractFactory": if nested { hex(creation.creator) } else { String::new() },
            "creationBytecode": code,
        }));
    }
    Ok(if entries.is_empty() {
        Answer::Nothing("No data found")
    } else {
        Answer::Found(entries.into())
    })
}
