//! What is in the pool, for whoever asks.

use crate::{Dropped, PoolTransaction, pool::Pool};
use alloy_consensus::Transaction as _;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256};
use std::{collections::BTreeMap, sync::Arc};

/// Transactions by sender and nonce.
pub type BySender = BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>;

/// Everything in a pool.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// What can be mined.
    pub pending: BySender,
    /// What waits for others, or for money.
    pub queued: BySender,
}

/// How much is in a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Number of transactions that can be mined.
    pub pending: usize,
    /// Number of transactions that wait for others, or for money.
    pub queued: usize,
    /// Bytes of all.
    pub bytes: u64,
    /// Bytes of those with blobs.
    pub blob_bytes: u64,
}

impl Pool {
    /// How much is in the pool.
    pub fn status(&self) -> Status {
        let queued = self.index.queued_len();
        Status {
            pending: self.index.len() - queued,
            queued,
            bytes: self.index.bytes,
            blob_bytes: self.index.blob_bytes,
        }
    }

    /// The transaction with a hash.
    pub fn get(&self, hash: &B256) -> Option<&Arc<PoolTransaction>> {
        self.index.get(hash)
    }

    /// Whether the transaction with a hash is pending.
    pub fn is_pending(&self, hash: &B256) -> bool {
        self.get(hash).is_some_and(|transaction| {
            let account = self.accounts.get(&transaction.sender());
            account.is_some_and(|account| account.is_pending(transaction.nonce()))
        })
    }

    /// The nonce after the pending transactions of an account; `None` if it has nothing in the
    /// pool, and the nonce of its next transaction is that of the account.
    pub fn next_nonce(&self, sender: &Address) -> Option<u64> {
        self.accounts.get(sender).map(|account| account.pending_end())
    }

    /// Everything in the pool.
    pub fn content(&self) -> Content {
        let mut content = Content::default();
        for sender in self.accounts.keys() {
            let Content { pending, queued } = self.content_from(sender);
            content.pending.extend(pending);
            content.queued.extend(queued);
        }
        content
    }

    /// What an account has in the pool.
    pub fn content_from(&self, sender: &Address) -> Content {
        let mut content = Content::default();
        let Some(account) = self.accounts.get(sender) else { return content };
        for transaction in account.transactions() {
            let nonce = transaction.nonce();
            let part =
                if account.is_pending(nonce) { &mut content.pending } else { &mut content.queued };
            part.entry(*sender).or_default().insert(nonce, Arc::clone(transaction));
        }
        content
    }

    /// The transaction of an account with a nonce.
    pub fn get_by_nonce(&self, sender: &Address, nonce: u64) -> Option<&Arc<PoolTransaction>> {
        self.accounts.get(sender)?.get(nonce)
    }

    /// The blobs of a transaction in the pool, or of one mined lately.
    pub fn sidecar(&self, hash: &B256) -> Option<Arc<BlobTransactionSidecarVariant>> {
        let pooled = self.get(hash).and_then(|transaction| transaction.sidecar.as_ref());
        pooled.or_else(|| self.mined_blobs.of_transaction(hash)).cloned()
    }

    /// A sidecar with the blob that has a versioned hash, and the blob's place in it.
    pub fn blob(&self, hash: &B256) -> Option<(Arc<BlobTransactionSidecarVariant>, usize)> {
        let pooled = self.index.with_blob(hash).and_then(|with_blob| with_blob.sidecar.as_ref());
        let sidecar = pooled.or_else(|| self.mined_blobs.with_blob(hash))?;
        Some((Arc::clone(sidecar), sidecar.versioned_hash_index(hash)?))
    }

    /// Why the transaction with a hash was dropped, if that was lately.
    pub fn dropped(&self, hash: &B256) -> Option<&Dropped> {
        self.drops.get(hash)
    }

    /// What was dropped since the last time this was asked, oldest first, and the number of those
    /// that are forgotten because it was asked too seldom (`Settings::dropped_max`).
    pub fn take_dropped(&mut self) -> (Vec<Dropped>, u64) {
        self.drops.take()
    }
}

impl PoolTransaction {
    /// One line on the transaction, as `txpool_inspect` gives it.
    pub fn summary(&self) -> String {
        let transaction = &self.recovered.transaction;
        let to = match transaction.to() {
            Some(to) => to.to_string(),
            None => "contract creation".to_owned(),
        };
        let (value, gas, price) =
            (transaction.value(), transaction.gas_limit(), transaction.max_fee_per_gas());
        format!("{to}: {value} wei + {gas} gas × {price} wei")
    }
}
