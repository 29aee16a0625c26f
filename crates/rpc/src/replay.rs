//! Executing blocks of the chain again, one transaction after the other.

use crate::{
    Error,
    view::{FoundBlock, View},
};
use heddle_chain::{BlockInput, ExecutionState};
use heddle_executor::{
    Invalid, Overlay,
    call::{Environment, Interrupt, Outcome, begin_block, call, commit},
    revm::context::TxEnv,
    tracing::TransactionPlace,
};
use std::time::{Duration, Instant};

/// A block on the way of being executed again.
pub(crate) struct Replay {
    /// The state before the transaction [`Replay::index`].
    pub(crate) state: Overlay<ExecutionState>,
    /// The rules and the block that transactions run in.
    pub(crate) environment: Environment,
    /// When to give up.
    pub(crate) interrupt: Interrupt,
    pub(crate) block: FoundBlock,
    input: BlockInput,
    index: usize,
    logs: u64,
}

impl Replay {
    /// Begins with a block of the chain.
    pub(crate) fn new(view: &View<'_>, block: FoundBlock, time: Duration) -> Result<Self, Error> {
        let number = block.block.header.number;
        if number <= view.reader().first() {
            return Err(Error::Refused("genesis is not traceable".to_owned()));
        }
        if !block.is_canonical() {
            return Err(Error::Refused(format!(
                "block {} is not in the chain, and only blocks of the chain can be traced",
                block.hash
            )));
        }
        let (input, state) = view.reader().replay(number)?;
        let mut state = Overlay::new(state);
        let interrupt = Interrupt::at(Instant::now() + time);
        let executable = input.block(Invalid::Reject);
        let mut environment = Environment::of(&executable);
        // The block stands, whoever sent its transactions: a development chain impersonates.
        environment.checks.sender_code = false;
        begin_block(&mut state, &environment, &executable, &interrupt)?;
        Ok(Self { state, environment, interrupt, block, input, index: 0, logs: 0 })
    }

    /// Where the next transaction stands.
    pub(crate) fn place(&self) -> TransactionPlace {
        let transaction = self.block.block.body.transactions.get(self.index);
        TransactionPlace {
            block_hash: Some(self.block.hash),
            block_number: Some(self.block.block.header.number),
            transaction_hash: transaction.map(|transaction| *transaction.tx_hash()),
            index: Some(self.index as u64),
            first_log: self.logs,
        }
    }

    /// Executes all transactions before `index`.
    pub(crate) fn skip_to(&mut self, index: usize) -> Result<(), Error> {
        while self.index < index {
            let Some(transaction) = self.input.transactions.get(self.index) else { break };
            let outcome = call(&mut self.state, &self.environment, transaction, &self.interrupt)?;
            self.take(&outcome)?;
        }
        Ok(())
    }

    /// Works on the next transaction and goes on to the one after it; `None` at the end.
    pub(crate) fn step<T>(
        &mut self,
        work: impl FnOnce(&mut Step<'_>) -> Result<(T, Outcome), Error>,
    ) -> Result<Option<T>, Error> {
        let place = self.place();
        let Some(transaction) = self.input.transactions.get(self.index) else { return Ok(None) };
        let mut step = Step {
            state: &mut self.state,
            environment: &self.environment,
            interrupt: &self.interrupt,
            transaction,
            place,
        };
        let (result, outcome) = work(&mut step)?;
        self.take(&outcome)?;
        Ok(Some(result))
    }

    fn take(&mut self, outcome: &Outcome) -> Result<(), Error> {
        commit(&mut self.state, &self.environment, outcome)?;
        self.index += 1;
        self.logs += outcome.result.logs().len() as u64;
        Ok(())
    }
}

/// One transaction of a block that is executed again.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut Overlay<ExecutionState>,
    pub(crate) environment: &'a Environment,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) transaction: &'a TxEnv,
    pub(crate) place: TransactionPlace,
}
