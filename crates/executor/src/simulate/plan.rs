//! Which blocks there will be, and what is known of their headers beforehand.

use super::{
    BLOCKS_MAX, Base, BlockRequest, CALLS_MAX, CALLS_PER_BLOCK_MAX, Request, SimulateError,
};
use alloy_consensus::constants::EMPTY_WITHDRAWALS;
use alloy_primitives::{B256, U256};
use heddle_types::{Fork, Header};
use std::borrow::Cow;

/// Seconds from one block to the next unless its time is given.
const SECONDS_PER_BLOCK: u64 = 12;

/// A block that will be simulated.
#[derive(Debug)]
pub(super) struct Planned<'r> {
    pub(super) request: Cow<'r, BlockRequest>,
    pub(super) fork: Fork,
    /// What does not depend on the parent or on execution.
    pub(super) header: Header,
}

/// The blocks of `request`, in order and without gaps.
pub(super) fn plan<'r, E, R>(
    request: &'r Request,
    base: Base<'_>,
) -> Result<Vec<Planned<'r>>, SimulateError<E, R>>
where
    E: std::error::Error + 'static,
    R: std::error::Error + 'static,
{
    check_size(request)?;
    let mut planned: Vec<Planned<'r>> = Vec::new();
    let mut last = (base.header.number, base.header.timestamp);
    for block in &request.block_state_calls {
        let overrides = &block.block_overrides.header;
        let number = match overrides.number {
            Some(number) => number.try_into().map_err(|_| SimulateError::Field("number"))?,
            None => last.0 + 1,
        };
        if number <= last.0 {
            return Err(SimulateError::Number { number, before: last.0 });
        }
        if number - base.header.number > BLOCKS_MAX as u64 {
            return Err(SimulateError::TooManyBlocks);
        }
        while last.0 + 1 < number {
            last = (last.0 + 1, last.1.saturating_add(SECONDS_PER_BLOCK));
            let filler = Cow::Owned(BlockRequest::default());
            let parent = planned.last().map_or(base.header, |block| &block.header);
            planned.push(Planned::new(filler, parent, last, base)?);
        }
        let time = overrides.time.unwrap_or_else(|| last.1.saturating_add(SECONDS_PER_BLOCK));
        if time <= last.1 {
            return Err(SimulateError::Time { time, before: last.1 });
        }
        last = (number, time);
        let parent = planned.last().map_or(base.header, |block| &block.header);
        planned.push(Planned::new(Cow::Borrowed(block), parent, last, base)?);
    }
    Ok(planned)
}

fn check_size<E, R>(request: &Request) -> Result<(), SimulateError<E, R>>
where
    E: std::error::Error + 'static,
    R: std::error::Error + 'static,
{
    let blocks = &request.block_state_calls;
    if blocks.is_empty() {
        return Err(SimulateError::Empty);
    }
    if blocks.len() > BLOCKS_MAX {
        return Err(SimulateError::TooManyBlocks);
    }
    let calls = |block: &BlockRequest| block.calls.len();
    if let Some(calls) = blocks.iter().map(calls).find(|calls| *calls > CALLS_PER_BLOCK_MAX) {
        return Err(SimulateError::TooManyCallsInBlock(calls));
    }
    let calls = blocks.iter().map(calls).sum();
    if calls > CALLS_MAX { Err(SimulateError::TooManyCalls(calls)) } else { Ok(()) }
}

impl<'r> Planned<'r> {
    fn new<E, R>(
        request: Cow<'r, BlockRequest>,
        parent: &Header,
        (number, timestamp): (u64, u64),
        base: Base<'_>,
    ) -> Result<Self, SimulateError<E, R>>
    where
        E: std::error::Error + 'static,
        R: std::error::Error + 'static,
    {
        let overrides = &request.block_overrides.header;
        let spec = base.spec;
        // Forks by time come after the merge.
        let proof_of_stake = parent.difficulty.is_zero()
            || spec.starts_after_merge()
            || spec.forks.fork_at(number, timestamp) >= Fork::Merge;
        let fork = spec.fork_at(number, timestamp, proof_of_stake);
        let base_fee = overrides.base_fee.map(u64::try_from).transpose();
        let base_fee = base_fee.map_err(|_| SimulateError::Field("baseFeePerGas"))?;
        let difficulty = if proof_of_stake { U256::ZERO } else { parent.difficulty };
        let header = Header {
            number,
            timestamp,
            difficulty: overrides.difficulty.unwrap_or(difficulty),
            gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
            beneficiary: overrides.coinbase.unwrap_or(parent.beneficiary),
            mix_hash: overrides.random.unwrap_or_default(),
            base_fee_per_gas: base_fee,
            withdrawals_root: (fork >= Fork::Shanghai).then_some(EMPTY_WITHDRAWALS),
            parent_beacon_block_root: (fork >= Fork::Cancun)
                .then(|| overrides.beacon_root.unwrap_or(B256::ZERO)),
            ..Header::default()
        };
        Ok(Self { request, fork, header })
    }
}
