//! `cargo xtask test`: everything that must hold before a change is taken.

use crate::{Result, campaign, e2e, root, tidy};
use std::{
    env,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// One thing to check.
struct Step {
    name: &'static str,
    run: Run,
    /// Whether all later steps would fail for the same reason.
    stops: bool,
}

/// How a step runs.
enum Run {
    /// While nothing else does.
    Alone(fn() -> Outcome),
    /// This program with arguments, beside later steps: it keeps one processor busy at most for most of
    /// its time, and uses neither cargo nor what other steps use.
    Beside(&'static [&'static str]),
}

/// How a step ended.
pub(crate) enum Outcome {
    Passed,
    /// With the reason.
    Failed(String),
    /// With what was missing.
    Skipped(String),
}

impl Step {
    const fn new(name: &'static str, run: fn() -> Outcome) -> Self {
        Self { name, run: Run::Alone(run), stops: false }
    }

    const fn or_stop(name: &'static str, run: fn() -> Outcome) -> Self {
        Self { name, run: Run::Alone(run), stops: true }
    }

    const fn beside(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { name, run: Run::Beside(arguments), stops: false }
    }

    /// Prints how it ended.
    fn tell(&self, outcome: &Outcome, time: Duration) {
        println!("=== {}: {outcome}, {:.1} s", self.name, time.as_secs_f64());
    }
}

/// All steps, in order: quick ones first, and what later ones need before them.
const STEPS: &[Step] = &[
    Step::new("tools", install_tools),
    Step::new("format", || cargo(&["fmt", "--all", "--check"])),
    Step::new("tidy", check_style),
    Step::beside("contracts", &["contracts", "--check"]),
    Step::new("lints", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
    }),
    Step::or_stop("compile the tests", || test(&["--no-run"])),
    Step::new("tests", || test(&["--lib", "--bins", "--tests", "--no-fail-fast"])),
    Step::new("documentation tests", || test(&["--doc"])),
    Step::new("documentation", make_documentation),
    Step::or_stop("release binary", || cargo(&["build", "--release", "--package", "heddle"])),
    Step::new("replay fixtures/mainnet", replay_fixtures),
    Step::new("replay $HEDDLE_DATA/mainnet", replay_data),
    Step::new("state tests of $HEDDLE_DATA", part_of_the_state_tests),
    Step::new("other tests of $HEDDLE_DATA", other_tests),
    Step::new("executable specification", campaign::spec::short),
    Step::new("end to end, with real clients", end_to_end),
    // Further checks go here; one that takes long or needs data must be able to skip itself.
];

/// Threads that each replay runs on: none to share with, few, and more than most processors have.
const REPLAY_THREADS: [&str; 3] = ["1", "2", "8"];

/// Folders of the state tests that take seconds: what is hardest for the parallel ways, and random.
const STATE_FOLDERS: [&str; 12] = [
    "Cancun",
    "stCreateTest",
    "stEIP1559",
    "stEIP158Specific",
    "stEIP2930",
    "stExtCodeHash",
    "stRandom",
    "stReturnDataTest",
    "stSolidityTest",
    "stSpecialTest",
    "stTransactionTest",
    "stTransitionTest",
];

/// What the steps run beside cargo: program, how it tells its version, and Debian package.
const TOOLS: [(&str, &str, &str); 5] = [
    ("node", "--version", "nodejs"),
    ("npm", "--version", "npm"),
    ("chromium", "--version", "chromium"),
    ("openssl", "version", "openssl"),
    ("ip", "-V", "iproute2"),
];

