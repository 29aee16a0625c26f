//! One transaction outside a block: with checks left out, and with somebody looking on.
//!
//! In: an [`Overlay`] over any state, an [`Environment`] and a transaction. Out: revm's result, and
//! the changes, which the caller may [`commit`](Overlay::commit) to the overlay and so run one
//! transaction after the other.

mod interrupt;
mod precompiles;
mod protocol;
mod refusal;
mod request;
#[cfg(test)]
pub(crate) mod tests;

pub use interrupt::{Interrupt, Watchdog};
pub use precompiles::Precompiles;
pub use protocol::{begin_block, commit, end_block};
pub use refusal::{Refusal, codes};
pub use request::{RequestError, message};

use crate::{Overlay, block::spec_id, error::panic_message, evm};
use core::{marker::PhantomData, panic::AssertUnwindSafe};
use heddle_types::Fork;
use interrupt::watch_instructions;
use revm::{
    DatabaseRef, Inspector, Journal,
    context::{
        BlockEnv, CfgEnv, Context, ContextTr, Evm, FrameStack, JournalTr, LocalContext,
        TransactionType, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    handler::{
        EthFrame, EvmTr, FrameResult, Handler, evm::FrameTr, instructions::EthInstructions,
        pre_execution,
    },
    inspector::{InspectorEvmTr, InspectorHandler, NoOpInspector},
    interpreter::{GasTracker, interpreter::EthInterpreter, interpreter_action::FrameInit},
    state::EvmState,
};
use std::panic::catch_unwind;

/// Memory that all frames of a transaction may have together, unless the environment says
/// otherwise: more than 30 million gas buy.
pub const MEMORY_BYTES_MAX: u64 = 128 << 20;

/// What a call sees; inspectors get it as their context.
pub type CallContext<'a, DB> = Context<
    BlockEnv,
    TxEnv,
    CfgEnv,
    &'a mut Overlay<DB>,
    Journal<&'a mut Overlay<DB>>,
    Watchdog,
    LocalContext,
>;

type Machine<'a, DB, I> = Evm<
    CallContext<'a, DB>,
    I,
    EthInstructions<EthInterpreter, CallContext<'a, DB>>,
    Precompiles,
    EthFrame<EthInterpreter>,
>;

/// The rules and the block that a call runs in.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The rules.
    pub fork: Fork,
    /// The chain that transactions with a chain id must name (EIP-155).
    pub chain_id: u64,
    /// What contracts see of the block.
    pub block: BlockEnv,
    /// Which rules of validity count.
    pub checks: Checks,
    /// The precompiled contracts.
    pub precompiles: Precompiles,
    /// Memory that all frames may have together; more ends the transaction out of gas.
    pub memory_bytes_max: u64,
    /// Bytes that a contract's code may have, in place of what the fork allows: see
    /// [`Block::code_size_max`](crate::Block).
    pub code_size_max: Option<usize>,
}

/// Which rules of validity count for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The sender must be able to pay for value and gas.
    pub balance: bool,
    /// The fee must cover the base fee, even if it is zero. If this is off, a transaction that
    /// names no fee is let through and pays none; one that names a fee is checked all the same.
    pub base_fee: bool,
    /// The nonce must be the sender's.
    pub nonce: bool,
    /// The gas limit must fit the block's.
    pub block_gas_limit: bool,
    /// The sender must have no code (EIP-3607).
    pub sender_code: bool,
    /// The gas limit must not exceed that of a transaction (EIP-7825).
    pub gas_cap: bool,
    /// The chain id must be the chain's.
    pub chain_id: bool,
}

impl Checks {
    /// Those that count in a block.
    pub const ALL: Self = Self {
        balance: true,
        base_fee: true,
        nonce: true,
        block_gas_limit: true,
        sender_code: true,
        gas_cap: true,
        chain_id: true,
    };

    /// Those of geth's `eth_call`, `eth_estimateGas` and `debug_traceCall`.
    pub const MESSAGE: Self = Self {
        balance: true,
        base_fee: false,
        nonce: false,
        block_gas_limit: false,
        sender_code: false,
        gas_cap: false,
        chain_id: false,
    };

    /// None at all.
    pub const NONE: Self = Self { balance: false, ..Self::MESSAGE };
}

impl Environment {
    /// The environment of a block in which every rule counts.
    pub fn new(fork: Fork, chain_id: u64, block: BlockEnv) -> Self {
        Self {
            fork,
            chain_id,
            block,
            checks: Checks::ALL,
            precompiles: Precompiles::new(fork),
            memory_bytes_max: MEMORY_BYTES_MAX,
            code_size_max: None,
        }
    }

    /// The same with other checks.
    #[must_use]
    pub fn with_checks(self, checks: Checks) -> Self {
        Self { checks, ..self }
    }

    /// Sets the fees of the block to zero that `transaction` offers nothing for, as geth does for
    /// `eth_call`: contracts then do not see a base fee above the gas price.
    pub fn waive_fees(&mut self, transaction: &TxEnv) {
        if effective_price(transaction, self.block.basefee) == 0 {
            self.block.basefee = 0;
        }
        if transaction.max_fee_per_blob_gas == 0
            && let Some(blobs) = &mut self.block.blob_excess_gas_and_price
        {
            blobs.blob_gasprice = 0;
        }
    }

