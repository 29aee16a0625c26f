//! The lanes against big integers.
//!
//! Limbs at their bounds are the hard part. A number has many forms in limbs, so the forms are made as
//! the curve makes them: sums of small multiples of reduced elements, up to the largest magnitudes.

use super::{Field, LANES_MAX, ONE, PRIME, Stage, Words, inverse, invert_all, roots};
use crate::{
    Lanes,
    curve::BETA,
    testing::{Random, big},
};
use alloy_primitives::U256;

const P: U256 = big(&PRIME);

/// A check in lanes, with random numbers.
struct Check<'a> {
    random: &'a mut Random,
}

fn check_all(rounds: u32, check: impl Fn(Lanes, &mut Random)) {
    let mut random = Random::from_environment();
    for lanes in Lanes::available() {
        for _ in 0..rounds {
            check(lanes, &mut random);
        }
    }
}

/// Enters the lanes with a stage that is made anew for each.
macro_rules! in_lanes {
    ($lanes:expr, $stage:expr) => {
        match $lanes {
            Lanes::Portable => super::portable::Portable::enter($stage),
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx2 => super::avx2::Avx2::enter($stage),
            #[cfg(target_arch = "x86_64")]
            Lanes::Ifma => super::ifma::Ifma::enter($stage),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!(),
        }
    };
}

/// Numbers near the bounds of limbs and of the prime, and random ones.
fn number(random: &mut Random) -> Words {
    let small = [random.below(3), 0, 0, 0];
    let number = match random.below(10) {
        0 => big(&small),
        1 => P.wrapping_sub(big(&small)),
        2 => P.wrapping_add(big(&small)),
        3 => U256::MAX - big(&small),
        // All ones or zeros in each limb of 52 or of 26 bits.
        4 | 5 => {
            let width = if random.below(2) == 0 { 52 } else { 26 };
            let choice = random.next();
            (0..256).fold(U256::ZERO, |sum, bit| {
                let is_one = choice >> (bit / width) & 1 == 1;
                sum | (U256::from(u8::from(is_one)) << bit)
            })
        }
        6 => U256::ONE << random.below(256) as usize,
        _ => random.number(),
    };
    number.into_limbs()
}

fn numbers(random: &mut Random) -> [Words; LANES_MAX] {
    std::array::from_fn(|_| number(random))
}

fn negated(number: U256) -> U256 {
    (P - number.reduce_mod(P)).reduce_mod(P)
}

fn product(left: U256, right: U256) -> U256 {
    left.mul_mod(right, P)
}

fn sum(left: U256, right: U256) -> U256 {
    left.add_mod(right, P)
}

#[track_caller]
fn assert_lanes<F: Field>(found: F, what: &str, expected: impl Fn(usize) -> U256) {
    let found = found.normalize().store();
    for (lane, found) in found[..F::LANES].iter().enumerate() {
        assert_eq!(big(found), expected(lane).reduce_mod(P), "{what} in lane {lane}");
    }
}

/// An element in each lane, as a reduced one with limbs that are as large as they can be, and what it
/// is as a number.
struct Known<F> {
    element: F,
    numbers: [U256; LANES_MAX],
}

impl<F: Field> Known<F> {
    fn new(random: &mut Random) -> Self {
        let words = numbers(random);
        Self { element: F::load(&words), numbers: words.map(|words| big(&words)) }
    }

    /// Not below 2^256: what products leave, not normalized.
    fn from_product(random: &mut Random) -> Self {
        let (left, right) = (Self::new(random), Self::new(random));
        let numbers = std::array::from_fn(|lane| product(left.numbers[lane], right.numbers[lane]));
        Self { element: left.element.mul(right.element), numbers }
    }

    fn draw(random: &mut Random) -> Self {
        if random.below(2) == 0 { Self::new(random) } else { Self::from_product(random) }
    }
}

/// A factor with its magnitude.
fn factors<F: Field>(known: &Known<F>) -> [(u32, F, [U256; LANES_MAX]); 7] {
    let x = known.element;
    let times = |factor: u64| known.numbers.map(|number| product(number, U256::from(factor)));
    let minus = |factor: u64| times(factor).map(negated);
    [
        (1, x, known.numbers),
        (2, F::ready(x.minus::<1>()), minus(1)),
        (3, F::ready(x.times::<3>()), times(3)),
        (8, F::ready(x.times::<8>()), times(8)),
        (8, x.shifted(3), times(8)),
        (12, F::ready(F::sum(x.minus::<4>(), x.times::<4>())), times(0)),
        (14, F::ready(F::sum(x.minus::<4>(), x.minus::<3>())), minus(7)),
    ]
}

struct Products<'a>(Check<'a>);

