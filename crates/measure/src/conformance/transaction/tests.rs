use super::*;
use std::path::PathBuf;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/transaction");

fn conformance(filter: Option<&str>) -> TransactionConformance {
    let filter = filter.map(str::to_owned);
    TransactionConformance {
        selection: Selection { path: PathBuf::from(FIXTURES), json: false, filter },
    }
}

/// The first file with `text` in its name.
fn unit(text: &str) -> Unit {
    let mut tests = conformance(Some(text)).selection.tests::<Unit>("TransactionTests").unwrap();
    tests.remove(0).content
}

fn executor() -> Executor {
    Executor::new(Settings { threads: 1, ..Settings::default() }).unwrap()
}

#[test]
fn passes_the_committed_tests() {
    let tally = conformance(None).check().unwrap();
    let text = tally.to_string();
    assert!(tally.is_success(), "{text}");
    assert_eq!(text.lines().last(), Some("118 passed, 0 failed, 10 skipped"), "{text}");
    assert_eq!(tally.to_json()["totals"]["passed"], 118);
}

#[test]
fn holds_a_transaction_to_the_rules_of_its_fork() {
    let judge = |text, fork| judge(&mut executor(), &unit(text).bytes, fork).err();
    let typed = "accessListStorage32Bytes";
    assert!(judge(typed, Fork::Istanbul).is_some_and(|reason| reason.contains("Eip2930")));
    assert_eq!(judge(typed, Fork::Berlin), None);
    assert_eq!(judge("SvalueHigh", Fork::Frontier), None);
    assert!(judge("SvalueHigh", Fork::Homestead).is_some_and(|reason| reason.contains("EIP-2")));
}

#[test]
fn fails_when_the_test_expects_something_else() {
    let mut unit = unit("accessListStorage32Bytes");
    let found = || judge(&mut executor(), &unit.bytes, Fork::Berlin);
    let (first, second, third, fourth) = (found(), found(), found(), found());
    let expectation = unit.result.get_mut("Berlin").unwrap();
    assert_eq!(compare(expectation, first), Ok(()));
    expectation.intrinsic_gas = Some(U256::ZERO);
    assert!(compare(expectation, second).unwrap_err().starts_with("intrinsic gas: expected 0"));
    expectation.hash = Some(B256::ZERO);
    assert!(compare(expectation, third).unwrap_err().starts_with("hash: expected"));
    expectation.exception = Some("anything".into());
    assert_eq!(compare(expectation, fourth), Err("must be invalid: anything".into()));
}

#[test]
fn says_what_is_wrong_with_its_arguments() {
    assert!(matches!(conformance(Some("no such case")).check(), Err(Error::NoCases)));
    let mut other = conformance(None);
    other.selection.path = PathBuf::from(FIXTURES).join("README.md");
    let message = other.check().unwrap_err().to_string();
    assert!(message.contains("not of the suite TransactionTests"), "{message}");
}
