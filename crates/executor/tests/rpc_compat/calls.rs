//! Calls, estimates and access lists on the chain's head.

use crate::{
    chain::{Chain, block_env},
    traces::exchanges,
};
use alloy_primitives::{Bytes, U64};
use alloy_rpc_types_eth::TransactionRequest;
use heddle_executor::{
    EstimateError, EstimateOptions, MemoryState, Overlay,
    call::{self, Checks, Environment, Interrupt},
    create_access_list, estimate_gas, failure_message,
};
use serde_json::{Value, json};

const GAS_CAP: u64 = 50_000_000;

fn environment(chain: &Chain) -> Environment {
    let header = &chain.blocks.last().unwrap().header;
    let fork = chain.spec.fork_at(header.number, header.timestamp, true);
    let block = block_env(&chain.spec, header, fork);
    Environment::new(fork, chain.spec.chain_id, block).with_checks(Checks::MESSAGE)
}

fn answer(chain: &Chain, method: &str, request: &Value) -> Value {
    let mut environment = environment(chain);
    let mut state: Overlay<&MemoryState> = Overlay::new(&chain.head);
    let request: TransactionRequest = serde_json::from_value(request.clone()).unwrap();
    let never = Interrupt::never();
    let default = if method == "eth_estimateGas" { 0 } else { GAS_CAP };
    let transaction = call::message(&request, &environment, default).unwrap();
    let reverted = |message: String, output: &Bytes| json!({"error": {"code": call::codes::REVERTED, "message": message, "data": output}});
    match method {
        "eth_call" => {
            environment.waive_fees(&transaction);
            let outcome = call::call(&mut state, &environment, &transaction, &never).unwrap();
            let output = outcome.result.output().cloned().unwrap_or_default();
            match failure_message(&outcome.result) {
                None => json!({ "result": output }),
                Some(message) => reverted(message, &output),
            }
        }
        "eth_estimateGas" => {
            let options = EstimateOptions { gas_cap: Some(GAS_CAP), ..Default::default() };
            match estimate_gas(&mut state, &environment, &transaction, options, &never) {
                Ok(gas) => json!({ "result": U64::from(gas) }),
                Err(EstimateError::Reverted { output }) => {
                    reverted(heddle_executor::revert_message(&output), &output)
                }
                Err(other) => panic!("{other}"),
            }
        }
        "eth_createAccessList" => {
            let created =
                create_access_list(&mut state, &environment, &transaction, &never).unwrap();
            let gas_used = U64::from(created.gas_used);
            json!({ "result": { "accessList": created.access_list, "gasUsed": gas_used } })
        }
        other => panic!("{other}"),
    }
}

#[test]
fn calls_are_answered_as_the_suite_says() {
    let Some(chain) = Chain::load() else { return };
    for name in [
        "eth_call/call-callenv-options-eip1559.io",
        "eth_call/call-callenv.io",
        "eth_call/call-eip7702-delegation.io",
        "eth_call/call-revert-abi-panic.io",
        "eth_estimateGas/estimate-failed-call.io",
        "eth_estimateGas/estimate-simple-transfer.io",
        "eth_estimateGas/estimate-successful-call.io",
        "eth_createAccessList/create-al-contract-eip1559.io",
        "eth_createAccessList/create-al-contract.io",
        "eth_createAccessList/create-al-value-transfer.io",
    ] {
        for (request, response) in exchanges(name) {
            let method = request["method"].as_str().unwrap();
            let ours = answer(&chain, method, &request["params"][0]);
            assert_eq!(ours["result"], response["result"], "{name}");
            assert_eq!(ours["error"], response["error"], "{name}");
        }
    }
}
