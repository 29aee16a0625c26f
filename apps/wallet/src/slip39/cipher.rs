//! The passphrase: four Feistel rounds with PBKDF2-HMAC-SHA256. It has no checksum, so that any
//! passphrase gives some secret, and nobody can be made to prove which is the right one.

use super::share::Common;
use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 in all four rounds together, at the exponent 0.
const ITERATIONS: u32 = 10_000;
const ROUNDS: u8 = 4;
/// What salts begin with if shares are not extendable.
const SALT_PREFIX: &[u8] = b"shamir";

/// Encrypts a secret of an even number of bytes.
pub(super) fn encrypt(secret: &[u8], passphrase: &str, common: &Common) -> Zeroizing<Vec<u8>> {
    feistel(secret, passphrase, common, 0..ROUNDS)
}

/// Decrypts a secret of an even number of bytes.
pub(super) fn decrypt(secret: &[u8], passphrase: &str, common: &Common) -> Zeroizing<Vec<u8>> {
    feistel(secret, passphrase, common, (0..ROUNDS).rev())
}

fn feistel(
    secret: &[u8],
    passphrase: &str,
    common: &Common,
    rounds: impl Iterator<Item = u8>,
) -> Zeroizing<Vec<u8>> {
    let (left, right) = secret.split_at(secret.len() / 2);
    let mut left = Zeroizing::new(left.to_vec());
    let mut right = Zeroizing::new(right.to_vec());
    let iterations = (ITERATIONS << common.iteration_exponent) / u32::from(ROUNDS);
    let mut key = Zeroizing::new(Vec::with_capacity(passphrase.len() + 1));
    let mut salt =
        Zeroizing::new(Vec::with_capacity(SALT_PREFIX.len() + size_of::<u16>() + right.len()));
    let mut mask = Zeroizing::new(vec![0; right.len()]);
    for round in rounds {
        key.clear();
        key.push(round);
        key.extend_from_slice(passphrase.as_bytes());
        salt.clear();
        if !common.extendable {
            salt.extend_from_slice(SALT_PREFIX);
            salt.extend_from_slice(&common.identifier.to_be_bytes());
        }
        salt.extend_from_slice(&right);
        pbkdf2_hmac::<Sha256>(&key, &salt, iterations, &mut mask);
        left.iter_mut().zip(mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
        std::mem::swap(&mut left, &mut right);
    }
    let mut result = Zeroizing::new(Vec::with_capacity(secret.len()));
    result.extend_from_slice(&right);
    result.extend_from_slice(&left);
    result
}
