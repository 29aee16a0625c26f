//! Shamir's scheme over GF(256), byte by byte, with a digest that tells whether shares fit.

use super::{SHARES_MAX, SlipError, gf256};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Where the polynomial has the secret, and where the secret's digest.
const SECRET_AT: u8 = 255;
const DIGEST_AT: u8 = 254;
const DIGEST_BYTES: usize = 4;

/// A point of the polynomials: x, and a value for each byte.
pub(super) type Point = (u8, Zeroizing<Vec<u8>>);

/// Splits a secret into `count` points, of which `threshold` give it back.
///
/// # Errors
///
/// [`SlipError::Threshold`] and [`SlipError::Random`].
pub(super) fn split(threshold: u8, count: u8, secret: &[u8]) -> Result<Vec<Point>, SlipError> {
    if threshold == 0 || threshold > count || count > SHARES_MAX {
        return Err(SlipError::Threshold { threshold, count });
    }
    if threshold == 1 {
        return Ok((0..count).map(|x| (x, Zeroizing::new(secret.to_vec()))).collect());
    }
    let random = threshold - 2;
    let mut points: Vec<Point> = Vec::with_capacity(usize::from(SHARES_MAX));
    for x in 0..random {
        let mut value = Zeroizing::new(vec![0; secret.len()]);
        getrandom::fill(&mut value).map_err(SlipError::Random)?;
        points.push((x, value));
    }
    let mut base = points.clone();
    let mut digest = Zeroizing::new(vec![0; secret.len()]);
    let (head, tail) = digest.split_at_mut(DIGEST_BYTES);
    getrandom::fill(tail).map_err(SlipError::Random)?;
    head.copy_from_slice(digest_of(tail, secret).as_slice());
    base.push((DIGEST_AT, digest));
    base.push((SECRET_AT, Zeroizing::new(secret.to_vec())));
    points.extend((random..count).map(|x| (x, interpolate(&base, x))));
    Ok(points)
}

/// The secret that `threshold` points with different x give.
///
/// # Errors
///
/// [`SlipError::Digest`].
pub(super) fn recover(threshold: u8, points: &[Point]) -> Result<Zeroizing<Vec<u8>>, SlipError> {
    if threshold == 1 {
        let (_, value) = points.first().ok_or(SlipError::None)?;
        return Ok(value.clone());
    }
    let secret = interpolate(points, SECRET_AT);
    let digest = interpolate(points, DIGEST_AT);
    let (head, tail) = digest.split_at_checked(DIGEST_BYTES).ok_or(SlipError::Digest)?;
    let expected = digest_of(tail, &secret);
    if bool::from(head.ct_eq(expected.as_slice())) { Ok(secret) } else { Err(SlipError::Digest) }
}

fn digest_of(random: &[u8], secret: &[u8]) -> Zeroizing<[u8; DIGEST_BYTES]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(random).expect("HMAC takes keys of any length");
    mac.update(secret);
    let full = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
    let mut digest = Zeroizing::new([0; DIGEST_BYTES]);
    digest.copy_from_slice(&full[..DIGEST_BYTES]);
    digest
}

/// The value at x of the polynomials through points with different x and values of one length.
fn interpolate(points: &[Point], x: u8) -> Zeroizing<Vec<u8>> {
    let length = points.first().map_or(0, |(_, value)| value.len());
    let mut result = Zeroizing::new(vec![0; length]);
    for (own, value) in points {
        // Lagrange's basis: subtraction is exclusive or. The x are not secret.
        let (above, below) = points.iter().filter(|(other, _)| other != own).fold(
            (1, 1),
            |(above, below), (other, _)| {
                (gf256::multiply(above, x ^ other), gf256::multiply(below, own ^ other))
            },
        );
        let basis = gf256::multiply(above, gf256::invert(below));
        for (sum, byte) in result.iter_mut().zip(value.iter()) {
            *sum ^= gf256::multiply(*byte, basis);
        }
    }
    result
}
