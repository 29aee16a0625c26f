//! How arguments become a line: as Node's `util.format`, which Hardhat prints with.

use super::signatures::Value;
use alloy_primitives::{I256, U256};
use core::fmt;

/// The line of a call with these arguments.
///
/// A text that comes first may hold specifiers (`%s`, `%d`, `%i`, `%f`, `%o`, `%O`, `%j`, `%x`),
/// which take the arguments that follow; what is left over is put behind, with spaces.
pub(super) fn line(values: &[Value]) -> String {
    let mut rest = values.iter();
    let mut line = String::new();
    match rest.next() {
        None => return line,
        Some(Value::Text(format)) if !rest.as_slice().is_empty() => {
            fill(format, &mut rest, &mut line);
        }
        Some(first) => line.push_str(&first.to_string()),
    }
    for value in rest {
        line.push(' ');
        line.push_str(&value.to_string());
    }
    line
}

fn fill(format: &str, values: &mut core::slice::Iter<'_, Value>, line: &mut String) {
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        let specifier = characters.peek().copied().filter(|_| character == '%');
        match specifier {
            Some('%') => {
                line.push('%');
                characters.next();
            }
            Some(specifier) if "sdifoOjx".contains(specifier) => match values.next() {
                Some(value) => {
                    line.push_str(&specified(specifier, value));
                    characters.next();
                }
                // Without an argument it stays as it is.
                None => line.push('%'),
            },
            _ => line.push(character),
        }
    }
}

fn specified(specifier: char, value: &Value) -> String {
    match (specifier, value) {
        ('s', value) => value.to_string(),
        ('d' | 'i' | 'f', Value::Text(text)) => number(text),
        ('d' | 'f', Value::Bool(value)) => u8::from(*value).to_string(),
        ('i', Value::Bool(_)) => "NaN".to_owned(),
        ('d' | 'i' | 'f', Value::Address(address)) => {
            U256::from_be_slice(address.as_slice()).to_string()
        }
        ('d' | 'i' | 'f', Value::Bytes(digits)) => number(digits),
        ('o' | 'O' | 'j', Value::Text(text)) => format!("'{text}'"),
        ('x', Value::Unsigned(value)) => format!("{value:#x}"),
        ('x', Value::Signed(value)) => signed_hex(*value),
        (_, value) => value.to_string(),
    }
}

fn signed_hex(value: I256) -> String {
    let sign = if value.is_negative() { "-" } else { "" };
    format!("{sign}{:#x}", value.unsigned_abs())
}

/// A text as the number that it is, or `NaN`.
fn number(text: &str) -> String {
    let text = text.trim();
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => U256::from_str_radix(digits, 16).map(|number| number.to_string()).ok(),
        None => text.parse::<f64>().ok().map(|number| number.to_string()),
    };
    parsed.unwrap_or_else(|| "NaN".to_owned())
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Bytes(text) => f.write_str(text),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Signed(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}
