//! Raw data, and geth's tracers.

mod tracing;

pub(crate) use tracing::{
    trace_block_by_hash, trace_block_by_number, trace_call, trace_call_many, trace_raw_block,
    trace_transaction,
};

use crate::{
    Error,
    args::Args,
    context::Node,
    eth::transactions,
    json::{Json, json},
    view::FoundBlock,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;

fn block(node: &Node, args: &Args<'_>) -> Result<FoundBlock, Error> {
    node.view()?.block_required(args.required(0)?)
}

/// `debug_getRawHeader`.
pub(crate) fn raw_header(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let id = args.required(0)?;
    let (header, _) = node.view()?.header(id)?.ok_or(Error::HeaderNotFound)?;
    json(&Bytes::from(alloy_rlp::encode(&header)))
}

/// `debug_getRawBlock`.
pub(crate) fn raw_block(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    json(&Bytes::from(alloy_rlp::encode(&block(node, args)?.block)))
}

/// `debug_getRawReceipts`.
pub(crate) fn raw_receipts(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let block = block(node, args)?;
    let encode = |receipt: &heddle_types::Receipt| {
        let mut bytes = Vec::new();
        receipt.encode_2718(&mut bytes);
        Bytes::from(bytes)
    };
    json(&block.receipts().unwrap_or_default().iter().map(encode).collect::<Vec<_>>())
}

/// `debug_getRawTransaction`.
pub(crate) fn raw_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    transactions::raw_by_hash(node, args)
}

/// `debug_getRawTransactions`.
pub(crate) fn raw_transactions(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let block = block(node, args)?;
    let transactions = block.block.body.transactions.iter();
    json(&transactions.map(|tx| Bytes::from(tx.encoded_2718())).collect::<Vec<_>>())
}
