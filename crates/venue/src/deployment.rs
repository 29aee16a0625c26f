//! The venue as signed transactions, in blocks.
//!
//! The reporters of a feed are appointed a day after they were announced, so the blocks are of the last
//! two days before the time that is asked for, and the last one is of that time. Nothing is read back
//! from a chain: where things are and what they will answer is known beforehand.

mod exchange;
mod governance;
mod lending;
mod oracle;
mod script;
mod staking;
mod tokens;

use crate::{HOLDERS, Keys};
use alloy_primitives::{Address, U256};
use alloy_signer_local::LocalSignerError;
use heddle_types::RecoveredTransaction;
use script::{Actor, Script};

/// Seconds from before the first block to the last: the chain's first block must be as old.
pub const SPAN: u64 = 2 * DAY;

/// Gas that each block may hold, at least.
pub const GAS_LIMIT: u64 = 30_000_000;

/// Fewest accounts: so many are the security council.
pub const ACCOUNTS_MIN: usize = HOLDERS;

/// So many of the accounts get tokens, at most.
const ACCOUNTS_MAX: usize = 10;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// When feeds answer and markets are set up, in seconds before the end. The transactions fit into
/// fewer blocks than that, each a second after the other.
const LAUNCH: u64 = 60;

/// When pools are made, in seconds before the end: so long that there is a mean price at the end.
const OPENING: u64 = HOUR;

/// What a deployment depends on.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// UNIX seconds of the last block.
    pub end: u64,
    /// Who uses the chain: the first five are the security council and have votes, the first ten get
    /// tokens.
    pub accounts: &'a [Address],
}

/// All of the venue.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Ether that accounts must have before the first block, in wei.
    pub funding: Vec<(Address, U256)>,
    /// In order.
    pub blocks: Vec<Block>,
}

/// A block to be made.
#[derive(Clone, Debug)]
pub struct Block {
    /// UNIX seconds.
    pub timestamp: u64,
    /// The steps, whose gas limits together are at most [`GAS_LIMIT`].
    pub steps: Vec<Step>,
}

/// A transaction, and what it is for.
#[derive(Clone, Debug)]
pub struct Step {
    /// The contract's name and what is called, for people.
    pub name: String,
    /// The signed transaction (EIP-1559).
    pub transaction: RecoveredTransaction,
}

/// Why there is no deployment.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// Too few accounts.
    #[error(
        "the venue's council are {ACCOUNTS_MIN} accounts, but the chain has {there}; give it more"
    )]
    Accounts {
        /// How many there are.
        there: usize,
    },
    /// The last block would be before two days after the start of UNIX time.
    #[error(
        "the venue's blocks take {SPAN} seconds, so they cannot end at {end}; give a later time"
    )]
    End {
        /// UNIX seconds.
        end: u64,
    },
    /// The keys cannot be derived.
    #[error("the venue's development keys cannot be derived")]
    Keys(#[from] LocalSignerError),
    /// A transaction or an observation cannot be signed.
    #[error("a transaction of the venue cannot be signed")]
    Sign(#[from] alloy_signer::Error),
}

impl Deployment {
    /// The transactions for a chain.
    ///
    /// # Errors
    ///
    /// [`DeploymentError`].
    pub fn new(settings: &Settings<'_>) -> Result<Self, DeploymentError> {
        let Settings { chain_id, end, accounts } = *settings;
        let there = accounts.len();
        let council = accounts.get(..ACCOUNTS_MIN).ok_or(DeploymentError::Accounts { there })?;
        let begin = end.checked_sub(SPAN).ok_or(DeploymentError::End { end })?;
        let users = &accounts[..there.min(ACCOUNTS_MAX)];
        let mut script = Script::new(Keys::development()?, chain_id);

        script.at(begin + LAUNCH);
        tokens::create(&mut script)?;
        governance::create(&mut script, council)?;
        oracle::create(&mut script)?;
        exchange::create(&mut script)?;
        lending::create(&mut script)?;
        staking::create(&mut script)?;
        tokens::distribute(&mut script, users)?;
        governance::delegate(&mut script, council, end)?;
        oracle::announce(&mut script)?;

        script.at(end - OPENING);
        oracle::appoint(&mut script)?;
        exchange::open(&mut script, end)?;
        exchange::observe(&mut script)?;

        script.at(end - LAUNCH);
        oracle::report(&mut script)?;
        oracle::insure(&mut script, end)?;
        lending::launch(&mut script)?;
        staking::launch(&mut script)?;

        script.at(end);
        exchange::observe(&mut script)?;
        oracle::hand_over(&mut script)?;
        lending::hand_over(&mut script)?;
        staking::hand_over(&mut script)?;
        let funding = funding(&script.keys);
        Ok(Self { funding, blocks: script.finish() })
    }
}

/// Ether for fees, and what is wrapped.
fn funding(keys: &Keys) -> Vec<(Address, U256)> {
    let fees = U256::from(100) * script::ETHER;
    let mut funding =
        vec![(keys.deployer.address(), fees), (keys.installer.address(), fees + tokens::WRAPPED)];
    funding.extend(keys.reporter_addresses().into_iter().map(|reporter| (reporter, fees)));
    funding
}
