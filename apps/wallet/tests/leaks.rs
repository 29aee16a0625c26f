//! Secrets do not leave the process, except where they are asked for: runs the commands with known
//! secrets, and looks for them in all that can be seen from outside.

#![allow(clippy::unwrap_used)] // in functions that tests share

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const MNEMONIC: &str =
    "legal winner thank year wave sausage worth useful legal winner thank yellow";
const PASSPHRASE: &str = "Gr33n-elephant";
const PASSWORD: &str = "w1ndmill-cactus";
/// The key of m/44'/60'/0'/0/0, which the first test below finds out.
const KEY_PATH: &str = "m/44'/60'/0'/0/0";

/// The example `wallet`, which is built with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/wallet");
    assert!(program.exists(), "there is no {}; run all tests of the package", program.display());
    program
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("passphrase", PASSPHRASE);
        folder.write("password", PASSWORD);
        folder.write(
            "transaction.json",
            r#"{"chainId": "0x1", "nonce": "0x0", "gas": "0x5208",
            "gasPrice": "0x1", "to": "0x0000000000000000000000000000000000000001"}"#,
        );
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(program());
        command.args(arguments.split(' ')).current_dir(self.0.path()).env("HOME", self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &str, input: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        // A command that refuses its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// The secrets, and the words of the mnemonic that are no word of an error message.
fn secrets(key: &str) -> Vec<String> {
    let words = ["winner", "sausage", "yellow"].map(str::to_owned);
    words.into_iter().chain([PASSPHRASE, PASSWORD, key].map(str::to_owned)).collect()
}

fn assert_silent(text: &str, key: &str, where_: &str) {
    for secret in secrets(key) {
        assert!(
            !text.to_lowercase().contains(&secret.to_lowercase()),
            "{where_} shows {secret}: {text}"
        );
    }
}

fn key(folder: &Folder) -> String {
    let output = folder.run(
        &format!("derive --private-keys --passphrase-file passphrase --path {KEY_PATH}"),
        MNEMONIC,
    );
    let line = String::from_utf8(output.stdout).unwrap();
    let key = line.trim().rsplit(' ').next().unwrap().strip_prefix("0x").unwrap().to_owned();
    assert_eq!(key.len(), 64);
    key
}

#[test]
fn no_command_prints_a_secret_that_is_not_asked_for() {
    let folder = Folder::new();
    let key = key(&folder);
    let phrase = "--passphrase-file passphrase";
    for (arguments, input, status) in [
        (format!("derive {phrase} --count 2"), MNEMONIC, 0),
        (format!("--json derive {phrase}"), MNEMONIC, 0),
        (format!("xpub {phrase}"), MNEMONIC, 0),
        (format!("keystore {phrase} --out store --password-file password"), MNEMONIC, 0),
        ("import --out imported --password-file password".to_owned(), key.as_str(), 0),
        (format!("keystore {phrase} --out store --password-file password"), MNEMONIC, 2),
        ("list .".to_owned(), "", 0),
        ("sign-message --message hi --keystore store --password-file password".to_owned(), "", 0),
        ("sign-message --message hi --keystore store --password-file passphrase".to_owned(), "", 2),
        (format!("sign-message --message hi {phrase}"), MNEMONIC, 0),
        (format!("sign-transaction --transaction transaction.json {phrase}"), MNEMONIC, 0),
        ("shamir split --groups 2of3 --folder shares".to_owned(), MNEMONIC, 0),
        // What is wrong, in each way.
        (
            "derive".to_owned(),
            "legal winner thank year wave sausage worth useful legal winner thank sausage",
            2,
        ),
        (
            "derive".to_owned(),
            "legal winner thank year wave sausag worth useful legal winner thank yellow",
            2,
        ),
        ("derive".to_owned(), "legal winner sausage", 2),
        ("import --out other --password-file password".to_owned(), MNEMONIC, 2),
        ("shamir split --groups 1of3".to_owned(), MNEMONIC, 2),
        ("shamir combine".to_owned(), MNEMONIC, 2),
        (
            "sign-message --message hi --keystore passphrase --password-file password".to_owned(),
            "",
            2,
        ),
    ] {
        let output = folder.run(&arguments, input);
        assert_eq!(output.status.code(), Some(status), "{arguments}: {}", text(&output));
        assert_silent(&text(&output), &key, &arguments);
    }
}

#[test]
fn files_are_for_their_owner_alone_and_hold_no_plain_secret() {
    let folder = Folder::new();
    let key = key(&folder);
    folder.run(
        "keystore --passphrase-file passphrase --out store --password-file password",
        MNEMONIC,
    );
    folder.run("shamir split --groups 2of2 --folder shares", MNEMONIC);
    folder.run(
        "contacts add bob 0x0000000000000000000000000000000000000001 --contacts book/c.json",
        "",
    );
    for name in ["store", "shares/share-1-1.txt", "shares/share-1-2.txt", "book/c.json"] {
        let mode = fs::metadata(folder.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        assert_silent(&fs::read_to_string(folder.path(name)).unwrap(), &key, name);
    }
    assert_eq!(fs::metadata(folder.path("shares")).unwrap().permissions().mode() & 0o777, 0o700);
}

/// A process that is ended, whatever the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(path: &Path) {
    let end = Instant::now() + Duration::from_secs(30);
    while !path.exists() {
        assert!(Instant::now() < end, "there is no {} in time", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_signer_shows_nothing_to_other_processes_and_dumps_no_core() {
    let folder = Folder::new();
    let key = key(&folder);
    let mut child = Running(
        folder
            .command("signer --socket run/s.sock --passphrase-file passphrase --chain-id 1 --allow-messages")
            .spawn()
            .unwrap(),
    );
    child.0.stdin.take().unwrap().write_all(MNEMONIC.as_bytes()).unwrap();
    let socket = folder.path("run/s.sock");
    wait_for(&socket);
    // The mode is set right after the socket is made.
    let signed = folder.run("sign-message --message hi --signer run/s.sock", "");
    assert!(signed.status.success(), "{}", text(&signed));
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.path("run")).unwrap().permissions().mode() & 0o777, 0o700);
    let process = PathBuf::from(format!("/proc/{}", child.0.id()));
    let read = |name: &str| {
        String::from_utf8_lossy(&fs::read(process.join(name)).unwrap_or_default()).into_owned()
    };
    let limits = read("limits");
    let core: Vec<&str> = limits
        .lines()
        .find(|line| line.contains("core file size"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
    assert!(read("cmdline").contains("signer"));
    assert_silent(&read("cmdline"), &key, "cmdline");
    assert_silent(&read("environ"), &key, "environ");
    child.0.kill().unwrap();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut child.0.stdout.take().unwrap(), &mut rest).unwrap();
    std::io::Read::read_to_string(&mut child.0.stderr.take().unwrap(), &mut rest).unwrap();
    assert!(rest.contains("signed for"), "{rest}");
    assert_silent(&rest, &key, "the signer's output");
}

#[test]
fn a_secret_as_an_argument_is_refused() {
    let folder = Folder::new();
    for arguments in [
        "derive --passphrase x",
        "derive --mnemonic x",
        "import --private-key x",
        "import --password x",
    ] {
        let output = folder.run(arguments, MNEMONIC);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(text(&output).contains("unexpected argument"), "{arguments}");
    }
}
