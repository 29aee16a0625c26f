//! The arguments of a call, by position.

use crate::Error;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The arguments of one call, not yet decoded.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    values: Vec<&'a RawValue>,
}

impl<'a> Args<'a> {
    /// Of the text of `params`; no text is no arguments.
    pub(crate) fn new(params: Option<&'a str>) -> Result<Self, Error> {
        let values = match params.map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(text) if text.starts_with('[') => {
                serde_json::from_str(text).map_err(|error| Error::argument(0, error))?
            }
            Some(_) => return Err(Error::Parameters("non-array args".to_owned())),
        };
        Ok(Self { values })
    }

    /// The argument at `position`.
    pub(crate) fn required<T: DeserializeOwned>(&self, position: usize) -> Result<T, Error> {
        self.optional(position)?.ok_or(Error::MissingArgument(position))
    }

    /// The argument at `position`; `None` when it is `null` or not there.
    pub(crate) fn optional<T: DeserializeOwned>(
        &self,
        position: usize,
    ) -> Result<Option<T>, Error> {
        match self.text(position) {
            None => Ok(None),
            Some(text) if lacks_prefix(text) => {
                Err(Error::argument(position, "hex string without 0x prefix"))
            }
            Some(text) => serde_json::from_str(text)
                .map(Some)
                .map_err(|error| Error::argument(position, without_place(&error))),
        }
    }

    /// The text of the argument at `position`, if there is one and it is not `null`.
    pub(crate) fn text(&self, position: usize) -> Option<&'a str> {
        self.values.get(position).map(|value| value.get()).filter(|text| *text != "null")
    }
}

/// Whether this is an address or a hash without `0x`, which decoding alone would let through.
fn lacks_prefix(text: &str) -> bool {
    let digits = text.trim_matches('"');
    matches!(digits.len(), 40 | 64) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A serde error says where in the argument it is, which is of no use in so short a text.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::{BlockId, BlockNumberOrTag};
    use alloy_primitives::{B256, U256};

    fn block(text: &str) -> Result<BlockId, Error> {
        Args::new(Some(text))?.required(0)
    }

    #[test]
    fn reads_every_form_of_a_block() {
        let hash = B256::repeat_byte(7);
        assert_eq!(block("[\"0x10\"]").unwrap(), BlockId::number(16));
        assert_eq!(block("[\"pending\"]").unwrap(), BlockId::pending());
        assert_eq!(block(&format!("[\"{hash}\"]")).unwrap(), BlockId::hash(hash));
        assert_eq!(block("[{\"blockNumber\":\"0x2\"}]").unwrap(), BlockId::number(2));
        let object = format!("[{{\"blockHash\":\"{hash}\",\"requireCanonical\":true}}]");
        assert_eq!(block(&object).unwrap(), BlockId::hash_canonical(hash));
        for wrong in ["[\"2\"]", "[\"0xzz\"]", "[\"new\"]", "[{}]", "[true]"] {
            let error = block(wrong).unwrap_err();
            assert_eq!(error.code(), -32602, "{wrong}: {error}");
        }
    }

    #[test]
    fn tells_what_is_missing_or_not_an_argument() {
        let args = Args::new(Some("[\"0x1\",null]")).unwrap();
        assert_eq!(args.required::<U256>(0).unwrap(), U256::ONE);
        assert!(matches!(args.required::<U256>(1), Err(Error::MissingArgument(1))));
        assert!(matches!(args.required::<U256>(2), Err(Error::MissingArgument(2))));
        let bare = format!("[\"{}\"]", "1".repeat(64));
        let error = Args::new(Some(&bare)).unwrap().required::<alloy_primitives::B256>(0);
        assert_eq!(error.unwrap_err().code(), -32602);
        assert!(args.optional::<BlockNumberOrTag>(5).unwrap().is_none());
        assert!(Args::new(None).unwrap().text(0).is_none());
        assert_eq!(Args::new(Some("{\"a\":1}")).unwrap_err().code(), -32602);
    }
}