impl<F: Field> Stage<F> for Products<'_> {
    type Output = ();

    fn run(self) {
        let random = self.0.random;
        let (left, right) = (Known::<F>::draw(random), Known::<F>::draw(random));
        let (third, fourth) = (Known::<F>::draw(random), Known::<F>::draw(random));
        for (left_size, a, a_numbers) in factors(&left) {
            assert_lanes(a, "factor", |lane| a_numbers[lane]);
            for (right_size, b, b_numbers) in factors(&right) {
                if left_size * right_size >= 225 {
                    continue;
                }
                let wanted = |lane: usize| product(a_numbers[lane], b_numbers[lane]);
                assert_lanes(a.mul(b), "product", wanted);
                // The largest addend.
                let addend = F::sum(third.element.minus::<8>(), fourth.element.minus::<8>());
                let added = |lane: usize| {
                    let both = sum(third.numbers[lane], fourth.numbers[lane]);
                    negated(product(both, U256::from(8)))
                };
                let with = |lane: usize| sum(wanted(lane), added(lane));
                assert_lanes(a.mul_plus(b, addend), "product and addend", with);
                if left_size * right_size < 120 {
                    let dot = a.dot(b, third.element, F::ready(fourth.element.times::<8>()));
                    let with = |lane: usize| {
                        let other = product(third.numbers[lane], fourth.numbers[lane]);
                        sum(wanted(lane), product(other, U256::from(8)))
                    };
                    assert_lanes(dot, "dot product", with);
                }
            }
            let wanted = |lane: usize| product(a_numbers[lane], a_numbers[lane]);
            assert_lanes(a.square(), "square", wanted);
            let wanted_thrice = |lane: usize| product(wanted(lane), U256::from(3));
            if left_size <= 3 {
                assert_lanes(a.square_thrice(), "three squares", wanted_thrice);
            }
            let addend = third.element.minus::<8>();
            let added = |lane: usize| negated(product(third.numbers[lane], U256::from(8)));
            let with = |lane: usize| sum(wanted(lane), added(lane));
            assert_lanes(a.square_plus(addend), "square and addend", with);
        }
    }
}

struct Choices<'a>(Check<'a>);

impl<F: Field> Stage<F> for Choices<'_> {
    type Output = ();

    fn run(self) {
        let random = self.0.random;
        let (left, right) = (Known::<F>::draw(random), Known::<F>::draw(random));
        let lanes_all = u8::MAX >> (LANES_MAX - F::LANES);
        let bits = random.next() as u8 & lanes_all;
        let mask = F::mask(bits);
        assert_eq!(F::bits(mask), bits);
        let is_set = |lane: usize| bits >> lane & 1 == 1;
        assert_lanes(F::select(mask, left.element, right.element), "choice", |lane| {
            if is_set(lane) { left.numbers[lane] } else { right.numbers[lane] }
        });
        let normal = left.element.normalize();
        let (zero, odd) = (F::bits(normal.is_zero()), F::bits(normal.is_odd()));
        for lane in 0..F::LANES {
            let number = left.numbers[lane].reduce_mod(P);
            assert_eq!(zero >> lane & 1 == 1, number.is_zero());
            assert_eq!(odd >> lane & 1 == 1, number.bit(0));
        }
        // A multiple of p is zero in every form.
        let none = F::ready(F::sum(left.element.minus::<1>(), left.element.times::<1>()));
        assert_eq!(F::bits(none.normalize().is_zero()), lanes_all);
        let table: Vec<F> = (0..40).map(|place| F::splat(&[place, 7, place, 7])).collect();
        let places = std::array::from_fn(|_| random.below(40) as u8);
        assert_lanes(F::pick(&table, &places), "picked", |lane| {
            big(&[places[lane].into(), 7, places[lane].into(), 7])
        });
        let lines = &crate::generator::tables()[1];
        let places = std::array::from_fn(|_| random.below(lines.len() as u64) as u16);
        let (x, y) = F::gather(lines, &places);
        let words = |lane: usize, at: usize| {
            let line = &lines[usize::from(places[lane])].0;
            big(&[line[at], line[at + 1], line[at + 2], line[at + 3]])
        };
        assert_lanes(x, "gathered", |lane| words(lane, 0));
        assert_lanes(y, "gathered", |lane| words(lane, 4));
    }
}

struct Powers<'a>(Check<'a>);

impl<F: Field> Stage<F> for Powers<'_> {
    type Output = ();

    fn run(self) {
        let random = self.0.random;
        let known = Known::<F>::draw(random);
        let inverted = |number: U256| number.reduce_mod(P).inv_mod(P).unwrap_or_default();
        for (_, element, numbers) in factors(&known) {
            assert_lanes(inverse(element), "inverse", |lane| inverted(numbers[lane]));
            let square = element.square();
            // Minus one is no square, so what is no square has the root of its opposite.
            let opposite = F::ready(square.minus::<1>());
            for found in roots(&[square, opposite]) {
                let wanted = |lane: usize| product(numbers[lane], numbers[lane]);
                assert_lanes(found.square(), "square of a root", wanted);
            }
        }
        let mut many: Vec<Known<F>> = (0..random.below(6)).map(|_| Known::draw(random)).collect();
        for known in &mut many {
            let zero = known.element.normalize().is_zero();
            known.element = F::select(zero, F::splat(&ONE), known.element);
            known.numbers =
                known.numbers.map(|it| if it.reduce_mod(P).is_zero() { U256::ONE } else { it });
        }
        let mut elements: Vec<F> = many.iter().map(|known| known.element).collect();
        invert_all(&mut elements, &mut Vec::new());
        for (element, known) in elements.iter().zip(&many) {
            assert_lanes(*element, "one of many", |lane| inverted(known.numbers[lane]));
        }
    }
}

#[test]
fn products_agree_with_big_integers() {
    check_all(300, |lanes, random| in_lanes!(lanes, Products(Check { random })));
}

#[test]
fn choices_and_differences_agree_with_big_integers() {
    check_all(1_000, |lanes, random| in_lanes!(lanes, Choices(Check { random })));
}

#[test]
fn inverses_and_roots_agree_with_big_integers() {
    check_all(25, |lanes, random| in_lanes!(lanes, Powers(Check { random })));
}

#[test]
fn beta_is_a_third_root_of_one() {
    let beta = big(&BETA);
    assert_eq!(product(beta, product(beta, beta)), U256::ONE);
    assert_ne!(beta, U256::ONE);
}
