//! What the explorer Otterscan asks for (level 8 of its API).

mod search;

pub(crate) use search::{contract_creator, search_after, search_before};

use crate::{
    Error,
    args::Args,
    context::Node,
    eth::{
        blocks::{block_json, receipts_json, transaction_json},
        transactions::mined_by_nonce,
    },
    json::{BlockJson, Json, ReceiptJson, TransactionJson, json, quantity},
    replay::Replay,
    trace::traces_of,
    view::{FoundBlock, View},
};
use alloy_consensus::Transaction as _;
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256};
use alloy_rpc_types_trace::parity::Action;
use heddle_executor::{
    call::call, revm::context::result::ExecutionResult,
    tracing::internal_operations as operations_of,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// `ots_getApiLevel`.
pub(crate) fn api_level(_: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(&8)
}

/// `ots_hasCode`.
pub(crate) fn has_code(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let id = args.optional(1)?.map_or_else(BlockId::latest, OtsBlockId::into);
    let account = node.view()?.state(id)?.account(address)?;
    json(&account.is_some_and(|account| account.code_hash != KECCAK256_EMPTY))
}

/// A block as Otterscan names it: as others do, or by a JSON number.
#[derive(serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum OtsBlockId {
    Number(u64),
    Id(BlockId),
}

impl From<OtsBlockId> for BlockId {
    fn from(id: OtsBlockId) -> Self {
        match id {
            OtsBlockId::Number(number) => number.into(),
            OtsBlockId::Id(id) => id,
        }
    }
}

/// A block with the number of its transactions.
struct OtsBlock<'a> {
    block: BlockJson<'a>,
    transaction_count: usize,
}

impl Serialize for OtsBlock<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.block.fields(&mut map)?;
        map.serialize_entry("transactionCount", &quantity(self.transaction_count as u64))?;
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    block: OtsBlock<'a>,
    issuance: Issuance,
    total_fees: U256,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuance {
    block_reward: U256,
    uncle_reward: U256,
    issuance: U256,
}

/// `ots_getBlockDetails` and `ots_getBlockDetailsByHash`.
pub(crate) fn block_details(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    let Some(block) = view.block(args.required::<OtsBlockId>(0)?.into())? else { return json(&()) };
    let mut head = block_json(&block, false);
    head.transactions = crate::json::Transactions::Unknown;
    json(&Details {
        block: OtsBlock { block: head, transaction_count: block.block.body.transactions.len() },
        issuance: issuance(&view, &block)?,
        total_fees: total_fees(&block),
    })
}

fn total_fees(block: &FoundBlock) -> U256 {
    let base_fee = block.block.header.base_fee_per_gas;
    let receipts = block.receipts().unwrap_or_default();
    let fee = |(transaction, receipt): (&heddle_types::Transaction, &heddle_types::Receipt)| {
        U256::from(transaction.effective_gas_price(base_fee)) * U256::from(receipt.gas_used)
    };
    block.block.body.transactions.iter().zip(receipts).map(fee).sum()
}

/// What was made out of nothing for the block: none after the merge.
fn issuance(view: &View<'_>, block: &FoundBlock) -> Result<Issuance, Error> {
    let header = &block.block.header;
    let fork = view.reader().fork_of(header)?;
    let id = alloy_rpc_types_eth::BlockNumHash { number: header.number, hash: block.hash };
    let ommer = |ommer: &heddle_types::Header| heddle_types::Ommer {
        number: ommer.number,
        beneficiary: ommer.beneficiary,
    };
    let ommers: Vec<_> = block.block.body.ommers.iter().map(ommer).collect();
    let rewards =
        heddle_executor::tracing::parity::reward_traces(fork, id, header.beneficiary, &ommers);
    let values: Vec<U256> = rewards
        .iter()
        .filter(|_| header.number > view.reader().first())
        .map(|reward| match &reward.trace.action {
            Action::Reward(reward) => reward.value,
            _ => U256::ZERO,
        })
        .collect();
    let block_reward = values.first().copied().unwrap_or_default();
    let uncle_reward = values.iter().skip(1).copied().sum();
    Ok(Issuance { block_reward, uncle_reward, issuance: block_reward + uncle_reward })
}

/// Transactions with their receipts, side by side.
#[derive(Serialize)]
struct Page<'a> {
    fullblock: OtsBlock<'a>,
    receipts: Vec<OtsReceipt<'a>>,
}

/// A receipt with the time of its block.
pub(crate) struct OtsReceipt<'a>(pub(crate) ReceiptJson<'a>);

impl Serialize for OtsReceipt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.fields(&mut map)?;
        map.serialize_entry("timestamp", &quantity(self.0.place.place.block_timestamp))?;
        map.end()
    }
}

/// Transactions that one page may have: Otterscan asks for 25.
const PAGE_MAX: usize = 100;

