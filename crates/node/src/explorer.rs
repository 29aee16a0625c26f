//! The explorer beside a chain, and `heddle explorer`.

use crate::{
    progress::{self, Unit},
    service,
};
use alloy_primitives::Address;
use clap::{Args, Subcommand};
use heddle_chain::Chain;
use heddle_explorer::{Explorer, Follower, Index, IndexError, Parts, Server, StartError};
use heddle_rpc::{Caller, Context, Namespace};
use heddle_solidity::{
    compiler::{Cage, CompilerError, Compilers, Limits, Version, cage, cage::CageError},
    store::{Contracts, StoreError},
    verify::BuildInfo,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The name of the index in the folder of the chain.
const INDEX_FILE: &str = "explorer.redb";

/// The name of the folder of verified contracts there.
const CONTRACTS_FOLDER: &str = "contracts";

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
    #[arg(
        id = "explorer.port",
        long = "explorer.port",
        value_name = "NUM",
        help_heading = "Explorer"
    )]
    pub(crate) port: Option<u16>,
    /// Folder of the compilers that verify sources [default: heddle/solc in the user's data folder].
    #[arg(
        id = "explorer.solc",
        long = "explorer.solc",
        value_name = "DIR",
        help_heading = "Explorer"
    )]
    pub(crate) solc: Option<PathBuf>,
    /// Names of addresses, from a file of lines such as 0x... = "treasury".
    #[arg(
        id = "explorer.labels",
        long = "explorer.labels",
        value_name = "FILE",
        help_heading = "Explorer"
    )]
    pub(crate) labels: Option<PathBuf>,
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
    #[error(transparent)]
    Contracts(#[from] StoreError),
    #[error(transparent)]
    Compilers(#[from] CompilerError),
    #[error("the labels {path} cannot be read")]
    Labels { path: PathBuf, source: io::Error },
    #[error("the labels {path} are not lines of an address, an equals sign and a name in quotes")]
    LabelsFormat { path: PathBuf, source: toml::de::Error },
}

/// Whether what the explorer finds out is kept.
#[derive(Debug)]
pub(crate) enum Keep {
    /// In the folder of the chain.
    InFolder(PathBuf),
    /// Until the process ends; files without a name are in this folder.
    ForNow(PathBuf),
}

/// How the explorer of a chain is started.
#[derive(Debug)]
pub(crate) struct ExplorerSetup {
    /// Where what it finds out is kept.
    pub(crate) keep: Keep,
    /// What compiles sources, if anything does.
    pub(crate) compilers: Option<Arc<Compilers>>,
    /// Contracts whose sources are known from the start.
    pub(crate) shipped: Option<BuildInfo>,
    pub(crate) settings: heddle_explorer::Settings,
    /// Whether another port may be taken if this one is.
    pub(crate) any_port: bool,
}

impl ExplorerFlags {
    /// How the explorer is started that listens where `rpc` does, but for the port.
    pub(crate) fn setup(
        &self,
        keep: Keep,
        rpc: &heddle_rpc::Settings,
        mut labels: BTreeMap<Address, String>,
    ) -> Result<ExplorerSetup, ExplorerError> {
        if let Some(path) = &self.labels {
            labels.extend(read_labels(path)?);
        }
        // Who lets the system choose one port means all.
        let default = if rpc.address.port() == 0 { 0 } else { PORT };
        let address = SocketAddr::new(rpc.address.ip(), self.port.unwrap_or(default));
        let settings = heddle_explorer::Settings {
            address,
            hosts: rpc.hosts.clone(),
            labels,
            ..heddle_explorer::Settings::default()
        };
        let compilers = self.compilers()?.map(Arc::new);
        let any_port = self.port.is_none();
        Ok(ExplorerSetup { keep, compilers, shipped: None, settings, any_port })
    }

    /// Those of the named folder, or of the user's own. That this one cannot be made is no reason
    /// not to start.
    fn compilers(&self) -> Result<Option<Compilers>, CompilerError> {
        if let Some(folder) = &self.solc {
            return compilers(folder).map(Some);
        }
        let opened = compilers_folder().map(|folder| compilers(&folder));
        Ok(opened.transpose().unwrap_or_else(|error| {
            tracing::warn!(%error, "sources cannot be verified");
            None
        }))
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
            Keep::InFolder(folder) => Index::open(&folder.join(INDEX_FILE), CACHE_BYTES)?,
            Keep::ForNow(folder) => Index::ephemeral(folder, CACHE_BYTES)?,
        };
        let (chain, pool) = (context.chain.clone(), context.pool.clone());
        let follower = Arc::new(Follower::start(index, chain.clone())?);
        let namespaces = ASKED.to_vec();
        let caller = heddle_rpc::Settings { namespaces, ..rpc.clone() };
        let rpc = Caller::new(Context { dev: None, ..context }, caller)?;
        let contracts = match &self.keep {
            Keep::InFolder(folder) => {
                let (contracts, damaged) = Contracts::open(folder.join(CONTRACTS_FOLDER))?;
                for error in damaged {
                    tracing::warn!(%error, "a verified contract cannot be read");
                }
                contracts
            }
            Keep::ForNow(_) => Contracts::in_memory(),
        };
        let contracts = Arc::new(match self.shipped {
            Some(shipped) => contracts.with_shipped(shipped),
            None => contracts,
        });
        let parts = Parts { chain, pool, rpc, follower, contracts, compilers: self.compilers };
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

fn read_labels(path: &Path) -> Result<BTreeMap<Address, String>, ExplorerError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ExplorerError::Labels { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|source| ExplorerError::LabelsFormat { path: path.to_owned(), source })
}

/// Where compilers are put, if nobody says; nowhere if the user has no such folder.
fn compilers_folder() -> Option<PathBuf> {
    Some(service::user_folder("XDG_DATA_HOME", ".local/share")?.join("solc"))
}

/// The compilers of a folder, each run in a cage by this program's hidden command.
fn compilers(folder: &Path) -> Result<Compilers, CompilerError> {
    let program = std::env::current_exe()
        .map_err(|source| CompilerError::Folder { path: folder.to_owned(), source })?;
    let arguments = ["explorer".into(), "cage".into(), "--".into()].to_vec();
    Compilers::open(folder, Cage { program, arguments }, Limits::default())
}

/// Looks after the explorer: its index of a chain that no node runs on, and its compilers.
#[derive(Debug, Subcommand)]
pub(crate) enum ExplorerCommand {
    Reindex(Reindex),
    #[command(subcommand)]
    Solc(SolcCommand),
    /// Restrains itself and becomes another program: how compilers are started.
    #[command(hide = true)]
    Cage {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Looks after the compilers that sources are verified with.
#[derive(Debug, Subcommand)]
pub(crate) enum SolcCommand {
    /// Fetches a version from npm.
    Add {
        /// Such as 0.8.37.
        version: Version,
        #[command(flatten)]
        place: CompilersFolder,
    },
    /// Names the versions that are there.
    List {
        #[command(flatten)]
        place: CompilersFolder,
    },
}

/// Where the compilers are.
#[derive(Debug, Args)]
pub(crate) struct CompilersFolder {
    /// Folder of the compilers [default: heddle/solc in the user's data folder].
    #[arg(id = "explorer.solc", long = "explorer.solc", value_name = "DIR")]
    folder: Option<PathBuf>,
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

/// Why the explorer cannot be looked after.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Compilers(#[from] CompilerError),
    #[error(transparent)]
    Cage(#[from] CageError),
    #[error("there is no folder for compilers; name one with --explorer.solc")]
    NoFolder,
    #[error(
        "{path} holds no chain that stands alone; the index of a development chain that continues \
         another is made anew at its next start when {INDEX_FILE} is gone"
    )]
    NoChain { path: PathBuf },
    #[error(transparent)]
    Open(#[from] service::OpenError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl ExplorerCommand {
    pub(crate) fn run(self) -> Result<bool, CommandError> {
        match self {
            Self::Reindex(reindex) => reindex.run(),
            Self::Solc(command) => command.run(),
            Self::Cage { arguments } => Err(cage::enter(arguments).into()),
        }
    }
}

impl CompilersFolder {
    fn open(self) -> Result<Compilers, CommandError> {
        let folder = self.folder.or_else(compilers_folder).ok_or(CommandError::NoFolder)?;
        Ok(compilers(&folder)?)
    }
}

impl SolcCommand {
    fn run(self) -> Result<bool, CommandError> {
        match self {
            Self::Add { version, place } => {
                place.open()?.add(&version)?;
                println!("solc {version} is there");
            }
            Self::List { place } => {
                for version in place.open()?.list()? {
                    println!("{version}");
                }
            }
        }
        Ok(true)
    }
}

impl Reindex {
    fn run(self) -> Result<bool, CommandError> {
        let settings = heddle_chain::Settings::default();
        let chain = service::open(&self.datadir, None, self.cache_mib, settings);
        let chain: Chain = chain.map_err(|error| match error {
            service::OpenError::NoGenesis { path } => CommandError::NoChain { path },
            error => error.into(),
        })?;
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
