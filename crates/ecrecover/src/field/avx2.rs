//! Four elements in the registers of AVX2: ten limbs of 26 bits, in words of 64, multiplied by
//! `vpmuludq`, which multiplies the low 32 bits of its operands.
//!
//! Bounds: in a factor all limbs are below 2^31. In a reduced element they are below 2^26, but the third
//! is below 2^26 + 3 * 2^21, and the highest below 2^22. In a sum of magnitude m they are m times as much,
//! at most. So sums are factors as they are.

#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "a place counts in several arrays at once")]

use super::{Field, LANES_MAX, Stage, Words};
use crate::generator::Line;
use std::arch::x86_64::*;

/// Four elements, limb by limb.
#[derive(Clone, Copy)]
pub(crate) struct Avx2([__m256i; 10]);

const LIMB: i64 = (1 << 26) - 1;
const TOP: i64 = (1 << 22) - 1;
/// The limbs of p.
const PRIME: [i64; 10] = [0x3ff_fc2f, 0x3ff_ffbf, LIMB, LIMB, LIMB, LIMB, LIMB, LIMB, LIMB, TOP];
/// 2^256 modulo p is 2^32 + 977: a number at the first limb, and a shift at the second.
const FOLD: i64 = 977;
const FOLD_SHIFT: i32 = 6;
/// 2^260 modulo p is sixteen times as much.
const FOLD_LIMBS: i64 = FOLD << 4;
const FOLD_LIMBS_SHIFT: i32 = FOLD_SHIFT + 4;

/// The columns of a product: the sum over i + j = k of the products of limbs i and j.
type Columns = [__m256i; 19];

// In all that follows the intrinsics need AVX2.
// SAFETY of each `unsafe` block but those with a word of their own: the functions are called in
// `Stage::run` alone, which `Field::enter` calls, and whoever calls that for `Avx2` has made sure that
// the processor has it (`Lanes::is_available`). The intrinsics touch no memory.

#[inline(always)]
fn constant(number: i64) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_set1_epi64x(number) }
}

#[inline(always)]
fn zero() -> __m256i {
    constant(0)
}

#[inline(always)]
fn add(left: __m256i, right: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_add_epi64(left, right) }
}

#[inline(always)]
fn subtract(left: __m256i, right: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_sub_epi64(left, right) }
}

#[inline(always)]
fn multiply(left: __m256i, right: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_mul_epu32(left, right) }
}

#[inline(always)]
fn and(left: __m256i, right: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_and_si256(left, right) }
}

#[inline(always)]
fn or(left: __m256i, right: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_or_si256(left, right) }
}

#[inline(always)]
fn right<const BITS: i32>(words: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_srli_epi64::<BITS>(words) }
}

#[inline(always)]
fn left<const BITS: i32>(words: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_slli_epi64::<BITS>(words) }
}

/// All bits of a lane where they are equal.
#[inline(always)]
fn equal(left: __m256i, right: __m256i) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_cmpeq_epi64(left, right) }
}

/// The sum over i + j = K of the products of limbs i and j.
#[inline(always)]
fn column<const K: usize>(a: &[__m256i; 10], b: &[__m256i; 10]) -> __m256i {
    let mut sum = zero();
    for i in 0..10 {
        if i <= K && K - i < 10 {
            sum = add(sum, multiply(a[i], b[K - i]));
        }
    }
    sum
}

/// The same where both factors are one.
#[inline(always)]
fn square_column<const K: usize>(a: &[__m256i; 10]) -> __m256i {
    let mut sum = zero();
    for i in 0..10 {
        if 2 * i < K && K - i < 10 {
            sum = add(sum, multiply(a[i], a[K - i]));
        }
    }
    sum = add(sum, sum);
    if K.is_multiple_of(2) { add(sum, multiply(a[K / 2], a[K / 2])) } else { sum }
}

