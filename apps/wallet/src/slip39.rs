//! SLIP-0039: a secret split into shares of words, of which enough give it back.
//!
//! In: a master secret of 16 to 64 bytes, groups with thresholds, a passphrase. Out: [`Share`]s,
//! as phrases. Written from the text of SLIP-0039; why, and why here, is in
//! `docs/decisions/0016-slip39-of-our-own.md`.
//!
//! To read: `share` (a share and its words), `rs1024` (the checksum), `cipher` (passphrase),
//! `sharing` (Shamir's scheme over GF(256)), `split` and `combine` (groups).

mod cipher;
mod combine;
mod gf256;
mod rs1024;
mod share;
mod sharing;
mod split;

pub use combine::combine;
pub use share::Share;
pub use split::{Group, Options, split};

/// Most groups, and most members of a group: each takes four bits.
pub const SHARES_MAX: u8 = 16;
/// Bytes of a master secret. The text sets no upper bound; no wallet has more.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Why a secret cannot be split or shares not combined. No error shows a share's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlipError {
    /// The secret has a wrong length.
    #[error("a secret has 16 to 64 bytes, in even number; this one has {0}")]
    Secret(usize),
    /// A passphrase has printable ASCII only.
    #[error("a passphrase of shares may have printable ASCII characters only (SLIP-39)")]
    Passphrase,
    /// A threshold is zero or above the count, or there are too many.
    #[error(
        "{threshold} of {count} cannot be: from 1 of 1 to 16 of 16, and no more needed than there are"
    )]
    Threshold {
        /// How many are needed.
        threshold: u8,
        /// How many there are.
        count: u8,
    },
    /// Several shares of which one is enough.
    #[error("1 of {0} would be the same share {0} times; make it 1of1 and copy that share")]
    Copies(u8),
    /// The iteration exponent has four bits.
    #[error("the iteration exponent is at most 15")]
    Exponent,
    /// A share has a number of words that none has.
    #[error("share {share} has {words} words; shares have 20, 33 or another number of SLIP-39")]
    Words {
        /// Which share, counted from 1.
        share: usize,
        /// How many it has.
        words: usize,
    },
    /// A word is not in the list.
    #[error(
        "word {word} of share {share} is not in the list of SLIP-39; look for a spelling mistake"
    )]
    Unknown {
        /// Which share, counted from 1.
        share: usize,
        /// Which word, counted from 1.
        word: usize,
    },
    /// The checksum of a share is wrong.
    #[error("the checksum of share {0} is wrong: a word of it is not the right one")]
    Checksum(usize),
    /// A share has bits where there are to be zeros.
    #[error("share {0} is not filled up with zeros, so it was not made by SLIP-39")]
    Padding(usize),
    /// There are no shares.
    #[error("there are no shares; give one on each line")]
    None,
    /// Shares are of different secrets or splits.
    #[error("share {0} is of another secret or another split than the first")]
    Foreign(usize),
    /// Shares of a group say different thresholds.
    #[error("share {0} says another threshold than those of its group before it")]
    Member(usize),
    /// Two shares have the same place with different values.
    #[error("share {0} has the number of one before it in its group, but another value")]
    Duplicate(usize),
    /// There are too few shares.
    #[error("{found} of {needed} groups are complete; more shares are needed")]
    TooFew {
        /// How many groups have enough shares.
        found: u8,
        /// How many are needed.
        needed: u8,
    },
    /// The shares do not fit together.
    #[error(
        "the shares do not fit together: their digest is wrong; one of them is not of this split"
    )]
    Digest,
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
}

#[cfg(test)]
mod tests;
