//! From blocks and transactions to what the executor takes.

use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{Address, B256, U256};
use heddle_executor::{
    Invalid,
    revm::{
        context::{BlockEnv, TxEnv, either::Either},
        context_interface::block::BlobExcessGasAndPrice,
    },
};
use heddle_types::{
    Block, ChainSpec, Fork, Header, Ommer, RecoveredBlock, Transaction, Withdrawal,
};

/// A block in the executor's terms.
#[derive(Clone, Debug)]
pub struct BlockInput {
    /// The rules.
    pub fork: Fork,
    /// The chain that transactions must be for.
    pub chain_id: u64,
    /// What contracts see of the block.
    pub env: BlockEnv,
    /// Hash of the parent, for the call of EIP-2935; without it that is left out.
    pub parent_hash: Option<B256>,
    /// The beacon root of EIP-4788.
    pub parent_beacon_block_root: Option<B256>,
    /// The transactions.
    pub transactions: Vec<TxEnv>,
    /// Payments to validators.
    pub withdrawals: Vec<Withdrawal>,
    /// Ommers to reward.
    pub ommers: Vec<Ommer>,
    /// Blob gas that the block may hold.
    pub blob_gas_limit: u64,
    /// Whether the DAO's balances move in this block.
    pub dao_fork: bool,
    /// The contract whose logs are deposit requests.
    pub deposit_contract: Address,
    /// Whether accounts with code may send: see
    /// [`Attributes::senders_may_have_code`](crate::Attributes).
    pub senders_may_have_code: bool,
    /// Bytes that a contract's code may have, if the chain has a rule of its own for it.
    pub code_size_max: Option<usize>,
}

impl BlockInput {
    /// The input of a block of `fork` whose senders are known.
    pub fn new(spec: &ChainSpec, fork: Fork, block: &RecoveredBlock) -> Self {
        let transactions = block.block.body.transactions.iter().zip(&block.senders);
        let transactions = transactions.map(|(tx, sender)| transaction(tx, *sender)).collect();
        Self::with_transactions(spec, fork, &block.block, transactions)
    }

    /// The input of a block of `fork` with other transactions than its body holds.
    pub fn with_transactions(
        spec: &ChainSpec,
        fork: Fork,
        block: &Block,
        transactions: Vec<TxEnv>,
    ) -> Self {
        let header = &block.header;
        let ommer = |ommer: &Header| Ommer { number: ommer.number, beneficiary: ommer.beneficiary };
        Self {
            fork,
            chain_id: spec.chain_id,
            env: environment(spec, fork, header),
            parent_hash: Some(header.parent_hash),
            parent_beacon_block_root: header.parent_beacon_block_root,
            transactions,
            withdrawals: block.body.withdrawals.clone().unwrap_or_default().into_inner(),
            ommers: block.body.ommers.iter().map(ommer).collect(),
            blob_gas_limit: spec
                .blob_params_at(header.timestamp)
                .map_or(u64::MAX, |params| params.max_blob_gas_per_block()),
            dao_fork: spec.forks.dao_block == Some(header.number),
            deposit_contract: spec.deposit_contract,
            senders_may_have_code: false,
            code_size_max: spec.code_size_max,
        }
    }

    /// The block to execute; `invalid` says what happens to a transaction that is invalid.
    pub fn block(&self, invalid: Invalid) -> heddle_executor::Block<'_> {
        let bare = heddle_executor::Block::new(
            self.fork,
            self.chain_id,
            self.env.clone(),
            &self.transactions,
        );
        heddle_executor::Block {
            parent_hash: self.parent_hash,
            parent_beacon_block_root: self.parent_beacon_block_root,
            withdrawals: &self.withdrawals,
            ommers: &self.ommers,
            protocol_operations: true,
            blob_gas_limit: self.blob_gas_limit,
            dao_fork: self.dao_fork,
            deposit_contract: self.deposit_contract,
            senders_may_have_code: self.senders_may_have_code,
            code_size_max: self.code_size_max,
            invalid,
            ..bare
        }
    }
}

/// What contracts see of a block of `fork`.
pub fn environment(spec: &ChainSpec, fork: Fork, header: &Header) -> BlockEnv {
    let blobs = spec.blob_params_at(header.timestamp).filter(|_| fork >= Fork::Cancun);
    let blob_excess_gas_and_price = blobs.map(|params| {
        let excess_blob_gas = header.excess_blob_gas.unwrap_or_default();
        let blob_gasprice = params.calc_blob_fee(excess_blob_gas);
        BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice }
    });
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: header.difficulty,
        prevrandao: (fork >= Fork::Merge).then_some(header.mix_hash),
        blob_excess_gas_and_price,
        slot_num: header.slot_number.unwrap_or_default(),
    }
}

/// A transaction in revm's terms.
pub fn transaction(transaction: &Transaction, sender: Address) -> TxEnv {
    let authorizations = transaction.authorization_list().unwrap_or_default();
    TxEnv {
        tx_type: transaction.ty(),
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: transaction.blob_versioned_hashes().unwrap_or_default().to_vec(),
        max_fee_per_blob_gas: transaction.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
    }
}
