//! Recovers a batch of keys in lanes.
//!
//! Stage by stage, each over the whole batch: scalars (u1 = -z / r and u2 = s / r with one inversion),
//! `lift` (the point R), `table` (small multiples of R, by affine additions with three inversions),
//! `multiply` (u1 G + u2 R), `finish` (to affine, with one inversion).
//!
//! The sum starts at G rather than at infinity, which the formulas cannot handle. At the end that is
//! 2^126 G too much, so u1 is made less by as much beforehand.

use crate::{
    curve::{Affine, BETA, Jacobian},
    digits::{
        ENTRIES, GENERATOR_BITS, GENERATOR_DIGITS, GENERATOR_NEGATIVE, LaneDigits, NEGATIVE,
        PAIR_BITS, PAIR_DIGITS, SLOT, SLOTS, ZERO, generator_digits, pair_digits,
    },
    field::{Field, LANES_MAX, ONE, PRIME, Stage, Words, invert_all, root},
    generator,
    scalar::{ORDER, Scalar, add_words, subtract_words},
};

/// Signatures that share their inversions. With eight lanes, the tables of so many take 225 KiB.
pub(crate) const BATCH: usize = 256;

/// The position of the highest digit of R, to which all the doublings go.
const TOP: usize = PAIR_BITS * (PAIR_DIGITS - 1);

/// 2^126: what the start at G is too much.
const START: Words = [0, 1 << (TOP - 64), 0, 0];

/// One signature and what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The hash that is signed, as a number.
    pub(crate) hash: Words,
    pub(crate) r: Words,
    pub(crate) s: Words,
    /// Bit 0: the ordinate of R is odd. Bit 1: its abscissa is r + n.
    pub(crate) id: u8,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Abscissa and ordinate of the key.
    Key(Words, Words),
    /// No key can have made the signature.
    Invalid,
    /// An exceptional case, which the formulas do not cover.
    Exceptional,
}

/// Recovers the keys of at most [`BATCH`] requests. The processor must have the lanes.
pub(crate) fn recover<F: Field>(requests: &[Request]) -> Vec<Outcome> {
    let scalars = scalars(requests);
    let groups = requests.chunks(F::LANES).zip(scalars.chunks(F::LANES));
    let mut groups: Vec<_> =
        groups.map(|(requests, scalars)| F::enter(Lift { requests, scalars })).collect();
    let mut scratch = Scratch { denominators: Vec::new(), prefixes: Vec::new() };
    F::enter(Tables { groups: &mut groups, scratch: &mut scratch });
    let sums: Vec<_> = groups.iter().map(|group| F::enter(Multiply { group })).collect();
    let mut outcomes = F::enter(Finish { groups: &groups, sums: &sums, scratch: &mut scratch });
    outcomes.truncate(requests.len());
    outcomes
}

/// The digits of u1 and u2, and the abscissa of R; `None` where the signature is out of range.
type Scalars = Option<(Scalar, Scalar, Words)>;

fn scalars(requests: &[Request]) -> Vec<Scalars> {
    let parse = |request: &Request| {
        let (r, s) = (Scalar::in_range(&request.r)?, Scalar::in_range(&request.s)?);
        let x = match request.id {
            0 | 1 => request.r,
            2 | 3 => above_order(&request.r)?,
            _ => return None,
        };
        Some((r, s, x))
    };
    let parsed: Vec<_> = requests.iter().map(parse).collect();
    let mut inverses: Vec<Scalar> =
        parsed.iter().map(|parsed| parsed.map_or(Scalar::ONE, |(r, ..)| r)).collect();
    Scalar::invert_all(&mut inverses);
    let start = Scalar::reduced(&START);
    let zero = Scalar::reduced(&[0; 4]);
    let each = parsed.iter().zip(inverses).zip(requests);
    each.map(|((parsed, inverse), request)| {
        let (_, s, x) = (*parsed)?;
        let hash = Scalar::reduced(&request.hash);
        let u1 = zero.subtract(&hash).multiply(&inverse);
        Some((u1.subtract(&start), s.multiply(&inverse), x))
    })
    .collect()
}

/// r + n, which is an abscissa if it is below p.
fn above_order(r: &Words) -> Option<Words> {
    let (x, carry) = add_words(r, &ORDER);
    let (_, is_below) = subtract_words(&x, &PRIME);
    (carry == 0 && is_below).then_some(x)
}

/// As many signatures as there are lanes.
struct Group<F> {
    /// The small multiples of R. First stands R, or G in a lane without a valid R.
    table: [Affine<F>; ENTRIES],
    digits: LaneDigits,
    invalid: u8,
    exceptional: u8,
}

struct Scratch<F> {
    denominators: Vec<F>,
    prefixes: Vec<F>,
}

/// Finds the point R of each signature.
struct Lift<'a> {
    requests: &'a [Request],
    scalars: &'a [Scalars],
}

