//! GF(256) with Rijndael's polynomial x^8 + x^4 + x^3 + x + 1.
//!
//! No tables and no branches on values: what is looked up depends on secrets, and the cache shows
//! what was looked up.

/// The product.
pub(super) fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut shifted) = (0, a);
    for bit in 0..8 {
        // All ones if the bit is set.
        product ^= shifted & 0_u8.wrapping_sub(b >> bit & 1);
        shifted = (shifted << 1) ^ (0x1b & 0_u8.wrapping_sub(shifted >> 7));
    }
    product
}

/// The inverse, which is the 254th power; zero for zero.
pub(super) fn invert(a: u8) -> u8 {
    let mut power = a;
    for _ in 0..6 {
        power = multiply(multiply(power, power), a);
    }
    multiply(power, power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_rijndaels() {
        // FIPS 197, 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
    }

    #[test]
    fn a_number_times_its_inverse_is_one() {
        for a in 1..=u8::MAX {
            assert_eq!(multiply(a, invert(a)), 1);
            assert_eq!(multiply(a, 1), a);
            assert_eq!(multiply(a, 0), 0);
        }
    }
}
