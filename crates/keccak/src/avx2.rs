//! Four states side by side, with AVX2.

#![allow(unsafe_code)] // loads, stores, and the call where the processor was asked

use crate::{
    ROUND_CONSTANTS,
    driver::{Block, Permutation, States, WORDS},
};
use std::arch::x86_64::*;

const LANES: usize = 4;

/// For machines that have AVX2 only.
pub(crate) fn permutation() -> Permutation<LANES> {
    assert!(std::is_x86_feature_detected!("avx2"), "who asks for it has looked");
    // SAFETY: the processor has what the function is compiled for.
    |states, blocks, begun| unsafe { permute(states, blocks, begun) }
}

#[target_feature(enable = "avx2")]
fn permute(states: &mut States<LANES>, blocks: &[&Block; LANES], begun: u8) {
    let mut words = [_mm256_setzero_si256(); WORDS];
    if begun != 0 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|lane| -i64::from(begun >> lane & 1));
        let kept = _mm256_set_epi64x(d, c, b, a);
        for (word, row) in words.iter_mut().zip(&states.0) {
            // SAFETY: the row has four words, which is all that is read.
            let row = unsafe { _mm256_loadu_si256(row.as_ptr().cast()) };
            *word = _mm256_and_si256(kept, row);
        }
    }
    absorb(&mut words, blocks);
    for constant in ROUND_CONSTANTS {
        round(&mut words, constant);
    }
    for (word, row) in words.iter().zip(&mut states.0) {
        // SAFETY: the row has four words, which is all that is written.
        unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), *word) };
    }
}

/// Adds the block of each lane to its state.
#[inline]
#[target_feature(enable = "avx2")]
fn absorb(words: &mut [__m256i; WORDS], blocks: &[&Block; LANES]) {
    for (four, words) in words[..16].chunks_exact_mut(4).enumerate() {
        let rows = blocks.map(|block| {
            let part = &block[four * 32..][..32];
            // SAFETY: the part has 32 bytes, which is all that is read.
            unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
        });
        for (word, column) in words.iter_mut().zip(transpose(rows)) {
            *word = _mm256_xor_si256(*word, column);
        }
    }
    let [a, b, c, d] = blocks.map(|block| {
        let bytes = block.last_chunk().expect("a block has more than eight bytes");
        i64::from_le_bytes(*bytes)
    });
    words[16] = _mm256_xor_si256(words[16], _mm256_set_epi64x(d, c, b, a));
}

/// Four rows of four words, by column.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let (even_low, odd_low) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (even_high, odd_high) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
    [
        _mm256_permute2x128_si256::<0x20>(even_low, even_high),
        _mm256_permute2x128_si256::<0x20>(odd_low, odd_high),
        _mm256_permute2x128_si256::<0x31>(even_low, even_high),
        _mm256_permute2x128_si256::<0x31>(odd_low, odd_high),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const LEFT: i32, const RIGHT: i32>(word: __m256i) -> __m256i {
    const { assert!(LEFT + RIGHT == 64, "it is a rotation") };
    _mm256_or_si256(_mm256_slli_epi64::<LEFT>(word), _mm256_srli_epi64::<RIGHT>(word))
}

/// One round (FIPS 202, section 3.3).
#[inline]
#[target_feature(enable = "avx2")]
fn round(a: &mut [__m256i; WORDS], constant: u64) {
    let mut parity = [_mm256_setzero_si256(); 5];
    for (x, parity) in parity.iter_mut().enumerate() {
        *parity = a[x];
        for y in 1..5 {
            *parity = _mm256_xor_si256(*parity, a[x + 5 * y]);
        }
    }
    for x in 0..5 {
        let right = rotate::<1, 63>(parity[(x + 1) % 5]);
        let both = _mm256_xor_si256(parity[(x + 4) % 5], right);
        for y in 0..5 {
            a[x + 5 * y] = _mm256_xor_si256(a[x + 5 * y], both);
        }
    }
    let b = [
        a[0],
        rotate::<44, 20>(a[6]),
        rotate::<43, 21>(a[12]),
        rotate::<21, 43>(a[18]),
        rotate::<14, 50>(a[24]),
        rotate::<28, 36>(a[3]),
        rotate::<20, 44>(a[9]),
        rotate::<3, 61>(a[10]),
        rotate::<45, 19>(a[16]),
        rotate::<61, 3>(a[22]),
        rotate::<1, 63>(a[1]),
        rotate::<6, 58>(a[7]),
        rotate::<25, 39>(a[13]),
        rotate::<8, 56>(a[19]),
        rotate::<18, 46>(a[20]),
        rotate::<27, 37>(a[4]),
        rotate::<36, 28>(a[5]),
        rotate::<10, 54>(a[11]),
        rotate::<15, 49>(a[17]),
        rotate::<56, 8>(a[23]),
        rotate::<62, 2>(a[2]),
        rotate::<55, 9>(a[8]),
        rotate::<39, 25>(a[14]),
        rotate::<41, 23>(a[15]),
        rotate::<2, 62>(a[21]),
    ];
    for y in (0..25).step_by(5) {
        for x in 0..5 {
            let others = _mm256_andnot_si256(b[y + (x + 1) % 5], b[y + (x + 2) % 5]);
            a[y + x] = _mm256_xor_si256(b[y + x], others);
        }
    }
    a[0] = _mm256_xor_si256(a[0], _mm256_set1_epi64x(constant.cast_signed()));
}
