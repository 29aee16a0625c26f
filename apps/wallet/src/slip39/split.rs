//! Splitting: the secret is encrypted, split among groups, and each group's part among members.

use super::{
    SECRET_BYTES, SlipError, cipher,
    share::{Common, Share},
    sharing,
};
use crate::secret::SecretText;

/// How many members a group has, and how many of them are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many are needed.
    pub threshold: u8,
    /// How many there are.
    pub count: u8,
}

/// How a secret is encrypted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether the identifier has no part in the encryption; what is usual now.
    pub extendable: bool,
    /// 10,000 · 2^e rounds of PBKDF2, in all four rounds together.
    pub iteration_exponent: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self { extendable: true, iteration_exponent: 1 }
    }
}

/// Splits a secret into shares, one list for each group; `group_threshold` groups are needed.
///
/// # Errors
///
/// Secret, passphrase or numbers are not what SLIP-0039 allows.
pub fn split(
    secret: &[u8],
    passphrase: &SecretText,
    group_threshold: u8,
    groups: &[Group],
    options: Options,
) -> Result<Vec<Vec<Share>>, SlipError> {
    if !SECRET_BYTES.contains(&secret.len()) || !secret.len().is_multiple_of(2) {
        return Err(SlipError::Secret(secret.len()));
    }
    check_passphrase(passphrase)?;
    if options.iteration_exponent > 15 {
        return Err(SlipError::Exponent);
    }
    let count = u8::try_from(groups.len()).unwrap_or(u8::MAX);
    for group in groups {
        if group.threshold == 1 && group.count > 1 {
            return Err(SlipError::Copies(group.count));
        }
    }
    let mut identifier = [0; 2];
    getrandom::fill(&mut identifier).map_err(SlipError::Random)?;
    let common = Common {
        identifier: u16::from_be_bytes(identifier) >> 1,
        extendable: options.extendable,
        iteration_exponent: options.iteration_exponent,
        group_threshold,
        groups: count,
    };
    let encrypted = cipher::encrypt(secret, passphrase.expose(), &common);
    let parts = sharing::split(group_threshold, count, &encrypted)?;
    let shares = parts.iter().zip(groups).map(|((index, part), group)| {
        let members = sharing::split(group.threshold, group.count, part)?;
        let share = |(member, value)| Share {
            common: common.clone(),
            group: *index,
            member,
            member_threshold: group.threshold,
            value,
        };
        Ok(members.into_iter().map(share).collect())
    });
    shares.collect()
}

pub(super) fn check_passphrase(passphrase: &SecretText) -> Result<(), SlipError> {
    let is_printable = passphrase.expose().bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_printable { Ok(()) } else { Err(SlipError::Passphrase) }
}
