//! Any bytes: decoding a transaction never panics, and what decodes is encoded by these bytes only.

#![cfg_attr(feature = "link", no_main)]

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::keccak256;
use heddle_ecrecover::recover_sender;
use heddle_types::{Fork, decode_transaction};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(transaction) = decode_transaction(bytes) else { return };
    assert_eq!(transaction.encoded_2718(), bytes);
    assert_eq!(*transaction.tx_hash(), keccak256(bytes));
    // Most signatures are nobody's; none may make it panic.
    let _ = recover_sender(&transaction, Fork::Osaka);
});

#[cfg(not(feature = "link"))]
fn main() {}
