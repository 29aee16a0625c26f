//! Types of the contract ABI.
//!
//! In: a type string and, for tuples, its components. Out: a [`Kind`] of bounded size, so that
//! whatever walks one ends soon and on a small stack.

use std::fmt;

use serde_json::Value as Json;

/// Levels of arrays and tuples in one type. Solidity's own stack limits end far below.
pub const DEPTH_MAX: usize = 16;

/// Types within one type, itself included. The largest structs in use have some fifty.
pub const KINDS_MAX: usize = 1024;

/// Bytes of a name or of a type string.
pub const NAME_BYTES_MAX: usize = 1024;

/// A type of the contract ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `address`.
    Address,
    /// `bool`.
    Bool,
    /// `uint8` to `uint256`, with the number of bits.
    Uint(u16),
    /// `int8` to `int256`, with the number of bits.
    Int(u16),
    /// `bytes1` to `bytes32`, with the number of bytes.
    FixedBytes(u8),
    /// `function`: an address and a selector.
    Function,
    /// `bytes`.
    Bytes,
    /// `string`.
    String,
    /// `T[]`.
    Array(Box<Kind>),
    /// `T[n]`, with the length, which is not zero.
    FixedArray(Box<Kind>, u64),
    /// A struct or a list of values, which is not empty.
    Tuple(Vec<Field>),
}

/// A component of a tuple, or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; empty where the source gives none.
    pub name: String,
    /// Its type.
    pub kind: Kind,
}

impl Kind {
    /// The type of an elementary type string without arrays, such as `uint256`.
    pub fn elementary(text: &str) -> Option<Self> {
        let kind = match text {
            "address" => Self::Address,
            "bool" => Self::Bool,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "function" => Self::Function,
            "uint" => Self::Uint(256),
            "int" => Self::Int(256),
            _ => {
                if let Some(bits) = text.strip_prefix("uint") {
                    Self::Uint(bits_of(bits)?)
                } else if let Some(bits) = text.strip_prefix("int") {
                    Self::Int(bits_of(bits)?)
                } else {
                    let size = number_of(text.strip_prefix("bytes")?)?;
                    Self::FixedBytes(u8::try_from(size).ok().filter(|n| (1..=32).contains(n))?)
                }
            }
        };
        Some(kind)
    }

    /// The type of a parameter in JSON: its `type`, and `components` where that is a tuple.
    pub fn of_json(parameter: &Json) -> Option<Self> {
        Self::of_json_at(parameter, 0, &mut { KINDS_MAX })
    }

    fn of_json_at(parameter: &Json, depth: usize, left: &mut usize) -> Option<Self> {
        let text = parameter.get("type")?.as_str()?;
        if depth > DEPTH_MAX || text.len() > NAME_BYTES_MAX {
            return None;
        }
        let (stem, suffixes) = match text.find('[') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        *left = left.checked_sub(1)?;
        let kind = if stem == "tuple" {
            let components = parameter.get("components")?.as_array()?;
            let mut fields = Vec::new();
            for component in components {
                let kind = Self::of_json_at(component, depth + 1, left)?;
                fields.push(Field { name: name_of(component)?, kind });
            }
            (!fields.is_empty()).then_some(Self::Tuple(fields))?
        } else {
            Self::elementary(stem)?
        };
        let kind = kind.with_arrays(suffixes)?;
        (depth > 0 || kind.depth() <= DEPTH_MAX).then_some(kind)
    }

    /// Wraps the type in arrays, as `[3][]` says.
    pub(crate) fn with_arrays(self, mut suffixes: &str) -> Option<Self> {
        let mut kind = self;
        let mut count = 0;
        while !suffixes.is_empty() {
            count += 1;
            if count > DEPTH_MAX {
                return None;
            }
            let (length, rest) = suffixes.strip_prefix('[')?.split_once(']')?;
            kind = if length.is_empty() {
                Self::Array(Box::new(kind))
            } else {
                Self::FixedArray(Box::new(kind), number_of(length).filter(|n| *n > 0)?)
            };
            suffixes = rest;
        }
        Some(kind)
    }

    /// Levels of arrays and tuples.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Array(inner) | Self::FixedArray(inner, _) => 1 + inner.depth(),
            Self::Tuple(fields) => {
                1 + fields.iter().map(|field| field.kind.depth()).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Whether values have no fixed size, so that an offset stands in their place.
    pub fn is_dynamic(&self) -> bool {
        match self {
            Self::Bytes | Self::String | Self::Array(_) => true,
            Self::FixedArray(inner, _) => inner.is_dynamic(),
            Self::Tuple(fields) => fields.iter().any(|field| field.kind.is_dynamic()),
            _ => false,
        }
    }

    /// Whether an event keeps only a hash of it when it is indexed.
    pub fn is_hashed_in_topic(&self) -> bool {
        matches!(
            self,
            Self::Bytes | Self::String | Self::Array(_) | Self::FixedArray(..) | Self::Tuple(_)
        )
    }

    /// Bytes that it takes in the head of a list of values. Saturates.
    pub(crate) fn head_bytes(&self) -> u64 {
        match self {
            _ if self.is_dynamic() => 32,
            Self::FixedArray(inner, length) => inner.head_bytes().saturating_mul(*length),
            Self::Tuple(fields) => head_bytes(fields),
            _ => 32,
        }
    }
}

/// Bytes of the head of a list of values. Saturates.
pub(crate) fn head_bytes(fields: &[Field]) -> u64 {
    fields.iter().fold(0, |sum, field| sum.saturating_add(field.kind.head_bytes()))
}

/// The name of a parameter in JSON; empty where it has none.
pub(crate) fn name_of(parameter: &Json) -> Option<String> {
    match parameter.get("name") {
        None | Some(Json::Null) => Some(String::new()),
        Some(Json::String(name)) if name.len() <= NAME_BYTES_MAX => Some(name.clone()),
        Some(_) => None,
    }
}

/// Types as they stand in a signature: `(address,uint256)`.
pub(crate) fn signature_of(fields: &[Field]) -> String {
    let kinds: Vec<String> = fields.iter().map(|field| field.kind.to_string()).collect();
    format!("({})", kinds.join(","))
}

impl fmt::Display for Kind {
    /// The canonical type, as it goes into selectors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("address"),
            Self::Bool => f.write_str("bool"),
            Self::Uint(bits) => write!(f, "uint{bits}"),
            Self::Int(bits) => write!(f, "int{bits}"),
            Self::FixedBytes(size) => write!(f, "bytes{size}"),
            Self::Function => f.write_str("function"),
            Self::Bytes => f.write_str("bytes"),
            Self::String => f.write_str("string"),
            Self::Array(inner) => write!(f, "{inner}[]"),
            Self::FixedArray(inner, length) => write!(f, "{inner}[{length}]"),
            Self::Tuple(fields) => f.write_str(&signature_of(fields)),
        }
    }
}

/// A number in canonical decimal digits.
fn number_of(text: &str) -> Option<u64> {
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_canonical.then(|| text.parse().ok())?
}

fn bits_of(text: &str) -> Option<u16> {
    let bits = u16::try_from(number_of(text)?).ok()?;
    (bits <= 256 && bits.is_multiple_of(8)).then_some(bits)
}
