//! `heddle init` and `heddle testnet`: a network of validators, from its first block on.

use crate::{
    dev::accounts::{DEFAULT_MNEMONIC, DEFAULT_PATH, addresses, derive},
    dev::unix_seconds,
    service::{make_folder, write_whole},
    validator::new_key,
};
use alloy_primitives::{Address, U256};
use clap::Args;
use heddle_chain::{add_system_contracts, config_with_forks};
use heddle_consensus::{FirstValidator, VALIDATORS_MAX, VALIDATORS_MIN, add_validators};
use heddle_types::{Fork, Genesis};
use std::{
    fmt::Write as _,
    fs::{self, File},
    io,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU64,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Ether of each account that development knows, on a network for tests.
const TEST_ETHER: u64 = 10_000_000;

/// What is said of a network's beginning.
#[derive(Debug, Args)]
struct Beginning {
    /// How many validators.
    #[arg(long, value_name = "NUM", default_value_t = 4)]
    validators: usize,
    /// The chain's id (EIP-155).
    #[arg(long, value_name = "ID", default_value_t = 4_242)]
    chain_id: u64,
    /// Gas of a block.
    #[arg(long, value_name = "GAS", default_value_t = 60_000_000)]
    gas_limit: u64,
    /// Blocks of an epoch: for so long the same validators agree on blocks.
    #[arg(long, value_name = "NUM", default_value = "3600")]
    epoch_length: NonZeroU64,
    /// Milliseconds between blocks.
    #[arg(long, value_name = "MS", default_value_t = 200)]
    block_time_ms: u64,
    /// Port for the other validators of the first; each one after it takes the next.
    #[arg(long = "p2p.port", value_name = "NUM", default_value_t = 30_303)]
    p2p_port: u16,
    /// Port for JSON-RPC of the first validator; each one after it takes the next.
    #[arg(long = "http.port", value_name = "NUM", default_value_t = 8_545)]
    http_port: u16,
    /// Port for Prometheus metrics of the first validator; each one after it takes the next.
    #[arg(long = "metrics.port", value_name = "NUM")]
    metrics_port: Option<u16>,
}

/// Makes what a network of validators begins with: the genesis, and for each validator a folder with
/// its key and its settings.
///
/// A folder is all that its machine needs, beside the program: `heddle node --config
/// FOLDER/config.toml`. Keys are made here; whoever is to have one should get it over a safe way and
/// this folder be deleted.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder to write to; it must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    beginning: Beginning,
    /// Hosts of the validators, by name or address, with commas [default: all on this machine].
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    hosts: Vec<String>,
    /// Accounts that have ether from the beginning, as ADDRESS=ETHER with commas.
    #[arg(long, value_name = "ACCOUNTS", value_delimiter = ',')]
    fund: Vec<Funded>,
    /// Who may let validators join and leave, through the contract at
    /// 0x00000000000000000000000000000000000eDd1e.
    #[arg(long, value_name = "ADDRESS")]
    authority: Address,
}

/// Runs a network of validators on this machine, for tests: each one is a process of its own.
///
/// The accounts of development are funded, so `heddle load` can be put on it. Everything ends with
/// this command; the chain stays in its folder, and goes on with the next.
#[derive(Debug, Args)]
pub(crate) struct Testnet {
    #[command(flatten)]
    beginning: Beginning,
    /// Folder of the network [default: a new one that is deleted at the end].
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,
}

/// An account with ether.
#[derive(Clone, Debug)]
struct Funded {
    address: Address,
    wei: U256,
}

impl FromStr for Funded {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not of the form ADDRESS=ETHER");
        let (address, ether) = text.split_once('=').ok_or_else(wrong)?;
        let address = address.parse().map_err(|_| wrong())?;
        let ether: u64 = ether.parse().map_err(|_| wrong())?;
        Ok(Self { address, wei: wei(ether) })
    }
}

