//! Blocks that are made up: `eth_simulateV1`.
//!
//! In: a [`Request`], the header and state that the blocks build on, the rules of the chain, and
//! somebody who computes state roots. Out: whole blocks with headers, and the results of the calls.
//! What it does, and the words of its errors, are geth's.
//!
//! `plan` puts the blocks in order and fills gaps, `run` executes one, `transfers` makes logs of
//! ether that moves.

mod plan;
mod run;
mod transfers;

use crate::{
    Overlay, OverrideError,
    call::{CallError, Interrupt, MEMORY_BYTES_MAX, Refusal, RequestError, codes},
};
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types_eth::{
    BlockOverrides, TransactionRequest, simulate::SimCallResult, state::StateOverride,
};
use heddle_types::{Block, ChainSpec, ChangeSet, Header, Receipt};
use revm::DatabaseRef;
use serde::Deserialize;

/// Blocks that one request may simulate, those that fill gaps among them.
pub const BLOCKS_MAX: usize = 256;
/// Calls that one block may have.
pub const CALLS_PER_BLOCK_MAX: usize = 5_000;
/// Calls that all blocks may have together.
pub const CALLS_MAX: usize = 10_000;

/// What is to be simulated: the first parameter of `eth_simulateV1`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// The blocks, in order.
    pub block_state_calls: Vec<BlockRequest>,
    /// Whether ether that moves shows as a log.
    pub trace_transfers: bool,
    /// Whether nonces and base fees count as in a real block.
    pub validation: bool,
    /// Whether the answer has whole transactions; the answer is not made here.
    pub return_full_transactions: bool,
}

/// One block of a [`Request`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockRequest {
    /// Fields of the header that are given.
    #[serde(deserialize_with = "or_default")]
    pub block_overrides: Overrides,
    /// Changes of the state before the block.
    #[serde(deserialize_with = "or_default")]
    pub state_overrides: StateOverride,
    /// The transactions.
    #[serde(deserialize_with = "or_default")]
    pub calls: Vec<TransactionRequest>,
}

/// Fields of a header that are given, and withdrawals.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Overrides {
    /// The fields.
    #[serde(flatten)]
    pub header: BlockOverrides,
    /// Payments to validators.
    pub withdrawals: Option<Vec<Withdrawal>>,
}

/// `null` stands for nothing given.
fn or_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// How a simulation is bounded.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Gas that all calls may use together.
    pub gas_max: u64,
    /// Memory that a transaction may have.
    pub memory_bytes_max: u64,
    /// When to give up.
    pub interrupt: Interrupt,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gas_max: u64::MAX,
            memory_bytes_max: MEMORY_BYTES_MAX,
            interrupt: Interrupt::never(),
        }
    }
}

/// A block that was simulated.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The block; its transactions have signatures of zeros.
    pub block: Block,
    /// Keccak-256 of its header.
    pub hash: B256,
    /// Who sent each transaction.
    pub senders: Vec<Address>,
    /// The results as they are answered.
    pub calls: Vec<SimCallResult>,
    /// The receipts that the header commits to.
    pub receipts: Vec<Receipt>,
    /// The requests that the header commits to (EIP-7685).
    pub requests: Vec<Bytes>,
    /// What the block did, state overrides among it.
    pub changes: ChangeSet,
}

