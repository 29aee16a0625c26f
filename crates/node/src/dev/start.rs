//! Starting a development chain, and stopping it.

use super::{
    accounts::{self, addresses},
    banner::Banner,
    flags::{Dev, Order},
    genesis::{GenesisSettings, genesis},
    remote::{Fork, ForkError, Origin},
    state_file::{self, PeriodicDump, StateFileError},
    venue::{self, VenueError},
};
use crate::{explorer::Keep, service};
use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::{Chain, add_system_contracts};
use heddle_client::logging;
use heddle_pool::{Ordering, Pool};
use heddle_producer::{AccountAmendment, CONSOLE_ADDRESS, Console, Mining, Producer};
use heddle_rpc::{DevControl, Namespace, Signers};
use heddle_storage::{Database, Options};
use heddle_types::{ChainSpec, Genesis, SpecError};
use heddle_venue::addresses::{ALL, Place};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Memory for the database's cache. A development chain shares its machine with compilers and
/// browsers. Half of it is for what is being written.
const CACHE_BYTES: usize = 128 << 20;

/// Bytes of blocks and states that are written to the tables at once: half of the cache's size, so
/// that no page is written twice.
const SETTLE_BYTES: usize = 64 << 20;

/// Hardhat's helpers work with nodes only whose names begin with one that they know.
const CLIENT_VERSION: &str = concat!("anvil/heddle/v", env!("CARGO_PKG_VERSION"));

/// Chain id of a development chain, as anvil and Hardhat have it.
const CHAIN_ID: u64 = 31_337;

/// Gas that a block may hold, as anvil has it.
const GAS_LIMIT: u64 = 30_000_000;

/// Base fee of the first block, in wei, as anvil has it.
const BASE_FEE: u64 = 1_000_000_000;

