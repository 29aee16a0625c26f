//! The benchmark itself, with few transactions.

#![allow(clippy::unwrap_used)] // a test ends so

use super::*;

fn run(arguments: &[&str]) -> (bool, String) {
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        bench: BenchPipeline,
    }
    let arguments = ["pipeline"].iter().chain(arguments);
    let command = <Command as clap::Parser>::try_parse_from(arguments).unwrap();
    let mut out = Vec::new();
    let is_whole = command.bench.run_to(&mut out).unwrap();
    (is_whole, String::from_utf8(out).unwrap())
}

#[test]
fn all_transactions_of_each_workload_are_in_blocks() {
    let arguments = ["--json", "--accounts", "500", "--transactions", "300", "--block-time", "20"];
    let (is_whole, out) = run(&arguments);
    assert!(is_whole, "{out}");
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|line| line["workload"].as_str().unwrap()).collect();
    assert_eq!(names, ["transfers", "erc20", "amm", "mixed"]);
    for line in lines {
        assert_eq!(line["transactions"], 300);
        assert_eq!((&line["lost"], &line["failed"]), (&0.into(), &0.into()));
        let rate = |key: &str| line[key].as_f64().unwrap();
        assert!(rate("settled_tps") > 0.0 && rate("tps") >= rate("settled_tps"), "{line}");
        for stage in ["recover", "execute", "state_root", "log", "total"] {
            assert!(line["stages"][stage].as_f64().unwrap() > 0.0, "{line}");
        }
    }
}

/// In whatever block a transaction is, and whoever comes before it there.
#[test]
fn what_is_done_in_the_venue_succeeds_in_any_block() {
    let workloads = ["venue", "venue-crash", "venue-crash-plain"];
    let arguments = ["--accounts", "500", "--transactions", "300", "--block-time", "20"];
    let arguments = [&["--json", "--workload"], &workloads[..], &arguments[..]].concat();
    let (is_whole, out) = run(&arguments);
    assert!(is_whole, "{out}");
    assert_eq!(out.lines().count(), workloads.len());
}

#[test]
fn the_text_names_gas_limit_and_interval() {
    let (_, out) = run(&[
        "--workload",
        "transfers",
        "--accounts",
        "20",
        "--transactions",
        "20",
        "--block-time",
        "7",
        "--gas-limit",
        "123000000",
    ]);
    assert!(out.contains("123000000 gas") && out.contains("every 7 ms"), "{out}");
    assert!(out.contains("state_root") && out.contains("transactions a second"), "{out}");
}
