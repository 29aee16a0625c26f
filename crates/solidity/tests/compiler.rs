//! Compilers in their cage, and sources that try to get out of it.

#![allow(clippy::unwrap_used, clippy::panic)] // the helpers are tests, too

mod support;

use std::time::{Duration, Instant};

use heddle_solidity::compiler::{Cage, CompilerError, Compilers, Limits};
use serde_json::{Value as Json, json};
use support::{cage, compilers, find, input, limits, version};

fn messages(output: &Json) -> String {
    output["errors"].to_string()
}

#[test]
fn compiles_and_tells_syntax_errors_in_the_output() {
    let Some(compilers) = compilers(limits()) else { return };
    assert!(compilers.list().unwrap().contains(&version()));
    let good = input(&[("<script>.sol", "contract A { function f() public {} }")], json!({}));
    let output = compilers.compile(&version(), &good).unwrap();
    let code = &output["contracts"]["<script>.sol"]["A"]["evm"]["deployedBytecode"]["object"];
    assert!(code.as_str().unwrap().starts_with("6080"), "{output}");
    let wrong = input(&[("a.sol", "contract A { function }")], json!({}));
    assert!(messages(&compilers.compile(&version(), &wrong).unwrap()).contains("ParserError"));
}

#[test]
fn imports_find_nothing_but_the_given_sources() {
    let Some(compilers) = compilers(limits()) else { return };
    for path in ["/etc/passwd", "../../../../etc/passwd", "file:///etc/passwd"] {
        let source = format!("import \"{path}\"; contract A {{}}");
        let output = compilers.compile(&version(), &input(&[("a.sol", &source)], json!({})));
        let messages = messages(&output.unwrap());
        assert!(messages.contains("not found") && !messages.contains("root:"), "{messages}");
    }
    let urls = json!({
        "language": "Solidity",
        "sources": {"a.sol": {"urls": ["/etc/passwd", "file:///etc/passwd"]}},
    });
    let messages = messages(&compilers.compile(&version(), &urls).unwrap());
    assert!(!messages.contains("root:"), "{messages}");
}

#[test]
fn a_version_that_is_not_there_names_the_command_and_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let compilers = Compilers::open(folder.path(), cage(), limits()).unwrap();
    let error = compilers.compile(&version(), &json!({})).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("solc add 0.8.37") && text.contains("no version is"), "{text}");
    let Some(compilers) = support::compilers(limits()) else { return };
    let error = compilers.compile(&"v0.4.2".parse().unwrap(), &json!({})).unwrap_err();
    assert!(matches!(error, CompilerError::Missing { .. }) && error.to_string().contains("0.8.37"));
    let error = compilers.add(&"0.8.999".parse().unwrap()).unwrap_err();
    assert!(matches!(error, CompilerError::NotFetched { .. }), "{error}");
}

#[test]
fn too_much_output_ends_a_run() {
    let bound = Limits { output_bytes: 1000, ..limits() };
    let Some(compilers) = compilers(bound) else { return };
    let source = "contract A { function f(uint256 x) public pure returns (uint256) { return x; } }";
    let error = compilers.compile(&version(), &input(&[("a.sol", source)], json!({}))).unwrap_err();
    assert!(matches!(error, CompilerError::Output(1000)), "{error}");
}

#[test]
fn too_long_an_input_is_refused() {
    let Some(compilers) = compilers(Limits { input_bytes: 10, ..limits() }) else { return };
    let error = compilers.compile(&version(), &input(&[], json!({}))).unwrap_err();
    assert!(matches!(error, CompilerError::Input { allowed: 10, .. }), "{error}");
}

/// Each struct has two of the one before it, so the signature of the function, all written out, has
/// a billion words.
fn explosion() -> Json {
    let mut source = String::from("contract A { struct S0 { uint256 a; }");
    for level in 1..=30 {
        source += &format!("struct S{level} {{ S{0} x; S{0} y; }}", level - 1);
    }
    source += "function f(S30 calldata s) external {} }";
    input(&[("a.sol", &source)], json!({}))
}

