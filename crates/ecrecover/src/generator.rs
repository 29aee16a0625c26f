//! Odd multiples of G and of 2^130 G, made once.

use crate::{
    curve::{Affine, Jacobian},
    digits::{GENERATOR_BITS, GENERATOR_DIGITS, GENERATOR_ENTRIES},
    field::{Field, invert_all, portable::Portable},
};
use std::sync::OnceLock;

/// Points.
pub(crate) type Table = Vec<Line>;

/// A point in one line of the cache: the abscissa negated, and the ordinate, lowest words first.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u64; 8]);

/// The tables of both halves: at place i stands 2 i + 1 times G, or times 2^130 G.
pub(crate) fn tables() -> &'static [Table; 2] {
    static TABLES: OnceLock<[Table; 2]> = OnceLock::new();
    TABLES.get_or_init(|| {
        let generator = Affine::<Portable>::generator();
        let mut upper = Jacobian::from_affine(&generator);
        for _ in 0..GENERATOR_BITS * GENERATOR_DIGITS {
            upper.double(1);
        }
        [table(&generator), table(&to_affine(&[upper])[0])]
    })
}

/// No step is exceptional: twice a point and an odd multiple of it below 2^14 have neither the same
/// abscissa nor is one of them infinity, as the order of the curve is a large prime.
fn table(point: &Affine<Portable>) -> Table {
    let mut twice = Jacobian::from_affine(point);
    twice.double(1);
    let twice = to_affine(&[twice])[0];
    let mut multiple = Jacobian::from_affine(point);
    let negated = |number: Portable| Portable::ready(number.minus::<1>()).normalize();
    let multiples: Vec<_> = (0..GENERATOR_ENTRIES)
        .map(|_| {
            let this = multiple;
            multiple.add_and_negate(negated(twice.x), negated(twice.y));
            multiple = multiple.negated();
            this
        })
        .collect();
    let line = |point: &Affine<Portable>| {
        let ([x, ..], [y, ..]) = (negated(point.x).store(), point.y.store());
        Line([x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]])
    };
    to_affine(&multiples).iter().map(line).collect()
}

fn to_affine(points: &[Jacobian<Portable>]) -> Vec<Affine<Portable>> {
    let mut inverses: Vec<Portable> = points.iter().map(|point| point.z).collect();
    invert_all(&mut inverses, &mut Vec::new());
    points.iter().zip(inverses).map(|(point, inverse)| point.to_affine(inverse)).collect()
}
