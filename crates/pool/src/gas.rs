//! What a transaction costs before it begins.

use alloy_consensus::Transaction as _;
use heddle_types::{Fork, Transaction};

/// Yellow paper, appendix G.
const BASE: u64 = 21_000;
const CREATE: u64 = 32_000;
const ZERO_BYTE: u64 = 4;
const NONZERO_BYTE_FRONTIER: u64 = 68;
/// EIP-2028.
const NONZERO_BYTE_ISTANBUL: u64 = 16;
/// EIP-2930.
const LISTED_ADDRESS: u64 = 2400;
const LISTED_SLOT: u64 = 1900;
/// EIP-3860, for each word of 32 bytes.
const INIT_CODE_WORD: u64 = 2;
/// EIP-7702.
const AUTHORIZATION: u64 = 25_000;
/// EIP-7623.
const FLOOR_TOKEN: u64 = 10;
const TOKENS_OF_NONZERO_BYTE: u64 = 4;

/// Gas that a transaction costs before its first instruction.
///
/// Amsterdam prices are not final: under that fork these are Osaka's, and the executor has the last
/// word.
pub fn intrinsic_gas(transaction: &Transaction, fork: Fork) -> u64 {
    let (zeros, others) = count_bytes(transaction);
    let nonzero_byte =
        if fork >= Fork::Istanbul { NONZERO_BYTE_ISTANBUL } else { NONZERO_BYTE_FRONTIER };
    let mut gas = BASE + zeros * ZERO_BYTE + others * nonzero_byte;
    if transaction.is_create() {
        if fork >= Fork::Homestead {
            gas += CREATE;
        }
        if fork >= Fork::Shanghai {
            gas += (zeros + others).div_ceil(32) * INIT_CODE_WORD;
        }
    }
    if let Some(list) = transaction.access_list() {
        gas += list.len() as u64 * LISTED_ADDRESS;
        gas += list.storage_keys_count() as u64 * LISTED_SLOT;
    }
    gas + transaction.authorization_count().unwrap_or(0) * AUTHORIZATION
}

/// Gas that a transaction costs at least for its calldata (EIP-7623); 0 before Prague.
pub fn floor_gas(transaction: &Transaction, fork: Fork) -> u64 {
    if fork < Fork::Prague {
        return 0;
    }
    let (zeros, others) = count_bytes(transaction);
    BASE + (zeros + others * TOKENS_OF_NONZERO_BYTE) * FLOOR_TOKEN
}

fn count_bytes(transaction: &Transaction) -> (u64, u64) {
    let input = transaction.input();
    let zeros = input.iter().filter(|byte| **byte == 0).count();
    (zeros as u64, (input.len() - zeros) as u64)
}
