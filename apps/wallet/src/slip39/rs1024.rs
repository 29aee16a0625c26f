//! The checksum of a share: a Reed-Solomon code over GF(1024), which finds any three wrong words.

use zeroize::Zeroizing;

/// Words of the checksum.
pub(super) const CHECKSUM_WORDS: usize = 3;

const GENERATOR: [u32; 10] = [
    0x00e0_e040,
    0x01c1_c080,
    0x0383_8100,
    0x0707_0200,
    0x0e0e_0009,
    0x1c0c_2412,
    0x3808_6c24,
    0x3090_fc48,
    0x21b1_f890,
    0x03f3_f120,
];

fn remainder(customization: &[u8], words: impl Iterator<Item = u16>) -> u32 {
    let values = customization.iter().map(|byte| u32::from(*byte)).chain(words.map(u32::from));
    let mut remainder = Zeroizing::new(1_u32);
    for value in values {
        let top = *remainder >> 20;
        *remainder = (*remainder & 0xf_ffff) << 10 ^ value;
        for (bit, generator) in GENERATOR.iter().enumerate() {
            *remainder ^= generator & 0_u32.wrapping_sub(top >> bit & 1);
        }
    }
    *remainder
}

/// The checksum of words.
pub(super) fn create(customization: &[u8], words: &[u16]) -> [u16; CHECKSUM_WORDS] {
    let padded = words.iter().copied().chain([0; CHECKSUM_WORDS]);
    let sum = remainder(customization, padded) ^ 1;
    [20, 10, 0].map(|shift| u16::try_from(sum >> shift & 1023).expect("10 bits fit into 16"))
}

/// Whether words end with their checksum.
pub(super) fn verify(customization: &[u8], words: &[u16]) -> bool {
    remainder(customization, words.iter().copied()) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn up_to_three_wrong_words_are_found(
            mut words in prop::collection::vec(0_u16..1024, 1..60),
            wrong in prop::collection::vec((any::<prop::sample::Index>(), 1_u16..1024), 1..=3),
        ) {
            words.extend(create(b"shamir", &words));
            prop_assert!(verify(b"shamir", &words));
            prop_assert!(!verify(b"shamir_extendable", &words));
            let right = words.clone();
            for (at, change) in wrong {
                let at = at.index(words.len());
                words[at] ^= change;
            }
            prop_assert_eq!(verify(b"shamir", &words), words == right);
        }
    }
}
