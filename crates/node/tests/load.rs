//! `heddle load` and `heddle bench compare` against real nodes, as processes.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod support;

use serde_json::Value;
use std::{fs, path::Path, process::Output};
use support::{Dev, argument, output};

/// The object that a command printed, which must have ended well.
fn object(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text} {errors}", output.status);
    assert_eq!(text.lines().count(), 1, "one object on one line");
    serde_json::from_str(&text).unwrap()
}

fn load(url: &str, more: &[&str]) -> Output {
    let usual = [
        "load",
        "--json",
        "--url",
        url,
        "--transactions",
        "300",
        "--senders",
        "20",
        "--accounts",
        "50",
        "--batch",
        "25",
        "--connections",
        "2",
    ];
    output(&[&usual, more].concat())
}

#[test]
fn every_workload_is_mined_and_adds_up() {
    let home = tempfile::tempdir().unwrap();
    let dev = Dev::start(home.path(), &["--block-time", "50ms"]);
    for (workload, checks) in
        [("transfers", 5), ("erc20", 6), ("amm", 6), ("mixed", 7), ("venue", 6)]
    {
        let report = object(&load(&dev.url, &["--workload", workload]));
        assert_eq!(report["result"], "ok", "{report}");
        for (name, expected) in
            [("sent", 300), ("accepted", 300), ("mined", 300), ("stranded", 0), ("failed", 0)]
        {
            assert_eq!(report[name], expected, "{workload}: {name}");
        }
        let list = report["checks"].as_array().unwrap();
        assert_eq!(list.len(), checks, "{workload}: {list:?}");
        assert!(report["tps"].as_f64().unwrap() > 0.0);
        assert!(report["latency_ms"]["p99"].as_f64() >= report["latency_ms"]["p50"].as_f64());
    }
}

#[test]
fn the_node_is_watched_and_a_page_written() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let dev = Dev::start(home.path(), &["--block-time", "50ms", "--datadir", argument(&data)]);
    let page = home.path().join("page.html");
    let more = ["--rate", "1000", "--html", argument(&page), "--datadir", argument(&data)];
    let report = object(&load(&dev.url, &more));
    assert_eq!(report["result"], "ok", "{report}");
    assert!(report["disk_bytes"].as_u64().unwrap() > 0);
    if Path::new("/proc").exists() {
        // Found by the port that it listens on.
        assert!(report["node_resident_bytes_max"].as_u64().unwrap() > 1 << 20);
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("Memory of the node") && !page.contains("http://"));
}

#[test]
fn nobody_funded_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let dev = Dev::start(home.path(), &[]);
    let output = load(&dev.url, &["--key", &format!("0x{}", "1".repeat(64))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("funded accounts owns anything"));
}

/// Heddle in the place of anvil, whose flags it takes: two nodes that are the same.
#[cfg(unix)]
#[test]
fn two_nodes_get_the_same_load_in_turn() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let anvil = home.path().join("anvil");
    let script = format!("#!/bin/sh\nexec {} dev \"$@\"\n", env!("CARGO_BIN_EXE_heddle"));
    fs::write(&anvil, script).unwrap();
    fs::set_permissions(&anvil, fs::Permissions::from_mode(0o755)).unwrap();
    let line = "bench compare --json --rounds 2 --transactions 300 --senders 20 --accounts 50 --batch 25 \
                --connections 2 --workload erc20";
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let named = ["--anvil", argument(&anvil), "--anvil-flags", "--block-time 50ms"];
    let report = object(&output(&[&arguments[..], &named].concat()));
    assert_eq!((&report["result"], &report["stranded"]), (&"ok".into(), &0.into()), "{report}");
    for side in ["ours", "anvil"] {
        assert_eq!(report[side].as_array().unwrap().len(), 2);
        assert!(report[format!("{side}_tps")].as_f64().unwrap() > 0.0);
    }
    assert!(report["ratio"].as_f64().unwrap() > 0.0);
}
