//! `cargo xtask campaign`: the long runs, which `cargo xtask test` does in short.

mod endurance;
mod fuzz;
pub(crate) mod spec;

use crate::{
    Result, contracts, e2e,
    test::{self, Outcome, cargo_command, execute},
};
use std::{
    env,
    process::Command,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// How a campaign runs.
enum Run {
    Whole(fn() -> Outcome),
    /// All of it, or the part with the name.
    Part(fn(Option<&str>) -> Outcome),
}

/// One long run.
struct Campaign {
    name: &'static str,
    about: &'static str,
    run: Run,
}

/// All campaigns.
const CAMPAIGNS: [Campaign; 13] = [
    Campaign {
        name: "random",
        about: "45,000 random blocks, over a million transactions",
        run: Run::Whole(random),
    },
    Campaign {
        name: "replay",
        about: "the recorded blocks, 20 times each",
        run: Run::Whole(replay),
    },
    Campaign {
        name: "state",
        about: "all of Ethereum's GeneralStateTests; most of the time goes to stTimeConsuming",
        run: Run::Whole(state),
    },
    Campaign {
        name: "interleavings",
        about: "200,000 schedules a model",
        run: Run::Whole(interleavings),
    },
    Campaign {
        name: "fuzz",
        about: "inputs led by coverage, ten minutes a target; with a name that target alone",
        run: Run::Part(fuzz::run),
    },
    Campaign {
        name: "spec",
        about: "20,000 random blocks against Ethereum's executable specification",
        run: Run::Whole(spec::run),
    },
    Campaign {
        name: "ecrecover",
        about: "100 million forged signatures in each of the lanes, against libsecp256k1",
        run: Run::Whole(ecrecover),
    },
    Campaign {
        name: "crash",
        about: "50,000 crash points on a simulated disk, of the store and of the state each",
        run: Run::Whole(endurance::crash),
    },
    Campaign {
        name: "kill",
        about: "the node under load is killed 1,000 times, and its disk fills up as often",
        run: Run::Part(endurance::kill),
    },
    Campaign {
        name: "memory",
        about: "the node's memory after a million transfers, with bounded history",
        run: Run::Whole(endurance::memory),
    },
    Campaign {
        name: "network",
        about: "validators on links that are cut and slowed, killed and out of room, 500 times; as root",
        run: Run::Whole(network),
    },
    Campaign {
        name: "contracts",
        about: "the contracts' own tests at length: 20,000 runs of each, 2,000 x 500 calls of each invariant",
        run: Run::Part(contracts),
    },
    Campaign {
        name: "programs",
        about: "the venue's reporters, its keeper and its guard, each killed 200 times, and two of them in a crash",
        run: Run::Part(programs),
    },
];

/// Blocks of the property test; about 25 transactions of each are valid.
const RANDOM_BLOCKS: &str = "45000";
/// Schedules of each model and way of choosing.
const SCHEDULES: &str = "200000";
/// Signatures for each of the lanes that the processor has.
const SIGNATURES: &str = "100000000";
const REPLAY_RUNS: &str = "20";
/// Faults of a network.
const CYCLES: &str = "500";
/// How often each program beside the chain is killed.
const KILLS: &str = "200";

/// Runs the campaign `name` and prints how it ended. `part` narrows it down.
pub(crate) fn run(name: &str, part: Option<&str>) -> Result<bool> {
    let Some(campaign) = CAMPAIGNS.iter().find(|campaign| campaign.name == name) else {
        let names = CAMPAIGNS.map(|campaign| campaign.name).join(", ");
        return Err(format!("there is no campaign `{name}`; choose one of {names}").into());
    };
    let start = Instant::now();
    let outcome = match (&campaign.run, part) {
        (Run::Whole(run), None) => run(),
        (Run::Part(run), part) => run(part),
        (Run::Whole(_), Some(part)) => {
            return Err(format!("the campaign `{name}` has no parts; leave out `{part}`").into());
        }
    };
    println!("campaign {name}: {outcome}, {:.1} s", start.elapsed().as_secs_f64());
    Ok(!matches!(outcome, Outcome::Failed(_)))
}

/// With a part, only the tests in that folder of `contracts/test`.
fn contracts(part: Option<&str>) -> Outcome {
    match contracts::test_at_length(part) {
        Ok(true) => Outcome::Passed,
        Ok(false) => Outcome::Failed("a test failed; see above".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
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

fn ecrecover() -> Outcome {
    let mut command = cargo_command();
    command.args(["test", "--release", "--package", "heddle-ecrecover", "--lib", "--"]);
    command.args(["batches_agree_with_libsecp256k1", "--nocapture"]).env("HEDDLE_SEED", seed());
    execute(command.env("HEDDLE_SIGNATURES", setting("HEDDLE_SIGNATURES", SIGNATURES)))
}

fn replay() -> Outcome {
    test::with_data("mainnet", |folder| test::replay(folder, &["--runs", REPLAY_RUNS]))
}

fn state() -> Outcome {
    test::with_data("ethereum-tests/GeneralStateTests", |folder| test::state_tests(folder, &[]))
}

fn network() -> Outcome {
    let (cycles, seed) = (setting("HEDDLE_CYCLES", CYCLES), seed());
    driven(&["network-campaign", "--cycles", &cycles, "--seed", &seed])
}

/// With a part, only the program of that name.
fn programs(part: Option<&str>) -> Outcome {
    let (kills, seed) = (setting("HEDDLE_KILLS", KILLS), seed());
    let options = ["--kills", &kills, "--seed", &seed];
    for program in ["oracle", "keeper", "guard", "crash"] {
        if part.is_some_and(|part| part != program) {
            continue;
        }
        let outcome = match program {
            "oracle" => driven(&[&["oracle-campaign"], &options[..]].concat()),
            _ => driven(&[&[program, "--"], &options[..]].concat()),
        };
        if !matches!(outcome, Outcome::Passed) || part.is_some() {
            return outcome;
        }
    }
    match part {
        Some(part) => {
            let choice = "choose oracle, keeper, guard or crash";
            Outcome::Failed(format!("there is no program `{part}`; {choice}"))
        }
        None => Outcome::Passed,
    }
}

/// What the programs in `e2e` say.
fn driven(arguments: &[&str]) -> Outcome {
    match e2e::run(arguments) {
        Ok(true) => Outcome::Passed,
        Ok(false) => Outcome::Failed("something did not hold; see above".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_campaigns_when_one_is_unknown() {
        let error = run("nothing", None).unwrap_err().to_string();
        assert!(CAMPAIGNS.iter().all(|campaign| error.contains(campaign.name)), "{error}");
    }

    #[test]
    fn refuses_a_part_of_a_campaign_that_has_none() {
        let error = run("random", Some("half")).unwrap_err().to_string();
        assert!(error.contains("no parts"), "{error}");
    }
}
