//! Eight elements in the registers of AVX-512, multiplied by AVX-512 IFMA: five limbs of 52 bits.
//!
//! `vpmadd52luq` and `vpmadd52huq` multiply the low 52 bits of their operands and add the low or the
//! high 52 bits of the product. So a factor must have limbs of exactly 52 bits, and sums must be carried
//! before they are multiplied; addends of products need not.
//!
//! Bounds: in a factor all limbs are below 2^52. In a reduced element the highest is at most
//! 2^48 + 2^9. In a sum of magnitude m the limbs are at most m (2^52 - 1) and m (2^48 + 2^9).

#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "a place counts in several arrays at once")]

use super::{Field, LANES_MAX, Stage, Words};
use crate::generator::Line;
use std::arch::x86_64::*;

/// Eight elements, limb by limb.
#[derive(Clone, Copy)]
pub(crate) struct Ifma([__m512i; 5]);

const LIMB: i64 = (1 << 52) - 1;
const TOP: i64 = (1 << 48) - 1;
/// The limbs of p.
const PRIME: [i64; 5] = [0xf_fffe_ffff_fc2f, LIMB, LIMB, LIMB, TOP];
/// 2^256 modulo p.
const FOLD: i64 = 0x1_0000_03d1;
/// 2^260 modulo p.
const FOLD_LIMBS: i64 = FOLD << 4;

/// The columns of a product: at 2^(52 k) the low halves of limbs i + j = k, and the high halves of
/// limbs i + j + 1 = k.
type Columns = [__m512i; 10];

// In all that follows the intrinsics need AVX-512 F, DQ and IFMA.
// SAFETY of each `unsafe` block but those with a word of their own: the functions are called in
// `Stage::run` alone, which `Field::enter` calls, and whoever calls that for `Ifma` has made sure that
// the processor has these extensions (`Lanes::is_available`). The intrinsics touch no memory.

#[inline(always)]
fn constant(number: i64) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_set1_epi64(number) }
}

#[inline(always)]
fn zero() -> __m512i {
    constant(0)
}

#[inline(always)]
fn add(left: __m512i, right: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_add_epi64(left, right) }
}

#[inline(always)]
fn subtract(left: __m512i, right: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_sub_epi64(left, right) }
}

#[inline(always)]
fn and(left: __m512i, right: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_and_si512(left, right) }
}

#[inline(always)]
fn or(left: __m512i, right: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_or_si512(left, right) }
}

#[inline(always)]
fn right<const BITS: u32>(words: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_srli_epi64::<BITS>(words) }
}

#[inline(always)]
fn left<const BITS: u32>(words: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_slli_epi64::<BITS>(words) }
}

/// The low half of the product, and `sum`.
#[inline(always)]
fn low(sum: __m512i, left: __m512i, right: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_madd52lo_epu64(sum, left, right) }
}

/// The high half of the product, and `sum`.
#[inline(always)]
fn high(sum: __m512i, left: __m512i, right: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_madd52hi_epu64(sum, left, right) }
}

#[inline(always)]
fn multiply_add(mut columns: Columns, a: &[__m512i; 5], b: &[__m512i; 5]) -> Columns {
    for i in 0..5 {
        for j in 0..5 {
            columns[i + j] = low(columns[i + j], a[i], b[j]);
            columns[i + j + 1] = high(columns[i + j + 1], a[i], b[j]);
        }
    }
    columns
}

/// The products of different limbs once, doubled, and then the squares of each.
#[inline(always)]
fn square_columns(a: &[__m512i; 5]) -> Columns {
    let mut columns = [zero(); 10];
    for i in 0..5 {
        for j in i + 1..5 {
            columns[i + j] = low(columns[i + j], a[i], a[j]);
            columns[i + j + 1] = high(columns[i + j + 1], a[i], a[j]);
        }
    }
    for column in &mut columns[1..9] {
        *column = add(*column, *column);
    }
    for i in 0..5 {
        columns[2 * i] = low(columns[2 * i], a[i], a[i]);
        columns[2 * i + 1] = high(columns[2 * i + 1], a[i], a[i]);
    }
    columns
}

