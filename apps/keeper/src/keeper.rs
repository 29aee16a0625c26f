//! The keeper: what it does at each block.

mod draft;
mod hold;
mod send;

use crate::{
    checkpoint::Checkpoints,
    config::{self, Config, ConfigError},
    follow::{FollowError, Follower},
    journal::{Entry, Journal, JournalError, Outcome, Purpose},
    patience::{Backoff, Chance},
};
use alloy_primitives::{Address, B256};
use heddle_client::{
    KeyError, Node, RpcError, Sender,
    files::{self, FileError},
    read_key,
};
use std::{collections::BTreeMap, fs::File};

/// The folder of checkpoints in that of the state.
const MIRROR: &str = "mirror";
/// Seconds until an account is tried again after the first failure.
const RETRY_FIRST: u64 = 2;
/// The most seconds until an account is tried again.
const RETRY_MOST: u64 = 600;
/// Most accounts whose failures are remembered: those of some blocks of a crash.
const BACKOFFS_MAX: usize = 100_000;

/// Why a keeper cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The chain.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// What was sent.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Who sends.
    #[error("a key or, for a dry run, an account is needed; name one in the configuration")]
    NoAccount,
    /// An asset that the pool does not have.
    #[error("{asset} of {setting} is no reserve of the pool that has a price; it has {known}")]
    Asset {
        /// Of the configuration.
        setting: &'static str,
        /// The asset.
        asset: Address,
        /// Reserves that there are.
        known: String,
    },
}

impl KeeperError {
    /// Whether trying again may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Rpc(_) => true,
            Self::Follow(error) => !matches!(
                error,
                FollowError::Checkpoint(crate::checkpoint::CheckpointError::File(_),)
            ),
            Self::Journal(error) => {
                matches!(error, JournalError::Rpc(_) | JournalError::Send(_))
            }
            _ => false,
        }
    }
}

/// How a keeper is started, besides its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Sends nothing.
    pub is_dry: bool,
    /// Sells what it bought.
    pub sells: bool,
    /// Decides when what failed is tried again.
    pub seed: u64,
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Step {
    /// The block that it saw.
    pub block: u64,
    /// What became of transactions.
    pub settled: Vec<(Entry, Outcome)>,
    /// What it sent, or would have sent in a dry run.
    pub sent: Vec<Entry>,
}

/// A keeper of one pool.
#[derive(Debug)]
pub struct Keeper {
    config: Config,
    mode: Mode,
    node: Node,
    follower: Follower,
    account: Address,
    /// None in a dry run.
    sender: Option<Sender>,
    journal: Journal,
    backoffs: BTreeMap<Address, Backoff>,
    chance: Chance,
    /// The block after which everything was done.
    done: B256,
    /// The last block that has a transaction which was settled.
    settled_at: u64,
    is_restart: bool,
    /// Keeps other processes away.
    _lock: Option<File>,
}

impl Keeper {
    /// Goes on where an earlier process has ended.
    ///
    /// # Errors
    ///
    /// See [`KeeperError`].
    pub fn open(config: Config, mode: Mode) -> Result<Self, KeeperError> {
        let node = Node::new(&config.rpc_url);
        files::make_folder(&config.state)?;
        let mirrors = config.state.join(MIRROR);
        files::make_folder(&mirrors)?;
        let mut lock = None;
        if !mode.is_dry {
            lock = Some(files::lock(&config.state)?);
            files::remove_torn(&config.state)?;
            files::remove_torn(&mirrors)?;
        }
        let sender = match (&config.key, mode.is_dry) {
            (Some(key), false) => Some(Sender::new(node.clone(), read_key(key)?)?),
            _ => None,
        };
        let account = match (&sender, config.account, &config.key) {
            (Some(sender), ..) => sender.address(),
            (None, Some(account), _) if mode.is_dry => account,
            (None, None, Some(key)) if mode.is_dry => read_key(key)?.address(),
            _ => return Err(KeeperError::NoAccount),
        };
        let chain_id = node.chain_id()?;
        let journal = Journal::open(&config.state, account, chain_id)?;
        let follower = open_follower(&node, &config, chain_id, mode.is_dry)?;
        Ok(Self {
            config,
            mode,
            node,
            follower,
            account,
            sender,
            journal,
            backoffs: BTreeMap::new(),
            chance: Chance::new(mode.seed),
            done: B256::ZERO,
            settled_at: 0,
            is_restart: true,
            _lock: lock,
        })
    }

