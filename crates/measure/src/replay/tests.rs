//! The command on the fixtures, and what it says of a block that is not as recorded.

use super::*;
use alloy_primitives::U256;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mainnet");

fn executors(threads: usize) -> Executors {
    Executors::new(Settings { threads, parallel_gas_min: 0, ..Settings::default() }).unwrap()
}

/// What the report prints for `block` alone, and whether all was equal.
fn replayed(block: &RecordedBlock, json: bool) -> (String, bool) {
    let mut out = Vec::new();
    let mut report = Report::new(&mut out, json);
    report.block(&executors(2).replay(block, 1)).unwrap();
    let is_equal = report.end().unwrap();
    (String::from_utf8(out).unwrap(), is_equal)
}

#[test]
fn real_blocks_are_equal_in_every_way() {
    let blocks = load_folder(FIXTURES).unwrap();
    for threads in [1, 2, 8] {
        let mut executors = executors(threads);
        for block in &blocks {
            let mut out = Vec::new();
            let mut report = Report::new(&mut out, false);
            report.block(&executors.replay(block, 1)).unwrap();
            let is_equal = report.end().unwrap();
            assert!(is_equal, "on {threads} threads: {}", String::from_utf8(out).unwrap());
        }
    }
}

#[test]
fn tells_where_a_block_differs_from_its_header() {
    let mut block = load_folder(FIXTURES).unwrap().remove(0);
    block.outcome.gas_used += 1;
    let (text, is_equal) = replayed(&block, false);
    assert!(!is_equal);
    assert!(text.contains("block 46147, header: gas used: 21000 != 21001 (header)"), "{text}");
    assert!(text.contains("1 block DIFFERENT"), "{text}");
}

#[test]
fn tells_why_a_block_cannot_be_executed() {
    let mut block = load_folder(FIXTURES).unwrap().remove(0);
    block.transactions[0].value = U256::MAX;
    let (text, is_equal) = replayed(&block, false);
    assert!(!is_equal);
    assert!(text.contains("reference: transaction 0 is invalid"), "{text}");
}

#[test]
fn prints_one_object_a_line() {
    let block = load_folder(FIXTURES).unwrap().remove(0);
    let (text, _) = replayed(&block, true);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["block"], 46_147);
    assert_eq!(lines[0]["fork"], "Frontier");
    assert!(lines[0]["sequential_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(lines[1]["total"], true);
    assert_eq!(lines[1]["blocks"], 1);
    assert_eq!(lines[1]["gas"], 21_000);
}

#[test]
fn takes_the_middle_of_the_times() {
    let times = |times: &[u64]| times.iter().map(|ms| Duration::from_millis(*ms)).collect();
    assert_eq!(median(times(&[])), None);
    assert_eq!(median(times(&[9, 1, 5])), Some(Duration::from_millis(5)));
    assert_eq!(median(times(&[9, 1, 5, 7])), Some(Duration::from_millis(6)));
}
