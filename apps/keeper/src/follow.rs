//! Keeps a mirror in step with the chain.

use crate::{
    checkpoint::{CheckpointError, Checkpoints},
    mirror::{Head, Mirror, MirrorError},
    reserve::{Answer, Market},
};
use alloy_primitives::{Address, B256, U256};
use heddle_client::{At, Block, Log, LogFilter, Node, RpcError, files::FileError};
use heddle_venue::contracts::{lending_pool::LendingPool, price_feed::PriceFeed};
use std::collections::BTreeMap;

/// Most blocks whose events are asked for at once.
const STEP_MAX: u64 = 2_000;
/// Most times that one look at the chain begins again because the chain changed meanwhile.
const RESTARTS_MAX: u32 = 8;

/// Why the chain cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An event.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The node gives what was not asked for.
    #[error("the node gave an event of block {0} that was not asked for; do not trust it")]
    Stray(u64),
    /// A number that does not fit.
    #[error("reserve {0} is configured as no pool can be; is the pool's address right?")]
    Configuration(usize),
    /// The chain does not stand still for the time of one look.
    #[error("the chain was reorganised {RESTARTS_MAX} times while it was read")]
    Restless,
}

impl From<FileError> for FollowError {
    fn from(error: FileError) -> Self {
        Self::Checkpoint(error.into())
    }
}

/// A mirror that follows the chain of a node.
#[derive(Debug)]
pub struct Follower {
    node: Node,
    pool: Address,
    from_block: u64,
    step: u64,
    checkpoints: Checkpoints,
    mirror: Mirror,
}

/// What became of a look at some blocks.
enum Taken {
    Done,
    /// They are not behind those of the mirror.
    Reorganised,
    /// They changed while they were read.
    Changed,
}

impl Follower {
    /// Goes on from the newest checkpoint, or will begin with `from_block`.
    ///
    /// # Errors
    ///
    /// See [`FollowError`].
    pub fn open(
        node: Node,
        pool: Address,
        from_block: u64,
        checkpoints: Checkpoints,
    ) -> Result<Self, FollowError> {
        let mut follower =
            Self { node, pool, from_block, step: STEP_MAX, checkpoints, mirror: Mirror::default() };
        follower.roll_back()?;
        Ok(follower)
    }

    /// The pool as of the block that was read last.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Reads what is new. Gives whether anything was; whatever a reorganisation undid is forgotten.
    ///
    /// # Errors
    ///
    /// See [`FollowError`]. What was read until then stays.
    pub fn advance(&mut self) -> Result<bool, FollowError> {
        let before = self.mirror.head;
        let mut restarts = 0;
        loop {
            let latest = self.node.block(At::Latest)?;
            let next = self.next();
            let is_at_head = self.is_begun() && self.mirror.head.hash == latest.hash;
            if is_at_head || (!self.is_begun() && latest.number < next) {
                self.refresh()?;
                return Ok(self.mirror.head != before);
            }
            let taken = if latest.number < next {
                Taken::Reorganised
            } else {
                self.take(next, latest.number.min(next.saturating_add(self.step - 1)))?
            };
            match taken {
                Taken::Done => continue,
                Taken::Reorganised => self.roll_back()?,
                Taken::Changed => {}
            }
            restarts += 1;
            if restarts > RESTARTS_MAX {
                return Err(FollowError::Restless);
            }
        }
    }

    /// Writes where it is, so that the next start is quick.
    ///
    /// # Errors
    ///
    /// See [`FollowError`].
    pub fn save(&mut self) -> Result<(), FollowError> {
        if self.is_begun() {
            self.checkpoints.save(&self.mirror)?;
        }
        Ok(())
    }

    /// What feeds answer as of the mirror's block, by reserve.
    ///
    /// # Errors
    ///
    /// See [`FollowError`]; a feed that reverts has no answer, which is no error.
    pub fn answers(&self) -> Result<Vec<Option<Answer>>, FollowError> {
        let call = |reserve: &crate::reserve::Reserve| {
            (reserve.config.feed, PriceFeed::latestRoundDataCall {})
        };
        let calls: Vec<_> = self.mirror.reserves.iter().map(call).collect();
        let rounds = self.node.read_all(&calls, At::Hash(self.mirror.head.hash))?;
        let answer = |round: Result<PriceFeed::latestRoundDataReturn, RpcError>| match round {
            // Round, answer, when it began, when it ended, round that answered.
            Ok(PriceFeed::latestRoundDataReturn {
                _0: round,
                _1: value,
                _3: updated_at,
                _4: by,
                ..
            }) => {
                let is_complete = !updated_at.is_zero() && by >= round;
                Ok(Some(Answer { value, updated_at, is_complete }))
            }
            Err(error) if is_revert(&error) => Ok(None),
            Err(error) => Err(error.into()),
        };
        rounds.into_iter().map(answer).collect()
    }

    /// All reserves as of a second, if the feeds answer so then.
    ///
    /// # Errors
    ///
    /// [`FollowError::Configuration`].
    pub fn markets(
        &self,
        answers: &[Option<Answer>],
        now: u64,
    ) -> Result<Vec<Market>, FollowError> {
        let gap = self.mirror.terms.sync_gap;
        let reserves = self.mirror.reserves.iter().enumerate();
        let market = |(id, reserve): (usize, &crate::reserve::Reserve)| {
            let answer = answers.get(id).and_then(Option::as_ref);
            reserve.market(answer, gap, now).ok_or(FollowError::Configuration(id))
        };
        reserves.map(market).collect()
    }

