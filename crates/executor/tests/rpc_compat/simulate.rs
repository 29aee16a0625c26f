//! Simulated blocks on blocks of the chain.

use crate::{
    chain::{Chain, folder, state_root},
    traces::exchanges,
};
use alloy_primitives::{B256, U64};
use heddle_executor::simulate::{Base, Limits, Request, SimulateError, Simulated, simulate};
use heddle_types::ChangeSet;
use serde_json::{Value, json};
use std::convert::Infallible;

type Failure = SimulateError<heddle_executor::UnknownCode, Infallible>;

fn answer(chain: &Chain, params: &[Value]) -> Option<Result<Vec<Simulated>, Failure>> {
    let latest = chain.blocks.len() as u64;
    let number = match params.get(1).and_then(Value::as_str) {
        None | Some("latest") => latest,
        Some(number) => serde_json::from_value::<U64>(json!(number)).unwrap().to(),
    };
    if number > latest {
        return None;
    }
    let request: Request = serde_json::from_value(params[0].clone()).unwrap();
    let state = chain.state_at(number);
    let mut next = state.clone();
    let mut root = |changes: &ChangeSet| -> Result<B256, Infallible> {
        next.apply(changes);
        Ok(state_root(&next))
    };
    let base = Base { spec: &chain.spec, header: chain.header(number) };
    let limits = Limits { gas_max: 50_000_000, ..Limits::default() };
    Some(simulate(&request, base, state, &limits, &mut root))
}

#[test]
fn simulated_blocks_are_those_of_the_suite() {
    let Some(chain) = Chain::load() else { return };
    let mut files: Vec<_> = std::fs::read_dir(folder().unwrap().join("eth_simulateV1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert!(files.len() > 50);
    let mut wrong = Vec::new();
    for file in files {
        for (request, response) in exchanges(&format!("eth_simulateV1/{file}")) {
            let Some(ours) = answer(&chain, request["params"].as_array().unwrap()) else {
                assert_eq!(response["error"]["message"], "header not found");
                continue;
            };
            if let Err(difference) = compare(&ours, &response) {
                wrong.push(format!("{file}: {difference}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn compare(ours: &Result<Vec<Simulated>, Failure>, response: &Value) -> Result<(), String> {
    let blocks = match (ours, response.get("error")) {
        (Err(error), Some(expected)) => {
            let ours = json!({ "code": error.code(), "message": error.to_string() });
            return same("error", &ours, expected);
        }
        (Err(error), None) => return Err(format!("failed with {error}")),
        (Ok(_), Some(expected)) => return Err(format!("did not fail with {expected}")),
        (Ok(blocks), None) => blocks,
    };
    let expected = response["result"].as_array().unwrap();
    same("number of blocks", &json!(blocks.len()), &json!(expected.len()))?;
    for (ours, expected) in blocks.iter().zip(expected) {
        same("calls", &serde_json::to_value(&ours.calls).unwrap(), &expected["calls"])?;
        let header = serde_json::to_value(&ours.block.header).unwrap();
        for (field, value) in header.as_object().unwrap() {
            if let Some(expected) = expected.get(field) {
                same(field, value, expected)?;
            }
        }
        same("hash", &json!(ours.hash), &expected["hash"])?;
        let size = U64::from(alloy_rlp::Encodable::length(&ours.block));
        same("size", &json!(size), &expected["size"])?;
        let body = &ours.block.body;
        same(
            "withdrawals",
            &serde_json::to_value(&body.withdrawals).unwrap(),
            &expected["withdrawals"],
        )?;
        for ((index, transaction), sender) in
            body.transactions.iter().enumerate().zip(&ours.senders)
        {
            let expected = &expected["transactions"][index];
            let hash = expected.get("hash").unwrap_or(expected);
            same("transaction", &json!(transaction.tx_hash()), hash)?;
            if let Some(from) = expected.get("from") {
                same("sender", &json!(sender), from)?;
            }
        }
    }
    Ok(())
}

fn same(what: &str, ours: &Value, expected: &Value) -> Result<(), String> {
    if ours == expected {
        return Ok(());
    }
    let short = |value: &Value| value.to_string().chars().take(600).collect::<String>();
    Err(format!("{what}\n    ours   {}\n    theirs {}", short(ours), short(expected)))
}
