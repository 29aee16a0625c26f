//! OpenEthereum's traces (`trace_` methods) and Otterscan's internal operations.

use super::{TRACE_BYTES_MAX, TraceError, TransactionPlace};
use crate::{
    Overlay,
    call::{CallError, Environment, Interrupt, Outcome, call_inspected},
};
use alloy_primitives::{Address, U256, map::HashSet};
use alloy_rpc_types_eth::{BlockNumHash, TransactionInfo};
use alloy_rpc_types_trace::{
    otterscan::InternalOperation,
    parity::{LocalizedTransactionTrace, RewardAction, RewardType, TraceResults, TraceType},
};
use heddle_types::{Fork, Ommer};
use revm::{DatabaseRef, context::TxEnv};
use revm_inspectors::{
    otterscan::InternalOperationsInspector,
    tracing::{TraceLimitBehavior, TraceLimits, TracingInspector, TracingInspectorConfig},
};

/// Steps that a `vmTrace` may have: each takes some hundred bytes of memory.
const VM_TRACE_STEPS_MAX: u64 = 1 << 20;

/// Runs a transaction and gives what `trace_replayTransaction` and `trace_call` ask for. The
/// changes are not committed.
///
/// # Errors
///
/// See [`TraceError`].
pub fn replay<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    types: &HashSet<TraceType>,
    interrupt: &Interrupt,
) -> Result<(TraceResults, Outcome), TraceError<DB::Error>> {
    let config = TracingInspectorConfig::from_parity_config(types);
    let (inspector, outcome) = inspect(state, environment, transaction, config, interrupt)?;
    let builder = inspector.into_parity_builder();
    let results = builder
        .into_trace_results_with_state_parts(&outcome.result, &outcome.changes, types, &*state)
        .map_err(CallError::Database)?;
    Ok((results, outcome))
}

/// Runs a transaction of a block and gives its calls, as `trace_block` and `trace_transaction` do.
/// The changes are not committed.
///
/// # Errors
///
/// See [`TraceError`].
pub fn transaction_traces<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    place: &TransactionPlace,
    interrupt: &Interrupt,
) -> Result<(Vec<LocalizedTransactionTrace>, Outcome), TraceError<DB::Error>> {
    let config = TracingInspectorConfig::default_parity();
    let (inspector, outcome) = inspect(state, environment, transaction, config, interrupt)?;
    let info = TransactionInfo {
        hash: place.transaction_hash,
        index: place.index,
        block_hash: place.block_hash,
        block_number: place.block_number,
        base_fee: Some(environment.block.basefee),
        ..TransactionInfo::default()
    };
    Ok((inspector.into_parity_builder().into_localized_transaction_traces(info), outcome))
}

fn inspect<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    mut config: TracingInspectorConfig,
    interrupt: &Interrupt,
) -> Result<(TracingInspector, Outcome), TraceError<DB::Error>> {
    config.step_limit = core::num::NonZeroU64::new(VM_TRACE_STEPS_MAX);
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(TRACE_BYTES_MAX))
        .set_behavior(TraceLimitBehavior::Halt);
    let mut inspector = TracingInspector::new(config).with_limits(limits);
    let outcome = call_inspected(state, environment, transaction, interrupt, &mut inspector);
    if inspector.limit_exceeded() {
        return Err(TraceError::TooLarge { bytes_max: TRACE_BYTES_MAX });
    }
    Ok((inspector, outcome?))
}

/// Wei in one ether.
const ETHER: u64 = 1_000_000_000_000_000_000;

/// The traces of a block's rewards before the merge: of its miner, and of each uncle.
pub fn reward_traces(
    fork: Fork,
    block: BlockNumHash,
    miner: Address,
    ommers: &[Ommer],
) -> Vec<LocalizedTransactionTrace> {
    if fork >= Fork::Merge {
        return Vec::new();
    }
    let base = U256::from(match fork {
        Fork::Frontier | Fork::Homestead | Fork::Tangerine | Fork::SpuriousDragon => 5 * ETHER,
        Fork::Byzantium => 3 * ETHER,
        _ => 2 * ETHER,
    });
    let nephews = base / U256::from(32) * U256::from(ommers.len());
    let mut traces = vec![reward(miner, RewardType::Block, base + nephews, block)];
    for ommer in ommers {
        // Yellow paper, equation 174: an eighth less for each generation.
        let distance = block.number.saturating_sub(ommer.number);
        let value = base * U256::from(8_u64.saturating_sub(distance)) / U256::from(8);
        traces.push(reward(ommer.beneficiary, RewardType::Uncle, value, block));
    }
    traces
}

fn reward(
    author: Address,
    reward_type: RewardType,
    value: U256,
    block: BlockNumHash,
) -> LocalizedTransactionTrace {
    RewardAction { author, reward_type, value }.into_localized_trace(block)
}

/// Runs a transaction and gives its internal operations, as `ots_getInternalOperations` does. The
/// changes are not committed.
///
/// # Errors
///
/// See [`TraceError`].
pub fn internal_operations<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
) -> Result<(Vec<InternalOperation>, Outcome), TraceError<DB::Error>> {
    let mut inspector = InternalOperationsInspector::default();
    let outcome = call_inspected(state, environment, transaction, interrupt, &mut inspector)?;
    Ok((inspector.into_operations(), outcome))
}
