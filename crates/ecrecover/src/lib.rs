//! Recovers the senders of transactions.
//!
//! In: signed transactions. Out: for each the address whose key signed it (yellow paper,
//! appendix F), or why its signature belongs to nobody. Public data only, so nothing here runs in
//! constant time.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use heddle_types::{Fork, Transaction};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use std::thread;

/// Half of the order of the curve: the largest `s` that EIP-2 allows.
pub const HALF_ORDER: U256 = U256::from_be_bytes(alloy_primitives::hex!(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
));

/// Fewer transactions than this are recovered by the caller's thread alone: starting another takes
/// about as long as recovering one signature (35 µs).
const SHARE_MIN: usize = 8;

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
    let invalid = |_| SignatureError::Invalid;
    let id = if signature.v() { RecoveryId::One } else { RecoveryId::Zero };
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    bytes[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let signature = RecoverableSignature::from_compact(&bytes, id).map_err(invalid)?;
    let key = SECP256K1.recover_ecdsa(Message::from_digest(hash.0), &signature).map_err(invalid)?;
    let hash = keccak256(&key.serialize_uncompressed()[1..]);
    Ok(Address::from_slice(&hash[12..]))
}

/// Who sent a transaction, under the rules of `fork`: from Homestead on `s` must be low (EIP-2), and
/// before Spurious Dragon `v` is 27 or 28 (EIP-155).
///
/// # Errors
///
/// See [`SignatureError`].
pub fn recover_sender(transaction: &Transaction, fork: Fork) -> Result<Address, SignatureError> {
    let signature = transaction.signature();
    if fork >= Fork::Homestead && signature.s() > HALF_ORDER {
        return Err(SignatureError::HighS);
    }
    if fork < Fork::SpuriousDragon && transaction.chain_id().is_some() {
        return Err(SignatureError::ChainId);
    }
    recover_address(signature, transaction.signature_hash())
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
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = transactions.len().div_ceil(threads).max(SHARE_MIN);
    let recover = |(first, part): (usize, &[Transaction])| {
        part.iter()
            .enumerate()
            .map(|(at, tx)| recover_sender(tx, fork).map_err(|error| (first + at, error)))
            .collect::<Result<Vec<_>, _>>()
    };
    if transactions.len() <= share {
        return recover((0, transactions));
    }
    let parts: Vec<_> = thread::scope(|scope| {
        let others: Vec<_> = transactions
            .chunks(share)
            .enumerate()
            .map(|(index, part)| scope.spawn(move || recover((index * share, part))))
            .collect();
        others.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut senders = Vec::with_capacity(transactions.len());
    for part in parts {
        // A panic in a thread goes on in the caller's.
        senders.extend(part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    }
    Ok(senders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxLegacy};
    use alloy_signer::SignerSync;
    use alloy_signer_local::PrivateKeySigner;

    fn signed(count: u64) -> (Vec<Transaction>, Vec<Address>) {
        (0..count)
            .map(|seed| {
                let key = PrivateKeySigner::from_bytes(&keccak256(seed.to_be_bytes())).unwrap();
                let tx = TxLegacy { nonce: seed, chain_id: Some(seed), ..TxLegacy::default() };
                let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
                (Transaction::Legacy(tx.into_signed(signature)), key.address())
            })
            .unzip()
    }

    #[test]
    fn recovers_each_sender_in_its_place() {
        for count in [0, 1, 7, 8, 9, 16, 17, 100] {
            let (transactions, senders) = signed(count);
            assert_eq!(recover_senders(&transactions, Fork::Osaka), Ok(senders));
        }
    }

    #[test]
    fn rejects_a_chain_before_eip_155_and_allows_none_after() {
        let (transactions, senders) = signed(1);
        let found = recover_sender(&transactions[0], Fork::Tangerine);
        assert_eq!(found, Err(SignatureError::ChainId));
        assert_eq!(recover_sender(&transactions[0], Fork::SpuriousDragon), Ok(senders[0]));
        let Transaction::Legacy(tx) = &transactions[0] else { unreachable!() };
        let unbound = TxLegacy { chain_id: None, ..tx.tx().clone() };
        let unbound = Transaction::Legacy(unbound.into_signed(*tx.signature()));
        for fork in [Fork::Frontier, Fork::Osaka] {
            assert!(recover_sender(&unbound, fork).is_ok());
        }
    }

    #[test]
    fn names_the_first_whose_signature_belongs_to_nobody() {
        let (mut transactions, _) = signed(40);
        for at in [33, 21] {
            let Transaction::Legacy(tx) = &transactions[at] else { unreachable!() };
            let high = Signature::new(tx.signature().r(), HALF_ORDER + U256::ONE, false);
            let unbound = TxLegacy { chain_id: None, ..tx.tx().clone() };
            transactions[at] = Transaction::Legacy(unbound.into_signed(high));
        }
        let found = recover_senders(&transactions, Fork::SpuriousDragon);
        assert_eq!(found, Err((21, SignatureError::HighS)));
        assert!(recover_sender(&transactions[21], Fork::Frontier).is_ok());
        let none = Signature::new(U256::ZERO, U256::ONE, false);
        assert_eq!(recover_address(&none, B256::ZERO), Err(SignatureError::Invalid));
    }
}
