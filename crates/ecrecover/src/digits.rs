//! How scalars are written in digits.
//!
//! The multiple of R: with the endomorphism (x, y) -> (beta x, y), which multiplies a point by lambda
//! where lambda^2 + lambda + 1 = 0, u2 is split into a + b lambda with a and b of 128 bits (Gallant,
//! Lambert and Vanstone, CRYPTO 2001; the constants are libsecp256k1's). The pair is then one number
//! of the ring Z\[lambda\], the Eisenstein integers, and is written in base 8 with digits of that ring:
//! of each of the 64 classes modulo 8 the digit is a member that lies nearest to zero. The ring has six
//! units, plus and minus 1, lambda and lambda^2, and multiplying a point by a unit is nearly free, so
//! the 63 digits that are not zero need [`ENTRIES`] = 11 multiples of R: one addition for three bits of
//! both halves, where two separate windows with 8 multiples make one for two.
//!
//! The multiple of G: digits in windows of [`GENERATOR_BITS`] bits, all odd, so that none is zero.

use crate::{
    field::{LANES_MAX, Words},
    scalar::{ORDER, Scalar, add_carry, add_words, multiply_words},
};

/// Multiples of R in its table, up to units.
pub(crate) const ENTRIES: usize = 11;
/// Places for entries in a table, of which [`ENTRIES`] are taken: a power of two.
pub(crate) const ROW: usize = 16;
/// Digits of a pair.
pub(crate) const PAIR_DIGITS: usize = 43;
/// The bits of a pair's digit.
pub(crate) const PAIR_BITS: usize = 3;
/// The bits of a window of G.
pub(crate) const GENERATOR_BITS: usize = 13;
/// Windows of each half of the multiple of G.
pub(crate) const GENERATOR_DIGITS: usize = 10;
/// Odd multiples of G that a window needs, up to the sign.
pub(crate) const GENERATOR_ENTRIES: usize = 1 << (GENERATOR_BITS - 1);

/// a + b lambda.
type Pair = (i64, i64);

/// The multiples of R in its table, in its order.
pub(crate) const MULTIPLES: [Pair; ENTRIES] =
    [(1, 0), (2, 0), (1, -1), (3, 0), (3, 1), (2, -1), (4, 0), (2, -2), (3, -1), (4, 1), (5, 2)];

/// lambda (a + b lambda), where lambda^2 = -1 - lambda.
const fn rotate((a, b): Pair) -> Pair {
    (-b, a - b)
}

/// A digit's entry, in the low four bits.
pub(crate) const ENTRY: u8 = 0x0f;
/// By which power of lambda the entry is multiplied, in the next two.
pub(crate) const ROTATION: u8 = 0x30;
/// Whether it is negative.
pub(crate) const NEGATIVE: u8 = 0x40;
/// The digit is zero; the rest of it means nothing.
pub(crate) const ZERO: u8 = 0x80;

/// A digit, and what is carried to the next: one of nine states, three for each of the halves.
#[derive(Clone, Copy)]
struct Step {
    digit: u8,
    next: u8,
}

const STATE_ZERO: u8 = 4;

/// The steps by state and by three bits of a and of b.
const STEPS: [[Step; 64]; 9] = steps();

const fn steps() -> [[Step; 64]; 9] {
    let mut steps = [[Step { digit: ZERO, next: 0 }; 64]; 9];
    let mut state = 0;
    while state < 9 {
        let mut bits = 0;
        while bits < 64 {
            let a = (bits & 7) as i64 + state as i64 % 3 - 1;
            let b = (bits >> 3) as i64 + state as i64 / 3 - 1;
            steps[state][bits] = step(a, b);
            bits += 1;
        }
        state += 1;
    }
    steps
}

/// The digit of the class of a + b lambda, both from -1 to 8.
const fn step(a: i64, b: i64) -> Step {
    if a % 8 == 0 && b % 8 == 0 {
        return Step { digit: ZERO, next: state(a / 8, b / 8) };
    }
    // Each class has an entry: otherwise this does not compile.
    let mut entry = 0;
    while entry < ENTRIES {
        let mut multiple = MULTIPLES[entry];
        let mut rotation = 0;
        while rotation < 3 {
            let mut sign = 1;
            while sign >= -1 {
                let (c, d) = (sign * multiple.0, sign * multiple.1);
                if (a - c) % 8 == 0 && (b - d) % 8 == 0 {
                    let place = (ROW * rotation + entry) as u8;
                    let digit = if sign < 0 { place | NEGATIVE } else { place };
                    return Step { digit, next: state((a - c) / 8, (b - d) / 8) };
                }
                sign -= 2;
            }
            multiple = rotate(multiple);
            rotation += 1;
        }
        entry += 1;
    }
    unreachable!()
}

