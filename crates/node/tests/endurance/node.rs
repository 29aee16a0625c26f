//! The binary `heddle` as a process.

use crate::client::Client;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// How long a node may take to start, or to stop by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked after.
const GLANCE: Duration = Duration::from_millis(1);

/// A running node. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    log: PathBuf,
}

/// How a node ended that should not have, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
}

impl Node {
    /// Starts the binary with these arguments; what it prints goes to the file `log`.
    pub(crate) fn spawn(arguments: &[String], log: &Path) -> Self {
        let file = File::create(log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
        command.args(arguments).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), log: log.to_owned() }
    }

    /// Waits until it serves, and gives its address.
    pub(crate) fn serving(&mut self) -> Result<String, Ended> {
        let start = Instant::now();
        loop {
            let output = self.output();
            // What `heddle dev` and `heddle node` say; a line counts when it is whole.
            let address =
                output.split_inclusive('\n').filter(|line| line.ends_with('\n')).find_map(|line| {
                    let (_, after) = line
                        .split_once("Listening on ")
                        .or_else(|| line.split_once("the node serves address="))?;
                    after.split_whitespace().next().map(str::to_owned)
                });
            if let Some(address) = address {
                return Ok(format!("http://{address}"));
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(Ended { status, output: self.output() });
            }
            assert!(start.elapsed() < PATIENCE, "the node does not start: {output}");
            thread::sleep(GLANCE);
        }
    }

    /// Ends it as a power cut would, but for the disk.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it stops by itself.
    pub(crate) fn ended(&mut self) -> Ended {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended { status, output: self.output() };
            }
            assert!(start.elapsed() < PATIENCE, "the node goes on: {}", self.output());
            thread::sleep(GLANCE);
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a node that must serve.
pub(crate) fn start(arguments: &[String], log: &Path) -> (Node, Client) {
    let mut node = Node::spawn(arguments, log);
    let url = node.serving().unwrap_or_else(|ended| panic!("{}: {}", ended.status, ended.output));
    (node, Client::new(&url))
}
