//! Calls: executing without changing anything.

use crate::{
    Error,
    args::Args,
    call_environment::{CallState, Request, output},
    context::Node,
    json::{Json, json, quantity},
};
use alloy_eips::{BlockId, eip2930::AccessList};
use alloy_primitives::{Bytes, U64};
use alloy_rpc_types_eth::{Bundle, StateContext, TransactionRequest};
use heddle_executor::{
    EstimateOptions, call::commit, create_access_list as create_access_list_on,
    estimate_gas as estimate_gas_on,
};
use serde::Serialize;

/// `eth_call`.
pub(crate) fn call(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (mut state, request) = prepare(node, args, BlockId::latest())?;
    let request = Request::new(node, &state, request)?;
    json(&output(state.run(&request)?)?)
}

/// The state of a call with what it overrides, and the call.
fn prepare(
    node: &Node,
    args: &Args<'_>,
    default: BlockId,
) -> Result<(CallState, TransactionRequest), Error> {
    let request: TransactionRequest = args.required(0)?;
    let id = args.optional(1)?.unwrap_or(default);
    let mut state = CallState::after(&node.view()?, id, node.settings.limits.call_timeout)?;
    state.override_state(args.optional(2)?.as_ref())?;
    state.override_block(args.optional(3)?.as_ref())?;
    Ok((state, request))
}

/// `eth_estimateGas`.
pub(crate) fn estimate_gas(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (mut state, request) = prepare(node, args, BlockId::latest())?;
    json(&quantity(search(node, &mut state, request, Logged::Always)?))
}

/// The gas that a transaction needs after a block.
pub(crate) fn estimate(
    node: &Node,
    request: TransactionRequest,
    id: BlockId,
) -> Result<u64, Error> {
    let mut state = CallState::after(&node.view()?, id, node.settings.limits.call_timeout)?;
    // A transaction that is sent prints when it is mined.
    search(node, &mut state, request, Logged::IfItFails)
}

/// When what the contracts of an estimate have logged is printed: once, however often it is
/// executed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Logged {
    Always,
    IfItFails,
}

fn search(
    node: &Node,
    state: &mut CallState,
    request: TransactionRequest,
    logged: Logged,
) -> Result<u64, Error> {
    // The gas that is asked for is the most that is tried; none asks for as much as there is.
    let gas = request.gas.unwrap_or_default();
    let mut request = Request::new(node, state, request)?;
    request.transaction.gas_limit = gas;
    let gas_cap = Some(node.settings.limits.gas_max);
    let options = EstimateOptions { gas_cap, ..EstimateOptions::default() };
    let interrupt = state.interrupt.clone();
    let (overlay, environment) = (&mut state.overlay, &state.environment);
    let found = estimate_gas_on(overlay, environment, &request.transaction, options, &interrupt);
    if logged == Logged::Always || found.is_err() {
        let most = if gas > 0 { gas } else { environment.block.gas_limit };
        let most = most.min(node.settings.limits.gas_max);
        request.transaction.gas_limit = *found.as_ref().unwrap_or(&most);
        state.print_logged(&request.transaction);
    }
    Ok(found?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessListJson {
    access_list: AccessList,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    gas_used: U64,
}

/// `eth_createAccessList`.
pub(crate) fn create_access_list(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (mut state, request) = prepare(node, args, BlockId::latest())?;
    let request = Request::new(node, &state, request)?;
    let interrupt = state.interrupt.clone();
    let (overlay, environment) = (&mut state.overlay, &state.environment);
    let created = create_access_list_on(overlay, environment, &request.transaction, &interrupt)?;
    json(&AccessListJson {
        access_list: created.access_list,
        error: created.error,
        gas_used: quantity(created.gas_used),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Many {
    Value(Bytes),
    Error(String),
}

/// `eth_callMany`: bundles of calls, each of which sees what those before it did.
pub(crate) fn call_many(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let bundles: Vec<Bundle> = args.required(0)?;
    let context: StateContext = args.optional(1)?.unwrap_or_default();
    let index = context.transaction_index.unwrap_or_default().index();
    let id = context.block_number.unwrap_or_default();
    let mut state = CallState::within(&node.view()?, id, index, node.settings.limits.call_timeout)?;
    state.override_state(args.optional(2)?.as_ref())?;
    let mut results = Vec::new();
    for bundle in bundles {
        state.override_block(bundle.block_override.as_ref())?;
        let mut own = Vec::new();
        for request in bundle.transactions {
            own.push(one_of_many(node, &mut state, request)?);
        }
        results.push(own);
    }
    json(&results)
}

fn one_of_many(
    node: &Node,
    state: &mut CallState,
    request: TransactionRequest,
) -> Result<Many, Error> {
    let request = Request::new(node, state, request)?;
    let environment = request.environment(state);
    let outcome = match state.run(&request) {
        Ok(outcome) => outcome,
        Err(Error::Refused(message)) => return Ok(Many::Error(message)),
        Err(error) => return Err(error),
    };
    commit(&mut state.overlay, &environment, &outcome)?;
    Ok(match output(outcome) {
        Ok(output) => Many::Value(output),
        Err(error) => Many::Error(error.to_string()),
    })
}
