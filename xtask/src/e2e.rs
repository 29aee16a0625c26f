//! Drives a dev node with the clients that people use; see `e2e/README.md`.

use crate::{Result, root, test::cargo_command};
use std::{env, process::Command};

/// Runs the named flows, or all; after `--` come options for each of them. `differential` with its
/// options compares two nodes instead, `network-campaign` has things go wrong among validators, and
/// `oracle-campaign` kills reporters.
/// `false` says that a flow failed.
pub(crate) fn run(arguments: &[&str]) -> Result<bool> {
    if env::var_os("HEDDLE_E2E_NODE").is_none() && !build()? {
        return Ok(false);
    }
    let (program, arguments) = match arguments {
        ["differential", options @ ..] => ("differential.mjs", options),
        ["network-campaign", options @ ..] => ("network.mjs", options),
        ["oracle-campaign", options @ ..] => ("oracle.mjs", options),
        flows => ("run.mjs", flows),
    };
    let program = root().join("e2e").join(program);
    let mut command = Command::new("node");
    match command.arg(program).args(arguments).status() {
        Ok(status) => Ok(status.success()),
        Err(error) => Err(format!("cannot run node: {error}; install Node.js and npm").into()),
    }
}

/// Builds the node as it is shipped.
fn build() -> Result<bool> {
    let arguments = ["build", "--release", "--package", "heddle"];
    Ok(cargo_command().args(arguments).current_dir(root()).status()?.success())
}
