//! Recovers the senders of transactions.
//!
//! In: signed transactions, or hashes with their signatures. Out: for each the address whose key signed it
//! (yellow paper, appendix F), or why its signature belongs to nobody. Public data only, so nothing here
//! runs in constant time.
//!
//! # How
//!
//! One signature is recovered by libsecp256k1. Many are recovered together, a batch at a time
//! ([`Recoverer`]), by the same steps in all [`Lanes`] of vector registers:
//!
//! 1. u1 = -z / r and u2 = s / r modulo the order, one inversion for the batch (Montgomery's trick).
//! 2. The point R with the abscissa r: a square root by a fixed addition chain (libsecp256k1's).
//! 3. Eleven small multiples of R, by affine additions that share three inversions.
//! 4. The key u1 G + u2 R: u2 is split by the endomorphism of the curve into two halves, a + b lambda
//!    (Gallant, Lambert and Vanstone, "Faster point multiplication on elliptic curves with efficient
//!    endomorphisms", CRYPTO 2001), and both are written together in 43 digits of the ring Z\[lambda\] to
//!    the base 8; u1 in 20 odd digits of 13 bits, for which tables of G and 2^130 G are made once. 126
//!    doublings, 63 mixed additions (Bernstein's and Lange's Explicit-Formulas Database), the same in
//!    each lane.
//! 5. To affine coordinates, one inversion for the batch; Keccak-256.
//!
//! The formulas of step 4 leave out what an attacker can bring about: a point added to itself, to its
//! opposite or to infinity. Such a lane is noticed and recovered by libsecp256k1; `curve` proves that none
//! can be missed. The tests compare all lanes with libsecp256k1, on random signatures and on those that an
//! attacker would make (`cargo xtask campaign ecrecover` does it at length).
//!
//! Module by module: `field` (arithmetic in lanes, once for each kind of lanes), `scalar` (modulo the
//! order), `digits` (how scalars are written), `curve` (points), `generator` (the tables of G), `batch` (all
//! steps), `single` (libsecp256k1), `recoverer` and `lanes` (the interface). Why it is so stands in
//! `docs/decisions/0010-senders-in-lanes.md`.

mod batch;
mod curve;
mod digits;
mod field;
mod generator;
mod lanes;
mod recoverer;
mod scalar;
mod single;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use lanes::{Lanes, UnknownLanes};
pub use recoverer::{LanesError, PublicKey, Recoverable, Recoverer};
pub use single::recover_key;

use alloy_consensus::{SignableTransaction, Transaction as _};
use alloy_primitives::{Address, B256, Signature, U256};
use field::LANES_MAX;
use heddle_keccak::keccak256_each;
use heddle_share::share_parts;
use heddle_types::{Fork, Transaction};
use std::iter;

/// Half of the order of the curve: the largest `s` that EIP-2 allows.
pub const HALF_ORDER: U256 = U256::from_be_bytes(alloy_primitives::hex!(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
));

/// Another thread recovers at least so many signatures at once: waking one takes as long as recovering
/// a few in eight lanes, and a small batch has its inversions alone.
const SHARE_MIN: usize = 32;
/// And at most so many, from which on more together are no faster: who waits for a thread is not kept
/// waiting for long.
const SHARE_MAX: usize = 256;

/// A signature that belongs to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// `r` or `s` is out of range, or no point of the curve has `r` for its abscissa.
    #[error("the signature is invalid: no key can have made it")]
    Invalid,
    /// `s` is in the upper half of the curve's order.
    #[error("the signature's s is in the upper half of the curve's order (EIP-2)")]
    HighS,
    /// The transaction names a chain before that was possible.
    #[error("the signature's v names a chain, which it can only from EIP-155 on")]
    ChainId,
}

/// The address whose key made `signature` of `hash`. `s` may be high.
///
/// # Errors
///
/// [`SignatureError::Invalid`].
pub fn recover_address(signature: &Signature, hash: B256) -> Result<Address, SignatureError> {
    recover_key(&Recoverable::from(&(hash, *signature))).map(|key| key.address())
}