    fn config(&self, transaction: &TxEnv) -> CfgEnv {
        let checks = &self.checks;
        let mut config = evm::config(self.chain_id, spec_id(self.fork));
        config.memory_limit = self.memory_bytes_max;
        config.limit_contract_code_size = self.code_size_max;
        config.tx_chain_id_check = checks.chain_id;
        config.disable_nonce_check = !checks.nonce;
        config.disable_balance_check = !checks.balance;
        config.disable_block_gas_limit = !checks.block_gas_limit;
        config.disable_eip3607 = !checks.sender_code;
        config.disable_base_fee = !checks.base_fee && names_no_fee(transaction);
        // From Amsterdam on the cap is no rule of validity but splits the gas.
        if !checks.gas_cap && self.fork < Fork::Amsterdam {
            config.tx_gas_limit_cap = Some(u64::MAX);
        }
        config
    }
}

/// What the transaction pays for each gas (EIP-1559).
pub(crate) fn effective_price(transaction: &TxEnv, base_fee: u64) -> u128 {
    match transaction.gas_priority_fee {
        Some(tip) => transaction.gas_price.min(tip.saturating_add(base_fee.into())),
        None => transaction.gas_price,
    }
}

fn names_no_fee(transaction: &TxEnv) -> bool {
    transaction.gas_price == 0 && transaction.gas_priority_fee.unwrap_or_default() == 0
}

/// What a transaction did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Output, gas, logs, and how it ended.
    pub result: ExecutionResult<HaltReason>,
    /// What it changed; [`Overlay::commit`] takes it over.
    pub changes: EvmState,
}

/// Why a transaction could not run.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E: std::error::Error + 'static> {
    /// It breaks a rule.
    #[error("{0}")]
    Refused(Refusal),
    /// It took too long, or was told to end.
    #[error("execution aborted: it ran longer than it may")]
    Interrupted,
    /// The state could not be read.
    #[error("reading the state failed: {0}")]
    Database(#[source] E),
    /// The EVM reported an error that is none of the transaction's, or an inspector ended it.
    #[error("the EVM failed: {0}")]
    Evm(String),
    /// Executing panicked, in a precompile or in the EVM itself.
    #[error("executing panicked: {0}")]
    Panic(String),
    /// What the protocol does around the transactions of a block failed.
    #[error("{0}")]
    Block(String),
}

/// Runs one transaction on `state`, which keeps what is read but does not take over the changes.
///
/// # Errors
///
/// See [`CallError`].
pub fn call<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
) -> Result<Outcome, CallError<DB::Error>> {
    run(state, environment, transaction, interrupt, NoOpInspector, Mode::Plain)
}

/// Runs one transaction on `state` and takes over what it did.
///
/// # Errors
///
/// See [`CallError`]; nothing is taken over then.
pub fn execute<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
) -> Result<ExecutionResult<HaltReason>, CallError<DB::Error>> {
    let outcome = call(state, environment, transaction, interrupt)?;
    commit(state, environment, &outcome)?;
    Ok(outcome.result)
}

/// Runs one transaction like [`call`] with `inspector` looking on. Pass `&mut inspector` to read it
/// afterwards.
///
/// # Errors
///
/// See [`CallError`].
pub fn call_inspected<'a, DB: DatabaseRef<Error: 'static>, I: Inspector<CallContext<'a, DB>>>(
    state: &'a mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
    inspector: I,
) -> Result<Outcome, CallError<DB::Error>> {
    run(state, environment, transaction, interrupt, inspector, Mode::Inspected)
}

/// Runs a call of the protocol's own (see `protocol`): no checks, no fees.
pub(crate) fn system_call<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
) -> Result<Outcome, CallError<DB::Error>> {
    run(state, environment, transaction, interrupt, NoOpInspector, Mode::System)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Inspected,
    System,
}

fn run<'a, DB: DatabaseRef<Error: 'static>, I: Inspector<CallContext<'a, DB>>>(
    state: &'a mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
    inspector: I,
    mode: Mode,
) -> Result<Outcome, CallError<DB::Error>> {
    if interrupt.is_due() {
        return Err(CallError::Interrupted);
    }
    let mut sender = None;
    if mode != Mode::System {
        refusal::check_shape(transaction).map_err(CallError::Refused)?;
        sender = state.account(transaction.caller).map_err(CallError::Database)?;
    }
    let machine = build(state, environment, transaction, interrupt, inspector);
    // What a panic leaves half done is dropped with the machine; the overlay only gains what was
    // read.
    let result = catch_unwind(AssertUnwindSafe(|| run_machine(machine, mode)))
        .unwrap_or_else(|panic| Err(Stop::Panic(panic_message(&*panic))));
    let highest_nonce = sender.is_some_and(|sender| sender.nonce == u64::MAX);
    let wraps = highest_nonce && !environment.checks.nonce && transaction.kind.is_call();
    result
        .map(|mut outcome| {
            // As in geth: a nonce that does not count goes on from zero.
            if let Some(sender) = outcome.changes.get_mut(&transaction.caller).filter(|_| wraps) {
                sender.info.nonce = 0;
            }
            outcome
        })
        .map_err(|stop| match stop {
            Stop::Invalid(reason) => {
                CallError::Refused(Refusal::new(reason, transaction, environment, sender))
            }
            Stop::Interrupted => CallError::Interrupted,
            Stop::Database(error) => CallError::Database(error),
            Stop::Evm(message) => CallError::Evm(message),
            Stop::Panic(message) => CallError::Panic(message),
        })
}

