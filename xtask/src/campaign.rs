//! `cargo xtask campaign`: the long runs, which `cargo xtask test` does in short.

use crate::{
    Result, root,
    test::{self, Outcome, cargo_command, execute},
};
use std::{
    env, fs,
    process::Command,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// One long run.
struct Campaign {
    name: &'static str,
    about: &'static str,
    run: fn() -> Outcome,
}

/// All campaigns.
const CAMPAIGNS: [Campaign; 5] = [
    Campaign {
        name: "random",
        about: "45,000 random blocks, over a million transactions",
        run: random,
    },
    Campaign { name: "replay", about: "the recorded blocks, 20 times each", run: replay },
    Campaign {
        name: "state",
        about: "all of Ethereum's GeneralStateTests; most of the time goes to stTimeConsuming",
        run: state,
    },
    Campaign { name: "interleavings", about: "200,000 schedules a model", run: interleavings },
    Campaign { name: "fuzz", about: "random blocks led by coverage, for ten minutes", run: fuzz },
];

/// Blocks of the property test; about 25 transactions of each are valid.
const RANDOM_BLOCKS: &str = "45000";
/// Schedules of each model and way of choosing.
const SCHEDULES: &str = "200000";
const REPLAY_RUNS: &str = "20";
/// How long the fuzzer runs.
const FUZZ_SECONDS: &str = "600";

/// What makes the compiler count which code runs; the same that cargo-fuzz gives it. All of it is
/// stable.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Runs the campaign `name` and prints how it ended.
pub(crate) fn run(name: &str) -> Result<bool> {
    let Some(campaign) = CAMPAIGNS.iter().find(|campaign| campaign.name == name) else {
        let names = CAMPAIGNS.map(|campaign| campaign.name).join(", ");
        return Err(format!("there is no campaign `{name}`; choose one of {names}").into());
    };
    let start = Instant::now();
    let outcome = (campaign.run)();
    println!("campaign {name}: {outcome}, {:.1} s", start.elapsed().as_secs_f64());
    Ok(!matches!(outcome, Outcome::Failed(_)))
}

/// Prints which campaigns there are.
pub(crate) fn list() -> bool {
    for Campaign { name, about, .. } in &CAMPAIGNS {
        println!("{name:<16}{about}");
    }
    true
}

/// The value of an environment variable, or `default`.
fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// `HEDDLE_SEED`, or a new one; printed, so that the run can be had again.
fn seed() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = setting("HEDDLE_SEED", &now.as_secs().to_string());
    println!("HEDDLE_SEED={seed}");
    seed
}

/// A test of the executor, compiled as it is shipped.
fn release_test(name: &str) -> Command {
    let mut command = cargo_command();
    command.args(["test", "--release", "--package", "heddle-executor", "--test", name, "--"]);
    command.arg("--nocapture").env("HEDDLE_SEED", seed());
    command
}

fn random() -> Outcome {
    let blocks = setting("HEDDLE_RANDOM_BLOCKS", RANDOM_BLOCKS);
    execute(release_test("random_blocks").env("HEDDLE_RANDOM_BLOCKS", blocks))
}

fn interleavings() -> Outcome {
    let schedules = setting("HEDDLE_SCHEDULES", SCHEDULES);
    execute(release_test("scheduler_interleavings").env("HEDDLE_SCHEDULES", schedules))
}

fn replay() -> Outcome {
    test::with_data("mainnet", |folder| test::replay(folder, &["--runs", REPLAY_RUNS]))
}

fn state() -> Outcome {
    test::with_data("ethereum-tests/GeneralStateTests", |folder| test::state_tests(folder, &[]))
}

/// Builds the fuzz target apart from all else, because of its settings, and runs it.
fn fuzz() -> Outcome {
    let Some(host) = host() else {
        return Outcome::Failed("rustc does not say which machine this is".to_owned());
    };
    let mut build = cargo_command();
    build.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    // Without a target the settings would also apply to build scripts, which lack the counters.
    build.args(["--target", &host]).env("RUSTFLAGS", COVERAGE.join(" "));
    let outcome = execute(&mut build);
    if matches!(outcome, Outcome::Failed(_)) {
        return outcome;
    }
    let fuzz = root().join("fuzz");
    let (corpus, artifacts) = (fuzz.join("corpus/blocks"), fuzz.join("artifacts/blocks/"));
    for folder in [&corpus, &artifacts] {
        if let Err(error) = fs::create_dir_all(folder) {
            return Outcome::Failed(format!("cannot make {}: {error}", folder.display()));
        }
    }
    let mut command = Command::new(fuzz.join("target").join(host).join("release/blocks"));
    command.arg(corpus).arg(format!("-artifact_prefix={}", artifacts.display()));
    let seconds = setting("HEDDLE_FUZZ_SECONDS", FUZZ_SECONDS);
    // Long inputs from the start: the first hundred bytes or so make the state alone.
    command.args(["-max_len=2200", "-len_control=0"]);
    execute(command.arg(format!("-max_total_time={seconds}")))
}

/// The name of this machine's target.
fn host() -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_campaigns_when_one_is_unknown() {
        let error = run("nothing").unwrap_err().to_string();
        assert!(CAMPAIGNS.iter().all(|campaign| error.contains(campaign.name)), "{error}");
    }

    #[test]
    fn knows_this_machine() {
        assert!(host().is_some_and(|host| host.split('-').count() >= 3));
    }
}
