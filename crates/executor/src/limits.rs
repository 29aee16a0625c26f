//! The block's gas, as transactions use it up.

use crate::Block;
use alloy_primitives::TxKind;
use heddle_types::Fork;
use revm::{
    context::{Transaction, TxEnv, result::InvalidTransaction},
    primitives::eip4844::GAS_PER_BLOB,
};

/// Gas and blob gas that are used and left.
#[derive(Clone, Debug)]
pub(crate) struct BlockGas {
    limit: u64,
    blob_limit: u64,
    pub(crate) used: u64,
    pub(crate) blob_used: u64,
}

impl BlockGas {
    pub(crate) fn new(block: &Block<'_>) -> Self {
        let blob_limit = if block.fork >= Fork::Cancun { block.blob_gas_limit } else { u64::MAX };
        Self { limit: block.env.gas_limit, blob_limit, used: 0, blob_used: 0 }
    }

    /// Whether the transaction still fits the block (yellow paper, equation 65; EIP-4844), and is
    /// of a form that can be sent at all, which revm takes for granted.
    pub(crate) fn check(&self, transaction: &TxEnv) -> Result<(), InvalidTransaction> {
        match (transaction.tx_type, transaction.kind) {
            (3, TxKind::Create) => return Err(InvalidTransaction::BlobCreateTransaction),
            (4, TxKind::Create) => {
                let reason = "a transaction that sets code must have a recipient (EIP-7702)";
                return Err(InvalidTransaction::Str(reason.into()));
            }
            _ => {}
        }
        if transaction.gas_limit > self.limit.saturating_sub(self.used) {
            return Err(InvalidTransaction::CallerGasLimitMoreThanBlock);
        }
        let left = self.blob_limit.saturating_sub(self.blob_used);
        if transaction.total_blob_gas() > left {
            let blobs = |gas: u64| usize::try_from(gas / GAS_PER_BLOB).unwrap_or(usize::MAX);
            let have = transaction.blob_hashes.len();
            return Err(InvalidTransaction::TooManyBlobs { max: blobs(left), have });
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, transaction: &TxEnv, gas_used: u64) {
        self.used += gas_used;
        self.blob_used += transaction.total_blob_gas();
    }
}
