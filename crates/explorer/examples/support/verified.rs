//! Sources of the contracts of the random chain, as if somebody had verified them.

use alloy_primitives::{Address, keccak256};
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::ChainReader;
use heddle_solidity::{
    store::Contracts,
    verify::{Match, Verified},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, error::Error};

/// Name, mutability, inputs with their types, and types of outputs.
type FunctionRow =
    (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

/// What the token of the fixture can do, as far as its artifact's source tells.
const TOKEN_FUNCTIONS: &[FunctionRow] = &[
    ("mint", "nonpayable", &[("to", "address"), ("amount", "uint256")], &[]),
    ("burn", "nonpayable", &[("from", "address"), ("amount", "uint256")], &[]),
    ("give", "nonpayable", &[("to", "address"), ("amount", "uint256")], &[]),
    ("balanceOf", "view", &[("holder", "address")], &["uint256"]),
    ("totalSupply", "view", &[], &["uint256"]),
    ("name", "view", &[], &["string"]),
    ("symbol", "view", &[], &["string"]),
    ("decimals", "view", &[], &["uint8"]),
];

/// Verifies the fixture, its token, and wrapped ether.
pub(crate) fn keep(contracts: &Contracts, chain: &ChainReader) -> Result<(), Box<dyn Error>> {
    let maker = PrivateKeySigner::from_bytes(&keccak256("1 0"))?.address();
    let fixture = maker.create(0);
    for (address, file, name, abi) in [
        (fixture, "ExplorerFixture", "ExplorerFixture", abi_of("ExplorerFixture")?),
        (fixture.create(1), "ExplorerFixture", "FixtureToken", token_abi()),
        (maker.create(1), "Weth", "Weth", abi_of("Weth")?),
    ] {
        contracts.insert(verified(chain, address, file, name, abi)?)?;
    }
    Ok(())
}

fn verified(
    chain: &ChainReader,
    address: Address,
    file: &str,
    name: &str,
    abi: Value,
) -> Result<Verified, Box<dyn Error>> {
    let state = chain.execution_state_at(chain.head().number)?;
    let code_hash = state.account(address)?.ok_or("no contract")?.code_hash;
    let path = format!("src/{file}.sol");
    let source =
        std::fs::read_to_string(format!("{}/../../contracts/{path}", env!("CARGO_MANIFEST_DIR")))?;
    Ok(Verified {
        kind: Match::Partial,
        creation_kind: None,
        compiler: "v0.8.37+commit.f401782d".parse()?,
        language: "Solidity".to_owned(),
        settings: json!({ "optimizer": { "enabled": true, "runs": 200 }, "evmVersion": "cancun" }),
        sources: BTreeMap::from([(path.clone(), source)]),
        path,
        name: name.to_owned(),
        abi,
        userdoc: json!({}),
        devdoc: json!({}),
        storage_layout: layout(name),
        metadata: String::new(),
        code_hash,
        immutables: BTreeMap::new(),
        libraries: BTreeMap::new(),
        constructor_arguments: None,
    })
}

fn abi_of(name: &str) -> Result<Value, Box<dyn Error>> {
    let path = format!("{}/../../contracts/artifacts/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut artifact: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    Ok(artifact["abi"].take())
}

fn token_abi() -> Value {
    let field = |(name, kind): &(&str, &str)| json!({ "name": name, "type": kind });
    let function =
        |(name, mutability, inputs, outputs): &(&str, &str, &[(&str, &str)], &[&str])| {
            let inputs: Vec<Value> = inputs.iter().map(field).collect();
            let outputs: Vec<Value> = outputs.iter().map(|kind| field(&("", kind))).collect();
            json!({ "type": "function", "name": name, "stateMutability": mutability,
            "inputs": inputs, "outputs": outputs })
        };
    TOKEN_FUNCTIONS.iter().map(function).collect()
}

/// The layout of OpenZeppelin's ERC-20 with what the contract adds, or of the fixture's counter.
fn layout(name: &str) -> Value {
    let variable = |(slot, label, kind): (usize, &str, &str)| json!({ "label": label, "slot": slot.to_string(), "offset": 0, "type": kind });
    let variables = match name {
        "ExplorerFixture" => vec![(0, "counter", "uint")],
        _ => vec![
            (0, "_balances", "amounts"),
            (1, "_allowances", "allowances"),
            (2, "_totalSupply", "uint"),
            (3, "_name", "string"),
            (4, "_symbol", "string"),
            (5, "bonus", "amounts"),
        ],
    };
    let storage: Vec<Value> = variables.into_iter().map(variable).collect();
    let amounts = "mapping(address => uint256)";
    json!({ "storage": storage, "types": {
        "uint": { "encoding": "inplace", "label": "uint256", "numberOfBytes": "32" },
        "address": { "encoding": "inplace", "label": "address", "numberOfBytes": "20" },
        "string": { "encoding": "bytes", "label": "string", "numberOfBytes": "32" },
        "amounts": { "encoding": "mapping", "label": amounts, "numberOfBytes": "32",
            "key": "address", "value": "uint" },
        "allowances": { "encoding": "mapping", "label": "mapping(address => mapping)",
            "numberOfBytes": "32", "key": "address", "value": "amounts" },
    }})
}