/// Why blocks cannot be simulated. `E` is an error of the state, `R` one of whoever computes roots.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError<E: std::error::Error + 'static, R: std::error::Error + 'static> {
    /// No block is given.
    #[error("empty input")]
    Empty,
    /// More blocks than a request may have.
    #[error("too many blocks")]
    TooManyBlocks,
    /// More calls than a block may have.
    #[error("too many calls in block: {0} > {CALLS_PER_BLOCK_MAX}")]
    TooManyCallsInBlock(usize),
    /// More calls than a request may have.
    #[error("too many calls: {0} > {CALLS_MAX}")]
    TooManyCalls(usize),
    /// A block comes not after the one before it.
    #[error("block numbers must be in order: {number} <= {before}")]
    Number {
        /// Its height.
        number: u64,
        /// The height before.
        before: u64,
    },
    /// A block is not later than the one before it.
    #[error("block timestamps must be in order: {time} <= {before}")]
    Time {
        /// Its time.
        time: u64,
        /// The time before.
        before: u64,
    },
    /// A field of a header is out of its range.
    #[error("block override {0:?} is too large")]
    Field(&'static str),
    /// The state cannot be overridden so.
    #[error("{0}")]
    Override(OverrideError<E>),
    /// A call asks for more gas than its block has left.
    #[error("block gas limit reached: remaining: {remaining}, required: {required}")]
    BlockGas {
        /// Gas that is left.
        remaining: u64,
        /// Gas that the call asks for.
        required: u64,
    },
    /// All calls together use more gas than they may.
    #[error("RPC gas cap exhausted: need {need}, remaining {remaining}")]
    GasCap {
        /// Gas that the call used.
        need: u64,
        /// Gas that was left.
        remaining: u64,
    },
    /// A call describes no transaction.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// A call is invalid.
    #[error("{message}")]
    Refused {
        /// geth's message.
        message: String,
        /// Which rule.
        refusal: Box<Refusal>,
    },
    /// A call could not run.
    #[error("{0}")]
    Call(CallError<E>),
    /// The state root could not be computed.
    #[error("computing the state root failed: {0}")]
    Root(#[source] R),
}

impl<E: std::error::Error + 'static, R: std::error::Error + 'static> SimulateError<E, R> {
    /// The code of the JSON-RPC error.
    pub fn code(&self) -> i32 {
        match self {
            Self::Empty | Self::Field(_) => codes::INVALID_PARAMS,
            Self::TooManyBlocks | Self::TooManyCallsInBlock(_) | Self::TooManyCalls(_) => {
                codes::CLIENT_LIMIT_EXCEEDED
            }
            Self::Number { .. } => codes::BLOCK_NUMBER_INVALID,
            Self::Time { .. } => codes::BLOCK_TIMESTAMP_INVALID,
            Self::BlockGas { .. } => codes::BLOCK_GAS_LIMIT_REACHED,
            Self::Refused { refusal, .. } => refusal.code,
            Self::Override(_)
            | Self::GasCap { .. }
            | Self::Request(_)
            | Self::Call(_)
            | Self::Root(_) => codes::SERVER_ERROR,
        }
    }
}

/// What blocks are simulated on.
#[derive(Clone, Copy, Debug)]
pub struct Base<'b> {
    /// The rules of the chain.
    pub spec: &'b ChainSpec,
    /// The header of the block that they build on.
    pub header: &'b Header,
}

/// Simulates the blocks of `request` on `state`, the state after `base`.
///
/// `state_root` is given what each block did, in order, and computes the root of the state after it.
///
/// # Errors
///
/// See [`SimulateError`].
pub fn simulate<DB: DatabaseRef<Error: 'static>, R: std::error::Error + 'static>(
    request: &Request,
    base: Base<'_>,
    state: DB,
    limits: &Limits,
    state_root: &mut dyn FnMut(&ChangeSet) -> Result<B256, R>,
) -> Result<Vec<Simulated>, SimulateError<DB::Error, R>> {
    let planned = plan::plan(request, base)?;
    let mut state = Overlay::new(state);
    state.set_block_hash(base.header.number, base.header.hash_slow());
    let mut gas_left = limits.gas_max;
    let mut blocks: Vec<Simulated> = Vec::with_capacity(planned.len());
    for planned in planned {
        let parent = blocks.last().map_or(base.header, |block| &block.block.header);
        let run = run::BlockRun { request, spec: base.spec, limits, parent, planned };
        let simulated = run.execute(&mut state, &mut gas_left, state_root)?;
        state.set_block_hash(simulated.block.header.number, simulated.hash);
        blocks.push(simulated);
    }
    Ok(blocks)
}
