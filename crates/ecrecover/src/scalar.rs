//! Numbers modulo the order n of the curve.

use crate::field::Words;

/// The order of the curve.
pub(crate) const ORDER: Words =
    [0xbfd2_5e8c_d036_4141, 0xbaae_dce6_af48_a03b, 0xffff_ffff_ffff_fffe, u64::MAX];

/// 2^256 - n: what 2^256 is modulo n.
const FOLD: [u64; 3] = [0x402d_a173_2fc9_bebf, 0x4551_2319_50b7_5fc4, 1];

/// `left + right + carry`, and what does not fit.
#[inline(always)]
pub(crate) const fn add_carry(left: u64, right: u64, carry: u64) -> (u64, u64) {
    let sum = left as u128 + right as u128 + carry as u128;
    (sum as u64, (sum >> 64) as u64)
}

/// `sum + left * right + carry`, and what does not fit; the sum is below 2^128.
#[inline(always)]
const fn multiply_add(sum: u64, left: u64, right: u64, carry: u64) -> (u64, u64) {
    let sum = sum as u128 + left as u128 * right as u128 + carry as u128;
    (sum as u64, (sum >> 64) as u64)
}

/// The sum, and the bit that does not fit.
#[inline(always)]
pub(crate) fn add_words(left: &Words, right: &Words) -> (Words, u64) {
    let (mut sum, mut carry) = ([0; 4], 0);
    for i in 0..4 {
        (sum[i], carry) = add_carry(left[i], right[i], carry);
    }
    (sum, carry)
}

/// The difference modulo 2^256, and whether it is negative.
#[inline(always)]
pub(crate) fn subtract_words(left: &Words, right: &Words) -> (Words, bool) {
    let (mut difference, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        let (first, borrow_first) = left[i].overflowing_sub(right[i]);
        let (second, borrow_second) = first.overflowing_sub(borrow.into());
        (difference[i], borrow) = (second, borrow_first || borrow_second);
    }
    (difference, borrow)
}

/// The product of two numbers below 2^256.
#[inline(always)]
pub(crate) fn multiply_words(left: &Words, right: &Words) -> [u64; 8] {
    let mut product = [0; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (product[i + j], carry) = multiply_add(product[i + j], left[i], right[j], carry);
        }
        product[i + 4] = carry;
    }
    product
}

/// A number below n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalar(Words);

impl Scalar {
    pub(crate) const ONE: Self = Self([1, 0, 0, 0]);

    /// The number modulo n; one subtraction is enough below 2^256.
    #[inline(always)]
    pub(crate) fn reduced(words: &Words) -> Self {
        let (less, is_below) = subtract_words(words, &ORDER);
        Self(if is_below { *words } else { less })
    }

    /// `None` for zero and from n on.
    #[inline(always)]
    pub(crate) fn in_range(words: &Words) -> Option<Self> {
        let (_, is_below) = subtract_words(words, &ORDER);
        (is_below && *words != [0; 4]).then_some(Self(*words))
    }

    #[inline(always)]
    pub(crate) const fn words(&self) -> &Words {
        &self.0
    }

    #[inline(always)]
    pub(crate) fn subtract(&self, other: &Self) -> Self {
        let (difference, is_negative) = subtract_words(&self.0, &other.0);
        Self(if is_negative { add_words(&difference, &ORDER).0 } else { difference })
    }

    /// The product modulo n. The upper half times 2^256 - n is added to the lower half, until there
    /// is no upper half: 512 bits become at most 385 + 1, then 258 + 1, then 257.
    #[inline(always)]
    pub(crate) fn multiply(&self, other: &Self) -> Self {
        let p = multiply_words(&self.0, &other.0);
        // 256 + 256 * 129 bits.
        let mut first = [p[0], p[1], p[2], p[3], 0, 0, 0];
        for i in 0..4 {
            let mut carry = 0;
            for j in 0..3 {
                (first[i + j], carry) = multiply_add(first[i + j], p[4 + i], FOLD[j], carry);
            }
            add_at(&mut first, i + 3, carry);
        }
        // 256 + 130 * 129 bits.
        let mut second = [first[0], first[1], first[2], first[3], 0, 0];
        for i in 0..3 {
            let mut carry = 0;
            for j in 0..3 {
                (second[i + j], carry) = multiply_add(second[i + j], first[4 + i], FOLD[j], carry);
            }
            if i < 2 {
                add_at(&mut second, i + 3, carry);
            } else {
                second[5] = second[5].wrapping_add(carry);
            }
        }
        // The upper half has four bits.
        let mut third = [second[0], second[1], second[2], second[3], 0];
        let mut carry = 0;
        for j in 0..3 {
            (third[j], carry) = multiply_add(third[j], second[4], FOLD[j], carry);
        }
        add_at(&mut third, 3, carry);
        let low = [third[0], third[1], third[2], third[3]];
        if third[4] == 0 {
            return Self::reduced(&low);
        }
        // Above 2^256, but by less than 2^133: adding the fold cannot carry.
        Self(add_words(&low, &[FOLD[0], FOLD[1], FOLD[2], 0]).0)
    }

