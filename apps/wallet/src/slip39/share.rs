//! One share, and the words that it is written in.
//!
//! Identifier (15 bits), extendable (1), iteration exponent (4), group index (4), group threshold
//! less one (4), groups less one (4), member index (4), member threshold less one (4), padding with
//! zeros, value, checksum (30): ten bits a word.

use super::{SECRET_BYTES, SlipError, rs1024};
use crate::secret::SecretText;
use std::{fmt, sync::LazyLock};
use zeroize::Zeroizing;

const WORD_BITS: usize = 10;
/// Words before the value.
const HEAD_WORDS: usize = 4;
/// Most bits that may be padding.
const PADDING_BITS_MAX: usize = 8;

/// The list of SLIP-0039, sorted.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// What all shares of a secret have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Common {
    /// 15 bits, drawn by chance.
    pub(super) identifier: u16,
    /// Whether the identifier has no part in the encryption, so that another split of the same
    /// encrypted secret gives the same secret for each passphrase.
    pub(super) extendable: bool,
    pub(super) iteration_exponent: u8,
    pub(super) group_threshold: u8,
    pub(super) groups: u8,
}

impl Common {
    fn customization(&self) -> &'static [u8] {
        if self.extendable { b"shamir_extendable" } else { b"shamir" }
    }
}

/// A share.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    pub(super) common: Common,
    pub(super) group: u8,
    pub(super) member: u8,
    pub(super) member_threshold: u8,
    pub(super) value: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share(group {}, member {})", self.group + 1, self.member + 1)
    }
}

impl Share {
    /// The share as words with a blank between two: 20 for 16 bytes, 33 for 32.
    pub fn phrase(&self) -> SecretText {
        let common = &self.common;
        let head = u64::from(common.identifier) << 25
            | u64::from(common.extendable) << 24
            | u64::from(common.iteration_exponent) << 20
            | u64::from(self.group) << 16
            | u64::from(common.group_threshold - 1) << 12
            | u64::from(common.groups - 1) << 8
            | u64::from(self.member) << 4
            | u64::from(self.member_threshold - 1);
        let value_words = (8 * self.value.len()).div_ceil(WORD_BITS);
        let mut words =
            Zeroizing::new(Vec::with_capacity(HEAD_WORDS + value_words + rs1024::CHECKSUM_WORDS));
        words.extend([30, 20, 10, 0].map(|shift| (head >> shift & 1023) as u16));
        let mut gathered = Zeroizing::new(0_u32);
        let mut bits = value_words * WORD_BITS - 8 * self.value.len();
        for byte in self.value.iter() {
            *gathered = *gathered << 8 | u32::from(*byte);
            bits += 8;
            if bits >= WORD_BITS {
                bits -= WORD_BITS;
                words.push((*gathered >> bits & 1023) as u16);
            }
        }
        let checksum = rs1024::create(common.customization(), &words);
        words.extend(checksum);
        let listed = || words.iter().filter_map(|word| WORDS.get(usize::from(*word)));
        let mut phrase = String::with_capacity(listed().map(|word| word.len() + 1).sum());
        for word in listed() {
            if !phrase.is_empty() {
                phrase.push(' ');
            }
            phrase.push_str(word);
        }
        SecretText::new(phrase)
    }

    /// Reads a share; `number` is the place in which it was given, counted from 1, for errors.
    ///
    /// # Errors
    ///
    /// Words, checksum or padding are wrong.
    pub fn parse(phrase: &str, number: usize) -> Result<Self, SlipError> {
        let count = phrase.split_whitespace().count();
        let wrong = SlipError::Words { share: number, words: count };
        let value_words =
            count.checked_sub(HEAD_WORDS + rs1024::CHECKSUM_WORDS).ok_or_else(|| wrong.clone())?;
        let value_bits = value_words * WORD_BITS;
        // Values are of an even number of bytes, so what is left of 16 bits is padding.
        let padding = value_bits % 16;
        let bytes = (value_bits - padding) / 8;
        if padding > PADDING_BITS_MAX || !SECRET_BYTES.contains(&bytes) {
            return Err(wrong);
        }
        let mut words = Zeroizing::new(Vec::with_capacity(count));
        for (at, word) in phrase.split_whitespace().enumerate() {
            let unknown = SlipError::Unknown { share: number, word: at + 1 };
            // Words are compared in lower case, as some write all in capitals.
            let word = Zeroizing::new(word.to_ascii_lowercase());
            let index = WORDS.binary_search(&word.as_str()).map_err(|_| unknown)?;
            words.push(u16::try_from(index).expect("the list has 1024 words"));
        }
        let (head, rest) = words.split_at(HEAD_WORDS);
        let head = head.iter().fold(0_u64, |head, word| head << WORD_BITS | u64::from(*word));
        let nibble = |shift: u32| (head >> shift & 15) as u8;
        let common = Common {
            identifier: (head >> 25) as u16,
            extendable: head >> 24 & 1 == 1,
            iteration_exponent: nibble(20),
            group_threshold: nibble(12) + 1,
            groups: nibble(8) + 1,
        };
        if !rs1024::verify(common.customization(), &words) {
            return Err(SlipError::Checksum(number));
        }
        if common.group_threshold > common.groups {
            let (threshold, count) = (common.group_threshold, common.groups);
            return Err(SlipError::Threshold { threshold, count });
        }
        let value = unpack(rest.get(..value_words).unwrap_or_default(), padding, bytes)
            .ok_or(SlipError::Padding(number))?;
        let (group, member, member_threshold) = (nibble(16), nibble(4), nibble(0) + 1);
        Ok(Self { common, group, member, member_threshold, value })
    }
}

/// The bytes behind the padding; `None` if that has a bit which is not zero.
fn unpack(words: &[u16], padding: usize, bytes: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut value = Zeroizing::new(Vec::with_capacity(bytes));
    let mut gathered = Zeroizing::new(0_u32);
    let mut bits = 0;
    for (at, word) in words.iter().enumerate() {
        if at == 0 && usize::from(*word) >> (WORD_BITS - padding) != 0 {
            return None;
        }
        *gathered = *gathered << WORD_BITS | u32::from(*word);
        bits += if at == 0 { WORD_BITS - padding } else { WORD_BITS };
        while bits >= 8 {
            bits -= 8;
            value.push((*gathered >> bits & 0xff) as u8);
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_1024_sorted_words_that_four_letters_tell_apart() {
        assert_eq!(WORDS.len(), 1024);
        assert!(WORDS.is_sorted_by(|one, other| one[..4] < other[..4]));
    }
}
