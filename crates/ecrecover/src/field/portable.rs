//! One element in scalar registers: five limbs of 52 bits, products of 128.

#![allow(clippy::needless_range_loop, reason = "a place counts in several arrays at once")]

use super::{Field, LANES_MAX, Stage, Words};
use crate::generator::Line;

/// One element. A limb of magnitude m is at most m (2^52 - 1), the highest at most m (2^48 + 2^9).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable([u64; 5]);

const LIMB: u64 = (1 << 52) - 1;
const TOP: u64 = (1 << 48) - 1;
/// The limbs of p.
const PRIME: [u64; 5] = [0xf_fffe_ffff_fc2f, LIMB, LIMB, LIMB, TOP];
/// 2^256 modulo p.
const FOLD: u64 = 0x1_0000_03d1;
/// 2^260 modulo p.
const FOLD_LIMBS: u64 = FOLD << 4;

/// The columns of a product: the sum over i + j = k of the products of limbs i and j.
type Columns = [u128; 9];

#[inline(always)]
const fn wide(left: u64, right: u64) -> u128 {
    left as u128 * right as u128
}

#[inline(always)]
fn columns(a: [u64; 5], b: [u64; 5]) -> Columns {
    [
        wide(a[0], b[0]),
        wide(a[0], b[1]) + wide(a[1], b[0]),
        wide(a[0], b[2]) + wide(a[1], b[1]) + wide(a[2], b[0]),
        wide(a[0], b[3]) + wide(a[1], b[2]) + wide(a[2], b[1]) + wide(a[3], b[0]),
        wide(a[0], b[4])
            + wide(a[1], b[3])
            + wide(a[2], b[2])
            + wide(a[3], b[1])
            + wide(a[4], b[0]),
        wide(a[1], b[4]) + wide(a[2], b[3]) + wide(a[3], b[2]) + wide(a[4], b[1]),
        wide(a[2], b[4]) + wide(a[3], b[3]) + wide(a[4], b[2]),
        wide(a[3], b[4]) + wide(a[4], b[3]),
        wide(a[4], b[4]),
    ]
}

#[inline(always)]
fn square_columns(a: [u64; 5]) -> Columns {
    let twice = [2 * a[0], 2 * a[1], 2 * a[2], 2 * a[3]];
    [
        wide(a[0], a[0]),
        wide(twice[0], a[1]),
        wide(twice[0], a[2]) + wide(a[1], a[1]),
        wide(twice[0], a[3]) + wide(twice[1], a[2]),
        wide(twice[0], a[4]) + wide(twice[1], a[3]) + wide(a[2], a[2]),
        wide(twice[1], a[4]) + wide(twice[2], a[3]),
        wide(twice[2], a[4]) + wide(a[3], a[3]),
        wide(twice[3], a[4]),
        wide(a[4], a[4]),
    ]
}

/// Reduces columns. Magnitudes 15 and 15 make each at most 5 * 225 * 2^104 < 2^115, and an addend of
/// magnitude 32 adds less than 2^58. Carried, the five high columns are limbs of 52 bits but the last,
/// which is below 2^(115 - 52 + 1); times a fold of 37 bits they stay below 2^102.
#[inline(always)]
fn reduce(c: &Columns, addend: [u64; 5]) -> Portable {
    let mut high = [0; 5];
    let mut carry = 0;
    for i in 0..4 {
        carry += c[5 + i];
        high[i] = carry as u64 & LIMB;
        carry >>= 52;
    }
    // A product of magnitude 225 is below 2^520, so what is left has 52 bits.
    high[4] = carry as u64;
    let mut low = [0_u128; 5];
    for i in 0..5 {
        low[i] = c[i] + wide(high[i], FOLD_LIMBS) + u128::from(addend[i]);
    }
    let mut limbs = [0; 5];
    let mut carry = 0;
    for i in 0..4 {
        carry += low[i];
        limbs[i] = carry as u64 & LIMB;
        carry >>= 52;
    }
    // What exceeds 2^256 comes back at the bottom: below 2^(115 - 48 + 1) times 2^33.
    carry += low[4];
    limbs[4] = carry as u64 & TOP;
    let over = (carry >> 48) as u64;
    let over_high = (carry >> 112) as u64;
    let bottom = wide(over, FOLD) + u128::from(limbs[0]);
    limbs[0] = bottom as u64 & LIMB;
    let second = (bottom >> 52) + u128::from(limbs[1]) + (wide(over_high, FOLD) << 12);
    limbs[1] = second as u64 & LIMB;
    // One more carry, of a few bits, may ripple through.
    limbs[2] += (second >> 52) as u64;
    limbs[3] += limbs[2] >> 52;
    limbs[2] &= LIMB;
    limbs[4] += limbs[3] >> 52;
    limbs[3] &= LIMB;
    Portable(limbs)
}

