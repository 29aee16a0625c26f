//! From the transaction of an RPC request to one that can run.

use super::Environment;
use alloy_primitives::{TxKind, U256};
use alloy_rpc_types_eth::TransactionRequest;
use heddle_types::Fork;
use revm::context::{TransactionType, TxEnv, either::Either};

/// Why a request describes no transaction. The texts are geth's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Fees are given in both styles.
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    BothFeeStyles,
    /// The chain is another one.
    #[error("chainId does not match node's (have={have}, want={want})")]
    ChainId {
        /// What is given.
        have: u64,
        /// The node's.
        want: u64,
    },
    /// Both `data` and `input` are given, with different bytes.
    #[error(r#"both "data" and "input" are set and not equal. Please use "input" to pass transaction call data"#)]
    TwoInputs,
}

/// Makes a transaction of a request, as geth does for messages: what is not given is zero, the gas
/// limit `gas_default`.
///
/// # Errors
///
/// See [`RequestError`].
pub fn message(
    request: &TransactionRequest,
    environment: &Environment,
    gas_default: u64,
) -> Result<TxEnv, RequestError> {
    let price = request.gas_price;
    let (fee, tip) = (request.max_fee_per_gas, request.max_priority_fee_per_gas);
    if price.is_some() && (fee.is_some() || tip.is_some()) {
        return Err(RequestError::BothFeeStyles);
    }
    let want = environment.chain_id;
    if let Some(have) = request.chain_id.filter(|have| *have != want) {
        return Err(RequestError::ChainId { have, want });
    }
    let input = request.input.clone();
    let data = input.try_into_unique_input().map_err(|_| RequestError::TwoInputs)?;
    let dynamic = price.is_none() && environment.fork >= Fork::London;
    let access_list = request.access_list.clone().unwrap_or_default();
    let authorizations = request.authorization_list.as_ref();
    let blobs = request.blob_versioned_hashes.as_ref();
    let tx_type = match (authorizations, blobs, dynamic) {
        (Some(_), ..) => TransactionType::Eip7702,
        (None, Some(_), _) => TransactionType::Eip4844,
        (None, None, true) => TransactionType::Eip1559,
        // revm honours the list only if the type has one.
        (None, None, false) if !access_list.is_empty() => TransactionType::Eip2930,
        (None, None, false) => TransactionType::Legacy,
    };
    let authorization_list = authorizations.cloned().unwrap_or_default();
    Ok(TxEnv {
        tx_type: tx_type as u8,
        caller: request.from.unwrap_or_default(),
        gas_limit: request.gas.unwrap_or(gas_default),
        gas_price: price.or(fee).unwrap_or_default(),
        gas_priority_fee: priority_fee(price, tip, tx_type),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or(U256::ZERO),
        data: data.unwrap_or_default(),
        nonce: request.nonce.unwrap_or_default(),
        chain_id: Some(want),
        access_list,
        blob_hashes: blobs.cloned().unwrap_or_default(),
        max_fee_per_blob_gas: request.max_fee_per_blob_gas.unwrap_or_default(),
        authorization_list: authorization_list.into_iter().map(Either::Left).collect(),
    })
}

/// A gas price counts as both the fee and the tip where a type knows them apart.
fn priority_fee(price: Option<u128>, tip: Option<u128>, tx_type: TransactionType) -> Option<u128> {
    match tx_type {
        TransactionType::Legacy | TransactionType::Eip2930 => None,
        _ => Some(price.or(tip).unwrap_or_default()),
    }
}
