//! OpenEthereum's traces.

use crate::{
    Error,
    args::Args,
    call_environment::{CallState, Request},
    context::Node,
    json::{Json, json},
    replay::Replay,
    view::{FoundBlock, View},
};
use alloy_eips::{BlockId, eip2718::Decodable2718};
use alloy_primitives::{B256, Bytes, U64, map::HashSet};
use alloy_rpc_types_eth::{BlockNumHash, TransactionRequest};
use alloy_rpc_types_trace::{
    filter::TraceFilter,
    parity::{LocalizedTransactionTrace, TraceResults, TraceResultsWithTransactionHash, TraceType},
};
use heddle_ecrecover::recover_sender;
use heddle_executor::{
    call::commit,
    tracing::parity::{replay, reward_traces, transaction_traces},
};
use heddle_types::{Ommer, Transaction};

type Kinds = HashSet<TraceType>;

/// The calls of one transaction.
pub(crate) fn traces_of(
    node: &Node,
    view: &View<'_>,
    block: FoundBlock,
    index: usize,
) -> Result<Vec<LocalizedTransactionTrace>, Error> {
    let mut replay = Replay::new(view, block, node.settings.limits.trace_timeout)?;
    replay.skip_to(index)?;
    let traces = replay.step(|step| {
        let place = &step.place;
        Ok(transaction_traces(
            step.state,
            step.environment,
            step.transaction,
            place,
            step.interrupt,
        )?)
    })?;
    traces.ok_or(Error::TransactionNotFound)
}

/// `trace_transaction`.
pub(crate) fn transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    match view.transaction(args.required(0)?)? {
        Some((block, index)) => json(&traces_of(node, &view, block, index)?),
        None => json(&()),
    }
}

/// `trace_get`.
pub(crate) fn get(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let path: Vec<U64> = args.required(1)?;
    let path: Vec<usize> = path.into_iter().map(|step| step.saturating_to()).collect();
    let view = node.view()?;
    let Some((block, index)) = view.transaction(args.required(0)?)? else { return json(&()) };
    let traces = traces_of(node, &view, block, index)?;
    json(&traces.into_iter().find(|trace| trace.trace.trace_address == path))
}

/// `trace_block`.
pub(crate) fn block(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    match view.block(args.required(0)?)? {
        Some(block) => json(&traces_of_block(node, &view, block)?),
        None => json(&()),
    }
}

fn traces_of_block(
    node: &Node,
    view: &View<'_>,
    block: FoundBlock,
) -> Result<Vec<LocalizedTransactionTrace>, Error> {
    if block.block.header.number <= view.reader().first() {
        return Ok(Vec::new());
    }
    let mut replay = Replay::new(view, block.clone(), node.settings.limits.trace_timeout)?;
    let mut traces = Vec::new();
    while let Some(own) = replay.step(|step| {
        let place = &step.place;
        let (state, environment) = (&mut *step.state, step.environment);
        Ok(transaction_traces(state, environment, step.transaction, place, step.interrupt)?)
    })? {
        traces.extend(own);
    }
    let header = &block.block.header;
    let ommer = |ommer: &heddle_types::Header| Ommer {
        number: ommer.number,
        beneficiary: ommer.beneficiary,
    };
    let ommers: Vec<Ommer> = block.block.body.ommers.iter().map(ommer).collect();
    let id = BlockNumHash { number: header.number, hash: block.hash };
    let fork = view.reader().fork_of(header)?;
    traces.extend(reward_traces(fork, id, header.beneficiary, &ommers));
    Ok(traces)
}

/// `trace_filter`.
pub(crate) fn filter(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let filter: TraceFilter = args.required(0)?;
    let view = node.view()?;
    let head = view.head().number;
    let first = filter.from_block.unwrap_or_else(|| view.reader().first());
    let last = filter.to_block.unwrap_or(head);
    if first > last || last > head {
        return Err(Error::Parameters("invalid block range params".to_owned()));
    }
    let blocks_max = node.settings.limits.trace_filter_blocks_max;
    if last - first >= blocks_max {
        return Err(Error::Parameters(format!("query exceeds max block range {blocks_max}")));
    }
    let matcher = filter.matcher();
    let mut skip = filter.after.unwrap_or_default();
    let mut left = filter.count.unwrap_or(u64::MAX);
    let mut found = Vec::new();
    for number in first..=last {
        let Some(block) = view.block(number.into())? else { continue };
        for trace in traces_of_block(node, &view, block)? {
            if !matcher.matches(&trace.trace) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            if left == 0 {
                return json(&found);
            }
            left -= 1;
            found.push(trace);
        }
    }
    json(&found)
}

