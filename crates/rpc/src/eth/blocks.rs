//! Blocks, headers and receipts.

use crate::{
    Error,
    args::Args,
    context::Node,
    json::{
        BlockJson, HeaderJson, Json, Place, ReceiptJson, ReceiptPlace, TransactionJson,
        Transactions, json, quantity,
    },
    view::View,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64};
use alloy_rlp::{Decodable, Encodable};
use heddle_types::{Header, Receipt, RecoveredBlock};

/// `eth_blockNumber`.
pub(crate) fn number(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&quantity(node.view()?.head().number))
}

/// `eth_getBlockByNumber`.
pub(crate) fn by_number(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let number: BlockNumberOrTag = args.required(0)?;
    block(node, number.into(), args.optional(1)?.unwrap_or(false))
}

/// `eth_getBlockByHash`.
pub(crate) fn by_hash(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let hash: B256 = args.required(0)?;
    block(node, hash.into(), args.optional(1)?.unwrap_or(false))
}

fn block(node: &Node, id: BlockId, full: bool) -> Result<Json, Error> {
    match node.view()?.block(id)? {
        Some(block) => json(&block_json(&block, full)),
        None => json(&()),
    }
}

/// `eth_getHeaderByNumber`, `erigon_getHeaderByNumber`.
pub(crate) fn header_by_number(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let number: BlockNumberOrTag = args.required(0)?;
    header(node, number.into())
}

/// `eth_getHeaderByHash`.
pub(crate) fn header_by_hash(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    header(node, args.required::<B256>(0)?.into())
}

fn header(node: &Node, id: BlockId) -> Result<Json, Error> {
    let found = node.view()?.header(id)?;
    json(&found.as_ref().map(|(header, hash)| HeaderJson { header, hash: *hash }))
}

/// `eth_getBlockTransactionCountByNumber` and `…ByHash`.
pub(crate) fn transaction_count(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let block = node.view()?.block(args.required(0)?)?;
    json(&block.map(|block| quantity(block.block.body.transactions.len() as u64)))
}

/// `eth_getUncleCountByBlockNumber` and `…ByBlockHash`.
pub(crate) fn uncle_count(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let block = node.view()?.block(args.required(0)?)?;
    json(&block.map(|block| quantity(block.block.body.ommers.len() as u64)))
}

/// `eth_getUncleByBlockNumberAndIndex` and `…ByBlockHashAndIndex`.
pub(crate) fn uncle(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let block = node.view()?.block(args.required(0)?)?;
    let index = args.required::<U64>(1)?.saturating_to::<usize>();
    let uncle = block.as_ref().and_then(|block| block.block.body.ommers.get(index));
    json(&uncle.map(|header| BlockJson {
        header: HeaderJson { header, hash: header.hash_slow() },
        size: block_length(header),
        transactions: Transactions::Unknown,
        uncles: Vec::new(),
        withdrawals: None,
    }))
}

/// Length of a block that is a header alone.
fn block_length(header: &Header) -> usize {
    heddle_types::Block::uncle(header.clone()).length()
}

/// `eth_getBlockReceipts`.
pub(crate) fn receipts(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    let Some(block) = view.block(args.required(0)?)? else { return json(&()) };
    let Some(receipts) = block.receipts() else { return json(&()) };
    json(&receipts_json(&view, &block, receipts).collect::<Vec<_>>())
}

/// A block, with all of its transactions or their hashes.
pub(crate) fn block_json(block: &RecoveredBlock, full: bool) -> BlockJson<'_> {
    let body = &block.block.body;
    let transactions = if full {
        Transactions::Full(transactions_json(block).collect())
    } else {
        Transactions::Hashes(body.transactions.iter().map(|tx| *tx.tx_hash()).collect())
    };
    BlockJson {
        header: HeaderJson { header: &block.block.header, hash: block.hash },
        size: block.block.length(),
        transactions,
        uncles: body.ommers.iter().map(Header::hash_slow).collect(),
        withdrawals: body.withdrawals.as_ref().map(|withdrawals| withdrawals.as_slice()),
    }
}

/// Where the transaction `index` of a block stands.
pub(crate) fn place(block: &RecoveredBlock, index: usize) -> Place {
    let header = &block.block.header;
    Place {
        block_hash: block.hash,
        block_number: header.number,
        block_timestamp: header.timestamp,
        base_fee: header.base_fee_per_gas,
        index: index as u64,
    }
}

/// The transaction `index` of a block.
pub(crate) fn transaction_json(
    block: &RecoveredBlock,
    index: usize,
) -> Option<TransactionJson<'_>> {
    Some(TransactionJson {
        transaction: block.block.body.transactions.get(index)?,
        sender: *block.senders.get(index)?,
        place: Some(place(block, index)),
    })
}

fn transactions_json(block: &RecoveredBlock) -> impl Iterator<Item = TransactionJson<'_>> {
    (0..block.senders.len()).filter_map(|index| transaction_json(block, index))
}

/// The receipts of a block, in order.
pub(crate) fn receipts_json<'a>(
    view: &View<'_>,
    block: &'a RecoveredBlock,
    receipts: &'a [Receipt],
) -> impl Iterator<Item = ReceiptJson<'a>> {
    let blob_fee = view.blob_fee(&block.block.header);
    let mut logs_before = 0;
    let transactions = block.block.body.transactions.iter().zip(&block.senders);
    receipts.iter().zip(transactions).enumerate().map(
        move |(index, (receipt, (transaction, sender)))| {
            let place = ReceiptPlace { place: place(block, index), logs_before, blob_fee };
            logs_before += receipt.logs.len() as u64;
            ReceiptJson { transaction, sender: *sender, receipt, place }
        },
    )
}

/// `eth_getBlockAccessList` (EIP-7928).
pub(crate) fn access_list(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    let Some(number) = view.number(args.required(0)?)? else { return json(&()) };
    let Some(bytes) = view.reader().access_list(number)? else { return json(&()) };
    let list = <alloy_eip7928::BlockAccessList as Decodable>::decode(&mut bytes.as_ref())
        .map_err(|_| Error::Damaged("an access list"))?;
    json(&list)
}