const fn state(a: i64, b: i64) -> u8 {
    assert!(-1 <= a && a <= 1 && -1 <= b && b <= 1, "no more is carried");
    (a + 1 + 3 * (b + 1)) as u8
}

/// The digits of one multiple of R, lowest first. `None` if it has more, which happens at the corners
/// of the area in which `split` leaves its pairs, and hardly ever.
#[inline(always)]
pub(crate) fn pair_digits(scalar: &Scalar) -> Option<[u8; PAIR_DIGITS]> {
    let (a, b) = split(scalar);
    let (a_parts, b_parts) = (parts(&a), parts(&b));
    let mut digits = [ZERO; PAIR_DIGITS];
    let mut state = STATE_ZERO;
    for part in 0..3 {
        let (mut a_part, mut b_part) = (a_parts[part], b_parts[part]);
        let digits_end = PAIR_DIGITS.min(21 * part + 21);
        for digit in &mut digits[21 * part..digits_end] {
            let bits = (a_part & 7) | (b_part & 7) << 3;
            let step = STEPS[usize::from(state)][bits as usize];
            (*digit, state) = (step.digit, step.next);
            a_part >>= 3;
            b_part >>= 3;
        }
    }
    // What the digits leave over is the carry minus the sign, in each half; it must be zero.
    let is_whole = state == (1 + (a[2] >> 63) + 3 * (1 + (b[2] >> 63))) as u8;
    is_whole.then_some(digits)
}

/// 129 bits of a number of 192, in parts of 63, of which each holds 21 digits.
#[inline(always)]
const fn parts(number: &[u64; 3]) -> [u64; 3] {
    const PART: u64 = u64::MAX >> 1;
    [
        number[0] & PART,
        (number[0] >> 63 | number[1] << 1) & PART,
        (number[1] >> 62 | number[2] << 2) & 7,
    ]
}

/// Splits u2 into a + b lambda modulo n, each half in two's complement and below 2^128 without its
/// sign. libsecp256k1, `scalar_impl.h`, proves the bounds and derives the constants: the lattice of the
/// pairs that are zero modulo n has the basis (a1, -b1), (a2, a1), and the two products are the
/// coordinates of (u2, 0) in it, rounded.
#[inline(always)]
fn split(scalar: &Scalar) -> ([u64; 3], [u64; 3]) {
    const G1: Words = [
        0xe893_209a_45db_b031,
        0x3daa_8a14_71e8_ca7f,
        0xe86c_90e4_9284_eb15,
        0x3086_d221_a7d4_6bcd,
    ];
    const G2: Words = [
        0x1571_b4ae_8ac4_7f71,
        0x2212_08ac_9df5_06c6,
        0x6f54_7fa9_0abf_e4c4,
        0xe443_7ed6_010e_8828,
    ];
    const A1: [u64; 3] = [0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd, 0];
    const A2: [u64; 3] = [0x57c1_108d_9d44_cfd8, 0x14ca_50f7_a8e2_f3f6, 1];
    const MINUS_B1: [u64; 3] = [0x6f54_7fa9_0abf_e4c3, 0xe443_7ed6_010e_8828, 0];
    let words = scalar.words();
    let c1 = upper_third(&multiply_words(words, &G1));
    let c2 = upper_third(&multiply_words(words, &G2));
    // Both results fit, so it is enough to compute modulo 2^192.
    let a = subtract_low(&[words[0], words[1], words[2]], &multiply_low(c1, &A1));
    let a = subtract_low(&a, &multiply_low(c2, &A2));
    let b = subtract_low(&multiply_low(c1, &MINUS_B1), &multiply_low(c2, &A1));
    (a, b)
}

/// The product divided by 2^384 and rounded.
#[inline(always)]
const fn upper_third(product: &[u64; 8]) -> [u64; 2] {
    let (low, carry) = add_carry(product[6], product[5] >> 63, 0);
    // Both constants are below 2^256 - 2^192, so this does not overflow.
    [low, product[7] + carry]
}

