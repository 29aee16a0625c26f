//! How receipts lie in the store, and are sent to nodes that take over a state: without their blooms,
//! which are found out again from the logs and would be most of the bytes.

use alloy_primitives::{B256, Bytes, Log, logs_bloom};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use heddle_types::Receipt;

#[derive(RlpEncodable, RlpDecodable)]
struct Record {
    tx_type: u8,
    /// The state root before Byzantium; from then on empty.
    state_root: Bytes,
    success: bool,
    gas_used: u64,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
}

/// Receipts in RLP, each as type, state root, status, gas of its own and of all up to it, and logs.
pub fn encode(receipts: &[Receipt]) -> Vec<u8> {
    let record = |receipt: &Receipt| Record {
        tx_type: receipt.tx_type,
        state_root: receipt.state_root.map(Bytes::from).unwrap_or_default(),
        success: receipt.success,
        gas_used: receipt.gas_used,
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs: receipt.logs.clone(),
    };
    alloy_rlp::encode(receipts.iter().map(record).collect::<Vec<_>>())
}

/// What [`encode`] made.
///
/// # Errors
///
/// For anything else.
pub fn decode(bytes: &[u8]) -> Result<Vec<Receipt>, alloy_rlp::Error> {
    let records: Vec<Record> = alloy_rlp::decode_exact(bytes)?;
    let receipt = |record: Record| {
        let state_root = match record.state_root.as_ref() {
            [] => None,
            root => Some(B256::try_from(root).map_err(|_| alloy_rlp::Error::UnexpectedLength)?),
        };
        Ok(Receipt {
            tx_type: record.tx_type,
            state_root,
            success: record.success,
            gas_used: record.gas_used,
            cumulative_gas_used: record.cumulative_gas_used,
            bloom: logs_bloom(&record.logs),
            logs: record.logs,
        })
    };
    records.into_iter().map(receipt).collect()
}
