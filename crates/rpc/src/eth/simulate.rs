//! `eth_simulateV1`: blocks that are made up on top of the chain.

use super::blocks::block_json;
use crate::{
    Error,
    args::Args,
    context::Node,
    json::{BlockJson, Json, json},
    view::View,
};
use alloy_eips::BlockId;
use alloy_primitives::B256;
use alloy_rpc_types_eth::simulate::SimCallResult;
use heddle_chain::StateError;
use heddle_executor::{
    call::{CallError, Interrupt},
    simulate::{Base, Limits, Request, SimulateError, Simulated, simulate as simulate_on},
};
use heddle_types::{ChangeSet, RecoveredBlock};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{sync::Arc, time::Instant};

/// A simulated block: a block with the results of its calls.
struct SimulatedJson<'a> {
    block: BlockJson<'a>,
    calls: &'a [SimCallResult],
}

impl Serialize for SimulatedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.block.fields(&mut map)?;
        map.serialize_entry("calls", self.calls)?;
        map.end()
    }
}

/// `eth_simulateV1`.
pub(crate) fn simulate(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let request: Request = args.required(0)?;
    let id: BlockId = args.optional(1)?.unwrap_or_else(BlockId::latest);
    let simulated = run(node, &node.view()?, id, &request)?;
    let blocks: Vec<(RecoveredBlock, Vec<SimCallResult>)> = simulated
        .into_iter()
        .map(|Simulated { block, hash, senders, calls, .. }| {
            (RecoveredBlock { block, hash, senders }, calls)
        })
        .collect();
    let write = |(block, calls)| SimulatedJson {
        block: block_json(block, request.return_full_transactions),
        calls,
    };
    json(&blocks.iter().map(|(block, calls)| write((block, calls))).collect::<Vec<_>>())
}

fn run(
    node: &Node,
    view: &View<'_>,
    id: BlockId,
    request: &Request,
) -> Result<Vec<Simulated>, Error> {
    let (header, _) = view.header(id)?.ok_or(Error::HeaderNotFound)?;
    let state = view.state(id)?;
    let limits = &node.settings.limits;
    let own = Limits {
        gas_max: limits.gas_max,
        interrupt: Interrupt::at(Instant::now() + limits.call_timeout),
        ..Limits::default()
    };
    let mut states = state.view().clone();
    let mut root = |changes: &ChangeSet| -> Result<B256, heddle_state::Error> {
        // One thread: a simulation must not take from block building what it can do without.
        let layer = Arc::new(states.apply(changes, 1)?);
        let root = layer.root();
        states = states.with(layer);
        Ok(root)
    };
    let base = Base { spec: view.reader().spec(), header: &header };
    simulate_on(request, base, state, &own, &mut root).map_err(|error| match error {
        SimulateError::Call(CallError::Interrupted) => Error::Timeout(limits.call_timeout),
        error => failed(error),
    })
}

fn failed(error: SimulateError<StateError, heddle_state::Error>) -> Error {
    match error {
        SimulateError::Root(error) => Error::state(error),
        SimulateError::Call(error) => error.into(),
        error => Error::Coded { code: error.code(), message: error.to_string() },
    }
}