/// All columns, of which each is one expression.
macro_rules! columns {
    ($column:ident $arguments:tt) => {
        columns!($column $arguments; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18)
    };
    ($column:ident $arguments:tt; $($k:literal)*) => { [$($column::<$k> $arguments),*] };
}

/// Reduces columns and an addend. Ten products of magnitudes whose product is below 225, the third limb
/// a tenth larger, are below 10 * 225 * 2^52 * 1.1 < 2^63.4; the rest of what is added is below 2^60.
#[inline(always)]
fn reduce(c: &Columns, addend: &Avx2) -> Avx2 {
    let mask = constant(LIMB);
    // The high columns become limbs. The product is below 2^520, so the last has 26 bits.
    let mut high = [zero(); 10];
    let mut carry = zero();
    for i in 0..9 {
        let sum = add(c[10 + i], carry);
        high[i] = and(sum, mask);
        carry = right::<26>(sum);
    }
    high[9] = carry;
    // Each counts 2^260 as much as the low one ten below.
    let fold = constant(FOLD_LIMBS);
    let mut low = [zero(); 10];
    let mut carry = zero();
    for i in 0..10 {
        let mut sum = add(add(c[i], addend.0[i]), add(carry, multiply(high[i], fold)));
        if i > 0 {
            sum = add(sum, left::<FOLD_LIMBS_SHIFT>(high[i - 1]));
        }
        if i < 9 {
            low[i] = and(sum, mask);
            carry = right::<26>(sum);
        } else {
            low[9] = sum;
        }
    }
    // What is above 2^256: 42 bits of the last column, and what the last high limb adds beyond it.
    let over = add(right::<22>(low[9]), left::<{ FOLD_LIMBS_SHIFT + 4 }>(high[9]));
    low[9] = and(low[9], constant(TOP));
    let (over, beyond) = (and(over, mask), right::<26>(over));
    let fold = constant(FOLD);
    let first = add(low[0], multiply(over, fold));
    let second = add(add(low[1], left::<FOLD_SHIFT>(over)), multiply(beyond, fold));
    let second = add(second, right::<26>(first));
    // What is above 2^256 is below 2^42, beyond thus below 2^16 and below 2^22 after the shift; the carry
    // has seven bits.
    let third = add(add(low[2], left::<FOLD_SHIFT>(beyond)), right::<26>(second));
    (low[0], low[1], low[2]) = (and(first, mask), and(second, mask), third);
    Avx2(low)
}

// A product has some five hundred instructions. Copied to each place that multiplies, they would not fit
// into the cache of instructions.

#[inline(never)]
#[target_feature(enable = "avx2")]
fn product(a: &Avx2, b: &Avx2, addend: &Avx2) -> Avx2 {
    reduce(&columns!(column(&a.0, &b.0)), addend)
}

#[inline(never)]
#[target_feature(enable = "avx2")]
fn square(a: &Avx2, addend: &Avx2) -> Avx2 {
    reduce(&columns!(square_column(&a.0)), addend)
}

#[inline(never)]
#[target_feature(enable = "avx2")]
fn dot(a: &Avx2, b: &Avx2, c: &Avx2, d: &Avx2) -> Avx2 {
    let mut columns: Columns = columns!(column(&a.0, &b.0));
    let others: Columns = columns!(column(&c.0, &d.0));
    for (column, other) in columns.iter_mut().zip(others) {
        *column = add(*column, other);
    }
    reduce(&columns, &Avx2([zero(); 10]))
}

/// Carries from limb to limb, the highest taking what there is.
#[inline(always)]
fn carried(mut limbs: [__m256i; 10]) -> [__m256i; 10] {
    let mask = constant(LIMB);
    for i in 0..9 {
        limbs[i + 1] = add(limbs[i + 1], right::<26>(limbs[i]));
        limbs[i] = and(limbs[i], mask);
    }
    limbs
}

