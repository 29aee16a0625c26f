//! The outcome of one transaction.

use alloy_consensus::Eip658Value;
use alloy_primitives::{B256, Bloom, Log};
use alloy_rlp::{Encodable, Header};

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
        if (1..=4).contains(&self.tx_type) {
            out.push(self.tx_type);
        }
        let status =
            self.state_root.map_or(Eip658Value::Eip658(self.success), Eip658Value::PostState);
        let payload_length = status.length()
            + self.cumulative_gas_used.length()
            + self.bloom.length()
            + self.logs.length();
        Header { list: true, payload_length }.encode(out);
        status.encode(out);
        self.cumulative_gas_used.encode(out);
        self.bloom.encode(out);
        self.logs.encode(out);
    }
}

#[cfg(test)]
mod tests {
    use super::Receipt;
    use alloy_consensus::{Eip658Value, ReceiptEnvelope, ReceiptWithBloom};
    use alloy_eips::eip2718::Encodable2718;
    use alloy_primitives::{Address, B256, Bytes, Log, logs_bloom};

    /// With logs of so many topics each.
    fn receipt(tx_type: u8, topics: &[usize], gas: u64) -> Receipt {
        let log = |count: &usize| {
            let topics = (0..*count).map(|topic| B256::repeat_byte(topic as u8 + 1)).collect();
            let data = Bytes::from(vec![7; 40 * count]);
            Log::new_unchecked(Address::repeat_byte(3), topics, data)
        };
        let logs: Vec<_> = topics.iter().map(log).collect();
        Receipt {
            tx_type,
            state_root: None,
            success: gas.is_multiple_of(2),
            gas_used: gas,
            cumulative_gas_used: gas,
            bloom: logs_bloom(&logs),
            logs,
        }
    }

    fn envelope(receipt: &Receipt) -> Vec<u8> {
        let status = receipt.state_root.map(Eip658Value::PostState);
        let receipt_with_bloom = ReceiptWithBloom {
            receipt: alloy_consensus::Receipt {
                status: status.unwrap_or(Eip658Value::Eip658(receipt.success)),
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt.logs.clone(),
            },
            logs_bloom: receipt.bloom,
        };
        let envelope = match receipt.tx_type {
            1 => ReceiptEnvelope::Eip2930(receipt_with_bloom),
            2 => ReceiptEnvelope::Eip1559(receipt_with_bloom),
            3 => ReceiptEnvelope::Eip4844(receipt_with_bloom),
            4 => ReceiptEnvelope::Eip7702(receipt_with_bloom),
            _ => ReceiptEnvelope::Legacy(receipt_with_bloom),
        };
        envelope.encoded_2718()
    }

    #[test]
    fn encodes_as_the_envelope_of_its_type() {
        let logs: [&[usize]; 5] = [&[], &[0], &[4], &[1, 2], &[3; 200]];
        for tx_type in 0..=4 {
            for topics in logs {
                for gas in [0, 1, 0x7f, 0x80, 21_000, 30_000_001, u64::MAX] {
                    let mut receipt = receipt(tx_type, topics, gas);
                    for state_root in [None, Some(B256::repeat_byte(9)), Some(B256::ZERO)] {
                        receipt.state_root = state_root;
                        let mut encoded = Vec::new();
                        receipt.encode_2718(&mut encoded);
                        assert_eq!(encoded, envelope(&receipt));
                    }
                }
            }
        }
    }
}