/// `trace_replayTransaction`.
pub(crate) fn replay_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (hash, kinds): (B256, Kinds) = (args.required(0)?, args.required(1)?);
    let view = node.view()?;
    let (block, index) = view.transaction(hash)?.ok_or(Error::TransactionNotFound)?;
    let mut block = Replay::new(&view, block, node.settings.limits.trace_timeout)?;
    block.skip_to(index)?;
    let results = block.step(|step| replay_step(step, &kinds))?;
    json(&results.ok_or(Error::TransactionNotFound)?)
}

fn replay_step(
    step: &mut crate::replay::Step<'_>,
    kinds: &Kinds,
) -> Result<(TraceResults, heddle_executor::call::Outcome), Error> {
    Ok(replay(step.state, step.environment, step.transaction, kinds, step.interrupt)?)
}

/// `trace_replayBlockTransactions`.
pub(crate) fn replay_block(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (id, kinds): (BlockId, Kinds) = (args.required(0)?, args.required(1)?);
    let view = node.view()?;
    let Some(block) = view.block(id)? else { return json(&()) };
    let mut results = Vec::new();
    if block.block.header.number > view.reader().first() {
        let mut block = Replay::new(&view, block, node.settings.limits.trace_timeout)?;
        loop {
            let transaction_hash = block.place().transaction_hash.unwrap_or_default();
            let Some(full_trace) = block.step(|step| replay_step(step, &kinds))? else { break };
            results.push(TraceResultsWithTransactionHash { full_trace, transaction_hash });
        }
    }
    json(&results)
}

/// `trace_call`.
pub(crate) fn call(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (request, kinds): (TransactionRequest, Kinds) = (args.required(0)?, args.required(1)?);
    let mut state = after(node, args.optional(2)?)?;
    json(&traced(node, &mut state, request, &kinds)?)
}

fn after(node: &Node, id: Option<BlockId>) -> Result<CallState, Error> {
    let time = node.settings.limits.trace_timeout;
    CallState::after(&node.view()?, id.unwrap_or_else(BlockId::latest), time)
}

fn traced(
    node: &Node,
    state: &mut CallState,
    request: TransactionRequest,
    kinds: &Kinds,
) -> Result<TraceResults, Error> {
    let request = Request::new(node, state, request)?;
    let environment = request.environment(state);
    let interrupt = state.interrupt.clone();
    let (results, outcome) =
        replay(&mut state.overlay, &environment, &request.transaction, kinds, &interrupt)?;
    commit(&mut state.overlay, &environment, &outcome)?;
    Ok(results)
}

/// `trace_callMany`: each call sees what those before it did.
pub(crate) fn call_many(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let calls: Vec<(TransactionRequest, Kinds)> = args.required(0)?;
    let mut state = after(node, args.optional(1)?)?;
    let run = |(request, kinds)| traced(node, &mut state, request, &kinds);
    json(&calls.into_iter().map(run).collect::<Result<Vec<_>, Error>>()?)
}

/// `trace_rawTransaction`.
pub(crate) fn raw_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (bytes, kinds): (Bytes, Kinds) = (args.required(0)?, args.required(1)?);
    let transaction =
        Transaction::decode_2718_exact(&bytes).map_err(|error| Error::argument(0, error))?;
    let mut state = after(node, args.optional(2)?)?;
    let sender = recover_sender(&transaction, state.environment.fork)
        .map_err(|error| Error::Refused(format!("invalid sender: {error}")))?;
    let environment = state.environment.clone();
    let transaction = heddle_chain::transaction(&transaction, sender);
    let interrupt = state.interrupt.clone();
    let (results, _) = replay(&mut state.overlay, &environment, &transaction, &kinds, &interrupt)?;
    json(&results)
}
