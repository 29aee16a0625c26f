//! BIP-39: entropy as words, and words as a seed.
//!
//! Packing is done here rather than by the crate `bip39`, which leaves entropy and seed on the
//! stack; its word lists and its search are used. Phrases are read in each of its languages.

use crate::secret::{SecretBytes, SecretText};
use bip39::Language;
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest, Sha256, Sha512};
use std::fmt;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 between words and seed (BIP-39).
const SEED_ROUNDS: u32 = 2048;
/// Bits that a word stands for.
const WORD_BITS: usize = 11;
/// Most words.
const WORDS_MAX: usize = 24;

/// Why text is no mnemonic. No error shows a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// The number of words is wrong.
    #[error("there are {0} words; a mnemonic has 12, 15, 18, 21 or 24")]
    Count(usize),
    /// A word is in no list.
    #[error("word {position} is not in the {language} list; look for a spelling mistake")]
    Unknown {
        /// Counted from 1.
        position: usize,
        /// The language that most words before it are of.
        language: Language,
    },
    /// All words are right alone, but not together.
    #[error(
        "the checksum is wrong: all words are in the list, but one is not the right one, or two are swapped"
    )]
    Checksum,
    /// Entropy has 16, 20, 24, 28 or 32 bytes.
    #[error("{0} bytes cannot be a mnemonic; it takes 16, 20, 24, 28 or 32")]
    Entropy(usize),
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
}

/// A mnemonic with a right checksum.
#[derive(Clone)]
pub struct Mnemonic {
    indices: Zeroizing<Vec<u16>>,
    language: Language,
}

impl fmt::Debug for Mnemonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mnemonic({} words)", self.indices.len())
    }
}

impl Mnemonic {
    /// Makes a new mnemonic of `words` words from the system's randomness.
    ///
    /// # Errors
    ///
    /// [`MnemonicError::Count`] and [`MnemonicError::Random`].
    pub fn generate(words: usize) -> Result<Self, MnemonicError> {
        check_count(words)?;
        let mut entropy = Zeroizing::new(vec![0; words / 3 * 4]);
        getrandom::fill(&mut entropy).map_err(MnemonicError::Random)?;
        Self::from_entropy(&entropy, Language::English)
    }

    /// The words that stand for entropy.
    ///
    /// # Errors
    ///
    /// [`MnemonicError::Entropy`].
    pub fn from_entropy(entropy: &[u8], language: Language) -> Result<Self, MnemonicError> {
        if !entropy.len().is_multiple_of(4) || !(16..=32).contains(&entropy.len()) {
            return Err(MnemonicError::Entropy(entropy.len()));
        }
        let mut indices = Zeroizing::new(Vec::with_capacity(WORDS_MAX));
        let mut gathered = Zeroizing::new(0_u32);
        let mut bits = 0;
        // The checksum has at most 8 bits.
        for byte in entropy.iter().copied().chain([checksum_byte(entropy)]) {
            *gathered = *gathered << 8 | u32::from(byte);
            bits += 8;
            if bits >= WORD_BITS {
                bits -= WORD_BITS;
                let index = (*gathered >> bits) & ((1 << WORD_BITS) - 1);
                indices.push(u16::try_from(index).expect("11 bits fit into 16"));
            }
        }
        Ok(Self { indices, language })
    }

    /// Reads a phrase in any language and Unicode form, with any blanks between its words.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: the count, a word, the checksum.
    pub fn parse(phrase: &SecretText) -> Result<Self, MnemonicError> {
        let phrase = phrase.nfkd();
        let words = || phrase.expose().split_whitespace();
        check_count(words().count())?;
        let mut wrong = MnemonicError::Checksum;
        let mut known_most = 0;
        // Two Chinese lists share words; the seed is of the words alone, so either will do.
        for language in Language::ALL {
            let mut indices = Zeroizing::new(Vec::with_capacity(WORDS_MAX));
            indices.extend(words().map_while(|word| language.find_word(word)));
            if indices.len() == words().count() {
                let mnemonic = Self { indices, language: *language };
                if mnemonic.has_right_checksum() {
                    return Ok(mnemonic);
                }
                (wrong, known_most) = (MnemonicError::Checksum, WORDS_MAX);
            } else if indices.len() > known_most
                || known_most == 0 && *language == Language::English
            {
                known_most = indices.len();
                wrong = MnemonicError::Unknown { position: known_most + 1, language: *language };
            }
        }
        Err(wrong)
    }

    /// The entropy that the words stand for: 16, 20, 24, 28 or 32 bytes.
    pub fn entropy(&self) -> SecretBytes {
        let mut entropy = self.unpacked();
        entropy.truncate(self.indices.len() / 3 * 4);
        SecretBytes::new(std::mem::take(&mut *entropy))
    }

    /// The words, with a blank between two.
    pub fn phrase(&self) -> SecretText {
        let list = self.language.word_list();
        let words = || self.indices.iter().filter_map(|index| list.get(usize::from(*index)));
        let mut phrase = String::with_capacity(words().map(|word| word.len() + 1).sum());
        for word in words() {
            if !phrase.is_empty() {
                phrase.push(' ');
            }
            phrase.push_str(word);
        }
        SecretText::new(phrase)
    }

    /// The seed of BIP-32: PBKDF2-HMAC-SHA512 of the words with the salt `mnemonic` and the
    /// passphrase, both in NFKD.
    pub fn seed(&self, passphrase: &SecretText) -> Zeroizing<[u8; 64]> {
        const PREFIX: &str = "mnemonic";
        let passphrase = passphrase.nfkd();
        let bytes = PREFIX.len() + passphrase.expose().len();
        let mut salt = Zeroizing::new(String::with_capacity(bytes));
        salt.push_str(PREFIX);
        salt.push_str(passphrase.expose());
        let mut seed = Zeroizing::new([0; 64]);
        let phrase = self.phrase();
        pbkdf2_hmac::<Sha512>(
            phrase.expose().as_bytes(),
            salt.as_bytes(),
            SEED_ROUNDS,
            seed.as_mut_slice(),
        );
        seed
    }

    fn has_right_checksum(&self) -> bool {
        let bytes = self.unpacked();
        let (entropy, checksum) = bytes.split_at(self.indices.len() / 3 * 4);
        // What is left of the last byte is not part of it.
        checksum.first().is_some_and(|found| *found == checksum_byte(entropy))
    }

    /// Entropy and checksum, filled up with zeros to whole bytes.
    fn unpacked(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(WORDS_MAX * WORD_BITS / 8 + 1));
        let mut gathered = Zeroizing::new(0_u32);
        let mut bits = 0;
        for index in self.indices.iter() {
            *gathered = *gathered << WORD_BITS | u32::from(*index);
            bits += WORD_BITS;
            while bits >= 8 {
                bits -= 8;
                bytes.push(((*gathered >> bits) & 0xff) as u8);
            }
        }
        if bits > 0 {
            bytes.push(((*gathered << (8 - bits)) & 0xff) as u8);
        }
        bytes
    }
}

/// The first bits of the hash, one for each 32 of entropy, with zeros behind them.
fn checksum_byte(entropy: &[u8]) -> u8 {
    let hash = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(entropy)));
    let bits = entropy.len() / 4;
    hash[0] & !(0xff_u32 >> bits) as u8
}

fn check_count(words: usize) -> Result<(), MnemonicError> {
    let is_right = words.is_multiple_of(3) && (12..=WORDS_MAX).contains(&words);
    if is_right { Ok(()) } else { Err(MnemonicError::Count(words)) }
}

#[cfg(test)]
mod tests;
