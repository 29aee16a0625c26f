//! Which instructions recover a batch.

use crate::{
    batch::{self, Outcome, Request},
    field::portable::Portable,
};
use std::{fmt, str::FromStr};

/// How many signatures are recovered by one instruction, and by which ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// One at a time, by instructions that every processor has.
    Portable,
    /// Four at a time, by AVX2.
    Avx2,
    /// Eight at a time, by AVX-512 IFMA.
    Ifma,
}

/// Text that names no lanes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no lanes `{0}`; choose portable, avx2 or ifma")]
pub struct UnknownLanes(String);

impl Lanes {
    /// All there are, on whatever processor, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Ifma];

    /// The fastest that this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    /// Those that this processor has, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|lanes| lanes.is_available())
    }

    /// Whether this processor has them.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && has_bits(),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512ifma")
                    && has_bits()
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Ifma => false,
        }
    }

    /// As written on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Ifma => "ifma",
        }
    }

    /// Fewer signatures than this are recovered one at a time by libsecp256k1, which takes no longer.
    pub(crate) const fn batch_min(self) -> usize {
        match self {
            Self::Portable => 16,
            Self::Avx2 => 8,
            Self::Ifma => 3,
        }
    }

    /// Recovers the keys of one batch. The processor must have the lanes.
    pub(crate) fn recover(self, requests: &[Request]) -> Vec<Outcome> {
        debug_assert!(self.is_available(), "a `Recoverer` has asked before");
        match self {
            Self::Portable => batch::recover::<Portable>(requests),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => batch::recover::<crate::field::avx2::Avx2>(requests),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma => batch::recover::<crate::field::ifma::Ifma>(requests),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Ifma => batch::recover::<Portable>(requests),
        }
    }
}

/// The instructions that the compiler may use beside those of the lanes.
#[cfg(target_arch = "x86_64")]
fn has_bits() -> bool {
    is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2")
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Lanes {
    type Err = UnknownLanes;

    fn from_str(text: &str) -> Result<Self, UnknownLanes> {
        let named = Self::ALL.into_iter().find(|lanes| lanes.name() == text);
        named.ok_or_else(|| UnknownLanes(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_names_and_no_others() {
        for lanes in Lanes::ALL {
            assert_eq!(lanes.to_string().parse(), Ok(lanes));
        }
        for text in ["", "IFMA", "avx512"] {
            assert_eq!(text.parse::<Lanes>(), Err(UnknownLanes(text.to_owned())));
        }
    }

    #[test]
    fn the_best_is_available() {
        assert!(Lanes::best().is_available());
        assert_eq!(Lanes::available().next(), Some(Lanes::Portable));
    }
}
