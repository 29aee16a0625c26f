//! How much gas a transaction needs, found as geth finds it.

#[cfg(test)]
mod tests;

use crate::{
    Overlay,
    call::{CallError, Environment, Interrupt, Outcome, call},
    failure::halt_message,
};
use alloy_primitives::{Bytes, KECCAK256_EMPTY, TxKind, U256};
use heddle_types::Fork;
use revm::{
    DatabaseRef,
    context::{
        TxEnv,
        result::{ExecutionResult, HaltReason, InvalidTransaction},
    },
    primitives::{eip4844::GAS_PER_BLOB, eip7825},
};

/// What a plain transfer costs.
const TRANSFER_GAS: u64 = 21_000;
/// What a call that carries ether gets on top.
const CALL_STIPEND: u64 = 2_300;
/// How far above the least gas an estimate may be, relative to it: geth's value. Wallets add more
/// than that anyway.
pub const ERROR_RATIO: f64 = 0.015;

/// How an estimate is made.
#[derive(Clone, Copy, Debug)]
pub struct EstimateOptions {
    /// More gas is never tried.
    pub gas_cap: Option<u64>,
    /// How far above the least gas an estimate may be, relative to it; zero gives the least.
    pub error_ratio: f64,
}

impl Default for EstimateOptions {
    fn default() -> Self {
        Self { gas_cap: None, error_ratio: ERROR_RATIO }
    }
}

/// Why there is no estimate. The texts are geth's.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError<E: std::error::Error + 'static> {
    /// The transaction reverts with all the gas that it may have.
    #[error("{}", crate::failure::revert_message(output))]
    Reverted {
        /// What it returned.
        output: Bytes,
    },
    /// The transaction halts with all the gas that it may have, and not for lack of it.
    #[error("{}", halt_message(.0))]
    Halted(HaltReason),
    /// All the gas that it may have is not enough.
    #[error("gas required exceeds allowance ({0})")]
    Allowance(u64),
    /// The sender has less than it sends.
    #[error("insufficient funds for transfer")]
    FundsForTransfer,
    /// The sender cannot pay for the blobs.
    #[error("insufficient funds for gas * price + value")]
    Funds,
    /// The transaction could not run.
    #[error("failed with {gas_limit} gas: {source}")]
    Call {
        /// The gas limit that was tried.
        gas_limit: u64,
        /// What went wrong.
        source: CallError<E>,
    },
}

/// The gas limit with which `transaction` succeeds. Its own gas limit is the most that is tried; if
/// that is less than a transfer costs, the block's.
///
/// # Errors
///
/// See [`EstimateError`].
pub fn estimate_gas<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    options: EstimateOptions,
    interrupt: &Interrupt,
) -> Result<u64, EstimateError<DB::Error>> {
    let mut environment = environment.clone();
    environment.waive_fees(transaction);
    let mut search = Search { state, environment, transaction: transaction.clone(), interrupt };
    let highest = search.highest(options.gas_cap)?;
    if search.is_plain_transfer()? && search.succeeds(TRANSFER_GAS)?.is_some() {
        return Ok(TRANSFER_GAS);
    }
    let outcome = match search.attempt(highest)? {
        Attempt::Ran(outcome) => outcome,
        Attempt::NotEnough => return Err(EstimateError::Allowance(highest)),
    };
    let gas = *outcome.result.gas();
    match outcome.result {
        ExecutionResult::Success { .. } => {}
        ExecutionResult::Revert { output, .. } => return Err(EstimateError::Reverted { output }),
        ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => {
            return Err(EstimateError::Allowance(highest));
        }
        ExecutionResult::Halt { reason, .. } => return Err(EstimateError::Halted(reason)),
    }
    let peak = gas.total_gas_spent().max(gas.floor_gas());
    search.narrow(gas.tx_gas_used().saturating_sub(1), highest, peak, options.error_ratio)
}

struct Search<'s, DB> {
    state: &'s mut Overlay<DB>,
    environment: Environment,
    transaction: TxEnv,
    interrupt: &'s Interrupt,
}

enum Attempt {
    Ran(Box<Outcome>),
    /// The gas limit is too low to begin.
    NotEnough,
}

