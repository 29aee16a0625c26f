//! A transaction by itself.

use crate::TransactionError;
use alloy_consensus::{Transaction as _, Typed2718};
use heddle_types::{BlobParams, ChainSpec, Fork, Transaction};

/// The most gas that a transaction may ask for from Osaka on (EIP-7825).
pub const TRANSACTION_GAS_MAX: u64 = 1 << 24;

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
    let since = match tx_type {
        0 => Fork::Frontier,
        1 => Fork::Berlin,
        2 => Fork::London,
        3 => Fork::Cancun,
        _ => Fork::Prague,
    };
    if fork < since {
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
    if fork == Fork::Osaka && gas_limit > TRANSACTION_GAS_MAX {
        return Err(TransactionError::GasLimitCap { gas_limit, cap: TRANSACTION_GAS_MAX });
    }
    if let (Some(hashes), Some(blobs)) = (transaction.blob_versioned_hashes(), blobs) {
        let (count, limit) = (hashes.len(), blobs.max_blobs_per_tx);
        if count == 0 || count as u64 > limit {
            return Err(TransactionError::BlobCount { count, limit });
        }
    }
    Ok(())
}
