//! A transaction on its way into the pool, and in it.

use crate::PoolError;
use alloy_consensus::{EthereumTxEnvelope, Signed, Transaction as _, TxEip4844WithSidecar};
use alloy_eips::{eip2718::Encodable2718, eip7594::BlobTransactionSidecarVariant};
use alloy_primitives::{Address, B256, U256};
use heddle_ecrecover::{recover_address, recover_each_sender};
use heddle_keccak::keccak256_each;
use heddle_types::{Fork, RecoveredTransaction, Transaction};
use std::{fmt, sync::Arc};

/// A transaction as it is sent: one with blobs carries them, in the form of EIP-4844 or EIP-7594.
pub type PooledTransaction =
    EthereumTxEnvelope<TxEip4844WithSidecar<BlobTransactionSidecarVariant>>;

/// What a transaction takes in memory beyond its encoding at most: its fields, its place in maps,
/// and its account. `examples/insertion.rs` measures it: 600 bytes where one sender has all, 1200
/// where each has one; in a pool that is nearly full some hundreds more, of who leaves first.
pub(crate) const OVERHEAD_BYTES: u64 = 2048;

/// Where a transaction comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user of this node, whom the limits of one account do not hold for.
    Local,
    /// A stranger.
    External,
    /// Another node, which tells all others as well. What holds for strangers holds for it.
    Peer,
    /// The user of this node, in the name of an account whose key is not known. The signature is
    /// made up, and the account may have code.
    Impersonated,
    /// A block that is not part of the chain any more.
    Reverted,
}

impl Origin {
    /// Whether anybody may have sent it, as often as they like.
    pub(crate) fn is_unbounded(self) -> bool {
        matches!(self, Self::External | Self::Peer)
    }
}

/// A transaction whose sender is known, and which may be offered to a pool.
///
/// Making one needs no pool, so many can be made at a time.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub(crate) transaction: Transaction,
    pub(crate) sender: Address,
    pub(crate) sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
    /// Whether the sidecar is known to belong to the transaction.
    pub(crate) sidecar_verified: bool,
    /// Who signed its authorizations. A signature that belongs to nobody has no effect.
    pub(crate) authorities: Vec<Address>,
}

impl Candidate {
    /// A transaction by a sender who is known already.
    pub fn new(transaction: PooledTransaction, sender: Address) -> Self {
        let (transaction, sidecar) = split(transaction);
        Self::from_parts(transaction, sender, sidecar.map(Arc::new))
    }

    /// Transactions, with their senders found out on all cores; of one whose signature belongs to
    /// nobody, [`PoolError::InvalidSender`]. That does not touch the others.
    #[must_use]
    pub fn recover_each(
        transactions: Vec<PooledTransaction>,
        fork: Fork,
    ) -> Vec<Result<Self, PoolError>> {
        let (transactions, sidecars): (Vec<_>, Vec<_>) =
            transactions.into_iter().map(split).unzip();
        let senders = recover_each_sender(&transactions, fork);
        let parts = with_hashes(transactions).into_iter().zip(senders).zip(sidecars);
        let candidate = |((transaction, sender), sidecar): ((_, Result<_, _>), Option<_>)| {
            Ok(Self::from_parts(transaction, sender?, sidecar.map(Arc::new)))
        };
        parts.map(candidate).collect()
    }

    /// A transaction without its sidecar, and the sidecar if it is at hand.
    pub(crate) fn from_parts(
        transaction: Transaction,
        sender: Address,
        sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
    ) -> Self {
        let signed = transaction.authorization_list().unwrap_or(&[]);
        let authorities = signed
            .iter()
            .filter_map(|authorization| {
                let signature = authorization.signature().ok()?;
                recover_address(&signature, authorization.signature_hash()).ok()
            })
            .collect();
        Self { transaction, sender, sidecar, sidecar_verified: false, authorities }
    }

    /// The transaction without its blobs.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Hash of the transaction.
    pub fn hash(&self) -> B256 {
        *self.transaction.tx_hash()
    }

    /// Who sent it.
    pub fn sender(&self) -> Address {
        self.sender
    }
}

/// Takes the blobs off a transaction.
fn split(transaction: PooledTransaction) -> (Transaction, Option<BlobTransactionSidecarVariant>) {
    let mut sidecar = None;
    let transaction = transaction.map_eip4844(|with_blobs| {
        let (transaction, blobs) = with_blobs.into_parts();
        sidecar = Some(blobs);
        transaction
    });
    (transaction, sidecar)
}