    fn is_begun(&self) -> bool {
        self.mirror.head.hash != B256::ZERO
    }

    fn next(&self) -> u64 {
        if self.is_begun() { self.mirror.head.number.saturating_add(1) } else { self.from_block }
    }

    fn roll_back(&mut self) -> Result<(), FollowError> {
        self.mirror = self.checkpoints.newest(&self.node)?.unwrap_or_default();
        tracing::debug!(block = self.mirror.head.number, "goes on from a checkpoint");
        Ok(())
    }

    /// Reads some blocks. Their last is looked at before and after the events, which are of one chain then.
    fn take(&mut self, from: u64, to: u64) -> Result<Taken, FollowError> {
        let first = self.node.block(At::Number(from))?;
        if self.is_begun() && first.parent_hash != self.mirror.head.hash {
            return Ok(Taken::Reorganised);
        }
        let last = if from == to { first } else { self.node.block(At::Number(to))? };
        let filter = LogFilter { addresses: vec![self.pool], kinds: Vec::new(), from, to };
        let logs = match self.node.logs(&filter) {
            Ok(logs) => logs,
            // Too many at once, it may be.
            Err(error) if from == to => return Err(error.into()),
            Err(error) => {
                tracing::debug!(%error, from, to, "asks for fewer blocks");
                self.step = (self.step / 2).max(1);
                return Ok(Taken::Done);
            }
        };
        let stray = |log: &&Log| {
            log.address != self.pool || !(from..=to).contains(&log.block_number.to::<u64>())
        };
        if let Some(log) = logs.iter().find(stray) {
            return Err(FollowError::Stray(log.block_number.to()));
        }
        let times = self.times(&logs)?;
        if self.node.block(At::Number(to))?.hash != last.hash {
            return Ok(Taken::Changed);
        }
        self.apply(&logs, &times, last)?;
        self.step = self.step.saturating_mul(2).min(STEP_MAX);
        Ok(Taken::Done)
    }

    fn apply(
        &mut self,
        logs: &[Log],
        times: &BTreeMap<u64, u64>,
        last: Block,
    ) -> Result<(), FollowError> {
        for log in logs {
            let number = log.block_number.to::<u64>();
            let time = times.get(&number).copied().unwrap_or(last.timestamp);
            if let Err(error) = self.mirror.apply(log, time) {
                // Half of a step is no state of the pool.
                self.roll_back()?;
                return Err(error.into());
            }
        }
        self.mirror.head = Head { number: last.number, hash: last.hash, timestamp: last.timestamp };
        // Not before the configuration is there.
        if !self.mirror.is_config_old {
            self.checkpoints.save_if_due(&self.mirror)?;
        }
        Ok(())
    }

    /// Seconds of the blocks that events are in.
    fn times(&self, logs: &[Log]) -> Result<BTreeMap<u64, u64>, FollowError> {
        let mut times = BTreeMap::new();
        for log in logs {
            let number = log.block_number.to::<u64>();
            if times.contains_key(&number) {
                continue;
            }
            let time = match log.block_timestamp {
                Some(time) => time.to(),
                None => self.node.block(At::Number(number))?.timestamp,
            };
            times.insert(number, time);
        }
        Ok(times)
    }

    /// Reads how reserves are configured, if events said that it changed.
    fn refresh(&mut self) -> Result<(), FollowError> {
        if !self.mirror.is_config_old {
            return Ok(());
        }
        let id = |id: usize| (self.pool, LendingPool::reserveAtCall { id: U256::from(id) });
        let calls: Vec<_> = (0..self.mirror.reserves.len()).map(id).collect();
        let found = self.node.read_all(&calls, At::Hash(self.mirror.head.hash))?;
        for (id, config) in found.into_iter().enumerate() {
            let config = config?;
            let reserve = self.mirror.reserves.get_mut(id).ok_or(FollowError::Configuration(id))?;
            if config.asset != reserve.config.asset
                || config.decimals > 18
                || config.feedDecimals > 18
            {
                return Err(FollowError::Configuration(id));
            }
            reserve.config = crate::reserve::Config {
                asset: config.asset,
                decimals: config.decimals,
                ltv: config.ltv.into(),
                liquidation_threshold: config.liquidationThreshold.into(),
                feed: config.feed,
                feed_decimals: config.feedDecimals,
                heartbeat: config.heartbeat.into(),
                jump_max: config.jumpMax.into(),
                jump_window: config.jumpWindow.into(),
                reserve_factor: config.reserveFactor.into(),
                discount_min: config.discountMin.into(),
                discount_max: config.discountMax.into(),
            };
        }
        self.mirror.is_config_old = false;
        self.checkpoints.save_if_due(&self.mirror)?;
        Ok(())
    }
}

/// Whether a contract said no, and not the node.
pub fn is_revert(error: &RpcError) -> bool {
    match error {
        RpcError::Refused { message, data, .. } => {
            data.is_some() || message.to_lowercase().contains("revert")
        }
        RpcError::Return { .. } => true,
        _ => false,
    }
}
