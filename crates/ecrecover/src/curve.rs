//! Points of the curve y^2 = x^3 + 7, in lanes.
//!
//! # Why no result can be wrong unnoticed
//!
//! A point (X, Y, Z) stands for (X / Z^2, Y / Z^3); infinity has Z = 0. The formulas are incomplete:
//! adding a point to itself, to its opposite or to infinity gives a triple that stands for nothing. But
//! in each of these cases, and in no other, the new Z is zero modulo p:
//!
//! - [`Jacobian::add`] makes Z3 = Z1 H, where H = x2 Z1^2 - X1 is zero exactly if both points have the
//!   same abscissa. The formula is the generic one, and right, wherever Z1 and H are not zero.
//! - [`Jacobian::double`] makes Z3 = 2 Y1 Z1. Doubling is right wherever Z1 is not zero, and no point
//!   has y = 0: its order would be two, and the order of the curve is an odd prime.
//!
//! So once Z is zero, it stays zero, and if it is not zero at the end, all steps before were right, by
//! induction from the start, a point of the curve. A lane whose Z is zero at the end is computed anew by
//! libsecp256k1. That is also the fate of those whose true result is infinity.
//!
//! # Where the formulas are from
//!
//! Bernstein's and Lange's Explicit-Formulas Database, short Weierstrass curves with a4 = 0, Jacobian
//! coordinates: doubling by 3 products and 4 squares, mixed addition by 8 and 3. Sums are folded into
//! products, so that few have to be carried on their own.

use crate::field::{Field, ONE, Words};

/// The generator G.
pub(crate) const GENERATOR: (Words, Words) = (
    [0x59f2_815b_16f8_1798, 0x029b_fcdb_2dce_28d9, 0x55a0_6295_ce87_0b07, 0x79be_667e_f9dc_bbac],
    [0x9c47_d08f_fb10_d4b8, 0xfd17_b448_a685_5419, 0x5da4_fbfc_0e11_08a8, 0x483a_da77_26a3_c465],
);

/// A third root of one modulo p: (BETA x, y) is lambda (x, y).
pub(crate) const BETA: Words =
    [0xc139_6c28_7195_01ee, 0x9cf0_4975_12f5_8995, 0x6e64_479e_ac34_34e9, 0x7ae9_6a2b_657c_0710];

/// A point that is not infinity. Both coordinates are reduced, or are factors of magnitude 4 at most.
#[derive(Clone, Copy)]
pub(crate) struct Affine<F> {
    pub(crate) x: F,
    pub(crate) y: F,
}

impl<F: Field> Affine<F> {
    #[inline(always)]
    pub(crate) fn generator() -> Self {
        Self { x: F::splat(&GENERATOR.0), y: F::splat(&GENERATOR.1) }
    }

    /// Minus the point where the mask is set; y must be reduced, and is a factor of magnitude 2 after.
    #[inline(always)]
    pub(crate) fn negate_where(self, mask: F::Mask) -> Self {
        Self { x: self.x, y: F::select(mask, F::ready(self.y.minus::<1>()), self.y) }
    }

    /// x^3 + 7, which is y^2 on the curve; x must be reduced, and so is this.
    #[inline(always)]
    pub(crate) fn right_side(x: F) -> F {
        x.square().mul_plus(x, F::splat(&[7, 0, 0, 0]).times::<1>())
    }

    /// Twice the point, where `inverse` is that of 2y; all of it reduced.
    #[inline(always)]
    pub(crate) fn double(&self, inverse: F) -> Self {
        let slope = F::ready(self.x.square().times::<3>()).mul(inverse);
        let x = slope.square_plus(self.x.minus::<2>());
        self.on_line(slope, x)
    }

    /// The sum of both points, where `inverse` is that of `other.x - self.x`; all of it reduced.
    #[inline(always)]
    pub(crate) fn add(&self, other: &Self, inverse: F) -> Self {
        let slope = F::ready(F::sum(other.y.times::<1>(), self.y.minus::<1>())).mul(inverse);
        let x = slope.square_plus(F::sum(self.x.minus::<1>(), other.x.minus::<1>()));
        self.on_line(slope, x)
    }

