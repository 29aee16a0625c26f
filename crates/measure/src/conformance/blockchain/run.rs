//! One test, on a chain of its own.

use super::fixture::{Account, Arrival, Unit};
use crate::conformance::Work;
use alloy_primitives::{Address, B256, U256, keccak256};
use heddle_chain::{Attributes, Chain, ChainReader, Error, Settings};
use heddle_storage::{Database, Options};
use heddle_types::{
    Block, ChainConfig, Genesis, GenesisAccount, RecoveredBlock, RecoveredTransaction, decode_block,
};
use std::{collections::BTreeMap, error::Error as StdError};

/// Memory for the store's cache: these chains are small, and there is one for each test.
const CACHE_BYTES: usize = 4 << 20;

/// Tests that fail for a known reason, by a part of their names.
const KNOWN: [(&str, &str); 0] = [];

/// Why a test that fails is not counted as failed.
pub(super) fn known(test: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(name, _)| test.contains(name)).map(|(_, reason)| *reason)
}

/// Runs a test; `Err` says what is otherwise than it says.
pub(super) fn run(
    unit: &Unit,
    config: &ChainConfig,
    threads: usize,
    work: &mut Work,
) -> Result<(), String> {
    let chain = open(unit, config, threads)?;
    for (position, arrival) in unit.blocks.iter().enumerate() {
        arrive(&chain, arrival, work).map_err(|what| format!("block {position}: {what}"))?;
    }
    let reader = chain.reader();
    let head = reader.head();
    if head.hash != unit.head {
        let (number, hash) = (head.number, head.hash);
        return Err(format!("the head must be {}, and is block {number}, {hash}", unit.head));
    }
    match (&unit.post_state, unit.post_state_hash) {
        (_, Some(root)) if root != head.state_root => {
            Err(format!("the state root must be {root}, and is {}", head.state_root))
        }
        (Some(expected), _) => compare_state(&reader, expected),
        _ => Ok(()),
    }
}

/// The chain with its first block, which must be that of the test.
fn open(unit: &Unit, config: &ChainConfig, threads: usize) -> Result<Chain, String> {
    let block = decode_block(&unit.genesis).map_err(|error| told(&error))?;
    let header = block.header;
    let genesis = Genesis {
        config: config.clone(),
        nonce: header.nonce.into(),
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        gas_limit: header.gas_limit,
        difficulty: header.difficulty,
        mix_hash: header.mix_hash,
        coinbase: header.beneficiary,
        alloc: unit.pre.iter().map(|(address, account)| (*address, alloc(account))).collect(),
        base_fee_per_gas: header.base_fee_per_gas.map(u128::from),
        excess_blob_gas: header.excess_blob_gas,
        blob_gas_used: header.blob_gas_used,
        number: Some(header.number),
        parent_hash: Some(header.parent_hash),
        ..Genesis::default()
    };
    let options = Options { cache_bytes: CACHE_BYTES, ..Options::default() };
    let db = Database::ephemeral(&std::env::temp_dir(), options).map_err(|error| told(&error))?;
    let settings = Settings { threads, parallel_gas_min: 0, ..Settings::default() };
    let chain = Chain::open(db, &genesis, settings).map_err(|error| told(&error))?;
    let (expected, got) = (header.hash_slow(), chain.reader().head().hash);
    if expected != got {
        return Err(format!("the first block must be {expected}, and is {got}"));
    }
    Ok(chain)
}

fn alloc(account: &Account) -> GenesisAccount {
    let word = |word: &U256| B256::from(word.to_be_bytes::<32>());
    let slot = |(key, value): (&U256, &U256)| (word(key), word(value));
    GenesisAccount::default()
        .with_nonce(Some(account.nonce.saturating_to()))
        .with_balance(account.balance)
        .with_code(Some(account.code.clone()))
        .with_storage(Some(account.storage.iter().map(slot).collect()))
}

