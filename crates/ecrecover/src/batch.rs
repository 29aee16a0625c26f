//! Recovers a batch of keys in lanes.
//!
//! Stage by stage, each over the whole batch: scalars (u1 = -z / r and u2 = s / r with one inversion),
//! `lift` (the point R), `table` (small multiples of R, by affine additions with three inversions),
//! `multiply` (u1 G + u2 R), `finish` (to affine, with one inversion).
//!
//! The sum starts at G rather than at infinity, which the formulas cannot handle. At the end that is
//! 2^126 G too much, so u1 is made less by as much beforehand. Where a digit of R is zero, the sum stays
//! as it is. A lane without a valid R computes with G, so that nothing is undefined, and is left out at the
//! end.

use crate::{
    curve::{Affine, BETA, Jacobian},
    digits::{
        ENTRIES, ENTRY, GENERATOR_BITS, GENERATOR_DIGITS, GENERATOR_NEGATIVE, LaneDigits, NEGATIVE,
        PAIR_BITS, PAIR_DIGITS, ROTATION, ROW, ZERO, generator_digits, pair_digits,
    },
    field::{Field, LANES_MAX, ONE, PRIME, Stage, Words, invert_all, roots},
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
    // Two groups are lifted at a time; where the last has no other beside it, an empty one is.
    let pair = 2 * F::LANES;
    let pairs = requests.chunks(pair).zip(scalars.chunks(pair));
    let lift = |(requests, scalars)| F::enter(Lift { requests, scalars });
    let mut groups: Vec<Group<F>> = pairs.flat_map(lift).collect();
    groups.truncate(requests.len().div_ceil(F::LANES));
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

/// Finds the point R of each signature, for two groups at a time.
struct Lift<'a> {
    requests: &'a [Request],
    scalars: &'a [Scalars],
}

impl<F: Field> Stage<F> for Lift<'_> {
    type Output = [Group<F>; 2];

    #[inline(always)]
    fn run(self) -> [Group<F>; 2] {
        let half = F::LANES.min(self.requests.len());
        let (first, second) = self.requests.split_at(half);
        let (first_scalars, second_scalars) = self.scalars.split_at(half);
        let (mut first, x_first, odd_first) = prepare(first, first_scalars);
        let (mut second, x_second, odd_second) = prepare(second, second_scalars);
        let right = [Affine::right_side(x_first), Affine::right_side(x_second)];
        let [y_first, y_second] = roots(&right);
        place(&mut first, Affine { x: x_first, y: y_first }, right[0], odd_first);
        place(&mut second, Affine { x: x_second, y: y_second }, right[1], odd_second);
        [first, second]
    }
}

/// A group without its point, the abscissas, and which ordinates must be odd.
#[inline(always)]
fn prepare<F: Field>(requests: &[Request], scalars: &[Scalars]) -> (Group<F>, F, u8) {
    let mut group = Group {
        table: [Affine::generator(); ENTRIES],
        digits: LaneDigits::EMPTY,
        invalid: 0,
        exceptional: 0,
    };
    let mut abscissas = [[0; 4]; LANES_MAX];
    let mut odd = 0;
    for (lane, (request, scalars)) in requests.iter().zip(scalars).enumerate() {
        let Some((u1, u2, x)) = scalars else {
            group.invalid |= 1 << lane;
            continue;
        };
        abscissas[lane] = *x;
        odd |= (request.id & 1) << lane;
        match pair_digits(u2) {
            Some(digits) => group.digits.set(lane, &digits, &generator_digits(u1)),
            None => group.exceptional |= 1 << lane,
        }
    }
    (group, F::load(&abscissas), odd)
}

