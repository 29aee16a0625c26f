//! The outcome of one transaction.

use alloy_consensus::{Eip658Value, ReceiptEnvelope, ReceiptWithBloom};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bloom, Log};

/// The receipt of an executed transaction (yellow paper, section 4.3.1), with status (EIP-658).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// EIP-2718 type of the transaction; 0 for a legacy one.
    pub tx_type: u8,
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
    /// Before Byzantium a receipt holds a state root instead of the status; such blocks cannot be
    /// encoded from this type.
    pub fn encode_2718(&self, out: &mut Vec<u8>) {
        let receipt = ReceiptWithBloom {
            receipt: alloy_consensus::Receipt {
                status: Eip658Value::Eip658(self.success),
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
