//! What is executed, and how.

use alloy_eips::eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS;
use alloy_primitives::{Address, B256};
use heddle_types::{AccessList, Fork, Ommer, Withdrawal};
use revm::{
    context::{BlockEnv, TxEnv},
    primitives::hardfork::SpecId,
};

/// A block to execute: rules, environment and transactions.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// The rules.
    pub fork: Fork,
    /// The chain that transactions with a chain id must name (EIP-155).
    pub chain_id: u64,
    /// What contracts see of the block; its `beneficiary` is paid the fees.
    pub env: BlockEnv,
    /// Hash of the parent for the EIP-2935 system call; `None` runs no such call. Unused before
    /// Prague.
    pub parent_hash: Option<B256>,
    /// Beacon root for the EIP-4788 system call; `None` runs no such call.
    pub parent_beacon_block_root: Option<B256>,
    /// The transactions, in order.
    pub transactions: &'a [TxEnv],
    /// Payments to validators (EIP-4895). Unused before Shanghai.
    pub withdrawals: &'a [Withdrawal],
    /// Uncles to reward. Unused from the merge on.
    pub ommers: &'a [Ommer],
    /// Whether the block rewards its miner (before the merge) and moves what the protocol moves:
    /// system calls, withdrawals, rewards. Off for bare lists of transactions such as state tests.
    pub protocol_operations: bool,
    /// Blob gas that the block may hold (EIP-4844, EIP-7840). Unused before Cancun.
    pub blob_gas_limit: u64,
    /// Whether this is the block that moved the DAO's balances (EIP-779).
    pub dao_fork: bool,
    /// The contract whose logs are deposit requests (EIP-6110). Unused before Prague.
    pub deposit_contract: Address,
    /// Whether accounts with code may send transactions, which EIP-3607 forbids: a development
    /// chain sends in the name of contracts.
    pub senders_may_have_code: bool,
    /// Bytes that a contract's code may have, in place of what the fork allows (EIP-170); twice as
    /// many for the code that makes one.
    pub code_size_max: Option<usize>,
    /// What happens to a transaction that is invalid at its place.
    pub invalid: Invalid,
}

impl<'a> Block<'a> {
    /// A block of bare transactions: no operations of the protocol's own, no limit on blobs, and
    /// an invalid transaction rejects it.
    pub fn new(fork: Fork, chain_id: u64, env: BlockEnv, transactions: &'a [TxEnv]) -> Self {
        Self {
            fork,
            chain_id,
            env,
            parent_hash: None,
            parent_beacon_block_root: None,
            transactions,
            withdrawals: &[],
            ommers: &[],
            protocol_operations: false,
            blob_gas_limit: u64::MAX,
            dao_fork: false,
            deposit_contract: MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            senders_may_have_code: false,
            code_size_max: None,
            invalid: Invalid::Reject,
        }
    }
}

/// What happens to a transaction that is invalid at its place in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The block is in error: for verifying.
    Reject,
    /// It is left out and named in [`BlockOutput::skipped`](crate::BlockOutput): for building a
    /// block from candidates.
    Skip,
}

/// How to execute.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// One transaction after the other, on the calling thread, by revm alone: the reference.
    Sequential,
    /// In parallel without prior knowledge. Also makes the block's access list.
    Optimistic,
    /// In parallel and without speculation, from the block's access list. The block is rejected
    /// when the list is not exactly what the block does.
    Guided(&'a AccessList),
}

/// revm's name for a fork's rules.
pub const fn spec_id(fork: Fork) -> SpecId {
    match fork {
        Fork::Frontier => SpecId::FRONTIER,
        Fork::Homestead => SpecId::HOMESTEAD,
        Fork::Tangerine => SpecId::TANGERINE,
        Fork::SpuriousDragon => SpecId::SPURIOUS_DRAGON,
        Fork::Byzantium => SpecId::BYZANTIUM,
        Fork::Petersburg => SpecId::PETERSBURG,
        Fork::Istanbul => SpecId::ISTANBUL,
        Fork::Berlin => SpecId::BERLIN,
        Fork::London => SpecId::LONDON,
        Fork::Merge => SpecId::MERGE,
        Fork::Shanghai => SpecId::SHANGHAI,
        Fork::Cancun => SpecId::CANCUN,
        Fork::Prague => SpecId::PRAGUE,
        Fork::Osaka => SpecId::OSAKA,
        Fork::Amsterdam => SpecId::AMSTERDAM,
    }
}
