//! Transactions and their receipts.

use super::blocks::{receipts_json, transaction_json};
use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, TransactionJson, json},
    view::FoundBlock,
};
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U64};
use heddle_pool::PoolTransaction;

/// A transaction of the pool.
pub(crate) fn pooled_json(transaction: &PoolTransaction) -> TransactionJson<'_> {
    TransactionJson {
        transaction: &transaction.recovered.transaction,
        sender: transaction.sender(),
        place: None,
    }
}

/// `eth_getTransactionByHash`.
pub(crate) fn by_hash(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let hash: B256 = args.required(0)?;
    if let Some((block, index)) = node.view()?.transaction(hash)? {
        return json(&transaction_json(&block, index));
    }
    let pooled = node.context.pool.lock().get(&hash).cloned();
    json(&pooled.as_deref().map(pooled_json))
}

/// `eth_getTransactionByBlockNumberAndIndex` and `…ByBlockHashAndIndex`.
pub(crate) fn by_index(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let block = node.view()?.block(args.required(0)?)?;
    let index = args.required::<U64>(1)?.saturating_to();
    json(&block.as_ref().and_then(|block| transaction_json(block, index)))
}

/// `eth_getRawTransactionByHash`. One with blobs has them as long as they are kept.
pub(crate) fn raw_by_hash(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    match raw(node, args.required(0)?)? {
        Some(bytes) => json(&bytes),
        None => json(&Bytes::new()),
    }
}

/// The encoding (EIP-2718) of a transaction of the chain or of the pool.
pub(crate) fn raw(node: &Node, hash: B256) -> Result<Option<Bytes>, Error> {
    if let Some((block, index)) = node.view()?.transaction(hash)? {
        let transaction = block.block.body.transactions.get(index);
        return Ok(transaction.map(|transaction| transaction.encoded_2718().into()));
    }
    let pooled = node.context.pool.lock().get(&hash).cloned();
    Ok(pooled.map(|transaction| match transaction.to_pooled() {
        Some(whole) => whole.encoded_2718().into(),
        None => transaction.recovered.transaction.encoded_2718().into(),
    }))
}

/// `eth_getRawTransactionByBlockNumberAndIndex` and `…ByBlockHashAndIndex`.
pub(crate) fn raw_by_index(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let block = node.view()?.block(args.required(0)?)?;
    let index = args.required::<U64>(1)?.saturating_to::<usize>();
    let found = block.as_ref().and_then(|block| block.block.body.transactions.get(index));
    json(&found.map_or_else(Bytes::new, |transaction| transaction.encoded_2718().into()))
}

/// `eth_getTransactionReceipt`.
pub(crate) fn receipt(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    match receipt_of(node, args.required(0)?)? {
        Some(receipt) => Ok(receipt),
        None => json(&()),
    }
}

/// The receipt of a mined transaction.
pub(crate) fn receipt_of(node: &Node, hash: B256) -> Result<Option<Json>, Error> {
    let view = node.view()?;
    let Some((block, index)) = view.transaction(hash)? else { return Ok(None) };
    let receipts = block.receipts().unwrap_or_default();
    let receipt = receipts_json(&view, &block, receipts).nth(index);
    receipt.map(|receipt| json(&receipt)).transpose()
}

/// `eth_getTransactionBySenderAndNonce`.
pub(crate) fn by_sender_and_nonce(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (sender, nonce): (Address, U64) = (args.required(0)?, args.required(1)?);
    let nonce = nonce.to::<u64>();
    let pooled = node.context.pool.lock().get_by_nonce(&sender, nonce).cloned();
    if let Some(pooled) = pooled {
        return json(&pooled_json(&pooled));
    }
    match mined_by_nonce(node, sender, nonce)? {
        Some((block, index)) => json(&transaction_json(&block, index)),
        None => json(&()),
    }
}

/// The transaction of an account with a nonce: by halving the chain, since nonces only rise.
pub(crate) fn mined_by_nonce(
    node: &Node,
    sender: Address,
    nonce: u64,
) -> Result<Option<(FoundBlock, usize)>, Error> {
    let view = node.view()?;
    let count = |number: u64| {
        let account = view.state(number.into())?.account(sender)?;
        Ok::<_, Error>(account.map_or(0, |account| account.nonce))
    };
    let (mut low, mut high) = (view.reader().oldest_state(), view.head().number);
    if count(high)? <= nonce {
        return Ok(None);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if count(middle)? > nonce {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let Some(block) = view.block(low.into())? else { return Ok(None) };
    let mut transactions = block.block.body.transactions.iter().zip(&block.senders);
    let index = transactions.position(|(tx, from)| *from == sender && tx.nonce() == nonce);
    Ok(index.map(|index| (block, index)))
}

/// `eth_pendingTransactions`: those in the pool of accounts whose keys the node has.
pub(crate) fn pending(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    let mut found = Vec::new();
    for address in node.context.signers.addresses() {
        let content = node.context.pool.lock().content_from(address);
        let all = content.pending.into_values().chain(content.queued.into_values());
        found.extend(all.flat_map(std::collections::BTreeMap::into_values));
    }
    json(&found.iter().map(|transaction| pooled_json(transaction)).collect::<Vec<_>>())
}
