//! Blocks and what came of their transactions, as anvil dumps them.

use crate::stand_in_signature;
use alloy_consensus::{BlockBody, Transaction as _, Typed2718 as _};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, TxKind, U64};
use heddle_chain::CommittedBlock;
use heddle_types::{Block, Header, Receipt, RecoveredBlock, Transaction, Withdrawal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockDump {
    pub(crate) header: Header,
    transactions: Vec<TransactionDump>,
    #[serde(default)]
    ommers: Vec<Header>,
    #[serde(default)]
    withdrawals: Option<Vec<Withdrawal>>,
}

/// A transaction, and who is said to have sent it, if nobody has signed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum TransactionDump {
    Named { transaction: Transaction, impersonated_sender: Option<Address> },
    // Of older versions of anvil.
    Bare(Transaction),
}

/// What came of a transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MinedDump {
    info: Info,
    receipt: ReceiptDump,
    pub(crate) block_hash: B256,
    block_number: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Info {
    transaction_hash: B256,
    transaction_index: u64,
    from: Address,
    to: Option<Address>,
    contract_address: Option<Address>,
    /// Written empty: anvil then has no calls of it to tell of.
    #[serde(default)]
    traces: Vec<Value>,
    /// revm's name for how it ended.
    exit: String,
    out: Option<Bytes>,
    nonce: u64,
    gas_used: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptDump {
    #[serde(rename = "type")]
    tx_type: U64,
    #[serde(default)]
    status: Option<U64>,
    cumulative_gas_used: U64,
    logs: Vec<Log>,
    logs_bloom: Bloom,
}

impl BlockDump {
    pub(crate) fn new(block: &RecoveredBlock) -> Self {
        let transactions = block.block.body.transactions.iter().zip(&block.senders);
        let named = |(transaction, sender): (&Transaction, &Address)| {
            let is_made_up = *transaction.signature() == stand_in_signature(*sender);
            let impersonated_sender = is_made_up.then_some(*sender);
            TransactionDump::Named { transaction: transaction.clone(), impersonated_sender }
        };
        let body = &block.block.body;
        Self {
            header: block.block.header.clone(),
            transactions: transactions.map(named).collect(),
            ommers: body.ommers.clone(),
            withdrawals: body.withdrawals.clone().map(|withdrawals| withdrawals.into_inner()),
        }
    }

    /// The block with its receipts, of what came of its transactions, in their order.
    pub(crate) fn into_block(self, mined: &[&MinedDump]) -> (RecoveredBlock, Vec<Receipt>) {
        let transactions = self.transactions.into_iter().map(|transaction| match transaction {
            TransactionDump::Named { transaction, .. } | TransactionDump::Bare(transaction) => {
                transaction
            }
        });
        let none = || self.header.withdrawals_root.map(|_| Vec::new());
        let withdrawals = self.withdrawals.or_else(none).map(Into::into);
        let body =
            BlockBody { transactions: transactions.collect(), ommers: self.ommers, withdrawals };
        let hash = self.header.hash_slow();
        let senders = mined.iter().map(|mined| mined.info.from).collect();
        let receipts = mined.iter().map(|mined| mined.receipt()).collect();
        (RecoveredBlock { block: Block::new(self.header, body), hash, senders }, receipts)
    }
}

impl MinedDump {
    /// Of each transaction of a block.
    pub(crate) fn of(committed: &CommittedBlock) -> Vec<Self> {
        let block = &committed.block;
        let transactions = block.block.body.transactions.iter().zip(&block.senders);
        let mined = |(index, ((transaction, sender), receipt)): (
            u64,
            ((&Transaction, &Address), &Receipt),
        )| {
            let nonce = transaction.nonce();
            let created = transaction.kind() == TxKind::Create && receipt.success;
            Self {
                info: Info {
                    transaction_hash: *transaction.tx_hash(),
                    transaction_index: index,
                    from: *sender,
                    to: transaction.to(),
                    contract_address: created.then(|| sender.create(nonce)),
                    traces: Vec::new(),
                    exit: if receipt.success { "Return" } else { "Revert" }.to_owned(),
                    out: None,
                    nonce,
                    gas_used: receipt.gas_used,
                },
                receipt: ReceiptDump {
                    tx_type: U64::from(transaction.ty()),
                    status: Some(U64::from(receipt.success)),
                    cumulative_gas_used: U64::from(receipt.cumulative_gas_used),
                    logs: receipt.logs.clone(),
                    logs_bloom: receipt.bloom,
                },
                block_hash: block.hash,
                block_number: block.block.header.number,
            }
        };
        (0..).zip(transactions.zip(&committed.receipts)).map(mined).collect()
    }

    /// Where it stands in its block.
    pub(crate) fn index(&self) -> u64 {
        self.info.transaction_index
    }

    fn receipt(&self) -> Receipt {
        let receipt = &self.receipt;
        Receipt {
            tx_type: receipt.tx_type.saturating_to(),
            state_root: None,
            success: receipt.status.is_none_or(|status| !status.is_zero()),
            gas_used: self.info.gas_used,
            cumulative_gas_used: receipt.cumulative_gas_used.saturating_to(),
            logs: receipt.logs.clone(),
            bloom: receipt.logs_bloom,
        }
    }
}
