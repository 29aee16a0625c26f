//! BIP-32: keys from a seed, private and public.
//!
//! A crate that does this exists in the tree (`coins-bip32`), but takes the next index when one
//! has no key, and does not wipe what it computes with. Here such an index is an error, since a
//! wallet that silently shifts gives other addresses than all others. The curve is `k256`'s.

use crate::path::{DEPTH_MAX, DerivationPath, HARDENED};
use alloy_primitives::Address;
use hmac::{Hmac, KeyInit, Mac};
use k256::{
    AffinePoint, FieldBytes, NonZeroScalar, ProjectivePoint, PublicKey, Scalar, SecretKey,
    elliptic_curve::{PrimeField, group::Group, sec1::ToEncodedPoint},
};
use sha2::{Digest, Sha256, Sha512};
use std::fmt;
use zeroize::Zeroizing;

/// The versions of Bitcoin's main net, which all wallets use for Ethereum, too.
const VERSION_PRIVATE: [u8; 4] = [0x04, 0x88, 0xad, 0xe4];
const VERSION_PUBLIC: [u8; 4] = [0x04, 0x88, 0xb2, 0x1e];
/// Bytes of an extended key.
const EXTENDED_BYTES: usize = 78;
/// Most characters that are read of an extended key: 111 are usual, 112 the most.
const EXTENDED_TEXT_MAX: usize = 128;
/// Bytes of a seed (BIP-32).
const SEED_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Why there is no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HdError {
    /// A seed has 16 to 64 bytes.
    #[error("a seed has 16 to 64 bytes, this one {0}")]
    Seed(usize),
    /// The seed gives no key.
    #[error("this seed gives no key (BIP-32); make another mnemonic")]
    Master,
    /// The index gives no key.
    #[error("index {0} gives no key (BIP-32), which happens once in 2^127; use the next one")]
    Index(u32),
    /// A public key has no hardened children.
    #[error("index {}' is hardened: it needs the private key, an xpub has only the others", .0 - HARDENED)]
    Hardened(u32),
    /// Depth is one byte.
    #[error("a key has at most {DEPTH_MAX} levels above it")]
    Depth,
    /// The text is not in base 58, or was mistyped.
    #[error("this is no extended key: its checksum is wrong; copy it again")]
    Text,
    /// The bytes are no extended key.
    #[error("this is no extended key: {0}")]
    Extended(&'static str),
}

/// What an extended key has besides the key.
#[derive(Clone, PartialEq, Eq)]
struct Place {
    depth: u8,
    parent: [u8; 4],
    index: u32,
    chain_code: Zeroizing<[u8; 32]>,
}

impl Place {
    fn child(
        &self,
        parent: [u8; 4],
        index: u32,
        code: Zeroizing<[u8; 32]>,
    ) -> Result<Self, HdError> {
        let depth = self.depth.checked_add(1).ok_or(HdError::Depth)?;
        Ok(Self { depth, parent, index, chain_code: code })
    }
}

/// A private key that has children.
#[derive(Clone)]
pub struct ExtendedPrivateKey {
    key: SecretKey,
    place: Place,
}

impl fmt::Debug for ExtendedPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtendedPrivateKey(depth {})", self.place.depth)
    }
}

impl ExtendedPrivateKey {
    /// The root of all keys of a seed.
    ///
    /// # Errors
    ///
    /// [`HdError::Seed`] and [`HdError::Master`].
    pub fn from_seed(seed: &[u8]) -> Result<Self, HdError> {
        if !SEED_BYTES.contains(&seed.len()) {
            return Err(HdError::Seed(seed.len()));
        }
        let (left, chain_code) = hmac_halves(b"Bitcoin seed", &[seed]);
        let key = SecretKey::from_slice(left.as_slice()).map_err(|_| HdError::Master)?;
        Ok(Self { key, place: Place { depth: 0, parent: [0; 4], index: 0, chain_code } })
    }

