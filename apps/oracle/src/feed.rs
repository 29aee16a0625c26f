//! A feed as the chain has it.

use crate::book::{Committee, REPORTERS_MAX};
use crate::decimal::DECIMALS_MAX;
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolInterface};
use heddle_client::{At, Node, RpcError};
use heddle_venue::contracts::{
    price_feed::PriceFeed::{self, PriceFeedErrors, SignedObservation},
    reporter_registry::ReporterRegistry,
};

/// Why a feed cannot be reported for.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The contract has something that no such contract has.
    #[error("the feed {feed} has a wrong {what}; is it a PriceFeed?")]
    Contract {
        /// Which.
        feed: Address,
        /// What is wrong.
        what: &'static str,
    },
    /// Observations would be too old when they are reported.
    #[error(
        "the feed {feed} takes observations of {age_max} s at most; set `attempt_seconds` to {} or less",
        .age_max / 2
    )]
    Attempt {
        /// Which.
        feed: Address,
        /// Seconds.
        age_max: u64,
    },
}

/// What never changes of a feed.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The contract.
    pub feed: Address,
    /// Who reports for it.
    pub registry: Address,
    /// Such as `ETH / USD`.
    pub description: String,
    /// Digits behind the point.
    pub decimals: u8,
    /// Seconds after which a report is taken though little has changed.
    pub heartbeat: u64,
}

/// What a feed is at now.
#[derive(Clone, Debug)]
pub struct Head {
    /// The round of the next report.
    pub next_round: u32,
    /// Who reports.
    pub committee: Committee,
}

impl Facts {
    /// Asks the chain. `attempt_seconds` is checked against what the feed takes.
    ///
    /// # Errors
    ///
    /// See [`FeedError`].
    pub fn read(node: &Node, feed: Address, attempt_seconds: u32) -> Result<Self, FeedError> {
        let wrong = |what| FeedError::Contract { feed, what };
        let number = |value: U256, what| u64::try_from(value).map_err(|_| wrong(what));
        let decimals = read(node, feed, &PriceFeed::decimalsCall {})?;
        if decimals > DECIMALS_MAX {
            return Err(wrong("number of decimals: more than 36"));
        }
        let age_max = read(node, feed, &PriceFeed::observationAgeMaxCall {})?;
        let age_max = number(age_max, "age of observations")?;
        if u64::from(attempt_seconds) * 2 > age_max {
            return Err(FeedError::Attempt { feed, age_max });
        }
        let heartbeat = read(node, feed, &PriceFeed::heartbeatCall {})?;
        let description = read(node, feed, &PriceFeed::descriptionCall {})?;
        Ok(Self {
            feed,
            registry: read(node, feed, &PriceFeed::registryCall {})?,
            description: heddle_client::visible(&description.chars().take(100).collect::<String>()),
            decimals,
            heartbeat: number(heartbeat, "heartbeat")?,
        })
    }

    /// What it is at.
    ///
    /// # Errors
    ///
    /// See [`FeedError`].
    pub fn head(&self, node: &Node) -> Result<Head, FeedError> {
        let wrong = |what| FeedError::Contract { feed: self.feed, what };
        let last = read(node, self.feed, &PriceFeed::latestRoundCall {})?;
        let next_round = u32::try_from(last).ok().and_then(|last| last.checked_add(1));
        let call = ReporterRegistry::committeeCall { feed: self.feed };
        let committee = read(node, self.registry, &call)?;
        if committee.list.len() % 20 != 0 || committee.list.len() / 20 > REPORTERS_MAX {
            return Err(wrong("list of reporters"));
        }
        Ok(Head {
            next_round: next_round.ok_or_else(|| wrong("round"))?,
            committee: Committee {
                seats: committee.list.chunks_exact(20).map(Address::from_slice).collect(),
                active: u32::try_from(committee.active).map_err(|_| wrong("set of seats"))?,
                quorum: usize::try_from(committee.quorum).map_err(|_| wrong("quorum"))?,
                is_whole: committee.isWhole,
            },
        })
    }
}

fn read<C: SolCall>(node: &Node, to: Address, call: &C) -> Result<C::Return, RpcError> {
    node.read(to, call, At::Latest)
}

/// What a report would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It would be taken.
    Good(Bytes),
    /// The round is over: another report was faster.
    Over,
    /// Too little has changed.
    NoNews,
    /// The contract refuses it, in its words.
    Refused(String),
}

/// Tries a report on what the next block begins with. `from` is who would send it.
///
/// # Errors
///
/// See [`RpcError`].
pub fn try_report(
    node: &Node,
    from: Address,
    feed: Address,
    (round, attempt): (u32, u32),
    observations: Vec<SignedObservation>,
) -> Result<Prospect, RpcError> {
    let call = PriceFeed::submitCall { round, attempt, observations };
    // As of the last block its time would be over already.
    let Err(error) = node.simulate(Some(from), feed, &call, At::Pending) else {
        return Ok(Prospect::Good(call.abi_encode().into()));
    };
    let Some(data) = error.revert_data() else { return Err(error) };
    Ok(match PriceFeedErrors::abi_decode(data) {
        Ok(PriceFeedErrors::WrongRound(_)) => Prospect::Over,
        Ok(PriceFeedErrors::NoNews(_)) => Prospect::NoNews,
        Ok(other) => Prospect::Refused(format!("{other:?}")),
        Err(_) => Prospect::Refused(error.to_string()),
    })
}
