//! What a test says must come out: the root of the whole state and the hash of the logs.

use super::fixture::Expectation;
use alloy_primitives::{B256, Log, keccak256};
use alloy_trie::{
    TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use heddle_executor::{BlockOutput, MemoryAccount, MemoryState};

/// Compares what the case gave with what the test expects; `Err` is the difference.
pub(super) fn check(
    expectation: &Expectation,
    before: &MemoryState,
    output: &Result<BlockOutput, String>,
) -> Result<(), String> {
    let output = output.as_ref().map_err(|message| format!("no output, but {message}"))?;
    match (&expectation.expect_exception, output.skipped.first()) {
        (Some(expected), None) => {
            return Err(format!("the transaction must be invalid: {expected}"));
        }
        (None, Some(skipped)) => {
            return Err(format!("the transaction must be valid, got: {}", skipped.reason));
        }
        _ => {}
    }
    let logs: Vec<Log> =
        output.receipts.iter().flat_map(|receipt| receipt.logs.iter().cloned()).collect();
    let logs_hash = logs_hash(&logs);
    if logs_hash != expectation.logs {
        return Err(format!("hash of the logs: expected {}, got {logs_hash}", expectation.logs));
    }
    let mut after = before.clone();
    after.apply(&output.changes);
    let root = state_root(&after);
    if root != expectation.hash {
        return Err(format!("state root: expected {}, got {root}", expectation.hash));
    }
    Ok(())
}

/// Keccak-256 of the RLP of all logs.
pub(super) fn logs_hash(logs: &[Log]) -> B256 {
    let mut encoded = Vec::new();
    alloy_rlp::encode_list::<Log, Log>(logs, &mut encoded);
    keccak256(encoded)
}

/// The root of the state trie (yellow paper, section 4.1), from nothing.
pub fn state_root(state: &MemoryState) -> B256 {
    let leaf = |account: &MemoryAccount| TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: storage_root_unhashed(
            account.storage.iter().map(|(key, value)| ((*key).into(), *value)),
        ),
        code_hash: account.code_hash,
    };
    state_root_unhashed(state.accounts.iter().map(|(address, account)| (*address, leaf(account))))
}
