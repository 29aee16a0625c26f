//! Keccak-256 of many messages at once.
//!
//! A message's blocks depend on each other, so one hash cannot be made on several units of a
//! processor; but hashes of different messages can. Eight of them go through one permutation side
//! by side with AVX-512, four with AVX2: each lane of a vector register holds the state of one
//! message. A lane whose message is at its end takes up the next one, so messages of different
//! lengths leave none idle before the last few.
//!
//! In: messages. Out: their hashes, in order, the same ones that
//! [`alloy_primitives::keccak256`] gives, whatever the machine.
//!
//! Module by module: `lanes` (what the machine has), `driver` (which message is in which lane),
//! `avx512` and `avx2` (the permutation).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod driver;
mod lanes;

use alloy_primitives::B256;

pub use lanes::Lanes;

/// The hashes of messages, in order.
pub fn keccak256_each<M: AsRef<[u8]>>(messages: &[M]) -> Vec<B256> {
    let mut hashes = vec![B256::ZERO; messages.len()];
    Lanes::best().hash(messages, &mut hashes);
    hashes
}

/// The hashes of messages of one length that fits a block: addresses, slots and pairs of hashes.
/// Faster than [`keccak256_each`], as nothing is looked at but the messages.
///
/// Longer messages do not compile: a block has 136 bytes, and one is padding.
pub fn keccak256_fixed<const LENGTH: usize>(messages: &[[u8; LENGTH]]) -> Vec<B256> {
    let mut hashes = vec![B256::ZERO; messages.len()];
    Lanes::best().hash_fixed(messages, &mut hashes);
    hashes
}

/// What is added to the first word in each round (FIPS 202, section 3.2.5).
#[cfg(target_arch = "x86_64")]
const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];
