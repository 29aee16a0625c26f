//! A running chain: server, producer and metrics, from start to stop.

use crate::{
    agreement::Answers,
    explorer::{ExplorerError, ExplorerSetup},
};
use heddle_chain::Chain;
use heddle_consensus::Ledger;
use heddle_host::Running;
use heddle_pool::Pool;
use heddle_producer::Producer;
use heddle_rpc::{Context, DevControl, Server, Signers, StartError};
use heddle_storage::{Database, Options};
use heddle_types::Genesis;
use parking_lot::Mutex;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// The name of the database in its folder.
const DATABASE_FILE: &str = "chain.redb";

/// What is run.
pub(crate) struct Parts {
    pub(crate) chain: Arc<Chain>,
    pub(crate) pool: Arc<Mutex<Pool>>,
    pub(crate) maker: Maker,
    pub(crate) signers: Signers,
    pub(crate) dev: Option<DevControl>,
    pub(crate) explorer: Option<ExplorerSetup>,
}

/// Who makes the blocks.
pub(crate) enum Maker {
    /// This node alone.
    Alone(Arc<Producer>),
    /// Validators, of which this node may be one.
    Validators(Box<Validators>),
}

/// This node among validators.
pub(crate) struct Validators {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) running: Running,
}

/// Where what runs can be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) rpc: SocketAddr,
    pub(crate) explorer: Option<SocketAddr>,
}

