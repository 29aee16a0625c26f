//! Whether a response is the one that was recorded.

use serde_json::{Map, Value};

/// The first place where a response differs from the recorded one, in words. `None`: it does not.
///
/// Everything counts but the `message` of an error, which each client words in its own way.
pub(super) fn difference(expected: &Value, got: &Value) -> Option<String> {
    walk(expected, got, &mut "$".to_owned(), Rule::Exact)
}

/// The first place where a response is of another shape than the recorded one: other keys, or
/// another JSON type.
///
/// The keys of an object that maps addresses or nonces to something are data and not shape, so
/// there any entry must have the shape of the first that was recorded.
pub(super) fn shape_difference(expected: &Value, got: &Value) -> Option<String> {
    walk(expected, got, &mut "$".to_owned(), Rule::Shape)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Exact,
    Shape,
}

fn walk(expected: &Value, got: &Value, path: &mut String, rule: Rule) -> Option<String> {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            if rule == Rule::Shape && is_map(expected) {
                return entries(expected, got, path);
            }
            object(expected, got, path, rule)
        }
        (Value::Array(expected), Value::Array(got)) => {
            if expected.len() != got.len() {
                return Some(format!("{path}: {} elements, not {}", got.len(), expected.len()));
            }
            (0..).zip(expected.iter().zip(got)).find_map(|(index, (expected, got))| {
                within(path, &format!("[{index}]"), |path| walk(expected, got, path, rule))
            })
        }
        (Value::Number(a), Value::Number(b)) if rule == Rule::Exact => {
            (a != b && a.as_f64() != b.as_f64()).then(|| other(path, expected, got))
        }
        _ if rule == Rule::Shape => {
            let same = std::mem::discriminant(expected) == std::mem::discriminant(got);
            (!same).then(|| other(path, expected, got))
        }
        _ => (expected != got).then(|| other(path, expected, got)),
    }
}

fn object(
    expected: &Map<String, Value>,
    got: &Map<String, Value>,
    path: &mut String,
    rule: Rule,
) -> Option<String> {
    let is_error = path.ends_with(".error");
    for (key, value) in expected {
        if is_error && key == "message" {
            continue;
        }
        let Some(found) = got.get(key) else { return Some(format!("{path}.{key}: missing")) };
        let different = within(path, &format!(".{key}"), |path| walk(value, found, path, rule));
        if different.is_some() {
            return different;
        }
    }
    got.iter()
        .find(|(key, _)| !(expected.contains_key(*key) || is_error && *key == "message"))
        .map(|(key, value)| format!("{path}.{key}: not expected: {}", shorten(value)))
}

/// Whether the keys are addresses or nonces.
fn is_map(object: &Map<String, Value>) -> bool {
    let is_key = |key: &String| {
        (key.len() == 42 && key.starts_with("0x")) || key.chars().all(|c| c.is_ascii_digit())
    };
    !object.is_empty() && object.keys().all(is_key)
}

fn entries(
    expected: &Map<String, Value>,
    got: &Map<String, Value>,
    path: &mut String,
) -> Option<String> {
    let sample = expected.values().next()?;
    got.iter().find_map(|(key, value)| {
        within(path, &format!(".{key}"), |path| walk(sample, value, path, Rule::Shape))
    })
}

fn within(
    path: &mut String,
    step: &str,
    look: impl FnOnce(&mut String) -> Option<String>,
) -> Option<String> {
    let length = path.len();
    path.push_str(step);
    let found = look(path);
    path.truncate(length);
    found
}

fn other(path: &str, expected: &Value, got: &Value) -> String {
    format!("{path}: {}, not {}", shorten(got), shorten(expected))
}

fn shorten(value: &Value) -> String {
    const LENGTH_MAX: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_message_of_an_error_is_free() {
        let recorded = json!({"error": {"code": 3, "message": "a", "data": "0x"}});
        let same = json!({"error": {"code": 3, "message": "b", "data": "0x"}});
        assert_eq!(difference(&recorded, &same), None);
        let code = json!({"error": {"code": 4, "message": "a", "data": "0x"}});
        assert_eq!(difference(&recorded, &code).unwrap(), "$.error.code: 4, not 3");
        let data = json!({"error": {"code": 3, "message": "a"}});
        assert_eq!(difference(&recorded, &data).unwrap(), "$.error.data: missing");
        let result = json!({"result": {"message": "a"}});
        assert!(difference(&result, &json!({"result": {"message": "b"}})).is_some());
    }

    #[test]
    fn names_the_first_place_that_differs() {
        let recorded = json!({"a": [1, {"b": 0.0}], "c": null});
        assert_eq!(difference(&recorded, &json!({"a": [1, {"b": 0}], "c": null})), None);
        let got = json!({"a": [1, {"b": 1}], "c": null});
        assert_eq!(difference(&recorded, &got).unwrap(), "$.a[1].b: 1, not 0.0");
        let more = json!({"a": [1, {"b": 0}], "c": null, "d": 1});
        assert_eq!(difference(&recorded, &more).unwrap(), "$.d: not expected: 1");
        assert_eq!(difference(&json!([1]), &json!([])).unwrap(), "$: 0 elements, not 1");
    }

    #[test]
    fn a_shape_is_keys_and_types() {
        let recorded = json!({"a": "0x1", "b": [1]});
        assert_eq!(shape_difference(&recorded, &json!({"a": "0x2", "b": [5]})), None);
        assert!(shape_difference(&recorded, &json!({"a": 2, "b": [5]})).is_some());
        assert!(shape_difference(&recorded, &json!({"a": "0x2"})).is_some());
        let pool = json!({"pending": {"7": {"a": "x"}}});
        assert_eq!(shape_difference(&pool, &json!({"pending": {}})), None);
        assert_eq!(shape_difference(&pool, &json!({"pending": {"8": {"a": "y"}}})), None);
        assert!(shape_difference(&pool, &json!({"pending": {"8": {"b": "y"}}})).is_some());
    }
}
