//! Any bytes: decoding a block or a header never panics, and what decodes is encoded by these bytes
//! only.

#![cfg_attr(feature = "link", no_main)]

use alloy_primitives::keccak256;
use heddle_types::{decode_block, decode_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(block) = decode_block(bytes) {
        assert_eq!(alloy_rlp::encode(&block), bytes);
    }
    if let Ok(header) = decode_header(bytes) {
        assert_eq!(alloy_rlp::encode(&header), bytes);
        assert_eq!(header.hash_slow(), keccak256(bytes));
    }
});

#[cfg(not(feature = "link"))]
fn main() {}
