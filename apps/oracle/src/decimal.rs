//! Decimal numbers in text, as integers with so many digits behind the point. Nothing passes
//! through a floating-point number.

/// Most letters of a number.
const LETTERS_MAX: usize = 64;
/// Most that an exponent may be, to either side.
const EXPONENT_MAX: i32 = 64;
/// Most decimals of a feed that can be reported for: what `FeedReader` reads.
pub(crate) const DECIMALS_MAX: u8 = 36;
/// Greatest value, to either side: the difference of any two is an `i128`.
pub(crate) const VALUE_MAX: i128 = i128::MAX / 2;
/// So many digits are an `i128` whatever they are.
const DIGITS_MAX: usize = 38;

/// Why text is no value of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// It is none.
    #[error("it is no decimal number, such as -12.5 or 1.25e3")]
    Shape,
    /// It is too great.
    #[error("it is too great for a feed")]
    Range,
}

/// The number in `text` in units of `10^-decimals`, rounded to the nearest, halves away from zero.
///
/// # Errors
///
/// See [`DecimalError`].
pub fn parse_decimal(text: &str, decimals: u8) -> Result<i128, DecimalError> {
    let text = text.trim();
    if text.len() > LETTERS_MAX {
        return Err(DecimalError::Shape);
    }
    let (is_negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Shape);
    }
    // Digits before the point of the integer that is sought. Each term is below a few hundred.
    let places = whole.len() as i32 + exponent + i32::from(decimals);
    let magnitude = magnitude(&digits, places)?;
    Ok(if is_negative { -magnitude } else { magnitude })
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let exponent: i32 = text.parse().map_err(|_| DecimalError::Shape)?;
    if exponent.abs() > EXPONENT_MAX {
        return Err(DecimalError::Range);
    }
    Ok(exponent)
}

/// The first `places` digits as a number, rounded by the one behind them.
fn magnitude(digits: &[u8], places: i32) -> Result<i128, DecimalError> {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    let Ok(places) = usize::try_from(places - zeros as i32) else {
        return Ok(0);
    };
    if digits.is_empty() {
        return Ok(0);
    }
    if places > DIGITS_MAX {
        return Err(DecimalError::Range);
    }
    let digit = |place: usize| i128::from(digits.get(place).map_or(0, |digit| digit - b'0'));
    let mut value: i128 = 0;
    for place in 0..places {
        let more = value.checked_mul(10).and_then(|value| value.checked_add(digit(place)));
        value = more.ok_or(DecimalError::Range)?;
    }
    value += i128::from(digit(places) >= 5);
    if value > VALUE_MAX { Err(DecimalError::Range) } else { Ok(value) }
}

/// A value in text, with all its decimals.
pub fn format_decimal(value: i128, decimals: u8) -> String {
    let width = usize::from(decimals) + 1;
    let digits = format!("{:0>width$}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let sign = if value < 0 { "-" } else { "" };
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, decimals, value) in [
            ("1", 8, 100_000_000),
            ("-12.5", 2, -1250),
            (" 1.25e3 ", 0, 1250),
            ("1.25E-2", 4, 125),
            ("+.5", 1, 5),
            ("5.", 1, 50),
            ("0.005", 2, 1),
            ("-0.005", 2, -1),
            ("0.00499999", 2, 0),
            ("0000123.4560000", 3, 123_456),
            ("2999.994999999999999999999999999999999999999", 2, 299_999),
            ("0e64", 36, 0),
            ("1e-64", 36, 0),
        ] {
            assert_eq!(parse_decimal(text, decimals), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", ".", "-", "1.2.3", "0x10", "1e", "NaN", "inf", "1 2", "1,5", "--1", "1e5e5", "١"]
        {
            assert_eq!(parse_decimal(text, 8), Err(DecimalError::Shape), "{text}");
        }
        for text in ["1e65", "1e38", "170141183460469231731687303715884105727", &"9".repeat(60)] {
            assert_eq!(parse_decimal(text, 8), Err(DecimalError::Range), "{text}");
        }
        assert_eq!(parse_decimal(&"1".repeat(LETTERS_MAX + 1), 0), Err(DecimalError::Shape));
    }

    proptest! {
        #[test]
        fn a_value_is_read_as_it_was_written(value in -VALUE_MAX..=VALUE_MAX, decimals in 0..=DECIMALS_MAX) {
            prop_assert_eq!(parse_decimal(&format_decimal(value, decimals), decimals), Ok(value));
        }

        #[test]
        fn any_text_is_a_number_or_an_error(text in "[-+0-9.eE]{0,70}|\\PC{0,70}", decimals in 0..=DECIMALS_MAX) {
            if let Ok(value) = parse_decimal(&text, decimals) {
                prop_assert!(value.abs() <= VALUE_MAX);
            }
        }

        #[test]
        fn rounding_is_to_the_nearest(units in 0..1_000_000_000_i128, decimals in 0..5_u8) {
            let exact = format_decimal(units, 5);
            let step = 10_i128.pow(u32::from(5 - decimals));
            let expected = (units + step / 2) / step;
            prop_assert_eq!(parse_decimal(&exact, decimals), Ok(expected));
            prop_assert_eq!(parse_decimal(&format!("-{exact}"), decimals), Ok(-expected));
        }
    }
}
