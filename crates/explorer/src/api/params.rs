//! Parameters of strangers, and their bounds.

use super::failure::Failure;
use std::{collections::BTreeMap, str::FromStr};

/// Parameters of a request at most; a query for logs with four topics has some twenty.
const PARAMETERS_MAX: usize = 64;

/// Parameters by name. Of one that stands twice the first counts; an empty one is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Of query strings and forms. What is not UTF-8 becomes U+FFFD, which no parameter accepts.
    pub(crate) fn of(sources: &[&[u8]]) -> Self {
        let mut found = BTreeMap::new();
        for source in sources {
            for (name, value) in form_urlencoded::parse(source).take(PARAMETERS_MAX) {
                found.entry(name.into_owned()).or_insert_with(|| value.into_owned());
            }
        }
        Self(found)
    }

    pub(crate) fn insert(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// As they came, with their blanks.
    pub(crate) const fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A parameter that is there; if it is not what `T` is, that is an error.
    pub(crate) fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed = text.parse();
        parsed.map(Some).map_err(|_| Failure::Invalid(format!("{name} cannot be read")))
    }

    pub(crate) fn required<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.parse(name)?.ok_or_else(|| Failure::Invalid(format!("{name} is missing")))
    }
}

/// A number in decimal, or in hex with `0x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl FromStr for Number {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        hex.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16)).map(Self)
    }
}
