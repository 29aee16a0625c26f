//! The executable specification, in a process of its own that lives as long as the comparison.

use crate::outcome::Outcome;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use heddle_executor::{Block, MemoryAccount, MemoryState};
use heddle_types::Fork;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

const SCRIPT: &str = include_str!("judge.py");

/// The specification's process.
pub(crate) struct Judge {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What it says about a block.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    /// Why.
    Invalid(String),
    Valid(Box<Valid>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Valid {
    state_root: B256,
    receipts_root: B256,
    bloom: Bloom,
    gas_used: u64,
    blob_gas_used: u64,
    requests: Vec<Bytes>,
    /// Position and reason.
    rejected: Vec<(usize, String)>,
}

/// An account of the state after a block.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    balance: U256,
    nonce: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

impl Judge {
    pub(crate) fn new(python: &OsString) -> Self {
        let mut process = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("HEDDLE_SPEC_PYTHON can be run");
        let questions = process.stdin.take().expect("it is piped");
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, questions, answers }
    }

    fn ask<T: DeserializeOwned>(&mut self, question: &Value) -> T {
        writeln!(self.questions, "{question}").expect("the specification listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the specification answers in text");
        serde_json::from_str(&line).expect("the specification answers as the script says")
    }

    /// What the candidates come to in the place of the block's transactions. `Err` is why there is
    /// no such block.
    pub(crate) fn outcome(
        &mut self,
        state: &MemoryState,
        block: &Block<'_>,
        candidates: &[Vec<u8>],
    ) -> Result<Outcome, String> {
        match self.ask(&question(state, block, candidates)) {
            Verdict::Invalid(reason) => Err(reason),
            Verdict::Valid(valid) => Ok(Outcome {
                state_root: valid.state_root,
                receipts_root: valid.receipts_root,
                bloom: valid.bloom,
                gas_used: valid.gas_used,
                blob_gas_used: valid.blob_gas_used,
                requests: valid.requests,
                rejected: valid.rejected.into_iter().collect(),
                state: MemoryState::default(),
            }),
        }
    }

    /// The state after the block before.
    pub(crate) fn dump(&mut self) -> BTreeMap<Address, Account> {
        self.ask(&json!({ "dump": true }))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The specification's name for a fork.
fn name(fork: Fork) -> &'static str {
    match fork {
        Fork::Frontier => "frontier",
        Fork::Homestead => "homestead",
        Fork::Tangerine => "tangerine_whistle",
        Fork::SpuriousDragon => "spurious_dragon",
        Fork::Byzantium => "byzantium",
        Fork::Petersburg => "constantinople",
        Fork::Istanbul => "istanbul",
        Fork::Berlin => "berlin",
        Fork::London => "london",
        Fork::Merge => "paris",
        Fork::Shanghai => "shanghai",
        Fork::Cancun => "cancun",
        Fork::Prague => "prague",
        Fork::Osaka => "osaka",
        Fork::Amsterdam => unreachable!("the specification has no rules for it"),
    }
}

fn question(state: &MemoryState, block: &Block<'_>, candidates: &[Vec<u8>]) -> Value {
    let env = &block.env;
    let number: u64 = env.number.to();
    let hashes = (number.saturating_sub(256)..number).map(|n| state.block_hashes[&n]);
    let accounts = state.accounts.iter().map(|(address, account)| {
        let code = state.codes.get(&account.code_hash).map(|code| code.original_bytes());
        let storage: BTreeMap<B256, B256> = account
            .storage
            .iter()
            .map(|(key, value)| (B256::from(*key), B256::from(*value)))
            .collect();
        let account = json!({
            "balance": account.balance, "nonce": format!("{:#x}", account.nonce),
            "code": code.unwrap_or_default(), "storage": storage,
        });
        (address.to_string(), account)
    });
    let withdrawals = block.withdrawals.iter().map(|withdrawal| {
        json!({
            "index": format!("{:#x}", withdrawal.index),
            "validatorIndex": format!("{:#x}", withdrawal.validator_index),
            "address": withdrawal.address,
            "amount": format!("{:#x}", withdrawal.amount),
        })
    });
    let ommers = block
        .ommers
        .iter()
        .map(|ommer| json!({ "number": ommer.number, "beneficiary": ommer.beneficiary }));
    json!({
        "fork": name(block.fork),
        "protocol": block.protocol_operations,
        "env": {
            "gasLimit": env.gas_limit,
            "blockHashes": hashes.collect::<Vec<_>>(),
            "beneficiary": env.beneficiary,
            "number": number,
            "timestamp": env.timestamp.to::<u64>(),
            "baseFee": env.basefee,
            "difficulty": env.difficulty.to::<u64>(),
            "random": env.prevrandao.unwrap_or_default(),
            "excessBlobGas": env.blob_excess_gas_and_price.map_or(0, |blob| blob.excess_blob_gas),
            "beaconRoot": block.parent_beacon_block_root.unwrap_or_default(),
        },
        "state": accounts.collect::<serde_json::Map<_, _>>(),
        "transactions": candidates.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect::<Vec<_>>(),
        "withdrawals": withdrawals.collect::<Vec<_>>(),
        "ommers": ommers.collect::<Vec<_>>(),
    })
}

/// The first account that is otherwise than the specification says.
pub(crate) fn first_difference(
    expected: &BTreeMap<Address, Account>,
    found: &MemoryState,
) -> String {
    let found_accounts: BTreeMap<_, _> = found.accounts.iter().collect();
    let addresses = expected.keys().chain(found_accounts.keys().copied());
    for address in addresses {
        let (expected, found) = (expected.get(address), found_accounts.get(address).copied());
        if !expected.zip(found).is_some_and(|(expected, found)| is_same(expected, found)) {
            return format!("\naccount {address}: expected {expected:?}, got {found:?}");
        }
    }
    String::new()
}

fn is_same(expected: &Account, found: &MemoryAccount) -> bool {
    let storage: BTreeMap<U256, U256> = found.storage.iter().map(|(k, v)| (*k, *v)).collect();
    expected.balance == found.balance
        && expected.nonce == U256::from(found.nonce)
        && keccak256(&expected.code) == found.code_hash
        && expected.storage == storage
}
