//! Compiles and tests the contracts, or compares with what was compiled before.

use crate::{Result, root};
use std::process::Command;

/// Installs the compiler as `package-lock.json` pins it, and runs it. With `is_check` it writes
/// nothing, and `false` says that `contracts/artifacts` is not what the sources compile to, or that a
/// test failed.
pub(crate) fn run(is_check: bool) -> Result<bool> {
    // No scripts: no package here needs one, and they would run with all rights.
    let install = ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
    if !succeeds("npm", &install)? {
        let reason = "npm cannot install the compiler; see its message above, and allow it to \
                      reach its registry";
        return Err(reason.into());
    }
    if !is_check {
        return succeeds("node", &["build.mjs"]);
    }
    Ok(succeeds("node", &["build.mjs", "--check"])? && test()?)
}

/// Runs the contracts' own tests, a few calls of each.
fn test() -> Result<bool> {
    succeeds("node_modules/.bin/forge", &["test"])
}

/// Runs a program in the folder of the contracts.
fn succeeds(program: &str, arguments: &[&str]) -> Result<bool> {
    let mut command = Command::new(program);
    let status = command.args(arguments).current_dir(root().join("contracts")).status();
    match status {
        Ok(status) => Ok(status.success()),
        Err(error) => {
            let fix = "install Node.js and npm, or run `cargo xtask test` as root once";
            Err(format!("cannot run {program}: {error}; {fix}").into())
        }
    }
}