#[inline(always)]
fn multiply_low(left: [u64; 2], right: &[u64; 3]) -> [u64; 3] {
    let whole = multiply_words(&[left[0], left[1], 0, 0], &[right[0], right[1], right[2], 0]);
    [whole[0], whole[1], whole[2]]
}

#[inline(always)]
const fn subtract_low(left: &[u64; 3], right: &[u64; 3]) -> [u64; 3] {
    let (low, borrow) = left[0].overflowing_sub(right[0]);
    let (middle, borrow_first) = left[1].overflowing_sub(right[1]);
    let (middle, borrow_second) = middle.overflowing_sub(borrow as u64);
    let high = left[2].wrapping_sub(right[2]);
    [low, middle, high.wrapping_sub((borrow_first || borrow_second) as u64)]
}

/// The digits of one multiple of G: for both halves and each window the place in the table and, in the
/// highest bit, the sign.
pub(crate) type GeneratorDigits = [[u16; GENERATOR_DIGITS]; 2];
/// The sign of a digit of G.
pub(crate) const GENERATOR_NEGATIVE: u16 = 1 << 15;

/// Writes u1 in 20 odd digits d_i of 13 bits. The number is made odd by adding n where it is even. Then
/// with L = 260 it is the sum over i < L of (2 b_i - 1) 2^i, where b_i are the bits of
/// (number + 2^L - 1) / 2; a window of 13 such terms is odd, and at most 2^13 - 1 without its sign.
#[inline(always)]
pub(crate) fn generator_digits(scalar: &Scalar) -> GeneratorDigits {
    const BITS: usize = 2 * GENERATOR_BITS * GENERATOR_DIGITS;
    const { assert!(BITS >= 258 && BITS <= 320, "all bits have a window") };
    let words = *scalar.words();
    let (odd, high) = if words[0] & 1 == 1 { (words, 0) } else { add_words(&words, &ORDER) };
    // The number is odd, so (number - 1) / 2 is a shift.
    let bits = [
        odd[0] >> 1 | odd[1] << 63,
        odd[1] >> 1 | odd[2] << 63,
        odd[2] >> 1 | odd[3] << 63,
        odd[3] >> 1 | high << 63,
        1 << (BITS - 1 - 256),
        0,
    ];
    let mut digits = [[0; GENERATOR_DIGITS]; 2];
    for (half, digits) in digits.iter_mut().enumerate() {
        for (window, digit) in digits.iter_mut().enumerate() {
            let at = GENERATOR_BITS * (half * GENERATOR_DIGITS + window);
            let pair = u128::from(bits[at / 64]) | u128::from(bits[at / 64 + 1]) << 64;
            let value = (pair >> (at % 64)) as usize & (2 * GENERATOR_ENTRIES - 1);
            *digit = if value >= GENERATOR_ENTRIES {
                (value - GENERATOR_ENTRIES) as u16
            } else {
                (GENERATOR_ENTRIES - 1 - value) as u16 | GENERATOR_NEGATIVE
            };
        }
    }
    digits
}

/// The digits of as many signatures as there are lanes, one digit of all lanes after the other.
#[derive(Clone)]
pub(crate) struct LaneDigits {
    pub(crate) pair: [[u8; LANES_MAX]; PAIR_DIGITS],
    pub(crate) generator: [[[u16; LANES_MAX]; GENERATOR_DIGITS]; 2],
}

impl LaneDigits {
    pub(crate) const EMPTY: Self = Self {
        pair: [[ZERO; LANES_MAX]; PAIR_DIGITS],
        generator: [[[0; LANES_MAX]; GENERATOR_DIGITS]; 2],
    };

    #[inline(always)]
    pub(crate) fn set(
        &mut self,
        lane: usize,
        pair: &[u8; PAIR_DIGITS],
        generator: &GeneratorDigits,
    ) {
        for (all, digit) in self.pair.iter_mut().zip(pair) {
            all[lane] = *digit;
        }
        for (all, digits) in self.generator.iter_mut().zip(generator) {
            for (all, digit) in all.iter_mut().zip(digits) {
                all[lane] = *digit;
            }
        }
    }
}
