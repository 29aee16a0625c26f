//! Settings of `heddle node`: flags, a file, and what holds if neither says anything.

use alloy_primitives::Address;
use clap::Args;
use heddle_client::logging::LogFormat;
use serde::Deserialize;
use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// The settings of a node. Each has the same name as a flag and as a key of the configuration
/// file; a flag counts more.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NodeSettings {
    /// Folder of the database; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) datadir: Option<PathBuf>,
    /// First block, from a file in geth's format. Needed only the first time.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1].
    #[arg(long = "http.addr", value_name = "IP")]
    #[serde(rename = "http.addr")]
    pub(crate) http_addr: Option<IpAddr>,
    /// Port for HTTP and WebSocket [default: 8545].
    #[arg(long = "http.port", value_name = "NUM")]
    #[serde(rename = "http.port")]
    pub(crate) http_port: Option<u16>,
    /// Namespaces that are served, with commas [default: eth,net,web3,txpool,debug,trace,ots].
    #[arg(long = "http.api", value_name = "NAMES", value_delimiter = ',')]
    #[serde(rename = "http.api")]
    pub(crate) http_api: Option<Vec<String>>,
    /// Origins that pages in a browser may call from [default: none].
    #[arg(long = "http.cors", value_name = "ORIGINS", value_delimiter = ',')]
    #[serde(rename = "http.cors")]
    pub(crate) http_cors: Option<Vec<String>>,
    /// Host names that requests may be addressed to [default: localhost].
    #[arg(long = "http.hosts", value_name = "NAMES", value_delimiter = ',')]
    #[serde(rename = "http.hosts")]
    pub(crate) http_hosts: Option<Vec<String>>,
    /// Address and port of Prometheus metrics, as 127.0.0.1:9001 [default: none].
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<std::net::SocketAddr>,
    /// Milliseconds between blocks; 0 makes none [default: 1000, and 200 among validators].
    #[arg(long, value_name = "MS")]
    pub(crate) block_time_ms: Option<u64>,
    /// Among validators: milliseconds after which a block without transactions is made [default: 1000].
    #[arg(long, value_name = "MS")]
    pub(crate) idle_time_ms: Option<u64>,
    /// Among validators: the file with this node's key [default: validator.key in the datadir].
    #[arg(long, value_name = "FILE")]
    pub(crate) validator_key: Option<PathBuf>,
    /// Among validators: address to listen on for the others [default: 127.0.0.1:30303].
    #[arg(long = "p2p.addr", value_name = "ADDR")]
    #[serde(rename = "p2p.addr")]
    pub(crate) p2p_addr: Option<std::net::SocketAddr>,
    /// Among validators: name or address, with port, that the others find this node at [default:
    /// where it listens].
    #[arg(long = "p2p.address", value_name = "HOST:PORT")]
    #[serde(rename = "p2p.address")]
    pub(crate) p2p_address: Option<String>,
    /// Among validators: some of the others, as KEY@HOST:PORT with commas; they tell of the rest.
    #[arg(long = "p2p.peers", value_name = "PEERS", value_delimiter = ',')]
    #[serde(rename = "p2p.peers")]
    pub(crate) p2p_peers: Option<Vec<String>>,
    /// Among validators: keys of nodes that only follow, with commas; they may connect, too.
    #[arg(long = "p2p.followers", value_name = "KEYS", value_delimiter = ',')]
    #[serde(rename = "p2p.followers")]
    pub(crate) p2p_followers: Option<Vec<String>>,
    /// Among validators: this node's disk was brought back from an earlier time, so that it does not
    /// know what it has signed since. It signs nothing until the others have told how far they are.
    /// With `=false` it is trusted although it was copied: right only if this validator signed
    /// nothing after that, as when a whole network was stopped and moved.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) restored: Option<bool>,
    /// Among validators: a node without blocks takes over the state of another one, with proofs, if
    /// that is more than so many blocks ahead, in place of executing all blocks; 0 never does
    /// [default: 1024].
    #[arg(long, value_name = "NUM")]
    pub(crate) state_sync_behind: Option<u64>,
    /// Who gets the fees [default: the zero address].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) coinbase: Option<Address>,
    /// Gas that a block may hold [default: as the last block].
    #[arg(long, value_name = "GAS")]
    pub(crate) gas_limit: Option<u64>,
    /// Keeps the states of the last so many blocks only [default: all].
    #[arg(long, value_name = "NUM")]
    pub(crate) keep_states: Option<u64>,
    /// Memory for the database's cache, in MiB [default: 256].
    #[arg(long, value_name = "MIB")]
    pub(crate) cache_mib: Option<usize>,
    /// Threads that execute [default: as many as there are processors].
    #[arg(short = 'j', long, value_name = "NUM")]
    pub(crate) threads: Option<usize>,
    /// What is logged: a level, or targets with levels [default: info].
    #[arg(long = "log.filter", value_name = "FILTER")]
    #[serde(rename = "log.filter")]
    pub(crate) log_filter: Option<String>,
    /// Serves the explorer's pages [default: no].
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) explorer: Option<bool>,
    /// Port of the explorer's pages [default: 8550].
    #[arg(long = "explorer.port", value_name = "NUM")]
    #[serde(rename = "explorer.port")]
    pub(crate) explorer_port: Option<u16>,
    /// Folder of the compilers that verify sources [default: heddle/solc in the user's data folder].
    #[arg(long = "explorer.solc", value_name = "DIR")]
    #[serde(rename = "explorer.solc")]
    pub(crate) explorer_solc: Option<PathBuf>,
    /// Names of addresses for the explorer, from a file of lines such as 0x... = "treasury".
    #[arg(long = "explorer.labels", value_name = "FILE")]
    #[serde(rename = "explorer.labels")]
    pub(crate) explorer_labels: Option<PathBuf>,
    /// How logs look [default: text].
    #[arg(long = "log.format", value_name = "FORMAT")]
    #[serde(rename = "log.format")]
    pub(crate) log_format: Option<LogFormat>,
}

