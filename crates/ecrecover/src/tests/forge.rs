//! Makes signatures without signing: random ones, and those that an attacker would make.
//!
//! Who chooses R = k G can choose u1 and u2 freely, too: r is the abscissa of R, s = u2 r, and the hash
//! is -u1 r. So all that is computed for a signature is under the attacker's control.

use crate::{
    Recoverable,
    curve::BETA,
    digits::{
        ENTRY, GENERATOR_BITS, GENERATOR_DIGITS, GENERATOR_NEGATIVE, MULTIPLES, NEGATIVE,
        PAIR_BITS, PAIR_DIGITS, ROTATION, ROW, ZERO, generator_digits, pair_digits,
    },
    field::PRIME,
    scalar::{ORDER, Scalar},
    testing::{Random, big},
};
use alloy_primitives::{U256, uint};
use secp256k1::{SECP256K1, SecretKey};

pub(super) const N: U256 = big(&ORDER);
const LAMBDA: U256 = uint!(0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72_U256);
/// The position of the highest digit.
const TOP: usize = PAIR_BITS * (PAIR_DIGITS - 1);

/// What a forged signature tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// All parts random; half of the abscissas are on no point.
    Random,
    /// Parts at or near a bound.
    Edge,
    /// R's abscissa is r + n, for a small r.
    OrderAdded,
    /// R is a multiple of G that the attacker knows, u1 and u2 are special.
    Known,
    /// The key would be infinity.
    Infinity,
    /// Two points meet in an addition that the formulas do not cover.
    Meeting,
}

impl Class {
    pub(super) const ALL: [Self; 6] =
        [Self::Random, Self::Edge, Self::OrderAdded, Self::Known, Self::Infinity, Self::Meeting];

    /// Random ones are cheap to make, so they are most.
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(16) {
            0 | 1 => Self::Edge,
            2 => Self::OrderAdded,
            3 | 4 => Self::Known,
            5 => Self::Infinity,
            6 => Self::Meeting,
            _ => Self::Random,
        }
    }

    pub(super) fn forge(self, random: &mut Random) -> Recoverable {
        match self {
            Self::Random => Recoverable {
                hash: random.number().into(),
                r: random.number(),
                s: random.number(),
                id: random.below(2) as u8,
            },
            Self::Edge => Recoverable {
                hash: edge(random).into(),
                r: edge(random),
                s: edge(random),
                id: random.below(4) as u8,
            },
            Self::OrderAdded => Recoverable {
                hash: edge(random).into(),
                // p - n has 129 bits.
                r: random.number() >> random.pick(&[126, 127, 128, 200, 248]),
                s: edge(random),
                id: 2 + random.below(2) as u8,
            },
            Self::Known => from_multiple(special(random), special(random), special(random)),
            Self::Infinity => {
                let (k, u2) = (special(random), special(random));
                from_multiple(k, negated(u2.mul_mod(k, N)), u2)
            }
            Self::Meeting => meeting(random),
        }
    }
}

pub(super) fn negated(number: U256) -> U256 {
    if number.is_zero() { number } else { N - number }
}

fn inverted(number: U256) -> Option<U256> {
    number.inv_mod(N)
}

/// Numbers at bounds, random ones among them.
fn edge(random: &mut Random) -> U256 {
    let small = U256::from(random.below(4));
    let p = big(&PRIME);
    match random.below(9) {
        0 => small,
        1 => N - small,
        2 => N.wrapping_add(small),
        3 => U256::MAX - small,
        4 => (N >> 1) + small,
        5 => p - N - small,
        6 => p - small,
        _ => random.number(),
    }
}

/// Numbers modulo n that make special digits.
fn special(random: &mut Random) -> U256 {
    let power = U256::ONE << random.below(256) as usize;
    let small = U256::from(random.below(70));
    let number = match random.below(10) {
        0 => small,
        1 => power,
        2 => power.wrapping_sub(U256::ONE),
        3 => power.wrapping_add(U256::ONE) * small,
        // The start of the sum, and near it.
        4 => (U256::ONE << TOP) + small,
        5 => small.mul_mod(inverted(U256::from(1 + random.below(70))).unwrap_or_default(), N),
        6 => random.number() >> 128,
        7 => {
            // Few digits that are not zero, in both halves.
            let (a, b) = (random.pick(&MULTIPLES), random.below(PAIR_DIGITS as u64));
            unit(a.0, a.1) << (3 * b as usize)
        }
        _ => random.number(),
    };
    let number = number.reduce_mod(N);
    let number = if random.below(3) == 0 { number.mul_mod(LAMBDA, N) } else { number };
    if random.below(3) == 0 { negated(number) } else { number }
}

/// a + b lambda modulo n.
fn unit(a: i64, b: i64) -> U256 {
    let number = |part: i64| {
        let size = U256::from(part.unsigned_abs());
        if part < 0 { negated(size) } else { size }
    };
    number(a).add_mod(number(b).mul_mod(LAMBDA, N), N)
}

