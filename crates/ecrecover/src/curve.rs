//! Points of the curve y^2 = x^3 + 7, in lanes.
//!
//! # Why no result can be wrong unnoticed
//!
//! A triple (X, Y, Z) stands for the point (X / Z^2, Y / Z^3), or for infinity if Z = 0. The formulas are
//! incomplete: adding to a point itself, its opposite or infinity gives a triple that stands for nothing.
//! But in each of these cases, and in no other, the new Z is zero modulo p:
//!
//! - [`Jacobian::add_and_negate`] makes Z3 = Z1 H, where H = X1 - x2 Z1^2 is zero exactly if both points
//!   have the same abscissa. Where neither Z1 nor H is zero, the formula is the generic one, and right.
//! - [`Jacobian::double`] makes Z3 = 2 Y1 Z1. Where Z1 is not zero, it is right, and Y1 is not zero
//!   either: a point with y = 0 would have the order two, and the order of the curve is an odd prime.
//!
//! So once Z is zero, it stays zero, as p is a prime and no product of others is zero. And if Z is not zero
//! at the end, then by induction from the start, a point of the curve, every step was right. A lane whose Z
//! is zero at the end is computed anew by libsecp256k1. That also happens where the true result is
//! infinity. The points that are added are never infinity: they are multiples of G and of R, both of the
//! prime order n, by numbers that are not zero modulo n.
//!
//! # Where the formulas are from
//!
//! Bernstein's and Lange's Explicit-Formulas Database, short Weierstrass curves with a4 = 0, Jacobian
//! coordinates: doubling by 3 products and 4 squares, mixed addition by 8 and 3. Differences are folded
//! into products as addends, so that few have to be carried on their own. The last square of a doubling
//! and the last two products of an addition are halves of dot products, which are reduced once.

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

/// A point with a common denominator. X is reduced, Y has magnitude 2 at most, Z 8.
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
            let slope = self.x.square_thrice();
            let yy = self.y.square();
            // A quarter of S in the database's formula.
            let quarter = self.x.mul(yy);
            let x = slope.square_plus(quarter.minus::<8>()); // addend 9
            let run = F::ready(F::sum(quarter.times::<4>(), x.minus::<1>())); // 4 + 2
            let y = slope.dot(run, yy, F::ready(yy.minus::<8>())); // 6 + 9
            *self = Self { x, y, z: self.y.mul(self.z) };
        }
        self.z = self.z.shifted(count);
    }

    /// Makes of a point P the point -(P + Q), where `minus` is -Q with its abscissa negated: so given the
    /// opposites of both coordinates of Q, all differences are addends of products, which cost nothing.
    /// The caller knows how often it has added, and which sign the sum has.
    #[inline(always)]
    pub(crate) fn add_and_negate(&mut self, negated_x: F, negated_y: F) {
        let zz = self.z.square(); // 8 * 8
        let zzz = zz.mul(self.z);
        let h = negated_x.mul_plus(zz, self.x.times::<1>());
        let r = negated_y.mul_plus(zzz, self.y.times::<1>());
        let hh = h.square();
        let hhh = hh.mul(h);
        let v = self.x.mul(hh);
        let x = r.square_plus(F::sum(hhh.times::<1>(), v.minus::<2>())); // addend 1 + 3
        let run = F::ready(F::sum(x.times::<1>(), v.minus::<1>())); // 3
        let y = r.dot(run, self.y, hhh); // 3 + 2
        *self = Self { x, y, z: self.z.mul(h) };
    }

    /// The opposite point. Y must be reduced, as doubling and adding leave it, and has magnitude 2 after.
    #[inline(always)]
    pub(crate) fn negated(self) -> Self {
        Self { y: F::ready(self.y.minus::<1>()), ..self }
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