    /// The inverse, self^(n - 2); zero has zero.
    pub(crate) fn inverse(&self) -> Self {
        let mut powers = [Self::ONE; 16];
        for at in 1..16 {
            powers[at] = powers[at - 1].multiply(self);
        }
        let (exponent, _) = subtract_words(&ORDER, &[2, 0, 0, 0]);
        let mut power = Self::ONE;
        for at in (0..64).rev() {
            for _ in 0..4 {
                power = power.multiply(&power);
            }
            power = power.multiply(&powers[(exponent[at / 16] >> (at % 16 * 4)) as usize & 15]);
        }
        power
    }

    /// Inverts all by one inversion (Montgomery's trick). None may be zero.
    pub(crate) fn invert_all(scalars: &mut [Self]) {
        let mut product = Self::ONE;
        let prefixes: Vec<Self> = scalars
            .iter()
            .map(|scalar| {
                let prefix = product;
                product = product.multiply(scalar);
                prefix
            })
            .collect();
        let mut rest = product.inverse();
        for (scalar, prefix) in scalars.iter_mut().zip(&prefixes).rev() {
            let inverted = rest.multiply(prefix);
            rest = rest.multiply(scalar);
            *scalar = inverted;
        }
    }
}

/// Adds at a place, and carries on.
#[inline(always)]
fn add_at(words: &mut [u64], at: usize, what: u64) {
    let mut carry = what;
    for word in &mut words[at..] {
        (*word, carry) = add_carry(*word, carry, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, big, wide_words};
    use alloy_primitives::U256;

    fn order() -> U256 {
        big(&ORDER)
    }

    fn scalars() -> Vec<Scalar> {
        let mut random = Random::from_environment();
        let mut words = vec![[1, 0, 0, 0], [2, 0, 0, 0], ORDER, [u64::MAX; 4], [0, 0, 0, 1 << 63]];
        words.extend((0..6).map(|less| subtract_words(&ORDER, &[less, 0, 0, 0]).0));
        words.extend((0..200).map(|_| random.words()));
        words.iter().map(Scalar::reduced).collect()
    }

    #[test]
    fn agrees_with_big_integers() {
        let scalars = scalars();
        for left in &scalars {
            for right in &scalars {
                let (a, b) = (big(&left.0), big(&right.0));
                assert_eq!(big(&left.multiply(right).0), a.mul_mod(b, order()));
                let negated = if b.is_zero() { b } else { order() - b };
                assert_eq!(big(&left.subtract(right).0), a.add_mod(negated, order()));
                assert_eq!(multiply_words(&left.0, &right.0), wide_words(a, b));
            }
        }
    }

    #[test]
    fn inverts() {
        let mut all: Vec<Scalar> =
            scalars().into_iter().filter(|scalar| scalar.0 != [0; 4]).collect();
        let before = all.clone();
        Scalar::invert_all(&mut all);
        for (scalar, inverted) in before.iter().zip(&all) {
            assert_eq!(scalar.multiply(inverted), Scalar::ONE);
            assert_eq!(scalar.inverse(), *inverted);
        }
    }

    #[test]
    fn knows_its_range() {
        assert_eq!(Scalar::in_range(&[0; 4]), None);
        assert_eq!(Scalar::in_range(&ORDER), None);
        assert_eq!(Scalar::in_range(&[u64::MAX; 4]), None);
        let last = subtract_words(&ORDER, &[1, 0, 0, 0]).0;
        assert_eq!(Scalar::in_range(&last), Some(Scalar(last)));
        assert_eq!(Scalar::in_range(&[1, 0, 0, 0]), Some(Scalar::ONE));
    }
}