fn wei(ether: u64) -> U256 {
    U256::from(ether) * U256::from(10).pow(U256::from(18))
}

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error("a network has {VALIDATORS_MIN} to {VALIDATORS_MAX} validators: fewer bear no fault")]
    Validators,
    #[error("there are {hosts} hosts for {validators} validators; name one for each")]
    Hosts { hosts: usize, validators: usize },
    #[error("{path} exists already; name another folder, or delete it")]
    Exists { path: PathBuf },
    #[error("{path} cannot be written")]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Open(#[from] crate::service::OpenError),
    #[error("there are not enough ports after {0}")]
    Ports(u16),
    #[error("the accounts of development cannot be made")]
    Accounts(#[from] alloy_signer_local::LocalSignerError),
    #[error("a validator cannot be started")]
    Start(#[source] io::Error),
    #[error("the signals that stop the program cannot be waited for")]
    Signals(#[source] io::Error),
    #[error("{name} did not answer within {} seconds; its log is {log}", .within.as_secs())]
    Silent { name: String, within: Duration, log: PathBuf },
}

impl Init {
    pub(crate) fn run(self) -> Result<bool, NetworkError> {
        let Self { out, beginning, hosts, fund, authority } = self;
        if out.exists() {
            return Err(NetworkError::Exists { path: out });
        }
        let count = beginning.validators;
        if !hosts.is_empty() && hosts.len() != count {
            return Err(NetworkError::Hosts { hosts: hosts.len(), validators: count });
        }
        beginning.write(&out, &hosts, &fund, authority)?;
        println!("The network's beginning is in {}:", out.display());
        println!("  genesis.json   its first block, the same for all");
        for index in 0..count {
            let folder = folder_name(index);
            println!("  {folder}    heddle node --config {folder}/config.toml");
        }
        println!("Each folder holds the key of one validator: nobody else should have it.");
        Ok(true)
    }
}

fn folder_name(index: usize) -> String {
    format!("validator-{index}")
}

impl Beginning {
    /// Writes genesis, keys and settings.
    fn write(
        &self,
        out: &Path,
        hosts: &[String],
        fund: &[Funded],
        authority: Address,
    ) -> Result<(), NetworkError> {
        if !(VALIDATORS_MIN..=VALIDATORS_MAX).contains(&self.validators) {
            return Err(NetworkError::Validators);
        }
        make_folder(out)?;
        let mut first = Vec::new();
        for index in 0..self.validators {
            let folder = out.join(folder_name(index));
            make_folder(&folder)?;
            let key = new_key(&folder);
            let key = key.map_err(|source| NetworkError::Write { path: folder, source })?;
            first.push(FirstValidator { key, operator: authority });
        }
        let mut genesis = Genesis {
            config: config_with_forks(self.chain_id, Fork::Osaka),
            timestamp: unix_seconds(),
            gas_limit: self.gas_limit,
            base_fee_per_gas: Some(1_000_000_000),
            ..Genesis::default()
        };
        for Funded { address, wei } in fund {
            genesis.alloc.entry(*address).or_default().balance += *wei;
        }
        add_system_contracts(&mut genesis);
        add_validators(&mut genesis, self.epoch_length, authority, &first);
        let path = out.join("genesis.json");
        let written = serde_json::to_vec_pretty(&genesis)
            .map_err(io::Error::from)
            .and_then(|bytes| write_whole(&path, &bytes));
        written.map_err(|source| NetworkError::Write { path, source })?;
        for index in 0..self.validators {
            let path = out.join(folder_name(index)).join("config.toml");
            let text = self.settings(out, index, hosts, &first)?;
            write_whole(&path, text.as_bytes())
                .map_err(|source| NetworkError::Write { path, source })?;
        }
        Ok(())
    }

    fn port(&self, first: u16, index: usize) -> Result<u16, NetworkError> {
        let port = u16::try_from(index).ok().and_then(|index| first.checked_add(index));
        port.ok_or(NetworkError::Ports(first))
    }

    /// The settings of one validator, in TOML. Paths are relative to where the file is.
    fn settings(
        &self,
        out: &Path,
        index: usize,
        hosts: &[String],
        first: &[FirstValidator],
    ) -> Result<String, NetworkError> {
        let mut text = String::new();
        let is_local = hosts.is_empty();
        let port = |at: usize| match is_local {
            true => self.port(self.p2p_port, at),
            false => Ok(self.p2p_port),
        };
        let host = |at: usize| hosts.get(at).map_or("127.0.0.1", String::as_str);
        let mut peers = Vec::new();
        for (at, validator) in first.iter().enumerate().filter(|(at, _)| *at != index) {
            peers.push(format!("\"{}@{}:{}\"", validator.key, host(at), port(at)?));
        }
        let listen =
            if is_local { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { Ipv4Addr::UNSPECIFIED.into() };
        let http = if is_local { self.port(self.http_port, index)? } else { self.http_port };
        // A development network is found by its folder; a real one is copied to another machine.
        let (datadir, genesis) = match is_local {
            true => (out.join(folder_name(index)), out.join("genesis.json")),
            false => (PathBuf::from("."), PathBuf::from("genesis.json")),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "datadir = {:?}", datadir.display().to_string());
        let _ = writeln!(text, "genesis = {:?}", genesis.display().to_string());
        let _ = writeln!(text, "block-time-ms = {}", self.block_time_ms);
        let _ = writeln!(text, "\"http.port\" = {http}");
        if let Some(metrics) = self.metrics_port {
            let metrics = if is_local { self.port(metrics, index)? } else { metrics };
            let _ = writeln!(text, "metrics = \"127.0.0.1:{metrics}\"");
        }
        let _ = writeln!(text, "\"p2p.addr\" = \"{listen}:{}\"", port(index)?);
        let _ = writeln!(text, "\"p2p.address\" = \"{}:{}\"", host(index), port(index)?);
        let _ = writeln!(text, "\"p2p.peers\" = [\n  {},\n]", peers.join(",\n  "));
        Ok(text)
    }
}

/// How long a validator may take until it answers.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// A validator that runs.
struct Process {
    name: String,
    url: String,
    log: PathBuf,
    child: Child,
}

impl Testnet {
    pub(crate) fn run(self) -> Result<bool, NetworkError> {
        let Self { beginning, datadir } = self;
        let (folder, temporary) = match datadir {
            Some(folder) => (folder, None),
            None => {
                let made = tempfile::Builder::new().prefix("heddle-testnet-").tempdir();
                let path = std::env::temp_dir();
                let made = made.map_err(|source| NetworkError::Write { path, source })?;
                (made.path().to_owned(), Some(made))
            }
        };
        if !folder.join("genesis.json").is_file() {
            let known = addresses(&derive(DEFAULT_MNEMONIC, DEFAULT_PATH, 10)?);
            let wei = wei(TEST_ETHER);
            let fund: Vec<_> =
                known.iter().map(|address| Funded { address: *address, wei }).collect();
            beginning.write(&folder, &[], &fund, known[0])?;
        }
        let stopping = stop_flag().map_err(NetworkError::Signals)?;
        let mut processes = Processes(Vec::new());
        for index in 0..beginning.validators {
            let http = beginning.port(beginning.http_port, index)?;
            processes.0.push(start(&folder, index, http).map_err(NetworkError::Start)?);
        }
        for process in &mut processes.0 {
            process.wait(&stopping)?;
        }
        println!("{} validators agree on chain {}:", processes.0.len(), beginning.chain_id);
        for Process { name, url, child, log, .. } in &processes.0 {
            println!("  {name}  {url}  process {}  log {}", child.id(), log.display());
        }
        println!("Accounts: those of `heddle dev`, with {TEST_ETHER} ether each.");
        println!("Ctrl-C stops them all.");
        let mut ended = vec![false; processes.0.len()];
        while !stopping.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(100));
            for (process, ended) in processes.0.iter_mut().zip(&mut ended) {
                if let Some(status) = process.child.try_wait().ok().flatten().filter(|_| !*ended) {
                    *ended = true;
                    eprintln!("{} has ended ({status}); the others go on", process.name);
                }
            }
        }
        drop(processes);
        drop(temporary);
        Ok(true)
    }
}

/// Stops them all when it is dropped.
struct Processes(Vec<Process>);

impl Drop for Processes {
    fn drop(&mut self) {
        for Process { child, .. } in &mut self.0 {
            // Of one that has ended and was noticed to, the number may be another process's by now.
            if !matches!(child.try_wait(), Ok(None)) {
                continue;
            }
            let process = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(process) = process {
                // It may end by itself in this moment.
                let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
            }
        }
        for Process { child, .. } in &mut self.0 {
            let _ = child.wait();
        }
    }
}

fn start(folder: &Path, index: usize, http: u16) -> io::Result<Process> {
    let name = folder_name(index);
    let own = folder.join(&name);
    let log = own.join("node.log");
    let output = File::options().create(true).append(true).open(&log)?;
    let child = Command::new(std::env::current_exe()?)
        .arg("node")
        .arg("--config")
        .arg(own.join("config.toml"))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    Ok(Process { name, url: format!("http://127.0.0.1:{http}"), log, child })
}

impl Process {
    /// Waits until it answers.
    fn wait(&mut self, stopping: &AtomicBool) -> Result<(), NetworkError> {
        let start = Instant::now();
        let ready = format!("{}/readyz", self.url);
        while start.elapsed() < START_TIME_MAX && !stopping.load(Ordering::Acquire) {
            if self.child.try_wait().ok().flatten().is_some() {
                break;
            }
            if ureq::get(&ready).call().is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        if stopping.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Ok(text) = fs::read_to_string(&self.log) {
            let lines: Vec<&str> = text.lines().collect();
            for line in lines.iter().skip(lines.len().saturating_sub(5)) {
                eprintln!("{}: {line}", self.name);
            }
        }
        let (name, log) = (self.name.clone(), self.log.clone());
        Err(NetworkError::Silent { name, within: START_TIME_MAX, log })
    }
}

/// Is set when the program is asked to stop.
fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stopping = Arc::new(AtomicBool::new(false));
    let flag = stopping.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            match crate::service::stop_signal() {
                Ok(signal) => signal.await,
                Err(error) => eprintln!("signals cannot be waited for: {error}"),
            }
        });
        flag.store(true, Ordering::Release);
    })?;
    Ok(stopping)
}
