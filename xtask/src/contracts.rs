//! Compiles and tests the contracts, or compares with what was compiled before.

use crate::{Result, root};
use std::process::Command;

/// Installs what a lock file names. No scripts: no package here needs one, and they would run with all
/// rights.
const INSTALL: [&str; 5] =
    ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];

/// Installs the compiler as `package-lock.json` pins it, and runs it. With `is_check` it writes
/// nothing, and `false` says that `contracts/artifacts` is not what the sources compile to, or that a
/// test failed.
pub(crate) fn run(is_check: bool) -> Result<bool> {
    if !succeeds("npm", &INSTALL)? {
        let reason = "npm cannot install the compiler; see its message above, and allow it to \
                      reach its registry";
        return Err(reason.into());
    }
    if !is_check {
        return succeeds("node", &["build.mjs"]);
    }
    Ok(succeeds("node", &["build.mjs", "--check"])? && test()?)
}

/// Runs the contracts' own tests, a few calls of each, and compares what each operation costs with
/// `contracts/snapshots`. What they are compared with is installed apart: it is not ours to ship.
fn test() -> Result<bool> {
    Ok(install_peers()? && run_in_folder(forge().env("FORGE_SNAPSHOT_CHECK", "true"))?)
}

/// Runs them with many calls of each, or those in a folder of `contracts/test`.
pub(crate) fn test_at_length(part: Option<&str>) -> Result<bool> {
    let mut forge = forge();
    if let Some(part) = part {
        forge.args(["--match-path", &format!("test/{part}/*")]);
    }
    let install = succeeds("npm", &INSTALL)? && install_peers()?;
    Ok(install && run_in_folder(forge.env("FOUNDRY_PROFILE", "long"))?)
}

fn forge() -> Command {
    let mut command = Command::new("node_modules/.bin/forge");
    command.arg("test");
    command
}

fn install_peers() -> Result<bool> {
    succeeds("npm", &[&INSTALL[..], &["--prefix", "peers"]].concat())
}

/// Runs a program in the folder of the contracts.
fn succeeds(program: &str, arguments: &[&str]) -> Result<bool> {
    run_in_folder(Command::new(program).args(arguments))
}

fn run_in_folder(command: &mut Command) -> Result<bool> {
    match command.current_dir(root().join("contracts")).status() {
        Ok(status) => Ok(status.success()),
        Err(error) => {
            let program = command.get_program().display();
            let fix = "install Node.js and npm, or run `cargo xtask test` as root once";
            Err(format!("cannot run {program}: {error}; {fix}").into())
        }
    }
}
