use super::*;
use serde_json::json;
use std::path::PathBuf;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/trie");

#[test]
fn passes_the_suite() {
    let selection = Selection { path: PathBuf::from(FIXTURES), json: false, filter: None };
    let tally = TrieConformance { selection }.check().unwrap();
    let text = tally.to_string();
    assert!(tally.is_success(), "{text}");
    assert_eq!(tally.totals().skipped, 0, "{text}");
    assert_eq!(tally.groups.len(), 6, "{text}");
}

#[test]
fn fails_when_the_test_expects_something_else() {
    let empty = alloy_trie::EMPTY_ROOT_HASH;
    let gone = json!([["dog", "puppy"], ["dog", null]]);
    assert_eq!(check_root(&gone, empty, false), Ok(()));
    assert!(check_root(&gone, B256::ZERO, false).unwrap_err().starts_with("expected 0x0000"));
    assert!(check_root(&json!({ "dog": "puppy" }), empty, true).is_err());
    assert!(check_root(&json!(7), empty, true).unwrap_err().starts_with("neither pairs"));
    let keys = ["a".to_owned(), "c".to_owned()];
    let test = |key: &str, before: &str, after: &str| {
        check_neighbours(&keys, &[[key.to_owned(), before.to_owned(), after.to_owned()]])
    };
    assert_eq!(test("b", "a", "c"), Ok(()));
    assert_eq!(test("a", "", "c"), Ok(()));
    assert_eq!(
        test("a", "c", "a").unwrap_err(),
        "beside \"a\": expected \"c\" and \"a\", got (\"\", \"c\")"
    );
}

#[test]
fn makes_changes_in_every_order_when_there_are_few() {
    let change = |byte: u8| (vec![byte], None);
    assert_eq!(permutations(&[change(1), change(2), change(3)]).len(), 6);
    let many: Vec<_> = (0..9).map(change).collect();
    let orders = permutations(&many);
    assert_eq!(orders.len(), ORDERS);
    assert!(orders.iter().all(|order| order.len() == many.len()));
}
