//! Signing with the keys that the node has, and filling in what a transaction leaves open.

use super::{call, fees};
use crate::{
    Error,
    args::Args,
    context::Node,
    intake,
    json::{Json, TransactionJson, json},
    signers::with_signature,
};
use alloy_consensus::TypedTransaction;
use alloy_dyn_abi::TypedData;
use alloy_eips::{BlockId, eip2718::Encodable2718};
use alloy_primitives::{Address, Bytes, Signature, U256};
use alloy_rpc_types_eth::TransactionRequest;
use heddle_pool::{Candidate, Origin, PooledTransaction};
use heddle_producer::stand_in_signature;
use serde::Serialize;

/// `eth_accounts`.
pub(crate) fn accounts(node: &Node, _: &Args<'_>) -> Result<Json, Error> {
    json(node.context.signers.addresses())
}

/// `eth_sign`.
pub(crate) fn sign(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    sign_message(node, args.required(0)?, &args.required(1)?)
}

/// `personal_sign`.
pub(crate) fn personal_sign(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    sign_message(node, args.required(1)?, &args.required(0)?)
}

fn sign_message(node: &Node, address: Address, message: &Bytes) -> Result<Json, Error> {
    let signature = node.context.signers.sign_message(address, message)?;
    json(&Bytes::from(signature.as_bytes().to_vec()))
}

/// `eth_signTypedData_v4`. Some clients send the structure as text.
pub(crate) fn sign_typed_data(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let address: Address = args.required(0)?;
    let data: TypedData = match args.text(1) {
        Some(text) if text.starts_with('"') => {
            let text: String = args.required(1)?;
            serde_json::from_str(&text).map_err(|error| Error::argument(1, error))?
        }
        _ => args.required(1)?,
    };
    let signature = node.context.signers.sign_typed(address, &data)?;
    json(&Bytes::from(signature.as_bytes().to_vec()))
}

/// `eth_sendTransaction`.
pub(crate) fn send_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let request: TransactionRequest = args.required(0)?;
    let sender = sender(node, &request)?;
    let transaction = filled(node, request, sender)?;
    let impersonated = node.context.dev.as_ref().is_some_and(|dev| dev.impersonates(sender));
    if node.context.signers.has(sender) {
        let signed = node.context.signers.sign_transaction(sender, transaction)?;
        // One who is impersonated may send even with code.
        let origin = if impersonated { Origin::Impersonated } else { Origin::Local };
        return json(&intake::accept(node, Candidate::new(signed, sender), origin)?);
    }
    if !impersonated {
        return Err(Error::Refused(format!("unknown account: the node has no key of {sender}")));
    }
    let made_up = with_signature(transaction, stand_in_signature(sender))?;
    json(&intake::accept(node, Candidate::new(made_up, sender), Origin::Impersonated)?)
}

/// `eth_signTransaction`.
pub(crate) fn sign_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let request: TransactionRequest = args.required(0)?;
    let sender = sender(node, &request)?;
    let transaction = filled(node, request, sender)?;
    let signed = node.context.signers.sign_transaction(sender, transaction)?;
    json(&Bytes::from(signed.encoded_2718()))
}

#[derive(Serialize)]
struct Filled<'a> {
    raw: Bytes,
    tx: TransactionJson<'a>,
}

/// `eth_fillTransaction`: what is given back is not signed.
pub(crate) fn fill_transaction(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let request: TransactionRequest = args.required(0)?;
    // Without any account of its own the node fills in for nobody.
    let sender = sender(node, &request).unwrap_or_default();
    let transaction = filled(node, request, sender)?;
    let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
    let whole = with_signature(transaction, unsigned)?;
    let raw = Bytes::from(whole.encoded_2718());
    let transaction = without_blobs(whole);
    json(&Filled { raw, tx: TransactionJson { transaction: &transaction, sender, place: None } })
}

fn without_blobs(transaction: PooledTransaction) -> heddle_types::Transaction {
    transaction.map_eip4844(|with_blobs| with_blobs.into_parts().0)
}

/// Who sends it; by default the first of the node's accounts.
fn sender(node: &Node, request: &TransactionRequest) -> Result<Address, Error> {
    let first = node.context.signers.addresses().first().copied();
    request.from.or(first).ok_or_else(|| Error::Parameters("missing from".to_owned()))
}

/// The transaction with nonce, fees, gas and chain id filled in.
fn filled(
    node: &Node,
    mut request: TransactionRequest,
    sender: Address,
) -> Result<TypedTransaction, Error> {
    let chain_id = node.chain_id();
    if request.chain_id.is_some_and(|id| id != chain_id) {
        return Err(Error::Parameters(format!(
            "chainId does not match node's (have={}, want={chain_id})",
            request.chain_id.unwrap_or_default()
        )));
    }
    request.input.normalize_input();
    request.from = Some(sender);
    request.chain_id = Some(chain_id);
    if request.nonce.is_none() {
        request.nonce = Some(next_nonce(node, sender)?);
    }
    // Without a fee an estimate does not fail for want of money.
    let mut for_estimate = request.clone();
    fill_fees(node, &mut request)?;
    if request.gas.is_none() {
        for_estimate.nonce = None;
        request.gas = Some(call::estimate(node, for_estimate, BlockId::pending())?);
    }
    if request.to.is_none() {
        request.to = Some(alloy_primitives::TxKind::Create);
    }
    request
        .build_typed_tx()
        .map_err(|_| Error::Parameters("the fields make no transaction of any type".to_owned()))
}

fn next_nonce(node: &Node, sender: Address) -> Result<u64, Error> {
    if let Some(nonce) = node.context.pool.lock().next_nonce(&sender) {
        return Ok(nonce);
    }
    let account = node.view()?.state(BlockId::latest())?.account(sender)?;
    Ok(account.map_or(0, |account| account.nonce))
}

fn fill_fees(node: &Node, request: &mut TransactionRequest) -> Result<(), Error> {
    let view = node.view()?;
    let (base_fee, blob_fee) = {
        let pool = node.context.pool.lock();
        (u128::from(pool.context().base_fee), pool.context().blob_base_fee)
    };
    let london = view.reader().next_base_fee(view.head()).is_some();
    if request.has_eip4844_fields() && request.max_fee_per_blob_gas.is_none() {
        request.max_fee_per_blob_gas = Some(blob_fee.saturating_mul(2));
    }
    if request.gas_price.is_some() {
        return Ok(());
    }
    // A list alone asks for EIP-2930 only if a price is given, too.
    if !london || request.transaction_type.is_some_and(|kind| kind < 2) {
        request.gas_price = Some(fees::suggest_price(node, &view)?.max(base_fee));
        return Ok(());
    }
    let tip = match (request.max_priority_fee_per_gas, request.max_fee_per_gas) {
        (Some(tip), _) => tip,
        (None, Some(most)) => fees::suggest_tip(node, &view)?.min(most),
        (None, None) => fees::suggest_tip(node, &view)?,
    };
    request.max_priority_fee_per_gas = Some(tip);
    // Twice the base fee lasts for six full blocks.
    let most = base_fee.saturating_mul(2).saturating_add(tip);
    request.max_fee_per_gas = Some(request.max_fee_per_gas.unwrap_or(most));
    Ok(())
}