/// Imports a block that arrives. Whether it is accepted must be as the test says.
fn arrive(chain: &Chain, arrival: &Arrival, work: &mut Work) -> Result<(), String> {
    let block = arrival.bytes().and_then(|bytes| {
        decode_block(&bytes).map_err(|error| format!("it cannot be decoded: {}", told(&error)))
    });
    let result = block.and_then(|block| {
        if arrival.is_valid() {
            build(chain, &block, work)?;
        }
        let before = chain.reader().head().clone();
        chain.import(block).map_err(|error| {
            if *chain.reader().head() != before {
                return "an invalid block has changed the head".to_owned();
            }
            refusal(&error)
        })
    });
    match (result, arrival.is_valid()) {
        (Ok(_), true) => Ok(()),
        (Err(what), true) => Err(format!("it must be valid, but {what}")),
        (Ok(_), false) => Err(match arrival.exception() {
            Some(reason) => format!("it must be invalid: {reason}"),
            None => "it must be invalid".to_owned(),
        }),
        (Err(what), false) if what.starts_with(FAULT) => Err(what),
        (Err(_), false) => Ok(()),
    }
}

/// What a refusal begins with that is not the block's fault.
const FAULT: &str = "the chain failed: ";

fn refusal(error: &Error) -> String {
    match error {
        Error::Block { .. } => told(error),
        // Executing went wrong, or the store.
        _ => format!("{FAULT}{}", told(error)),
    }
}

/// Builds a valid block anew from its transactions. It must come out as it is.
fn build(chain: &Chain, block: &Block, work: &mut Work) -> Result<(), String> {
    let header = &block.header;
    let RecoveredBlock { senders, .. } =
        chain.recover(block.clone()).map_err(|error| told(&error))?;
    let attributes = Attributes {
        timestamp: header.timestamp,
        beneficiary: header.beneficiary,
        prevrandao: header.mix_hash,
        gas_limit: header.gas_limit,
        base_fee: None,
        withdrawals: block.body.withdrawals.clone().unwrap_or_default().into_inner(),
        parent_beacon_block_root: header.parent_beacon_block_root,
        extra_data: header.extra_data.clone(),
        ommers: block.body.ommers.clone(),
        senders_may_have_code: false,
        slot_number: header.slot_number,
    };
    let candidates = block.body.transactions.iter().zip(senders);
    let candidates = candidates
        .map(|(transaction, sender)| RecoveredTransaction {
            transaction: transaction.clone(),
            sender,
        })
        .collect();
    let built = chain
        .build(header.parent_hash, &attributes, candidates)
        .map_err(|error| format!("it cannot be built: {}", told(&error)))?;
    if let Some(skipped) = built.skipped.first() {
        return Err(format!("transaction {} was not built in: {}", skipped.index, skipped.reason));
    }
    let statistics = built.executed.statistics;
    work.add(Work {
        blocks: 1,
        speculative_executions: statistics.speculative_executions,
        reexecutions: statistics.reexecutions,
    });
    let mut built = built.executed.block.block.block.clone();
    // The seal of proof of work is nobody's to build.
    built.header.mix_hash = header.mix_hash;
    built.header.nonce = header.nonce;
    if built == *block {
        Ok(())
    } else {
        Err(format!("built anew it is another block: {:?} instead of {header:?}", built.header))
    }
}

/// Compares the whole state with the one that the test gives.
fn compare_state(
    reader: &ChainReader,
    expected: &BTreeMap<Address, Account>,
) -> Result<(), String> {
    let state = reader.state();
    let accounts = state.accounts().map_err(|error| told(&error))?;
    if let Some(address) = accounts.keys().find(|address| !expected.contains_key(*address)) {
        return Err(format!("account {address} must not exist"));
    }
    for (address, expected) in expected {
        let account =
            accounts.get(address).ok_or_else(|| format!("account {address} is missing"))?;
        let differs = |what: &str, expected: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug| {
            Err(format!("{what} of {address} must be {expected:?}, and is {got:?}"))
        };
        if account.balance != expected.balance {
            return differs("the balance", &expected.balance, &account.balance);
        }
        if U256::from(account.nonce) != expected.nonce {
            return differs("the nonce", &expected.nonce, &account.nonce);
        }
        let code = state.code(account.code_hash).map_err(|error| told(&error))?;
        if code.as_ref() != Some(&expected.code) || keccak256(&expected.code) != account.code_hash {
            return differs("the code", &expected.code, &code);
        }
        let slots = state.slots(*address).map_err(|error| told(&error))?;
        if slots != expected.storage {
            return differs("the storage", &expected.storage, &slots);
        }
    }
    Ok(())
}

/// An error with its sources, in one line.
fn told(error: &(dyn StdError + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
