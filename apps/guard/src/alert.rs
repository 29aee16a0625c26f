//! What is said of an event.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look the same day.
    Warning,
    /// Somebody should look at once.
    Critical,
}

/// Whether an alert holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The event is in a block of the chain.
    Raised,
    /// A reorganisation undid the block. The same event may be raised again, in another block.
    Recalled,
}

/// What a webhook is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Chain, transaction and place of the event: `chain:hash:index`. A receiver that has the same id, state
    /// and block hash already drops the repeat.
    pub id: String,
    /// Whether it holds.
    pub state: State,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, in words.
    pub text: String,
    /// The contract's name.
    pub source: String,
    /// The contract.
    pub contract: Address,
    /// The name of the event.
    pub event: String,
    /// The block.
    pub block: u64,
    /// Its hash.
    pub block_hash: B256,
    /// The transaction.
    pub transaction: B256,
}

impl Alert {
    /// The same, undone.
    pub fn recalled(&self) -> Self {
        Self { state: State::Recalled, ..self.clone() }
    }
}
