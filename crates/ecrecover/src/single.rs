//! One signature at a time, by libsecp256k1: what batches are compared with, and what computes the
//! cases that they leave out.

use crate::{PublicKey, Recoverable, SignatureError};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};

/// The key that made the signature, by libsecp256k1.
///
/// # Errors
///
/// [`SignatureError::Invalid`].
pub fn recover_key(signed: &Recoverable) -> Result<PublicKey, SignatureError> {
    let invalid = |_| SignatureError::Invalid;
    let id = RecoveryId::try_from(i32::from(signed.id)).map_err(invalid)?;
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&signed.r.to_be_bytes::<32>());
    bytes[32..].copy_from_slice(&signed.s.to_be_bytes::<32>());
    let signature = RecoverableSignature::from_compact(&bytes, id).map_err(invalid)?;
    let message = Message::from_digest(signed.hash.0);
    let key = SECP256K1.recover_ecdsa(message, &signature).map_err(invalid)?;
    let mut coordinates = [0; 64];
    coordinates.copy_from_slice(&key.serialize_uncompressed()[1..]);
    Ok(PublicKey(coordinates))
}
