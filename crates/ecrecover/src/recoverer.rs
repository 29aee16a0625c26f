//! Keys and addresses of many signatures, in batches.

use crate::{
    Lanes, SignatureError,
    batch::{BATCH, Outcome, Request},
    field::LANES_MAX,
    recover_key,
};
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use heddle_keccak::keccak256_fixed;

/// A signature and the hash that it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recoverable {
    /// What is signed; taken modulo the order of the curve.
    pub hash: B256,
    /// The abscissa of the point R, modulo the order of the curve.
    pub r: U256,
    /// The proof. It may be high.
    pub s: U256,
    /// Which of four points R is. Bit 0: its ordinate is odd. Bit 1: its abscissa is r plus the order
    /// of the curve, which is never so in Ethereum.
    pub id: u8,
}

impl From<&(B256, Signature)> for Recoverable {
    fn from((hash, signature): &(B256, Signature)) -> Self {
        Self { hash: *hash, r: signature.r(), s: signature.s(), id: signature.v().into() }
    }
}

impl Recoverable {
    pub(crate) fn request(&self) -> Request {
        let hash = U256::from_be_bytes(self.hash.0);
        Request {
            hash: hash.into_limbs(),
            r: self.r.into_limbs(),
            s: self.s.into_limbs(),
            id: self.id,
        }
    }
}

/// A key: abscissa and ordinate, highest byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 64]);

impl PublicKey {
    /// The address of the account that the key controls.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::from_slice(&keccak256(self.0)[12..])
    }
}

/// The addresses of keys, hashed in lanes.
fn addresses(keys: &[Result<PublicKey, SignatureError>]) -> Vec<Result<Address, SignatureError>> {
    // Where there is no key, what is hashed does not matter.
    let bytes: Vec<[u8; 64]> = keys.iter().map(|key| key.map_or([0; 64], |key| key.0)).collect();
    let hashes = keccak256_fixed(&bytes);
    let address = |hash: B256| Address::from_slice(&hash[12..]);
    keys.iter().zip(hashes).map(|(key, hash)| key.map(|_| address(hash))).collect()
}

/// The lanes that were asked for are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this processor does not have the instructions of the lanes {0}")]
pub struct LanesError(pub Lanes);

/// Recovers many signatures on the thread that calls.
#[derive(Clone, Copy, Debug)]
pub struct Recoverer {
    // It is available.
    lanes: Lanes,
}

impl Default for Recoverer {
    fn default() -> Self {
        Self { lanes: Lanes::best() }
    }
}

impl Recoverer {
    /// In these lanes.
    ///
    /// # Errors
    ///
    /// When the processor does not have them.
    pub fn new(lanes: Lanes) -> Result<Self, LanesError> {
        if lanes.is_available() { Ok(Self { lanes }) } else { Err(LanesError(lanes)) }
    }

    /// The keys that made the signatures, each in its place.
    #[must_use]
    pub fn keys(&self, signed: &[Recoverable]) -> Vec<Result<PublicKey, SignatureError>> {
        if signed.len() < self.lanes.batch_min() {
            return signed.iter().map(recover_key).collect();
        }
        // All batches about equally long: a short last one would pay its inversions alone.
        let batches = signed.len().div_ceil(BATCH);
        let length = signed.len().div_ceil(batches).next_multiple_of(LANES_MAX);
        signed.chunks(length).flat_map(|part| self.batch(part)).collect()
    }

    /// The addresses whose keys made the signatures, each in its place.
    #[must_use]
    pub fn addresses(&self, signed: &[Recoverable]) -> Vec<Result<Address, SignatureError>> {
        addresses(&self.keys(signed))
    }

    /// One batch, in lanes. What the lanes leave out is computed by libsecp256k1.
    pub(crate) fn batch(&self, signed: &[Recoverable]) -> Vec<Result<PublicKey, SignatureError>> {
        let requests: Vec<Request> = signed.iter().map(Recoverable::request).collect();
        let outcomes = self.lanes.recover(&requests);
        let results = outcomes.iter().zip(signed).map(|(outcome, signed)| match outcome {
            Outcome::Key(x, y) => {
                let mut key = [0; 64];
                key[..32].copy_from_slice(&U256::from_limbs(*x).to_be_bytes::<32>());
                key[32..].copy_from_slice(&U256::from_limbs(*y).to_be_bytes::<32>());
                Ok(PublicKey(key))
            }
            Outcome::Invalid => Err(SignatureError::Invalid),
            Outcome::Exceptional => recover_key(signed),
        });
        results.collect()
    }
}
