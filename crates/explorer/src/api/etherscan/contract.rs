//! Contracts: how they came to be, and their sources.

use super::{Answer, Outcome, found, hex, invalid};
use crate::api::work::Ask;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Bytes};
use serde_json::{Value, json};

const NOT_VERIFIED: &str = "Contract source code not verified";
/// Contracts of one `getcontractcreation`.
const CONTRACTS_MAX: usize = 5;

pub(super) fn abi(ask: &Ask) -> Outcome {
    ask.address()?;
    invalid(NOT_VERIFIED)
}

pub(super) fn source(ask: &Ask) -> Outcome {
    ask.address()?;
    found(json!([{
        "SourceCode": "",
        "ABI": NOT_VERIFIED,
        "ContractName": "",
        "CompilerVersion": "",
        "CompilerType": "",
        "OptimizationUsed": "",
        "Runs": "",
        "ConstructorArguments": "",
        "EVMVersion": "Default",
        "Library": "",
        "ContractFileName": "",
        "LicenseType": "Unknown",
        "Proxy": "0",
        "Implementation": "",
        "SwarmSource": "",
        "SimilarMatch": "",
    }]))
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
        // Code that a contract gave is not kept.
        let code = if nested { Bytes::new() } else { mined.transaction.input().clone() };
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
