//! Ethereum's tests of transactions (`TransactionTests` of ethereum/tests): bytes that are a valid
//! transaction under the rules of each fork, or are none.
//!
//! Bytes go the way that they go in a node: decoded, their sender recovered, and executed alone in
//! a block, where the sender has all the money there is and the nonce that is asked for.

use super::{
    fixture,
    tally::{Selection, Tally, Test},
};
use crate::Error;
use alloy_primitives::{Address, B256, Bytes, U256};
use heddle_ecrecover::recover_sender;
use heddle_executor::{
    Block, Executor, Invalid, MemoryAccount, MemoryState, Settings, Way,
    revm::{
        context::{BlockEnv, TxEnv},
        context_interface::{
            block::BlobExcessGasAndPrice, cfg::gas::calculate_initial_tx_gas_for_tx,
        },
    },
    spec_id,
};
use heddle_types::{Fork, decode_transaction};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Runs Ethereum's tests of transactions.
#[derive(Clone, Debug, clap::Args)]
pub struct TransactionConformance {
    /// Which tests.
    #[command(flatten)]
    pub selection: Selection,
}

/// A test of a file.
#[derive(Debug, Deserialize)]
struct Unit {
    #[serde(rename = "txbytes")]
    bytes: Bytes,
    /// By the fork's name.
    result: BTreeMap<String, Expectation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expectation {
    /// Why the bytes are no valid transaction.
    exception: Option<String>,
    hash: Option<B256>,
    sender: Option<Address>,
    intrinsic_gas: Option<U256>,
}

/// What a valid transaction comes to.
struct Valid {
    hash: B256,
    sender: Address,
    intrinsic_gas: u64,
}

impl TransactionConformance {
    /// Runs the tests and prints the result. True when every case passed.
    ///
    /// # Errors
    ///
    /// See [`Error`]; a test that fails is none.
    pub fn run(self) -> Result<bool, Error> {
        Ok(self.selection.print(&self.check()?))
    }

    /// Runs the tests and gives the result, by fork.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn check(&self) -> Result<Tally, Error> {
        let mut executor = Executor::new(Settings { threads: 1, ..Settings::default() })?;
        let mut tally = Tally::default();
        for Test { name, content, .. } in self.selection.tests::<Unit>("TransactionTests")? {
            for (fork_name, expectation) in &content.result {
                match fork(fork_name) {
                    Ok(fork) => {
                        let found = judge(&mut executor, &content.bytes, fork);
                        let result = compare(expectation, found);
                        if result.is_err() && is_too_dear(&name) {
                            tally.skip(fork_name, TOO_DEAR);
                            continue;
                        }
                        tally.count(fork_name, &format!("{name}, {fork_name}"), result);
                    }
                    Err(reason) => tally.skip(fork_name, reason),
                }
            }
        }
        Ok(tally)
    }
}

/// Valid transactions that cannot be decoded.
const TOO_DEAR_NAMES: [&str; 3] =
    ["GasLimitPriceProductOverflowtMinusOne", "TransactionWithHighGasPrice", "V_equals38"];
const TOO_DEAR: &str = "the price of gas is 2^128 wei or more: transactions hold 128 bits of it, and \
                        nobody can pay as much";

/// Whether the test, of this file and name, is one of those that cannot be decoded.
fn is_too_dear(test: &str) -> bool {
    TOO_DEAR_NAMES.iter().any(|name| test.rsplit('/').next() == Some(name))
}

/// The rules that a test means. Constantinople's own are rules for storage, so what a valid
/// transaction is had not changed since Byzantium.
fn fork(name: &str) -> Result<Fork, &'static str> {
    if name == "Constantinople" { Ok(Fork::Byzantium) } else { fixture::fork(name) }
}

fn compare(expectation: &Expectation, found: Result<Valid, String>) -> Result<(), String> {
    let found = match (&expectation.exception, found) {
        (Some(_), Err(_)) => return Ok(()),
        (Some(reason), Ok(_)) => return Err(format!("must be invalid: {reason}")),
        (None, Err(reason)) => return Err(format!("must be valid, got: {reason}")),
        (None, Ok(found)) => found,
    };
    if expectation.hash != Some(found.hash) {
        return Err(format!("hash: expected {:?}, got {}", expectation.hash, found.hash));
    }
    if expectation.sender != Some(found.sender) {
        return Err(format!("sender: expected {:?}, got {}", expectation.sender, found.sender));
    }
    match expectation.intrinsic_gas {
        Some(gas) if gas != U256::from(found.intrinsic_gas) => {
            Err(format!("intrinsic gas: expected {gas}, got {}", found.intrinsic_gas))
        }
        _ => Ok(()),
    }
}

/// What the bytes come to under the rules of `fork`, or why they are no valid transaction.
fn judge(executor: &mut Executor, bytes: &[u8], fork: Fork) -> Result<Valid, String> {
    let transaction = decode_transaction(bytes).map_err(|error| error.to_string())?;
    let sender = recover_sender(&transaction, fork).map_err(|error| error.to_string())?;
    let env = heddle_chain::transaction(&transaction, sender);
    let intrinsic = calculate_initial_tx_gas_for_tx(&env, spec_id(fork), None);
    check_place(executor, env, fork)?;
    Ok(Valid {
        hash: *transaction.tx_hash(),
        sender,
        intrinsic_gas: intrinsic.initial_regular_gas + intrinsic.initial_state_gas,
    })
}

/// Executes the transaction alone in a block with room for anything, its value aside: the tests do
/// not ask whether anybody has that much.
fn check_place(executor: &mut Executor, env: TxEnv, fork: Fork) -> Result<(), String> {
    let env = TxEnv { value: U256::ZERO, ..env };
    let mut state = MemoryState::default();
    let account =
        MemoryAccount { balance: U256::MAX, nonce: env.nonce, ..MemoryAccount::default() };
    state.accounts.insert(env.caller, account);
    let block_env = BlockEnv {
        gas_limit: u64::MAX,
        basefee: 0,
        prevrandao: (fork >= Fork::Merge).then_some(B256::ZERO),
        blob_excess_gas_and_price: (fork >= Fork::Cancun)
            .then_some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        ..BlockEnv::default()
    };
    let transactions = std::slice::from_ref(&env);
    let block = Block { invalid: Invalid::Skip, ..Block::new(fork, 1, block_env, transactions) };
    let output =
        executor.execute(&block, &state, Way::Sequential).map_err(|error| error.to_string())?;
    match output.skipped.first() {
        Some(skipped) => Err(skipped.reason.to_string()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