/// Limbs of words.
#[inline(always)]
fn limbs(w: [__m256i; 4]) -> Avx2 {
    let limbs = [
        w[0],
        right::<26>(w[0]),
        or(right::<52>(w[0]), left::<12>(w[1])),
        right::<14>(w[1]),
        or(right::<40>(w[1]), left::<24>(w[2])),
        right::<2>(w[2]),
        right::<28>(w[2]),
        or(right::<54>(w[2]), left::<10>(w[3])),
        right::<16>(w[3]),
        right::<42>(w[3]),
    ];
    let mut masked = limbs;
    for limb in &mut masked {
        *limb = and(*limb, constant(LIMB));
    }
    Avx2(masked)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn enter<S: Stage<Avx2>>(stage: S) -> S::Output {
    stage.run()
}

impl Field for Avx2 {
    const LANES: usize = 4;
    type Mask = __m256i;
    type Wide = Self;

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
            let lanes = [n[0][i], n[1][i], n[2][i], n[3][i]];
            // SAFETY: the array has the four words that are read, which need not be aligned.
            *word = unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) };
        }
        limbs(words)
    }

    #[inline(always)]
    fn store(self) -> [Words; LANES_MAX] {
        let [a, b, c, d, e, f, g, h, i, j] = self.0;
        let words = [
            or(or(a, left::<26>(b)), left::<52>(c)),
            or(or(right::<12>(c), left::<14>(d)), left::<40>(e)),
            or(or(right::<24>(e), left::<2>(f)), or(left::<28>(g), left::<54>(h))),
            or(or(right::<10>(h), left::<16>(i)), left::<42>(j)),
        ];
        let mut numbers = [[0; 4]; LANES_MAX];
        for (i, word) in words.into_iter().enumerate() {
            let mut lanes = [0_u64; 4];
            // SAFETY: the array has room for the four words that are written.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), word) };
            for lane in 0..4 {
                numbers[lane][i] = lanes[lane];
            }
        }
        numbers
    }

    #[inline(always)]
    fn gather(table: &[Line], places: &[u16; LANES_MAX]) -> (Self, Self) {
        let (mut x, mut y) = ([[0; 4]; LANES_MAX], [[0; 4]; LANES_MAX]);
        for lane in 0..4 {
            let [a, b, c, d, e, f, g, h] = table[usize::from(places[lane])].0;
            (x[lane], y[lane]) = ([a, b, c, d], [e, f, g, h]);
        }
        (Self::load(&x), Self::load(&y))
    }

    #[inline(always)]
    fn pick(table: &[Self], places: &[u8; LANES_MAX]) -> Self {
        let mut picked = [zero(); 10];
        for place in &places[..4] {
            assert!(usize::from(*place) < table.len(), "a digit has its slot in the table");
        }
        let word = |lane: usize| 40 * i64::from(places[lane]) + lane as i64;
        let words = [word(0), word(1), word(2), word(3)];
        // SAFETY: the array has the four words that are read. Then each lane reads its word of the ten
        // limbs at its place, which is in the table: an element is 40 words, ten times four.
        unsafe {
            let words = _mm256_loadu_si256(words.as_ptr().cast());
            let table: *const i64 = table.as_ptr().cast();
            for (i, limb) in picked.iter_mut().enumerate() {
                *limb = _mm256_i64gather_epi64::<8>(table.add(4 * i), words);
            }
        }
        Self(picked)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.mul_plus(other, Self([zero(); 10]))
    }

    #[inline(always)]
    fn square(self) -> Self {
        self.square_plus(Self([zero(); 10]))
    }

    #[inline(always)]
    fn square_thrice(self) -> Self {
        Self::times::<3>(self).mul(self)
    }

    #[inline(always)]
    fn mul_plus(self, other: Self, addend: Self) -> Self {
        // SAFETY: see above.
        unsafe { product(&self, &other, &addend) }
    }

    #[inline(always)]
    fn square_plus(self, addend: Self) -> Self {
        // SAFETY: see above.
        unsafe { square(&self, &addend) }
    }

    #[inline(always)]
    fn dot(self, other: Self, third: Self, fourth: Self) -> Self {
        // SAFETY: see above.
        unsafe { dot(&self, &other, &third, &fourth) }
    }

    #[inline(always)]
    fn times<const FACTOR: u64>(self) -> Self {
        let mut limbs = self.0;
        for limb in &mut limbs {
            *limb = scaled::<FACTOR>(*limb);
        }
        Self(limbs)
    }

    #[inline(always)]
    fn minus<const FACTOR: u64>(self) -> Self {
        let mut limbs = self.0;
        for i in 0..10 {
            limbs[i] =
                subtract(constant((FACTOR as i64 + 1) * PRIME[i]), scaled::<FACTOR>(limbs[i]));
        }
        Self(limbs)
    }

    #[inline(always)]
    fn sum(left: Self, right: Self) -> Self {
        let mut limbs = left.0;
        for i in 0..10 {
            limbs[i] = add(limbs[i], right.0[i]);
        }
        Self(limbs)
    }

    #[inline(always)]
    fn shifted(self, count: u32) -> Self {
        // SAFETY: see above.
        let count = unsafe { _mm_cvtsi32_si128(count as i32) };
        let mut limbs = self.0;
        for limb in &mut limbs {
            // SAFETY: see above.
            *limb = unsafe { _mm256_sll_epi64(*limb, count) };
        }
        Self(limbs)
    }

    #[inline(always)]
    fn ready(wide: Self) -> Self {
        wide
    }

    #[inline(always)]
    fn normalize(self) -> Self {
        let (top, fold) = (constant(TOP), constant(FOLD));
        let mut limbs = carried(self.0);
        // The first round leaves less than 2^256 + 2^40, the second less than 2^256.
        for _ in 0..2 {
            let over = right::<22>(limbs[9]);
            limbs[9] = and(limbs[9], top);
            limbs[0] = add(limbs[0], multiply(over, fold));
            limbs[1] = add(limbs[1], left::<FOLD_SHIFT>(over));
            limbs = carried(limbs);
        }
        // At or above p, the sum with 2^256 - p has bit 256.
        let mut above = limbs;
        above[0] = add(above[0], fold);
        above[1] = add(above[1], constant(1 << FOLD_SHIFT));
        let mut above = carried(above);
        let is_below = equal(right::<22>(above[9]), zero());
        above[9] = and(above[9], top);
        Self::select(is_below, Self(limbs), Self(above))
    }

    #[inline(always)]
    fn is_zero(self) -> __m256i {
        let mut any = self.0[0];
        for limb in &self.0[1..] {
            any = or(any, *limb);
        }
        equal(any, zero())
    }

    #[inline(always)]
    fn is_odd(self) -> __m256i {
        equal(and(self.0[0], constant(1)), constant(1))
    }

    #[inline(always)]
    fn select(mask: __m256i, yes: Self, no: Self) -> Self {
        let mut limbs = no.0;
        for i in 0..10 {
            // SAFETY: see above.
            limbs[i] = unsafe { _mm256_blendv_epi8(no.0[i], yes.0[i], mask) };
        }
        Self(limbs)
    }

    #[inline(always)]
    fn mask(bits: u8) -> __m256i {
        // SAFETY: see above.
        let lanes = unsafe { _mm256_set_epi64x(8, 4, 2, 1) };
        equal(and(constant(bits.into()), lanes), lanes)
    }

    #[inline(always)]
    fn bits(mask: __m256i) -> u8 {
        // SAFETY: see above. There are four lanes.
        unsafe { _mm256_movemask_pd(_mm256_castsi256_pd(mask)) as u8 }
    }
}

/// Small multiples, by shifts.
#[inline(always)]
fn scaled<const FACTOR: u64>(limb: __m256i) -> __m256i {
    match FACTOR {
        1 => limb,
        2 => left::<1>(limb),
        3 => add(left::<1>(limb), limb),
        4 => left::<2>(limb),
        8 => left::<3>(limb),
        _ => unreachable!(),
    }
}
