//! What the pool has to know about the chain.

use alloy_primitives::U256;
use heddle_types::{BlobParams, Fork};

/// The rules and prices of the next block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// EIP-155.
    pub chain_id: u64,
    /// The fork that will be active.
    pub fork: Fork,
    /// Wei for a unit of gas; 0 before London.
    pub base_fee: u64,
    /// Wei for a unit of blob gas; 0 before Cancun.
    pub blob_base_fee: u128,
    /// Gas that the block may use.
    pub block_gas_limit: u64,
    /// How many blobs are allowed; `None` before Cancun.
    pub blobs: Option<BlobParams>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            chain_id: 31_337,
            fork: Fork::Osaka,
            base_fee: 0,
            blob_base_fee: 1,
            block_gas_limit: 30_000_000,
            blobs: Some(BlobParams::osaka()),
        }
    }
}

/// What an account can do as a sender, after the last block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderState {
    /// Nonce of its next transaction.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// What code it has.
    pub code: SenderCode,
}

/// What code an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SenderCode {
    /// None.
    #[default]
    None,
    /// A delegation (EIP-7702).
    Delegation,
    /// Any other: the account cannot send (EIP-3607).
    Contract,
}