    /// The child of an index: hardened from 2^31 on.
    ///
    /// # Errors
    ///
    /// [`HdError::Index`] if this index has no key, and [`HdError::Depth`].
    pub fn child(&self, index: u32) -> Result<Self, HdError> {
        let public = self.key.public_key();
        let (left, chain_code) = if index < HARDENED {
            normal_halves(&self.place.chain_code, &public, index)
        } else {
            let own = Zeroizing::new(<[u8; 32]>::from(self.key.to_bytes()));
            let parts: [&[u8]; 3] = [&[0], own.as_slice(), &index.to_be_bytes()];
            hmac_halves(self.place.chain_code.as_slice(), &parts)
        };
        let own = Zeroizing::new(*self.key.to_nonzero_scalar().as_ref());
        let key = child_scalar(&left, &own).ok_or(HdError::Index(index))?;
        let place = self.place.child(fingerprint(&public), index, chain_code)?;
        Ok(Self { key: SecretKey::from(*key), place })
    }

    /// The key at the end of a path that begins here.
    ///
    /// # Errors
    ///
    /// As [`Self::child`].
    pub fn derive(&self, path: &DerivationPath) -> Result<Self, HdError> {
        path.indices().iter().try_fold(self.clone(), |key, index| key.child(*index))
    }

    /// The public key with the same descendants, as far as they are not hardened.
    pub fn to_public(&self) -> ExtendedPublicKey {
        ExtendedPublicKey { key: self.key.public_key(), place: self.place.clone() }
    }

    /// The key alone.
    pub fn private_key(&self) -> &SecretKey {
        &self.key
    }

    /// Reads `xprv…`.
    ///
    /// # Errors
    ///
    /// [`HdError::Text`] and [`HdError::Extended`].
    pub fn from_text(text: &str) -> Result<Self, HdError> {
        let (key, place) = decode(text, VERSION_PRIVATE)?;
        let [0, key @ ..] = key.as_slice() else {
            return Err(HdError::Extended("a private key has a zero before it"));
        };
        let key = SecretKey::from_slice(key)
            .map_err(|_| HdError::Extended("the private key is zero or too large"))?;
        Ok(Self { key, place })
    }

    /// Writes `xprv…`.
    pub fn to_text(&self) -> crate::secret::SecretText {
        let mut key = Zeroizing::new([0; 33]);
        let own = Zeroizing::new(<[u8; 32]>::from(self.key.to_bytes()));
        key[1..].copy_from_slice(own.as_slice());
        crate::secret::SecretText::new(encode(VERSION_PRIVATE, &self.place, &key))
    }
}

/// A public key that has children. It shows all addresses below it: private, if not secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtendedPublicKey {
    key: PublicKey,
    place: Place,
}

impl fmt::Debug for ExtendedPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtendedPublicKey(depth {}, {})", self.place.depth, self.address())
    }
}

impl ExtendedPublicKey {
    /// The child of an index below 2^31.
    ///
    /// # Errors
    ///
    /// [`HdError::Hardened`], [`HdError::Index`] if this index has no key, and [`HdError::Depth`].
    pub fn child(&self, index: u32) -> Result<Self, HdError> {
        if index >= HARDENED {
            return Err(HdError::Hardened(index));
        }
        let (left, chain_code) = normal_halves(&self.place.chain_code, &self.key, index);
        let key = child_point(&left, &self.key).ok_or(HdError::Index(index))?;
        Ok(Self { key, place: self.place.child(fingerprint(&self.key), index, chain_code)? })
    }

    /// The key at the end of a path that begins here.
    ///
    /// # Errors
    ///
    /// As [`Self::child`].
    pub fn derive(&self, path: &DerivationPath) -> Result<Self, HdError> {
        path.indices().iter().try_fold(self.clone(), |key, index| key.child(*index))
    }

    /// How many levels are above the key.
    pub fn depth(&self) -> u8 {
        self.place.depth
    }

    /// The address of the key.
    pub fn address(&self) -> Address {
        address(&self.key)
    }

    /// Writes `xpub…`.
    pub fn to_text(&self) -> String {
        encode(VERSION_PUBLIC, &self.place, &compressed(&self.key))
    }

    /// Reads `xpub…`.
    ///
    /// # Errors
    ///
    /// [`HdError::Text`] and [`HdError::Extended`].
    pub fn from_text(text: &str) -> Result<Self, HdError> {
        let (key, place) = decode(text, VERSION_PUBLIC)?;
        let key = PublicKey::from_sec1_bytes(key.as_slice())
            .map_err(|_| HdError::Extended("the public key is no point of the curve"))?;
        Ok(Self { key, place })
    }
}

