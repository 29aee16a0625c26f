//! `heddle node`: a chain that stays, made by this node alone.

use crate::{
    config::{ConfigError, NodeSettings},
    dev::unix_seconds,
    explorer::{ExplorerError, ExplorerFlags, Keep},
    service::{self, Maker, OpenError, ServiceError, Validators},
    validator::{self, ValidatorError},
};
use clap::Args;
use heddle_client::logging;
use heddle_pool::Pool;
use heddle_producer::{Mining, Producer};
use heddle_rpc::{Namespace, Signers, UnknownNamespace};
use parking_lot::Mutex;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// Runs a chain that stays: makes its blocks alone, or agrees on them with other validators.
///
/// Which of both is said by the genesis: `heddle init` makes one for validators.
///
/// Settings come from flags and from a file; a flag counts more. Nothing but loopback is listened
/// on unless an address is given.
#[derive(Debug, Args)]
pub(crate) struct Node {
    /// Settings in TOML: each flag is a key of the same name, those with a dot in quotes.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: NodeSettings,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("a node needs a folder to keep its chain in; give one with --datadir")]
    NoFolder,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Namespace(#[from] UnknownNamespace),
    #[error(transparent)]
    Producer(#[from] heddle_producer::Error),
    #[error(transparent)]
    Validator(#[from] ValidatorError),
    #[error(transparent)]
    Log(#[from] logging::FilterError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Explorer(#[from] ExplorerError),
}

/// Milliseconds between blocks, if nobody says.
const BLOCK_TIME_MS: u64 = 1_000;

/// What is logged, if nobody says. The engine of consensus says much that only its makers need.
const LOG_FILTER: &str = "info,commonware=warn";

/// Memory for the database's cache, in MiB, if nobody says.
const CACHE_MIB: usize = 256;

impl Node {
    /// Runs the node until it is asked to stop.
    pub(crate) fn run(self) -> Result<bool, NodeError> {
        let settings = match &self.config {
            Some(path) => self.settings.or(NodeSettings::from_file(path)?),
            None => self.settings,
        };
        let filter = settings.log_filter.as_deref().unwrap_or(LOG_FILTER);
        logging::start(filter, settings.log_format.unwrap_or_default(), logging::Color::Auto)?;
        let folder = settings.datadir.as_deref().ok_or(NodeError::NoFolder)?;
        let cache = settings.cache_mib.unwrap_or(CACHE_MIB);
        let opened =
            service::open(folder, settings.genesis.as_deref(), cache, chain_settings(&settings))?;
        let chain = Arc::new(opened);
        let pool = Pool::new(heddle_pool::Settings::default(), heddle_pool::Context::default());
        let pool = Arc::new(Mutex::new(pool));
        let maker = match chain.spec().validators {
            Some(_) => {
                let (chain, pool) = (chain.clone(), pool.clone());
                let (ledger, running) =
                    validator::start(chain, pool, &settings, folder, unix_seconds())?;
                Maker::Validators(Box::new(Validators { ledger, running }))
            }
            None => Maker::Alone(Arc::new(Producer::new(
                chain.clone(),
                pool.clone(),
                producer_settings(&settings),
                Arc::new(unix_seconds),
            )?)),
        };
        let rpc = rpc_settings(&settings)?;
        let flags = ExplorerFlags {
            port: settings.explorer_port,
            solc: settings.explorer_solc.clone(),
            labels: settings.explorer_labels.clone(),
        };
        let explorer = match settings.explorer {
            Some(true) => {
                Some(flags.setup(Keep::InFolder(folder.to_owned()), &rpc, BTreeMap::new())?)
            }
            _ => None,
        };
        let parts = service::Parts {
            chain: chain.clone(),
            pool,
            maker,
            signers: Signers::default(),
            dev: None,
            explorer,
        };
        service::run(parts, rpc, settings.metrics, |addresses| {
            let number = chain.reader().head().number;
            let address = addresses.rpc;
            tracing::info!(%address, number, "the node serves");
            if let Some(explorer) = addresses.explorer {
                tracing::info!("the explorer is at http://{explorer}");
            }
            Ok(())
        })?;
        tracing::info!("the node has stopped");
        Ok(true)
    }
}

fn chain_settings(settings: &NodeSettings) -> heddle_chain::Settings {
    let record_schedule = settings.explorer == Some(true);
    let default = heddle_chain::Settings { record_schedule, ..heddle_chain::Settings::default() };
    match settings.threads {
        None | Some(0) => default,
        Some(threads) => heddle_chain::Settings { threads, ..default },
    }
}

fn producer_settings(settings: &NodeSettings) -> heddle_producer::Settings {
    let mining = match settings.block_time_ms.unwrap_or(BLOCK_TIME_MS) {
        0 => Mining::MANUAL,
        time => Mining::every(Duration::from_millis(time)),
    };
    heddle_producer::Settings {
        mining,
        gas_limit: settings.gas_limit,
        beneficiary: settings.coinbase.unwrap_or_default(),
        keep_states: settings.keep_states,
        ..heddle_producer::Settings::default()
    }
}

fn rpc_settings(settings: &NodeSettings) -> Result<heddle_rpc::Settings, UnknownNamespace> {
    let default = heddle_rpc::Settings::default();
    let address = settings.http_addr.unwrap_or(default.address.ip());
    let port = settings.http_port.unwrap_or(default.address.port());
    let namespaces = match &settings.http_api {
        Some(names) => names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
        None => {
            [default.namespaces, vec![Namespace::Debug, Namespace::Trace, Namespace::Ots]].concat()
        }
    };
    Ok(heddle_rpc::Settings {
        address: SocketAddr::new(address, port),
        namespaces,
        hosts: settings.http_hosts.clone().unwrap_or(default.hosts),
        origins: settings.http_cors.clone().unwrap_or_default(),
        client_version: default.client_version,
        limits: default.limits,
    })
}
