use super::{fixture::Suite, *};
use crate::conformance::agreement::Difference;
use alloy_primitives::{Address, B256, U256, b256};
use heddle_executor::{MemoryState, revm::primitives::TxKind};
use heddle_types::Fork;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/state");

fn conformance(path: PathBuf) -> StateConformance {
    StateConformance {
        path,
        threads: vec![1, 2],
        json: false,
        fork: None,
        filter: None,
        no_crowd: false,
        sequential: false,
        jobs: 1,
    }
}

fn suite(file: &str) -> Suite {
    let text = fs::read_to_string(Path::new(FIXTURES).join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn passes_the_committed_tests_in_every_way() {
    let report = conformance(FIXTURES.into()).check().unwrap();
    let text = report.to_string();
    assert!(report.is_success(), "{text}");
    let totals = Counts { passed: 23, failed: 0, skipped: 4 };
    assert_eq!(report.totals(), totals, "{text}");
    assert_eq!(report.files, 12);
    assert_eq!(text.lines().last(), Some("23 passed, 0 failed, 4 skipped"));
    assert_eq!(report.skips.len(), 4, "one reason for each: {text}");
    assert!(report.work.speculative_executions > 0);
}

#[test]
fn gives_the_same_report_with_more_jobs() {
    let one = conformance(FIXTURES.into());
    let two = StateConformance { jobs: 2, ..one.clone() };
    let (one, two) = (one.check().unwrap(), two.check().unwrap());
    assert_eq!(one.forks, two.forks);
    assert_eq!(one.skips, two.skips);
}

#[test]
fn runs_only_the_cases_that_fork_and_filter_name() {
    let mut args = conformance(FIXTURES.into());
    args.fork = Some("frontier".into());
    assert_eq!(args.check().unwrap().forks.keys().collect::<Vec<_>>(), ["Frontier"]);
    args.fork = None;
    args.filter = Some("tipTooHigh".into());
    assert_eq!(args.check().unwrap().cases(), 1);
    args.filter = Some("no such case".into());
    assert!(matches!(args.check(), Err(Error::NoCases)));
}

#[test]
fn says_what_is_wrong_with_its_arguments() {
    let mut args = conformance(Path::new(FIXTURES).join("missing.json"));
    assert!(args.check().unwrap_err().to_string().contains("missing.json"));
    args.path = Path::new(FIXTURES).join("README.md");
    assert!(args.check().unwrap_err().to_string().contains("is not a state test"));
    args.path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(matches!(args.check(), Err(Error::NoTests { .. })));
    args.fork = Some("Atlantis".into());
    assert!(args.check().unwrap_err().to_string().contains("Cancun"));
}

#[test]
fn fails_when_the_test_expects_another_root() {
    let text = fs::read_to_string(Path::new(FIXTURES).join("log0_emptyMem.json")).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["log0_emptyMem"]["post"]["Cancun"][0]["hash"] = B256::ZERO.to_string().into();
    let suite: Suite = serde_json::from_value(value).unwrap();
    let mut report = Report::default();
    let mut runner = Runner::new(&[], true).unwrap();
    for case in suite.cases("log0_emptyMem.json") {
        check_case(&mut runner, &case, false, &mut report);
    }
    assert_eq!(report.totals(), Counts { failed: 1, ..Counts::default() });
    assert!(report.to_string().contains("state root: expected 0x0000"), "{report}");
}

#[test]
fn fails_when_nothing_speculates() {
    let mut report = Report::default();
    report.pass("Cancun");
    report.work.blocks = 1;
    report.finish(true);
    assert!(!report.is_success());
    assert!(report.to_string().contains("no transaction was executed speculatively"));
}

#[test]
fn fails_when_nothing_conflicts_for_long() {
    let mut report = Report::default();
    report.pass("Cancun");
    report.work = Work { blocks: 1, speculative_executions: 10_000, reexecutions: 0 };
    report.finish(true);
    assert!(report.is_success(), "so few may be luck");
    report.work.speculative_executions += 1;
    report.finish(true);
    assert!(!report.is_success());
    assert!(report.to_string().contains("conflicts were not tested"));
    report.work.reexecutions = 1;
    report.finish(true);
    assert!(report.is_success());
}

#[test]
fn shows_only_the_first_differences() {
    let suite = suite("log0_emptyMem.json");
    let case = suite.cases("log0_emptyMem.json").next().unwrap();
    let mut report = Report::default();
    for _ in 0..60 {
        report.fail(&case, vec![Difference::of_reference("wrong".into())]);
    }
    assert_eq!(report.failures.len(), 50);
    let text = report.to_string();
    assert!(text.contains("and 10 more differences"));
    assert!(text.contains("log0_emptyMem.json: log0_emptyMem, Cancun, data 0 gas 0 value 0"));
    assert!(text.ends_with("0 passed, 60 failed, 0 skipped\n"));
}

#[test]
fn reads_a_blob_transaction() {
    let suite = suite("opcodeBlobhBounds.json");
    let case = suite.cases("opcodeBlobhBounds.json").next().unwrap();
    let prepared = case.prepare().unwrap();
    let [transaction] = &prepared.transactions;
    assert_eq!(prepared.fork, Fork::Cancun);
    assert_eq!(transaction.tx_type, 3);
    assert!(!transaction.blob_hashes.is_empty());
    assert!(matches!(transaction.kind, TxKind::Call(_)));
    assert_eq!(prepared.env.blob_excess_gas_and_price.unwrap().blob_gasprice, 1);
    assert_eq!(prepared.state.block_hashes.len() as u64, prepared.env.number.to::<u64>().min(256));
}

#[test]
fn reads_an_access_list() {
    let suite = suite("access_list.json");
    let case = suite.cases("access_list.json").next().unwrap();
    let prepared = case.prepare().unwrap();
    let [transaction] = &prepared.transactions;
    assert_eq!(transaction.tx_type, 1);
    assert!(!transaction.access_list.is_empty());
    assert_eq!(prepared.env.basefee, 0, "Berlin has no base fee, whatever the file says");
}

#[test]
fn makes_a_crowd_that_is_always_the_same() {
    let suite = suite("log0_emptyMem.json");
    let case = suite.cases("log0_emptyMem.json").next().unwrap();
    let prepared = case.prepare().unwrap();
    let (_, first) = crowd::gather(&case, &prepared);
    let (_, second) = crowd::gather(&case, &prepared);
    assert_eq!(first, second);
    assert_eq!(first.len(), 41);
    let [own] = &prepared.transactions;
    assert_eq!(first.iter().filter(|transaction| *transaction == own).count(), 1);
    let gas: u64 = first.iter().map(|transaction| transaction.gas_limit).sum();
    assert!(gas <= crowd::block(&prepared, &first).env.gas_limit);
}

#[test]
fn computes_known_roots() {
    assert_eq!(roots::state_root(&MemoryState::default()), alloy_trie::EMPTY_ROOT_HASH);
    assert_eq!(
        roots::logs_hash(&[]),
        b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
    );
    let mut state = MemoryState::default();
    let empty = state.accounts.entry(Address::ZERO).or_default().clone();
    let with_empty = roots::state_root(&state);
    assert_ne!(with_empty, alloy_trie::EMPTY_ROOT_HASH, "an empty account is in the trie");
    state.accounts.entry(Address::ZERO).or_default().balance = U256::ONE;
    assert_ne!(roots::state_root(&state), with_empty);
    state.accounts.insert(Address::ZERO, empty);
    assert_eq!(roots::state_root(&state), with_empty);
}
