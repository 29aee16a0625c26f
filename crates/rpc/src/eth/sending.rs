//! Taking up signed transactions.

use super::transactions::receipt_of;
use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, json},
};
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B256, Bytes, U64};
use futures_util::future::BoxFuture;
use heddle_pool::{Candidate, Origin, PooledTransaction};
use heddle_producer::sender_state;
use jsonrpsee::types::Params;
use serde::Deserialize;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::broadcast::error::RecvError;

/// `eth_sendRawTransaction`.
pub(crate) fn send_raw(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    json(&accept_raw(node, &args.required::<Bytes>(0)?)?)
}

fn accept_raw(node: &Node, bytes: &Bytes) -> Result<B256, Error> {
    if bytes.is_empty() {
        return Err(Error::Refused("empty transaction data".to_owned()));
    }
    let transaction = PooledTransaction::decode_2718_exact(bytes)
        .map_err(|error| Error::Refused(format!("the transaction cannot be decoded: {error}")))?;
    // One look at the rules; recovering the sender takes too long to hold the lock for it.
    let fork = node.context.pool.lock().context().fork;
    // A development chain has no strangers.
    let origin = if node.context.dev.is_some() { Origin::Local } else { Origin::External };
    accept(node, Candidate::recover(transaction, fork)?, origin)
}

/// Adds a transaction to the pool, and tells whoever waits for it.
pub(crate) fn accept(node: &Node, candidate: Candidate, origin: Origin) -> Result<B256, Error> {
    check_fee(node, &candidate)?;
    let state = node.view()?.state(alloy_eips::BlockId::latest())?;
    let added = node
        .context
        .pool
        .lock()
        .add(candidate, origin, unix_time(), |address| sender_state(&state, address))?;
    node.publish_pending(&added.promoted);
    if !added.promoted.is_empty() {
        (node.context.wake)();
    }
    Ok(added.hash)
}

/// Keeps a slip of the pen from burning a fortune, as geth does.
fn check_fee(node: &Node, candidate: &Candidate) -> Result<(), Error> {
    let fee_max = node.settings.limits.fee_max;
    let transaction = candidate.transaction();
    let fee = transaction.max_fee_per_gas().saturating_mul(transaction.gas_limit().into());
    if fee_max > 0 && fee > fee_max {
        let ether = |wei: u128| wei as f64 / 1e18;
        let (fee, cap) = (ether(fee), ether(fee_max));
        return Err(Error::Refused(format!(
            "tx fee ({fee:.2} ether) exceeds the configured cap ({cap:.2} ether)"
        )));
    }
    Ok(())
}

/// The time of the system. It decides only how long a transaction may wait in the pool.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// `eth_sendRawTransactionSync` (EIP-7966): answers with the receipt.
pub(crate) fn send_raw_sync(
    node: Arc<Node>,
    params: Params<'static>,
) -> BoxFuture<'static, Result<Json, Error>> {
    Box::pin(async move {
        let args = Args::new(params.as_str())?;
        let (bytes, timeout) = (args.required(0)?, timeout(&node, &args)?);
        drop(args);
        // From before the transaction is there, so that its block is not missed.
        let mut blocks = node.events.blocks.subscribe();
        let hash = accept_raw(&node, &bytes)?;
        let wait = async {
            loop {
                if let Some(receipt) = receipt_of(&node, hash)? {
                    return Ok(receipt);
                }
                // It may have been dropped: then no block will ever have it.
                if let Some(dropped) = reason_dropped(&node, hash) {
                    return Err(Error::Refused(dropped));
                }
                match blocks.recv().await {
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Err(Error::Stopping),
                }
            }
        };
        tokio::time::timeout(timeout, wait)
            .await
            .unwrap_or(Err(Error::NotMinedInTime { hash, timeout }))
    })
}

fn reason_dropped(node: &Node, hash: B256) -> Option<String> {
    let pool = node.context.pool.lock();
    pool.dropped(&hash).map(|dropped| format!("the transaction was dropped: {}", dropped.reason))
}

/// The wait that is asked for, in milliseconds, within the node's bound.
fn timeout(node: &Node, args: &Args<'_>) -> Result<Duration, Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Milliseconds {
        Number(u64),
        Quantity(U64),
    }
    let most = node.settings.limits.sync_timeout;
    Ok(match args.optional(1)? {
        None => most,
        Some(Milliseconds::Number(wait)) => Duration::from_millis(wait).min(most),
        Some(Milliseconds::Quantity(wait)) => Duration::from_millis(wait.saturating_to()).min(most),
    })
}