/// Why a chain does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("the program's threads cannot be started")]
    Threads(#[source] io::Error),
    #[error(transparent)]
    Rpc(#[from] StartError),
    #[error("the signals that stop the program cannot be waited for")]
    Signals(#[source] io::Error),
    #[error("cannot say that the chain has started")]
    Announce(#[source] io::Error),
    #[error("metrics cannot be served on {address}")]
    Metrics { address: SocketAddr, source: metrics_exporter_prometheus::BuildError },
    #[error(transparent)]
    Explorer(#[from] ExplorerError),
    #[error("no more blocks can be made")]
    Producer(#[source] Box<heddle_producer::Error>),
    #[error("this node cannot go on among the validators")]
    Consensus(#[source] Arc<heddle_consensus::Error>),
}

/// Serves until a signal comes, or no more blocks can be made. `announce` is told the addresses.
pub(crate) fn run(
    parts: Parts,
    settings: heddle_rpc::Settings,
    metrics: Option<SocketAddr>,
    announce: impl FnOnce(Addresses) -> io::Result<()>,
) -> Result<(), ServiceError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServiceError::Threads)?;
    let producer = match &parts.maker {
        Maker::Alone(producer) => Some(producer.clone()),
        Maker::Validators(_) => None,
    };
    let result = runtime.block_on(serve(parts, settings, metrics, announce));
    if let Some(producer) = producer {
        producer.stop();
    }
    result
}

async fn serve(
    parts: Parts,
    settings: heddle_rpc::Settings,
    metrics: Option<SocketAddr>,
    announce: impl FnOnce(Addresses) -> io::Result<()>,
) -> Result<(), ServiceError> {
    if let Some(address) = metrics {
        metrics_exporter_prometheus::PrometheusBuilder::new()
            .with_http_listener(address)
            .install()
            .map_err(|source| ServiceError::Metrics { address, source })?;
    }
    if metrics.is_some() {
        tokio::spawn(measure(parts.chain.clone(), parts.pool.clone()));
        if let Maker::Validators(validators) = &parts.maker {
            let (view, chain) = (validators.running.view.clone(), parts.chain.clone());
            tokio::spawn(crate::agreement::measure(view, chain, validators.running.key.clone()));
        }
    }
    let stopped = stop_signal().map_err(ServiceError::Signals)?;
    let _warm_up = WarmUp::start(parts.chain.clone())?;
    let (failed, failure) = tokio::sync::oneshot::channel();
    if let Maker::Alone(producer) = &parts.maker {
        let producer = producer.clone();
        let run = move || {
            if let Err(error) = producer.run() {
                // The one who waits for it has gone if the program stops anyway.
                let _ = failed.send(error);
            }
        };
        let thread = thread::Builder::new().name("producer".to_owned()).spawn(run);
        thread.map_err(ServiceError::Threads)?;
    }
    let chain = parts.chain.clone();
    let context = Context {
        chain: parts.chain.clone(),
        pool: parts.pool,
        signers: parts.signers,
        readiness: Arc::new(move || {
            chain.failure().map_or(Ok(()), |failure| Err(failure.to_string()))
        }),
        wake: parts.maker.wake(),
        dev: parts.dev,
        agreement: parts.maker.agreement(&parts.chain),
    };
    let explorer = match parts.explorer {
        Some(setup) => Some(setup.start(context.clone(), &settings).await?),
        None => None,
    };
    let server = Server::start(context, settings).await?;
    let publish = Box::new(server.pending_publisher());
    match &parts.maker {
        Maker::Alone(producer) => producer.on_promotion(publish),
        Maker::Validators(validators) => validators.ledger.on_promotion(publish),
    }
    let explored = explorer.as_ref().map(heddle_explorer::Server::address);
    let addresses = Addresses { rpc: server.address(), explorer: explored };
    announce(addresses).map_err(ServiceError::Announce)?;
    let ended = tokio::select! {
        () = stopped => Ok(()),
        Ok(error) = failure => Err(ServiceError::Producer(Box::new(error))),
        error = parts.maker.failed() => Err(ServiceError::Consensus(error)),
    };
    if let Some(explorer) = explorer {
        explorer.stop().await;
    }
    server.stop().await;
    if let Maker::Validators(validators) = parts.maker {
        // It waits for its threads.
        let stopped = tokio::task::spawn_blocking(move || validators.running.stop()).await;
        if stopped.is_err() {
            tracing::error!("consensus did not stop as it should");
        }
    }
    ended
}

impl Maker {
    /// What is done when the pool took up transactions from clients.
    fn wake(&self) -> heddle_rpc::Wake {
        match self {
            Self::Alone(producer) => {
                let producer = producer.clone();
                Arc::new(move |_| {
                    // With automatic mining the sender gets its answer when the block is there.
                    // Other connections are served by other threads meanwhile.
                    let made = tokio::task::block_in_place(|| producer.transaction_arrived());
                    if let Err(error) = made {
                        tracing::error!(%error, "no block could be made");
                    }
                })
            }
            Self::Validators(validators) => {
                let announcer = validators.running.announcer.clone();
                Arc::new(move |promoted| announcer.announce(promoted))
            }
        }
    }

    fn agreement(&self, chain: &Arc<Chain>) -> Option<Arc<dyn heddle_rpc::Agreement>> {
        let Self::Validators(validators) = self else { return None };
        let running = &validators.running;
        let (view, key) = (running.view.clone(), running.key.to_string());
        Some(Arc::new(Answers { view, chain: chain.clone(), key }))
    }

    /// Waits until this node cannot go on among validators.
    async fn failed(&self) -> Arc<heddle_consensus::Error> {
        match self {
            Self::Alone(_) => std::future::pending().await,
            Self::Validators(validators) => validators.running.failed().await,
        }
    }
}

/// Reads the state into memory in the background, until it is dropped.
struct WarmUp {
    go_on: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl WarmUp {
    fn start(chain: Arc<Chain>) -> Result<Self, ServiceError> {
        let go_on = Arc::new(AtomicBool::new(true));
        let asked = go_on.clone();
        let work = move || {
            // Whoever really needs what cannot be read will say so.
            if let Err(error) = chain.warm_up(1, &|| asked.load(Ordering::Relaxed)) {
                tracing::warn!(%error, "the state cannot be read ahead");
            }
        };
        let thread = thread::Builder::new().name("warm-up".to_owned()).spawn(work);
        Ok(Self { go_on, thread: Some(thread.map_err(ServiceError::Threads)?) })
    }
}

impl Drop for WarmUp {
    fn drop(&mut self) {
        self.go_on.store(false, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, nothing of it is needed any more.
            let _ = thread.join();
        }
    }
}

/// How often the figures of the chain and the pool are taken.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// Takes the figures that Prometheus shows.
async fn measure(chain: Arc<Chain>, pool: Arc<Mutex<Pool>>) {
    let mut interval = tokio::time::interval(MEASURE_INTERVAL);
    loop {
        interval.tick().await;
        let reader = chain.reader();
        let header = &reader.head().header;
        // The figures are for charts: that a float has 53 bits does no harm.
        metrics::gauge!("heddle_head_number").set(header.number as f64);
        metrics::gauge!("heddle_head_timestamp_seconds").set(header.timestamp as f64);
        metrics::gauge!("heddle_head_gas_used").set(header.gas_used as f64);
        metrics::gauge!("heddle_head_base_fee_wei")
            .set(header.base_fee_per_gas.unwrap_or_default() as f64);
        let status = pool.lock().status();
        metrics::gauge!("heddle_pool_pending").set(status.pending as f64);
        metrics::gauge!("heddle_pool_queued").set(status.queued as f64);
    }
}

/// Ends when the program is asked to stop.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// A genesis file in geth's format.
pub(crate) fn read_genesis(path: &Path) -> io::Result<Genesis> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Our own folder among those of the user's that an environment variable names, or that are below
/// the home folder; nowhere if there is none.
pub(crate) fn user_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    // One that is set to nothing counts as not set, by the XDG base directory specification.
    let folder = |name| std::env::var_os(name).filter(|folder| !folder.is_empty());
    let base = folder(variable).map(PathBuf::from);
    let base = base.or_else(|| folder("HOME").map(|home| Path::new(&home).join(below_home)))?;
    Some(base.join("heddle"))
}

/// Where the genesis of the chain in a folder is kept.
pub(crate) fn kept_genesis(folder: &Path) -> PathBuf {
    folder.join("genesis.json")
}

/// Keeps the genesis of the chain that is begun in a folder.
pub(crate) fn keep_genesis(folder: &Path, genesis: &Genesis) -> Result<(), OpenError> {
    let path = kept_genesis(folder);
    make_folder(folder)?;
    serde_json::to_vec_pretty(genesis)
        .map_err(io::Error::from)
        .and_then(|bytes| write_whole(&path, &bytes))
        .map_err(|source| OpenError::Keep { path, source })
}

/// Writes a new file that nobody else can read.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(crate) fn make_folder(path: &Path) -> Result<(), OpenError> {
    fs::create_dir_all(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })
}

/// Writes a file that is there whole or not at all, whenever the process or the machine stops or
/// the disk is full.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // The new name survives a crash only when its folder is synced, too.
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Why a chain cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the folder {path} cannot be made")]
    Folder { path: PathBuf, source: io::Error },
    #[error("the genesis file {path} cannot be read")]
    Genesis { path: PathBuf, source: io::Error },
    #[error("{path} holds no chain yet; give its first block with --genesis")]
    NoGenesis { path: PathBuf },
    #[error("the genesis file cannot be kept in {path}")]
    Keep { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Database(#[from] heddle_storage::Error),
    #[error(transparent)]
    Chain(#[from] heddle_chain::Error),
}

/// Whether there is a database in a folder.
pub(crate) fn has_database(folder: &Path) -> bool {
    folder.join(DATABASE_FILE).is_file()
}

/// Opens the database in a folder, which is made if it is not there.
pub(crate) fn open_database(folder: &Path, cache_bytes: usize) -> Result<Database, OpenError> {
    make_folder(folder)?;
    Ok(Database::open(&folder.join(DATABASE_FILE), Options { cache_bytes, ..Options::default() })?)
}

/// Opens the chain in a folder, or begins one there. The genesis is kept beside it, so that it has
/// to be given the first time only.
pub(crate) fn open(
    folder: &Path,
    genesis: Option<&Path>,
    cache_mib: usize,
    settings: heddle_chain::Settings,
) -> Result<Chain, OpenError> {
    let kept = kept_genesis(folder);
    let path = match genesis {
        Some(path) => path,
        None if kept.is_file() => &kept,
        None => return Err(OpenError::NoGenesis { path: folder.to_owned() }),
    };
    let genesis = read_genesis(path)
        .map_err(|source| OpenError::Genesis { path: path.to_owned(), source })?;
    let database = open_database(folder, cache_mib << 20)?;
    let chain = Chain::open(database, &genesis, settings)?;
    if !kept.is_file() {
        fs::read(path)
            .and_then(|bytes| write_whole(&kept, &bytes))
            .map_err(|source| OpenError::Keep { path: kept, source })?;
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_writing_fails_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("genesis.json");
        // As a full disk does: the file cannot be written where it is made.
        let unfinished = folder.path().join("genesis.unfinished");
        fs::create_dir(&unfinished).unwrap();
        assert!(write_whole(&path, b"{}").is_err());
        assert!(!path.exists());
        fs::remove_dir(&unfinished).unwrap();
        // As a crash leaves it.
        fs::write(&unfinished, b"{\"config").unwrap();
        write_whole(&path, b"{}").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        assert!(!unfinished.exists());
    }
}