/// [`CallError`], before it is put into words.
enum Stop<E> {
    Invalid(InvalidTransaction),
    Interrupted,
    Database(E),
    Evm(String),
    Panic(String),
}

fn run_machine<'a, DB: DatabaseRef<Error: 'static>, I: Inspector<CallContext<'a, DB>>>(
    mut machine: Machine<'a, DB, I>,
    mode: Mode,
) -> Result<Outcome, Stop<DB::Error>> {
    let mut handler = CallHandler::default();
    let result: Result<_, EVMError<DB::Error, InvalidTransaction>> = match mode {
        Mode::Plain => handler.run(&mut machine),
        Mode::Inspected => handler.inspect_run(&mut machine),
        Mode::System => handler.run_system_call(&mut machine),
    };
    if machine.ctx.chain.interrupted {
        return Err(Stop::Interrupted);
    }
    let result = result.map_err(|error| match error {
        EVMError::Transaction(reason) => Stop::Invalid(reason),
        EVMError::Database(error) => Stop::Database(error),
        EVMError::Header(error) => Stop::Evm(error.to_string()),
        EVMError::Custom(message) => Stop::Evm(message),
        EVMError::CustomAny(error) => Stop::Evm(error.to_string()),
    })?;
    Ok(Outcome { result, changes: machine.ctx.journaled_state.finalize() })
}

fn build<'a, DB: DatabaseRef, I>(
    state: &'a mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
    inspector: I,
) -> Machine<'a, DB, I> {
    let spec = spec_id(environment.fork);
    let mut journal = Journal::new(state);
    journal.set_spec_id(spec);
    let mut block = environment.block.clone();
    let mut tx = transaction.clone();
    if !environment.checks.nonce && tx.nonce == u64::MAX {
        // revm refuses the highest nonce even if nonces do not count.
        tx.nonce = 0;
    }
    if !environment.checks.base_fee
        && transaction.max_fee_per_blob_gas == 0
        && transaction.tx_type == TransactionType::Eip4844 as u8
        && let Some(blobs) = &mut block.blob_excess_gas_and_price
    {
        blobs.blob_gasprice = 0;
    }
    let mut instruction = EthInstructions::new_mainnet_with_spec(spec);
    watch_instructions(&mut instruction);
    Evm {
        ctx: Context {
            block,
            tx,
            cfg: environment.config(transaction),
            journaled_state: journal,
            chain: Watchdog::new(interrupt),
            local: LocalContext::default(),
            error: Ok(()),
        },
        inspector,
        instruction,
        precompiles: environment.precompiles.clone(),
        frame_stack: FrameStack::new_prealloc(8),
    }
}

/// revm's mainnet handler, which besides notes what authorizations refund.
struct CallHandler<EVM, ERROR>(PhantomData<(EVM, ERROR)>);

impl<EVM, ERROR> Default for CallHandler<EVM, ERROR> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<EVM, ERROR> Handler for CallHandler<EVM, ERROR>
where
    EVM: EvmTr<
            Context: ContextTr<Journal: JournalTr<State = EvmState>, Chain = Watchdog>,
            Frame = EthFrame<EthInterpreter>,
        >,
    EVM::Frame: FrameTr<FrameInit = FrameInit, FrameResult = FrameResult>,
    ERROR: revm::handler::EvmTrError<EVM>,
{
    type Evm = EVM;
    type Error = ERROR;
    type HaltReason = HaltReason;

    fn apply_eip7702_auth_list(
        &self,
        evm: &mut Self::Evm,
        gas: &mut GasTracker,
    ) -> Result<Option<u64>, Self::Error> {
        let refund: Result<_, ERROR> = pre_execution::apply_eip7702_auth_list(evm.ctx_mut(), gas);
        let refund = refund?;
        evm.ctx_mut().chain_mut().authority_refund = refund.unwrap_or_default();
        Ok(refund)
    }
}

impl<EVM, ERROR> InspectorHandler for CallHandler<EVM, ERROR>
where
    EVM: InspectorEvmTr<
            Context: ContextTr<Journal: JournalTr<State = EvmState>, Chain = Watchdog>,
            Frame = EthFrame<EthInterpreter>,
            Inspector: Inspector<EVM::Context, EthInterpreter>,
        >,
    ERROR: revm::handler::EvmTrError<EVM>,
{
    type IT = EthInterpreter;
}
