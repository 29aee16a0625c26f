use super::*;
use std::path::PathBuf;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/rlp");

#[test]
fn passes_the_suite() {
    let selection = Selection { path: PathBuf::from(FIXTURES), json: false, filter: None };
    let tally = RlpConformance { selection }.check().unwrap();
    let text = tally.to_string();
    assert_eq!(text.lines().last(), Some("55 passed, 0 failed, 0 skipped"), "{text}");
}

fn result(value: Value, out: &str) -> Result<(), String> {
    check(&Unit { r#in: value, out: out.to_owned() })
}

#[test]
fn fails_when_the_test_expects_something_else() {
    assert_eq!(result("dog".into(), "0x83646f67"), Ok(()));
    assert!(result("cat".into(), "0x83646f67").unwrap_err().starts_with("expected"));
    assert!(result("INVALID".into(), "0x83646f67").unwrap_err().starts_with("must be invalid"));
    assert!(result("VALID".into(), "0x83646f").unwrap_err().starts_with("must be valid"));
    assert!(result("VALID".into(), "0x8100").unwrap_err().starts_with("must be valid"));
}

#[test]
fn ends_at_lists_that_are_nested_too_deep() {
    let nested = |depth| {
        let mut bytes = Vec::new();
        for _ in 0..depth {
            let mut outer = Vec::new();
            Header { list: true, payload_length: bytes.len() }.encode(&mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
        bytes
    };
    assert!(decode(&nested(DEPTH_MAX)).is_ok());
    assert!(decode(&nested(DEPTH_MAX + 1)).is_err());
}
