//! A block's body against its header.

use super::check_transaction;
use crate::{BlockError, roots};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_rlp::Encodable;
use heddle_types::{Block, ChainSpec, Fork};

/// Bytes of a block's encoding from Osaka on (EIP-7934): 10 MiB less a margin of 2 MiB.
pub const BLOCK_SIZE_MAX: usize = 8 * 1024 * 1024;

/// Checks the body of a block of `fork` against its header, on up to so many threads; ommers are
/// checked elsewhere.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check_body(
    spec: &ChainSpec,
    fork: Fork,
    block: &Block,
    threads: usize,
) -> Result<(), BlockError> {
    let (header, body) = (&block.header, &block.body);
    if fork >= Fork::Osaka {
        let size = block.length();
        if size > BLOCK_SIZE_MAX {
            return Err(BlockError::Size { size, limit: BLOCK_SIZE_MAX });
        }
    }
    let (expected, got) = (header.ommers_hash, roots::ommers_hash(&body.ommers));
    if got != expected {
        return Err(BlockError::OmmersHash { expected, got });
    }
    let got = roots::transactions_root(&body.transactions, threads);
    let expected = header.transactions_root;
    if got != expected {
        return Err(BlockError::TransactionsRoot { expected, got });
    }
    let root = body.withdrawals.as_ref().map(|withdrawals| roots::withdrawals_root(withdrawals));
    let (expected, got) = (header.withdrawals_root, root);
    if got != expected {
        return Err(BlockError::WithdrawalsRoot { expected, got });
    }
    check_transactions(spec, fork, block)
}

fn check_transactions(spec: &ChainSpec, fork: Fork, block: &Block) -> Result<(), BlockError> {
    let blobs = spec.blob_params_at(block.header.timestamp).filter(|_| fork >= Fork::Cancun);
    let mut blob_count: u64 = 0;
    for (index, transaction) in block.body.transactions.iter().enumerate() {
        check_transaction(spec, fork, blobs.as_ref(), transaction)
            .map_err(|source| BlockError::Transaction { index, source })?;
        let hashes = alloy_consensus::Transaction::blob_versioned_hashes(transaction);
        blob_count += hashes.map_or(0, <[_]>::len) as u64;
    }
    if let Some(expected) = block.header.blob_gas_used {
        // A block holds far fewer blobs than would make this overflow: each is 32 bytes of it.
        let got = blob_count * DATA_GAS_PER_BLOB;
        if got != expected {
            return Err(BlockError::BlobGasUsed { expected, got });
        }
    }
    Ok(())
}
