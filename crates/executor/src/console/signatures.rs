//! Which functions the console has, and how their arguments are encoded.

use alloy_primitives::{Address, I256, U256, hex, keccak256, map::HashMap};
use std::sync::LazyLock;

/// A type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Unsigned,
    Signed,
    Bool,
    Address,
    Bytes,
    /// `bytes1` to `bytes32`.
    Fixed(u8),
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Unsigned(U256),
    Signed(I256),
    Bool(bool),
    Address(Address),
    /// As hexadecimal digits.
    Bytes(String),
}

/// Types that are combined, up to four at once.
const COMBINED: [Kind; 4] = [Kind::Text, Kind::Unsigned, Kind::Bool, Kind::Address];
const COMBINED_MAX: usize = 4;

/// Every function of the console: by selector, the types of its arguments.
static FUNCTIONS: LazyLock<HashMap<[u8; 4], Vec<Kind>>> = LazyLock::new(|| {
    let mut functions = HashMap::default();
    let mut add = |function: &str, kinds: &[Kind], old: bool| {
        let types: Vec<String> = kinds.iter().map(|kind| kind.name(old)).collect();
        let hash = keccak256(format!("{function}({})", types.join(",")));
        functions.insert([hash[0], hash[1], hash[2], hash[3]], kinds.to_vec());
    };
    let mut combinations: Vec<Vec<Kind>> = vec![Vec::new()];
    for length in 0..=COMBINED_MAX {
        for kinds in &combinations {
            add("log", kinds, false);
            // Old versions of the library hashed `uint` and `int`, which are no canonical names.
            add("log", kinds, true);
        }
        if length < COMBINED_MAX {
            let longer = combinations.iter().flat_map(|kinds| {
                COMBINED.iter().map(|kind| kinds.iter().copied().chain([*kind]).collect())
            });
            combinations = longer.collect();
        }
    }
    let signed: [&[Kind]; 2] = [&[Kind::Signed], &[Kind::Text, Kind::Signed]];
    for kinds in signed {
        add("log", kinds, false);
        add("log", kinds, true);
    }
    add("log", &[Kind::Bytes], false);
    let single = [
        ("logString", Kind::Text),
        ("logUint", Kind::Unsigned),
        ("logInt", Kind::Signed),
        ("logBool", Kind::Bool),
        ("logAddress", Kind::Address),
        ("logBytes", Kind::Bytes),
    ];
    for (function, kind) in single {
        add(function, &[kind], false);
        add(function, &[kind], true);
    }
    for length in 1..=32 {
        add("log", &[Kind::Fixed(length)], false);
        add(&format!("logBytes{length}"), &[Kind::Fixed(length)], false);
    }
    functions
});

/// The types of the arguments of a function.
pub(super) fn kinds(selector: [u8; 4]) -> Option<&'static [Kind]> {
    FUNCTIONS.get(&selector).map(Vec::as_slice)
}

impl Kind {
    fn name(self, old: bool) -> String {
        match self {
            Self::Text => "string".to_owned(),
            Self::Unsigned if old => "uint".to_owned(),
            Self::Unsigned => "uint256".to_owned(),
            Self::Signed if old => "int".to_owned(),
            Self::Signed => "int256".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Address => "address".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::Fixed(length) => format!("bytes{length}"),
        }
    }

    /// The argument at `place`, or `None` if it is not there.
    pub(super) fn read(self, arguments: &[u8], place: usize) -> Option<Value> {
        let word = word(arguments, place * 32)?;
        Some(match self {
            Self::Text => {
                let text = dynamic(arguments, word)?;
                Value::Text(String::from_utf8_lossy(text).into_owned())
            }
            Self::Bytes => Value::Bytes(hex::encode_prefixed(dynamic(arguments, word)?)),
            Self::Unsigned => Value::Unsigned(word),
            Self::Signed => Value::Signed(I256::from_raw(word)),
            Self::Bool => Value::Bool(!word.is_zero()),
            Self::Address => Value::Address(Address::from_word(word.into())),
            Self::Fixed(length) => {
                let bytes = word.to_be_bytes::<32>();
                Value::Bytes(hex::encode_prefixed(&bytes[..usize::from(length)]))
            }
        })
    }
}

fn word(arguments: &[u8], at: usize) -> Option<U256> {
    arguments.get(at..at.checked_add(32)?).map(U256::from_be_slice)
}

fn dynamic(arguments: &[u8], offset: U256) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok()?;
    let length = usize::try_from(word(arguments, offset)?).ok()?;
    let start = offset.checked_add(32)?;
    arguments.get(start..start.checked_add(length)?)
}
