//! The outcome of one transaction.

use alloy_consensus::{Eip658Value, ReceiptEnvelope, ReceiptWithBloom};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bloom, Log};

/// The receipt of an executed transaction (yellow paper, section 4.3.1), with status (EIP-658).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// EIP-2718 type of the transaction; 0 for a legacy one.
    pub tx_type: u8,
    /// Root of the state after the transaction, which stands in a receipt before Byzantium. The
    /// executor, which knows no roots, leaves it out.
    pub state_root: Option<B256>,
    /// Whether the outermost call or creation succeeded.
    pub success: bool,
    /// Gas that this transaction used, after refunds.
    pub gas_used: u64,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// What the transaction logged, in order.
    pub logs: Vec<Log>,
    /// Bloom filter over addresses and topics of `logs`.
    pub bloom: Bloom,
}

impl Receipt {
    /// Appends the consensus encoding (EIP-2718) that the receipts root is made of.
    ///
    /// A state root stands in the place of the status (EIP-658).
    pub fn encode_2718(&self, out: &mut Vec<u8>) {
        let receipt = ReceiptWithBloom {
            receipt: alloy_consensus::Receipt {
                status: self
                    .state_root
                    .map_or(Eip658Value::Eip658(self.success), Eip658Value::PostState),
                cumulative_gas_used: self.cumulative_gas_used,
                logs: self.logs.clone(),
            },
            logs_bloom: self.bloom,
        };
        let envelope = match self.tx_type {
            1 => ReceiptEnvelope::Eip2930(receipt),
            2 => ReceiptEnvelope::Eip1559(receipt),
            3 => ReceiptEnvelope::Eip4844(receipt),
            4 => ReceiptEnvelope::Eip7702(receipt),
            _ => ReceiptEnvelope::Legacy(receipt),
        };
        envelope.encode_2718(out);
    }
}
