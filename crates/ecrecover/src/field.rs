//! Arithmetic modulo the prime of secp256k1, p = 2^256 - 2^32 - 977, in lanes.
//!
//! A [`Field`] holds [`Field::LANES`] elements and does the same to each of them. There are three:
//! one element in scalar registers (`portable`), four in those of AVX2 (`avx2`), eight in those of
//! AVX-512 (`ifma`). The code of the curve is written once, over this trait.
//!
//! # How large an element may be
//!
//! Elements are not reduced to less than p each time. An element has *magnitude* m if it is at most
//! m (2^256 + 2^217). Products, squares and dot products have magnitude 1 and are called *reduced*.
//! A product takes factors whose magnitudes have a product below 225, of at most 15 each; a dot
//! product takes the sum of both products. What is between is a [`Field::Wide`]: a sum of small
//! multiples of reduced elements, of magnitude 32 at most, which [`Field::ready`] makes a factor if
//! its magnitude is at most 15, or which a product takes as an addend. The comments in `curve` count
//! magnitudes.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod ifma;
pub(crate) mod portable;
#[cfg(test)]
mod tests;

use crate::generator::Line;

/// A number below 2^256, lowest word first.
pub(crate) type Words = [u64; 4];

/// The prime.
pub(crate) const PRIME: Words = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];

/// The most lanes that a [`Field`] has; arrays with one entry a lane have this length.
pub(crate) const LANES_MAX: usize = 8;

/// Work done in lanes. It is called by [`Field::enter`] alone, so that it is compiled for the
/// instructions of the lanes; all that it calls must therefore be `#[inline(always)]`.
pub(crate) trait Stage<F: Field> {
    /// What it makes.
    type Output;
    /// Does the work.
    fn run(self) -> Self::Output;
}

/// Elements of the field, one a lane. Equal or not, each lane is computed in the same steps.
///
/// All but [`Field::enter`] may be called inside [`Stage::run`] only.
pub(crate) trait Field: Copy {
    /// How many elements it holds.
    const LANES: usize;
    /// One bit a lane.
    type Mask: Copy;
    /// Sums that are no factors yet.
    type Wide: Copy;

    /// Does the work with the instructions of these lanes. The processor must have them.
    fn enter<S: Stage<Self>>(stage: S) -> S::Output;

    /// The same number in all lanes; below 2^256, so reduced.
    fn splat(number: &Words) -> Self;
    /// One number a lane; below 2^256, so reduced.
    fn load(numbers: &[Words; LANES_MAX]) -> Self;
    /// The numbers of the lanes; the element must be normalized.
    fn store(self) -> [Words; LANES_MAX];
    /// From each lane's place in `table`, abscissa and ordinate.
    fn gather(table: &[Line], places: &[u16; LANES_MAX]) -> (Self, Self);
    /// From each lane's place in `table` that lane's element.
    fn pick(table: &[Self], places: &[u8; LANES_MAX]) -> Self;

    /// The product.
    fn mul(self, other: Self) -> Self;
    /// The square.
    fn square(self) -> Self;
    /// Three times the square, of a factor of magnitude 4 at most.
    fn square_thrice(self) -> Self;
    /// The product and `addend` together.
    fn mul_plus(self, other: Self, addend: Self::Wide) -> Self;
    /// The square and `addend` together.
    fn square_plus(self, addend: Self::Wide) -> Self;
    /// `self * other + third * fourth`.
    fn dot(self, other: Self, third: Self, fourth: Self) -> Self;

    /// `FACTOR` times a reduced element.
    fn times<const FACTOR: u64>(self) -> Self::Wide;
    /// `FACTOR` times a reduced element, negated: `(FACTOR + 1) * p - FACTOR * self`, of magnitude
    /// `FACTOR + 1`.
    fn minus<const FACTOR: u64>(self) -> Self::Wide;
    /// The sum.
    fn sum(left: Self::Wide, right: Self::Wide) -> Self::Wide;
    /// A reduced element times `2^count`, for a count of at most 3, as a factor.
    fn shifted(self, count: u32) -> Self;
    /// Makes a factor of a sum.
    fn ready(wide: Self::Wide) -> Self;

