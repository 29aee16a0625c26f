//! The contract ABI's encoding, in both directions.
//!
//! Decoding takes bytes of strangers: each value and each byte that goes out is counted, since
//! offsets may point many times at the same place. A type's static size is compared with what is
//! there before anything is made of it.

use alloy_primitives::{Address, Bytes, I256, U256};

use super::{
    kind::{Field, Kind, head_bytes},
    value::Value,
};

/// Values that one decoding makes: a megabyte of calldata has 32,768 words.
const VALUES_MAX: usize = 1 << 16;

/// What a decoding may still make.
struct Budget {
    values: usize,
    bytes: usize,
}

/// Values of a list of types, and how many bytes from the start they reach; `None` where the bytes
/// are no encoding of them, or hold more than the bounds.
pub(crate) fn decode(fields: &[Field], data: &[u8]) -> Option<(Vec<Value>, usize)> {
    let mut decoder =
        Decoder { data, budget: Budget { values: VALUES_MAX, bytes: data.len() }, reach: 0 };
    let values = decoder.fields(fields, 0)?;
    Some((values, decoder.reach))
}

/// The value that a single word holds, as in the topic of an event.
pub(crate) fn decode_word(kind: &Kind, word: &[u8; 32]) -> Option<Value> {
    if kind.is_hashed_in_topic() {
        return Some(Value::Hash(word.into()));
    }
    word_value(kind, word)
}

struct Decoder<'a> {
    data: &'a [u8],
    budget: Budget,
    /// The end of the farthest byte that was read.
    reach: usize,
}

impl Decoder<'_> {
    fn word(&mut self, at: usize) -> Option<[u8; 32]> {
        self.slice(at, 32)?.try_into().ok()
    }

    fn slice(&mut self, at: usize, length: usize) -> Option<&[u8]> {
        let end = at.checked_add(length)?;
        let slice = self.data.get(at..end)?;
        self.reach = self.reach.max(end);
        Some(slice)
    }

    /// A word as an offset or a length: more than the data has is not decodable anyway.
    fn size(&mut self, at: usize) -> Option<usize> {
        let size = usize::try_from(U256::from_be_bytes(self.word(at)?)).ok()?;
        (size <= self.data.len()).then_some(size)
    }

    /// The values of a list whose head begins at `base`.
    fn fields(&mut self, fields: &[Field], base: usize) -> Option<Vec<Value>> {
        self.has_head(head_bytes(fields), base)?;
        let mut at = base;
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            values.push(self.element(&field.kind, base, &mut at)?);
        }
        Some(values)
    }

    fn elements(&mut self, kind: &Kind, length: u64, base: usize) -> Option<Vec<Value>> {
        self.has_head(kind.head_bytes().saturating_mul(length), base)?;
        let mut at = base;
        let mut values = Vec::new();
        for _ in 0..length {
            values.push(self.element(kind, base, &mut at)?);
        }
        Some(values)
    }

    fn has_head(&self, bytes: u64, base: usize) -> Option<()> {
        let left = self.data.len().checked_sub(base)?;
        (bytes <= left as u64).then_some(())
    }

    /// One value of a list, in place or where its offset points.
    fn element(&mut self, kind: &Kind, base: usize, at: &mut usize) -> Option<Value> {
        let place = *at;
        *at = at.checked_add(usize::try_from(kind.head_bytes()).ok()?)?;
        if kind.is_dynamic() {
            let offset = self.size(place)?;
            return self.value(kind, base.checked_add(offset)?);
        }
        self.value(kind, place)
    }

    fn value(&mut self, kind: &Kind, at: usize) -> Option<Value> {
        self.budget.values = self.budget.values.checked_sub(1)?;
        match kind {
            Kind::Bytes | Kind::String => {
                let length = self.size(at)?;
                self.budget.bytes = self.budget.bytes.checked_sub(length)?;
                let bytes = self.slice(at.checked_add(32)?, length)?;
                Some(match (kind, std::str::from_utf8(bytes)) {
                    (Kind::String, Ok(text)) => Value::String(text.to_owned()),
                    _ => Value::Bytes(Bytes::copy_from_slice(bytes)),
                })
            }
            Kind::Array(inner) => {
                let length = self.size(at)? as u64;
                self.elements(inner, length, at.checked_add(32)?).map(Value::Array)
            }
            Kind::FixedArray(inner, length) => self.elements(inner, *length, at).map(Value::Array),
            Kind::Tuple(fields) => {
                let values = self.fields(fields, at)?;
                let names = fields.iter().map(|field| field.name.clone());
                Some(Value::Tuple(names.zip(values).collect()))
            }
            _ => {
                let word = self.word(at)?;
                word_value(kind, &word)
            }
        }
    }
}

