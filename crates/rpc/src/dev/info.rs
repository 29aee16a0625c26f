//! What the chain is.

use super::{control, producer, state::done};
use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, json, quantity},
};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::B256;
use serde_json::json as object;

/// `anvil_nodeInfo`.
pub(super) fn node_info(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let reader = node.context.chain.reader();
    let head = reader.head();
    let context = node.context.pool.lock().context().clone();
    json(&object!({
        "currentBlockNumber": quantity(head.number),
        "currentBlockTimestamp": head.header.timestamp,
        "currentBlockHash": head.hash,
        "hardFork": format!("{:?}", context.fork),
        "transactionOrder": "fees",
        "environment": {
            "baseFee": quantity(context.base_fee),
            "chainId": quantity(node.chain_id()),
            "gasLimit": quantity(context.block_gas_limit),
            "gasPrice": quantity(context.base_fee.saturating_add(1_000_000_000)),
        },
        "forkConfig": {"forkUrl": null, "forkBlockNumber": null, "forkRetryBackoff": null},
    }))
}

/// `hardhat_metadata`.
pub(super) fn metadata(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let control = control(node)?;
    let reader = node.context.chain.reader();
    let head = reader.head();
    // It tells one run, and one state of the chain after going back, from another.
    let mut instance = [0; 32];
    instance[..8].copy_from_slice(&control.instance.to_be_bytes());
    let taken = control.producer.snapshots_taken();
    json(&object!({
        "clientVersion": node.settings.client_version,
        "chainId": node.chain_id(),
        "instanceId": B256::from(instance),
        "latestBlockNumber": head.number,
        "latestBlockHash": head.hash,
        "snapshots": {"taken": taken},
    }))
}

pub(super) fn genesis_time(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let reader = node.context.chain.reader();
    let first = reader.header(reader.first())?.ok_or(Error::HeaderNotFound)?;
    json(&first.timestamp)
}

/// `anvil_getBlobByHash`.
pub(super) fn blob(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let hash: B256 = args.required(0)?;
    let found = node.context.pool.lock().blob(&hash);
    let blob = found.as_ref().and_then(|(sidecar, index)| match &**sidecar {
        BlobTransactionSidecarVariant::Eip4844(sidecar) => sidecar.blobs.get(*index),
        BlobTransactionSidecarVariant::Eip7594(sidecar) => sidecar.blobs.get(*index),
    });
    json(&blob)
}

/// `hardhat_setLoggingEnabled`.
pub(super) fn set_logging(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    producer(node)?.set_logging(args.required(0)?);
    done()
}
