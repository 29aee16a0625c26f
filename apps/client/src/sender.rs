//! An account that sends transactions.

use crate::rpc::{Node, Receipt, RpcError};
use alloy_consensus::{EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip4844};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

/// How often it is asked whether a transaction is in a block.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A transaction that is in no block after so long is offered again for more.
const RAISE_INTERVAL: Duration = Duration::from_secs(5);
/// Gas over what was estimated, in percent.
const GAS_MARGIN_PERCENT: u64 = 30;
/// What a replacement pays more, in percent; nodes ask for ten.
const RAISE_PERCENT: u128 = 13;

/// What is paid for each gas, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// At most, with the base fee.
    pub max: u128,
    /// To the producer.
    pub priority: u128,
}

/// Gas to offer where so much was estimated: the state may be another when the block is made.
pub fn gas_limit(estimated: u64) -> u64 {
    estimated.saturating_mul(100 + GAS_MARGIN_PERCENT) / 100
}

/// Signs a transaction: its hash, and its bytes as they are sent.
///
/// # Errors
///
/// Those of the key.
pub fn sign(
    key: &PrivateKeySigner,
    transaction: TxEip1559,
) -> Result<(B256, Bytes), alloy_signer::Error> {
    let signature = key.sign_hash_sync(&transaction.signature_hash())?;
    let envelope = EthereumTxEnvelope::<TxEip4844>::from(transaction.into_signed(signature));
    Ok((*envelope.tx_hash(), envelope.encoded_2718().into()))
}

impl Fees {
    fn raised(self) -> Self {
        let raise = |fee: u128| fee.saturating_mul(100 + RAISE_PERCENT).div_ceil(100).max(fee + 1);
        Self { max: raise(self.max), priority: raise(self.priority) }
    }
}

/// A transaction that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Hashes of all forms in which it was offered: one of them, at most, gets into a block.
    pub hashes: Vec<B256>,
    transaction: TxEip1559,
    raw: Bytes,
}

impl Sent {
    /// Its number among those of its sender.
    pub fn nonce(&self) -> u64 {
        self.transaction.nonce
    }
}

/// Why a transaction is not done.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The key.
    #[error("the transaction cannot be signed")]
    Sign(#[source] Box<alloy_signer::Error>),
    /// It is in a block, and did nothing.
    #[error("transaction {0} has reverted")]
    Reverted(B256),
    /// Another transaction of the same account has taken its place.
    #[error(
        "another transaction has taken nonce {0}; does another program send from this account?"
    )]
    Replaced(u64),
    /// It is in no block.
    #[error("transaction {hash} is in no block after {} s; it may still get into one", .after.as_secs())]
    Pending {
        /// The last form of it.
        hash: B256,
        /// How long it was waited for.
        after: Duration,
    },
}

impl SendError {
    /// What a contract said, if it was found out before sending that it would revert.
    pub fn revert_data(&self) -> Option<&Bytes> {
        match self {
            Self::Rpc(error) => error.revert_data(),
            _ => None,
        }
    }
}

/// An account that sends transactions, one program alone.
#[derive(Clone, Debug)]
pub struct Sender {
    node: Node,
    key: PrivateKeySigner,
    chain_id: u64,
}

impl Sender {
    /// Asks the node for the chain's id, so that what is signed counts there alone.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn new(node: Node, key: PrivateKeySigner) -> Result<Self, RpcError> {
        let chain_id = node.chain_id()?;
        Ok(Self { node, key, chain_id })
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What is offered now: twice the base fee, so that six full blocks in a row are no trouble.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn fees(&self) -> Result<Fees, RpcError> {
        let base = self.node.latest_fees()?.base_fee_per_gas.map_or(0, |fee| fee.to::<u128>());
        let priority: u128 = self.node.priority_fee()?.to();
        Ok(Fees { max: base.saturating_mul(2).saturating_add(priority), priority })
    }

    /// A signed transaction, for who counts nonces and gas itself.
    ///
    /// # Errors
    ///
    /// See [`SendError::Sign`].
    pub fn sign(
        &self,
        nonce: u64,
        to: TxKind,
        input: Bytes,
        gas_limit: u64,
        fees: Fees,
    ) -> Result<Sent, SendError> {
        self.signed(TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.priority,
            to,
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        })
    }

    fn signed(&self, transaction: TxEip1559) -> Result<Sent, SendError> {
        let signed = sign(&self.key, transaction.clone());
        let (hash, raw) = signed.map_err(|error| SendError::Sign(Box::new(error)))?;
        Ok(Sent { hashes: vec![hash], transaction, raw })
    }

    /// Gas to offer for a call, which is tried on the next block.
    ///
    /// # Errors
    ///
    /// See [`RpcError`]: so if it would revert.
    pub fn gas_for(&self, to: Address, input: &Bytes) -> Result<u64, RpcError> {
        let call = json!({"from": self.address(), "to": to, "input": input});
        self.node.estimate_gas(&call).map(gas_limit)
    }

    /// Calls a contract by a transaction. It is tried before, so one that would revert is an error, and is not sent.
    ///
    /// # Errors
    ///
    /// [`SendError::Rpc`] and [`SendError::Sign`].
    pub fn send(&self, to: Address, input: Bytes) -> Result<Sent, SendError> {
        let gas = self.gas_for(to, &input)?;
        let nonce = self.node.nonce(self.address(), "pending")?;
        let sent = self.sign(nonce, to.into(), input, gas, self.fees()?)?;
        self.node.send(&sent.raw)?;
        Ok(sent)
    }

    /// Offers a transaction that [`Self::sign`] made.
    ///
    /// # Errors
    ///
    /// See [`RpcError`].
    pub fn offer(&self, sent: &Sent) -> Result<(), RpcError> {
        self.node.send(&sent.raw).map(drop)
    }

    /// Waits until a transaction is in a block. What takes long is offered again for more.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn wait(&self, mut sent: Sent, patience: Duration) -> Result<Receipt, SendError> {
        let begin = Instant::now();
        let mut raised = begin;
        loop {
            // Before receipts: what takes the nonce between both questions is found by the next round.
            let next = self.node.nonce(self.address(), "latest")?;
            for hash in &sent.hashes {
                if let Some(receipt) = self.node.receipt(*hash)? {
                    return match receipt.status {
                        Some(U64::ZERO) => Err(SendError::Reverted(*hash)),
                        _ => Ok(receipt),
                    };
                }
            }
            if next > sent.nonce() {
                return Err(SendError::Replaced(sent.nonce()));
            }
            if begin.elapsed() > patience {
                let hash = sent.hashes.last().copied().unwrap_or_default();
                return Err(SendError::Pending { hash, after: begin.elapsed() });
            }
            if raised.elapsed() > RAISE_INTERVAL {
                raised = Instant::now();
                sent = self.raise(sent)?;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Offers a transaction again, for more.
    fn raise(&self, sent: Sent) -> Result<Sent, SendError> {
        let mut transaction = sent.transaction;
        let fees = Fees {
            max: transaction.max_fee_per_gas,
            priority: transaction.max_priority_fee_per_gas,
        }
        .raised();
        (transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas) =
            (fees.max, fees.priority);
        let mut again = self.signed(transaction)?;
        // A node that has just put the earlier form into a block refuses this one.
        let _ = self.node.send(&again.raw);
        again.hashes.splice(0..0, sent.hashes);
        Ok(again)
    }
}