/// Reduces columns of at most 2^58: up to twenty halves below 2^52 and an addend of magnitude 32.
///
/// A high column counts 2^260 as much as the low one five below. It is folded in two parts: its low 52
/// bits, which is all that the instruction multiplies, and what exceeds them, at the next place. The
/// highest has nothing to exceed, as it is at most the sum of products' highest parts,
/// 225 * 2^96 / 2^52 < 2^52.
///
/// What then is above 2^256 in the fifth column, and the sixth, is folded once more, before the columns
/// are carried: below 2^10 + 2^41 times a number of 33 bits. After carrying, what comes out of the
/// fourth limb is below 2^8, so the highest is at most 2^48 + 2^9.
#[inline(always)]
fn reduce(c: &Columns) -> Ifma {
    finished(folded(c))
}

/// The five low columns, and a sixth, without the high ones.
#[inline(always)]
fn folded(c: &Columns) -> [__m512i; 6] {
    let fold = constant(FOLD_LIMBS);
    let mut r = [c[0], c[1], c[2], c[3], c[4], zero()];
    for i in 0..5 {
        r[i] = low(r[i], c[5 + i], fold);
        r[i + 1] = high(r[i + 1], c[5 + i], fold);
    }
    for i in 0..4 {
        r[i + 1] = low(r[i + 1], right::<52>(c[5 + i]), fold);
    }
    r
}

/// A reduced element of folded columns.
#[inline(always)]
fn finished(r: [__m512i; 6]) -> Ifma {
    let over = add(right::<48>(r[4]), left::<4>(r[5]));
    let fold = constant(FOLD);
    carried([low(r[0], over, fold), high(r[1], over, fold), r[2], r[3], and(r[4], constant(TOP))])
}

/// Carries from limb to limb, the highest taking what there is.
#[inline(always)]
fn carried(limbs: [__m512i; 5]) -> Ifma {
    let mask = constant(LIMB);
    let [a, b, c, d, e] = limbs;
    let b = add(b, right::<52>(a));
    let c = add(c, right::<52>(b));
    let d = add(d, right::<52>(c));
    let e = add(e, right::<52>(d));
    Ifma([and(a, mask), and(b, mask), and(c, mask), and(d, mask), e])
}

