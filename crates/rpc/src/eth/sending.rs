//! Taking up signed transactions.

use super::transactions::receipt_of;
use crate::{
    Error,
    args::Args,
    context::Node,
    intake,
    json::{Json, json},
};
use alloy_primitives::{B256, U64};
use futures_util::future::BoxFuture;
use jsonrpsee::types::Params;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;

/// `eth_sendRawTransaction`.
pub(crate) fn send_raw(
    node: Arc<Node>,
    params: Params<'static>,
) -> BoxFuture<'static, Result<Json, Error>> {
    Box::pin(async move {
        let bytes = Args::new(params.as_str())?.required(0)?;
        json(&intake::take_up(&node, &bytes).await?)
    })
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
        let hash = intake::take_up(&node, &bytes).await?;
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
