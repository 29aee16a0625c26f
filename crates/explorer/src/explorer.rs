//! What pages and APIs work with.

use crate::{Follower, IndexError, IndexReader, Status, api::Bounds};
use alloy_primitives::Address;
use heddle_chain::{Chain, ChainReader};
use heddle_pool::Pool;
use heddle_rpc::{CallFailure, Caller};
use heddle_solidity::{compiler::Compilers, store::Contracts};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

/// The parts of a node that an explorer shows.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its pending transactions.
    pub pool: Arc<Mutex<Pool>>,
    /// Its JSON-RPC, for calls and traces.
    pub rpc: Caller,
    /// The index, kept at the end of the chain.
    pub follower: Arc<Follower>,
    /// Contracts whose source is known, by their code.
    pub contracts: Arc<Contracts>,
    /// What compiles sources, if anything does.
    pub compilers: Option<Arc<Compilers>>,
}

/// How an explorer is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen. With port 0 a free one is taken.
    pub address: SocketAddr,
    /// Names that requests may be addressed to: see `heddle_rpc::Settings::hosts`.
    pub hosts: Vec<String>,
    /// Names of addresses, besides those that contracts give themselves.
    pub labels: BTreeMap<Address, String>,
    /// Requests a second of one client for the APIs; pages count as one.
    pub requests_per_second: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: ([127, 0, 0, 1], 8550).into(),
            hosts: vec!["localhost".to_owned()],
            labels: BTreeMap::new(),
            requests_per_second: 200,
        }
    }
}

/// What pages and APIs work with.
#[derive(Debug)]
pub struct Explorer {
    pub(crate) parts: Parts,
    pub(crate) settings: Settings,
    pub(crate) bounds: Bounds,
}

/// The chain and the index as they were at one moment. The index may be behind.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) chain: ChainReader,
    pub(crate) index: IndexReader,
    pub(crate) status: Status,
}

impl Explorer {
    /// Made of its parts.
    pub fn new(parts: Parts, settings: Settings) -> Self {
        let bounds = Bounds::new(settings.requests_per_second);
        Self { parts, settings, bounds }
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, IndexError> {
        let status = self.parts.follower.status();
        let index = self.parts.follower.index().reader()?;
        Ok(Snapshot { chain: self.parts.chain.reader(), index, status })
    }

    /// Calls a JSON-RPC method and reads its result.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        arguments: Value,
    ) -> Result<T, CallFailure> {
        let answer = self.parts.rpc.call(method, arguments).await?;
        serde_json::from_str(answer.get()).map_err(|error| CallFailure {
            code: -32603,
            message: format!("the answer to {method} cannot be read: {error}"),
            data: None,
        })
    }
}