/// Runs all steps and prints a summary; its last line counts them.
pub(crate) fn run() -> Result<bool> {
    let mut results: Vec<(&Step, Outcome, Duration)> = Vec::new();
    let mut beside = Vec::new();
    let mut is_stopped = false;
    for step in STEPS {
        let run = match step.run {
            Run::Alone(run) => run,
            Run::Beside(arguments) => {
                println!("\n=== {}: begins, and is told of when all else is done", step.name);
                beside.push((step, thread::spawn(|| task(arguments))));
                continue;
            }
        };
        if is_stopped {
            let outcome = Outcome::Skipped("a step before it failed".to_owned());
            results.push((step, outcome, Duration::ZERO));
            continue;
        }
        println!("\n=== {}", step.name);
        let start = Instant::now();
        let outcome = run();
        let time = start.elapsed();
        step.tell(&outcome, time);
        is_stopped = step.stops && matches!(outcome, Outcome::Failed(_));
        results.push((step, outcome, time));
    }
    for (step, task) in beside {
        let broken = |_| (String::new(), Outcome::Failed("it panicked".to_owned()), Duration::ZERO);
        let (text, outcome, time) = task.join().unwrap_or_else(broken);
        println!("\n=== {}\n{text}", step.name);
        step.tell(&outcome, time);
        results.push((step, outcome, time));
    }
    println!();
    let mut counts = [0; 3];
    for (step, outcome, time) in &results {
        counts[outcome.place()] += 1;
        println!("{:>8.1} s  {:<28} {outcome}", time.as_secs_f64(), step.name);
    }
    let [passed, failed, skipped] = counts;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

/// Runs this program with arguments, and keeps what it prints.
fn task(arguments: &[&str]) -> (String, Outcome, Duration) {
    let start = Instant::now();
    let output = env::current_exe()
        .and_then(|program| Command::new(program).args(arguments).current_dir(root()).output());
    let (text, outcome) = match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            let outcome = match output.status.success() {
                true => Outcome::Passed,
                false => Outcome::Failed("see what it printed above".to_owned()),
            };
            (String::from_utf8_lossy(&text).into_owned(), outcome)
        }
        Err(error) => (String::new(), Outcome::Failed(format!("cannot run this program: {error}"))),
    };
    (text, outcome, start.elapsed())
}

impl Outcome {
    const fn place(&self) -> usize {
        match self {
            Self::Passed => 0,
            Self::Failed(_) => 1,
            Self::Skipped(_) => 2,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(reason) => write!(f, "FAILED: {reason}"),
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
        }
    }
}

/// Runs a program in the root of the repository.
pub(crate) fn execute(command: &mut Command) -> Outcome {
    let program = name(command);
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) => Outcome::Failed(format!("{program}: {status}")),
        Err(error) => Outcome::Failed(format!("cannot run {program}: {error}")),
    }
}

/// What a reader would call the command: `cargo clippy`.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = [program].into_iter().chain(command.get_args().take(1));
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn cargo(arguments: &[&str]) -> Outcome {
    execute(cargo_command().args(arguments))
}