/// Who sent a transaction, under the rules of `fork`: from Homestead on `s` must be low (EIP-2), and
/// before Spurious Dragon `v` is 27 or 28 (EIP-155).
///
/// # Errors
///
/// See [`SignatureError`].
pub fn recover_sender(transaction: &Transaction, fork: Fork) -> Result<Address, SignatureError> {
    check(transaction, fork)?;
    recover_address(transaction.signature(), transaction.signature_hash())
}

/// What the fork asks of a signature.
fn check(transaction: &Transaction, fork: Fork) -> Result<(), SignatureError> {
    if fork >= Fork::Homestead && transaction.signature().s() > HALF_ORDER {
        return Err(SignatureError::HighS);
    }
    if fork < Fork::SpuriousDragon && transaction.chain_id().is_some() {
        return Err(SignatureError::ChainId);
    }
    Ok(())
}

/// The address whose key made each signature of each hash, found out on all cores. Each `s` may be
/// high. What is wrong with one does not touch the others.
#[must_use]
pub fn recover_each(signed: &[(B256, Signature)]) -> Vec<Result<Address, SignatureError>> {
    share(signed, |part| {
        let part: Vec<Recoverable> = part.iter().map(Recoverable::from).collect();
        Recoverer::default().addresses(&part)
    })
}

/// Who sent each transaction, found out on all cores; what is wrong with one does not touch the
/// others.
#[must_use]
pub fn recover_each_sender(
    transactions: &[Transaction],
    fork: Fork,
) -> Vec<Result<Address, SignatureError>> {
    share(transactions, |part| senders(part, fork))
}

/// On the thread that calls.
fn senders(transactions: &[Transaction], fork: Fork) -> Vec<Result<Address, SignatureError>> {
    let hashes = signature_hashes(transactions);
    let recoverable = |(transaction, hash): (&Transaction, B256)| {
        Recoverable::from(&(hash, *transaction.signature()))
    };
    let signed: Vec<Recoverable> = transactions.iter().zip(hashes).map(recoverable).collect();
    let addresses = Recoverer::default().addresses(&signed);
    let checked = transactions.iter().zip(addresses);
    checked.map(|(transaction, address)| check(transaction, fork).and(address)).collect()
}

/// What was signed of each transaction, hashed in lanes.
fn signature_hashes(transactions: &[Transaction]) -> Vec<B256> {
    let mut bytes = Vec::with_capacity(transactions.len() * 128);
    let mut ends = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        match transaction {
            Transaction::Legacy(signed) => signed.tx().encode_for_signing(&mut bytes),
            Transaction::Eip2930(signed) => signed.tx().encode_for_signing(&mut bytes),
            Transaction::Eip1559(signed) => signed.tx().encode_for_signing(&mut bytes),
            Transaction::Eip4844(signed) => signed.tx().encode_for_signing(&mut bytes),
            Transaction::Eip7702(signed) => signed.tx().encode_for_signing(&mut bytes),
        }
        ends.push(bytes.len());
    }
    let starts = iter::once(0).chain(ends.iter().copied());
    let messages: Vec<&[u8]> = starts.zip(&ends).map(|(start, end)| &bytes[start..*end]).collect();
    keccak256_each(&messages)
}

/// Who sent each transaction, found out on all cores. `Err` holds the position of the first whose
/// signature belongs to nobody.
///
/// # Errors
///
/// See [`SignatureError`].
pub fn recover_senders(
    transactions: &[Transaction],
    fork: Fork,
) -> Result<Vec<Address>, (usize, SignatureError)> {
    let each = recover_each_sender(transactions, fork);
    each.into_iter().enumerate().map(|(at, sender)| sender.map_err(|error| (at, error))).collect()
}

/// Does the work for parts of the items, on all cores, and puts what comes out in order.
fn share<T: Sync, U: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<U> + Sync) -> Vec<U> {
    let threads = heddle_share::threads();
    let length = items.len().div_ceil(threads).clamp(SHARE_MIN, SHARE_MAX);
    let length = length.next_multiple_of(LANES_MAX);
    if items.len() <= length {
        return work(items);
    }
    share_parts(items, length, threads, work)
}
