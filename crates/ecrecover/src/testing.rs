//! What the tests share.

use crate::field::Words;
use alloy_primitives::{U256, U512};

/// The generator splitmix64 (Steele, Lea and Flood, 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From `HEDDLE_SEED`, or 1.
    pub(crate) fn from_environment() -> Self {
        Self(setting("HEDDLE_SEED").unwrap_or(1))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn words(&mut self) -> Words {
        [self.next(), self.next(), self.next(), self.next()]
    }

    pub(crate) fn number(&mut self) -> U256 {
        U256::from_limbs(self.words())
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A number in the environment.
pub(crate) fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("the setting is a number"))
}

pub(crate) const fn big(words: &Words) -> U256 {
    U256::from_limbs(*words)
}

/// The whole product.
pub(crate) fn wide_words(left: U256, right: U256) -> [u64; 8] {
    let product: U512 = left.widening_mul(right);
    product.into_limbs()
}
