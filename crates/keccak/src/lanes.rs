//! What the machine has.

use alloy_primitives::{B256, keccak256};
use std::sync::OnceLock;

/// How many messages go through one permutation side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lanes {
    /// One, on any machine.
    Scalar,
    /// Four, with AVX2.
    Avx2,
    /// Eight, with AVX-512F.
    Avx512,
}

impl Lanes {
    /// All ways, the slowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The fastest way of this machine.
    pub fn best() -> Self {
        static BEST: OnceLock<Lanes> = OnceLock::new();
        *BEST.get_or_init(|| {
            let mut fastest_first = Self::ALL.into_iter().rev();
            fastest_first.find(|lanes| lanes.is_available()).unwrap_or(Self::Scalar)
        })
    }

    /// Whether this machine can do it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => std::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => std::is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The ways of this machine, the slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|lanes| lanes.is_available())
    }

    /// Number of messages side by side.
    pub fn count(self) -> usize {
        match self {
            Self::Scalar => 1,
            Self::Avx2 => 4,
            Self::Avx512 => 8,
        }
    }

    /// Puts the hash of each message into its place of `hashes`, which are as many as the messages;
    /// what one of them has more than the other is left alone. A way that the machine has not is
    /// done as [`Lanes::Scalar`].
    pub fn hash<M: AsRef<[u8]>>(self, messages: &[M], hashes: &mut [B256]) {
        let count = messages.len().min(hashes.len());
        let (messages, hashes) = (&messages[..count], &mut hashes[..count]);
        match self {
            // A single message fills one lane of eight, which is no faster.
            _ if count <= 1 || !self.is_available() => one_by_one(messages, hashes),
            Self::Scalar => one_by_one(messages, hashes),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => crate::driver::hash(crate::avx2::permutation(), messages, hashes),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => crate::driver::hash(crate::avx512::permutation(), messages, hashes),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => one_by_one(messages, hashes),
        }
    }

    /// As [`Lanes::hash`], for messages of one length that fits a block.
    pub fn hash_fixed<const LENGTH: usize>(self, messages: &[[u8; LENGTH]], hashes: &mut [B256]) {
        let count = messages.len().min(hashes.len());
        let (messages, hashes) = (&messages[..count], &mut hashes[..count]);
        match self {
            _ if count <= 1 || !self.is_available() => one_by_one(messages, hashes),
            Self::Scalar => one_by_one(messages, hashes),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => crate::driver::hash_fixed(crate::avx2::permutation(), messages, hashes),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                crate::driver::hash_fixed(crate::avx512::permutation(), messages, hashes);
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => one_by_one(messages, hashes),
        }
    }
}

fn one_by_one<M: AsRef<[u8]>>(messages: &[M], hashes: &mut [B256]) {
    for (message, hash) in messages.iter().zip(hashes) {
        *hash = keccak256(message);
    }
}