    #[inline(always)]
    fn on_line(&self, slope: F, x: F) -> Self {
        let run = F::ready(F::sum(self.x.times::<1>(), x.minus::<1>()));
        Self { x, y: slope.mul_plus(run, self.y.minus::<1>()) }
    }

    /// `other.x - self.x`, a factor of magnitude 3.
    #[inline(always)]
    pub(crate) fn run_to(&self, other: &Self) -> F {
        F::ready(F::sum(other.x.times::<1>(), self.x.minus::<1>()))
    }
}

/// A point with a common denominator. X and Y are reduced, Z has magnitude 8 at most.
#[derive(Clone, Copy)]
pub(crate) struct Jacobian<F> {
    pub(crate) x: F,
    pub(crate) y: F,
    pub(crate) z: F,
}

impl<F: Field> Jacobian<F> {
    #[inline(always)]
    pub(crate) fn from_affine(point: &Affine<F>) -> Self {
        Self { x: point.x, y: point.y, z: F::splat(&ONE) }
    }

    /// Doubles the point `count` times, at most three times.
    ///
    /// Z3 = 2 Y1 Z1, but the twos are multiplied into it all together at the end: nothing else reads
    /// Z meanwhile. Z times Y is reduced, and eight times that has magnitude 8.
    #[inline(always)]
    pub(crate) fn double(&mut self, count: u32) {
        if count == 0 {
            return;
        }
        for _ in 0..count {
            let xx = self.x.square();
            let yy = self.y.square();
            // A quarter of S in the database's formula.
            let quarter = self.x.mul(yy);
            let slope = F::ready(xx.times::<3>()); // 3
            let x = slope.square_plus(quarter.minus::<8>()); // addend 16
            let run = F::ready(F::sum(quarter.times::<4>(), x.minus::<1>())); // 4 + 2
            let y = slope.mul_plus(run, yy.square().minus::<8>()); // 3 * 6, addend 16
            *self = Self { x, y, z: self.y.mul(self.z) };
        }
        self.z = self.z.shifted(count);
    }

    /// Adds `point`, negated where the mask is set. The magnitudes stand behind the lines; the largest
    /// product of two is Z times H, 8 * 3.
    #[inline(always)]
    pub(crate) fn add(&mut self, point: &Affine<F>, is_negative: F::Mask) {
        let zz = self.z.square();
        let zzz = zz.mul(self.z);
        let u = point.x.mul(zz);
        let s = point.y.mul(zzz);
        let h = F::ready(F::sum(u.times::<1>(), self.x.minus::<1>())); // 3
        let r = F::ready(s.signed_minus(is_negative, self.y)); // 5
        let hh = h.square();
        let hhh = hh.mul(h);
        let v = self.x.mul(hh);
        let x = r.square_plus(F::sum(hhh.minus::<1>(), v.minus::<2>())); // addend 2 + 4
        let run = F::ready(F::sum(v.times::<1>(), x.minus::<1>())); // 3
        let y = r.dot(run, F::ready(self.y.minus::<1>()), hhh); // 5 * 3 + 2
        *self = Self { x, y, z: self.z.mul(h) };
    }

    #[inline(always)]
    pub(crate) fn select(mask: F::Mask, yes: &Self, no: &Self) -> Self {
        Self {
            x: F::select(mask, yes.x, no.x),
            y: F::select(mask, yes.y, no.y),
            z: F::select(mask, yes.z, no.z),
        }
    }

    /// The point, where `inverse` is that of Z; normalized.
    #[inline(always)]
    pub(crate) fn to_affine(self, inverse: F) -> Affine<F> {
        let square = inverse.square();
        let x = self.x.mul(square).normalize();
        Affine { x, y: self.y.mul(square.mul(inverse)).normalize() }
    }
}
