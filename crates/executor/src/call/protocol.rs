//! What the protocol does around the transactions of a block, on an overlay.

use super::{CallError, Environment, Interrupt, system_call};
use crate::{Block, BlockError, Overlay, dao, protocol};
use alloy_primitives::{Bytes, KECCAK256_EMPTY};
use heddle_types::{Fork, Receipt};
use revm::DatabaseRef;

/// Does what the protocol does before the first transaction of `block`: system calls, and the
/// moving of the DAO's balances. To trace a transaction of a block, do this, then run the ones
/// before it.
///
/// # Errors
///
/// See [`CallError`].
pub fn begin_block<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    block: &Block<'_>,
    interrupt: &Interrupt,
) -> Result<(), CallError<DB::Error>> {
    for call in protocol::calls_before(block) {
        let outcome = system_call(state, environment, &call.transaction, interrupt)?;
        commit(state, environment, &outcome)?;
    }
    for address in protocol::drained(block) {
        let account = state.account(*address).map_err(CallError::Database)?;
        let Some(account) = account else { continue };
        let emptied =
            state.change_account(*address, |account| account.balance = Default::default());
        emptied.map_err(CallError::Database)?;
        state.pay(dao::BENEFICIARY, account.balance).map_err(CallError::Database)?;
    }
    Ok(())
}

/// Does what the protocol does after the last transaction of `block`: withdrawals, rewards, and
/// system calls. Returns the requests (EIP-7685).
///
/// # Errors
///
/// See [`CallError`]; a system contract that must answer and does not is [`CallError::Block`].
pub fn end_block<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    block: &Block<'_>,
    receipts: &[Receipt],
    interrupt: &Interrupt,
) -> Result<Vec<Bytes>, CallError<DB::Error>> {
    for (address, amount) in protocol::payments_after(block) {
        state.pay(address, amount).map_err(CallError::Database)?;
    }
    let mut requests = Vec::new();
    requests.extend(protocol::deposit_requests(block, receipts)?);
    for call in protocol::calls_after(block) {
        let account = state.account(call.contract).map_err(CallError::Database)?;
        if account.is_none_or(|account| account.code_hash == KECCAK256_EMPTY) {
            return Err(call.no_code().into());
        }
        let outcome = system_call(state, environment, &call.transaction, interrupt)?;
        commit(state, environment, &outcome)?;
        requests.extend(call.request(&outcome.result)?);
    }
    Ok(requests)
}

/// Takes over what a transaction did under the rules of `environment`.
pub fn commit<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    outcome: &super::Outcome,
) -> Result<(), CallError<DB::Error>> {
    let clears_empty = environment.fork >= Fork::SpuriousDragon;
    state.commit(&outcome.changes, clears_empty).map_err(CallError::Database)
}

impl<E: std::error::Error + 'static> From<BlockError<E>> for CallError<E> {
    fn from(error: BlockError<E>) -> Self {
        match error {
            BlockError::Database { source, .. } => Self::Database(source),
            BlockError::Panic { message, .. } => Self::Panic(message),
            other => Self::Block(other.to_string()),
        }
    }
}

impl Environment {
    /// The environment of the transactions of `block`.
    pub fn of(block: &Block<'_>) -> Self {
        let environment = Self::new(block.fork, block.chain_id, block.env.clone());
        Self { code_size_max: block.code_size_max, ..environment }
    }
}
