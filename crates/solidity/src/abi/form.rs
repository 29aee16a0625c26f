//! Values as a person types them into a form.
//!
//! In: one text for each parameter. Integers are decimal or hex, with `_` and an exponent if one
//! likes (`1e18`); addresses and bytes are hex; truth values are `true` and `false`; a string is
//! the text itself. Arrays are `[1, 2]`; structs are `(…)` or `[…]` in order, or `{"name": …}`;
//! strings within those may be in quotes. Out: values, or an error that names the parameter.

use alloy_primitives::{Address, Bytes, I256, U256, hex};

use super::{
    Function,
    codec::fits,
    kind::{Field, Kind},
    value::Value,
};

/// Bytes of one text: calldata of a transaction is at most 128 KiB in the pool, and hex doubles it.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// A text that is not a value of its parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Not as many texts as parameters.
    #[error("{signature} takes {expected} parameters, and {found} were given")]
    Count {
        /// The function.
        signature: String,
        /// Its parameters.
        expected: usize,
        /// The texts.
        found: usize,
    },
    /// A text that cannot be read as its type.
    #[error("{parameter} ({kind}): {reason}")]
    Parameter {
        /// The parameter's name, or its number from 1, and the way into it: `orders[2].amount`.
        parameter: String,
        /// The type that was expected there.
        kind: String,
        /// What is wrong.
        reason: String,
    },
}

impl Function {
    /// Calldata from one text for each parameter; a constructor's arguments without a selector.
    pub fn encode_form(&self, texts: &[impl AsRef<str>]) -> Result<Bytes, InputError> {
        // A constructor has no selector.
        let mut data = if self.name.is_empty() { Vec::new() } else { self.selector().to_vec() };
        let values = read_all(self, texts)?;
        data.extend_from_slice(&self.encode_arguments(&values).unwrap_or_default());
        Ok(data.into())
    }
}

/// The values of a function's parameters from one text for each.
pub fn read_all(function: &Function, texts: &[impl AsRef<str>]) -> Result<Vec<Value>, InputError> {
    if texts.len() != function.inputs.len() {
        return Err(InputError::Count {
            signature: function.signature(),
            expected: function.inputs.len(),
            found: texts.len(),
        });
    }
    let pairs = function.inputs.iter().zip(texts).enumerate();
    pairs.map(|(index, (field, text))| read_field(field, index, text.as_ref())).collect()
}

fn read_field(field: &Field, index: usize, text: &str) -> Result<Value, InputError> {
    let name = match field.name.as_str() {
        "" => format!("parameter {}", index + 1),
        name => name.to_owned(),
    };
    if text.len() > TEXT_BYTES_MAX {
        let reason = format!("the text has {} bytes; {TEXT_BYTES_MAX} are allowed", text.len());
        return Err(InputError::Parameter {
            parameter: name,
            kind: field.kind.to_string(),
            reason,
        });
    }
    if field.kind == Kind::String {
        return Ok(Value::String(text.to_owned()));
    }
    let mut reader = Reader { rest: text.trim(), path: name };
    let value = reader.value(&field.kind)?;
    if !reader.rest.trim().is_empty() {
        return Err(reader.error(&field.kind, "something stands behind the value"));
    }
    Ok(value)
}

struct Reader<'a> {
    rest: &'a str,
    path: String,
}

