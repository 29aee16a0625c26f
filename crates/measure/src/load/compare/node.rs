//! A node as a process, on a free port of this machine.

use crate::load::{LoadError, client::Client, http::Endpoint};
use alloy_primitives::U256;
use serde_json::json;
use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a node may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked whether it has.
const GLANCE: Duration = Duration::from_millis(20);

/// Where the packages of the end-to-end tests hold anvil, below a folder of the repository. The
/// binary itself, since a wrapper would not pass signals on.
const PACKAGES: &str = "e2e/node_modules/@foundry-rs";

/// A program with its flags.
#[derive(Clone, Debug)]
pub(in crate::load) struct Program {
    path: PathBuf,
    command: Vec<String>,
    flags: Vec<String>,
}

impl Program {
    pub(in crate::load) fn new(path: PathBuf, command: &[&str], flags: &[&[&str]]) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self { path, command: owned(command), flags: owned(&flags.concat()) }
    }

    /// The flags, as one would type them.
    pub(in crate::load) fn flags(&self) -> String {
        self.flags.join(" ")
    }
}

/// A running node. It is killed when this is dropped.
#[derive(Debug)]
pub(in crate::load) struct Node {
    child: Child,
    pub(in crate::load) endpoint: Endpoint,
}

impl Node {
    /// Starts it, and waits until it answers.
    pub(in crate::load) fn start(program: &Program) -> Result<Self, LoadError> {
        let failed = |reason: String| LoadError::Start {
            program: program.path.display().to_string(),
            reason,
        };
        let port = free_port()?;
        let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}"))?;
        let mut command = Command::new(&program.path);
        command.args(&program.command).args(["--port", &port.to_string()]).args(&program.flags);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let mut node = Self { child, endpoint };
        let start = Instant::now();
        loop {
            let mut client = Client::new(node.endpoint.clone(), PATIENCE);
            if client.call::<U256>("eth_chainId", json!([])).is_ok() {
                return Ok(node);
            }
            if let Ok(Some(status)) = node.child.try_wait() {
                return Err(failed(format!("it ended with {status}; what it said stands above")));
            }
            if start.elapsed() > PATIENCE {
                return Err(failed(format!("it does not answer within {} s", PATIENCE.as_secs())));
            }
            thread::sleep(GLANCE);
        }
    }

    pub(in crate::load) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(in crate::load) fn free_port() -> Result<u16, LoadError> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The program anvil: as named, on the PATH, or among the packages of the end-to-end tests.
pub(in crate::load) fn find_anvil(named: Option<&Path>) -> Result<PathBuf, LoadError> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let on_path = env::var_os("PATH").into_iter().flat_map(|path| {
        env::split_paths(&path).map(|folder| folder.join("anvil")).collect::<Vec<_>>()
    });
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    let folders = starts.iter().flatten().flat_map(|start| start.ancestors());
    let package = package();
    let in_packages = folders.map(|folder| folder.join(PACKAGES).join(&package).join("bin/anvil"));
    on_path.chain(in_packages).find(|path| path.is_file()).ok_or(LoadError::NoAnvil)
}

/// The package of this machine's kind.
fn package() -> String {
    let machine = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let system = if env::consts::OS == "macos" { "darwin" } else { env::consts::OS };
    format!("anvil-{system}-{machine}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_anvil_is_taken_as_it_is() {
        assert_eq!(find_anvil(Some(Path::new("/x/anvil"))).unwrap(), Path::new("/x/anvil"));
    }

    #[test]
    fn a_program_that_is_not_there_or_ends_is_told() {
        let program = Program::new("/nowhere/anvil".into(), &[], &[]);
        assert!(matches!(Node::start(&program), Err(LoadError::Start { .. })));
        let program = Program::new("/bin/false".into(), &[], &[&["--a", "b"]]);
        assert_eq!(program.flags(), "--a b");
        let error = Node::start(&program).unwrap_err();
        assert!(error.to_string().contains("it ended with"), "{error}");
    }
}
