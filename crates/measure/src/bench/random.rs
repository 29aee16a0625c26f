//! Where the draws of a workload come from: always the same for one seed.

use alloy_primitives::{Address, B256, U256};

/// The generator splitmix64 (Steele, Lea and Flood, 2014): one word of state, and good enough to
/// draw addresses and amounts.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
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
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A word, each as likely as the other.
    pub(super) fn word(&mut self) -> B256 {
        U256::from_limbs([self.next(), self.next(), self.next(), self.next()]).into()
    }

    /// An address that looks like a hash, as real ones do, and that nobody else has drawn.
    pub(crate) fn address(&mut self) -> Address {
        let words = U256::from_limbs([self.next(), self.next(), self.next(), 0]);
        Address::from_word(words.into())
    }
}

/// Numbers from zero on of which the one at place `k`, counted from one, is drawn in proportion to
/// `k` to the power of minus `exponent`.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// The weights of all numbers up to each.
    sums: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(count: usize, exponent: f64) -> Self {
        let weights = (1..=count).map(|place| (place as f64).powf(-exponent));
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        const BITS: u32 = f64::MANTISSA_DIGITS;
        let total = self.sums.last().copied().unwrap_or_default();
        let point = total * random.below(1 << BITS) as f64 / (1_u64 << BITS) as f64;
        self.sums.partition_point(|sum| *sum <= point)
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

    #[test]
    fn draws_the_first_most() {
        let (zipf, mut random) = (Zipf::new(64, 1.2), Random::new(1));
        let mut counts = [0_u32; 64];
        for _ in 0..100_000 {
            counts[zipf.draw(&mut random)] += 1;
        }
        // The weights 1, 2^-1.2 and 64^-1.2, divided by their sum of 3.414.
        let expected = [(0, 29_290), (1, 12_750), (63, 199)];
        for (number, expected) in expected {
            let off = f64::from(counts[number]) / f64::from(expected) - 1.0;
            assert!(off.abs() < 0.25, "{number} was drawn {} times", counts[number]);
        }
        assert_eq!(counts.iter().sum::<u32>(), 100_000);
    }
}