/// Gives the group its point, whose ordinate may have the wrong sign, or G where there is no such point.
#[inline(always)]
fn place<F: Field>(group: &mut Group<F>, point: Affine<F>, right: F, odd: u8) {
    let Affine { x, y } = point;
    let difference = F::ready(F::sum(right.times::<1>(), y.square().minus::<1>()));
    let on_curve = F::bits(difference.normalize().is_zero());
    let y = y.normalize();
    let wrong = F::mask(F::bits(y.is_odd()) ^ odd);
    let y = F::select(wrong, F::ready(y.minus::<1>()).normalize(), y);
    let (is_point, generator) = (F::mask(on_curve), Affine::generator());
    group.table[0] =
        Affine { x: F::select(is_point, x, generator.x), y: F::select(is_point, y, generator.y) };
    group.invalid |= !on_curve;
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
        let negated_beta = F::ready(F::splat(&BETA).minus::<1>());
        // The opposites of the abscissas of each entry times 1, lambda and lambda^2, and the ordinates:
        // first their opposites, then themselves.
        let mut x = [table[0].x; 3 * ROW];
        let mut y = [table[0].y; 2 * ROW];
        for (entry, point) in table.iter().enumerate() {
            let once = point.x.mul(negated_beta);
            x[entry] = F::ready(point.x.minus::<1>());
            x[ROW + entry] = once;
            // 1 + beta + beta^2 = 0.
            x[2 * ROW + entry] = F::ready(F::sum(point.x.times::<1>(), once.minus::<1>()));
            y[entry] = F::ready(point.y.minus::<1>());
            y[ROW + entry] = point.y;
        }
        let generators = generator::tables();
        let mut sum = Jacobian::from_affine(&Affine::generator());
        // Whether it is the opposite of what it should be: each addition changes that.
        let mut is_opposite = false;
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
                let mut zero = 0;
                let (x, y) = if term == 0 {
                    if !has_pair {
                        continue;
                    }
                    let digit = &digits.pair[position / PAIR_BITS];
                    let (x_places, y_places) = places(digit, is_opposite);
                    zero = bits(digit.map(|digit| digit & ZERO != 0));
                    (F::pick(&x, &x_places), F::pick(&y, &y_places))
                } else {
                    if !has_generator {
                        break;
                    }
                    let digit = &digits.generator[term - 1][window];
                    let places = digit.map(|digit| digit & !GENERATOR_NEGATIVE);
                    let negative = bits(digit.map(|digit| digit & GENERATOR_NEGATIVE != 0));
                    let (x, y) = F::gather(&generators[term - 1], &places);
                    let negative = if is_opposite { !negative } else { negative };
                    (x, F::select(F::mask(negative), y, F::ready(y.minus::<1>())))
                };
                let before = sum;
                sum.add_and_negate(x, y);
                is_opposite = !is_opposite;
                if zero != 0 {
                    sum = Jacobian::select(F::mask(zero), &before.negated(), &sum);
                }
            }
            doublings += 1;
        }
        if is_opposite { sum.negated() } else { sum }
    }
}

/// The places of a digit in the tables of abscissas and of ordinates.
#[inline(always)]
fn places(digit: &[u8; LANES_MAX], is_opposite: bool) -> ([u8; LANES_MAX], [u8; LANES_MAX]) {
    // Both of these are one bit, and the second row of ordinates begins where the first bit is.
    const { assert!(NEGATIVE >> 2 == ROW as u8) };
    let opposite = if is_opposite { ROW as u8 } else { 0 };
    let (mut x, mut y) = ([0; LANES_MAX], [0; LANES_MAX]);
    for lane in 0..LANES_MAX {
        x[lane] = digit[lane] & (ENTRY | ROTATION);
        y[lane] = ((digit[lane] & ENTRY) | ((digit[lane] & NEGATIVE) >> 2)) ^ opposite;
    }
    (x, y)
}

/// A bit for each lane.
#[inline(always)]
fn bits(lanes: [bool; LANES_MAX]) -> u8 {
    let mut bits = 0;
    for (lane, is_set) in lanes.into_iter().enumerate() {
        bits |= u8::from(is_set) << lane;
    }
    bits
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
        for ((group, sum), inverse) in self.groups.iter().zip(self.sums).zip(&*denominators) {
            let exceptional = group.exceptional | F::bits(sum.z.normalize().is_zero());
            let Affine { x, y } = sum.to_affine(*inverse);
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