impl<F: Field> Stage<F> for Lift<'_> {
    type Output = Group<F>;

    #[inline(always)]
    fn run(self) -> Group<F> {
        let mut group = Group {
            table: [Affine::generator(); ENTRIES],
            digits: LaneDigits::EMPTY,
            invalid: 0,
            exceptional: 0,
        };
        let mut abscissas = [[0; 4]; LANES_MAX];
        let mut odd = 0;
        for lane in 0..self.requests.len() {
            let Some((u1, u2, x)) = &self.scalars[lane] else {
                group.invalid |= 1 << lane;
                continue;
            };
            abscissas[lane] = *x;
            odd |= (self.requests[lane].id & 1) << lane;
            match pair_digits(u2) {
                Some(digits) => group.digits.set(lane, &digits, &generator_digits(u1)),
                None => group.exceptional |= 1 << lane,
            }
        }
        let x = F::load(&abscissas);
        let right = Affine::right_side(x);
        let y = root(right);
        let difference = F::ready(F::sum(right.times::<1>(), y.square().minus::<1>()));
        let on_curve = F::bits(difference.normalize().is_zero());
        let y = y.normalize();
        let wrong = F::bits(y.is_odd()) ^ odd;
        let Affine { y, .. } = Affine { x, y }.negate_where(F::mask(wrong));
        let generator = Affine::generator();
        let is_point = F::mask(on_curve);
        group.table[0] = Affine {
            x: F::select(is_point, x, generator.x),
            y: F::select(is_point, y.normalize(), generator.y),
        };
        group.invalid |= !on_curve;
        group
    }
}

/// Makes the small multiples of R of all groups, in the order of `digits::MULTIPLES`.
///
/// No denominator is zero. Each is 2y, or the difference of the abscissas of a R and b R for two
/// Eisenstein integers a and b that are small and differ by more than their sign. The first is not zero
/// as no point has the order two. The second is zero only if (a - b) R or (a + b) R is infinity, but
/// the order of R is the prime n, and a number of the ring that is zero modulo n has a norm of at least
/// n or is zero itself.
struct Tables<'a, F> {
    groups: &'a mut [Group<F>],
    scratch: &'a mut Scratch<F>,
}

/// An affine step: doubling the entry, or adding to it another one times minus a unit or one.
#[derive(Clone, Copy)]
enum Make {
    Double(usize),
    Add(usize, usize),
    /// Subtracts the second times lambda.
    LessOnce(usize, usize),
    /// Subtracts the second times lambda^2.
    LessTwice(usize, usize),
}

/// What makes the entries from the second on.
const MAKE: [Make; ENTRIES - 1] = [
    Make::Double(0),       // 2
    Make::LessOnce(0, 0),  // 1 - lambda
    Make::Add(1, 0),       // 3
    Make::LessTwice(1, 0), // 3 + lambda
    Make::LessOnce(1, 0),  // 2 - lambda
    Make::Double(1),       // 4
    Make::Double(2),       // 2 - 2 lambda
    Make::Add(1, 2),       // 3 - lambda
    Make::LessTwice(1, 2), // 4 + lambda
    Make::LessTwice(3, 1), // 5 + 2 lambda
];

/// The steps that have what they need at the same time, and share an inversion.
const LEVELS: [std::ops::Range<usize>; 3] = [0..2, 2..9, 9..10];

impl<F: Field> Stage<F> for Tables<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let beta = F::splat(&BETA);
        let betas = [beta, beta.square().normalize()];
        let Scratch { denominators, prefixes } = self.scratch;
        for level in LEVELS {
            denominators.clear();
            for group in &mut *self.groups {
                for step in &MAKE[level.clone()] {
                    denominators.push(denominator(&group.table, *step, &betas));
                }
            }
            invert_all(denominators, prefixes);
            let mut at = 0;
            for group in &mut *self.groups {
                for step in level.clone() {
                    group.table[step + 1] =
                        make(&group.table, MAKE[step], &betas, denominators[at]);
                    at += 1;
                }
            }
        }
    }
}

/// What is added.
#[inline(always)]
fn operand<F: Field>(table: &[Affine<F>; ENTRIES], step: Make, betas: &[F; 2]) -> Affine<F> {
    let (point, beta) = match step {
        Make::Double(of) => return table[of],
        Make::Add(_, of) => return table[of],
        Make::LessOnce(_, of) => (table[of], betas[0]),
        Make::LessTwice(_, of) => (table[of], betas[1]),
    };
    Affine { x: point.x.mul(beta), y: F::ready(point.y.minus::<1>()) }
}

#[inline(always)]
fn denominator<F: Field>(table: &[Affine<F>; ENTRIES], step: Make, betas: &[F; 2]) -> F {
    let other = operand(table, step, betas);
    match step {
        Make::Double(_) => F::ready(other.y.times::<2>()),
        Make::Add(to, _) | Make::LessOnce(to, _) | Make::LessTwice(to, _) => {
            table[to].run_to(&other)
        }
    }
}