/// The transactions, with their hashes found out, many at a time: else each is hashed by itself when
/// somebody asks for it.
fn with_hashes(transactions: Vec<Transaction>) -> Vec<Transaction> {
    fn with_hash<T>(signed: Signed<T>, hash: B256) -> Signed<T> {
        let signature = *signed.signature();
        Signed::new_unchecked(signed.strip_signature(), signature, hash)
    }
    let mut bytes = Vec::with_capacity(transactions.len() * 128);
    let mut ends = Vec::with_capacity(transactions.len() + 1);
    ends.push(0);
    for transaction in &transactions {
        transaction.encode_2718(&mut bytes);
        ends.push(bytes.len());
    }
    let messages: Vec<&[u8]> = ends.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
    let hashes = keccak256_each(&messages);
    let hashed = |(transaction, hash)| match transaction {
        Transaction::Legacy(signed) => Transaction::Legacy(with_hash(signed, hash)),
        Transaction::Eip2930(signed) => Transaction::Eip2930(with_hash(signed, hash)),
        Transaction::Eip1559(signed) => Transaction::Eip1559(with_hash(signed, hash)),
        Transaction::Eip4844(signed) => Transaction::Eip4844(with_hash(signed, hash)),
        Transaction::Eip7702(signed) => Transaction::Eip7702(with_hash(signed, hash)),
    };
    transactions.into_iter().zip(hashes).map(hashed).collect()
}

/// A transaction in the pool.
#[derive(Clone)]
pub struct PoolTransaction {
    /// The transaction without its blobs, as blocks hold it, and its sender.
    pub recovered: RecoveredTransaction,
    /// Its blobs.
    pub sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
    /// Where it comes from.
    pub origin: Origin,
    /// UNIX second at which it was added.
    pub added_at: u64,
    /// Its number among all that arrived; negative when a block gave it back.
    pub(crate) arrival: i64,
    pub(crate) bytes: u64,
    pub(crate) cost: U256,
    pub(crate) authorities: Vec<Address>,
}

impl PoolTransaction {
    pub(crate) fn new(candidate: Candidate, origin: Origin, added_at: u64, arrival: i64) -> Self {
        let Candidate { transaction, sender, sidecar, authorities, .. } = candidate;
        let blobs = sidecar.as_ref().map_or(0, |sidecar| sidecar.size() as u64);
        let bytes = transaction.encode_2718_len() as u64 + OVERHEAD_BYTES + blobs;
        let cost = cost_max(&transaction);
        let recovered = RecoveredTransaction { transaction, sender };
        Self { recovered, sidecar, origin, added_at, arrival, bytes, cost, authorities }
    }

    /// The transaction with its blobs, as it is sent.
    ///
    /// `None` if it has blobs and they are not there.
    pub fn to_pooled(&self) -> Option<PooledTransaction> {
        let sidecar = self.sidecar.as_deref();
        let transaction = self.recovered.transaction.clone();
        transaction
            .try_map_eip4844(|transaction| match sidecar {
                Some(sidecar) => Ok(transaction.with_sidecar(sidecar.clone())),
                None => Err(()),
            })
            .ok()
    }

    /// Its hash.
    pub fn hash(&self) -> B256 {
        *self.recovered.transaction.tx_hash()
    }

    /// Who sent it.
    pub fn sender(&self) -> Address {
        self.recovered.sender
    }

    /// Its nonce.
    pub fn nonce(&self) -> u64 {
        self.recovered.transaction.nonce()
    }

    /// Bytes that it counts in the pool.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The most that it may cost its sender, in wei.
    pub fn cost(&self) -> U256 {
        self.cost
    }

    /// What a unit of gas costs at most, in wei.
    pub(crate) fn fee(&self) -> u128 {
        self.recovered.transaction.max_fee_per_gas()
    }

    /// What the beneficiary gets for a unit of gas at most, in wei.
    pub(crate) fn tip(&self) -> u128 {
        self.recovered.transaction.priority_fee_or_price()
    }

    /// What a unit of blob gas costs at most, in wei; `None` without blobs.
    pub(crate) fn blob_fee(&self) -> Option<u128> {
        self.recovered.transaction.max_fee_per_blob_gas()
    }

    pub(crate) fn gas_limit(&self) -> u64 {
        self.recovered.transaction.gas_limit()
    }

    pub(crate) fn has_blobs(&self) -> bool {
        self.recovered.transaction.is_eip4844()
    }

    pub(crate) fn blob_hashes(&self) -> &[B256] {
        self.recovered.transaction.blob_versioned_hashes().unwrap_or(&[])
    }
}

/// The hash stands for all that was signed: blobs would fill screens.
impl fmt::Debug for PoolTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolTransaction")
            .field("hash", &self.hash())
            .field("sender", &self.sender())
            .field("nonce", &self.nonce())
            .field("origin", &self.origin)
            .field("added_at", &self.added_at)
            .field("arrival", &self.arrival)
            .finish_non_exhaustive()
    }
}

/// The most that a transaction may cost its sender, in wei: gas, blob gas and value.
///
/// It ends at the largest number there is: no balance covers that.
pub(crate) fn cost_max(transaction: &Transaction) -> U256 {
    let gas = U256::from(transaction.gas_limit()) * U256::from(transaction.max_fee_per_gas());
    let blob_gas = U256::from(transaction.blob_gas_used().unwrap_or(0));
    let blobs = blob_gas * U256::from(transaction.max_fee_per_blob_gas().unwrap_or(0));
    gas.saturating_add(blobs).saturating_add(transaction.value())
}