/// The address of a public key: the last 20 bytes of the hash of its coordinates.
pub fn address(key: &PublicKey) -> Address {
    let point = key.to_encoded_point(false);
    Address::from_raw_public_key(point.as_bytes().get(1..).unwrap_or_default())
}

fn compressed(key: &PublicKey) -> [u8; 33] {
    let point = key.to_encoded_point(true);
    point.as_bytes().try_into().expect("a compressed point has 33 bytes")
}

/// The first bytes of RIPEMD-160 of SHA-256 of the public key.
fn fingerprint(key: &PublicKey) -> [u8; 4] {
    let hash: [u8; 20] = ripemd::Ripemd160::digest(Sha256::digest(compressed(key))).into();
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

/// `serP(point(k)) || ser32(i)` under the chain code.
fn normal_halves(code: &[u8; 32], key: &PublicKey, index: u32) -> Halves {
    hmac_halves(code, &[&compressed(key), &index.to_be_bytes()])
}

/// `IL` and `IR` of BIP-32.
type Halves = (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>);

fn hmac_halves(key: &[u8], parts: &[&[u8]]) -> Halves {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    let mut result = mac.finalize().into_bytes();
    let mut halves = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    halves.0.copy_from_slice(&result[..32]);
    halves.1.copy_from_slice(&result[32..]);
    zeroize::Zeroize::zeroize(result.as_mut_slice());
    halves
}

/// `IL + k mod n`. `None` if IL is not below n, or the sum is zero.
fn child_scalar(left: &[u8; 32], own: &Scalar) -> Option<Zeroizing<NonZeroScalar>> {
    let left = tweak(left)?;
    Option::from(NonZeroScalar::new(*left + own)).map(Zeroizing::new)
}

/// `point(IL) + K`. `None` if IL is not below n, or the sum is the point at infinity.
fn child_point(left: &[u8; 32], own: &PublicKey) -> Option<PublicKey> {
    let left = tweak(left)?;
    let point: ProjectivePoint = ProjectivePoint::GENERATOR * *left + own.to_projective();
    if bool::from(point.is_identity()) {
        return None;
    }
    PublicKey::from_affine(AffinePoint::from(point)).ok()
}

fn tweak(left: &[u8; 32]) -> Option<Zeroizing<Scalar>> {
    Option::from(Scalar::from_repr(FieldBytes::from(*left))).map(Zeroizing::new)
}

fn encode(version: [u8; 4], place: &Place, key: &[u8; 33]) -> String {
    let mut bytes = Zeroizing::new(Vec::with_capacity(EXTENDED_BYTES));
    bytes.extend(version);
    bytes.push(place.depth);
    bytes.extend(place.parent);
    bytes.extend(place.index.to_be_bytes());
    bytes.extend(place.chain_code.iter());
    bytes.extend(key);
    bs58::encode(bytes.as_slice()).with_check().into_string()
}

fn decode(text: &str, expected: [u8; 4]) -> Result<(Zeroizing<[u8; 33]>, Place), HdError> {
    if text.len() > EXTENDED_TEXT_MAX {
        return Err(HdError::Text);
    }
    let bytes = bs58::decode(text).with_check(None).into_vec().map_err(|_| HdError::Text)?;
    let bytes = Zeroizing::new(bytes);
    let length = HdError::Extended("it has not 78 bytes");
    let (version, rest) = bytes.split_first_chunk::<4>().ok_or(length)?;
    let ([depth], rest) = rest.split_first_chunk::<1>().ok_or(length)?;
    let (parent, rest) = rest.split_first_chunk::<4>().ok_or(length)?;
    let (index, rest) = rest.split_first_chunk::<4>().ok_or(length)?;
    let (code, rest) = rest.split_first_chunk::<32>().ok_or(length)?;
    let key = Zeroizing::new(<[u8; 33]>::try_from(rest).map_err(|_| length)?);
    if *version != expected {
        let wanted =
            if expected == VERSION_PUBLIC { "an xpub is wanted" } else { "an xprv is wanted" };
        return Err(HdError::Extended(wanted));
    }
    let index = u32::from_be_bytes(*index);
    if *depth == 0 && (*parent != [0; 4] || index != 0) {
        return Err(HdError::Extended("a root has neither parent nor index"));
    }
    let place = Place { depth: *depth, parent: *parent, index, chain_code: Zeroizing::new(*code) };
    Ok((key, place))
}

#[cfg(test)]
mod tests;
