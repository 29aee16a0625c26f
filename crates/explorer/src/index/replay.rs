//! Executing a block again to see what its receipts do not tell: internal calls, who had to wait
//! for whom, and balances of tokens.

use super::IndexError;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, TxKind, map::AddressSet};
use heddle_chain::{ChainReader, Error as ChainError, ExecutionState};
use heddle_executor::{
    Invalid, Overlay,
    call::{Environment, Interrupt, begin_block, commit},
    tracing::{Activity, activity},
};
use heddle_types::RecoveredBlock;

/// A block that was executed again.
#[derive(Debug)]
pub(crate) struct Replay {
    /// What each transaction did; nothing for plain transfers of a block that has no others.
    pub(crate) observed: Vec<Activity>,
    /// The state after the last transaction.
    pub(crate) after: Overlay<ExecutionState>,
    pub(crate) environment: Environment,
}

/// Executes a block again, unless its state is not kept.
///
/// A block in which nobody's code can run is not executed: its transactions do what they say.
pub(crate) fn replay(
    reader: &ChainReader,
    block: &RecoveredBlock,
) -> Result<Option<Replay>, IndexError> {
    let number = block.block.header.number;
    let (input, state) = match reader.replay(number) {
        Ok(replay) => replay,
        Err(ChainError::StatePruned { .. } | ChainError::NoBlock(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let runs_code = can_run_code(&state, block)?;
    let mut after = Overlay::new(state);
    let interrupt = Interrupt::never();
    let executable = input.block(Invalid::Reject);
    let mut environment = Environment::of(&executable);
    // The block stands, whoever sent its transactions: a development chain impersonates.
    environment.checks.sender_code = false;
    let mut observed = Vec::with_capacity(input.transactions.len());
    if !runs_code {
        observed.resize_with(input.transactions.len(), Activity::default);
        return Ok(Some(Replay { observed, after, environment }));
    }
    let failed = |source| IndexError::Replay { number, source: Box::new(source) };
    begin_block(&mut after, &environment, &executable, &interrupt).map_err(failed)?;
    for transaction in &input.transactions {
        let (seen, outcome) =
            activity(&mut after, &environment, transaction, &interrupt).map_err(failed)?;
        commit(&mut after, &environment, &outcome).map_err(failed)?;
        observed.push(seen);
    }
    Ok(Some(Replay { observed, after, environment }))
}

/// Whether a transaction of the block can run code: one that creates, one that lets accounts have
/// code (EIP-7702), or one to an account with code. If there is none, no account gets code either.
fn can_run_code(state: &ExecutionState, block: &RecoveredBlock) -> Result<bool, IndexError> {
    let mut plain = AddressSet::default();
    for transaction in &block.block.body.transactions {
        let TxKind::Call(to) = transaction.kind() else { return Ok(true) };
        if transaction.authorization_list().is_some_and(|list| !list.is_empty()) {
            return Ok(true);
        }
        if plain.insert(to) && has_code(state, to)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_code(state: &ExecutionState, address: Address) -> Result<bool, IndexError> {
    let account = state.account(address)?;
    let hash = account.map_or(KECCAK256_EMPTY, |account| account.code_hash);
    Ok(hash != KECCAK256_EMPTY && hash != B256::ZERO)
}
