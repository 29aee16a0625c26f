//! geth's tracers, on transactions, blocks and calls.

use crate::{
    Error,
    args::Args,
    call_environment::{CallState, Request},
    context::Node,
    json::{Json, json},
    replay::Replay,
    view::{FoundBlock, View},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Decodable;
use alloy_rpc_types_eth::{Bundle, StateContext, TransactionRequest};
use alloy_rpc_types_trace::geth::{GethDebugTracingCallOptions, GethDebugTracingOptions};
use heddle_executor::{
    call::commit,
    tracing::{Tracer, TransactionPlace},
};
use heddle_types::Block;
use serde::Serialize;
use std::time::Duration;

/// The tracer that the argument at `position` asks for, and how long it may run.
fn tracer(
    node: &Node,
    options: Option<GethDebugTracingOptions>,
) -> Result<(Tracer, Duration), Error> {
    let tracer = Tracer::new(options.unwrap_or_default())?;
    let most = node.settings.limits.trace_timeout;
    let time = tracer.timeout().unwrap_or(most).min(most);
    Ok((tracer, time))
}

/// `debug_traceTransaction`.
pub(crate) fn trace_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let hash: B256 = args.required(0)?;
    let (tracer, time) = tracer(node, args.optional(1)?)?;
    let view = node.view()?;
    let (block, index) = view.transaction(hash)?.ok_or(Error::TransactionNotFound)?;
    let mut replay = Replay::new(&view, block, time)?;
    replay.skip_to(index)?;
    replay.step(|step| trace_step(&tracer, step))?.ok_or(Error::TransactionNotFound)
}

fn trace_step(
    tracer: &Tracer,
    step: &mut crate::replay::Step<'_>,
) -> Result<(Json, heddle_executor::call::Outcome), Error> {
    let traced = tracer.trace(
        step.state,
        step.environment,
        step.transaction,
        &step.place,
        step.interrupt,
    )?;
    Ok((traced.output, traced.outcome))
}

/// `debug_traceBlockByNumber`.
pub(crate) fn trace_block_by_number(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let number: BlockNumberOrTag = args.required(0)?;
    trace_block(node, args, |view| view.block_required(number.into()))
}

/// `debug_traceBlockByHash`.
pub(crate) fn trace_block_by_hash(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let hash: B256 = args.required(0)?;
    trace_block(node, args, |view| view.block_required(hash.into()))
}

/// `debug_traceBlock`.
pub(crate) fn trace_raw_block(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let bytes: Bytes = args.required(0)?;
    let block = Block::decode(&mut bytes.as_ref())
        .map_err(|error| Error::argument(0, format!("could not decode block: {error}")))?;
    let hash = block.header.hash_slow();
    trace_block(node, args, |view| view.block_required(hash.into()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TracedTransaction {
    tx_hash: B256,
    result: Json,
}

fn trace_block(
    node: &Node,
    args: &Args<'_>,
    find: impl FnOnce(&View<'_>) -> Result<FoundBlock, Error>,
) -> Result<Json, Error> {
    let (tracer, time) = tracer(node, args.optional(1)?)?;
    let view = node.view()?;
    let mut replay = Replay::new(&view, find(&view)?, time)?;
    let bytes_max = node.settings.limits.response_bytes_max as usize;
    let (mut traces, mut bytes) = (Vec::new(), 0);
    loop {
        let tx_hash = replay.place().transaction_hash.unwrap_or_default();
        let Some(result) = replay.step(|step| trace_step(&tracer, step))? else { break };
        bytes += result.get().len();
        if bytes > bytes_max {
            return Err(Error::TooLarge(format!(
                "the trace is larger than {bytes_max} bytes; trace single transactions, or ask \
                 for less"
            )));
        }
        traces.push(TracedTransaction { tx_hash, result });
    }
    json(&traces)
}

/// `debug_traceCall`.
pub(crate) fn trace_call(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let request: TransactionRequest = args.required(0)?;
    let id: BlockId = args.optional(1)?.unwrap_or_else(BlockId::latest);
    let options: GethDebugTracingCallOptions = args.optional(2)?.unwrap_or_default();
    let (tracer, time) = tracer(node, Some(options.tracing_options))?;
    let view = node.view()?;
    let index = options.tx_index.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
    let mut state = CallState::within(&view, id, index, time)?;
    state.override_state(options.state_overrides.as_ref())?;
    state.override_block(options.block_overrides.as_ref())?;
    let request = Request::new(node, &state, request)?;
    trace_request(&tracer, &mut state, &request)
}

fn trace_request(tracer: &Tracer, state: &mut CallState, request: &Request) -> Result<Json, Error> {
    let place = TransactionPlace::default();
    let environment = request.environment(state);
    let interrupt = state.interrupt.clone();
    let traced =
        tracer.trace(&mut state.overlay, &environment, &request.transaction, &place, &interrupt)?;
    commit(&mut state.overlay, &environment, &traced.outcome)?;
    Ok(traced.output)
}

/// `debug_traceCallMany`.
pub(crate) fn trace_call_many(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let bundles: Vec<Bundle> = args.required(0)?;
    let context: StateContext = args.optional(1)?.unwrap_or_default();
    let options: GethDebugTracingCallOptions = args.optional(2)?.unwrap_or_default();
    let (tracer, time) = tracer(node, Some(options.tracing_options))?;
    let view = node.view()?;
    let id = context.block_number.unwrap_or_default();
    let index = context.transaction_index.unwrap_or_default().index();
    let mut state = CallState::within(&view, id, index, time)?;
    state.override_state(options.state_overrides.as_ref())?;
    let mut results = Vec::new();
    for bundle in bundles {
        state.override_block(bundle.block_override.as_ref())?;
        let mut traces = Vec::new();
        for request in bundle.transactions {
            let request = Request::new(node, &state, request)?;
            traces.push(trace_request(&tracer, &mut state, &request)?);
        }
        results.push(traces);
    }
    json(&results)
}
