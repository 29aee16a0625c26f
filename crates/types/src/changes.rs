//! What a block did to the state.

use alloy_primitives::{Address, B256, Bytes, U256};

/// The net effect of a block on the state it started from.
///
/// It is canonical: two executions that end in the same state give equal change sets. What ended
/// as it began is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The accounts that differ, by ascending address.
    pub accounts: Vec<AccountChange>,
    /// Codes that accounts in `accounts` have got, by ascending hash, each once.
    pub codes: Vec<(B256, Bytes)>,
}

/// The net effect of a block on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose account.
    pub address: Address,
    /// The account after the block; `None` when it does not exist any more.
    pub after: Option<AccountState>,
    /// Every slot the account had before the block is gone, and `storage` alone holds what it has
    /// now: the account existed before the block and was destroyed or created anew in it.
    pub storage_cleared: bool,
    /// Slots with another value than before (or, after clearing, than zero), by ascending key.
    pub storage: Vec<(U256, U256)>,
}

/// The fields of an account (yellow paper, section 4.1) without its storage root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// Balance in wei.
    pub balance: U256,
    /// Number of transactions sent, or of contracts created.
    pub nonce: u64,
    /// Keccak-256 of the code.
    pub code_hash: B256,
}
