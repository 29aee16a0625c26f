//! A private key that signs.

use crate::{hd, secret::SecretBytes};
use alloy_primitives::{Address, B256, Signature};
use k256::{SecretKey, ecdsa::SigningKey};
use std::fmt;
use zeroize::Zeroizing;

/// A private key of secp256k1. It is wiped when it goes.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Takes 32 bytes, big-endian. `None` if they are zero or not below the curve's order.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        SigningKey::from_slice(bytes).ok().map(Self)
    }

    /// Takes hexadecimal digits, with or without `0x`.
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_bytes(SecretBytes::from_hex(text.trim())?.expose())
    }

    /// The 32 bytes.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The address.
    pub fn address(&self) -> Address {
        hd::address(&self.0.verifying_key().into())
    }

    /// Signs a hash (RFC 6979, the lower of both `s`, as EIP-2 asks for). Only what this crate
    /// has hashed itself is signed: who signs a hash of strangers signs anything.
    ///
    /// # Errors
    ///
    /// A hash for which there is no signature, which nobody has ever seen.
    pub(crate) fn sign_hash(&self, hash: &B256) -> Result<Signature, k256::ecdsa::Error> {
        let (signature, id) = self.0.sign_prehash_recoverable(hash.as_slice())?;
        Ok(Signature::from_signature_and_parity(signature, id.is_y_odd()))
    }
}

impl From<&SecretKey> for PrivateKey {
    fn from(key: &SecretKey) -> Self {
        Self(SigningKey::from(key))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.address())
    }
}
