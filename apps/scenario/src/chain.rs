//! A fresh development chain as a child process, in whose blocks nothing is but what is sent here.

use crate::accounts::Signed;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use heddle_client::{At, Block, Log, LogFilter, Node, RpcError};
use serde_json::{Value, json};
use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a node may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the explorer may take to follow: it works when the processors have nothing else to do.
const INDEX_PATIENCE: Duration = Duration::from_secs(300);
/// How often it is asked whether it has.
const GLANCE: Duration = Duration::from_millis(20);

/// Why there is no chain.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// No port.
    #[error("no port is free on this machine")]
    Port(#[source] io::Error),
    /// No process.
    #[error("{program} cannot be started")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has ended.
    #[error("the chain's process has ended with {0}; what it said stands above")]
    Ended(ExitStatus),
    /// It does not answer.
    #[error("the chain does not answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// It says no.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A transaction is not taken.
    #[error("the chain refuses transaction {place} of {count}")]
    Refused {
        /// From 1.
        place: usize,
        /// Of those sent at once.
        count: usize,
        /// In the node's words.
        source: RpcError,
    },
    /// The snapshot is gone.
    #[error("the chain cannot go back to the beginning of the replay")]
    Revert,
}

/// A chain that ends with this.
#[derive(Debug)]
pub struct Chain {
    child: Child,
    node: Node,
    explorer: Option<String>,
}

impl Chain {
    /// Starts `program dev` with a first block of a time, in UNIX seconds, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn start(
        program: &Path,
        time: u64,
        port: u16,
        has_explorer: bool,
    ) -> Result<Self, ChainError> {
        let port = if port == 0 { free_port()? } else { port };
        let mut command = Command::new(program);
        command.args(["dev", "--quiet", "--no-mining", "--order", "fifo", "--disable-console-log"]);
        // With no bound of gas the base fee stays 0, so nobody needs ether.
        command.args(["--disable-block-gas-limit", "--base-fee", "0"]);
        command.args(["--port", &port.to_string(), "--timestamp", &time.to_string()]);
        let explorer = if has_explorer {
            let explorer = free_port()?;
            command.args(["--explorer.port", &explorer.to_string()]);
            Some(format!("http://127.0.0.1:{explorer}"))
        } else {
            command.arg("--no-explorer");
            None
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let failed = |source| ChainError::Start { program: program.to_owned(), source };
        let child = command.spawn().map_err(failed)?;
        let node = Node::new(&format!("http://127.0.0.1:{port}"));
        let mut chain = Self { child, node, explorer };
        let begin = Instant::now();
        while chain.node.chain_id().is_err() {
            if let Ok(Some(status)) = chain.child.try_wait() {
                return Err(ChainError::Ended(status));
            }
            if begin.elapsed() > PATIENCE {
                return Err(ChainError::Slow);
            }
            thread::sleep(GLANCE);
        }
        Ok(chain)
    }

    /// What it is asked by.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Sends transactions, which will be in the next block in this order.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn send(&self, transactions: &[Signed]) -> Result<(), ChainError> {
        let params: Vec<Value> = transactions.iter().map(|signed| json!([signed.raw])).collect();
        let answers = self.node.request_all::<B256>("eth_sendRawTransaction", &params)?;
        let count = answers.len();
        for (index, answer) in answers.into_iter().enumerate() {
            answer.map_err(|source| ChainError::Refused { place: index + 1, count, source })?;
        }
        Ok(())
    }

    /// Makes a block of a time with all that was sent, and says how long that took.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn mine(&self, time: u64) -> Result<(Block, Duration), ChainError> {
        let begin = Instant::now();
        self.node.request::<Value>("evm_setNextBlockTimestamp", json!([time]))?;
        self.node.request::<Value>("evm_mine", json!([]))?;
        let took = begin.elapsed();
        Ok((self.node.block(At::Latest)?, took))
    }

    /// Events of a contract in a block.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn events(
        &self,
        contract: Address,
        kinds: &[B256],
        block: u64,
    ) -> Result<Vec<Log>, ChainError> {
        let (addresses, kinds) = (vec![contract], kinds.to_vec());
        Ok(self.node.logs(&LogFilter { addresses, kinds, from: block, to: block })?)
    }

    /// The root of the state after the last block.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn state_root(&self) -> Result<B256, ChainError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Header {
            state_root: B256,
        }
        let header: Header = self.node.request("eth_getBlockByNumber", json!(["latest", false]))?;
        Ok(header.state_root)
    }

    /// Remembers the present state.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn snapshot(&self) -> Result<U256, ChainError> {
        Ok(self.node.request("evm_snapshot", json!([]))?)
    }

    /// Goes back to a state that was remembered.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn revert(&self, snapshot: U256) -> Result<(), ChainError> {
        let is_done: bool = self.node.request("evm_revert", json!([snapshot]))?;
        if is_done { Ok(()) } else { Err(ChainError::Revert) }
    }

    /// Gives a contract the code of another one.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn copy_code(&self, from: Address, to: Address) -> Result<(), ChainError> {
        let code: Bytes = self.node.request("eth_getCode", json!([from, "latest"]))?;
        self.node.request::<Value>("anvil_setCode", json!([to, code]))?;
        Ok(())
    }

    /// Which of the transactions failed.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn failures(&self, hashes: &[B256]) -> Result<Vec<usize>, ChainError> {
        let params: Vec<Value> = hashes.iter().map(|hash| json!([hash])).collect();
        let answers =
            self.node.request_all::<Option<Status>>("eth_getTransactionReceipt", &params)?;
        let mut failed = vec![];
        for (index, answer) in answers.into_iter().enumerate() {
            if answer?.is_none_or(|receipt| receipt.status != U64::from(1)) {
                failed.push(index);
            }
        }
        Ok(failed)
    }

    /// Waits until the explorer knows a block: `false` if there is no explorer, or it takes too long.
    pub fn is_indexed(&self, block: u64) -> bool {
        #[derive(serde::Deserialize)]
        struct Status {
            index_head: Option<u64>,
        }
        let Some(explorer) = &self.explorer else { return false };
        let url = format!("{explorer}/api/v1/status");
        let begin = Instant::now();
        while begin.elapsed() < INDEX_PATIENCE {
            let answer = ureq::get(&url).call().ok();
            let status = answer.and_then(|mut it| it.body_mut().read_json::<Status>().ok());
            if status.and_then(|status| status.index_head).is_some_and(|head| head >= block) {
                return true;
            }
            thread::sleep(GLANCE);
        }
        false
    }

    /// How far the transactions of a block had to wait for each other, by the explorer; `None`
    /// without one.
    pub fn parallelism(&self, block: u64) -> Option<Parallelism> {
        let url = format!("{}/api/v1/blocks/{block}/parallelism", self.explorer.as_ref()?);
        ureq::get(&url).call().ok()?.body_mut().read_json().ok()
    }
}

#[derive(serde::Deserialize)]
struct Status {
    status: U64,
}

/// What the explorer says of a block.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Parallelism {
    /// All gas over that of the longest chain of transactions that wait for each other.
    pub speedup: Option<f64>,
    /// Where they waited most.
    pub hot: Vec<HotSlot>,
}

/// A slot for which transactions waited.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct HotSlot {
    /// The contract.
    pub address: Address,
    /// The slot.
    pub slot: B256,
    /// How many.
    pub waits: u64,
}

impl Drop for Chain {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, ChainError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(ChainError::Port)?;
    Ok(listener.local_addr().map_err(ChainError::Port)?.port())
}