/// The signature with R = k G and these u1 and u2.
pub(super) fn from_multiple(k: U256, u1: U256, u2: U256) -> Recoverable {
    let Ok(key) = SecretKey::from_byte_array(k.to_be_bytes()) else {
        // Zero.
        return Recoverable { hash: u1.into(), r: U256::ZERO, s: u2, id: 0 };
    };
    let point = key.public_key(SECP256K1).serialize_uncompressed();
    let x = U256::from_be_slice(&point[1..33]);
    let r = x.reduce_mod(N);
    let (hash, s) = (negated(u1.mul_mod(r, N)), u2.mul_mod(r, N));
    Recoverable { hash: hash.into(), r, s, id: (point[64] & 1) | u8::from(x >= N) << 1 }
}

/// Steps of the sum, as numbers: it is `constant + factor k` before an addition.
struct Step {
    constant: U256,
    factor: U256,
    /// What is added: a multiple of R, or of G.
    of_point: bool,
    added: U256,
}

/// Chooses k so that before one of the steps the sum is what is added, or minus it. All is linear in k,
/// as the digits depend on u1 and u2 alone.
fn meeting(random: &mut Random) -> Recoverable {
    loop {
        let (u1, u2) = (special(random), special(random));
        let steps = steps(u1, u2);
        let step = &steps[random.below(steps.len() as u64) as usize];
        let added = if random.below(2) == 0 { step.added } else { negated(step.added) };
        let (numerator, denominator) = if step.of_point {
            (negated(step.constant), step.factor.add_mod(negated(added), N))
        } else {
            (added.add_mod(negated(step.constant), N), step.factor)
        };
        let Some(denominator) = inverted(denominator) else { continue };
        let k = numerator.mul_mod(denominator, N);
        if !k.is_zero() && !u2.is_zero() {
            return from_multiple(k, u1, u2);
        }
    }
}

fn steps(u1: U256, u2: U256) -> Vec<Step> {
    let start = U256::ONE << TOP;
    let scalar = |number: U256| Scalar::reduced(number.as_limbs());
    let ones = generator_digits(&scalar(u1.add_mod(negated(start), N)));
    let Some(pairs) = pair_digits(&scalar(u2)) else { return Vec::new() };
    let mut steps = Vec::new();
    let (mut constant, mut factor) = (U256::ONE, U256::ZERO);
    for position in (0..=TOP).rev() {
        if position < TOP {
            constant = constant.add_mod(constant, N);
            factor = factor.add_mod(factor, N);
        }
        if position % PAIR_BITS == 0 && pairs[position / PAIR_BITS] & ZERO == 0 {
            let added = pair_value(pairs[position / PAIR_BITS]);
            steps.push(Step { constant, factor, of_point: true, added });
            factor = factor.add_mod(added, N);
        }
        let window = position / GENERATOR_BITS;
        if position % GENERATOR_BITS == 0 && window < GENERATOR_DIGITS {
            for (half, digits) in ones.iter().enumerate() {
                let added = generator_value(half, digits[window]);
                steps.push(Step { constant, factor, of_point: false, added });
                constant = constant.add_mod(added, N);
            }
        }
    }
    assert_eq!((constant, factor), (u1, u2), "the steps make u1 and u2");
    steps
}

/// The multiple of R for which a digit stands.
pub(super) fn pair_value(digit: u8) -> U256 {
    if digit & ZERO != 0 {
        return U256::ZERO;
    }
    let (a, b) = MULTIPLES[usize::from(digit & ENTRY)];
    let mut value = unit(a, b);
    for _ in 0..usize::from(digit & ROTATION) / ROW {
        value = value.mul_mod(LAMBDA, N);
    }
    if digit & NEGATIVE == 0 { value } else { negated(value) }
}

/// The multiple of G for which a digit stands.
pub(super) fn generator_value(half: usize, digit: u16) -> U256 {
    let place = U256::from(digit & !GENERATOR_NEGATIVE);
    let odd = place + place + U256::ONE;
    let value = odd << (half * GENERATOR_BITS * GENERATOR_DIGITS);
    if digit & GENERATOR_NEGATIVE == 0 { value } else { negated(value) }
}

/// The endomorphism's two constants belong together.
#[test]
fn lambda_multiplies_as_beta_does() {
    let p = big(&PRIME);
    let point = |k: U256| {
        let key = SecretKey::from_byte_array(k.to_be_bytes()).unwrap();
        key.public_key(SECP256K1).serialize_uncompressed()
    };
    let (generator, rotated) = (point(U256::ONE), point(LAMBDA));
    let x = U256::from_be_slice(&generator[1..33]).mul_mod(big(&BETA), p);
    assert_eq!(x, U256::from_be_slice(&rotated[1..33]));
    assert_eq!(generator[33..], rotated[33..]);
}
