//! What a block comes to.

use alloy_consensus::proofs::ordered_trie_root_with_encoder;
use alloy_primitives::{B256, Bloom, Bytes, U256};
use heddle_ecrecover::recover_sender;
use heddle_executor::{Block, Executor, Final, Invalid, MemoryState, Way};
use heddle_measure::state_root;
use heddle_types::{Fork, Receipt, decode_transaction};
use std::collections::BTreeMap;

/// What a block comes to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) state_root: B256,
    pub(crate) receipts_root: B256,
    pub(crate) bloom: Bloom,
    pub(crate) gas_used: u64,
    pub(crate) blob_gas_used: u64,
    /// With their types.
    pub(crate) requests: Vec<Bytes>,
    /// Positions of the candidates that are invalid, and why.
    pub(crate) rejected: BTreeMap<usize, String>,
    /// The state after the block, if it is known.
    pub(crate) state: MemoryState,
}

impl Outcome {
    /// Says where another outcome differs from this one, which is right.
    pub(crate) fn same(&self, found: &Self) -> Result<(), String> {
        fn equal<T: PartialEq + core::fmt::Debug>(
            what: &str,
            expected: &T,
            found: &T,
        ) -> Result<(), String> {
            if expected == found {
                return Ok(());
            }
            Err(format!("{what}: expected {expected:?}, got {found:?}"))
        }
        let (expected, got) = (&self.rejected, &found.rejected);
        if let Some(place) = expected.keys().find(|place| !got.contains_key(place)) {
            return Err(format!("candidate {place} must be invalid: {}", expected[place]));
        }
        if let Some(place) = got.keys().find(|place| !expected.contains_key(place)) {
            return Err(format!("candidate {place} must be valid, got: {}", got[place]));
        }
        equal("gas", &self.gas_used, &found.gas_used)?;
        equal("blob gas", &self.blob_gas_used, &found.blob_gas_used)?;
        equal("requests", &self.requests, &found.requests)?;
        equal("bloom", &self.bloom, &found.bloom)?;
        equal("state root", &self.state_root, &found.state_root)?;
        equal("receipts root", &self.receipts_root, &found.receipts_root)
    }

    /// What Heddle's parallel engine makes of the candidates in the place of the block's own
    /// transactions.
    pub(crate) fn of(
        executor: &mut Executor,
        before: &MemoryState,
        block: &Block<'_>,
        candidates: &[Vec<u8>],
    ) -> Result<Self, String> {
        let mut rejected = BTreeMap::new();
        let mut valid = Vec::new();
        let mut places = Vec::new();
        for (place, bytes) in candidates.iter().enumerate() {
            let transaction = decode_transaction(bytes).map_err(|error| error.to_string())?;
            match recover_sender(&transaction, block.fork) {
                Ok(sender) => {
                    valid.push(heddle_chain::transaction(&transaction, sender));
                    places.push(place);
                }
                Err(error) => drop(rejected.insert(place, error.to_string())),
            }
        }
        let block = Block { transactions: &valid, invalid: Invalid::Skip, ..block.clone() };
        let mut roots = Roots { fork: block.fork, state: before.clone(), found: Vec::new() };
        let mut note = |result: Final<'_>| roots.note(&result);
        let output = executor
            .execute_streaming(&block, before, Way::Optimistic, &mut note)
            .map_err(|error| error.to_string())?;
        let skipped = output.skipped.iter();
        rejected.extend(skipped.map(|skip| (places[skip.index], skip.reason.to_string())));
        let mut receipts = output.receipts;
        for (receipt, root) in receipts.iter_mut().zip(roots.found) {
            receipt.state_root = Some(root);
        }
        let mut state = before.clone();
        state.apply(&output.changes);
        Ok(Self {
            state_root: state_root(&state),
            receipts_root: ordered_trie_root_with_encoder(&receipts, Receipt::encode_2718),
            bloom: receipts.iter().fold(Bloom::ZERO, |all, receipt| all | receipt.bloom),
            gas_used: output.gas_used,
            blob_gas_used: output.blob_gas_used,
            requests: output.requests,
            rejected,
            state,
        })
    }
}

/// The root of the state after each transaction, which a receipt holds before Byzantium.
struct Roots {
    fork: Fork,
    state: MemoryState,
    found: Vec<B256>,
}

impl Roots {
    fn note(&mut self, result: &Final<'_>) {
        if self.fork >= Fork::Byzantium {
            return;
        }
        for (address, after) in result.accounts {
            let Some(after) = after else {
                self.state.accounts.remove(address);
                continue;
            };
            let account = self.state.accounts.entry(*address).or_default();
            account.balance = after.balance;
            account.nonce = after.nonce;
            account.code_hash = after.code_hash;
        }
        for (address, key, value) in result.slots {
            let account = self.state.accounts.entry(*address).or_default();
            match *value {
                U256::ZERO => account.storage.remove(key),
                value => account.storage.insert(*key, value),
            };
        }
        self.found.push(state_root(&self.state));
    }
}
