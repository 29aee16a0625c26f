//! The configuration of a reporter: a file in TOML. `docs/oracle.md` describes it.

use crate::{
    aggregate::Outliers,
    source::{File, Place, Request, Stream},
};
use alloy_primitives::Address;
use heddle_client::program::{ConfigFileError, read_config};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// Feeds of one reporter: each has a thread.
pub(crate) const FEEDS_MAX: usize = 64;
/// Sources of one feed.
const SOURCES_MAX: usize = 32;
/// The other reporters of a feed are 30 at most; feeds may have different ones.
const PEERS_MAX: usize = 64;
/// Seconds of an attempt at most.
const ATTEMPT_SECONDS_MAX: u32 = 3600;
/// Seconds that the age of a source may be at most: ten days.
const AGE_MAX: u64 = 864_000;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// A value is out of its bounds.
    #[error("the configuration is wrong: {0}")]
    Value(String),
}

/// What a reporter needs to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node: an address that begins with `http://` or `https://`.
    pub node: String,
    /// File of the key, with mode 0600.
    pub key: PathBuf,
    /// Folder for what must survive: what was signed last, and proofs.
    pub state: PathBuf,
    /// Where other reporters are listened to.
    #[serde(default = "loopback")]
    pub listen: SocketAddr,
    /// Where the other reporters listen.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Seconds of an attempt; the same for all reporters of a feed.
    #[serde(default = "attempt_seconds")]
    pub attempt_seconds: u32,
    /// Whether to send proofs of double signing to the registry, which costs gas and earns a reward.
    #[serde(default)]
    pub slash: bool,
    /// The feeds.
    pub feeds: Vec<FeedConfig>,
    /// Where the file is: relative paths begin there.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// A feed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// The contract.
    pub address: Address,
    /// How many sources must have a value that is no outlier.
    pub sources_min: usize,
    /// How far off an outlier is, in median absolute deviations.
    #[serde(default = "outlier_deviations")]
    pub outlier_deviations: u32,
    /// What is no outlier in any case, in 1e-4 of the median.
    #[serde(default = "outlier_floor")]
    pub outlier_floor: u32,
    /// Where prices come from.
    pub sources: Vec<SourceConfig>,
}

/// A source: its name, and one place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// What it is called in logs.
    pub name: String,
    /// Seconds after which a value does not count any more.
    pub max_age_seconds: u64,
    csv: Option<File>,
    http: Option<Request>,
    websocket: Option<Stream>,
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9400).into()
}

const fn attempt_seconds() -> u32 {
    10
}

const fn outlier_deviations() -> u32 {
    5
}

const fn outlier_floor() -> u32 {
    50
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let (mut config, folder): (Self, _) = read_config(path)?;
        config.folder = folder.to_owned();
        config.key = folder.join(&config.key);
        config.state = folder.join(&config.state);
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let ensure = |is_right: bool, what: &str| {
            if is_right { Ok(()) } else { Err(ConfigError::Value(what.to_owned())) }
        };
        let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        ensure(is_url(&self.node), "`node` has to begin with http:// or https://")?;
        ensure(
            (1..=ATTEMPT_SECONDS_MAX).contains(&self.attempt_seconds),
            "`attempt_seconds` has to be 1 to 3600",
        )?;
        ensure(self.peers.len() <= PEERS_MAX, "more than 64 `peers`")?;
        ensure(
            self.peers.iter().all(|peer| is_url(peer)),
            "each of `peers` has to begin with http:// or https://",
        )?;
        ensure((1..=FEEDS_MAX).contains(&self.feeds.len()), "there have to be 1 to 64 `feeds`")?;
        let addresses: BTreeSet<Address> = self.feeds.iter().map(|feed| feed.address).collect();
        ensure(addresses.len() == self.feeds.len(), "a feed is there twice")?;
        self.feeds.iter().try_for_each(FeedConfig::check)
    }
}

