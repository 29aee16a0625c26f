//! Blobs that come with a transaction (EIP-4844, EIP-7594), and those of mined ones.

use crate::{Candidate, Origin, PoolError, PoolTransaction};
use alloy_consensus::Transaction as _;
use alloy_eips::{
    eip4844::{BlobTransactionValidationError, env_settings::EnvKzgSettings},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{B256, map::B256Map};
use heddle_types::Fork;
use std::{collections::VecDeque, sync::Arc};

/// The wrapper version of a sidecar with one proof for each blob, and with one for each cell.
const BLOB_PROOFS: u8 = 0;
const CELL_PROOFS: u8 = 1;

impl Candidate {
    /// Checks that the blobs are those that the transaction names, and have the form that `fork`
    /// asks for.
    ///
    /// [`Pool::add`](crate::Pool::add) does so, too, unless it was done before: it takes
    /// milliseconds, and is best done where it keeps nobody from the pool. The first time loads
    /// KZG's trusted setup.
    ///
    /// A local transaction with proofs for whole blobs gets proofs for cells instead from Osaka on:
    /// many libraries still make the former.
    ///
    /// # Errors
    ///
    /// [`PoolError::NoSidecar`], [`PoolError::SidecarVersion`], [`PoolError::SidecarLength`],
    /// [`PoolError::Sidecar`].
    pub fn verify_blobs(&mut self, origin: Origin, fork: Fork) -> Result<(), PoolError> {
        let Some(hashes) = self.transaction.blob_versioned_hashes() else { return Ok(()) };
        if self.sidecar_verified {
            return Ok(());
        }
        let sidecar = self.sidecar.as_ref().ok_or(PoolError::NoSidecar)?;
        let want = if fork >= Fork::Osaka { CELL_PROOFS } else { BLOB_PROOFS };
        let got = if sidecar.is_eip7594() { CELL_PROOFS } else { BLOB_PROOFS };
        if got > want || (got < want && origin.is_unbounded()) {
            return Err(PoolError::SidecarVersion { want, got });
        }
        let (blobs, commitments) = (sidecar.blobs().len(), sidecar.commitments().len());
        if blobs != hashes.len() || commitments != hashes.len() {
            return Err(PoolError::SidecarLength { blobs, commitments, hashes: hashes.len() });
        }
        let kzg = EnvKzgSettings::Default.get();
        sidecar.validate(hashes, kzg).map_err(PoolError::Sidecar)?;
        if got < want {
            let converted = BlobTransactionSidecarVariant::clone(sidecar)
                .try_convert_into_eip7594_with_settings(kzg)
                .map_err(|error| {
                    PoolError::Sidecar(BlobTransactionValidationError::KZGError(error))
                })?;
            self.sidecar = Some(Arc::new(converted));
        }
        self.sidecar_verified = true;
        Ok(())
    }
}

/// Blobs of the last mined transactions: blocks do not hold them, but a block that is taken back
/// gives its transactions back to the pool.
#[derive(Debug)]
pub(crate) struct MinedBlobs {
    bytes_max: u64,
    bytes: u64,
    order: VecDeque<B256>,
    by_transaction: B256Map<Arc<BlobTransactionSidecarVariant>>,
}

impl MinedBlobs {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, bytes: 0, order: VecDeque::new(), by_transaction: B256Map::default() }
    }

    pub(crate) fn keep(&mut self, transaction: &PoolTransaction) {
        let Some(sidecar) = &transaction.sidecar else { return };
        let hash = transaction.hash();
        if self.by_transaction.insert(hash, Arc::clone(sidecar)).is_none() {
            self.order.push_back(hash);
            self.bytes += sidecar.size() as u64;
        }
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.order.pop_front()
        {
            let size = self.by_transaction.remove(&oldest).map_or(0, |sidecar| sidecar.size());
            self.bytes -= size as u64;
        }
    }

    pub(crate) fn of_transaction(
        &self,
        hash: &B256,
    ) -> Option<&Arc<BlobTransactionSidecarVariant>> {
        self.by_transaction.get(hash)
    }

    /// The newest sidecar with a blob. There are few sidecars: each has 128 KiB at least.
    pub(crate) fn with_blob(&self, hash: &B256) -> Option<&Arc<BlobTransactionSidecarVariant>> {
        let newest_first = self.order.iter().rev().filter_map(|of| self.by_transaction.get(of));
        newest_first.into_iter().find(|sidecar| sidecar.versioned_hash_index(hash).is_some())
    }
}
