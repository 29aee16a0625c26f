//! Web3 Secret Storage, version 3: a private key in a file, under a password.
//!
//! Read are scrypt and PBKDF2, as far as the numbers in the file stay within bounds: a file from a
//! stranger must not take all memory. Written is scrypt with n = 2^18, r = 8 and p = 1, as geth
//! does. The crate `scrypt` does not wipe the memory it computes in.

mod kdf;

pub use kdf::Kdf;

use crate::{
    key::PrivateKey,
    secret::{SecretBytes, SecretText},
};
use aes::cipher::{KeyIvInit, StreamCipher};
use alloy_primitives::{Address, B256, Keccak256, hex};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Most bytes of a keystore file; real ones have 500.
pub const KEYSTORE_BYTES_MAX: u64 = 64 * 1024;
/// The only version there is of this form.
const VERSION: u32 = 3;
const CIPHER: &str = "aes-128-ctr";

type Aes128Ctr = ctr::Ctr128BE<aes::Aes128>;

/// Why a keystore does not give its key.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The file has another form.
    #[error(
        "this is no keystore of version 3: line {line}, column {column} is not as it should be"
    )]
    Form {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// The version is another one.
    #[error("this is a keystore of version {0}; only version 3 can be read")]
    Version(u32),
    /// The cipher is another one.
    #[error("the key is encrypted with another cipher than aes-128-ctr")]
    Cipher,
    /// A field is no hexadecimal number of its length.
    #[error("the field {0} is not as it should be; is the file whole?")]
    Field(&'static str),
    /// The numbers for deriving a key are out of bounds.
    #[error("the kdf asks for {0}, which no honest file does")]
    Bounds(&'static str),
    /// The password is wrong, or the file damaged.
    #[error("the password is wrong, or the file was changed")]
    Mac,
    /// The key is none.
    #[error("what is encrypted is no private key")]
    Key,
    /// The file says another address than its key has.
    #[error("the file says that its address is {said}, but its key has {found}")]
    Address {
        /// In the file.
        said: String,
        /// Of the key.
        found: Address,
    },
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
}

/// A keystore as it is in its file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keystore {
    /// Without `0x`; some files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(alias = "Crypto")]
    crypto: Crypto,
    id: String,
    version: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    #[serde(flatten)]
    kdf: Kdf,
    mac: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

impl Keystore {
    /// Reads the form, without the password.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Form`] and [`KeystoreError::Version`].
    pub fn from_json(json: &[u8]) -> Result<Self, KeystoreError> {
        // The version first: others have other fields.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(json).map_err(|error| form(&error))?;
        if version != VERSION {
            return Err(KeystoreError::Version(version));
        }
        serde_json::from_slice(json).map_err(|error| form(&error))
    }

    /// What is in the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("all its fields have a form in JSON")
    }

    /// The address that the file says, which nothing proves without the password.
    pub fn address(&self) -> Option<Address> {
        self.address.as_ref()?.parse().ok()
    }

    /// Encrypts a key with scrypt and geth's numbers.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Random`].
    pub fn encrypt(key: &PrivateKey, password: &SecretText) -> Result<Self, KeystoreError> {
        Self::encrypt_with(key, password, kdf::LOG_N)
    }

    /// The same with another `n`, for tests alone.
    pub(crate) fn encrypt_with(
        key: &PrivateKey,
        password: &SecretText,
        log_n: u8,
    ) -> Result<Self, KeystoreError> {
        let (mut salt, mut iv, mut id) = ([0; 32], [0; 16], [0; 16]);
        for bytes in [&mut salt[..], &mut iv, &mut id] {
            getrandom::fill(bytes).map_err(KeystoreError::Random)?;
        }
        let kdf = Kdf::scrypt(log_n, &salt);
        let derived = kdf.derive(password)?;
        let mut ciphertext = key.to_bytes();
        apply(&derived, iv, ciphertext.as_mut_slice());
        let mac = mac(&derived, ciphertext.as_slice());
        let crypto = Crypto {
            cipher: CIPHER.to_owned(),
            cipherparams: CipherParams { iv: hex::encode(iv) },
            ciphertext: hex::encode(ciphertext.as_slice()),
            kdf,
            mac: hex::encode(mac),
        };
        let address = Some(hex::encode(key.address()));
        Ok(Self { address, crypto, id: uuid(id), version: VERSION })
    }

    /// The key, given its password.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Mac`] if the password is wrong, and others if the file is.
    pub fn decrypt(&self, password: &SecretText) -> Result<PrivateKey, KeystoreError> {
        let crypto = &self.crypto;
        if crypto.cipher != CIPHER {
            return Err(KeystoreError::Cipher);
        }
        let iv: [u8; 16] = field(&crypto.cipherparams.iv, "iv")?;
        let ciphertext: [u8; 32] = field(&crypto.ciphertext, "ciphertext")?;
        let said: [u8; 32] = field(&crypto.mac, "mac")?;
        let derived = crypto.kdf.derive(password)?;
        if !bool::from(mac(&derived, &ciphertext).as_slice().ct_eq(&said)) {
            return Err(KeystoreError::Mac);
        }
        let mut plain = Zeroizing::new(ciphertext);
        apply(&derived, iv, plain.as_mut_slice());
        let key = PrivateKey::from_bytes(plain.as_slice()).ok_or(KeystoreError::Key)?;
        match &self.address {
            Some(said) if self.address() != Some(key.address()) && !said.is_empty() => {
                Err(KeystoreError::Address {
                    said: said.chars().take(42).collect(),
                    found: key.address(),
                })
            }
            _ => Ok(key),
        }
    }
}

/// Where the form is wrong, without the error itself: it quotes the file, which may hold a secret if
/// it is the wrong one.
fn form(error: &serde_json::Error) -> KeystoreError {
    KeystoreError::Form { line: error.line(), column: error.column() }
}

fn field<const N: usize>(text: &str, name: &'static str) -> Result<[u8; N], KeystoreError> {
    let bytes = SecretBytes::from_hex(text).ok_or(KeystoreError::Field(name))?;
    bytes.expose().try_into().map_err(|_| KeystoreError::Field(name))
}

/// Encrypts and decrypts alike, with the first half of the derived key.
fn apply(derived: &[u8; 32], iv: [u8; 16], bytes: &mut [u8]) {
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&derived[..16]);
    let key: &[u8; 16] = &key;
    Aes128Ctr::new(key.into(), &iv.into()).apply_keystream(bytes);
}

/// The hash of the second half of the derived key and the ciphertext.
fn mac(derived: &[u8; 32], ciphertext: &[u8]) -> B256 {
    let mut hash = Keccak256::new();
    hash.update(&derived[16..]);
    hash.update(ciphertext);
    hash.finalize()
}

/// A random identifier in the form of RFC 9562, version 4.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests;
