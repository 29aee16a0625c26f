//! Eight states side by side, with AVX-512F.

#![allow(unsafe_code)] // loads, stores, and the call where the processor was asked

use crate::{
    ROUND_CONSTANTS,
    driver::{Block, Permutation, States, WORDS},
};
use std::arch::x86_64::*;

const LANES: usize = 8;

/// For machines that have AVX-512F only.
pub(crate) fn permutation() -> Permutation<LANES> {
    assert!(std::is_x86_feature_detected!("avx512f"), "who asks for it has looked");
    // SAFETY: the processor has what the function is compiled for.
    |states, blocks, begun| unsafe { permute(states, blocks, begun) }
}

#[target_feature(enable = "avx512f")]
fn permute(states: &mut States<LANES>, blocks: &[&Block; LANES], begun: u8) {
    let mut words = [_mm512_setzero_si512(); WORDS];
    if begun != 0 {
        for (word, row) in words.iter_mut().zip(&states.0) {
            // SAFETY: the row has eight words, which is all that is read.
            let row = unsafe { _mm512_loadu_si512(row.as_ptr().cast()) };
            *word = _mm512_maskz_mov_epi64(begun, row);
        }
    }
    absorb(&mut words, blocks);
    for constant in ROUND_CONSTANTS {
        round(&mut words, constant);
    }
    for (word, row) in words.iter().zip(&mut states.0) {
        // SAFETY: the row has eight words, which is all that is written.
        unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), *word) };
    }
}

/// Adds the block of each lane to its state.
#[inline]
#[target_feature(enable = "avx512f")]
fn absorb(words: &mut [__m512i; WORDS], blocks: &[&Block; LANES]) {
    let (first, rest) = words.split_at_mut(8);
    let (second, last) = rest.split_at_mut(8);
    for (words, start) in [(first, 0), (second, 64)] {
        let rows = blocks.map(|block| {
            let part = &block[start..start + 64];
            // SAFETY: the part has 64 bytes, which is all that is read.
            unsafe { _mm512_loadu_si512(part.as_ptr().cast()) }
        });
        for (word, column) in words.iter_mut().zip(transpose(rows)) {
            *word = _mm512_xor_si512(*word, column);
        }
    }
    let end = blocks.map(|block| {
        let bytes = block.last_chunk().expect("a block has more than eight bytes");
        i64::from_le_bytes(*bytes)
    });
    let [a, b, c, d, e, f, g, h] = end;
    last[0] = _mm512_xor_si512(last[0], _mm512_set_epi64(h, g, f, e, d, c, b, a));
}

/// Eight rows of eight words, by column.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [__m512i; 8]) -> [__m512i; 8] {
    // Pairs of words, then pairs of pairs, then halves.
    let pairs: [__m512i; 8] = [
        _mm512_unpacklo_epi64(rows[0], rows[1]),
        _mm512_unpackhi_epi64(rows[0], rows[1]),
        _mm512_unpacklo_epi64(rows[2], rows[3]),
        _mm512_unpackhi_epi64(rows[2], rows[3]),
        _mm512_unpacklo_epi64(rows[4], rows[5]),
        _mm512_unpackhi_epi64(rows[4], rows[5]),
        _mm512_unpacklo_epi64(rows[6], rows[7]),
        _mm512_unpackhi_epi64(rows[6], rows[7]),
    ];
    let mut columns = [_mm512_setzero_si512(); 8];
    for odd in 0..2 {
        let [a, b, c, d] = [pairs[odd], pairs[2 + odd], pairs[4 + odd], pairs[6 + odd]];
        // The even quarters of two rows, then the odd ones.
        let even_low = _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b);
        let odd_low = _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b);
        let even_high = _mm512_shuffle_i64x2::<0b10_00_10_00>(c, d);
        let odd_high = _mm512_shuffle_i64x2::<0b11_01_11_01>(c, d);
        columns[odd] = _mm512_shuffle_i64x2::<0b10_00_10_00>(even_low, even_high);
        columns[4 + odd] = _mm512_shuffle_i64x2::<0b11_01_11_01>(even_low, even_high);
        columns[2 + odd] = _mm512_shuffle_i64x2::<0b10_00_10_00>(odd_low, odd_high);
        columns[6 + odd] = _mm512_shuffle_i64x2::<0b11_01_11_01>(odd_low, odd_high);
    }
    columns
}

/// `a ^ b ^ c`.
const XOR: i32 = 0x96;
/// `a ^ (!b & c)`.
const CHI: i32 = 0xd2;

/// One round (FIPS 202, section 3.3).
#[inline]
#[target_feature(enable = "avx512f")]
fn round(a: &mut [__m512i; WORDS], constant: u64) {
    let mut parity = [_mm512_setzero_si512(); 5];
    for (x, parity) in parity.iter_mut().enumerate() {
        let three = _mm512_ternarylogic_epi64::<XOR>(a[x], a[x + 5], a[x + 10]);
        *parity = _mm512_ternarylogic_epi64::<XOR>(three, a[x + 15], a[x + 20]);
    }
    for x in 0..5 {
        let right = _mm512_rol_epi64::<1>(parity[(x + 1) % 5]);
        for y in 0..5 {
            let word = &mut a[x + 5 * y];
            *word = _mm512_ternarylogic_epi64::<XOR>(*word, parity[(x + 4) % 5], right);
        }
    }
    let b = [
        a[0],
        _mm512_rol_epi64::<44>(a[6]),
        _mm512_rol_epi64::<43>(a[12]),
        _mm512_rol_epi64::<21>(a[18]),
        _mm512_rol_epi64::<14>(a[24]),
        _mm512_rol_epi64::<28>(a[3]),
        _mm512_rol_epi64::<20>(a[9]),
        _mm512_rol_epi64::<3>(a[10]),
        _mm512_rol_epi64::<45>(a[16]),
        _mm512_rol_epi64::<61>(a[22]),
        _mm512_rol_epi64::<1>(a[1]),
        _mm512_rol_epi64::<6>(a[7]),
        _mm512_rol_epi64::<25>(a[13]),
        _mm512_rol_epi64::<8>(a[19]),
        _mm512_rol_epi64::<18>(a[20]),
        _mm512_rol_epi64::<27>(a[4]),
        _mm512_rol_epi64::<36>(a[5]),
        _mm512_rol_epi64::<10>(a[11]),
        _mm512_rol_epi64::<15>(a[17]),
        _mm512_rol_epi64::<56>(a[23]),
        _mm512_rol_epi64::<62>(a[2]),
        _mm512_rol_epi64::<55>(a[8]),
        _mm512_rol_epi64::<39>(a[14]),
        _mm512_rol_epi64::<41>(a[15]),
        _mm512_rol_epi64::<2>(a[21]),
    ];
    for y in (0..25).step_by(5) {
        for x in 0..5 {
            a[y + x] =
                _mm512_ternarylogic_epi64::<CHI>(b[y + x], b[y + (x + 1) % 5], b[y + (x + 2) % 5]);
        }
    }
    a[0] = _mm512_xor_si512(a[0], _mm512_set1_epi64(constant.cast_signed()));
}
