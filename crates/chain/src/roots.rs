//! Roots and hashes that stand in a header.

mod ordered;

use alloy_consensus::proofs;
use alloy_eips::{eip2718::Encodable2718, eip7685::Requests};
use alloy_primitives::{B256, Bloom, Bytes};
use heddle_types::{Header, Receipt, Transaction, Withdrawal};
use ordered::ordered_root;

/// Root of the transactions, on up to so many threads.
pub(crate) fn transactions_root(transactions: &[Transaction], threads: usize) -> B256 {
    ordered_root(transactions, threads, |transaction, out| transaction.encode_2718(out))
}

/// Root of the receipts, on up to so many threads.
pub(crate) fn receipts_root(receipts: &[Receipt], threads: usize) -> B256 {
    ordered_root(receipts, threads, Receipt::encode_2718)
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
    // Most receipts have no logs, and so nothing in their filters.
    let logged = receipts.iter().filter(|receipt| !receipt.logs.is_empty());
    logged.fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom)
}
