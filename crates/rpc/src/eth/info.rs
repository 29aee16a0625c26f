//! What the node and the chain are. Also `net_`, `web3_` and `rpc_`.

use super::config::Configurations;
use crate::{
    Error, Namespace,
    args::Args,
    context::Node,
    json::{Json, json, quantity},
};
use alloy_primitives::{Address, B256, Bytes, U64, keccak256};
use serde::Serialize;
use std::collections::BTreeMap;

/// `eth_chainId`.
pub(crate) fn chain_id(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&quantity(node.chain_id()))
}

/// `eth_syncing`: blocks are made here, so there is nothing to wait for.
pub(crate) fn syncing(_: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&false)
}

/// `eth_mining`: not in the sense of proof of work.
pub(crate) fn mining(_: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&false)
}

/// `eth_hashrate`.
pub(crate) fn hashrate(_: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&quantity(0))
}

/// `eth_protocolVersion`: of eth/68.
pub(crate) fn protocol_version(_: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&quantity(68))
}

/// `eth_coinbase`: who is paid for blocks.
pub(crate) fn coinbase(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let address: Address = node.view()?.head().beneficiary;
    json(&address)
}

/// `eth_config` (EIP-7910).
pub(crate) fn config(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    let genesis = view.header(0.into())?.ok_or(Error::HeaderNotFound)?;
    let head = view.head();
    json(&Configurations::at(
        node.spec(),
        (genesis.1, genesis.0.timestamp),
        head.number,
        head.timestamp,
    ))
}

/// `net_version`: the id of the network, in decimal.
pub(crate) fn network(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&node.chain_id().to_string())
}

/// `net_listening`.
pub(crate) fn listening(_: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&true)
}

/// `net_peerCount`.
pub(crate) fn peers(_: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&quantity(0))
}

/// `web3_clientVersion`.
pub(crate) fn client_version(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&node.settings.client_version)
}

/// `web3_sha3`: Keccak-256.
pub(crate) fn sha3(_: &Node, args: &Args<'_>) -> Result<Json, Error> {
    json(&keccak256(args.required::<Bytes>(0)?))
}

/// `rpc_modules`.
pub(crate) fn modules(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let mut names = BTreeMap::new();
    for namespace in &node.settings.namespaces {
        names.insert(namespace.name(), "1.0");
        if *namespace == Namespace::Dev {
            names.extend([("hardhat", "1.0"), ("evm", "1.0"), ("tenderly", "1.0")]);
        }
    }
    json(&names)
}

/// `eth_capabilities`: which blocks the node can answer for.
pub(crate) fn capabilities(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    let head = view.reader().head();
    let kept = |oldest: u64| Kept { disabled: false, oldest_block: quantity(oldest) };
    let (first, oldest_state) = (view.reader().first(), view.reader().oldest_state());
    json(&Capabilities {
        head: HeadJson { number: quantity(head.number), hash: head.hash },
        state: kept(oldest_state),
        tx: kept(first),
        logs: kept(first),
        receipts: kept(first),
        blocks: kept(first),
        stateproofs: kept(oldest_state),
    })
}

#[derive(Serialize)]
struct Capabilities {
    head: HeadJson,
    state: Kept,
    tx: Kept,
    logs: Kept,
    receipts: Kept,
    blocks: Kept,
    stateproofs: Kept,
}

#[derive(Serialize)]
struct HeadJson {
    number: U64,
    hash: B256,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    disabled: bool,
    oldest_block: U64,
}