/// Limbs of words.
#[inline(always)]
fn limbs(w: [__m512i; 4]) -> Ifma {
    let mask = constant(LIMB);
    Ifma([
        and(w[0], mask),
        and(or(right::<52>(w[0]), left::<12>(w[1])), mask),
        and(or(right::<40>(w[1]), left::<24>(w[2])), mask),
        and(or(right::<28>(w[2]), left::<36>(w[3])), mask),
        right::<16>(w[3]),
    ])
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma,avx512vl,avx512bw,bmi1,bmi2")]
fn enter<S: Stage<Ifma>>(stage: S) -> S::Output {
    stage.run()
}

impl Field for Ifma {
    const LANES: usize = 8;
    type Mask = __mmask8;
    type Wide = [__m512i; 5];

    fn enter<S: Stage<Self>>(stage: S) -> S::Output {
        // SAFETY: who asks for these lanes has made sure that the processor has the extensions.
        unsafe { enter(stage) }
    }

    #[inline(always)]
    fn splat(w: &Words) -> Self {
        limbs([
            constant(w[0] as i64),
            constant(w[1] as i64),
            constant(w[2] as i64),
            constant(w[3] as i64),
        ])
    }

    #[inline(always)]
    fn load(n: &[Words; LANES_MAX]) -> Self {
        let mut words = [zero(); 4];
        for (i, word) in words.iter_mut().enumerate() {
            let lanes = [n[0][i], n[1][i], n[2][i], n[3][i], n[4][i], n[5][i], n[6][i], n[7][i]];
            // SAFETY: the array has the eight words that are read, which need not be aligned.
            *word = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
        }
        limbs(words)
    }

    #[inline(always)]
    fn store(self) -> [Words; LANES_MAX] {
        let [a, b, c, d, e] = self.0;
        let words = [
            or(a, left::<52>(b)),
            or(right::<12>(b), left::<40>(c)),
            or(right::<24>(c), left::<28>(d)),
            or(right::<36>(d), left::<16>(e)),
        ];
        let mut numbers = [[0; 4]; LANES_MAX];
        for (i, word) in words.into_iter().enumerate() {
            let mut lanes = [0_u64; LANES_MAX];
            // SAFETY: the array has room for the eight words that are written.
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), word) };
            for (number, lane) in numbers.iter_mut().zip(lanes) {
                number[i] = lane;
            }
        }
        numbers
    }

    #[inline(always)]
    fn gather(table: &[Line], places: &[u16; LANES_MAX]) -> (Self, Self) {
        let (mut x, mut y) = ([zero(); 4], [zero(); 4]);
        // SAFETY: eight places of 16 bits are read. Then each lane reads eight words at its place, which
        // the assertion has found to be in the table.
        unsafe {
            let places = _mm512_cvtepu16_epi64(_mm_loadu_si128(places.as_ptr().cast()));
            let outside = _mm512_cmpge_epu64_mask(places, constant(table.len() as i64));
            assert_eq!(outside, 0, "a digit has its place in the table");
            let words = left::<3>(places);
            let table: *const i64 = table.as_ptr().cast();
            for i in 0..4 {
                x[i] = _mm512_i64gather_epi64::<8>(words, table.add(i));
                y[i] = _mm512_i64gather_epi64::<8>(words, table.add(i + 4));
            }
        }
        (limbs(x), limbs(y))
    }

    #[inline(always)]
    fn pick(table: &[Self], places: &[u8; LANES_MAX]) -> Self {
        let mut picked = [zero(); 5];
        // SAFETY: eight places are read. Then each lane reads its word of the five limbs at its place,
        // which the assertion has found to be in the table: an element is 40 words, five times eight.
        unsafe {
            let places = _mm512_cvtepu8_epi64(_mm_loadl_epi64(places.as_ptr().cast()));
            let outside = _mm512_cmpge_epu64_mask(places, constant(table.len() as i64));
            assert_eq!(outside, 0, "a digit has its slot in the table");
            let lanes = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
            let words = add(add(left::<5>(places), left::<3>(places)), lanes);
            let table: *const i64 = table.as_ptr().cast();
            for (i, limb) in picked.iter_mut().enumerate() {
                *limb = _mm512_i64gather_epi64::<8>(words, table.add(8 * i));
            }
        }
        Self(picked)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        reduce(&multiply_add([zero(); 10], &self.0, &other.0))
    }

    #[inline(always)]
    fn square(self) -> Self {
        reduce(&square_columns(&self.0))
    }

    #[inline(always)]
    fn square_thrice(self) -> Self {
        let mut r = folded(&square_columns(&self.0));
        for column in &mut r {
            *column = scaled::<3>(*column);
        }
        finished(r)
    }

    #[inline(always)]
    fn mul_plus(self, other: Self, addend: Self::Wide) -> Self {
        let [a, b, c, d, e] = addend;
        let none = zero();
        let columns = [a, b, c, d, e, none, none, none, none, none];
        reduce(&multiply_add(columns, &self.0, &other.0))
    }

    #[inline(always)]
    fn square_plus(self, addend: Self::Wide) -> Self {
        let mut columns = square_columns(&self.0);
        for i in 0..5 {
            columns[i] = add(columns[i], addend[i]);
        }
        reduce(&columns)
    }

    #[inline(always)]
    fn dot(self, other: Self, third: Self, fourth: Self) -> Self {
        let first = multiply_add([zero(); 10], &self.0, &other.0);
        reduce(&multiply_add(first, &third.0, &fourth.0))
    }

    #[inline(always)]
    fn times<const FACTOR: u64>(self) -> Self::Wide {
        let mut limbs = self.0;
        for limb in &mut limbs {
            *limb = scaled::<FACTOR>(*limb);
        }
        limbs
    }

    #[inline(always)]
    fn minus<const FACTOR: u64>(self) -> Self::Wide {
        let mut limbs = self.0;
        for i in 0..5 {
            limbs[i] =
                subtract(constant((FACTOR as i64 + 1) * PRIME[i]), scaled::<FACTOR>(limbs[i]));
        }
        limbs
    }

    #[inline(always)]
    fn sum(left: Self::Wide, right: Self::Wide) -> Self::Wide {
        let mut limbs = left;
        for i in 0..5 {
            limbs[i] = add(limbs[i], right[i]);
        }
        limbs
    }

    #[inline(always)]
    fn shifted(self, count: u32) -> Self {
        // SAFETY: see above.
        let count = unsafe { _mm_cvtsi32_si128(count as i32) };
        let mut limbs = self.0;
        for limb in &mut limbs {
            // SAFETY: see above.
            *limb = unsafe { _mm512_sll_epi64(*limb, count) };
        }
        carried(limbs)
    }

    #[inline(always)]
    fn ready(wide: Self::Wide) -> Self {
        carried(wide)
    }

    #[inline(always)]
    fn normalize(self) -> Self {
        let (top, fold) = (constant(TOP), constant(FOLD));
        let mut limbs = self.0;
        // The first round leaves less than 2^256 + 2^40, the second less than 2^256. What is above has
        // four bits, so the product with 33 bits has no high half.
        for _ in 0..2 {
            let over = right::<48>(limbs[4]);
            limbs[4] = and(limbs[4], top);
            limbs[0] = low(limbs[0], over, fold);
            limbs = carried(limbs).0;
        }
        // At or above p, the sum with 2^256 - p has bit 256.
        let mut above = limbs;
        above[0] = add(above[0], fold);
        let mut above = carried(above).0;
        // SAFETY: see above.
        let is_above = unsafe { _mm512_cmpgt_epu64_mask(above[4], top) };
        above[4] = and(above[4], top);
        Self::select(is_above, Self(above), Self(limbs))
    }

    #[inline(always)]
    fn is_zero(self) -> __mmask8 {
        let [a, b, c, d, e] = self.0;
        let any = or(or(or(a, b), or(c, d)), e);
        // SAFETY: see above.
        unsafe { _mm512_testn_epi64_mask(any, any) }
    }

    #[inline(always)]
    fn is_odd(self) -> __mmask8 {
        // SAFETY: see above.
        unsafe { _mm512_test_epi64_mask(self.0[0], constant(1)) }
    }

    #[inline(always)]
    fn select(mask: __mmask8, yes: Self, no: Self) -> Self {
        let mut limbs = no.0;
        for i in 0..5 {
            // SAFETY: see above.
            limbs[i] = unsafe { _mm512_mask_blend_epi64(mask, no.0[i], yes.0[i]) };
        }
        Self(limbs)
    }

    #[inline(always)]
    fn mask(bits: u8) -> __mmask8 {
        bits
    }

    #[inline(always)]
    fn bits(mask: __mmask8) -> u8 {
        mask
    }
}

/// Small multiples, by shifts.
#[inline(always)]
fn scaled<const FACTOR: u64>(limb: __m512i) -> __m512i {
    match FACTOR {
        1 => limb,
        2 => left::<1>(limb),
        3 => add(left::<1>(limb), limb),
        4 => left::<2>(limb),
        8 => left::<3>(limb),
        _ => unreachable!(),
    }
}
