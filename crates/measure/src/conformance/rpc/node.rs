//! A node that has the recorded chain.

use super::read;
use crate::Error;
use alloy_rlp::Decodable;
use heddle_chain::{Chain, ChainReader};
use heddle_pool::Pool;
use heddle_rpc::{Context, Handle, Namespace, Server, Settings, Signers};
use heddle_storage::Database;
use heddle_types::{Block, Genesis};
use parking_lot::Mutex;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a node starts from.
#[derive(Debug)]
pub(super) struct Origin {
    path: PathBuf,
    genesis: Genesis,
    blocks: Vec<Block>,
}

/// A running node.
#[derive(Debug)]
pub(super) struct Node {
    runtime: tokio::runtime::Runtime,
    handle: Handle,
}

impl Origin {
    /// Reads genesis.json and chain.rlp.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let file = path.join("genesis.json");
        let genesis = serde_json::from_str(&read(&file)?)
            .map_err(|source| Error::Json { path: file, source })?;
        let file = path.join("chain.rlp");
        let bytes =
            fs::read(&file).map_err(|source| Error::RpcPath { path: file.clone(), source })?;
        let mut rest = bytes.as_slice();
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let block = Block::decode(&mut rest).map_err(|error| Error::Recording {
                path: file.clone(),
                reason: format!("block {}: {error}", blocks.len() + 1),
            })?;
            blocks.push(block);
        }
        Ok(Self { path: path.to_owned(), genesis, blocks })
    }

    /// Starts a node whose chain has all blocks, the last of them finalized.
    pub(super) fn start(&self) -> Result<Node, Error> {
        let chain = Arc::new(self.chain().map_err(|source| self.failed(source))?);
        let pool = Arc::new(Mutex::new(pool(&chain.reader())));
        let context = Context {
            chain,
            pool,
            signers: Signers::default(),
            readiness: Arc::new(|| Ok(())),
            wake: Arc::new(|_| ()),
            dev: None,
            agreement: None,
        };
        let settings = Settings {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            namespaces: Namespace::ALL.to_vec(),
            ..Settings::default()
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let handle = runtime
            .block_on(Server::start(context, settings))
            .map_err(|source| self.failed(source))?;
        Ok(Node { runtime, handle })
    }

    fn chain(&self) -> Result<Chain, heddle_chain::Error> {
        let database =
            Database::ephemeral(&std::env::temp_dir(), heddle_storage::Options::default())?;
        let chain = Chain::open(database, &self.genesis, heddle_chain::Settings::default())?;
        for block in &self.blocks {
            chain.import(block.clone())?;
        }
        let head = chain.reader().head().number;
        chain.set_safe(Some(head))?;
        chain.set_finalized(Some(head))?;
        Ok(chain)
    }

    fn failed(&self, source: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Node { path: self.path.clone(), source: Box::new(source) }
    }
}

impl Node {
    pub(super) fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    pub(super) fn stop(self) {
        self.runtime.block_on(self.handle.stop());
    }
}

/// A pool for the block after the head.
fn pool(reader: &ChainReader) -> Pool {
    let (spec, header) = (reader.spec(), &reader.head().header);
    let blobs = spec.blob_params_at(header.timestamp);
    let context = heddle_pool::Context {
        chain_id: spec.chain_id,
        fork: spec.fork_at(header.number + 1, header.timestamp, header.difficulty.is_zero()),
        base_fee: reader.next_base_fee(header).unwrap_or_default(),
        blob_base_fee: blobs
            .map_or(0, |blobs| blobs.calc_blob_fee(header.excess_blob_gas.unwrap_or_default())),
        block_gas_limit: header.gas_limit,
        blobs,
    };
    Pool::new(heddle_pool::Settings::default(), context)
}
