//! Amounts as people write them, in whole coins or tokens, as integers of the smallest unit.

use alloy_primitives::U256;

/// Digits behind the point of ether: a wei is 10^-18.
pub const ETHER_DECIMALS: u8 = 18;
/// Most decimals of a token that an amount can have: more do not fit into a word.
const DECIMALS_MAX: u8 = 77;

/// Why text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is no number.
    #[error("this is no amount; write it as 1, 0.25 or 1.5gwei")]
    Number,
    /// There are more digits behind the point than the unit has.
    #[error("there are more than {0} digits behind the point, so the amount cannot be exact")]
    Precision(u8),
    /// The amount is too large.
    #[error("the amount is 2^256 or more")]
    Overflow,
}

/// An amount in units of 10^-decimals: digits, and a point if need be. Never rounded.
///
/// # Errors
///
/// See [`AmountError`].
pub fn parse_units(text: &str, decimals: u8) -> Result<U256, AmountError> {
    if decimals > DECIMALS_MAX {
        return Err(AmountError::Overflow);
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(AmountError::Number),
        None => (text, ""),
    };
    let digits = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || !digits().all(|digit| digit.is_ascii_digit()) {
        return Err(AmountError::Number);
    }
    let missing = usize::from(decimals)
        .checked_sub(fraction.len())
        .ok_or(AmountError::Precision(decimals))?;
    let zeros = std::iter::repeat_n(b'0', missing);
    digits().chain(zeros).try_fold(U256::ZERO, |sum, digit| {
        sum.checked_mul(U256::from(10))
            .and_then(|sum| sum.checked_add(U256::from(digit - b'0')))
            .ok_or(AmountError::Overflow)
    })
}

/// An amount of ether in wei; `gwei` and `wei` behind it say another unit.
///
/// # Errors
///
/// See [`AmountError`].
pub fn parse_ether(text: &str) -> Result<U256, AmountError> {
    let units = [("gwei", 9), ("wei", 0), ("ether", ETHER_DECIMALS), ("eth", ETHER_DECIMALS)];
    let found =
        units.iter().find_map(|(name, decimals)| Some((text.strip_suffix(name)?, *decimals)));
    let (number, decimals) = found.unwrap_or((text, ETHER_DECIMALS));
    parse_units(number.trim_end(), decimals)
}

/// An amount with its point, without zeros at the end.
pub fn format_units(amount: U256, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{amount:0>width$}", amount = amount.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_may_be_named() {
        let wei = |text| parse_ether(text).map(|wei| wei.to_string());
        assert_eq!(wei("1").unwrap(), "1000000000000000000");
        assert_eq!(wei("0.000000000000000001").unwrap(), "1");
        assert_eq!(wei("1.5gwei").unwrap(), "1500000000");
        assert_eq!(wei("7 wei").unwrap(), "7");
        assert_eq!(wei("2ether").unwrap(), "2000000000000000000");
    }

    #[test]
    fn refuses_what_is_no_exact_amount() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0x1", "1,5", "1 2", "1.2.3", "٣"] {
            assert_eq!(parse_ether(text), Err(AmountError::Number), "{text}");
        }
        assert_eq!(parse_units("0.0000001", 6), Err(AmountError::Precision(6)));
        assert_eq!(parse_ether("0.5wei"), Err(AmountError::Precision(0)));
        assert_eq!(parse_units(&"9".repeat(78), 0), Err(AmountError::Overflow));
        assert_eq!(parse_units("1", 78), Err(AmountError::Overflow));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(limbs in any::<[u64; 4]>(), decimals in 0_u8..=77) {
            let amount = U256::from_limbs(limbs);
            prop_assert_eq!(parse_units(&format_units(amount, decimals), decimals), Ok(amount));
        }
    }
}
