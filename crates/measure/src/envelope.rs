//! From a signed transaction to what revm executes.

use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::Address;
use heddle_executor::revm::context::{TxEnv, either::Either};
use heddle_types::Transaction;

/// What revm executes of a transaction whose sender is known.
pub fn tx_env(transaction: &Transaction, sender: Address) -> TxEnv {
    let authorizations = transaction.authorization_list().unwrap_or_default();
    TxEnv {
        tx_type: transaction.ty(),
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: transaction.blob_versioned_hashes().unwrap_or_default().to_vec(),
        max_fee_per_blob_gas: transaction.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
    }
}
