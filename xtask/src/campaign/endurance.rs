//! `cargo xtask campaign crash`, `kill` and `memory`: what the node promises to keep, and to bound.

use super::{seed, setting};
use crate::test::{Outcome, cargo_command, execute};

/// Crash points of each crate.
const CRASH_POINTS: &str = "50000";
/// Times that the node is killed.
const KILL_CYCLES: &str = "1000";
/// Times that its disk fills up.
const FULL_DISK_CYCLES: &str = "1000";
/// Transfers of each of the two ways to keep a chain.
const TRANSFERS: &str = "1000000";

/// Crashes of the simulated disk, in the store and in the state on top of it.
pub(super) fn crash() -> Outcome {
    let mut command = cargo_command();
    command.args(["test", "--release", "--package", "heddle-storage", "--package", "heddle-state"]);
    command.args(["--test", "crash", "--", "--nocapture"]).env("HEDDLE_SEED", seed());
    execute(command.env("HEDDLE_CRASH_POINTS", setting("HEDDLE_CRASH_POINTS", CRASH_POINTS)))
}

/// The node under load is killed, and has its disk fill up; one of them alone by its name.
pub(super) fn kill(part: Option<&str>) -> Outcome {
    let parts = ["killed", "full_disk"];
    if let Some(part) = part
        && !parts.contains(&part)
    {
        return Outcome::Failed(format!(
            "there is no such part; choose one of {}",
            parts.join(", ")
        ));
    }
    let seed = seed();
    let chosen = parts.iter().filter(|name| part.is_none_or(|part| part == **name));
    let outcomes = chosen.map(|name| {
        endurance(
            name,
            &[
                ("HEDDLE_SEED", &seed),
                ("HEDDLE_KILL_CYCLES", &setting("HEDDLE_KILL_CYCLES", KILL_CYCLES)),
                ("HEDDLE_FULL_DISK_CYCLES", &setting("HEDDLE_FULL_DISK_CYCLES", FULL_DISK_CYCLES)),
            ],
        )
    });
    first_that_did_not_pass(outcomes)
}

/// How the memory of a node with bounded history grows.
pub(super) fn memory() -> Outcome {
    endurance(
        "memory",
        &[("HEDDLE_MEMORY_TRANSFERS", &setting("HEDDLE_MEMORY_TRANSFERS", TRANSFERS))],
    )
}

/// A module of the node's test `endurance`, with the node compiled as it is shipped.
fn endurance(module: &str, settings: &[(&str, &str)]) -> Outcome {
    let mut command = cargo_command();
    command.args(["test", "--release", "--package", "heddle", "--test", "endurance", "--"]);
    command.args([&format!("{module}::"), "--nocapture", "--test-threads", "1"]);
    execute(command.envs(settings.iter().copied()))
}

/// Goes on to the last all the same.
fn first_that_did_not_pass(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    let failed: Vec<Outcome> =
        outcomes.filter(|outcome| !matches!(outcome, Outcome::Passed)).collect();
    failed.into_iter().next().unwrap_or(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_parts_when_one_is_unknown() {
        let Outcome::Failed(reason) = kill(Some("nothing")) else { panic!("it must fail") };
        assert!(reason.contains("full_disk"), "{reason}");
    }
}
