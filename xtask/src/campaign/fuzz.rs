//! `cargo xtask campaign fuzz`: inputs led by coverage, with neither cargo-fuzz nor a nightly
//! toolchain.

use super::setting;
use crate::{
    root,
    test::{Outcome, cargo_command, execute},
};
use std::{fs, process::Command};

/// One target of the folder fuzz.
struct Target {
    name: &'static str,
    /// Options of libFuzzer.
    options: &'static [&'static str],
}

/// All targets.
const TARGETS: [Target; 4] = [
    // Long inputs from the start: the first hundred bytes or so make the state alone.
    Target { name: "blocks", options: &["-max_len=2200", "-len_control=0"] },
    Target { name: "decode_transaction", options: &["-max_len=600"] },
    Target { name: "decode_block", options: &["-max_len=3000"] },
    Target { name: "rpc_request", options: &["-max_len=1000"] },
];

/// How long each target runs.
const SECONDS: &str = "600";

/// What makes the compiler count which code runs; the same that cargo-fuzz gives it. All of it is
/// stable.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Runs the target of this name, or all one after the other.
pub(super) fn run(name: Option<&str>) -> Outcome {
    let wanted = |target: &&Target| name.is_none_or(|name| target.name == name);
    let targets: Vec<&Target> = TARGETS.iter().filter(wanted).collect();
    if targets.is_empty() {
        let names = TARGETS.map(|target| target.name).join(", ");
        return Outcome::Failed(format!("there is no such target; choose one of {names}"));
    }
    let Some(host) = host() else {
        return Outcome::Failed("rustc does not say which machine this is".to_owned());
    };
    for target in targets {
        println!("{}", target.name);
        let outcome = run_target(target, &host);
        if !matches!(outcome, Outcome::Passed) {
            return outcome;
        }
    }
    Outcome::Passed
}

/// Builds the target apart from all else, because of its settings, and runs it.
fn run_target(target: &Target, host: &str) -> Outcome {
    let mut build = cargo_command();
    build.args(["build", "--profile", "fuzz", "--package", "heddle-fuzz", "--features", "link"]);
    // Without a target the settings would also apply to build scripts, which lack the counters.
    build.args(["--bin", target.name, "--target", host]).env("RUSTFLAGS", COVERAGE.join(" "));
    build.args(["--target-dir", "target"]);
    let outcome = execute(&mut build);
    if !matches!(outcome, Outcome::Passed) {
        return outcome;
    }
    let fuzz = root().join("fuzz");
    // libFuzzer takes the slash at the end for that of a folder.
    let artifacts = fuzz.join(format!("artifacts/{}/", target.name));
    let corpus = fuzz.join("corpus").join(target.name);
    for folder in [&corpus, &artifacts] {
        if let Err(error) = fs::create_dir_all(folder) {
            return Outcome::Failed(format!("cannot make {}: {error}", folder.display()));
        }
    }
    let mut command = Command::new(root().join("target").join(host).join("fuzz").join(target.name));
    // What is new goes into the first folder; of the seeds it only reads.
    command.arg(corpus);
    let seeds = fuzz.join("seeds").join(target.name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.arg(format!("-artifact_prefix={}", artifacts.display())).args(target.options);
    let seconds = setting("HEDDLE_FUZZ_SECONDS", SECONDS);
    execute(command.arg(format!("-max_total_time={seconds}")))
}

/// The name of this machine's target.
fn host() -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_this_machine() {
        assert!(host().is_some_and(|host| host.split('-').count() >= 3));
    }

    #[test]
    fn names_the_targets_when_one_is_unknown() {
        let Outcome::Failed(reason) = run(Some("nothing")) else { panic!("it must fail") };
        assert!(TARGETS.iter().all(|target| reason.contains(target.name)), "{reason}");
    }

    #[test]
    fn has_a_source_and_an_entry_for_each_target() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        for Target { name, .. } in TARGETS {
            assert!(root().join(format!("fuzz/fuzz_targets/{name}.rs")).exists(), "{name}");
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