/// Why a development chain does not start, or does not stop well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    #[error("the phrase gives no accounts")]
    Accounts(#[from] alloy_signer_local::LocalSignerError),
    #[error("no phrase of {0} words can be made; ask for 12, 15, 18, 21 or 24")]
    Words(usize),
    #[error("the genesis file {path} cannot be used")]
    Genesis { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Open(#[from] service::OpenError),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Database(#[from] heddle_storage::Error),
    #[error(transparent)]
    Chain(#[from] heddle_chain::Error),
    #[error(transparent)]
    Producer(#[from] heddle_producer::Error),
    #[error(transparent)]
    Fork(#[from] ForkError),
    #[error(transparent)]
    State(#[from] StateFileError),
    #[error(transparent)]
    Log(#[from] logging::FilterError),
    #[error(transparent)]
    Service(#[from] service::ServiceError),
    #[error(transparent)]
    Explorer(#[from] crate::explorer::ExplorerError),
    #[error(transparent)]
    Venue(#[from] Box<VenueError>),
}

impl Dev {
    /// Runs the chain until it is asked to stop.
    pub(crate) fn run(self) -> Result<bool, DevError> {
        let format = if self.json { logging::LogFormat::Json } else { logging::LogFormat::Text };
        logging::start(self.log_filter(), format, self.color)?;
        for warning in self.anvil.warnings() {
            tracing::warn!("{warning}");
        }
        let mnemonic = self.mnemonic()?;
        let keys = accounts::derive(&mnemonic, &self.wallet.derivation_path, self.wallet.accounts)?;
        let fork = self.fork()?;
        let genesis = self.genesis(&keys, fork.as_ref().map(|fork| fork.block.chain_id))?;
        if fork.is_none() {
            self.keep_genesis(&genesis)?;
        }
        let database = self.database()?;
        let settings = self.chain_settings();
        let chain = match &fork {
            Some(Forked { remote, block }) => {
                let spec = ChainSpec::from_genesis(&genesis)?;
                let origin = &block.recovered;
                Chain::open_forked(database, spec, origin, U256::ZERO, remote.clone(), settings)?
            }
            None => Chain::open(database, &genesis, settings)?,
        };
        let chain = Arc::new(chain);
        let pool = Pool::new(self.pool_settings(), heddle_pool::Context::default());
        let pool = Arc::new(Mutex::new(pool));
        let producer = Arc::new(Producer::new(
            chain.clone(),
            pool.clone(),
            self.producer_settings(),
            Arc::new(unix_seconds),
        )?);
        producer.impersonate(|who| who.everybody = self.wallet.auto_impersonate);
        if fork.is_some() {
            producer.amend(self.funds(&keys))?;
        }
        self.load_state(&producer)?;
        if self.environment.venue {
            venue::deploy(&producer, &addresses(&keys), unix_seconds()).map_err(Box::new)?;
        }
        let rpc = self.rpc_settings();
        let keep = match &self.keeping.datadir {
            Some(folder) => Keep::InFolder(folder.clone()),
            None => Keep::ForNow(self.temporary_folder()),
        };
        let explorer = match self.no_explorer {
            true => None,
            false => {
                let mut setup = self.explorer.setup(keep, &rpc, self.labels(&keys))?;
                setup.shipped =
                    self.environment.venue.then(venue::build_info).transpose().map_err(Box::new)?;
                Some(setup)
            }
        };
        let served = service::Parts {
            chain: chain.clone(),
            pool,
            maker: service::Maker::Alone(producer.clone()),
            signers: Signers::new(keys.clone()),
            dev: Some(DevControl::new(producer.clone()).with_epoch(self.mining.slots_in_an_epoch)),
            explorer,
        };
        let announce = |addresses| self.announce(&chain, &keys, &mnemonic, addresses);
        let state_file = self.keeping.dump_state.as_ref().or(self.keeping.state.as_ref());
        let history = self.keeping.preserve_historical_states;
        let every = self.keeping.state_interval.map(Duration::from_secs);
        let periodic = match (state_file, every) {
            (Some(path), Some(every)) => {
                Some(PeriodicDump::start(&producer, path, every, history)?)
            }
            _ => None,
        };
        service::run(served, rpc, None, announce)?;
        drop(periodic);
        if let Some(path) = state_file {
            state_file::write(&producer.dump(history)?, path)?;
        }
        if let Some(Forked { remote, .. }) = fork {
            remote.save()?;
        }
        Ok(true)
    }

    fn log_filter(&self) -> &'static str {
        match (self.quiet, self.verbosity) {
            (true, _) => "error",
            (false, 0) => "info",
            (false, 1) => "info,heddle=debug",
            (false, 2) => "debug",
            _ => "trace",
        }
    }

    fn mnemonic(&self) -> Result<String, DevError> {
        if let Some(words) = self.wallet.mnemonic_random {
            return accounts::new_phrase(words).map_err(|_| DevError::Words(words));
        }
        let seeded = self.wallet.mnemonic_seed.map(accounts::phrase_from_seed);
        Ok(seeded.unwrap_or_else(|| self.wallet.mnemonic.clone()))
    }

    fn database(&self) -> Result<Database, DevError> {
        Ok(match &self.keeping.datadir {
            Some(folder) => service::open_database(folder, CACHE_BYTES)?,
            None => {
                let options = Options { cache_bytes: CACHE_BYTES, ..Options::default() };
                let folder = self.temporary_folder();
                service::make_folder(&folder)?;
                Database::ephemeral(&folder, options)?
            }
        })
    }

    fn temporary_folder(&self) -> PathBuf {
        self.keeping.cache_path.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// Whether what contracts log is printed.
    fn prints_console(&self) -> bool {
        !(self.quiet || self.disable_console_log)
    }

    fn chain_settings(&self) -> heddle_chain::Settings {
        let settings = heddle_chain::Settings {
            watched_account: self.prints_console().then_some(CONSOLE_ADDRESS),
            code_size_max: self.environment.code_size_max(),
            settle_bytes: SETTLE_BYTES,
            record_schedule: !self.no_explorer,
            ..heddle_chain::Settings::default()
        };
        match self.environment.threads {
            0 => settings,
            threads => heddle_chain::Settings { threads, ..settings },
        }
    }

    fn pool_settings(&self) -> heddle_pool::Settings {
        let ordering = match self.mining.order {
            Order::Fees => Ordering::Fees,
            Order::Fifo => Ordering::Fifo,
        };
        heddle_pool::Settings {
            ordering,
            // Base fees change with blocks only, and these may wait for transactions.
            refuse_below_base_fee: true,
            init_code_max: self.environment.code_size_max().map(|size| 2 * size as u64),
            ..heddle_pool::Settings::default()
        }
    }

    fn producer_settings(&self) -> heddle_producer::Settings {
        let mining = match (self.mining.no_mining, self.mining.block_time) {
            (true, _) => Mining::MANUAL,
            (false, None) => Mining::AUTOMATIC,
            (false, Some(time)) => {
                Mining { automatic: self.mining.mixed_mining, interval: Some(time) }
            }
        };
        heddle_producer::Settings {
            mining,
            transactions_max: self.mining.max_transactions,
            gas_limit: self.environment.block_gas_limit(),
            gas_limit_jumps: true,
            beneficiary: self.environment.coinbase.unwrap_or_default(),
            keep_states: self.keeping.keep_states,
            console: self.prints_console().then(|| Console::new(print_lines)),
            ..heddle_producer::Settings::default()
        }
    }

    fn rpc_settings(&self) -> heddle_rpc::Settings {
        let limits = heddle_rpc::Limits::default();
        let origins = if self.no_cors { vec![] } else { list(&self.allow_origin) };
        heddle_rpc::Settings {
            address: (self.host, self.port).into(),
            namespaces: Namespace::ALL.to_vec(),
            // Containers and tunnels call a development chain by names of their own.
            hosts: if self.host.is_loopback() {
                vec!["localhost".to_owned()]
            } else {
                vec!["*".to_owned()]
            },
            origins,
            client_version: CLIENT_VERSION.to_owned(),
            // Nobody loses a fortune here.
            limits: heddle_rpc::Limits {
                fee_max: 0,
                request_bytes_max: if self.no_request_size_limit {
                    u32::MAX
                } else {
                    limits.request_bytes_max
                },
                ..limits
            },
        }
    }

    fn genesis(&self, keys: &[PrivateKeySigner], forked: Option<u64>) -> Result<Genesis, DevError> {
        let environment = &self.environment;
        // A genesis file says itself who has what, as with anvil.
        if let Some(path) = &environment.init {
            let mut genesis = service::read_genesis(path)
                .map_err(|source| DevError::Genesis { path: path.clone(), source })?;
            if let Some(id) = environment.chain_id {
                genesis.config.chain_id = id;
            }
            let added = add_system_contracts(&mut genesis);
            if !added.is_empty() {
                tracing::info!(?added, "the genesis lacked contracts that its forks need");
            }
            return Ok(genesis);
        }
        let kept = self.kept_genesis_time();
        Ok(genesis(&GenesisSettings {
            chain_id: environment.chain_id.or(forked).unwrap_or(CHAIN_ID),
            fork: environment.hardfork,
            timestamp: environment.timestamp.or(kept).unwrap_or_else(|| self.first_block_time()),
            number: environment.number,
            gas_limit: environment.block_gas_limit().unwrap_or(GAS_LIMIT),
            base_fee: environment.block_base_fee_per_gas.unwrap_or(BASE_FEE),
            coinbase: environment.coinbase.unwrap_or_default(),
            funded: addresses(keys)
                .into_iter()
                .map(|address| (address, self.wallet.balance_wei()))
                .collect(),
            predeploys: !environment.no_predeploys,
            create2_deployer: !environment.disable_default_create2_deployer,
        }))
    }

    /// The time of the first block of a chain that is kept: the genesis is made anew at each
    /// start, and must be the same.
    fn kept_genesis_time(&self) -> Option<u64> {
        let kept = service::kept_genesis(self.keeping.datadir.as_deref()?);
        Some(service::read_genesis(&kept).ok()?.timestamp)
    }

    /// The time of the first block of a new chain: now, or before the venue's blocks.
    fn first_block_time(&self) -> u64 {
        let now = unix_seconds();
        if self.environment.venue { venue::first_block_time(now) } else { now }
    }

    /// Keeps the genesis beside a database that is about to be begun, so that the next start makes
    /// the same one, and other commands open the chain.
    fn keep_genesis(&self, genesis: &Genesis) -> Result<(), DevError> {
        match &self.keeping.datadir {
            Some(folder) if !service::has_database(folder) => {
                Ok(service::keep_genesis(folder, genesis)?)
            }
            _ => Ok(()),
        }
    }

    fn fork(&self) -> Result<Option<Forked>, DevError> {
        let Some((url, block)) = self.forking.origin() else { return Ok(None) };
        let cache = cache_folder().filter(|_| !self.forking.no_storage_caching);
        let chain_id = self.forking.fork_chain_id;
        let origin = Origin { url, block, chain_id, cache: cache.as_deref() };
        let (fork, block) = Fork::new(&origin, self.forking.options())?;
        let number = block.recovered.block.header.number;
        tracing::info!(url, chain_id = block.chain_id, number, "forked");
        Ok(Some(Forked { remote: Arc::new(fork), block }))
    }

    /// What the accounts of a forked chain get, whatever they have there.
    fn funds(&self, keys: &[PrivateKeySigner]) -> BTreeMap<Address, AccountAmendment> {
        let balance = Some(self.wallet.balance_wei());
        let amendment = AccountAmendment { balance, ..AccountAmendment::default() };
        addresses(keys).into_iter().map(|address| (address, amendment.clone())).collect()
    }

    fn load_state(&self, producer: &Producer) -> Result<(), DevError> {
        let keeping = &self.keeping;
        let optional = keeping.state.as_ref().filter(|path| state_file::is_there(path));
        if let Some(path) = keeping.load_state.as_ref().or(optional) {
            producer.load(state_file::read(path)?)?;
        }
        Ok(())
    }

    fn announce(
        &self,
        chain: &Chain,
        keys: &[PrivateKeySigner],
        mnemonic: &str,
        addresses: service::Addresses,
    ) -> Result<(), io::Error> {
        let reader = chain.reader();
        let head = &reader.head().header;
        let fork = format!("{:?}", chain.spec().forks.fork_at(head.number, head.timestamp));
        let banner = Banner {
            keys,
            balance: self.wallet.balance_wei(),
            mnemonic,
            path: &self.wallet.derivation_path,
            chain_id: chain.spec().chain_id,
            gas_limit: head.gas_limit,
            base_fee: head.base_fee_per_gas,
            timestamp: head.timestamp,
            head: head.number,
            fork: &fork,
            addresses,
            kept: self.keeping.datadir.as_deref(),
            venue: if self.environment.venue { ALL } else { &[] },
        };
        if let Some(path) = &self.config_out {
            fs::write(path, banner.json().to_string())?;
        }
        if self.json {
            for Place { system, name, address, .. } in banner.venue {
                tracing::info!(system, name, %address, "contract of the venue");
            }
        }
        if !self.quiet {
            println!("{banner}");
        }
        Ok(())
    }

    /// What the explorer calls the accounts, and the contracts of the venue.
    fn labels(&self, keys: &[PrivateKeySigner]) -> BTreeMap<Address, String> {
        let account = |(index, address)| (address, format!("dev account {index}"));
        let accounts = addresses(keys).into_iter().enumerate().map(account);
        let venue = if self.environment.venue { ALL } else { &[] };
        let contract = |place: &Place| (place.address, format!("{}: {}", place.system, place.name));
        accounts.chain(venue.iter().map(contract)).collect()
    }
}

/// A chain to continue from.
struct Forked {
    remote: Arc<Fork>,
    block: super::remote::ForkedBlock,
}

/// Prints what one transaction has logged. Where nobody reads it is no error.
fn print_lines(lines: &[String]) {
    let mut out = io::stdout().lock();
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// Where the state of other chains is remembered; nowhere if the user has no such folder.
fn cache_folder() -> Option<PathBuf> {
    Some(service::user_folder("XDG_CACHE_HOME", ".cache")?.join("fork"))
}

/// The real UNIX time.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
