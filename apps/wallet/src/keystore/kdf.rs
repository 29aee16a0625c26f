//! From a password to 32 bytes: what the file names, within bounds.

use super::KeystoreError;
use crate::secret::{SecretBytes, SecretText};
use alloy_primitives::hex;
use pbkdf2::pbkdf2_hmac;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// log2 of scrypt's n in files that are written: 256 MiB, a second.
pub(super) const LOG_N: u8 = 18;
const R: u32 = 8;
const P: u32 = 1;
/// Bytes that are derived.
const DERIVED_BYTES: usize = 32;
/// Most memory that scrypt may take, 128 · n · r bytes: four times what geth writes.
const MEMORY_MAX: u64 = 1 << 30;
/// Most work of scrypt, n · r · p: eight times what geth writes.
const WORK_MAX: u64 = 1 << 24;
/// Most rounds of PBKDF2: forty times what is usual.
const ROUNDS_MAX: u32 = 10_000_000;
/// Most bytes of a salt; 32 are usual.
const SALT_BYTES_MAX: usize = 1024;
/// Most bytes that a file may ask for. Behind the first 32 none are used.
const ASKED_BYTES_MAX: usize = 1024;

/// How a key is derived from the password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kdf", content = "kdfparams", rename_all = "lowercase")]
pub enum Kdf {
    /// RFC 7914.
    Scrypt {
        /// Bytes to derive.
        dklen: usize,
        /// Cost; a power of two.
        n: u64,
        /// Block size.
        r: u32,
        /// Times that it is done.
        p: u32,
        /// Hexadecimal.
        salt: String,
    },
    /// RFC 8018, with HMAC-SHA256.
    Pbkdf2 {
        /// Rounds.
        c: u32,
        /// Bytes to derive.
        dklen: usize,
        /// `hmac-sha256`.
        prf: String,
        /// Hexadecimal.
        salt: String,
    },
}

impl Kdf {
    pub(super) fn scrypt(log_n: u8, salt: &[u8; 32]) -> Self {
        Self::Scrypt { dklen: DERIVED_BYTES, n: 1 << log_n, r: R, p: P, salt: hex::encode(salt) }
    }

    /// The key of a password.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Bounds`] and [`KeystoreError::Field`].
    pub(super) fn derive(
        &self,
        password: &SecretText,
    ) -> Result<Zeroizing<[u8; DERIVED_BYTES]>, KeystoreError> {
        let (Self::Scrypt { dklen, salt, .. } | Self::Pbkdf2 { dklen, salt, .. }) = self;
        if !(DERIVED_BYTES..=ASKED_BYTES_MAX).contains(dklen) {
            return Err(KeystoreError::Bounds("a key of less than 32 or more than 1024 bytes"));
        }
        if salt.len() > 2 * SALT_BYTES_MAX {
            return Err(KeystoreError::Bounds("a salt of more than 1024 bytes"));
        }
        let salt = SecretBytes::from_hex(salt).ok_or(KeystoreError::Field("salt"))?;
        let (password, salt) = (password.expose().as_bytes(), salt.expose());
        let mut derived = Zeroizing::new([0; DERIVED_BYTES]);
        match self {
            Self::Scrypt { n, r, p, .. } => {
                let parameters = scrypt_parameters(*n, *r, *p)?;
                // Both derive any length block by block: the first 32 bytes are always the same.
                scrypt::scrypt(password, salt, &parameters, derived.as_mut_slice())
                    .expect("32 bytes are a length that scrypt gives");
            }
            Self::Pbkdf2 { c, prf, .. } => {
                if prf != "hmac-sha256" {
                    return Err(KeystoreError::Bounds("another function than hmac-sha256"));
                }
                if !(1..=ROUNDS_MAX).contains(c) {
                    return Err(KeystoreError::Bounds("no or more than ten million rounds"));
                }
                pbkdf2_hmac::<Sha256>(password, salt, *c, derived.as_mut_slice());
            }
        }
        Ok(derived)
    }
}

fn scrypt_parameters(n: u64, r: u32, p: u32) -> Result<scrypt::Params, KeystoreError> {
    if n < 2 || !n.is_power_of_two() {
        return Err(KeystoreError::Bounds("an n that is no power of two"));
    }
    if r == 0 || p == 0 {
        return Err(KeystoreError::Bounds("an r or p of zero"));
    }
    let block = n.checked_mul(r.into());
    if block.and_then(|block| block.checked_mul(128)).is_none_or(|bytes| bytes > MEMORY_MAX) {
        return Err(KeystoreError::Bounds("more than 1 GiB of memory"));
    }
    if block.and_then(|block| block.checked_mul(p.into())).is_none_or(|work| work > WORK_MAX) {
        return Err(KeystoreError::Bounds("more than eight times the usual work"));
    }
    let log_n = u8::try_from(n.ilog2()).expect("it is below 64");
    scrypt::Params::new(log_n, r, p)
        .map_err(|_| KeystoreError::Bounds("numbers that scrypt does not have"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_numbers_out_of_bounds() {
        for (n, r, p) in [
            (0, 8, 1),
            (1, 8, 1),
            (3, 8, 1),
            (1 << 21, 8, 1),
            (1 << 18, 8, 9),
            (2, 1 << 24, 1),
            (1 << 18, 0, 1),
            (1 << 18, 8, 0),
            (1 << 63, u32::MAX, u32::MAX),
        ] {
            assert!(scrypt_parameters(n, r, p).is_err(), "{n} {r} {p}");
        }
        for (n, r, p) in
            [(1 << 18, 8, 1), (1 << 18, 1, 8), (1 << 20, 8, 1), (1 << 13, 8, 1), (2, 1, 1)]
        {
            assert!(scrypt_parameters(n, r, p).is_ok(), "{n} {r} {p}");
        }
    }
}
