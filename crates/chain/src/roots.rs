//! Roots and hashes that stand in a header.

use alloy_consensus::proofs;
use alloy_eips::eip7685::Requests;
use alloy_primitives::{B256, Bloom, Bytes};
use alloy_trie::root::ordered_trie_root_with_encoder;
use heddle_types::{Header, Receipt, Transaction, Withdrawal};

/// Root of the transactions.
pub(crate) fn transactions_root(transactions: &[Transaction]) -> B256 {
    proofs::calculate_transaction_root(transactions)
}

/// Root of the receipts.
pub(crate) fn receipts_root(receipts: &[Receipt]) -> B256 {
    ordered_trie_root_with_encoder(receipts, |receipt: &Receipt, out| receipt.encode_2718(out))
}

/// Root of the withdrawals (EIP-4895).
pub(crate) fn withdrawals_root(withdrawals: &[Withdrawal]) -> B256 {
    proofs::calculate_withdrawals_root(withdrawals)
}

/// Hash of the ommers' list.
pub(crate) fn ommers_hash(ommers: &[Header]) -> B256 {
    proofs::calculate_ommers_root(ommers)
}

/// Hash of the requests (EIP-7685), each with its type.
pub(crate) fn requests_hash(requests: &[Bytes]) -> B256 {
    Requests::new(requests.to_vec()).requests_hash()
}

/// The bloom filter over all logs of a block.
pub(crate) fn logs_bloom(receipts: &[Receipt]) -> Bloom {
    receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom)
}
