//! From what a client writes to what the executor runs: the state, the block and the transaction of
//! a call.

use crate::{Error, context::Node, replay::Replay, view::View};
use alloy_eips::BlockId;
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use heddle_chain::{ExecutionState, environment};
use heddle_executor::{
    Overlay,
    call::{Checks, Environment, Interrupt, Outcome, call, call_inspected, message},
    console::{CONSOLE, ConsoleInspector},
    revm::context::{TxEnv, result::ExecutionResult},
};
use heddle_producer::Console;
use std::time::{Duration, Instant};

/// The state and the block that a call runs in.
pub(crate) struct CallState {
    pub(crate) overlay: Overlay<ExecutionState>,
    pub(crate) environment: Environment,
    pub(crate) interrupt: Interrupt,
    pub(crate) time: Duration,
    /// Where what contracts log is printed.
    pub(crate) console: Option<Console>,
}

impl CallState {
    /// After a block, with its header as the block that contracts see.
    pub(crate) fn after(view: &View<'_>, id: BlockId, time: Duration) -> Result<Self, Error> {
        let (header, _) = view.header(id)?.ok_or(Error::HeaderNotFound)?;
        let state = view.state(id)?;
        let fork = view.fork(id, &header)?;
        let spec = view.reader().spec();
        let block = environment(spec, fork, &header);
        let environment = Environment {
            code_size_max: spec.code_size_max,
            ..Environment::new(fork, spec.chain_id, block)
        };
        Ok(Self {
            overlay: Overlay::new(state),
            environment: environment.with_checks(Checks::MESSAGE),
            interrupt: Interrupt::at(Instant::now() + time),
            time,
            console: view.console().cloned(),
        })
    }

    /// Within a block, before the transaction `index`; after the block if that is left out.
    pub(crate) fn within(
        view: &View<'_>,
        id: BlockId,
        index: Option<usize>,
        time: Duration,
    ) -> Result<Self, Error> {
        let Some(index) = index else { return Self::after(view, id, time) };
        let mut replay = Replay::new(view, view.block_required(id)?, time)?;
        replay.skip_to(index)?;
        Ok(Self {
            overlay: replay.state,
            environment: replay.environment.with_checks(Checks::MESSAGE),
            interrupt: replay.interrupt,
            time,
            console: view.console().cloned(),
        })
    }

    pub(crate) fn override_state(
        &mut self,
        overrides: Option<&StateOverride>,
    ) -> Result<(), Error> {
        if let Some(overrides) = overrides {
            self.overlay.override_state(overrides, &mut self.environment.precompiles)?;
        }
        Ok(())
    }

    pub(crate) fn override_block(
        &mut self,
        overrides: Option<&BlockOverrides>,
    ) -> Result<(), Error> {
        let Some(overrides) = overrides else { return Ok(()) };
        if overrides.beacon_root.is_some() {
            let message = "block override \"beaconRoot\" is not supported for this RPC method";
            return Err(Error::Refused(message.to_owned()));
        }
        Ok(self.overlay.override_block(overrides, &mut self.environment)?)
    }

    /// Runs a call; what it changes is not taken over.
    pub(crate) fn run(&mut self, request: &Request) -> Result<Outcome, Error> {
        let environment = request.environment(self);
        let time = self.time;
        let outcome = call(&mut self.overlay, &environment, &request.transaction, &self.interrupt)
            .map_err(|error| match error {
                heddle_executor::call::CallError::Interrupted => Error::Timeout(time),
                heddle_executor::call::CallError::Refused(refusal) => {
                    Error::Refused(refusal.message_for_call(request.transaction.gas_limit))
                }
                error => error.into(),
            })?;
        self.print_logged(&request.transaction);
        Ok(outcome)
    }

    /// Prints what the contracts of a call have logged. Only if some have is it executed again,
    /// with somebody looking on.
    pub(crate) fn print_logged(&mut self, transaction: &TxEnv) {
        let Some(console) = &self.console else { return };
        if !self.overlay.has_read(CONSOLE) {
            return;
        }
        let mut environment = self.environment.clone();
        environment.waive_fees(transaction);
        let mut inspector = ConsoleInspector::default();
        let interrupt = &self.interrupt;
        let again =
            call_inspected(&mut self.overlay, &environment, transaction, interrupt, &mut inspector);
        // What was logged before an error is worth as much; the caller knows of it already.
        drop(again);
        console.print(inspector);
    }
}

/// A call, with what it left open filled in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) transaction: TxEnv,
}

impl Request {
    /// A call on `state`.
    pub(crate) fn new(
        node: &Node,
        state: &CallState,
        request: TransactionRequest,
    ) -> Result<Self, Error> {
        let gas_max = node.settings.limits.gas_max;
        let mut transaction = message(&request, &state.environment, gas_max)?;
        transaction.gas_limit = transaction.gas_limit.min(gas_max);
        if request.nonce.is_none() {
            let account = state.overlay.base().account(transaction.caller)?;
            transaction.nonce = account.map_or(0, |account| account.nonce);
        }
        Ok(Self { transaction })
    }

    /// The environment that it runs in: fees that it offers nothing for do not count.
    pub(crate) fn environment(&self, state: &CallState) -> Environment {
        let mut environment = state.environment.clone();
        environment.waive_fees(&self.transaction);
        environment
    }
}

/// What a call returned, or why it did not.
pub(crate) fn output(outcome: Outcome) -> Result<alloy_primitives::Bytes, Error> {
    match outcome.result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(Error::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => {
            Err(Error::Refused(heddle_executor::halt_message(&reason)))
        }
    }
}