impl Field for Portable {
    const LANES: usize = 1;
    type Mask = bool;
    type Wide = Self;

    fn enter<S: Stage<Self>>(stage: S) -> S::Output {
        stage.run()
    }

    #[inline(always)]
    fn splat(w: &Words) -> Self {
        Self([
            w[0] & LIMB,
            (w[0] >> 52 | w[1] << 12) & LIMB,
            (w[1] >> 40 | w[2] << 24) & LIMB,
            (w[2] >> 28 | w[3] << 36) & LIMB,
            w[3] >> 16,
        ])
    }

    #[inline(always)]
    fn load(numbers: &[Words; LANES_MAX]) -> Self {
        Self::splat(&numbers[0])
    }

    #[inline(always)]
    fn store(self) -> [Words; LANES_MAX] {
        let limbs = self.0;
        let mut numbers = [[0; 4]; LANES_MAX];
        numbers[0] = [
            limbs[0] | limbs[1] << 52,
            limbs[1] >> 12 | limbs[2] << 40,
            limbs[2] >> 24 | limbs[3] << 28,
            limbs[3] >> 36 | limbs[4] << 16,
        ];
        numbers
    }

    #[inline(always)]
    fn gather(table: &[Line], places: &[u16; LANES_MAX]) -> (Self, Self) {
        let [a, b, c, d, e, f, g, h] = table[usize::from(places[0])].0;
        (Self::splat(&[a, b, c, d]), Self::splat(&[e, f, g, h]))
    }

    #[inline(always)]
    fn pick(table: &[Self], places: &[u8; LANES_MAX]) -> Self {
        table[usize::from(places[0])]
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        reduce(&columns(self.0, other.0), [0; 5])
    }

    #[inline(always)]
    fn square(self) -> Self {
        reduce(&square_columns(self.0), [0; 5])
    }

    #[inline(always)]
    fn square_thrice(self) -> Self {
        Self(self.0.map(|limb| 3 * limb)).mul(self)
    }

    #[inline(always)]
    fn mul_plus(self, other: Self, addend: Self) -> Self {
        reduce(&columns(self.0, other.0), addend.0)
    }

    #[inline(always)]
    fn square_plus(self, addend: Self) -> Self {
        reduce(&square_columns(self.0), addend.0)
    }

    #[inline(always)]
    fn dot(self, other: Self, third: Self, fourth: Self) -> Self {
        let mut sum = columns(self.0, other.0);
        let more = columns(third.0, fourth.0);
        for i in 0..9 {
            sum[i] += more[i];
        }
        reduce(&sum, [0; 5])
    }

    #[inline(always)]
    fn times<const FACTOR: u64>(self) -> Self {
        Self(self.0.map(|limb| FACTOR * limb))
    }

    #[inline(always)]
    fn minus<const FACTOR: u64>(self) -> Self {
        let mut limbs = [0; 5];
        for i in 0..5 {
            limbs[i] = (FACTOR + 1) * PRIME[i] - FACTOR * self.0[i];
        }
        Self(limbs)
    }

    #[inline(always)]
    fn sum(left: Self, right: Self) -> Self {
        let mut limbs = [0; 5];
        for i in 0..5 {
            limbs[i] = left.0[i] + right.0[i];
        }
        Self(limbs)
    }

    #[inline(always)]
    fn shifted(self, count: u32) -> Self {
        Self(self.0.map(|limb| limb << count))
    }

    #[inline(always)]
    fn ready(wide: Self) -> Self {
        wide
    }

    #[inline(always)]
    fn normalize(self) -> Self {
        let mut limbs = self.0;
        // The first round leaves less than 2^256 + 2^40, the second less than 2^256.
        for _ in 0..2 {
            let over = limbs[4] >> 48;
            limbs[4] &= TOP;
            limbs[0] += over * FOLD;
            carry(&mut limbs);
        }
        // At or above p, the sum with 2^256 - p has bit 256.
        let mut above = limbs;
        above[0] += FOLD;
        carry(&mut above);
        if above[4] > TOP {
            above[4] &= TOP;
            limbs = above;
        }
        Self(limbs)
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        self.0 == [0; 5]
    }

    #[inline(always)]
    fn is_odd(self) -> bool {
        self.0[0] & 1 == 1
    }

    #[inline(always)]
    fn select(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }

    #[inline(always)]
    fn mask(bits: u8) -> bool {
        bits & 1 == 1
    }

    #[inline(always)]
    fn bits(mask: bool) -> u8 {
        mask.into()
    }
}

#[inline(always)]
fn carry(limbs: &mut [u64; 5]) {
    for i in 0..4 {
        limbs[i + 1] += limbs[i] >> 52;
        limbs[i] &= LIMB;
    }
}