#[inline(always)]
fn make<F: Field>(
    table: &[Affine<F>; ENTRIES],
    step: Make,
    betas: &[F; 2],
    inverse: F,
) -> Affine<F> {
    let other = operand(table, step, betas);
    match step {
        Make::Double(_) => other.double(inverse),
        Make::Add(to, _) | Make::LessOnce(to, _) | Make::LessTwice(to, _) => {
            table[to].add(&other, inverse)
        }
    }
}

/// Computes u1 G + u2 R of a group.
struct Multiply<'a, F> {
    group: &'a Group<F>,
}

impl<F: Field> Stage<F> for Multiply<'_, F> {
    type Output = Jacobian<F>;

    #[inline(always)]
    fn run(self) -> Jacobian<F> {
        let Group { table, digits, .. } = self.group;
        let beta = F::splat(&BETA);
        let mut x = [table[0].x; SLOTS];
        let mut y = [table[0].y; SLOTS];
        for entry in 0..ENTRIES {
            let point = &table[entry];
            let once = point.x.mul(beta);
            // 1 + beta + beta^2 = 0.
            let twice = F::ready(F::sum(point.x.minus::<1>(), once.minus::<1>()));
            (x[3 * entry], x[3 * entry + 1], x[3 * entry + 2]) = (point.x, once, twice);
            for rotation in 0..3 {
                y[3 * entry + rotation] = point.y;
            }
        }
        let generators = generator::tables();
        let mut sum = Jacobian::from_affine(&Affine::generator());
        let mut doublings = 0;
        for position in (0..=TOP).rev() {
            let has_pair = position % PAIR_BITS == 0;
            let window = position / GENERATOR_BITS;
            let has_generator = position % GENERATOR_BITS == 0 && window < GENERATOR_DIGITS;
            if has_pair || has_generator {
                sum.double(doublings);
                doublings = 0;
            }
            // Up to three additions, by the one piece of code.
            for term in 0..3 {
                let (point, negative, zero) = if term == 0 {
                    if !has_pair {
                        continue;
                    }
                    let (slots, negative, zero) = unpack(&digits.pair[position / PAIR_BITS]);
                    let point = Affine { x: F::pick(&x, &slots), y: F::pick(&y, &slots) };
                    (point, negative, zero)
                } else {
                    if !has_generator {
                        break;
                    }
                    let (places, negative) = unpack_generator(&digits.generator[term - 1][window]);
                    let (x, y) = F::gather(&generators[term - 1], &places);
                    (Affine { x, y }, negative, 0)
                };
                let before = sum;
                sum.add(&point, F::mask(negative));
                if zero != 0 {
                    sum = Jacobian::select(F::mask(zero), &before, &sum);
                }
            }
            doublings += 1;
        }
        sum
    }
}

/// Slots, signs and zeros of a digit.
#[inline(always)]
fn unpack(digits: &[u8; LANES_MAX]) -> ([u8; LANES_MAX], u8, u8) {
    let (mut slots, mut negative, mut zero) = ([0; LANES_MAX], 0, 0);
    for lane in 0..LANES_MAX {
        slots[lane] = digits[lane] & SLOT;
        negative |= (digits[lane] & NEGATIVE) / NEGATIVE << lane;
        zero |= (digits[lane] & ZERO) / ZERO << lane;
    }
    (slots, negative, zero)
}

/// Places and signs of a digit.
#[inline(always)]
fn unpack_generator(digits: &[u16; LANES_MAX]) -> ([u16; LANES_MAX], u8) {
    let (mut places, mut negative) = ([0; LANES_MAX], 0);
    for lane in 0..LANES_MAX {
        places[lane] = digits[lane] & !GENERATOR_NEGATIVE;
        negative |= ((digits[lane] & GENERATOR_NEGATIVE) / GENERATOR_NEGATIVE << lane) as u8;
    }
    (places, negative)
}

/// Makes outcomes of the sums.
struct Finish<'a, F> {
    groups: &'a [Group<F>],
    sums: &'a [Jacobian<F>],
    scratch: &'a mut Scratch<F>,
}

impl<F: Field> Stage<F> for Finish<'_, F> {
    type Output = Vec<Outcome>;

    #[inline(always)]
    fn run(self) -> Vec<Outcome> {
        let Scratch { denominators, prefixes } = self.scratch;
        denominators.clear();
        let mut outcomes = Vec::with_capacity(self.sums.len() * F::LANES);
        for sum in self.sums {
            let z = sum.z.normalize();
            denominators.push(F::select(z.is_zero(), F::splat(&ONE), z));
        }
        invert_all(denominators, prefixes);
        for at in 0..self.sums.len() {
            let (group, sum) = (&self.groups[at], &self.sums[at]);
            let exceptional = group.exceptional | F::bits(sum.z.normalize().is_zero());
            let Affine { x, y } = sum.to_affine(denominators[at]);
            let (x, y) = (x.store(), y.store());
            for lane in 0..F::LANES {
                outcomes.push(if group.invalid >> lane & 1 == 1 {
                    Outcome::Invalid
                } else if exceptional >> lane & 1 == 1 {
                    Outcome::Exceptional
                } else {
                    Outcome::Key(x[lane], y[lane])
                });
            }
        }
        outcomes
    }
}
