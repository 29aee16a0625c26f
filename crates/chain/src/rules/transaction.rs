//! A transaction by itself.

use crate::TransactionError;
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA;
use heddle_types::{BlobParams, ChainSpec, Fork, Transaction};

/// Checks whether a transaction may stand in a block of `fork` whose blobs follow `blobs`, as far
/// as that depends neither on the state nor on its signature.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check_transaction(
    spec: &ChainSpec,
    fork: Fork,
    blobs: Option<&BlobParams>,
    transaction: &Transaction,
) -> Result<(), TransactionError> {
    let tx_type = transaction.ty();
    if fork < Fork::of_transaction_type(tx_type) {
        return Err(TransactionError::Type { tx_type, fork });
    }
    if let Some(got) = transaction.chain_id() {
        if fork < Fork::SpuriousDragon {
            return Err(TransactionError::ReplayProtected(fork));
        }
        if got != spec.chain_id {
            return Err(TransactionError::ChainId { expected: spec.chain_id, got });
        }
    }
    let gas_limit = transaction.gas_limit();
    // From Amsterdam on the cap is on a part of the gas only (EIP-8037), which the EVM knows.
    if fork == Fork::Osaka && gas_limit > MAX_TX_GAS_LIMIT_OSAKA {
        return Err(TransactionError::GasLimitCap { gas_limit, cap: MAX_TX_GAS_LIMIT_OSAKA });
    }
    if let (Some(hashes), Some(blobs)) = (transaction.blob_versioned_hashes(), blobs) {
        let (count, limit) = (hashes.len(), blobs.max_blobs_per_tx);
        if count == 0 || count as u64 > limit {
            return Err(TransactionError::BlobCount { count, limit });
        }
    }
    Ok(())
}