/// A value of one word; `None` where bits beyond the type are set, which Solidity refuses too.
fn word_value(kind: &Kind, word: &[u8; 32]) -> Option<Value> {
    let number = U256::from_be_bytes(*word);
    match kind {
        Kind::Address => {
            (number.bit_len() <= 160).then(|| Value::Address(Address::from_word(word.into())))
        }
        Kind::Bool => (number <= U256::from(1)).then(|| Value::Bool(!number.is_zero())),
        Kind::Uint(bits) => (number.bit_len() <= usize::from(*bits)).then_some(Value::Uint(number)),
        Kind::Int(bits) => {
            let number = I256::from_raw(number);
            fits(number, *bits).then_some(Value::Int(number))
        }
        Kind::FixedBytes(size) => left_aligned(word, usize::from(*size)),
        Kind::Function => left_aligned(word, 24),
        Kind::Bytes | Kind::String | Kind::Array(_) | Kind::FixedArray(..) | Kind::Tuple(_) => None,
    }
}

fn left_aligned(word: &[u8; 32], size: usize) -> Option<Value> {
    let (bytes, padding) = word.split_at_checked(size)?;
    let is_padding = padding.iter().all(|byte| *byte == 0);
    is_padding.then(|| Value::Bytes(Bytes::copy_from_slice(bytes)))
}

/// Whether a signed integer has at most that many bits, its sign included.
pub(crate) fn fits(number: I256, bits: u16) -> bool {
    let raw = number.into_raw();
    let magnitude = if number.is_negative() { !raw } else { raw };
    magnitude.bit_len() < usize::from(bits)
}

/// The encoding of values as a list of those types; `None` where a value is not of its type.
pub(crate) fn encode(fields: &[Field], values: &[Value]) -> Option<Vec<u8>> {
    if fields.len() != values.len() {
        return None;
    }
    let pairs = fields.iter().map(|field| &field.kind).zip(values);
    encode_list(pairs, head_bytes(fields))
}

fn encode_list<'a>(
    pairs: impl Iterator<Item = (&'a Kind, &'a Value)>,
    head_bytes: u64,
) -> Option<Vec<u8>> {
    let head_bytes = usize::try_from(head_bytes).ok()?;
    let mut head = Vec::new();
    let mut tail = Vec::new();
    for (kind, value) in pairs {
        let encoded = encode_value(kind, value)?;
        if kind.is_dynamic() {
            let offset = U256::from(head_bytes.checked_add(tail.len())?);
            head.extend_from_slice(&offset.to_be_bytes::<32>());
            tail.extend_from_slice(&encoded);
        } else {
            head.extend_from_slice(&encoded);
        }
    }
    head.append(&mut tail);
    Some(head)
}

fn encode_value(kind: &Kind, value: &Value) -> Option<Vec<u8>> {
    match (kind, value) {
        (Kind::Bytes | Kind::String, Value::Bytes(bytes)) => Some(with_length(bytes)),
        (Kind::String, Value::String(text)) => Some(with_length(text.as_bytes())),
        (Kind::Array(inner), Value::Array(values)) => {
            let mut encoded = U256::from(values.len()).to_be_bytes::<32>().to_vec();
            encoded.append(&mut encode_elements(inner, values)?);
            Some(encoded)
        }
        (Kind::FixedArray(inner, length), Value::Array(values)) => {
            (values.len() as u64 == *length).then(|| encode_elements(inner, values))?
        }
        (Kind::Tuple(fields), Value::Tuple(values)) if fields.len() == values.len() => {
            let kinds = fields.iter().map(|field| &field.kind);
            encode_list(kinds.zip(values.iter().map(|(_, value)| value)), head_bytes(fields))
        }
        _ => encode_word(kind, value).map(|word| word.to_vec()),
    }
}

fn encode_elements(kind: &Kind, values: &[Value]) -> Option<Vec<u8>> {
    let head = kind.head_bytes().saturating_mul(values.len() as u64);
    encode_list(values.iter().map(|value| (kind, value)), head)
}

fn encode_word(kind: &Kind, value: &Value) -> Option<[u8; 32]> {
    let word = match (kind, value) {
        (Kind::Address, Value::Address(address)) => address.into_word().0,
        (Kind::Bool, Value::Bool(value)) => U256::from(*value).to_be_bytes(),
        (Kind::Uint(_), Value::Uint(number)) => number.to_be_bytes(),
        (Kind::Int(_), Value::Int(number)) => number.into_raw().to_be_bytes(),
        (Kind::FixedBytes(_) | Kind::Function, Value::Bytes(bytes)) => {
            let mut word = [0; 32];
            word.get_mut(..bytes.len())?.copy_from_slice(bytes);
            word
        }
        _ => return None,
    };
    word_value(kind, &word).map(|_| word)
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = U256::from(bytes.len()).to_be_bytes::<32>().to_vec();
    encoded.extend_from_slice(bytes);
    encoded.resize(encoded.len().next_multiple_of(32), 0);
    encoded
}