    /// The one number below p that is equal modulo p.
    fn normalize(self) -> Self;
    /// Where a normalized element is zero.
    fn is_zero(self) -> Self::Mask;
    /// Where a normalized element is odd.
    fn is_odd(self) -> Self::Mask;
    /// `yes` where the mask is set, otherwise `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The mask with these bits, the first lane's lowest.
    fn mask(bits: u8) -> Self::Mask;
    /// The bits of a mask, the first lane's lowest.
    fn bits(mask: Self::Mask) -> u8;
}

/// One.
pub(crate) const ONE: Words = [1, 0, 0, 0];

// The powers of several elements are computed together, as each product waits for the one before.

#[inline(always)]
fn square_times<F: Field, const N: usize>(mut elements: [F; N], count: u32) -> [F; N] {
    for _ in 0..count {
        for element in &mut elements {
            *element = element.square();
        }
    }
    elements
}

#[inline(always)]
fn mul_each<F: Field, const N: usize>(mut left: [F; N], right: &[F; N]) -> [F; N] {
    for at in 0..N {
        left[at] = left[at].mul(right[at]);
    }
    left
}

/// What the addition chains of inverse and root have in common: the powers 2^n - 1 for n = 2, 22
/// and 223. Both exponents begin with 223 ones (libsecp256k1, `field_impl.h`).
struct Ones<F, const N: usize> {
    two: [F; N],
    twenty_two: [F; N],
    all: [F; N],
}

#[inline(always)]
fn ones<F: Field, const N: usize>(one: &[F; N]) -> Ones<F, N> {
    let two = mul_each(square_times(*one, 1), one);
    let three = mul_each(square_times(two, 1), one);
    let six = mul_each(square_times(three, 3), &three);
    let nine = mul_each(square_times(six, 3), &three);
    let eleven = mul_each(square_times(nine, 2), &two);
    let twenty_two = mul_each(square_times(eleven, 11), &eleven);
    let forty_four = mul_each(square_times(twenty_two, 22), &twenty_two);
    let eighty_eight = mul_each(square_times(forty_four, 44), &forty_four);
    let most = mul_each(square_times(eighty_eight, 88), &eighty_eight);
    let more = mul_each(square_times(most, 44), &forty_four);
    let all = mul_each(square_times(more, 3), &three);
    Ones { two, twenty_two, all }
}

/// The inverse, element^(p - 2); zero has zero. The factor must have magnitude 14 at most.
#[inline(always)]
pub(crate) fn inverse<F: Field>(element: F) -> F {
    let one = [element];
    let Ones { two, twenty_two, all } = ones(&one);
    let power = mul_each(square_times(all, 23), &twenty_two);
    let power = mul_each(square_times(power, 5), &one);
    let power = mul_each(square_times(power, 3), &two);
    let [inverse] = mul_each(square_times(power, 2), &one);
    inverse
}

/// The square root of each if there is one, element^((p + 1) / 4); otherwise the root of the negated
/// element. The factors must have magnitude 14 at most.
#[inline(always)]
pub(crate) fn roots<F: Field, const N: usize>(elements: &[F; N]) -> [F; N] {
    let Ones { two, twenty_two, all } = ones(elements);
    let power = mul_each(square_times(all, 23), &twenty_two);
    let power = mul_each(square_times(power, 6), &two);
    square_times(power, 2)
}

/// Inverts all elements by one inversion (Montgomery's trick), three products an element. No lane of
/// any element may be zero. `prefixes` is room for as many elements.
#[inline(always)]
pub(crate) fn invert_all<F: Field>(elements: &mut [F], prefixes: &mut Vec<F>) {
    let Some((first, others)) = elements.split_first() else { return };
    prefixes.clear();
    let mut product = *first;
    for element in others {
        prefixes.push(product);
        product = product.mul(*element);
    }
    let mut rest = inverse(product);
    for at in (1..elements.len()).rev() {
        let inverted = rest.mul(prefixes[at - 1]);
        rest = rest.mul(elements[at]);
        elements[at] = inverted;
    }
    elements[0] = rest;
}
