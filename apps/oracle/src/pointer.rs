//! What a JSON pointer (RFC 6901) finds in a text, letter by letter as it stands there: a number that
//! were read as a floating-point number would not be the one that was sent.

use serde::Deserialize as _;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap};

/// Most parts of a pointer.
pub(crate) const POINTER_PARTS_MAX: usize = 16;

/// Why a pointer finds nothing.
#[derive(Debug, thiserror::Error)]
pub enum PointerError {
    /// The text is no JSON.
    #[error("the answer is no JSON")]
    Json(#[source] serde_json::Error),
    /// Nothing is there.
    #[error("the answer has nothing at {0}")]
    Missing(String),
    /// It is neither a number nor a string.
    #[error("the answer has neither a number nor a string at {0}")]
    Kind(String),
}

/// Whether a pointer can be followed.
pub(crate) fn is_pointer(pointer: &str) -> bool {
    (pointer.is_empty() || pointer.starts_with('/'))
        && pointer.split('/').count() <= POINTER_PARTS_MAX + 1
}

/// The number, or what stands in the string, that `pointer` finds.
///
/// # Errors
///
/// See [`PointerError`].
pub fn find(json: &str, pointer: &str) -> Result<String, PointerError> {
    let missing = || PointerError::Missing(pointer.to_owned());
    let mut value: &RawValue = serde_json::from_str(json).map_err(PointerError::Json)?;
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        value = within(value, &name).ok_or_else(missing)?;
    }
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => String::deserialize(value).map_err(PointerError::Json),
        Some(b'-' | b'0'..=b'9') => Ok(text.to_owned()),
        _ => Err(PointerError::Kind(pointer.to_owned())),
    }
}

fn within<'a>(value: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    if value.get().starts_with('[') {
        let index: usize = name.parse().ok()?;
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        return items.get(index).copied();
    }
    let fields: BTreeMap<Cow<'a, str>, &RawValue> = serde_json::from_str(value.get()).ok()?;
    fields.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_strings_are_found_as_they_stand() {
        let json = r#" {"a": [{"p": 2999.994999999999999999}, "12.5"], "b/c": {"~": 1e3}, "\u0064": "x\"y"} "#;
        for (pointer, found) in [
            ("/a/0/p", "2999.994999999999999999"),
            ("/a/1", "12.5"),
            ("/b~1c/~0", "1e3"),
            ("/d", "x\"y"),
        ] {
            assert_eq!(find(json, pointer).unwrap(), found, "{pointer}");
        }
        assert_eq!(find("17", "").unwrap(), "17");
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let json = r#"{"a": [1], "b": null, "c": {}}"#;
        for pointer in ["/x", "/a/1", "/a/-1", "/a/x", "/b/c", "/a/0/0"] {
            assert!(matches!(find(json, pointer), Err(PointerError::Missing(_))), "{pointer}");
        }
        for pointer in ["", "/a", "/b", "/c"] {
            assert!(matches!(find(json, pointer), Err(PointerError::Kind(_))), "{pointer}");
        }
        for text in ["", "{", "{} {}", "\u{0}"] {
            assert!(matches!(find(text, "/a"), Err(PointerError::Json(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_or_an_error(text in "[\\[\\]{}\":,0-9a ]{0,60}", pointer in "(/[a0-9~]{0,3}){0,4}") {
            let _ = find(&text, &pointer);
        }

        #[test]
        fn deep_nesting_is_an_error(depth in 200..5000_usize) {
            prop_assert!(find(&"[".repeat(depth), "/0/0").is_err());
        }
    }
}
