//! `cargo xtask campaign spec`: random blocks against Ethereum's executable specification.

use super::{seed, setting};
use crate::{
    root,
    test::{Outcome, cargo_command, execute},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Blocks of the campaign.
const BLOCKS: &str = "20000";
/// Blocks of the short version.
const BLOCKS_SHORT: &str = "50";

/// The package and all that it needs, each in one version.
const REQUIREMENTS: &str = "xtask/specification.txt";

/// Compares many blocks. Most of the time is the specification's, so ours is not optimised further.
pub(super) fn run() -> Outcome {
    compare(&setting("HEDDLE_SPEC_BLOCKS", BLOCKS), &seed())
}

/// Compares a few blocks, always the same.
pub(crate) fn short() -> Outcome {
    compare(BLOCKS_SHORT, "0")
}

fn compare(blocks: &str, seed: &str) -> Outcome {
    let python = match install() {
        Ok(python) => python,
        Err(reason) => return Outcome::Skipped(reason),
    };
    let mut command = cargo_command();
    // Of the workspace, not of one package: that would have other features, and all compiled anew.
    command.args(["test", "--workspace", "--test", "specification", "--", "--nocapture"]);
    command.env("HEDDLE_SPEC_PYTHON", python);
    execute(command.env("HEDDLE_SPEC_BLOCKS", blocks).env("HEDDLE_SEED", seed))
}

/// A Python that has the specification, in target/specification. `Err` says what is missing.
fn install() -> Result<PathBuf, String> {
    let folder = root().join("target/specification");
    let requirements = root().join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements)
        .map_err(|error| format!("cannot read {REQUIREMENTS}: {error}"))?;
    let python = folder.join("bin/python");
    // What was installed, written when that was done.
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        .map_err(|reason| format!("there is no python3 with venv: {reason}"))?;
    let install = ["-m", "pip", "install", "--quiet", "--requirement"];
    run_quietly(Command::new(&python).args(install).arg(&requirements))
        .map_err(|reason| format!("the package ethereum-execution is not to be had: {reason}"))?;
    fs::write(&installed, wanted).map_err(|error| describe(&installed, &error))?;
    Ok(python)
}

fn run_quietly(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn describe(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