#[test]
fn a_source_that_explodes_is_ended() {
    let short = Limits { cpu: Duration::from_secs(3), ..limits() };
    let small = Limits { memory_bytes: 300 << 20, ..limits() };
    let Some(by_time) = compilers(short) else { return };
    let result = by_time.compile(&version(), &explosion());
    assert!(matches!(result, Err(CompilerError::Time(_))), "{result:?}");
    let Some(by_memory) = compilers(small) else { return };
    let start = Instant::now();
    let result = by_memory.compile(&version(), &explosion());
    assert!(matches!(result, Err(CompilerError::Memory(_))), "{result:?}");
    assert!(start.elapsed() < limits().wall, "{:?}", start.elapsed());
    // The next one compiles.
    let good = input(&[("a.sol", "contract A {}")], json!({}));
    assert!(by_time.compile(&version(), &good).is_ok());
}

/// A folder with an executable `solc` that does what a script says.
fn scripted(script: &str, limits: Limits) -> (tempfile::TempDir, Compilers) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let solc = folder.path().join("0.8.37/solc");
    std::fs::create_dir(solc.parent().unwrap()).unwrap();
    std::fs::write(&solc, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&solc, std::fs::Permissions::from_mode(0o755)).unwrap();
    let compilers = Compilers::open(folder.path(), cage(), limits).unwrap();
    (folder, compilers)
}

fn run(script: &str, limits: Limits) -> Result<Json, CompilerError> {
    scripted(script, limits).1.compile(&version(), &json!({}))
}

#[test]
fn a_run_that_takes_too_long_ends_with_all_its_children() {
    let start = Instant::now();
    let bound = Limits { wall: Duration::from_secs(1), ..limits() };
    let error = run("/bin/sleep 50 & /bin/sleep 50", bound).unwrap_err();
    assert!(matches!(error, CompilerError::Time(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
    let bound = Limits { cpu: Duration::from_secs(1), ..limits() };
    let error = run("while :; do :; done", bound).unwrap_err();
    assert!(matches!(error, CompilerError::Time(_)), "{error}");
}

#[test]
fn memory_of_a_run_is_bounded() {
    let Some(node) = find("node") else { return println!("skipped: node is not there") };
    let script = "const all=[]; for(;;) all.push(Buffer.alloc(1<<24, 1))";
    let bound = Limits { memory_bytes: 300 << 20, ..limits() };
    let error = run(&format!("exec {node} -e '{script}'"), bound).unwrap_err();
    assert!(matches!(error, CompilerError::Memory(_)), "{error}");
}

#[test]
fn the_cage_gives_no_network_no_environment_and_small_files() {
    let Some(node) = find("node") else { return println!("skipped: node is not there") };
    let script = r#"
        const net = require("net");
        const socket = net.connect(9, "127.0.0.1");
        socket.on("error", (error) => {
            let file = "written";
            try { require("fs").writeFileSync("big", Buffer.alloc(4 << 20)); }
            catch (error) { file = error.code; }
            console.log(JSON.stringify({
                code: error.code, environment: Object.keys(process.env), file,
            }));
        });
    "#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.js");
    std::fs::write(&path, script).unwrap();
    // A shell sets PWD and the like by itself, so it does not count.
    let output = run(&format!("exec /usr/bin/env -i {node} {}", path.display()), limits()).unwrap();
    assert_eq!(output["code"], "EPERM", "{output}");
    assert_eq!(output["file"], "EFBIG", "{output}");
    let output = run("/usr/bin/printf '{\"home\": \"%s\"}' \"$HOME\"", limits()).unwrap();
    assert_eq!(output["home"], "");
}

#[test]
fn one_more_than_the_queue_takes_is_refused() {
    let bound = Limits { concurrent: 1, waiting: 0, ..limits() };
    let (folder, compilers) =
        scripted("/bin/cat >/dev/null; touch \"$0.on\"; /bin/sleep 2; echo {}", bound);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| compilers.compile(&version(), &json!({})));
        let mark = folder.path().join("0.8.37/solc.on");
        let start = Instant::now();
        while !mark.exists() && start.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        let second = compilers.compile(&version(), &json!({}));
        assert!(matches!(second, Err(CompilerError::Busy(0))), "{second:?}");
        assert_eq!(first.join().unwrap().unwrap(), json!({}));
    });
    assert_eq!(compilers.compile(&version(), &json!({})).unwrap(), json!({}));
}

#[test]
fn a_cage_that_does_not_start_is_an_error() {
    let (folder, _) = scripted("echo {}", limits());
    let cage = Cage { program: "/nowhere/cage".into(), arguments: Vec::new() };
    let compilers = Compilers::open(folder.path(), cage, limits()).unwrap();
    let error = compilers.compile(&version(), &json!({})).unwrap_err();
    assert!(matches!(error, CompilerError::Start(_)), "{error}");
}