/// `ots_getBlockTransactions`. Pages count from the last transaction, as in Otterscan.
pub(crate) fn block_transactions(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    let Some(block) = view.block(args.required::<OtsBlockId>(0)?.into())? else { return json(&()) };
    let (page, size): (usize, usize) = (args.required(1)?, args.required(2)?);
    if size > PAGE_MAX {
        return Err(Error::Parameters(format!("a page has at most {PAGE_MAX} transactions")));
    }
    let count = block.block.body.transactions.len();
    let end = count.saturating_sub(page.saturating_mul(size));
    let start = end.saturating_sub(size);
    let receipts = block.receipts().unwrap_or_default();
    let mut head = block_json(&block, false);
    let transactions: Vec<TransactionJson<'_>> =
        (start..end).filter_map(|index| transaction_json(&block, index)).collect();
    head.transactions = crate::json::Transactions::Full(transactions);
    let receipts = receipts_json(&view, &block, receipts).skip(start).take(end - start);
    json(&Page {
        fullblock: OtsBlock { block: head, transaction_count: count },
        receipts: receipts.map(OtsReceipt).collect(),
    })
}

fn replayed(node: &Node, hash: B256) -> Result<Option<Replay>, Error> {
    let view = node.view()?;
    let Some((block, index)) = view.transaction(hash)? else { return Ok(None) };
    let mut replay = Replay::new(&view, block, node.settings.limits.trace_timeout)?;
    replay.skip_to(index)?;
    Ok(Some(replay))
}

/// `ots_getInternalOperations`.
pub(crate) fn internal_operations(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let Some(mut replay) = replayed(node, args.required(0)?)? else { return json(&()) };
    let operations = replay.step(|step| {
        Ok(operations_of(step.state, step.environment, step.transaction, step.interrupt)?)
    })?;
    json(&operations)
}

/// `ots_getTransactionError`: what a failed transaction returned; nothing for one that did not.
pub(crate) fn transaction_error(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let Some(mut replay) = replayed(node, args.required(0)?)? else { return json(&()) };
    let output = replay.step(|step| {
        let outcome = call(step.state, step.environment, step.transaction, step.interrupt)?;
        let output = match &outcome.result {
            ExecutionResult::Revert { output, .. } => output.clone(),
            _ => Bytes::new(),
        };
        Ok((output, outcome))
    })?;
    json(&output)
}

#[derive(Serialize)]
struct Entry {
    r#type: &'static str,
    depth: usize,
    from: Address,
    to: Option<Address>,
    value: Option<U256>,
    input: Bytes,
    output: Bytes,
}

/// `ots_traceTransaction`.
pub(crate) fn trace_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let view = node.view()?;
    let Some((block, index)) = view.transaction(args.required(0)?)? else { return json(&()) };
    let traces = traces_of(node, &view, block, index)?;
    json(&traces.iter().map(|trace| entry(&trace.trace)).collect::<Vec<_>>())
}

fn entry(trace: &alloy_rpc_types_trace::parity::TransactionTrace) -> Option<Entry> {
    use alloy_rpc_types_trace::parity::{CallType, CreationMethod};
    let depth = trace.trace_address.len();
    let output = trace.result.as_ref().map(|result| result.output().clone()).unwrap_or_default();
    Some(match &trace.action {
        Action::Call(call) => {
            let (r#type, value) = match call.call_type {
                CallType::StaticCall => ("STATICCALL", None),
                CallType::DelegateCall => ("DELEGATECALL", None),
                CallType::CallCode => ("CALLCODE", Some(call.value)),
                _ => ("CALL", Some(call.value)),
            };
            let (from, to, input) = (call.from, Some(call.to), call.input.clone());
            Entry { r#type, depth, from, to, value, input, output }
        }
        Action::Create(create) => {
            let r#type = match create.creation_method {
                CreationMethod::Create2 => "CREATE2",
                _ => "CREATE",
            };
            let to = trace.result.as_ref().and_then(|result| match result {
                alloy_rpc_types_trace::parity::TraceOutput::Create(made) => Some(made.address),
                alloy_rpc_types_trace::parity::TraceOutput::Call(_) => None,
            });
            let (value, input) = (Some(create.value), create.init.clone());
            Entry { r#type, depth, from: create.from, to, value, input, output }
        }
        Action::Selfdestruct(end) => Entry {
            r#type: "SELFDESTRUCT",
            depth,
            from: end.address,
            to: Some(end.refund_address),
            value: Some(end.balance),
            input: Bytes::new(),
            output: Bytes::new(),
        },
        Action::Reward(_) => return None,
    })
}

/// `ots_getTransactionBySenderAndNonce`.
pub(crate) fn by_sender_and_nonce(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (sender, nonce): (Address, Nonce) = (args.required(0)?, args.required(1)?);
    let nonce = match nonce {
        Nonce::Number(nonce) => nonce,
        Nonce::Quantity(nonce) => nonce.to(),
    };
    let found = mined_by_nonce(node, sender, nonce)?;
    let hash = found.and_then(|(block, index)| {
        block.block.body.transactions.get(index).map(|transaction| *transaction.tx_hash())
    });
    json(&hash)
}

/// Otterscan sends a JSON number.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Nonce {
    Number(u64),
    Quantity(U64),
}