/// Why the settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("the configuration {path} cannot be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("the configuration {path} is wrong")]
    Parse { path: PathBuf, source: toml::de::Error },
}

impl NodeSettings {
    /// What a file says.
    pub(crate) fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|source| ConfigError::Parse { path: path.to_owned(), source })
    }

    /// These settings, and where they say nothing those of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            datadir: self.datadir.or(other.datadir),
            genesis: self.genesis.or(other.genesis),
            http_addr: self.http_addr.or(other.http_addr),
            http_port: self.http_port.or(other.http_port),
            http_api: self.http_api.or(other.http_api),
            http_cors: self.http_cors.or(other.http_cors),
            http_hosts: self.http_hosts.or(other.http_hosts),
            metrics: self.metrics.or(other.metrics),
            block_time_ms: self.block_time_ms.or(other.block_time_ms),
            idle_time_ms: self.idle_time_ms.or(other.idle_time_ms),
            validator_key: self.validator_key.or(other.validator_key),
            p2p_addr: self.p2p_addr.or(other.p2p_addr),
            p2p_address: self.p2p_address.or(other.p2p_address),
            p2p_peers: self.p2p_peers.or(other.p2p_peers),
            p2p_followers: self.p2p_followers.or(other.p2p_followers),
            restored: self.restored.or(other.restored),
            state_sync_behind: self.state_sync_behind.or(other.state_sync_behind),
            coinbase: self.coinbase.or(other.coinbase),
            gas_limit: self.gas_limit.or(other.gas_limit),
            keep_states: self.keep_states.or(other.keep_states),
            cache_mib: self.cache_mib.or(other.cache_mib),
            threads: self.threads.or(other.threads),
            explorer: self.explorer.or(other.explorer),
            explorer_port: self.explorer_port.or(other.explorer_port),
            explorer_solc: self.explorer_solc.or(other.explorer_solc),
            explorer_labels: self.explorer_labels.or(other.explorer_labels),
            log_filter: self.log_filter.or(other.log_filter),
            log_format: self.log_format.or(other.log_format),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<NodeSettings, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn flags_count_more_than_the_file() {
        let file = parse("datadir = \"a\"\nblock-time-ms = 500\n\"http.port\" = 1\n").unwrap();
        let flags = NodeSettings { http_port: Some(2), ..NodeSettings::default() };
        let both = flags.or(file);
        assert_eq!(both.http_port, Some(2));
        assert_eq!(both.block_time_ms, Some(500));
        assert_eq!(both.datadir.as_deref(), Some(Path::new("a")));
    }

    #[test]
    fn a_key_that_nobody_knows_is_an_error_that_names_it() {
        assert!(parse("dataadir = \"a\"").unwrap_err().to_string().contains("dataadir"));
    }
}
