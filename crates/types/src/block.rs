//! Blocks and transactions as they stand in a chain.

use alloy_consensus::TxEip4844;
use alloy_primitives::{Address, B256};

pub use alloy_consensus::Header;

/// A signed transaction of any type (EIP-2718), blobs without their sidecars: as blocks hold it.
pub type Transaction = alloy_consensus::EthereumTxEnvelope<TxEip4844>;

/// A block: header, transactions, ommers and withdrawals.
pub type Block = alloy_consensus::Block<Transaction>;

/// A block with what is costly to find out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredBlock {
    /// The block.
    pub block: Block,
    /// Keccak-256 of its header.
    pub hash: B256,
    /// Who sent each transaction.
    pub senders: Vec<Address>,
}

/// A transaction with its sender and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredTransaction {
    /// The transaction. It knows its own hash (`tx_hash`).
    pub transaction: Transaction,
    /// Who sent it.
    pub sender: Address,
}
