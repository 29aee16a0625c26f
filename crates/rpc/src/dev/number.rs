//! Numbers as development tools send them.

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A number: a JSON number, or text in hex with `0x`, or in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) U256);

impl Number {
    /// As 64 bits; larger ones become the largest.
    pub(super) fn to_u64(self) -> u64 {
        self.0.saturating_to()
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Float(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(U256::from(number))),
            // JavaScript writes whole numbers above 2^53 so, too.
            Form::Float(number) if number >= 0.0 && number.fract() == 0.0 && number < 1.8e19 => {
                Ok(Self(U256::from(number as u64)))
            }
            Form::Float(_) => Err(D::Error::custom("a whole number that is not negative")),
            Form::Text(text) => {
                let text = text.trim();
                // U256 itself would take octal and binary, too.
                let (digits, radix) = match text.strip_prefix("0x") {
                    Some("") => ("0", 16),
                    Some(digits) => (digits, 16),
                    None => (text, 10),
                };
                // The parser takes underscores, and nothing for zero.
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let number = U256::from_str_radix(digits, radix).ok().filter(|_| plain);
                number
                    .map(Self)
                    .ok_or_else(|| D::Error::custom("a number, as 12, \"12\" or \"0xc\""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_form_that_tools_send() {
        for text in ["12", "\"12\"", "\"0xc\"", "\"0x0000c\"", "12.0"] {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(number, Number(U256::from(12)), "{text}");
        }
        for text in ["-1", "1.5", "\"\"", "\"1x\"", "null", "[]", "\"0b1\""] {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }
}
