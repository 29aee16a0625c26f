//! Where the draws of a workload come from: always the same for one seed.

use alloy_primitives::{Address, U256};

/// The generator splitmix64 (Steele, Lea and Flood, 2014): one word of state, and good enough to
/// draw addresses and amounts.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From zero to `bound`, without it. `bound` is far below 2^64, so the bias does not matter.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// An address that looks like a hash, as real ones do, and that nobody else has drawn.
    pub(super) fn address(&mut self) -> Address {
        let words = U256::from_limbs([self.next(), self.next(), self.next(), 0]);
        Address::from_word(words.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::map::AddressSet;

    #[test]
    fn draws_the_published_numbers() {
        let mut random = Random::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([random.next(), random.next()], expected);
    }

    #[test]
    fn draws_no_address_twice() {
        let mut random = Random::new(0);
        let addresses: AddressSet = (0..10_000).map(|_| random.address()).collect();
        assert_eq!(addresses.len(), 10_000);
    }

    #[test]
    fn stays_within_bounds() {
        let mut random = Random::new(7);
        let drawn: Vec<u64> = (0..1_000).map(|_| random.between(3, 5)).collect();
        assert!([3, 4, 5].iter().all(|number| drawn.contains(number)));
        assert!(drawn.iter().all(|number| (3..=5).contains(number)));
    }
}
