//! Developer tasks behind `cargo xtask`.

mod benchmarks;
mod campaign;
mod contracts;
mod e2e;
mod fixtures;
mod test;
mod tidy;

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

const HELP: &str = "\
Developer tasks.

Usage: cargo xtask TASK

  test           check everything: format, lints, tests, documentation, and replays of real blocks
  tidy           check the rules of style that no other tool knows
  contracts      compile contracts/src; with --check compare with contracts/artifacts, and test
  campaign NAME  a long run of what `test` does in short; without a name it tells which there are
  benchmarks [WORD]
                 measure the node, and write it into docs/benchmarks.md; with a word only what has
                 it in its title; it takes half an hour
  sim [FLAGS]    simulate networks of validators, one from each seed, with faults; --help tells how
  e2e [FLOW...]  drive a dev node with the clients that people use; see e2e/README.md
  fixtures DIR   make fixtures/mainnet anew from a folder that holds all recorded blocks

With $HEDDLE_DATA set, `test` also replays the blocks in its folder mainnet and runs a part of the
state tests in ethereum-tests/GeneralStateTests.
";

/// The status of a task that was called wrongly or could not do its work.
const STATUS_ERROR: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["test"] => test::run(),
        ["tidy"] => tidy::run(),
        ["contracts"] => contracts::run(false),
        ["contracts", "--check"] => contracts::run(true),
        ["campaign"] => Ok(campaign::list()),
        ["campaign", name] => campaign::run(name, None),
        ["campaign", name, part] => campaign::run(name, Some(part)),
        ["benchmarks"] => benchmarks::run(None),
        ["benchmarks", part] => benchmarks::run(Some(part)),
        ["sim", ref flags @ ..] => Ok(simulate(flags)),
        ["e2e", ref flows @ ..] => e2e::run(flows),
        ["fixtures", folder] => fixtures::run(Path::new(folder)),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(true)
        }
        _ => {
            eprint!("{HELP}");
            return STATUS_ERROR.into();
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            STATUS_ERROR.into()
        }
    }
}

/// Runs the simulator, which says itself what it finds.
fn simulate(flags: &[&str]) -> bool {
    let mut command = test::cargo_command();
    command.args(["run", "--profile", "sim", "--quiet", "--package", "heddle-simulation", "--"]);
    command.args(flags);
    matches!(test::execute(&mut command), test::Outcome::Passed)
}

/// What a task says: whether it passed, or why it could not do its work.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The folder that holds the workspace.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("xtask is a folder of the repository").to_owned()
}