impl FeedConfig {
    /// How far off a source may be.
    pub const fn outliers(&self) -> Outliers {
        Outliers { deviations: self.outlier_deviations, floor: self.outlier_floor }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let ensure = |is_right: bool, what: &str| {
            let wrong = || ConfigError::Value(format!("feed {}: {what}", self.address));
            if is_right { Ok(()) } else { Err(wrong()) }
        };
        let sources = self.sources.len();
        ensure((1..=SOURCES_MAX).contains(&sources), "there have to be 1 to 32 `sources`")?;
        ensure(
            (1..=sources).contains(&self.sources_min),
            "`sources_min` has to be at least 1, and no more than there are sources",
        )?;
        ensure(
            (1..=1000).contains(&self.outlier_deviations),
            "`outlier_deviations` has to be 1 to 1000",
        )?;
        ensure(self.outlier_floor <= 10_000, "`outlier_floor` has to be 0 to 10000")?;
        let names: BTreeSet<&str> =
            self.sources.iter().map(|source| source.name.as_str()).collect();
        ensure(names.len() == sources, "two sources have the same name")?;
        for source in &self.sources {
            let name = &source.name;
            ensure(
                (1..=AGE_MAX).contains(&source.max_age_seconds),
                &format!("`max_age_seconds` of source {name} has to be 1 to 864000"),
            )?;
            let place = source.place();
            ensure(
                place.is_some(),
                &format!("source {name} needs one of `csv`, `http`, `websocket`"),
            )?;
            ensure(
                place.is_some_and(|place| place.is_right()),
                &format!("the address or a pointer of source {name} has not its form"),
            )?;
        }
        Ok(())
    }
}

impl SourceConfig {
    /// The one place; `None` if there is not one.
    pub fn place(&self) -> Option<Place> {
        match (&self.csv, &self.http, &self.websocket) {
            (Some(file), None, None) => Some(Place::Csv(file.clone())),
            (None, Some(request), None) => Some(Place::Http(request.clone())),
            (None, None, Some(stream)) => Some(Place::WebSocket(stream.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        node = "http://127.0.0.1:8545"
        key = "reporter.key"
        state = "state"
        peers = ["http://127.0.0.1:9401"]

        [[feeds]]
        address = "0x00000000000000000000000000000000000000fe"
        sources_min = 2

        [[feeds.sources]]
        name = "file"
        max_age_seconds = 30
        csv = { path = "prices.csv", column = "close", time_column = "time", time_unit = "milliseconds" }

        [[feeds.sources]]
        name = "server"
        max_age_seconds = 30
        http = { url = "https://example.org/price", pointer = "/data/price" }

        [[feeds.sources]]
        name = "stream"
        max_age_seconds = 30
        websocket = { url = "wss://example.org/prices", pointer = "/p", subscribe = "{}" }
    "#;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oracle.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn a_configuration_is_read_with_its_defaults() {
        let config = read(GOOD).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:9400");
        assert_eq!((config.attempt_seconds, config.slash), (10, false));
        assert!(config.key.is_absolute() && config.key.ends_with("reporter.key"));
        assert!(matches!(config.feeds[0].sources[2].place(), Some(Place::WebSocket(_))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, named) in [
            ("http://127.0.0.1:8545", "127.0.0.1:8545", "`node`"),
            ("http://127.0.0.1:9401", "127.0.0.1:9401", "`peers`"),
            ("sources_min = 2", "sources_min = 0", "`sources_min`"),
            ("sources_min = 2", "sources_min = 4", "`sources_min`"),
            ("name = \"server\"", "name = \"file\"", "same name"),
            ("max_age_seconds = 30", "max_age_seconds = 0", "`max_age_seconds`"),
            ("wss://", "ftp://", "source stream"),
            ("\"/data/price\"", "\"data/price\"", "source server"),
            ("csv = {", "http = { url = \"http://a\", pointer = \"/p\" }\ncsv = {", "source file"),
            ("peers =", "attempt_seconds = 0\npeers =", "`attempt_seconds`"),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(matches!(error, ConfigError::Value(_)), "{to}: {error:?}");
            assert!(error.to_string().contains(named), "{to}: {error}");
        }
        let twice = GOOD.find("[[feeds]]").map(|at| format!("{GOOD}{}", &GOOD[at..])).unwrap();
        assert!(read(&twice).unwrap_err().to_string().contains("twice"));
        for text in ["", "node = 1", &GOOD.replacen("peers", "pears", 1)] {
            assert!(matches!(read(text), Err(ConfigError::File(ConfigFileError::Shape { .. }))));
        }
        assert!(matches!(
            Config::read(Path::new("nowhere.toml")),
            Err(ConfigError::File(ConfigFileError::Missing(_)))
        ));
    }
}