    /// The account that pays.
    pub fn account(&self) -> Address {
        self.account
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Looks at the chain once, and does what is to be done. `clock` is this machine's time in seconds
    /// since 1970.
    ///
    /// # Errors
    ///
    /// See [`KeeperError`]. A later step goes on where this one ended.
    pub fn step(&mut self, clock: u64) -> Result<Step, KeeperError> {
        // Before the chain is read: what is settled is then in the blocks that are read.
        let settled = self.settle(clock)?;
        self.follower.advance()?;
        let head = self.follower.mirror().head;
        let mut step = Step { block: head.number, settled, sent: Vec::new() };
        let is_new = head.hash != self.done || !step.settled.is_empty();
        if head.hash == B256::ZERO || !is_new || head.number < self.settled_at {
            return Ok(step);
        }
        step.sent = self.act(clock)?;
        self.done = head.hash;
        Ok(step)
    }

    /// Writes where it is.
    ///
    /// # Errors
    ///
    /// See [`KeeperError`].
    pub fn save(&mut self) -> Result<(), KeeperError> {
        Ok(self.follower.save()?)
    }

    /// Finds out what became of transactions, and offers again what is still to come.
    fn settle(&mut self, clock: u64) -> Result<Vec<(Entry, Outcome)>, KeeperError> {
        let Some(sender) = &self.sender else { return Ok(Vec::new()) };
        if self.journal.entries().is_empty() {
            self.is_restart = false;
            return Ok(Vec::new());
        }
        let block = self.node.height()?;
        let next = self.node.nonce(self.account, "latest")?;
        let settled = self.journal.settle(&self.node, next)?;
        let refused = self.journal.renew(sender, block, self.is_restart)?;
        self.is_restart = false;
        for (entry, reason) in refused {
            tracing::warn!(nonce = entry.nonce, purpose = ?entry.purpose, reason, "refused");
            self.fail(&entry.purpose, clock);
        }
        for (entry, outcome) in &settled {
            tracing::info!(nonce = entry.nonce, purpose = ?entry.purpose, ?outcome, "settled");
            self.settled_at = self.settled_at.max(block);
            match (outcome, entry.purpose.account()) {
                (Outcome::Done, Some(account)) => drop(self.backoffs.remove(&account)),
                (Outcome::Done, None) => {}
                _ => self.fail(&entry.purpose, clock),
            }
        }
        Ok(settled)
    }

    /// Has what failed wait.
    fn fail(&mut self, purpose: &Purpose, clock: u64) {
        // What has no account of its own waits under the token or, for all reserves, the pool.
        let key = match purpose {
            Purpose::Flag { account } | Purpose::Liquidate { account, .. } => *account,
            Purpose::Sell { token, .. } | Purpose::Approve { token, .. } => *token,
            Purpose::Accrue => self.config.pool,
        };
        if self.backoffs.len() >= BACKOFFS_MAX {
            self.backoffs.retain(|_, backoff| !backoff.is_due(clock));
        }
        let backoff = self.backoffs.entry(key).or_default();
        backoff.fail(clock, RETRY_FIRST, RETRY_MOST, &mut self.chance);
    }

    fn may_try(&self, key: &Address, clock: u64) -> bool {
        self.backoffs.get(key).is_none_or(|backoff| backoff.is_due(clock))
    }

    fn reserve_of(&self, setting: &'static str, asset: Address) -> Result<usize, KeeperError> {
        let mirror = self.follower.mirror();
        mirror.reserve_id(asset).ok_or_else(|| {
            let known: Vec<String> =
                mirror.reserves.iter().map(|reserve| reserve.config.asset.to_string()).collect();
            KeeperError::Asset { setting, asset, known: known.join(", ") }
        })
    }

    fn amount_of(
        &self,
        setting: &'static str,
        text: &str,
        id: usize,
    ) -> Result<alloy_primitives::U256, KeeperError> {
        let decimals =
            self.follower.mirror().reserves.get(id).map_or(18, |reserve| reserve.config.decimals);
        Ok(config::amount(setting, text, decimals)?)
    }
}

/// A mirror of the pool of a configuration.
///
/// # Errors
///
/// See [`KeeperError`].
pub fn open_follower(
    node: &Node,
    config: &Config,
    chain_id: u64,
    is_reader: bool,
) -> Result<Follower, KeeperError> {
    let folder = config.state.join(MIRROR);
    let checkpoints = Checkpoints::open(&folder, chain_id, config.pool, is_reader)?;
    Ok(Follower::open(node.clone(), config.pool, config.from_block, checkpoints)?)
}