impl<DB: DatabaseRef<Error: 'static>> Search<'_, DB> {
    /// The most gas that may be tried.
    fn highest(&mut self, gas_cap: Option<u64>) -> Result<u64, EstimateError<DB::Error>> {
        let fork = self.environment.fork;
        let given = self.transaction.gas_limit;
        let mut highest =
            if given >= TRANSFER_GAS { given } else { self.environment.block.gas_limit };
        if fork == Fork::Osaka {
            highest = highest.min(eip7825::TX_GAS_LIMIT_CAP);
        }
        if self.transaction.gas_price > 0 {
            let fundable = self.fundable()? / U256::from(self.transaction.gas_price);
            highest = highest.min(u64::try_from(fundable).unwrap_or(u64::MAX));
        }
        Ok(gas_cap.map_or(highest, |cap| highest.min(cap)))
    }

    /// What the sender has left for gas.
    fn fundable(&mut self) -> Result<U256, EstimateError<DB::Error>> {
        let account = self.state.account(self.transaction.caller);
        let account = account.map_err(|error| self.failed(CallError::Database(error)))?;
        let balance = account.map_or(U256::ZERO, |account| account.balance);
        let value = self.transaction.value;
        if !value.is_zero() && value >= balance {
            return Err(EstimateError::FundsForTransfer);
        }
        let left = balance - value;
        let blobs = self.transaction.blob_hashes.len() as u64;
        if blobs == 0 || self.environment.fork < Fork::Cancun {
            return Ok(left);
        }
        let fee = U256::from(self.transaction.max_fee_per_blob_gas);
        let blobs = U256::from(blobs * GAS_PER_BLOB).saturating_mul(fee);
        left.checked_sub(blobs).filter(|left| !left.is_zero()).ok_or(EstimateError::Funds)
    }

    fn is_plain_transfer(&mut self) -> Result<bool, EstimateError<DB::Error>> {
        let TxKind::Call(to) = self.transaction.kind else { return Ok(false) };
        if !self.transaction.data.is_empty() {
            return Ok(false);
        }
        let account = self.state.account(to);
        let account = account.map_err(|error| self.failed(CallError::Database(error)))?;
        Ok(account.is_none_or(|account| account.code_hash == KECCAK256_EMPTY))
    }

    fn failed(&self, source: CallError<DB::Error>) -> EstimateError<DB::Error> {
        EstimateError::Call { gas_limit: self.transaction.gas_limit, source }
    }

    fn attempt(&mut self, gas_limit: u64) -> Result<Attempt, EstimateError<DB::Error>> {
        self.transaction.gas_limit = gas_limit;
        let result = call(self.state, &self.environment, &self.transaction, self.interrupt);
        match result {
            Ok(outcome) => Ok(Attempt::Ran(Box::new(outcome))),
            Err(CallError::Refused(refusal)) if is_about_gas(&refusal.reason) => {
                Ok(Attempt::NotEnough)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn succeeds(&mut self, gas_limit: u64) -> Result<Option<()>, EstimateError<DB::Error>> {
        Ok(match self.attempt(gas_limit)? {
            Attempt::Ran(outcome) if outcome.result.is_success() => Some(()),
            _ => None,
        })
    }

    /// Searches between a limit that fails, or nearly, and one that succeeds.
    fn narrow(
        &mut self,
        mut fails: u64,
        mut succeeds: u64,
        peak: u64,
        error_ratio: f64,
    ) -> Result<u64, EstimateError<DB::Error>> {
        // Most often this is enough: a call gets 63 of 64 parts of what there is (EIP-150).
        let optimistic = (peak + CALL_STIPEND).saturating_mul(64) / 63;
        if optimistic < succeeds {
            match self.succeeds(optimistic)? {
                Some(()) => succeeds = optimistic,
                None => fails = optimistic,
            }
        }
        while fails + 1 < succeeds {
            let error = (succeeds - fails) as f64 / succeeds as f64;
            if error_ratio > 0.0 && error < error_ratio {
                break;
            }
            // Most transactions need little more than they use.
            let middle = (fails + (succeeds - fails) / 2).min(fails.saturating_mul(2).max(1));
            match self.succeeds(middle)? {
                Some(()) => succeeds = middle,
                None => fails = middle,
            }
        }
        Ok(succeeds)
    }
}

/// Whether more or less gas may help.
fn is_about_gas(reason: &InvalidTransaction) -> bool {
    matches!(
        reason,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
            | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
            | InvalidTransaction::TxGasLimitGreaterThanCap { .. }
    )
}
