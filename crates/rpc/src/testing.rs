//! Building blocks out of turn, for conformance tests.

use crate::{
    Error,
    args::Args,
    context::Node,
    json::{Json, json, quantity, quantity_wide},
};
use alloy_consensus::Transaction as _;
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, U64, U256};
use heddle_chain::{Attributes, ExecutedBlock, rules};
use heddle_ecrecover::recover_sender;
use heddle_types::{Fork, RecoveredTransaction, Transaction, Withdrawal};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadAttributes {
    timestamp: U64,
    prev_randao: B256,
    suggested_fee_recipient: Address,
    #[serde(default)]
    withdrawals: Vec<Withdrawal>,
    parent_beacon_block_root: Option<B256>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    execution_payload: Payload,
    block_value: U256,
    blobs_bundle: Blobs,
    execution_requests: Vec<Bytes>,
    should_override_builder: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    parent_hash: B256,
    fee_recipient: Address,
    state_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    prev_randao: B256,
    block_number: U64,
    gas_limit: U64,
    gas_used: U64,
    timestamp: U64,
    extra_data: Bytes,
    base_fee_per_gas: U256,
    block_hash: B256,
    transactions: Vec<Bytes>,
    withdrawals: Vec<WithdrawalJson>,
    blob_gas_used: U64,
    excess_blob_gas: U64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WithdrawalJson {
    index: U64,
    validator_index: U64,
    address: Address,
    amount: U64,
}

#[derive(Default, Serialize)]
struct Blobs {
    commitments: Vec<Bytes>,
    proofs: Vec<Bytes>,
    blobs: Vec<Bytes>,
}

/// What the gas limit of a block that is built here goes towards: geth's default.
const GAS_LIMIT_DESIRED: u64 = 60_000_000;

/// `testing_buildBlockV1`. The chain stays as it is.
pub(crate) fn build_block(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let parent: B256 = args.required(0)?;
    let asked: PayloadAttributes = args.required(1)?;
    let transactions: Option<Vec<Bytes>> = args.optional(2)?;
    let extra_data: Bytes = args.optional(3)?.unwrap_or_default();
    let view = node.view()?;
    let (header, _) = view.header(parent.into())?.ok_or(Error::HeaderNotFound)?;
    let fork = view.reader().fork_of(&header)?;
    let attributes = Attributes {
        timestamp: asked.timestamp.to(),
        beneficiary: asked.suggested_fee_recipient,
        prevrandao: asked.prev_randao,
        gas_limit: rules::gas_limit_towards(fork, &header, GAS_LIMIT_DESIRED),
        withdrawals: asked.withdrawals,
        parent_beacon_block_root: asked.parent_beacon_block_root,
        extra_data,
        ..Attributes::default()
    };
    let (candidates, complete) = match transactions {
        Some(transactions) => (decode(&transactions, fork)?, true),
        None => (from_pool(node), false),
    };
    let built = node.context.chain.build(parent, &attributes, candidates)?;
    if let Some(skipped) = built.skipped.first().filter(|_| complete) {
        let (index, reason) = (skipped.index, &skipped.reason);
        return Err(Error::Refused(format!("transaction {index} cannot be included: {reason}")));
    }
    json(&envelope(node, &built.executed))
}

fn decode(transactions: &[Bytes], fork: Fork) -> Result<Vec<RecoveredTransaction>, Error> {
    let decode = |bytes: &Bytes| {
        let transaction =
            Transaction::decode_2718_exact(bytes).map_err(|error| Error::argument(2, error))?;
        let sender = recover_sender(&transaction, fork)
            .map_err(|error| Error::Refused(format!("invalid sender: {error}")))?;
        Ok(RecoveredTransaction { transaction, sender })
    };
    transactions.iter().map(decode).collect()
}

fn from_pool(node: &Node) -> Vec<RecoveredTransaction> {
    let pool = node.context.pool.lock();
    pool.best().map(|transaction| transaction.recovered.clone()).collect()
}

fn envelope(node: &Node, executed: &ExecutedBlock) -> Envelope {
    let recovered = &executed.block.block;
    let (header, body) = (&recovered.block.header, &recovered.block.body);
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    let value = body.transactions.iter().zip(&executed.block.receipts).fold(
        U256::ZERO,
        |sum, (transaction, receipt)| {
            let tip = transaction.effective_tip_per_gas(base_fee).unwrap_or_default();
            sum + U256::from(tip) * U256::from(receipt.gas_used)
        },
    );
    let withdrawals = body.withdrawals.as_ref().map_or(&[][..], |list| list.as_slice());
    Envelope {
        execution_payload: Payload {
            parent_hash: header.parent_hash,
            fee_recipient: header.beneficiary,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            prev_randao: header.mix_hash,
            block_number: quantity(header.number),
            gas_limit: quantity(header.gas_limit),
            gas_used: quantity(header.gas_used),
            timestamp: quantity(header.timestamp),
            extra_data: header.extra_data.clone(),
            base_fee_per_gas: quantity_wide(base_fee.into()),
            block_hash: recovered.hash,
            transactions: body.transactions.iter().map(|tx| tx.encoded_2718().into()).collect(),
            withdrawals: withdrawals.iter().map(withdrawal).collect(),
            blob_gas_used: quantity(header.blob_gas_used.unwrap_or_default()),
            excess_blob_gas: quantity(header.excess_blob_gas.unwrap_or_default()),
        },
        block_value: value,
        blobs_bundle: blobs(node, &body.transactions),
        execution_requests: executed.requests.clone(),
        should_override_builder: false,
    }
}

fn withdrawal(withdrawal: &Withdrawal) -> WithdrawalJson {
    WithdrawalJson {
        index: quantity(withdrawal.index),
        validator_index: quantity(withdrawal.validator_index),
        address: withdrawal.address,
        amount: quantity(withdrawal.amount),
    }
}

/// The blobs of the transactions, as far as the pool has them.
fn blobs(node: &Node, transactions: &[Transaction]) -> Blobs {
    let pool = node.context.pool.lock();
    let sidecars: Vec<Arc<BlobTransactionSidecarVariant>> =
        transactions.iter().filter_map(|tx| pool.sidecar(tx.tx_hash())).collect();
    drop(pool);
    let mut bundle = Blobs::default();
    let bytes = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    for sidecar in sidecars {
        let (blobs, commitments, proofs) = match &*sidecar {
            BlobTransactionSidecarVariant::Eip4844(sidecar) => {
                (&sidecar.blobs, &sidecar.commitments, &sidecar.proofs)
            }
            BlobTransactionSidecarVariant::Eip7594(sidecar) => {
                (&sidecar.blobs, &sidecar.commitments, &sidecar.cell_proofs)
            }
        };
        bundle.blobs.extend(blobs.iter().map(|blob| bytes(blob.as_slice())));
        bundle.commitments.extend(commitments.iter().map(|item| bytes(item.as_slice())));
        bundle.proofs.extend(proofs.iter().map(|item| bytes(item.as_slice())));
    }
    bundle
}
