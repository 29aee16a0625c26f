//! The explorer beside a chain, and `heddle explorer`.

use crate::{
    progress::{self, Unit},
    service,
};
use clap::{Args, Subcommand};
use heddle_chain::Chain;
use heddle_explorer::{Explorer, Follower, Index, IndexError, Parts, Server, StartError};
use heddle_rpc::{Caller, Context, Namespace};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// The name of the index in the folder of the chain.
const INDEX_FILE: &str = "explorer.redb";

/// Memory for what was read of the index.
const CACHE_BYTES: usize = 64 << 20;

/// What the explorer asks the node for.
const ASKED: [Namespace; 6] = [
    Namespace::Eth,
    Namespace::Net,
    Namespace::Web3,
    Namespace::Txpool,
    Namespace::Debug,
    Namespace::Trace,
];

/// How the explorer is to be.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ExplorerFlags {
    /// Port of the explorer's pages [default: 8550].
    #[arg(long = "explorer.port", value_name = "NUM", help_heading = "Explorer")]
    pub(crate) port: Option<u16>,
}

/// The port of the explorer, if nobody says.
const PORT: u16 = 8550;

/// Why the explorer does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplorerError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Rpc(#[from] heddle_rpc::StartError),
}

/// How the explorer of a chain is started.
#[derive(Debug)]
pub(crate) struct ExplorerSetup {
    /// Where its index is kept; a temporary folder if it is not.
    pub(crate) keep: Result<PathBuf, PathBuf>,
    pub(crate) settings: heddle_explorer::Settings,
    /// Whether another port may be taken if this one is.
    pub(crate) any_port: bool,
}

impl ExplorerFlags {
    /// How the explorer is started that listens where `rpc` does, but for the port.
    pub(crate) fn setup(
        &self,
        keep: Result<PathBuf, PathBuf>,
        rpc: &heddle_rpc::Settings,
    ) -> ExplorerSetup {
        // Who lets the system choose one port means all.
        let default = if rpc.address.port() == 0 { 0 } else { PORT };
        let address = SocketAddr::new(rpc.address.ip(), self.port.unwrap_or(default));
        let settings = heddle_explorer::Settings {
            address,
            hosts: rpc.hosts.clone(),
            ..heddle_explorer::Settings::default()
        };
        ExplorerSetup { keep, settings, any_port: self.port.is_none() }
    }
}

impl ExplorerSetup {
    /// Starts it for the node of `context`.
    pub(crate) async fn start(
        self,
        context: Context,
        rpc: &heddle_rpc::Settings,
    ) -> Result<Server, ExplorerError> {
        let index = match &self.keep {
            Ok(folder) => Index::open(&folder.join(INDEX_FILE), CACHE_BYTES)?,
            Err(temporary) => Index::ephemeral(temporary, CACHE_BYTES)?,
        };
        let (chain, pool) = (context.chain.clone(), context.pool.clone());
        let follower = Arc::new(Follower::start(index, chain.clone())?);
        let namespaces = ASKED.to_vec();
        let caller = heddle_rpc::Settings { namespaces, ..rpc.clone() };
        let rpc = Caller::new(Context { dev: None, ..context }, caller)?;
        let parts = Parts { chain, pool, rpc, follower };
        let wanted = self.settings.address;
        let explorer = |settings| Explorer::new(parts.clone(), settings);
        match Server::start(explorer(self.settings.clone())).await {
            Err(StartError::Listen { .. }) if self.any_port => {
                let address = SocketAddr::new(wanted.ip(), 0);
                let settings = heddle_explorer::Settings { address, ..self.settings };
                Ok(Server::start(explorer(settings)).await?)
            }
            started => Ok(started?),
        }
    }
}

/// Looks after the explorer's index of a chain that no node runs on.
#[derive(Debug, Subcommand)]
pub(crate) enum ExplorerCommand {
    Reindex(Reindex),
}

/// Throws the explorer's index away and makes it anew from the chain.
#[derive(Debug, Args)]
pub(crate) struct Reindex {
    /// Folder of the chain's database.
    #[arg(long, value_name = "DIR")]
    datadir: PathBuf,
    /// Memory for the database's cache, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    cache_mib: usize,
}

/// Why an index cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReindexError {
    #[error(transparent)]
    Open(#[from] service::OpenError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl ExplorerCommand {
    pub(crate) fn run(self) -> Result<bool, ReindexError> {
        match self {
            Self::Reindex(reindex) => reindex.run(),
        }
    }
}

impl Reindex {
    fn run(self) -> Result<bool, ReindexError> {
        let chain: Chain = service::open(&self.datadir, None, self.cache_mib, 0)?;
        let path = self.datadir.join(INDEX_FILE);
        Index::remove(&path)?;
        let index = Index::open(&path, CACHE_BYTES)?;
        let bar = progress::bar("indexing", 0, Unit::Blocks);
        index.catch_up(&chain, &mut |there, all| {
            bar.set_length(all);
            bar.set_position(there);
        })?;
        bar.finish_and_clear();
        let head = index.reader()?.head().map_or(0, |head| head.number);
        println!("the index has all blocks up to {head}");
        Ok(true)
    }
}
