//! The DeFi venue on a development chain: its blocks are made when the chain starts.

use alloy_primitives::Address;
use heddle_chain::{Chain, ChainReader};
use heddle_producer::{AccountAmendment, Producer};
use heddle_solidity::verify::{BuildInfo, BuildInfoError};
use heddle_types::Fork;
use heddle_venue::{
    Block, Deployment, DeploymentError, GAS_LIMIT, SPAN, Settings,
    addresses::{ALL, INSTALLER},
};
use std::{io, ops::RangeInclusive, time::Instant};

/// The rules that its contracts are compiled for, and the last ones that its gas limits are for: from
/// Amsterdam on a new byte of state costs many times as much.
const FORKS: RangeInclusive<Fork> = Fork::Cancun..=Fork::Osaka;

/// Why the venue is not put on a chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VenueError {
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    #[error("the venue needs the rules of cancun, prague or osaka; leave --hardfork out")]
    Fork,
    #[error(
        "the venue needs blocks of {GAS_LIMIT} gas, and this chain's hold {0}; give --gas-limit \
         {GAS_LIMIT} or more, or leave it out"
    )]
    GasLimit(u64),
    #[error(
        "the venue's blocks are of the last {SPAN} seconds, but the first block is of {first}; give \
         --timestamp {latest} or an earlier time, or leave it out"
    )]
    Timestamp { first: u64, latest: u64 },
    #[error(
        "the venue is put on a chain that has its first block only, but this one has others, and not \
         the whole of this venue; begin another chain, or leave --venue out"
    )]
    NotNew,
    #[error("the venue's step `{0}` failed: is --code-size-limit the usual one?")]
    Step(String),
    #[error("the block of the venue that begins with `{step}` cannot be made")]
    Block { step: String, source: Box<heddle_producer::Error> },
    #[error("the sources of the venue, which came with this program, cannot be read")]
    Sources(#[from] io::Error),
    #[error("the sources of the venue, which came with this program, are damaged")]
    BuildInfo(#[from] BuildInfoError),
    #[error(transparent)]
    Producer(#[from] heddle_producer::Error),
    #[error(transparent)]
    Chain(#[from] heddle_chain::Error),
}

/// The sources of its contracts.
pub(super) fn build_info() -> Result<BuildInfo, VenueError> {
    Ok(BuildInfo::of_json(&heddle_venue::build_info()?)?)
}

/// The time of a first block after which there is room for the venue's, in UNIX seconds.
pub(super) fn first_block_time(now: u64) -> u64 {
    now.saturating_sub(SPAN)
}

/// Puts the venue on a chain, unless it is there: from the first block's state on, whatever the pool
/// has, in blocks that end at `now` (UNIX seconds). The first of the accounts govern it, and they get
/// tokens.
pub(super) fn deploy(
    producer: &Producer,
    accounts: &[Address],
    now: u64,
) -> Result<(), VenueError> {
    let begin = Instant::now();
    let chain = producer.chain();
    let reader = chain.reader();
    let settings = Settings { chain_id: chain.spec().chain_id, end: now, accounts };
    let Deployment { funding, blocks } = Deployment::new(&settings)?;
    let steps = blocks.iter().map(|block| block.steps.len()).sum::<usize>();
    if is_there(&reader, &blocks)? {
        tracing::info!("the venue is there already");
        return Ok(());
    }
    check(chain, now)?;
    let amendment = |balance| AccountAmendment { balance: Some(balance), ..Default::default() };
    producer.amend(funding.into_iter().map(|(who, wei)| (who, amendment(wei))).collect())?;
    let count = blocks.len();
    for block in blocks {
        make(producer, block)?;
    }
    let milliseconds = begin.elapsed().as_millis() as u64;
    tracing::info!(
        contracts = ALL.len(),
        steps,
        blocks = count,
        milliseconds,
        "deployed the venue"
    );
    Ok(())
}

/// Whether the installer has sent all of its transactions, the last of which gives up its roles.
fn is_there(reader: &ChainReader, blocks: &[Block]) -> Result<bool, VenueError> {
    let steps = blocks.iter().flat_map(|block| &block.steps);
    let all = steps.filter(|step| step.transaction.sender == INSTALLER).count() as u64;
    let account = reader.state().account(INSTALLER).map_err(heddle_chain::Error::from)?;
    Ok(account.is_some_and(|account| account.nonce >= all))
}

/// Whether the venue can be put on a chain.
fn check(chain: &Chain, now: u64) -> Result<(), VenueError> {
    let reader = chain.reader();
    let head = &reader.head().header;
    if head.number != reader.first() {
        return Err(VenueError::NotNew);
    }
    if !FORKS.contains(&chain.spec().forks.fork_at(head.number, head.timestamp)) {
        return Err(VenueError::Fork);
    }
    if head.gas_limit < GAS_LIMIT {
        return Err(VenueError::GasLimit(head.gas_limit));
    }
    let latest = first_block_time(now);
    if head.timestamp > latest {
        return Err(VenueError::Timestamp { first: head.timestamp, latest });
    }
    Ok(())
}

fn make(producer: &Producer, block: Block) -> Result<(), VenueError> {
    let Block { timestamp, steps } = block;
    let (names, transactions): (Vec<String>, Vec<_>) =
        steps.into_iter().map(|step| (step.name, step.transaction)).unzip();
    let made = producer.make_block_at(timestamp, transactions).map_err(|source| {
        let step = names.first().cloned().unwrap_or_default();
        VenueError::Block { step, source: Box::new(source) }
    })?;
    let failed = names.into_iter().zip(&made.receipts).find(|(_, receipt)| !receipt.success);
    failed.map_or(Ok(()), |(name, _)| Err(VenueError::Step(name)))
}
