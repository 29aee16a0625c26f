//! The binary as a process, and its JSON-RPC.

#![allow(dead_code, reason = "each test uses a part")]

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

/// The first account of a development chain, which everybody knows.
pub(crate) const ACCOUNT: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

/// The binary with a command.
pub(crate) fn heddle(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
    command.args(arguments);
    command
}

/// Runs a command to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    heddle(arguments).output().unwrap()
}

/// A path as an argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A development chain that runs; it is killed when this is dropped.
pub(crate) struct Dev {
    child: Child,
    pub(crate) url: String,
}

impl Dev {
    /// Starts `heddle dev` on a free port. `home` is where it keeps what it remembers.
    pub(crate) fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut command = heddle(&["dev", "--port", "0", "--accounts", "2"]);
        command.args(arguments).env("XDG_CACHE_HOME", home);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let address = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned));
        let url = format!("http://{}", address.expect("it says where it listens"));
        Self { child, url }
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// The answer to a call: result or error.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer = ureq::post(&self.url).send_json(&request).unwrap();
        answer.body_mut().read_json().unwrap()
    }

    /// The result of a call.
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer.get("result").is_some(), "{method} {params}: {answer}");
        answer["result"].clone()
    }

    /// The receipt of a transaction of the first account.
    pub(crate) fn send(&self, mut transaction: Value) -> Value {
        transaction["from"] = json!(ACCOUNT);
        let hash = self.call("eth_sendTransaction", &json!([transaction]));
        let receipt = self.call("eth_getTransactionReceipt", &json!([hash]));
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