/// Beginnings of the variables in which cargo tells a program of its own package. Build scripts of
/// dependencies look at some of them: handed on, they have ring, and all that uses it, compiled anew
/// by each task and again by each cargo that no task started.
const OF_THE_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The cargo that runs this task.
pub(crate) fn cargo_command() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if OF_THE_PACKAGE.iter().any(|start| name.starts_with(start)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// Tests of all but the fuzz targets, which have none.
fn test(arguments: &[&str]) -> Outcome {
    let crates = ["test", "--workspace", "--exclude", "heddle-fuzz"];
    execute(cargo_command().args(crates).args(arguments))
}

fn make_documentation() -> Outcome {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    execute(cargo_command().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

fn check_style() -> Outcome {
    match tidy::run() {
        Ok(true) => Outcome::Passed,
        Ok(false) => Outcome::Failed("see what it printed above".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn replay_fixtures() -> Outcome {
    replay(&root().join("fixtures/mainnet"), &[])
}

fn replay_data() -> Outcome {
    with_data("mainnet", |folder| replay(folder, &[]))
}

fn part_of_the_state_tests() -> Outcome {
    with_data("ethereum-tests/GeneralStateTests", |folder| state_tests(folder, &STATE_FOLDERS))
}

/// Suites that take no time, and their folders.
const OTHER_SUITES: [(&str, &str); 5] = [
    ("transaction", "ethereum-tests/TransactionTests"),
    ("rlp", "ethereum-tests/RLPTests"),
    ("trie", "ethereum-tests/TrieTests"),
    ("blockchain", "ethereum-tests/BlockchainTests"),
    ("rpc", "rpc-compat"),
];

/// Drives the release binary with the clients that people use.
fn end_to_end() -> Outcome {
    match e2e::run(&[]) {
        Ok(true) => Outcome::Passed,
        Ok(false) => Outcome::Failed("a flow failed; see above".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn other_tests() -> Outcome {
    with_data("", |data| {
        for (suite, folder) in OTHER_SUITES {
            println!("{folder}");
            let mut command = heddle(&["conformance", suite]);
            let outcome = execute(command.arg(data.join(folder)));
            if !matches!(outcome, Outcome::Passed) {
                return outcome;
            }
        }
        Outcome::Passed
    })
}

/// Checks with a folder of `$HEDDLE_DATA`; without it the step is skipped.
pub(crate) fn with_data(name: &str, check: impl Fn(&Path) -> Outcome) -> Outcome {
    let Some(data) = env::var_os("HEDDLE_DATA") else {
        return Outcome::Skipped("HEDDLE_DATA is not set".to_owned());
    };
    // The steps run in the root of the repository, and this task perhaps elsewhere.
    match PathBuf::from(data).join(name).canonicalize() {
        Ok(folder) => check(&folder),
        Err(_) => Outcome::Skipped(format!("HEDDLE_DATA has no folder {name}")),
    }
}

/// The release binary with a command.
fn heddle(arguments: &[&str]) -> Command {
    let mut command = cargo_command();
    command.args(["run", "--quiet", "--release", "--package", "heddle", "--"]).args(arguments);
    command
}

/// Replays recorded blocks, every block in parallel.
pub(crate) fn replay(folder: &Path, options: &[&str]) -> Outcome {
    for threads in REPLAY_THREADS {
        let mut command = heddle(&["replay", "--parallel-gas-min", "0", "--threads", threads]);
        let outcome = execute(command.args(options).arg(folder));
        if let Outcome::Failed(reason) = outcome {
            return Outcome::Failed(format!("on {threads} threads: {reason}"));
        }
    }
    Outcome::Passed
}

/// Runs Ethereum's state tests: those in the named folders, or all.
pub(crate) fn state_tests(tests: &Path, folders: &[&str]) -> Outcome {
    let threads = REPLAY_THREADS.join(",");
    let all = [""];
    for folder in if folders.is_empty() { &all } else { folders } {
        println!("{folder}");
        let mut command = heddle(&["conformance", "state", "--threads", &threads]);
        let outcome = execute(command.arg(tests.join(folder)));
        if let Outcome::Failed(reason) = outcome {
            return Outcome::Failed(format!("in {}: {reason}", tests.join(folder).display()));
        }
    }
    Outcome::Passed
}

/// Installs the programs that the steps need, where that can be done without asking.
fn install_tools() -> Outcome {
    let missing: Vec<&str> = TOOLS
        .iter()
        .filter(|(program, version, _)| !can_run(program, version))
        .map(|(.., package)| *package)
        .collect();
    if missing.is_empty() {
        return Outcome::Passed;
    }
    if !is_root() {
        let packages = missing.join(" ");
        return Outcome::Failed(format!("run `sudo apt-get install --yes {packages}` once"));
    }
    match execute(Command::new("apt-get").arg("update")) {
        Outcome::Passed => {
            let install = ["install", "--yes", "--no-install-recommends"];
            execute(Command::new("apt-get").args(install).args(&missing))
        }
        outcome => outcome,
    }
}

fn can_run(program: &str, version: &str) -> bool {
    let quiet = || Stdio::null();
    let mut command = Command::new(program);
    command.arg(version).stdin(quiet()).stdout(quiet()).stderr(quiet());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_does_not_hear_of_this_package() {
        // A test is told of its package, too.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let command = cargo_command();
        for name in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR", "CARGO_MANIFEST_DIR"] {
            let is_removed =
                |(key, value): (&OsStr, Option<&OsStr>)| key == name && value.is_none();
            assert!(command.get_envs().any(is_removed), "{name}");
        }
    }
}