impl Reader<'_> {
    fn error(&self, kind: &Kind, reason: impl Into<String>) -> InputError {
        let parameter = self.path.clone();
        InputError::Parameter { parameter, kind: kind.to_string(), reason: reason.into() }
    }

    /// Reads what is one level deeper, with that added to the path.
    fn within(&mut self, step: &str, kind: &Kind) -> Result<Value, InputError> {
        let length = self.path.len();
        self.path.push_str(step);
        let value = self.value(kind)?;
        self.path.truncate(length);
        Ok(value)
    }

    fn value(&mut self, kind: &Kind) -> Result<Value, InputError> {
        match kind {
            Kind::Array(inner) => self.array(kind, inner, None),
            Kind::FixedArray(inner, length) => self.array(kind, inner, Some(*length)),
            Kind::Tuple(fields) => self.tuple(kind, fields),
            _ => {
                let text = self.token(kind)?;
                single(kind, &text).map_err(|reason| self.error(kind, reason))
            }
        }
    }

    fn array(
        &mut self,
        kind: &Kind,
        inner: &Kind,
        length: Option<u64>,
    ) -> Result<Value, InputError> {
        if !self.sign('[') {
            return Err(self.error(kind, "an array is written as [a, b]"));
        }
        let mut values = Vec::new();
        if !self.sign(']') {
            loop {
                values.push(self.within(&format!("[{}]", values.len()), inner)?);
                if self.sign(']') {
                    break;
                }
                if !self.sign(',') {
                    return Err(self.error(kind, "a comma or ] is missing"));
                }
            }
        }
        match length {
            Some(length) if length != values.len() as u64 => {
                Err(self.error(kind, format!("it has {} elements", values.len())))
            }
            _ => Ok(Value::Array(values)),
        }
    }

    fn tuple(&mut self, kind: &Kind, fields: &[Field]) -> Result<Value, InputError> {
        if self.sign('{') {
            return self.object(kind, fields);
        }
        let close = if self.sign('(') {
            ')'
        } else if self.sign('[') {
            ']'
        } else {
            return Err(self.error(kind, "a struct is written as (a, b) or {\"name\": a}"));
        };
        let mut values = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            if index > 0 && !self.sign(',') {
                return Err(self.error(kind, format!("it has {} components", fields.len())));
            }
            let value = self.within(&step_to(field, index), &field.kind)?;
            values.push((field.name.clone(), value));
        }
        match self.sign(close) {
            true => Ok(Value::Tuple(values)),
            false => Err(self.error(kind, format!("{close} is missing"))),
        }
    }

    fn object(&mut self, kind: &Kind, fields: &[Field]) -> Result<Value, InputError> {
        let mut values = vec![None; fields.len()];
        loop {
            let name = self.token(kind)?;
            let found = fields.iter().enumerate().find(|(_, field)| field.name == name);
            let Some((index, field)) = found else {
                return Err(self.error(kind, format!("it has no component {name}")));
            };
            if !self.sign(':') {
                return Err(self.error(kind, "a colon is missing behind a name"));
            }
            let value = self.within(&step_to(field, index), &field.kind)?;
            if let Some(place) = values.get_mut(index) {
                *place = Some((field.name.clone(), value));
            }
            if self.sign('}') {
                break;
            }
            if !self.sign(',') {
                return Err(self.error(kind, "a comma or } is missing"));
            }
        }
        let values: Option<Vec<_>> = values.into_iter().collect();
        values.map(Value::Tuple).ok_or_else(|| self.error(kind, "a component is missing"))
    }

    /// A text in quotes, or all up to the next sign of a list.
    fn token(&mut self, kind: &Kind) -> Result<String, InputError> {
        let text = self.rest.trim_start();
        if text.starts_with('"') {
            let mut stream = serde_json::Deserializer::from_str(text).into_iter::<String>();
            let Some(Ok(token)) = stream.next() else {
                return Err(self.error(kind, "a string in quotes is written as in JSON"));
            };
            self.rest = text.get(stream.byte_offset()..).unwrap_or_default();
            return Ok(token);
        }
        let is_sign = |sign| matches!(sign, ',' | ']' | ')' | '}' | ':');
        let (token, rest) = text.split_at(text.find(is_sign).unwrap_or(text.len()));
        self.rest = rest;
        Ok(token.trim().to_owned())
    }

    fn sign(&mut self, sign: char) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

fn step_to(field: &Field, index: usize) -> String {
    match field.name.as_str() {
        "" => format!(".{index}"),
        name => format!(".{name}"),
    }
}

/// A value that is no list.
fn single(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Address => {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            let address: Address =
                digits.parse().map_err(|_| "an address is 0x and 40 hex digits".to_owned())?;
            let is_mixed = digits.contains(|sign: char| sign.is_ascii_uppercase())
                && digits.contains(|sign: char| sign.is_ascii_lowercase());
            if is_mixed && address.to_checksum(None).strip_prefix("0x") != Some(digits) {
                return Err("the checksum of the address is wrong (EIP-55)".to_owned());
            }
            Ok(Value::Address(address))
        }
        Kind::Bool => match text {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err("it is true or false".to_owned()),
        },
        Kind::Uint(bits) => {
            let number = magnitude(text)?;
            let is_in = number.bit_len() <= usize::from(*bits);
            is_in.then_some(Value::Uint(number)).ok_or_else(|| format!("{text} is too large"))
        }
        Kind::Int(bits) => {
            let (digits, is_negative) = match text.strip_prefix('-') {
                Some(digits) => (digits, true),
                None => (text, false),
            };
            let raw = magnitude(digits)?;
            let number = I256::from_raw(if is_negative { raw.wrapping_neg() } else { raw });
            let is_in =
                (raw.is_zero() || number.is_negative() == is_negative) && fits(number, *bits);
            is_in.then_some(Value::Int(number)).ok_or_else(|| format!("{text} is out of range"))
        }
        Kind::FixedBytes(size) => bytes(text, Some(usize::from(*size))),
        Kind::Function => bytes(text, Some(24)),
        Kind::Bytes => bytes(text, None),
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::Array(_) | Kind::FixedArray(..) | Kind::Tuple(_) => Err("it is a list".to_owned()),
    }
}

fn bytes(text: &str, size: Option<usize>) -> Result<Value, String> {
    let digits = text.strip_prefix("0x").ok_or("bytes are 0x and hex digits")?;
    let bytes = hex::decode(digits).map_err(|error| error.to_string())?;
    match size {
        Some(size) if size != bytes.len() => Err(format!("it has {} bytes", bytes.len())),
        _ => Ok(Value::Bytes(bytes.into())),
    }
}

fn magnitude(text: &str) -> Result<U256, String> {
    let digits = text.replace('_', "");
    let error = || format!("`{text}` is no number; write it in decimal, or in hex with 0x");
    let parse = |digits: &str, radix| match digits.is_empty() {
        true => Err(error()),
        false => U256::from_str_radix(digits, radix).map_err(|_| error()),
    };
    if let Some(digits) = digits.strip_prefix("0x") {
        return parse(digits, 16);
    }
    let Some((digits, exponent)) = digits.split_once('e') else { return parse(&digits, 10) };
    let exponent: u64 = exponent.parse().map_err(|_| error())?;
    let power = U256::from(10).checked_pow(U256::from(exponent)).ok_or_else(error)?;
    parse(digits, 10)?.checked_mul(power).ok_or_else(|| format!("{text} is too large"))
}
